package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// CreateAs plans CREATE STREAM, TABLE or MATERIALIZED VIEW … AS, and gives the relation it would make. The columns of
// the query's root are those of the relation, in order.
func CreateAs(ctx *Context, st *ast.Create) (*plan.Query, *catalog.Relation, error) {
	if err := checkCreate(st); err != nil {
		return nil, nil, err
	}
	rel := &catalog.Relation{Name: st.Name.Last(), Schema: schemaOf(ctx, st), TimeColumn: -1, Query: st.As.Text}
	m := modeCreateView
	rel.Kind = catalog.View
	switch st.What {
	case "STREAM":
		m, rel.Kind = modeCreateStream, catalog.Stream
	case "TABLE":
		m, rel.Kind = modeCreateTable, catalog.Table
	case "VIEW":
		m, rel.Kind = modePull, catalog.PlainView
	}
	b := newBinder(ctx, m)
	bound, err := b.query(st.As, false)
	if err != nil {
		return nil, nil, err
	}
	if err := b.finalUsed(bound, st.As); err != nil {
		return nil, nil, err
	}
	if len(st.ColNames) > 0 {
		if bound, err = b.named(bound, st.ColNames, rel.Name, st.Name.Pos()); err != nil {
			return nil, nil, err
		}
	}
	if err := b.storable(bound, st); err != nil {
		return nil, nil, err
	}
	if m == modeCreateTable && bound.windowed {
		b.addWindowBounds(bound)
	}
	q, err := b.stored(bound, st)
	if err != nil {
		return nil, nil, err
	}
	rel.Uses, rel.Ksql = q.Uses, b.ksql()
	for _, r := range q.Reads {
		rel.Reads = append(rel.Reads, r.ID)
	}
	for _, c := range q.Root.Schema().Cols {
		rel.Columns = append(rel.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	if m == modePull {
		return q, rel, ctx.checkReplace(rel, st)
	}
	if err := relationKey(rel, q, bound, st); err != nil {
		return nil, nil, err
	}
	props, err := parseProps(st.Props, true)
	if err != nil {
		return nil, nil, err
	}
	inherit(rel, q)
	if err := windowOf(rel, q); err != nil {
		return nil, nil, err
	}
	prefixTopic(ctx, props, rel)
	if err := props.applyToQuery(ctx, rel, st, q); err != nil {
		return nil, nil, err
	}
	if rel.Kind == catalog.Stream {
		carry(q)
	}
	return q, rel, ctx.checkReplace(rel, st)
}

// applyToQuery is apply for a relation that a query makes.
func (ps props) applyToQuery(ctx *Context, rel *catalog.Relation, st *ast.Create, q *plan.Query) error {
	if err := ps.apply(ctx, rel, st); err != nil {
		return err
	}
	if retaining(q.Root) != nil && rel.KeepMs > 0 {
		return sqlerr.At(ps["retention"].pos, sqlerr.InvalidParameterValue,
			"property \"retention\" is not for windows with RETENTION")
	}
	return nil
}

// prefixTopic names the topic of a relation that does not name it, where the session wants a prefix.
func prefixTopic(ctx *Context, props props, rel *catalog.Relation) {
	_, named := props["kafka_topic"]
	if prefix := ctx.setting("ksql.output.topic.name.prefix"); !named && prefix != "" && rel.Kind != catalog.View {
		rel.Topic = prefix + rel.Name
	}
}

// checkView refuses what a view of a query cannot have: it is no relation of its own.
func checkView(st *ast.Create) error {
	switch {
	case st.As.Emit != ast.EmitNone:
		return sqlerr.At(st.As.Pos(), sqlerr.SyntaxError, "a view cannot have EMIT").
			WithHint("Say EMIT CHANGES where the view is read, or use CREATE STREAM, TABLE or MATERIALIZED VIEW.")
	case st.OnError != nil:
		return refuse(st.OnError.Pos(), "ON ERROR of a view").
			WithHint("It is for streams, tables and materialized views.")
	case len(st.Props) > 0:
		return refuse(st.Props[0].Pos(), "the property %s of a view", st.Props[0].Key)
	}
	return nil
}

// windowOf gives a windowed relation the kind and size of its windows: those of its query, or of what that reads.
func windowOf(rel *catalog.Relation, q *plan.Query) error {
	if !rel.Windowed {
		if w := retaining(q.Root); w != nil {
			return sqlerr.At(w.Pos, sqlerr.FeatureNotSupported,
				"RETENTION is for relations whose key has the bounds of the windows").
				WithHint("Select windowstart and windowend.")
		}
		return nil
	}
	windowIn(rel, q.Root)
	for _, r := range q.Reads {
		if rel.WindowKind == "" && r.Windowed {
			rel.WindowKind, rel.WindowSizeMs = r.WindowKind, r.WindowSizeMs
		}
	}
	return nil
}

// windowIn is windowOf for the windows of a plan.
func windowIn(rel *catalog.Relation, n plan.Node) {
	if w, ok := n.(*plan.Window); ok {
		if rel.WindowKind = w.Kind; w.Kind != "SESSION" {
			rel.WindowSizeMs = w.Size
		}
		return
	}
	for _, in := range n.Inputs() {
		windowIn(rel, in)
	}
}

// retaining finds a window that says how long it is kept.
func retaining(n plan.Node) *plan.Window {
	if w, ok := n.(*plan.Window); ok && w.Retention > 0 {
		return w
	}
	for _, in := range n.Inputs() {
		if w := retaining(in); w != nil {
			return w
		}
	}
	return nil
}

// inherit gives a stream or table of ksqlDB the formats of the first relation it reads.
func inherit(rel *catalog.Relation, q *plan.Query) {
	if rel.Kind == catalog.View || len(q.Reads) == 0 {
		return
	}
	from := q.Reads[0]
	if from.Kind != catalog.Stream && from.Kind != catalog.Table {
		return
	}
	rel.ValueFormat, rel.Delimiter = from.ValueFormat, from.Delimiter
	if rel.ValueFormat == "NONE" || rel.ValueFormat == "KAFKA" && len(rel.ValueColumns()) > 1 {
		rel.ValueFormat = ""
	}
	rel.KeyFormat, rel.KeyDelimiter = from.KeyFormat, from.KeyDelimiter
	if rel.KeyFormat == "KAFKA" && !plainKey(rel) && !(rel.Ksql && len(rel.Key) > 0) {
		rel.KeyFormat = ""
	}
}

// finalUsed checks that EMIT FINAL has windows to wait for.
func (b *binder) finalUsed(q *boundQuery, e *ast.Query) error {
	if e.Emit == ast.EmitFinal && !q.windowed {
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "EMIT FINAL is only possible for windowed aggregations").
			WithHint("EMIT CHANGES gives every change.")
	}
	return nil
}

// storable checks the columns of a query whose result becomes a relation.
func (b *binder) storable(q *boundQuery, st *ast.Create) error {
	pos := st.As.Pos()
	seen := map[string]bool{}
	for i, c := range q.cols {
		at := q.itemPos(i, pos)
		if seen[c.Name] {
			return sqlerr.At(at, sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name).
				WithHint("Give one of them another name with AS.")
		}
		seen[c.Name] = true
		if reserved[c.Name] {
			return sqlerr.At(at, sqlerr.InvalidTableDefinition,
				"column name \"%s\" is reserved for a pseudo column", c.Name).WithHint("Give it another name with AS.")
		}
		if b.keyed() && !q.windowed && (c.Name == "windowstart" || c.Name == "windowend") {
			return sqlerr.At(at, sqlerr.InvalidTableDefinition,
				"column name \"%s\" is reserved for the bounds of windows", c.Name).WithHint("Give it another name with AS.")
		}
		if c.Type.Kind == types.KindVoid {
			return sqlerr.At(at, sqlerr.InvalidTableDefinition, "column \"%s\" has pseudo-type %s", c.Name, c.Type)
		}
	}
	if p, ok := q.node.(*plan.Project); ok && b.keyed() {
		for i := range q.cols {
			if c, ok := p.Exprs[i].(*plan.Const); ok && c.Value.Null && q.items[i] != nil {
				if lit, bare := q.items[i].(*ast.Lit); bare {
					return sqlerr.At(lit.Pos(), sqlerr.IndeterminateDatatype, "could not determine the type of NULL").
						WithHint("Cast it: NULL::text.")
				}
			}
		}
	}
	if len(q.cols) == 0 {
		return sqlerr.At(pos, sqlerr.InvalidTableDefinition, "a relation needs at least one column")
	}
	if len(b.params) > 0 {
		return sqlerr.At(pos, sqlerr.UndefinedParameter, "a query that is kept up to date cannot have parameters")
	}
	return b.checkBounds(q, st)
}

// stored plans the query of a relation. Its root has the relation's columns and no others: the order of ORDER BY
// without LIMIT is not kept, and neither are hidden columns.
func (b *binder) stored(bound *boundQuery, st *ast.Create) (*plan.Query, error) {
	if s, ok := bound.node.(*plan.Sort); ok && s.Limit == nil && s.Offset == nil {
		bound.node = s.In
	}
	p := &plan.Project{In: bound.node, Sch: plan.Schema{Cols: bound.cols}}
	for i := range bound.cols {
		p.Exprs = append(p.Exprs, colOf(bound.node, i))
	}
	bound.node = p
	emit := ast.EmitChanges
	if b.mode == modePull { // a view of a query
		emit = ast.EmitNone
	}
	q, err := b.finish(bound, emit)
	if err != nil {
		return nil, err
	}
	if b.mode == modeCreateStream && !q.Root.Schema().AppendOnly {
		return nil, sqlerr.At(st.As.Pos(), sqlerr.WrongObjectType,
			"CREATE STREAM AS needs a query whose rows only ever come; those of this one change").
			WithHint("Use CREATE TABLE … AS or CREATE MATERIALIZED VIEW … AS.")
	}
	if b.mode == modeCreateTable && q.Stream && q.Root.Schema().Key == nil {
		return nil, sqlerr.At(st.As.Pos(), sqlerr.WrongObjectType,
			"CREATE TABLE AS needs a query whose rows have a key; this one gives a stream").
			WithHint("Use CREATE STREAM … AS, or group the rows.")
	}
	return q, nil
}

// addWindowBounds adds the bounds of the windows to the columns of a CREATE TABLE AS that does not select them, so that
// a group's rows of different windows are different rows.
func (b *binder) addWindowBounds(q *boundQuery) {
	p, ok := q.node.(*plan.Project)
	if !ok {
		return
	}
	agg, at := aggregateBelow(p)
	if agg == nil {
		return
	}
	for i, name := range []string{"windowstart", "windowend"} {
		if q.windowAt[i] >= 0 {
			continue
		}
		col := colOf(agg, at+i)
		q.windowAt[i] = len(q.cols)
		p.Exprs = append(p.Exprs[:len(q.cols):len(q.cols)], append([]plan.Expr{col}, p.Exprs[len(q.cols):]...)...)
		c := colType(name, types.Int8)
		p.Sch.Cols = append(p.Sch.Cols[:len(q.cols):len(q.cols)], append([]plan.Column{c}, p.Sch.Cols[len(q.cols):]...)...)
		q.cols = append(q.cols[:len(q.cols):len(q.cols)], c)
		q.items = append(q.items, nil)
	}
}

// aggregateBelow finds the windowed Aggregate below p's HAVING, and the position of its window bounds.
func aggregateBelow(p *plan.Project) (*plan.Aggregate, int) {
	in := p.In
	if f, ok := in.(*plan.Filter); ok {
		in = f.In
	}
	if f, ok := in.(*plan.Final); ok {
		in = f.In
	}
	agg, ok := in.(*plan.Aggregate)
	if !ok {
		return nil, 0
	}
	for i, k := range agg.Keys {
		if c, ok := k.(*plan.Col); ok && c.Name == "windowstart" && i+1 < len(agg.Keys) {
			return agg, i
		}
	}
	return nil, 0
}

// relationKey sets the key of a relation made by a query.
func relationKey(rel *catalog.Relation, q *plan.Query, bound *boundQuery, st *ast.Create) error {
	sch := q.Root.Schema()
	rel.Key = append([]int(nil), sch.Key...)
	rel.Windowed = bound.windowed && bound.windowAt[0] >= 0 && bound.windowAt[1] >= 0
	switch rel.Kind {
	case catalog.Stream:
		rel.Key = bound.key
	case catalog.Table:
		if bound.key != nil {
			rel.Key = append([]int(nil), bound.key...)
		} else if len(sch.Key) == 0 {
			return missingKey(st)
		}
	}
	if rel.Windowed && len(rel.Key) >= 1 {
		rel.Key = windowLast(rel.Key, bound.windowAt)
	} else {
		rel.Windowed = false
	}
	for _, k := range rel.Key {
		if t := rel.Columns[k].Type; hasMap(t) && rel.Kind != catalog.View {
			return mapKey(bound.itemPos(k, st.As.Pos()), rel.Columns[k].Name, t)
		}
	}
	if n := len(rel.Key); rel.Kind != catalog.View && n > 0 && n == len(rel.Columns) {
		return sqlerr.At(st.As.Pos(), sqlerr.InvalidTableDefinition,
			"all columns are in the key, none is left for the value").
			WithHint("Select more, or a copy of a key column: AS_VALUE(x).")
	}
	return nil
}

func missingKey(st *ast.Create) error {
	return sqlerr.At(st.As.Pos(), sqlerr.InvalidTableDefinition,
		"the query does not select what tells its rows apart, which would be the table's key").
		WithHint("Select every GROUP BY expression or key column, or use CREATE MATERIALIZED VIEW.")
}

// windowLast gives the key with the window's bounds at its end: both, whichever of them it had.
func windowLast(key []int, bounds [2]int) []int {
	var out []int
	for _, k := range key {
		if k != bounds[0] && k != bounds[1] {
			out = append(out, k)
		}
	}
	return append(out, bounds[0], bounds[1])
}

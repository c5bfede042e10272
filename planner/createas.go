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
	rel := &catalog.Relation{Name: st.Name.Last(), Schema: schemaOf(ctx, st.Name), TimeColumn: -1, Query: st.As.Text}
	m := modeCreateView
	rel.Kind = catalog.View
	switch st.What {
	case "STREAM":
		m, rel.Kind = modeCreateStream, catalog.Stream
	case "TABLE":
		m, rel.Kind = modeCreateTable, catalog.Table
	}
	b := newBinder(ctx, m)
	bound, err := b.query(st.As, false)
	if err != nil {
		return nil, nil, err
	}
	if len(st.ColNames) > 0 {
		if bound, err = b.named(bound, st.ColNames, rel.Name, st.Name.Pos()); err != nil {
			return nil, nil, err
		}
	}
	if err := b.storable(bound, st.As.Pos()); err != nil {
		return nil, nil, err
	}
	if m == modeCreateTable && bound.windowed {
		b.addWindowBounds(bound)
	}
	q, err := b.stored(bound, st)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range q.Reads {
		rel.Reads = append(rel.Reads, r.ID)
	}
	for _, c := range q.Root.Schema().Cols {
		rel.Columns = append(rel.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	if err := relationKey(rel, q, bound, st); err != nil {
		return nil, nil, err
	}
	props, err := parseProps(st.Props)
	if err != nil {
		return nil, nil, err
	}
	if err := props.apply(rel, st); err != nil {
		return nil, nil, err
	}
	return q, rel, nil
}

// storable checks the columns of a query whose result becomes a relation.
func (b *binder) storable(q *boundQuery, pos int) error {
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
		if c.Type.Kind == types.KindVoid {
			return sqlerr.At(at, sqlerr.InvalidTableDefinition, "column \"%s\" has pseudo-type %s", c.Name, c.Type)
		}
	}
	if len(q.cols) == 0 {
		return sqlerr.At(pos, sqlerr.InvalidTableDefinition, "a relation needs at least one column")
	}
	if len(b.params) > 0 {
		return sqlerr.At(pos, sqlerr.UndefinedParameter, "a query that is kept up to date cannot have parameters")
	}
	return nil
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
	q, err := b.finish(bound, ast.EmitChanges)
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
		rel.Key = streamKey(q.Root)
		return nil
	case catalog.Table:
		if sch.Key == nil {
			return missingKey(st)
		}
	}
	if rel.Windowed && len(rel.Key) >= 2 {
		rel.Key = windowLast(rel.Key, bound.windowAt)
	} else {
		rel.Windowed = false
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

// streamKey finds the columns of a stream's query that are its records' key: as in ksqlDB what the first join joins on,
// else the key of the stream that is read. Nil when the query does not select them.
func streamKey(root plan.Node) []int {
	width := len(root.Schema().Cols)
	at := identity(width)
	n := root
	for {
		var want []int
		switch x := n.(type) {
		case *plan.Filter:
			n = x.In
			continue
		case *plan.Project:
			for i := range at {
				c, ok := (*plan.Col)(nil), false
				if at[i] >= 0 {
					c, ok = x.Exprs[at[i]].(*plan.Col)
				}
				at[i] = -1
				if ok {
					at[i] = c.Index
				}
			}
			n = x.In
			continue
		case *plan.Join:
			lw := len(x.Left.Schema().Cols)
			for i := range x.LeftKeys {
				want = append(want, joinColumn(at, x.LeftKeys[i], x.RightKeys[i], lw))
			}
			return wholeKey(want, width)
		case *plan.Scan:
			for _, k := range x.Rel.Key {
				found := -1
				for i := range at {
					if at[i] >= 0 && x.Cols[at[i]] == k && found < 0 {
						found = i
					}
				}
				want = append(want, found)
			}
			return wholeKey(want, width)
		default:
			return nil
		}
	}
}

// joinColumn finds the output column that is either side of a join's equality; -1 when there is none.
func joinColumn(at []int, l, r plan.Expr, lw int) int {
	for i, a := range at {
		if c, ok := l.(*plan.Col); ok && a == c.Index {
			return i
		}
		if c, ok := r.(*plan.Col); ok && a == c.Index+lw {
			return i
		}
	}
	return -1
}

// wholeKey is the key when all its columns are there and something is left for the value.
func wholeKey(cols []int, width int) []int {
	for _, c := range cols {
		if c < 0 {
			return nil
		}
	}
	if len(cols) == 0 || len(cols) >= width {
		return nil
	}
	return cols
}

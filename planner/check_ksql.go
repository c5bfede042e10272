package planner

import (
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// What ksqlDB's own statements refuse, beyond what cannot be planned, stands here: CREATE STREAM, CREATE TABLE … AS,
// INSERT of a query that stays, and EMIT CHANGES. CREATE MATERIALIZED VIEW and PostgreSQL's queries are free of it.

// useView is the way out of most of these rules.
const useView = "CREATE MATERIALIZED VIEW has no such limit."

// boundsOnlySelected refuses the bounds of a window in an expression of GROUP BY or HAVING.
func (s *selection) boundsOnlySelected(clause string, xs ...plan.Expr) error {
	w := s.src.window
	if w == nil || !s.b.lookupJoins() {
		return nil
	}
	width := len(w.In.Schema().Cols)
	var err error
	for _, x := range xs {
		visit(x, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Col); ok && c.Index >= width && err == nil {
				pos := s.sel.Pos()
				if ref, ok := s.b.refs[e]; ok {
					pos = ref.pos
				}
				err = sqlerr.At(pos, sqlerr.GroupingError, "the bounds of a window cannot be used in %s", clause).
					WithHint("Select them and filter what is made, or use CREATE MATERIALIZED VIEW.")
			}
			return err == nil
		})
	}
	return err
}

// aggregateArgs are the arguments of the aggregates from the nth on.
func (s *selection) aggregateArgs(n int) []plan.Expr {
	var out []plan.Expr
	for _, a := range s.aggs.list[n:] {
		out = append(out, a.Args...)
		if a.Filter != nil {
			out = append(out, a.Filter)
		}
	}
	return out
}

// orderOfRows are the aggregates that ask which row came first or last, which the rows of a table do not say.
var orderOfRows = map[string]bool{"latest_by_offset": true, "earliest_by_offset": true}

// aggregatable refuses an aggregate that the rows of its source do not have the order for.
func (b *binder) aggregatable(sc *scope, e *ast.Call, name string) error {
	if b.lookupJoins() && orderOfRows[name] && sc.src != nil && !sc.src.stream {
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType,
			"%s cannot be used over a table: its rows have no order in which they came", name).
			WithHint("Use it over a stream.")
	}
	if b.ksql() && unrepeatable[name] && sc.src != nil && !sc.src.stream {
		return sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported, "%s cannot be used over a table here", name).
			WithHint("It cannot take rows back that change. " + useView)
	}
	return b.flatState(name, e.Pos())
}

// unrepeatable are the aggregates that take no row back in ksqlDB.
var unrepeatable = map[string]bool{"min": true, "max": true, "topk": true, "topkdistinct": true, "collect_set": true,
	"count_distinct": true}

// rowsPerKey refuses a set-returning function over a table in CREATE TABLE AS: several rows would have one key.
func (s *selection) rowsPerKey(pos int) error {
	if s.b.mode != modeCreateTable || s.src.stream || len(s.src.cols) == 0 {
		return nil
	}
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, "a set-returning function over a table is not possible here").
		WithDetail("The rows it gives would have the key of the one row they come from.").WithHint(useView)
}

// checkBounds refuses the names of a window's bounds for columns of a join, which has no windows of its own.
func (b *binder) checkBounds(q *boundQuery, st *ast.Create) error {
	sel, ok := st.As.Body.(*ast.Select)
	if !ok || !b.keyed() || sel.Window != nil || len(sel.From) == 0 {
		return nil
	}
	if _, joined := sel.From[0].(*ast.Join); !joined {
		return nil
	}
	for i, c := range q.cols {
		if (c.Name == "windowstart" || c.Name == "windowend") && i < len(q.items) && q.items[i] != nil {
			return sqlerr.At(q.itemPos(i, st.As.Pos()), sqlerr.InvalidTableDefinition,
				"column name \"%s\" is reserved for the bounds of windows", c.Name).WithHint("Give it another name with AS.")
		}
	}
	return nil
}

// joinedFormats refuses a join of streams whose values are in the format KAFKA, as ksqlDB does.
func (b *binder) joinedFormats(e *ast.Join, l, r *source) error {
	if !b.keyed() || !l.stream || !r.stream {
		return nil
	}
	for _, src := range []*source{l, r} {
		if rel := src.relation(); rel != nil && rel.ValueFormat == "KAFKA" {
			return sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported,
				"a stream with values in the format KAFKA (\"%s\") cannot be joined with a stream", rel.Name).WithHint(useView)
		}
	}
	return nil
}

// oneEquality refuses a join of ksqlDB's that is on anything but one equality of its sides: they meet by one key.
func (b *binder) oneEquality(e *ast.Join, j *plan.Join, cond plan.Expr) error {
	if !b.ksql() {
		return nil
	}
	pos := e.Pos()
	if e.On != nil {
		pos = leftmost(e.On)
	}
	conds := conjuncts(cond, nil)
	if len(conds) > 1 {
		return sqlerr.At(pos, sqlerr.FeatureNotSupported, "a join on %d conditions is not possible here", len(conds)).
			WithHint("The sides meet by one key. " + useView)
	}
	lw := len(j.Left.Schema().Cols)
	n := lw + len(j.Right.Schema().Cols)
	for _, c := range conds {
		if eq, ok := c.(*plan.Call); ok && eq.Fn.Name == "=" && len(eq.Args) == 2 {
			x, y := eq.Args[0], eq.Args[1]
			if within(y, 0, lw) {
				x, y = y, x
			}
			if within(x, 0, lw) && within(y, lw, n) && !constant(x) && !constant(y) {
				return nil
			}
		}
	}
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, "a join must be on an equality of its two sides here").
		WithHint(useView)
}

// twice refuses a join of ksqlDB's in which a relation stands twice.
func (b *binder) twice(l, r *source, pos int) error {
	if !b.keyed() {
		return nil
	}
	for i := range r.cols {
		rel := r.cols[i].rel
		if rel == nil || !rel.Ksql {
			continue
		}
		for k := range l.cols {
			if l.cols[k].rel == rel {
				return sqlerr.At(pos, sqlerr.FeatureNotSupported, "a join of \"%s\" with itself is not possible here", rel.Name).
					WithHint(useView)
			}
		}
	}
	return nil
}

// sameWindows checks that the windows of two windowed relations can be the same: both are sessions, or of one size.
func (b *binder) sameWindows(l, r *source, pos int) error {
	lr, rr := l.relation(), r.relation()
	if !b.keyed() || lr == nil || rr == nil || !lr.Windowed || !rr.Windowed || lr.WindowSizeMs == rr.WindowSizeMs {
		return nil
	}
	return sqlerr.At(pos, sqlerr.WrongObjectType, "the windows of \"%s\" and \"%s\" are never the same", lr.Name, rr.Name).
		WithHint("Join relations with windows of one kind and size.")
}

// windowsByKey refuses a join of windowed relations on anything but their keys: other rows would be in their partition.
func (b *binder) windowsByKey(l, r *source, lkey, rkey bool, pos int) error {
	if !b.keyed() || !windowedKey(l) || !windowedKey(r) || lkey && rkey {
		return nil
	}
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, "windowed relations can only be joined by their keys here").
		WithHint(useView)
}

// foreignLater refuses a join of tables by a foreign key of what is a join itself.
func (b *binder) foreignLater(l, r *source, pos int) error {
	if !l.joined && !r.joined || !b.ksql() {
		return nil
	}
	return sqlerr.At(pos, sqlerr.FeatureNotSupported,
		"a join of tables by a foreign key can only be the first of several joins here").
		WithHint("Make a table of each join, or use CREATE MATERIALIZED VIEW.")
}

// openWindows refuses a windowed table in ksqlDB's continuous queries.
func (b *binder) openWindows(rel *catalog.Relation, pos int) error {
	if !b.keyed() || !rel.Ksql || !rel.Windowed || rel.Kind != catalog.Table {
		return nil
	}
	return sqlerr.At(pos, sqlerr.WrongObjectType, "the windowed table \"%s\" cannot be read by a continuous query here",
		rel.Name).WithHint("Declare a stream over its topic with window_type, or use CREATE MATERIALIZED VIEW.")
}

// structured are the aggregates whose state ksqlDB keeps in an array or a struct.
var structured = map[string]bool{"avg": true, "correlation": true, "stddev_samp": true, "stddev_sample": true,
	"count_distinct": true, "latest_by_offset": true, "earliest_by_offset": true, "attr": true}

// flatState refuses an aggregate whose state the format DELIMITED, in which its source has its values, cannot hold:
// ksqlDB keeps the state in that format.
func (b *binder) flatState(name string, pos int) error {
	if !structured[name] || !b.ksql() || b.reads[0].ValueFormat != "DELIMITED" {
		return nil
	}
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, "%s cannot be used over values in the format DELIMITED here", name).
		WithHint("Give the source another format, or use CREATE MATERIALIZED VIEW.")
}

// relation is the relation that a source is, nil for anything else.
func (src *source) relation() *catalog.Relation {
	if s, ok := src.node.(*plan.Scan); ok {
		return s.Rel
	}
	return nil
}

// foreignWindows refuses a join of a table with a windowed one on less than its whole key: a row would meet a row of
// every window.
func foreignWindows(r *source, pos int) error {
	if !windowedKey(r) && !hasImplicit(r.key) {
		return nil
	}
	return sqlerr.At(pos, sqlerr.WrongObjectType,
		"a table cannot be joined with a windowed one by a column that is not its key").
		WithHint(useView)
}

func hasImplicit(key []keyPart) bool {
	for _, p := range key {
		if p.implicit {
			return true
		}
	}
	return false
}

// continuous checks the columns of a query that is inserted for ever: as many as the stream has, of its types.
func (in *inserter) continuousColumns(bound *boundQuery, pos int) error {
	if !in.continuous {
		return nil
	}
	if len(bound.cols) < len(in.targets) {
		name, _ := in.column(in.targets[len(bound.cols)])
		return sqlerr.At(pos, sqlerr.DatatypeMismatch, "the query has no column for \"%s\" of stream \"%s\"", name,
			in.rel.Name).
			WithHint("A query that stays gives every column of the stream it is inserted into.")
	}
	for i, c := range bound.cols {
		name, to := in.column(in.targets[i])
		at := bound.itemPos(i, pos)
		switch {
		case reserved[c.Name]:
			return sqlerr.At(at, sqlerr.InvalidTableDefinition, "column name \"%s\" is reserved for a pseudo column", c.Name).
				WithHint("Give it another name with AS.")
		case c.Type != types.Unknown && !fn.CanCast(c.Type, to, fn.Implicit):
			return sqlerr.At(at, sqlerr.DatatypeMismatch, "column \"%s\" is of type %s but expression is of type %s", name,
				to.Base(), c.Type.Base()).WithHint("You will need to rewrite or cast the expression.")
		}
	}
	return nil
}

// checkMapKeys refuses a declared column that the format of the values cannot hold: an object of JSON has keys of text.
func checkMapKeys(st *ast.Create, rel *catalog.Relation) error {
	if rel.ValueFormat != "JSON" {
		return nil
	}
	for _, c := range st.Columns {
		at := rel.ColumnIndex(c.Name)
		if at < 0 || rel.IsKey(at) {
			continue
		}
		if t := badMap(rel.Columns[at].Type); t != types.Unknown {
			return sqlerr.At(c.Type.Pos(), sqlerr.FeatureNotSupported,
				"the format JSON does not support type %s of column \"%s\"", t, c.Name).
				WithHint("The keys of a map in JSON are text.")
		}
	}
	return nil
}

// badMap finds a map in t whose keys are not text; Unknown when there is none.
func badMap(t types.Type) types.Type {
	switch t.Kind {
	case types.KindArray:
		return badMap(t.Elem())
	case types.KindMap:
		if !t.Key().IsString() {
			return t
		}
		return badMap(t.Elem())
	case types.KindStruct:
		for _, f := range t.Fields() {
			if bad := badMap(f.Type); bad != types.Unknown {
				return bad
			}
		}
	}
	return types.Unknown
}

// said reports whether the setting of that name is on.
func (b *binder) said(setting string) bool { return on(b.env.Setting(setting)) }

func on(value string) bool { return strings.EqualFold(value, "on") || strings.EqualFold(value, "true") }

func off(value string) bool {
	return strings.EqualFold(value, "off") || strings.EqualFold(value, "false")
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// joined joins two sources without a condition: conditions are added to the node's On.
func (b *binder) joined(kind plan.JoinKind, l, r *source) *source {
	lw := len(l.node.Schema().Cols)
	j := &plan.Join{Left: l.node, Right: r.node, Kind: kind}
	j.Sch.Cols = append(append([]plan.Column(nil), l.node.Schema().Cols...), r.node.Schema().Cols...)
	// A stream that meets what is not one looks it up where that is ksqlDB's meaning.
	j.Lookup = b.lookupJoins() && l.stream && !r.stream && kind != plan.Full
	out := &source{node: j, cols: append([]scopeColumn(nil), l.cols...), stream: l.stream && (r.stream || j.Lookup)}
	for i := range out.cols {
		out.cols[i].optional = out.cols[i].optional || kind == plan.Full
	}
	for _, c := range r.cols {
		c.expr = shift(c.expr, lw)
		c.optional = c.optional || kind != plan.Inner
		out.cols = append(out.cols, c)
	}
	switch {
	case l.stream && l.rowTime != nil:
		out.rowTime, out.streamTime = l.rowTime, l.streamTime
	case r.stream && r.rowTime != nil:
		out.rowTime, out.streamTime = shift(r.rowTime, lw), shift(r.streamTime, lw)
	}
	return out
}

// join binds a join.
func (b *binder) join(e *ast.Join) (*source, error) {
	l, err := b.fromItem(e.L)
	if err != nil {
		return nil, err
	}
	if lateral(e.R) && !e.Asof {
		return b.lateralJoin(e, l)
	}
	r, err := b.fromItem(e.R)
	if err != nil {
		return nil, err
	}
	if err := distinctNames(l, r, e.R.Pos()); err != nil {
		return nil, err
	}
	if err := b.joinable(e, l, r); err != nil {
		return nil, err
	}
	if err := b.twice(l, r, e.R.Pos()); err != nil {
		return nil, err
	}
	if b.lookupJoins() {
		l, r = withValues(l), withValues(r)
	}
	if e.Within != nil && l.rowTime != nil && r.rowTime != nil {
		l, _, _ = withTimes(l)
		r, _, _ = withTimes(r)
	}
	src, nl, nr := b.oriented(e, l, r)
	on := &joinNames{b: b, e: e, l: l, r: r}
	cond, err := on.condition(src)
	if err != nil {
		return nil, err
	}
	j := src.node.(*plan.Join)
	j.Pos = e.Pos()
	if err := b.oneEquality(e, j, cond); err != nil {
		return nil, err
	}
	if e.Asof {
		return b.asof(e, src, cond)
	}
	if b.lookupJoins() && windowedKey(l) && windowedKey(r) {
		cond = b.sameWindow(cond, nl, nr, len(j.Left.Schema().Cols))
	}
	j.On = cond
	if r.now {
		if err := b.lookUp(e, src, l); err != nil {
			return nil, err
		}
	}
	if err := b.within(e, src, nl, nr); err != nil {
		return nil, err
	}
	if src.key, err = b.joinParts(src, nl, nr, cond, nl != l, e.Pos()); err != nil {
		return nil, err
	}
	for i := range src.key {
		src.key[i].implicit = i > 0 && windowedKey(l) && windowedKey(r) && i >= len(src.key)-2
	}
	if b.lookupJoins() {
		withRowKey(src, j.Kind == plan.Full, b.keyed())
	}
	if a := e.Alias; a.Name != "" {
		return renamed(src, a, e.Pos())
	}
	return src, nil
}

// withValues leaves out the records of a stream that have no value, as ksqlDB's joins do. In most formats they are no
// rows; where the one column of the value stands there alone, they are the rows in which it is NULL.
func withValues(src *source) *source {
	s, ok := src.node.(*plan.Scan)
	if !ok || s.Rel.Kind != catalog.Stream || !s.Rel.Unwrapped && s.Rel.ValueFormat != "KAFKA" {
		return src
	}
	value := s.Rel.ValueColumns()
	if len(value) != 1 {
		return src
	}
	out := *src
	out.node = &plan.Filter{In: s, Cond: &plan.IsNull{X: colOf(s, value[0]), Not: true}}
	return &out
}

// joinable checks what ksqlDB's statements ask of the sides of a join.
func (b *binder) joinable(e *ast.Join, l, r *source) error {
	switch {
	case e.Within != nil && !(l.stream && r.stream):
		return sqlerr.At(e.Within.Pos(), sqlerr.WrongObjectType, "WITHIN is for joins of two streams")
	case !b.keyed():
		return nil
	case l.stream && r.stream && e.Within == nil:
		return sqlerr.At(e.Pos(), sqlerr.InvalidTableDefinition, "a join of two streams needs WITHIN").
			WithHint("CREATE MATERIALIZED VIEW joins all that ever came on either side.")
	case l.stream != r.stream && (e.Kind == "FULL" || e.Kind == "RIGHT" && l.stream || e.Kind == "LEFT" && r.stream):
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "a %s JOIN of a stream and a table is not possible here", e.Kind).
			WithHint("Only the stream's rows make a result: the stream is the preserved side.")
	case !l.stream && r.stream && e.Kind != "RIGHT":
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "the stream must stand to the left of the table it is joined with")
	case windowedKey(l) != windowedKey(r) && l.key != nil && r.key != nil:
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "a windowed relation can only be joined with a windowed one")
	}
	if err := b.sameWindows(l, r, e.Pos()); err != nil {
		return err
	}
	return b.joinedFormats(e, l, r)
}

// sameWindow adds to the condition of a join of two windowed sources that the windows are the same.
func (b *binder) sameWindow(cond plan.Expr, l, r *source, lw int) plan.Expr {
	conds := conjuncts(cond, nil)
	for i := 2; i >= 1; i-- {
		le, re := l.key[len(l.key)-i].exprs[0], shift(r.key[len(r.key)-i].exprs[0], lw)
		if eq, err := b.operator("=", []plan.Expr{le, re}, nil, 0); err == nil {
			conds = append(conds, eq)
		}
	}
	return conjunction(conds)
}

// within sets how far apart in time the rows of two streams may be that meet. In ksqlDB's statements, and where changes
// are pushed, that is a join of its own, whose rows only ever come. A query asked once and a materialized view give
// what SQL does: the join on a condition about the times.
func (b *binder) within(e *ast.Join, src *source, l, r *source) error {
	if e.Within == nil {
		return nil
	}
	w := &plan.Within{Grace: -1}
	var err error
	if w.Before, err = millis(e.Within.Before); err != nil {
		return err
	}
	w.After = w.Before
	if e.Within.After != nil {
		if w.After, err = millis(e.Within.After); err != nil {
			return err
		}
	}
	if e.Within.Grace != nil {
		if w.Grace, err = millis(e.Within.Grace); err != nil {
			return err
		}
	}
	if e.Kind == "RIGHT" { // its sides are swapped
		w.Before, w.After = w.After, w.Before
	}
	lt, ok := l.rowTime.(*plan.Col)
	rt, ok2 := r.rowTime.(*plan.Col)
	if !ok || !ok2 {
		return refuse(e.Within.Pos(), "WITHIN over a subquery without event times")
	}
	lw := len(l.node.Schema().Cols)
	if j := src.node.(*plan.Join); b.mode == modePull || b.mode == modeCreateView {
		if j.On, err = b.timesWithin(j.On, w, lt, shift(rt, lw)); err != nil {
			return err
		}
	} else {
		w.LeftTime, w.RightTime = lt.Index, rt.Index
		w.LeftStream, w.RightStream = l.streamTime.(*plan.Col).Index, r.streamTime.(*plan.Col).Index
		j.Within = w
	}
	src.stream = true
	if src.rowTime, err = b.latest(l.rowTime, shift(r.rowTime, lw)); err != nil {
		return err
	}
	src.streamTime, err = b.latest(l.streamTime, shift(r.streamTime, lw))
	return err
}

// timesWithin adds to a condition that the right time is at most w.Before before the left and w.After after it.
func (b *binder) timesWithin(cond plan.Expr, w *plan.Within, left, right plan.Expr) (plan.Expr, error) {
	apart, err := b.operator("-", []plan.Expr{right, left}, nil, 0)
	if err != nil {
		return nil, err
	}
	conds := conjuncts(cond, nil)
	for _, c := range []struct {
		op    string
		bound int64
	}{{">=", -w.Before}, {"<=", w.After}} {
		bound := &plan.Const{Value: types.Value{Type: types.Int8, Int: c.bound}}
		x, err := b.operator(c.op, []plan.Expr{apart, bound}, nil, 0)
		if err != nil {
			return nil, err
		}
		conds = append(conds, x)
	}
	return conjunction(conds), nil
}

// latest is the greater of two times.
func (b *binder) latest(x, y plan.Expr) (plan.Expr, error) {
	return b.scalar("greatest", []plan.Expr{x, y}, nil, 0)
}

// oriented joins l and r; a right join is a left join the other way round, and an inner join that is a look-up has its
// stream on the left. The names keep the order the user wrote. It returns the sides in the order of the node, too.
func (b *binder) oriented(e *ast.Join, l, r *source) (src, nl, nr *source) {
	kind := plan.Inner
	switch e.Kind {
	case "LEFT", "RIGHT":
		kind = plan.Left
	case "FULL":
		kind = plan.Full
	}
	swap := e.Kind == "RIGHT" || kind == plan.Inner && b.lookupJoins() && r.stream && !l.stream
	if !swap {
		return b.joined(kind, l, r), l, r
	}
	src = b.joined(kind, r, l)
	n := len(r.cols)
	src.cols = append(append([]scopeColumn(nil), src.cols[n:]...), src.cols[:n]...)
	return src, r, l
}

// joinNames works out the condition of a join: ON, USING or NATURAL.
type joinNames struct {
	b    *binder
	e    *ast.Join
	l, r *source
}

// condition returns the join's condition over src, and merges the columns of USING.
func (j *joinNames) condition(src *source) (plan.Expr, error) {
	using := j.e.Using
	if j.e.Natural {
		using = j.shared()
	}
	if j.e.On != nil {
		sc := &scope{src: src, clause: "JOIN conditions"}
		return j.b.condition(sc, j.e.On, "JOIN/ON")
	}
	var conds []plan.Expr
	var merged []scopeColumn
	nl := len(j.l.cols)
	for _, name := range using {
		li, err := j.find(src.cols[:nl], name, "left")
		if err != nil {
			return nil, err
		}
		ri, err := j.find(src.cols[nl:], name, "right")
		if err != nil {
			return nil, err
		}
		lc, rc := &src.cols[li], &src.cols[nl+ri]
		eq, err := j.b.operator("=", []plan.Expr{lc.expr, rc.expr}, nil, j.e.Pos())
		if err != nil {
			return nil, err
		}
		conds = conjuncts(eq, conds)
		keep := *lc
		if j.e.Kind == "RIGHT" {
			keep = *rc
		}
		keep.table, keep.schema = "", ""
		if j.e.Kind == "FULL" {
			if keep.expr, err = j.either(lc.expr, rc.expr); err != nil {
				return nil, err
			}
		}
		merged = append(merged, keep)
		lc.shadowed, rc.shadowed = true, true
	}
	src.cols = append(merged, src.cols...)
	return conjunction(conds), nil
}

// either is the column of USING in a full join: the left one, or the right one where there is no left row.
func (j *joinNames) either(l, r plan.Expr) (plan.Expr, error) {
	xs := []plan.Expr{l, r}
	t, err := j.b.common(xs, nil, "JOIN/USING", j.e.Pos())
	return &plan.Coalesce{Args: xs, Typ: t}, err
}

// shared lists the names that both sides have.
func (j *joinNames) shared() []string {
	var names []string
	for i := range j.l.cols {
		c := &j.l.cols[i]
		if c.hidden || c.shadowed {
			continue
		}
		for k := range j.r.cols {
			if d := &j.r.cols[k]; d.name == c.name && !d.hidden && !d.shadowed {
				names = append(names, c.name)
				break
			}
		}
	}
	return names
}

// find returns the position of the one column of that name.
func (j *joinNames) find(cols []scopeColumn, name, side string) (int, error) {
	at := -1
	for i := range cols {
		if c := &cols[i]; c.name == name && !c.shadowed && !c.hidden {
			if at >= 0 {
				return 0, sqlerr.At(j.e.Pos(), sqlerr.AmbiguousColumn,
					"common column name \"%s\" appears more than once in %s table", name, side)
			}
			at = i
		}
	}
	if at < 0 {
		return 0, sqlerr.At(j.e.Pos(), sqlerr.UndefinedColumn,
			"column \"%s\" specified in USING clause does not exist in %s table", name, side)
	}
	return at, nil
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// joined joins two sources without a condition: conditions are added to the node's On.
func (b *binder) joined(kind plan.JoinKind, l, r *source) *source {
	lw := len(l.node.Schema().Cols)
	j := &plan.Join{Left: l.node, Right: r.node, Kind: kind}
	j.Sch.Cols = append(append([]plan.Column(nil), l.node.Schema().Cols...), r.node.Schema().Cols...)
	// A stream that meets what is not one looks it up where that is ksqlDB's meaning.
	j.Lookup = b.lookupJoins() && l.stream && !r.stream
	out := &source{node: j, cols: append([]scopeColumn(nil), l.cols...), stream: l.stream && (r.stream || j.Lookup)}
	for _, c := range r.cols {
		c.expr = shift(c.expr, lw)
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
	switch {
	case e.Kind == "FULL":
		return nil, refuse(e.Pos(), "FULL JOIN")
	case e.Asof:
		return nil, refuse(e.Pos(), "ASOF JOIN")
	case e.Within != nil:
		return nil, refuse(e.Within.Pos(), "WITHIN").WithHint("Joins of two streams within a time are a later step.")
	}
	l, err := b.fromItem(e.L)
	if err != nil {
		return nil, err
	}
	r, err := b.fromItem(e.R)
	if err != nil {
		return nil, err
	}
	if err := distinctNames(l, r, e.R.Pos()); err != nil {
		return nil, err
	}
	if l.stream && r.stream && (b.mode == modeCreateStream || b.mode == modeCreateTable) {
		return nil, refuse(e.Pos(), "a join of two streams without WITHIN").
			WithHint("CREATE MATERIALIZED VIEW joins all that ever came on either side.")
	}
	src := b.oriented(e, l, r)
	on := &joinNames{b: b, e: e, l: l, r: r}
	cond, err := on.condition(src)
	if err != nil {
		return nil, err
	}
	j := src.node.(*plan.Join)
	j.On = cond
	b.joinPos[j] = e.Pos()
	if a := e.Alias; a.Name != "" {
		return renamed(src, a, e.Pos())
	}
	return src, nil
}

// oriented joins l and r; a right join is a left join the other way round, and an inner join that is a look-up has its
// stream on the left. The names keep the order the user wrote.
func (b *binder) oriented(e *ast.Join, l, r *source) *source {
	kind := plan.Inner
	if e.Kind == "LEFT" || e.Kind == "RIGHT" {
		kind = plan.Left
	}
	swap := e.Kind == "RIGHT" || kind == plan.Inner && b.lookupJoins() && r.stream && !l.stream
	if !swap {
		return b.joined(kind, l, r)
	}
	src := b.joined(kind, r, l)
	n := len(r.cols)
	src.cols = append(append([]scopeColumn(nil), src.cols[n:]...), src.cols[:n]...)
	return src
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
		merged = append(merged, keep)
		lc.shadowed, rc.shadowed = true, true
	}
	src.cols = append(merged, src.cols...)
	return conjunction(conds), nil
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

package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
)

// loose is a query whose conditions that refer outwards were taken out: the rows of node for which conds hold, seen
// through outs. Both are over node's columns and Outer values; node itself refers to nothing outside.
type loose struct {
	node  plan.Node
	outs  []plan.Expr
	conds []plan.Expr
}

// loosen takes the conditions that refer outwards out of n; false when more than filters, projections and joins stand
// above them. exists says that only the existence of a row counts, once that it does not matter how often a row is
// there.
func loosen(n plan.Node, exists, once bool) (*loose, bool) {
	if !refersOut(n) {
		if p, ok := n.(*plan.Project); ok && isUnit(p.In) && !volatileAny(p.Exprs) {
			return &loose{node: p.In, outs: p.Exprs}, true
		}
		l := &loose{node: n}
		for i := range n.Schema().Cols {
			l.outs = append(l.outs, colOf(n, i))
		}
		return l, true
	}
	switch n := n.(type) {
	case *plan.Filter:
		l, ok := loosen(n.In, exists, once)
		if !ok {
			return nil, false
		}
		l.where(conjuncts(n.Cond, nil))
		return l, true
	case *plan.Project:
		if volatileAny(n.Exprs) {
			return nil, false
		}
		l, ok := loosen(n.In, exists, once)
		if !ok {
			return nil, false
		}
		outs := make([]plan.Expr, len(n.Exprs))
		for i, x := range n.Exprs {
			outs[i] = substitute(x, l.outs)
		}
		l.outs = outs
		return l, true
	case *plan.Join:
		return loosenJoin(n, once)
	case *plan.Distinct:
		if once && n.On == nil {
			return loosen(n.In, exists, once)
		}
	case *plan.Sort:
		c, constant := n.Limit.(*plan.Const)
		some := exists && constant && c.Value.Int > 0 && len(n.Per) == 0
		if once && n.Offset == nil && (n.Limit == nil || some) {
			return loosen(n.In, exists, once)
		}
	}
	return nil, false
}

func volatileAny(es []plan.Expr) bool { return slices.ContainsFunc(es, volatile) }

// where adds conditions, over the columns that outs stand for.
func (l *loose) where(conds []plan.Expr) {
	var inside []plan.Expr
	for _, c := range conds {
		if c = substitute(c, l.outs); hasOuter(c) {
			l.conds = append(l.conds, c)
		} else {
			inside = append(inside, c)
		}
	}
	l.node = filter(l.node, inside)
}

// loosenJoin takes conditions out of the sides of an inner join, or out of the left side of another.
func loosenJoin(n *plan.Join, once bool) (*loose, bool) {
	if n.Lookup || n.Within != nil || n.Kind == plan.Full || n.Kind == plan.Right ||
		n.Kind != plan.Inner && refersOut(n.Right) {
		return nil, false
	}
	l, ok := loosen(n.Left, false, once)
	if !ok {
		return nil, false
	}
	r, ok := loosen(n.Right, false, once)
	if !ok {
		return nil, false
	}
	lw := len(l.node.Schema().Cols)
	outs := append([]plan.Expr(nil), l.outs...)
	for _, x := range r.outs {
		outs = append(outs, shift(x, lw))
	}
	j := &plan.Join{Left: l.node, Right: r.node, Kind: n.Kind, NullSafe: n.NullSafe, Pos: n.Pos}
	j.Sch.Cols = append(j.Sch.Cols, l.node.Schema().Cols...)
	if !n.Halves() {
		j.Sch.Cols = append(j.Sch.Cols, r.node.Schema().Cols...)
	}
	for i := range n.LeftKeys {
		lk, rk := substitute(n.LeftKeys[i], l.outs), substitute(n.RightKeys[i], r.outs)
		if hasOuter(lk) || hasOuter(rk) {
			return nil, false
		}
		j.LeftKeys, j.RightKeys = append(j.LeftKeys, lk), append(j.RightKeys, rk)
	}
	out := &loose{node: j, outs: outs, conds: l.conds}
	for _, c := range r.conds {
		out.conds = append(out.conds, shift(c, lw))
	}
	var on, outside []plan.Expr
	for _, c := range conjuncts(n.On, nil) {
		if c = substitute(c, outs); hasOuter(c) {
			outside = append(outside, c)
		} else {
			on = append(on, c)
		}
	}
	if n.Kind != plan.Inner && len(outside) > 0 {
		return nil, false
	}
	j.On = conjunction(on)
	out.conds = append(out.conds, outside...)
	if n.Halves() {
		out.outs = l.outs
	}
	return out, true
}

// isUnit reports whether n is the one row of no columns that stands for a missing FROM.
func isUnit(n plan.Node) bool {
	v, ok := n.(*plan.Values)
	return ok && len(v.Rows) == 1 && len(v.Sch.Cols) == 0
}

// nullable reports whether e, over the columns of n, may be NULL.
func (b *binder) nullable(e plan.Expr, n plan.Node) bool {
	switch e := relabelled(e).(type) {
	case *plan.Const:
		return e.Value.Null
	case *plan.Cast:
		return e.Try || b.nullable(e.X, n)
	case *plan.Col:
		return nullableColumn(n, e.Index)
	}
	return true
}

// nullableColumn reports whether column i of n may be NULL.
func nullableColumn(n plan.Node, i int) bool {
	switch n := n.(type) {
	case *plan.Scan:
		c := n.Cols[i]
		if c < 0 || n.Rel.Computed() {
			return c >= 0
		}
		for _, k := range n.Rel.Key {
			if k == c && n.Rel.Kind == catalog.Table && n.Rel.Query == "" && !(n.Rel.Ksql && len(n.Rel.Key) > 1) {
				return false
			}
		}
		return true
	case *plan.Filter:
		for _, c := range conjuncts(n.Cond, nil) {
			if is, ok := c.(*plan.IsNull); ok && is.Not {
				if col, ok := is.X.(*plan.Col); ok && col.Index == i {
					return false
				}
			}
		}
		return nullableColumn(n.In, i)
	case *plan.Project:
		if c, ok := n.Exprs[i].(*plan.Col); ok {
			return nullableColumn(n.In, c.Index)
		}
		return true
	case *plan.Sort:
		return nullableColumn(n.In, i)
	case *plan.Apply:
		if i < len(n.In.Schema().Cols) {
			return nullableColumn(n.In, i)
		}
	case *plan.Join:
		lw := len(n.Left.Schema().Cols)
		switch {
		case i < lw && n.Kind != plan.Full && n.Kind != plan.Right:
			return nullableColumn(n.Left, i)
		case i >= lw && n.Kind == plan.Inner:
			return nullableColumn(n.Right, i-lw)
		}
	case *plan.Aggregate:
		if i < len(n.Keys) && n.Sets == nil {
			if c, ok := n.Keys[i].(*plan.Col); ok {
				return nullableColumn(n.In, c.Index)
			}
		}
	}
	return true
}

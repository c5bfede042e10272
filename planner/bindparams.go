package planner

import (
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
)

// BindParams returns q with its parameters replaced by values. q itself stays as it is and may be bound again.
func BindParams(q *plan.Query, args []types.Value) *plan.Query {
	out := *q
	out.Root = mapNode(q.Root, func(e plan.Expr) plan.Expr {
		if e == nil {
			return nil
		}
		return eval.BindParams(e, args)
	})
	return &out
}

// mapNode returns a copy of the tree with every expression replaced by f's answer; f is given nil for an absent one.
func mapNode(n plan.Node, f func(plan.Expr) plan.Expr) plan.Node {
	each := func(es []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(es))
		for i, e := range es {
			out[i] = f(e)
		}
		return out
	}
	switch n := n.(type) {
	case *plan.Scan:
		c := *n
		if n.Lookup != nil {
			c.Lookup = each(n.Lookup)
		}
		return &c
	case *plan.Values:
		c := *n
		c.Rows = make([][]plan.Expr, len(n.Rows))
		for i, r := range n.Rows {
			c.Rows[i] = each(r)
		}
		return &c
	case *plan.Filter:
		return &plan.Filter{In: mapNode(n.In, f), Cond: f(n.Cond)}
	case *plan.Project:
		return &plan.Project{In: mapNode(n.In, f), Exprs: each(n.Exprs), Sch: n.Sch}
	case *plan.Window:
		c := *n
		c.In = mapNode(n.In, f)
		return &c
	case *plan.Aggregate:
		c := *n
		c.In, c.Keys = mapNode(n.In, f), each(n.Keys)
		c.Aggs = append([]plan.Agg(nil), n.Aggs...)
		for i := range c.Aggs {
			c.Aggs[i].Args, c.Aggs[i].Filter = each(n.Aggs[i].Args), f(n.Aggs[i].Filter)
		}
		return &c
	case *plan.Join:
		c := *n
		c.Left, c.Right = mapNode(n.Left, f), mapNode(n.Right, f)
		c.LeftKeys, c.RightKeys, c.On = each(n.LeftKeys), each(n.RightKeys), f(n.On)
		return &c
	case *plan.Distinct:
		return &plan.Distinct{In: mapNode(n.In, f), Sch: n.Sch}
	case *plan.Sort:
		c := &plan.Sort{In: mapNode(n.In, f), By: append([]plan.SortKey(nil), n.By...), Sch: n.Sch}
		c.Limit, c.Offset = f(n.Limit), f(n.Offset)
		for i := range c.By {
			c.By[i].X = f(n.By[i].X)
		}
		return c
	case *plan.Union:
		c := *n
		c.Ins = make([]plan.Node, len(n.Ins))
		for i, in := range n.Ins {
			c.Ins[i] = mapNode(in, f)
		}
		return &c
	}
	panic("BUG: mapNode does not know a node")
}

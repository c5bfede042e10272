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
		return eval.BindParams(e, args)
	})
	if q.Follow != nil && q.Follow.At != nil {
		f := *q.Follow
		f.At = eval.BindParams(f.At, args)
		out.Follow = &f
	}
	return &out
}

// mapNode returns a copy of the tree with every expression replaced by f's answer.
func mapNode(n plan.Node, f func(plan.Expr) plan.Expr) plan.Node {
	c := copyNode(n)
	mapNodeExprs(c, f)
	replaceInputs(c, func(in plan.Node) plan.Node { return mapNode(in, f) })
	return c
}

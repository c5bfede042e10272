package planner

import (
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
)

// folded computes what is constant in the expressions of n and below: conditions that were moved are about what columns
// were computed from. A query that is asked once reads nothing below a condition that no row can pass.
func (b *binder) folded(n plan.Node) plan.Node {
	replaceInputs(n, b.folded)
	mapNodeExprs(n, func(e plan.Expr) plan.Expr {
		return eval.Map(e, func(e plan.Expr) plan.Expr {
			switch e.(type) {
			case *plan.Col, *plan.Const, *plan.Param, *plan.Outer:
				return e
			}
			return b.fold(e)
		})
	})
	f, ok := n.(*plan.Filter)
	if !ok {
		return n
	}
	var conds []plan.Expr
	for _, c := range conjuncts(f.Cond, nil) {
		k, ok := c.(*plan.Const)
		never := ok && (k.Value.Null || !k.Value.Bool)
		if never && b.mode == modePull {
			return &plan.Values{Sch: plan.Schema{Cols: f.Schema().Cols}}
		}
		if !ok || never {
			conds = append(conds, c)
		}
	}
	return filter(f.In, conds)
}

package planner

import (
	"math"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
)

// pushWindow moves conditions on what a window is partitioned by below it. Of a number or rank that is compared with a
// constant only the first rows are needed: they can be kept without numbering all.
func (b *binder) pushWindow(n *plan.WindowAgg, conds []plan.Expr) (plan.Node, error) {
	below, above := b.split(conds, func(c plan.Expr) bool { return overColumns(c, n.Funcs[0].Partition) })
	in, err := b.push(n.In, below)
	if err != nil {
		return nil, err
	}
	n.In = in
	if top, rest := groupTop(n, above); top != nil && !b.off(ruleTop) {
		b.applied(ruleTop)
		return filter(top, rest), nil
	}
	return filter(n, above), nil
}

// overColumns reports whether every column of c is one of the expressions.
func overColumns(c plan.Expr, among []plan.Expr) bool {
	return visit(c, func(e plan.Expr) bool {
		if _, ok := e.(*plan.Col); !ok {
			return true
		}
		for _, x := range among {
			if equal(x, e) {
				return true
			}
		}
		return false
	})
}

// groupTop makes of a window of one rank, which conds bound from above, the node that keeps the first rows. The
// conditions that it does not see to are in rest.
func groupTop(n *plan.WindowAgg, conds []plan.Expr) (top *plan.GroupTop, rest []plan.Expr) {
	if len(n.Funcs) != 1 || n.Funcs[0].Fn == nil {
		return nil, nil
	}
	f := &n.Funcs[0]
	rank, ok := map[string]plan.Rank{
		"row_number": plan.RowNumber, "rank": plan.PeerRank, "dense_rank": plan.DenseRank,
	}[f.Fn.Name]
	if !ok {
		return nil, nil
	}
	at, limit := len(n.Sch.Cols)-1, int64(math.MaxInt64)
	for _, c := range conds {
		if most, exact, ok := atMost(c, at); ok && most >= 0 {
			limit = min(limit, most)
			if exact {
				continue
			}
		}
		rest = append(rest, c)
	}
	if limit == math.MaxInt64 {
		return nil, nil
	}
	return &plan.GroupTop{
		In: n.In, By: f.Partition, Order: f.Order, Rank: rank, Limit: limit, Number: true, Pos: n.Pos, Sch: n.Sch,
	}, rest
}

// atMost finds the bound that a condition sets to column at, whose values are whole and at least 1. exact tells that
// the condition says nothing else.
func atMost(c plan.Expr, at int) (most int64, exact, ok bool) {
	call, is := c.(*plan.Call)
	if !is || len(call.Args) != 2 {
		return 0, false, false
	}
	op := call.Fn.Name
	left, right := call.Args[0], call.Args[1]
	if _, constant := left.(*plan.Const); constant {
		left, right = right, left
		op = map[string]string{">=": "<=", ">": "<", "=": "="}[op]
	}
	col, isCol := left.(*plan.Col)
	k, isConst := right.(*plan.Const)
	if !isCol || col.Index != at || !isConst || k.Value.Null || k.Value.Type.Class() != types.ClassInt {
		return 0, false, false
	}
	switch op {
	case "<=":
		return max(k.Value.Int, 0), true, true
	case "<":
		return max(k.Value.Int, 1) - 1, true, true
	case "=":
		return max(k.Value.Int, 0), k.Value.Int == 1, true
	}
	return 0, false, false
}

// pruneGroupTop prunes below the first rows of groups; the number goes when nobody needs it.
func pruneGroupTop(n *plan.GroupTop, need []bool) (plan.Node, []int) {
	width := len(n.In.Schema().Cols)
	dropped := n.Number && !need[width]
	if dropped {
		c := *n
		c.Number, c.Sch.Cols = false, n.Sch.Cols[:width]
		n, need = &c, need[:width]
	}
	out, at := pruneAppending(n, need)
	if dropped {
		at = append(at[:width:width], -1)
	}
	return out, at
}

package planner

import (
	"fmt"
	"strings"

	"github.com/leatdb/leat/planner/plan"
)

// Fingerprint says what the rows of an aggregation are grouped by: aggregations whose fingerprints are the same, of one
// or of several queries, have the same groups. What they compute of them does not matter.
func Fingerprint(n *plan.Aggregate) string {
	keys, in := n.Keys, n.In
	var conds []plan.Expr
	for {
		if p, ok := in.(*plan.Project); ok {
			below := func(e plan.Expr) plan.Expr { return substitute(e, p.Exprs) }
			keys, conds, in = mapExprs(keys, below), mapExprs(conds, below), p.In
			continue
		}
		f, ok := in.(*plan.Filter)
		if !ok {
			break
		}
		conds, in = append(conjuncts(f.Cond, nil), conds...), f.In
	}
	var b strings.Builder
	var name func(n plan.Node)
	name = func(n plan.Node) {
		b.WriteString(describe(n))
		if s, ok := n.(*plan.Scan); ok {
			fmt.Fprintf(&b, " #%d", s.Rel.ID)
		}
		for _, in := range n.Inputs() {
			b.WriteString("\n")
			name(in)
		}
	}
	name(in)
	if len(conds) > 0 {
		b.WriteString("\nwhere " + ExprString(conjunction(conds), in.Schema()))
	}
	for _, k := range keys {
		b.WriteString("\nby " + ExprString(k, in.Schema()) + " " + k.Type().String())
	}
	return b.String()
}

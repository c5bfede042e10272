package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
)

// factor takes what all branches of an OR have in common out of it, in conditions of filters and joins: a = 1 AND b OR
// a = 1 AND c is a = 1 AND (b OR c), which can be a key.
func factor(n plan.Node) plan.Node {
	replaceInputs(n, factor)
	switch n := n.(type) {
	case *plan.Filter:
		n.Cond = factored(n.Cond)
	case *plan.Join:
		if n.On != nil {
			n.On = factored(n.On)
		}
	}
	return n
}

func factored(cond plan.Expr) plan.Expr {
	var out []plan.Expr
	for _, c := range conjuncts(cond, nil) {
		if or, ok := c.(*plan.Or); ok && !volatile(or) {
			out = append(out, factoredOr(or)...)
		} else {
			out = append(out, c)
		}
	}
	return conjunction(out)
}

// factoredOr gives the conditions that an OR is the conjunction of.
func factoredOr(or *plan.Or) []plan.Expr {
	branches := disjuncts(or)
	var common []plan.Expr
	for _, c := range branches[0] {
		missing := slices.ContainsFunc(branches[1:], func(b []plan.Expr) bool { return !contains(b, c) })
		if !missing && !contains(common, c) {
			common = append(common, c)
		}
	}
	if len(common) == 0 {
		return []plan.Expr{or}
	}
	rest := &plan.Or{}
	for _, b := range branches {
		left := slices.DeleteFunc(slices.Clone(b), func(c plan.Expr) bool { return contains(common, c) })
		if len(left) == 0 { // a branch that asks for nothing else: it decides
			return common
		}
		rest.Args = append(rest.Args, conjunction(left))
	}
	return append(common, rest)
}

// disjuncts are the branches of an OR, each as its conjuncts.
func disjuncts(or *plan.Or) [][]plan.Expr {
	var out [][]plan.Expr
	for _, a := range or.Args {
		if inner, ok := a.(*plan.Or); ok {
			out = append(out, disjuncts(inner)...)
		} else {
			out = append(out, conjuncts(a, nil))
		}
	}
	return out
}

func contains(list []plan.Expr, x plan.Expr) bool {
	return slices.ContainsFunc(list, func(y plan.Expr) bool { return equal(x, y) })
}

// implied is what an OR over both sides of a join says of the columns from lo to hi alone; nil for nothing. Every
// branch must say something.
func implied(c plan.Expr, lo, hi int) plan.Expr {
	or, ok := c.(*plan.Or)
	if !ok || volatile(or) {
		return nil
	}
	out := &plan.Or{}
	for _, b := range disjuncts(or) {
		mine := slices.DeleteFunc(slices.Clone(b), func(x plan.Expr) bool {
			return !within(x, lo, hi) || constant(x)
		})
		if len(mine) == 0 {
			return nil
		}
		if x := conjunction(mine); !contains(out.Args, x) {
			out.Args = append(out.Args, x)
		}
	}
	if len(out.Args) == 1 {
		return out.Args[0]
	}
	return factored(out)
}

package planner

import (
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
)

// Constants returns the expressions of a query that are the same for all rows once its parameters are known, and that
// may fail. PostgreSQL computes them while it plans, whether or not there are rows. Those that a row may do without,
// within CASE say, are left out.
func Constants(q *plan.Query) []plan.Expr {
	var found []plan.Expr
	var visit func(e plan.Expr)
	visit = func(e plan.Expr) {
		var args []plan.Expr
		switch x := e.(type) {
		case *plan.Call:
			if !x.Fn.Strict {
				return
			}
			args = x.Args
		case *plan.Cast:
			args = []plan.Expr{x.X}
		default:
			return
		}
		if settled(e) {
			found = append(found, e)
			return
		}
		for _, a := range args {
			visit(a)
		}
	}
	mapNode(q.Root, func(e plan.Expr) plan.Expr {
		visit(e)
		return e
	})
	return found
}

// settled reports whether an expression depends on nothing but literals and parameters.
func settled(e plan.Expr) bool {
	switch x := e.(type) {
	case *plan.Const, *plan.Param:
		return true
	case *plan.Call:
		if !x.Fn.Strict || x.Fn.Volatile || x.Fn.Stable {
			return false
		}
	case *plan.Cast:
		if x.Try || !fn.ImmutableCast(x.X.Type(), x.Typ) {
			return false
		}
	default:
		return false
	}
	for _, c := range eval.Children(e) {
		if !settled(c) {
			return false
		}
	}
	return true
}

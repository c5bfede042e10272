package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
)

// mapNodeExprs replaces every expression of n, not of its inputs, by what f gives for it; absent ones stay absent.
func mapNodeExprs(n plan.Node, f func(plan.Expr) plan.Expr) {
	each := func(es []plan.Expr) []plan.Expr { return mapExprs(es, f) }
	some := func(e plan.Expr) plan.Expr {
		if e == nil {
			return nil
		}
		return f(e)
	}
	switch n := n.(type) {
	case *plan.Scan:
		n.Lookup = each(n.Lookup)
	case *plan.Values:
		rows := make([][]plan.Expr, len(n.Rows))
		for i, r := range n.Rows {
			rows[i] = each(r)
		}
		n.Rows = rows
	case *plan.Filter:
		n.Cond = f(n.Cond)
	case *plan.Project:
		n.Exprs = each(n.Exprs)
	case *plan.Window:
		n.By = each(n.By)
	case *plan.Aggregate:
		n.Keys = each(n.Keys)
		aggs := append([]plan.Agg(nil), n.Aggs...)
		for i := range aggs {
			aggs[i].Args, aggs[i].Filter, aggs[i].Order = each(aggs[i].Args), some(aggs[i].Filter), mapKeys(aggs[i].Order, f)
		}
		n.Aggs = aggs
	case *plan.Join:
		n.LeftKeys, n.RightKeys, n.On = each(n.LeftKeys), each(n.RightKeys), some(n.On)
	case *plan.Distinct:
		n.On, n.By = each(n.On), mapKeys(n.By, f)
	case *plan.Sort:
		n.By, n.Limit, n.Offset = mapKeys(n.By, f), some(n.Limit), some(n.Offset)
		n.Per = each(n.Per)
	case *plan.Apply:
		n.Args, n.Left, n.Test, n.On = each(n.Args), each(n.Left), some(n.Test), some(n.On)
		n.Guard = some(n.Guard)
	case *plan.ClockFilter:
		n.X, n.Bound = f(n.X), f(n.Bound)
	case *plan.TableFunc:
		calls := append([]plan.TableCall(nil), n.Calls...)
		for i := range calls {
			calls[i].Args = each(calls[i].Args)
		}
		n.Calls, n.On = calls, some(n.On)
	case *plan.GroupTop:
		n.By, n.Order = each(n.By), mapKeys(n.Order, f)
	case *plan.WindowAgg:
		funcs := append([]plan.WindowFunc(nil), n.Funcs...)
		for i := range funcs {
			funcs[i] = mapWindowFunc(funcs[i], f)
		}
		n.Funcs = funcs
	}
}

// eachExpr calls f for every expression of n, not of its inputs.
func eachExpr(n plan.Node, f func(plan.Expr)) {
	mapNodeExprs(copyNode(n), func(e plan.Expr) plan.Expr {
		f(e)
		return e
	})
}

// copyNode copies a node, not its inputs.
func copyNode(n plan.Node) plan.Node {
	switch n := n.(type) {
	case *plan.Scan:
		c := *n
		return &c
	case *plan.Values:
		c := *n
		return &c
	case *plan.Filter:
		c := *n
		return &c
	case *plan.Project:
		c := *n
		return &c
	case *plan.Window:
		c := *n
		return &c
	case *plan.Aggregate:
		c := *n
		return &c
	case *plan.Join:
		c := *n // keys are appended to a join
		c.LeftKeys, c.RightKeys, c.NullSafe = slices.Clip(n.LeftKeys), slices.Clip(n.RightKeys), slices.Clip(n.NullSafe)
		return &c
	case *plan.Distinct:
		c := *n
		return &c
	case *plan.Sort:
		c := *n
		return &c
	case *plan.Union:
		c := *n
		c.Ins = append([]plan.Node(nil), n.Ins...)
		return &c
	}
	return copyMore(n)
}

func copyMore(n plan.Node) plan.Node {
	switch n := n.(type) {
	case *plan.Apply:
		c := *n
		return &c
	case *plan.TableFunc:
		c := *n
		return &c
	case *plan.WindowAgg:
		c := *n
		return &c
	case *plan.GroupTop:
		c := *n
		return &c
	case *plan.SetOp:
		c := *n
		return &c
	case *plan.Recursive:
		c := *n
		return &c
	case *plan.RecursiveScan:
		c := *n
		return &c
	case *plan.Final:
		c := *n
		return &c
	case *plan.Shared:
		c := *n
		return &c
	case *plan.SharedScan:
		c := *n
		return &c
	case *plan.ClockFilter:
		c := *n
		return &c
	}
	panic("BUG: copyNode does not know a node")
}

// replaceInputs replaces every input of n by what f gives for it.
func replaceInputs(n plan.Node, f func(plan.Node) plan.Node) {
	switch n := n.(type) {
	case *plan.Filter:
		n.In = f(n.In)
	case *plan.Project:
		n.In = f(n.In)
	case *plan.Window:
		n.In = f(n.In)
	case *plan.Aggregate:
		n.In = f(n.In)
	case *plan.Join:
		n.Left, n.Right = f(n.Left), f(n.Right)
	case *plan.Distinct:
		n.In = f(n.In)
	case *plan.Sort:
		n.In = f(n.In)
	case *plan.Union:
		for i := range n.Ins {
			n.Ins[i] = f(n.Ins[i])
		}
	case *plan.Apply:
		n.In, n.Query = f(n.In), f(n.Query)
	case *plan.TableFunc:
		n.In = f(n.In)
	case *plan.WindowAgg:
		n.In = f(n.In)
	case *plan.GroupTop:
		n.In = f(n.In)
	case *plan.SetOp:
		n.Left, n.Right = f(n.Left), f(n.Right)
	case *plan.Recursive:
		n.Base, n.Step = f(n.Base), f(n.Step)
	case *plan.Final:
		n.In = f(n.In)
	case *plan.Shared:
		n.In = f(n.In)
	case *plan.ClockFilter:
		n.In = f(n.In)
	}
}

// replaceFirst replaces the first input of n.
func replaceFirst(n, in plan.Node) {
	first := true
	replaceInputs(n, func(had plan.Node) plan.Node {
		if first {
			first = false
			return in
		}
		return had
	})
}

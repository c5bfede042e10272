package planner

import (
	"math"
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
)

// rewrite returns e with every part for which f gives an expression replaced by it; f returns nil to go on below. Parts
// that do not change are shared with e.
func rewrite(e plan.Expr, f func(plan.Expr) plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	if r := f(e); r != nil {
		return r
	}
	switch e := e.(type) {
	case *plan.Call:
		c := *e
		c.Args = rewriteAll(e.Args, f)
		return &c
	case *plan.Cast:
		c := *e
		c.X = rewrite(e.X, f)
		return &c
	case *plan.And:
		return &plan.And{Args: rewriteAll(e.Args, f)}
	case *plan.Or:
		return &plan.Or{Args: rewriteAll(e.Args, f)}
	case *plan.Not:
		return &plan.Not{X: rewrite(e.X, f)}
	case *plan.IsNull:
		return &plan.IsNull{X: rewrite(e.X, f), Not: e.Not}
	case *plan.IsBool:
		return &plan.IsBool{X: rewrite(e.X, f), Want: e.Want, Not: e.Not}
	case *plan.Case:
		c := &plan.Case{When: make([]plan.When, len(e.When)), Else: rewrite(e.Else, f), Typ: e.Typ}
		for i, w := range e.When {
			c.When[i] = plan.When{Cond: rewrite(w.Cond, f), Then: rewrite(w.Then, f)}
		}
		return c
	case *plan.Coalesce:
		return &plan.Coalesce{Args: rewriteAll(e.Args, f), Typ: e.Typ}
	case *plan.In:
		return &plan.In{X: rewrite(e.X, f), List: e.List, Not: e.Not}
	case *plan.Array:
		return &plan.Array{Elems: rewriteAll(e.Elems, f), Typ: e.Typ}
	case *plan.Map:
		return &plan.Map{Keys: rewriteAll(e.Keys, f), Vals: rewriteAll(e.Vals, f), Typ: e.Typ}
	case *plan.Struct:
		return &plan.Struct{Vals: rewriteAll(e.Vals, f), Typ: e.Typ}
	case *plan.Field:
		return &plan.Field{X: rewrite(e.X, f), Index: e.Index, Typ: e.Typ}
	case *plan.Subquery:
		c := *e
		c.Args, c.Left = rewriteAll(e.Args, f), rewriteAll(e.Left, f)
		return &c
	case *winRef:
		return e.rewritten(f)
	case *srfRef:
		c := *e
		c.args = rewriteAll(e.args, f)
		return &c
	case *plan.Lambda:
		return &plan.Lambda{First: e.First, Params: e.Params, Names: e.Names, Body: rewrite(e.Body, f)}
	}
	return e
}

// rewriteParts is rewrite of the direct parts of e.
func rewriteParts(e plan.Expr, f func(plan.Expr) plan.Expr) plan.Expr {
	top := true
	return rewrite(e, func(x plan.Expr) plan.Expr {
		if top {
			top = false
			return nil
		}
		return f(x)
	})
}

func rewriteAll(es []plan.Expr, f func(plan.Expr) plan.Expr) []plan.Expr {
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		out[i] = rewrite(e, f)
	}
	return out
}

// children returns the direct parts of e.
func children(e plan.Expr) []plan.Expr {
	switch e := e.(type) {
	case *plan.Call:
		return e.Args
	case *plan.Cast:
		return []plan.Expr{e.X}
	case *plan.And:
		return e.Args
	case *plan.Or:
		return e.Args
	case *plan.Not:
		return []plan.Expr{e.X}
	case *plan.IsNull:
		return []plan.Expr{e.X}
	case *plan.IsBool:
		return []plan.Expr{e.X}
	case *plan.Case:
		out := make([]plan.Expr, 0, 2*len(e.When)+1)
		for _, w := range e.When {
			out = append(out, w.Cond, w.Then)
		}
		return append(out, e.Else)
	case *plan.Coalesce:
		return e.Args
	case *plan.In:
		return []plan.Expr{e.X}
	case *plan.Array:
		return e.Elems
	case *plan.Map:
		return append(append([]plan.Expr(nil), e.Keys...), e.Vals...)
	case *plan.Struct:
		return e.Vals
	case *plan.Field:
		return []plan.Expr{e.X}
	case *plan.Lambda:
		return []plan.Expr{e.Body}
	case *plan.Subquery:
		return append(append([]plan.Expr(nil), e.Args...), e.Left...)
	case *winRef:
		return e.parts()
	case *srfRef:
		return e.args
	}
	return nil
}

// visit calls f for e and everything in it, until f returns false.
func visit(e plan.Expr, f func(plan.Expr) bool) bool {
	if e == nil {
		return true
	}
	if !f(e) {
		return false
	}
	for _, c := range children(e) {
		if !visit(c, f) {
			return false
		}
	}
	return true
}

// equal reports whether two expressions over the same input are the same.
func equal(a, b plan.Expr) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Type() != b.Type() {
		return false
	}
	switch x := a.(type) {
	case *plan.Col:
		y, ok := b.(*plan.Col)
		return ok && x.Index == y.Index
	case *plan.Const:
		y, ok := b.(*plan.Const)
		return ok && equalValue(x.Value, y.Value)
	case *plan.Param:
		y, ok := b.(*plan.Param)
		return ok && x.N == y.N
	case *plan.Var:
		y, ok := b.(*plan.Var)
		return ok && x.N == y.N
	case *plan.Lambda:
		if y, ok := b.(*plan.Lambda); !ok || x.First != y.First || !slices.Equal(x.Params, y.Params) {
			return false
		}
	case *plan.Call:
		if y, ok := b.(*plan.Call); !ok || x.Fn != y.Fn || x.Fn.Volatile {
			return false
		}
	case *plan.Cast:
		if y, ok := b.(*plan.Cast); !ok || x.Explicit != y.Explicit || x.Try != y.Try {
			return false
		}
	case *plan.And:
		if _, ok := b.(*plan.And); !ok {
			return false
		}
	case *plan.Or:
		if _, ok := b.(*plan.Or); !ok {
			return false
		}
	case *plan.Not:
		if _, ok := b.(*plan.Not); !ok {
			return false
		}
	case *plan.IsNull:
		if y, ok := b.(*plan.IsNull); !ok || x.Not != y.Not {
			return false
		}
	case *plan.IsBool:
		if y, ok := b.(*plan.IsBool); !ok || x.Not != y.Not || x.Want != y.Want {
			return false
		}
	default:
		if !equalConstructor(a, b) {
			return false
		}
	}
	return equalAll(children(a), children(b))
}

// equalConstructor compares what is not a child of the rest of the kinds of expressions.
func equalConstructor(a, b plan.Expr) bool {
	switch x := a.(type) {
	case *plan.Case:
		_, ok := b.(*plan.Case)
		return ok
	case *plan.Coalesce:
		_, ok := b.(*plan.Coalesce)
		return ok
	case *plan.In:
		y, ok := b.(*plan.In)
		if !ok || x.Not != y.Not || len(x.List) != len(y.List) {
			return false
		}
		for i := range x.List {
			if !equalValue(x.List[i], y.List[i]) {
				return false
			}
		}
		return true
	case *plan.Array:
		_, ok := b.(*plan.Array)
		return ok
	case *plan.Map:
		_, ok := b.(*plan.Map)
		return ok
	case *plan.Struct:
		_, ok := b.(*plan.Struct)
		return ok
	case *plan.Field:
		y, ok := b.(*plan.Field)
		return ok && x.Index == y.Index
	case *aggRef:
		y, ok := b.(*aggRef)
		return ok && x.i == y.i
	case *winRef:
		y, ok := b.(*winRef)
		return ok && x.sameForm(y)
	case *groupingRef:
		y, ok := b.(*groupingRef)
		return ok && slices.Equal(x.keys, y.keys)
	case *plan.Outer:
		y, ok := b.(*plan.Outer)
		return ok && x.Index == y.Index
	case *plan.Subquery:
		y, ok := b.(*plan.Subquery)
		return ok && x.Kind == y.Kind && x.All == y.All && equal(x.Test, y.Test) && equalNode(x.Query, y.Query)
	}
	return false
}

// equalNode reports whether two trees give the same rows of the same relations, because they say the same.
func equalNode(a, b plan.Node) bool { return equalTree(a, b, nil) }

// equalTree is equalNode inside of recursions: rounds says which of b's is which of a's.
func equalTree(a, b plan.Node, rounds map[int]int) bool {
	if a == b {
		return true
	}
	switch x := a.(type) {
	case *plan.Recursive:
		y, ok := b.(*plan.Recursive)
		if !ok || x.Distinct != y.Distinct || !slices.Equal(x.Sch.Cols, y.Sch.Cols) || !equalTree(x.Base, y.Base, rounds) {
			return false
		}
		inner := map[int]int{x.ID: y.ID}
		for k, v := range rounds {
			inner[k] = v
		}
		return equalTree(x.Step, y.Step, inner)
	case *plan.RecursiveScan:
		y, ok := b.(*plan.RecursiveScan)
		return ok && rounds[x.ID] == y.ID
	}
	if describe(a) != describe(b) || !slices.Equal(a.Schema().Cols, b.Schema().Cols) {
		return false
	}
	var xs, ys []plan.Expr
	eachExpr(a, func(e plan.Expr) { xs = append(xs, e) })
	eachExpr(b, func(e plan.Expr) { ys = append(ys, e) })
	return equalAll(xs, ys) && slices.EqualFunc(a.Inputs(), b.Inputs(), func(x, y plan.Node) bool {
		return equalTree(x, y, rounds)
	})
}

func equalAll(a, b []plan.Expr) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// equalValue reports whether two constants are written the same; numerics of different scale are not.
func equalValue(a, b types.Value) bool {
	if a.Type != b.Type || a.Null != b.Null || a.Bool != b.Bool || a.Int != b.Int ||
		math.Float64bits(a.Float) != math.Float64bits(b.Float) || a.Ivl != b.Ivl || a.Str != b.Str ||
		len(a.List) != len(b.List) {
		return false
	}
	if a.Dec != b.Dec && (a.Dec.Big == nil || b.Dec.Big == nil || a.Dec.Big.Cmp(b.Dec.Big) != 0) {
		return false
	}
	for i := range a.List {
		if !equalValue(a.List[i], b.List[i]) {
			return false
		}
	}
	return true
}

// shift returns e with every column index moved by n.
func shift(e plan.Expr, n int) plan.Expr {
	if n == 0 {
		return e
	}
	return rewrite(e, func(e plan.Expr) plan.Expr {
		if c, ok := e.(*plan.Col); ok {
			return &plan.Col{Index: c.Index + n, Typ: c.Typ, Name: c.Name}
		}
		return nil
	})
}

// substitute returns e, which is over columns, as an expression over what those columns are computed from.
func substitute(e plan.Expr, by []plan.Expr) plan.Expr {
	return rewrite(e, func(e plan.Expr) plan.Expr {
		if c, ok := e.(*plan.Col); ok {
			return by[c.Index]
		}
		return nil
	})
}

// volatile reports whether two evaluations of e may differ.
func volatile(e plan.Expr) bool {
	return !visit(e, func(e plan.Expr) bool {
		c, ok := e.(*plan.Call)
		return !ok || !c.Fn.Volatile
	})
}

// constant reports whether e refers to no column.
func constant(e plan.Expr) bool {
	return visit(e, func(e plan.Expr) bool {
		switch e.(type) {
		case *plan.Col, *aggRef, *winRef, *srfRef, *plan.Subquery:
			return false
		}
		return true
	})
}

// within reports whether every column of e is in [lo, hi).
func within(e plan.Expr, lo, hi int) bool {
	return visit(e, func(e plan.Expr) bool {
		c, ok := e.(*plan.Col)
		return !ok || c.Index >= lo && c.Index < hi
	})
}

// conjuncts splits a condition at its ANDs.
func conjuncts(e plan.Expr, to []plan.Expr) []plan.Expr {
	if e == nil {
		return to
	}
	if and, ok := e.(*plan.And); ok {
		for _, a := range and.Args {
			to = conjuncts(a, to)
		}
		return to
	}
	return append(to, e)
}

// conjunction is the inverse of conjuncts; nil for none.
func conjunction(es []plan.Expr) plan.Expr {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return &plan.And{Args: es}
}

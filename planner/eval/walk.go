package eval

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
)

// Children returns the expressions directly below e.
func Children(e plan.Expr) []plan.Expr {
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
		var es []plan.Expr
		for _, w := range e.When {
			es = append(es, w.Cond, w.Then)
		}
		if e.Else != nil {
			es = append(es, e.Else)
		}
		return es
	case *plan.Coalesce:
		return e.Args
	case *plan.In:
		return []plan.Expr{e.X}
	case *plan.Array:
		return e.Elems
	case *plan.Map:
		return slices.Concat(e.Keys, e.Vals)
	case *plan.Struct:
		return e.Vals
	case *plan.Field:
		return []plan.Expr{e.X}
	case *plan.Lambda:
		return []plan.Expr{e.Body}
	}
	return nil
}

// Walk calls visit for e and everything below it, as long as visit returns true for what is above.
func Walk(e plan.Expr, visit func(plan.Expr) bool) {
	if !visit(e) {
		return
	}
	for _, c := range Children(e) {
		Walk(c, visit)
	}
}

// Columns returns the columns of the input that e reads, each once, in ascending order.
func Columns(e plan.Expr) []int {
	var cols []int
	Walk(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Col); ok && !slices.Contains(cols, c.Index) {
			cols = append(cols, c.Index)
		}
		return true
	})
	slices.Sort(cols)
	return cols
}

// Map returns a deep copy of e in which every expression, from the leaves up, is replaced by what f makes of it.
func Map(e plan.Expr, f func(plan.Expr) plan.Expr) plan.Expr {
	list := func(es []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(es))
		for i, c := range es {
			out[i] = Map(c, f)
		}
		return out
	}
	switch x := e.(type) {
	case *plan.Col:
		c := *x
		e = &c
	case *plan.Const:
		c := *x
		e = &c
	case *plan.Param:
		c := *x
		e = &c
	case *plan.Call:
		e = &plan.Call{Fn: x.Fn, Args: list(x.Args), Typ: x.Typ, Pos: x.Pos}
	case *plan.Cast:
		e = &plan.Cast{X: Map(x.X, f), Typ: x.Typ, Explicit: x.Explicit, Try: x.Try}
	case *plan.And:
		e = &plan.And{Args: list(x.Args)}
	case *plan.Or:
		e = &plan.Or{Args: list(x.Args)}
	case *plan.Not:
		e = &plan.Not{X: Map(x.X, f)}
	case *plan.IsNull:
		e = &plan.IsNull{X: Map(x.X, f), Not: x.Not}
	case *plan.IsBool:
		e = &plan.IsBool{X: Map(x.X, f), Want: x.Want, Not: x.Not}
	case *plan.Case:
		e = mapCase(x, f)
	case *plan.Coalesce:
		e = &plan.Coalesce{Args: list(x.Args), Typ: x.Typ}
	case *plan.In:
		e = &plan.In{X: Map(x.X, f), List: slices.Clone(x.List), Not: x.Not}
	case *plan.Array:
		e = &plan.Array{Elems: list(x.Elems), Typ: x.Typ}
	case *plan.Map:
		e = &plan.Map{Keys: list(x.Keys), Vals: list(x.Vals), Typ: x.Typ}
	case *plan.Struct:
		e = &plan.Struct{Vals: list(x.Vals), Typ: x.Typ}
	case *plan.Field:
		e = &plan.Field{X: Map(x.X, f), Index: x.Index, Typ: x.Typ}
	case *plan.Lambda:
		e = &plan.Lambda{First: x.First, Params: x.Params, Names: x.Names, Body: Map(x.Body, f)}
	}
	return f(e)
}

func mapCase(x *plan.Case, f func(plan.Expr) plan.Expr) plan.Expr {
	c := &plan.Case{When: make([]plan.When, len(x.When)), Typ: x.Typ}
	for i, w := range x.When {
		c.When[i] = plan.When{Cond: Map(w.Cond, f), Then: Map(w.Then, f)}
	}
	if x.Else != nil {
		c.Else = Map(x.Else, f)
	}
	return c
}

// BindParams returns a deep copy of e with every parameter replaced by its argument. A parameter without an argument
// stays, and fails when e is compiled.
func BindParams(e plan.Expr, args []types.Value) plan.Expr {
	return Map(e, func(e plan.Expr) plan.Expr {
		p, ok := e.(*plan.Param)
		if !ok || p.N < 1 || p.N > len(args) {
			return e
		}
		v := args[p.N-1]
		v.Type = p.Typ
		return &plan.Const{Value: v}
	})
}

package eval

import (
	"fmt"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// compile builds the node of an expression.
func compile(e plan.Expr) (node, error) {
	switch e := e.(type) {
	case *plan.Col:
		return &colNode{e.Index}, nil
	case *plan.Const:
		return &constNode{vec.ConstColumn(e.Value)}, nil
	case *plan.Param:
		return nil, unboundParam(e.N)
	case *plan.Call:
		return newCall(e)
	case *plan.Cast:
		arg, err := compile(e.X)
		if err != nil {
			return nil, err
		}
		return newCast(e, arg), nil
	case *plan.And:
		return newLogic(e.Args, false)
	case *plan.Or:
		return newLogic(e.Args, true)
	case *plan.Not:
		x, err := compile(e.X)
		return &notNode{x: x, out: vec.NewColumn(e.Type())}, err
	case *plan.IsNull:
		x, err := compile(e.X)
		return &isNullNode{x: x, not: e.Not, out: vec.NewColumn(e.Type())}, err
	case *plan.IsBool:
		x, err := compile(e.X)
		return &isBoolNode{x: x, want: e.Want, not: e.Not, out: vec.NewColumn(e.Type())}, err
	case *plan.Case:
		return newCase(e)
	case *plan.Coalesce:
		return newCoalesce(e)
	case *plan.In:
		x, err := compile(e.X)
		if err != nil {
			return nil, err
		}
		return newIn(e, x), nil
	case *plan.Array:
		elems, err := compileAll(e.Elems)
		return &arrayNode{elems: elems, out: vec.NewColumn(e.Typ)}, err
	case *plan.Map:
		keys, err := compileAll(e.Keys)
		if err != nil {
			return nil, err
		}
		vals, err := compileAll(e.Vals)
		return &mapNode{keys: keys, vals: vals, out: vec.NewColumn(e.Typ)}, err
	case *plan.Struct:
		vals, err := compileAll(e.Vals)
		return &structNode{vals: vals, out: vec.NewColumn(e.Typ)}, err
	case *plan.Field:
		x, err := compile(e.X)
		return &fieldNode{x: x, index: e.Index}, err
	default:
		panic(fmt.Sprintf("BUG: eval: unknown expression %T", e))
	}
}

func compileAll(es []plan.Expr) ([]node, error) {
	ns := make([]node, len(es))
	for i, e := range es {
		n, err := compile(e)
		if err != nil {
			return nil, err
		}
		ns[i] = n
	}
	return ns, nil
}

func allTotal(ns []node) bool {
	for _, n := range ns {
		if !n.total() {
			return false
		}
	}
	return true
}

package planner

import (
	"math"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// arraySlice is the function behind x[lo:hi]: the elements from lo to hi, as far as there are any.
var arraySlice = &fn.Scalar{
	Name: "slice", Args: []types.Type{fn.AnyArray, types.Int4, types.Int4}, Ret: fn.AnyArray, Strict: true, Total: true,
	Kernel: func(c *fn.Call, args []*vec.Column, out *vec.Column) {
		for i := range c.N {
			if c.Skips(i) {
				out.AppendNull()
				continue
			}
			arr, lo, hi := args[0].Value(i), args[1].Value(i), args[2].Value(i)
			from := max(lo.Int, 1) - 1
			to := max(min(hi.Int, int64(len(arr.List))), 0)
			list := arr.List[:0]
			if from < to {
				list = arr.List[from:to]
			}
			arr.List = list
			out.AppendValue(arr)
		}
	},
	Doc: fn.Doc{Summary: "Gives the elements of an array from one subscript to another."},
}

// slice binds x[lo:hi]; a bound that is left out is the array's.
func (b *binder) slice(sc *scope, e *ast.Slice) (plan.Expr, error) {
	x, err := b.known(sc, e.X)
	if err != nil {
		return nil, err
	}
	if x.Type().Kind != types.KindArray {
		return nil, sqlerr.At(leftmost(e.X), sqlerr.DatatypeMismatch,
			"cannot subscript type %s because it does not support subscripting", x.Type().Base())
	}
	bound := func(e ast.Expr, none int64) (plan.Expr, error) {
		if e == nil {
			return &plan.Const{Value: types.Value{Type: types.Int4, Int: none}}, nil
		}
		i, err := b.bind(sc, e)
		if err != nil {
			return nil, err
		}
		if !fn.CanCast(i.Type(), types.Int4, fn.Assignment) {
			return nil, sqlerr.At(leftmost(e), sqlerr.DatatypeMismatch, "array subscript must have type integer")
		}
		return b.coerce(i, types.Int4, fn.Assignment, leftmost(e))
	}
	lo, err := bound(e.Lo, 1)
	if err != nil {
		return nil, err
	}
	hi, err := bound(e.Hi, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	return b.fold(&plan.Call{Fn: arraySlice, Args: []plan.Expr{x, lo, hi}, Typ: x.Type(), Pos: e.Pos()}), nil
}

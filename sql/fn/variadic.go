package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ResolveVariadic is ResolveScalar for a call whose last argument is VARIADIC: an array whose elements are arguments.
// The function it returns takes the array.
func ResolveVariadic(name string, args []types.Type) (*Scalar, []types.Type, types.Type, error) {
	last := len(args) - 1
	if last < 0 || args[last].Kind != types.KindArray {
		return nil, nil, types.Unknown, noFunction(name, args, false)
	}
	single := append(append([]types.Type(nil), args[:last]...), args[last].Elem())
	f, to, ret, err := ResolveScalar(name, single)
	if err != nil || !f.Variadic || len(f.Args) > len(args) {
		return nil, nil, types.Unknown, noFunction(name, args, false)
	}
	to = append([]types.Type(nil), to...)
	elem := to[last]
	to[last] = types.ArrayOf(elem)
	spread := *f
	spread.Strict, spread.Total = false, false
	spread.Kernel = func(c *Call, args []*vec.Column, out *vec.Column) {
		for i := range c.N {
			if args[last].IsNull(i) {
				out.AppendNull()
				continue
			}
			if err := spreadRow(c, f, args, i, out); err != nil {
				out.AppendNull()
				c.Fail(i, err)
			}
		}
	}
	return &spread, to, ret, nil
}

// spreadRow calls f with the elements of the last argument of row i in its place.
func spreadRow(c *Call, f *Scalar, args []*vec.Column, i int, out *vec.Column) error {
	last := len(args) - 1
	var one []*vec.Column
	add := func(from *vec.Column, k int) (null bool) {
		col := vec.NewColumn(from.Type)
		col.AppendFrom(from, k)
		one = append(one, col)
		return f.Strict && col.IsNull(0)
	}
	null := false
	for _, col := range args[:last] {
		null = add(col, col.At(i)) || null
	}
	list, at := args[last], args[last].At(i)
	for k := int(list.Off[at]); k < int(list.Off[at+1]); k++ {
		null = add(list.Kids[0], k) || null
	}
	if null {
		out.AppendNull()
		return nil
	}
	call := Call{N: 1, Env: c.Env, Ret: c.Ret}
	value := vec.NewColumn(out.Type)
	f.Kernel(&call, one, value)
	if err := call.Errs[0]; err != nil {
		return err
	}
	out.AppendFrom(value, 0)
	return nil
}

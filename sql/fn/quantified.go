package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Quantified makes of an operator that yields boolean the function (x, array) that is x op ANY (array) or, with all,
// x op ALL (array).
func Quantified(op string, f *Scalar, all bool) *Scalar {
	word := " ANY"
	if all {
		word = " ALL"
	}
	return &Scalar{Name: op + word, Ret: types.Bool, Volatile: f.Volatile, Stable: f.Stable,
		Kernel: func(c *Call, args []*vec.Column, out *vec.Column) { quantify(c, f, all, args, out) }}
}

// quantify runs f once over all elements of all rows.
func quantify(c *Call, f *Scalar, all bool, args []*vec.Column, out *vec.Column) {
	x, list := args[0], args[1]
	var rows, from, elems []int32
	for i := range c.N {
		if list.IsNull(i) {
			continue
		}
		at := list.At(i)
		for k := list.Off[at]; k < list.Off[at+1]; k++ {
			rows, from, elems = append(rows, int32(i)), append(from, int32(x.At(i))), append(elems, int32(k))
		}
	}
	left, right, value := vec.NewColumn(x.Type), vec.NewColumn(list.Kids[0].Type), vec.NewColumn(types.Bool)
	left.Gather(x, from)
	right.Gather(list.Kids[0], elems)
	call := Call{N: len(rows), Env: c.Env, Ret: types.Bool}
	if f.Strict {
		call.Null = make([]bool, len(rows))
		for k := range rows {
			call.Null[k] = left.IsNull(k) || right.IsNull(k)
		}
	}
	if len(rows) > 0 {
		f.Kernel(&call, []*vec.Column{left, right}, value)
	}
	k := 0
	for i := range c.N {
		found, null := false, list.IsNull(i)
		for ; k < len(rows) && int(rows[k]) == i; k++ {
			switch {
			case call.Errs[k] != nil:
				c.Fail(i, call.Errs[k])
			case f.Strict && call.Null[k] || value.IsNull(k):
				null = true
			case value.Bool[value.At(k)] != all:
				found = true
			}
		}
		switch {
		case found:
			out.AppendBool(!all)
		case null:
			out.AppendNull()
		default:
			out.AppendBool(all)
		}
	}
}

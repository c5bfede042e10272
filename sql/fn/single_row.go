package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// SingleRow is what the planner makes of a scalar subquery of which it does not know that it has one row at most: given
// the array of the records that its rows are, it returns the only field of the only one, NULL when there is none. No
// query can name it.
var SingleRow = &Scalar{Name: "single_row", Args: []types.Type{AnyArray}, Ret: AnyElement, Strict: true,
	Kernel: func(c *Call, args []*vec.Column, out *vec.Column) {
		rows := args[0]
		for i := range c.N {
			at := rows.At(i)
			if rows.IsNull(at) || c.Skips(i) {
				out.AppendNull()
				continue
			}
			lo, hi := rows.Off[at], rows.Off[at+1]
			if hi-lo != 1 {
				c.Fail(i, sqlerr.New(sqlerr.CardinalityViolation,
					"more than one row returned by a subquery used as an expression"))
				out.AppendNull()
				continue
			}
			out.AppendFrom(rows.Kids[0].Kids[0], int(lo))
		}
	}}

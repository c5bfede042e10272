package fn

import (
	"bytes"
	"cmp"
	"math"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// comparison is one of the six comparison operators.
type comparison uint8

const (
	eq comparison = iota
	ne
	lt
	le
	gt
	ge
)

var comparisonNames = [...]string{eq: "=", ne: "<>", lt: "<", le: "<=", gt: ">", ge: ">="}

// holds says whether the comparison is true of operands that compare as order.
func (op comparison) holds(order int) bool {
	switch op {
	case eq:
		return order == 0
	case ne:
		return order != 0
	case lt:
		return order < 0
	case le:
		return order <= 0
	case gt:
		return order > 0
	default:
		return order >= 0
	}
}

// flipped is the comparison with its operands exchanged.
func (op comparison) flipped() comparison { return [...]comparison{eq, ne, gt, ge, lt, le}[op] }

// compareDecls declares the comparisons of every type.
func compareDecls() []Scalar {
	var fs []Scalar
	simple := in(types.Text, types.Bool, types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric,
		types.Char, types.Name, types.CharByte, types.Bytea, types.Date, types.Time, types.Timestamp, types.TimestampTZ,
		types.IntervalType, types.UUID, types.JSONB, types.OID, types.Inet, types.LSN, types.XID8, types.TID)
	mixed := [][]types.Type{in(types.Int2, types.Int4, types.Int8), in(types.Float4, types.Float8)}
	summaries := [...]string{eq: "Equal.", ne: "Not equal.", lt: "Less than.", le: "Less than or equal.",
		gt: "Greater than.", ge: "Greater than or equal."}
	examples := [...][]Example{eq: ex("1 = 1.0", "t", "'a' = NULL", ""), ne: ex("1 <> 1", "f"), lt: ex("'a' < 'b'", "t"),
		le: ex("2 <= 1", "f"), gt: ex("date '2020-02-01' > date '2020-01-31'", "t"), ge: ex("1 >= 1", "t")}
	for op := eq; op <= ge; op++ {
		doc := Doc{Summary: summaries[op], Category: "comparison", Examples: examples[op]}
		add := func(a, b types.Type, k Kernel) {
			fs = append(fs, Scalar{Name: comparisonNames[op], Args: in(a, b), Ret: types.Bool, Strict: true, Total: true,
				Kernel: k, Doc: doc})
			doc = Doc{Category: "comparison"}
		}
		for _, t := range simple {
			add(t, t, compareKernel(op, t))
		}
		for _, ts := range mixed {
			for _, a := range ts {
				for _, b := range ts {
					if a != b {
						add(a, b, compareKernel(op, a))
					}
				}
			}
		}
		add(AnyArray, AnyArray, compareRows(op))
		add(AnyStruct, AnyStruct, compareRows(op))
		add(AnyEnum, AnyEnum, compareKernel(op, types.Type{Kind: types.KindEnum, Mod: -1}))
		if op <= ne {
			add(AnyMap, AnyMap, compareRows(op))
			add(types.XID, types.XID, compareKernel(op, types.XID))
			add(types.XID, types.Int4, rowwise(func(r Row, out *vec.Column) error {
				out.AppendBool((r.Int(0) == int64(uint32(r.Int(1)))) == (op == eq))
				return nil
			}))
		}
		if op == eq { // there is no other comparison of these
			add(types.CID, types.CID, compareKernel(op, types.CID))
			add(types.ACLItem, types.ACLItem, compareKernel(op, types.ACLItem))
		}
	}
	return fs
}

// compareKernel returns the comparison of two columns of t's class.
func compareKernel(op comparison, t types.Type) Kernel {
	switch {
	case t.Class() == types.ClassInt:
		return func(c *Call, args []*vec.Column, out *vec.Column) {
			compareInts(op, args[0], args[1], results[bool](out, c.N))
		}
	case t.Class() == types.ClassFloat:
		return func(c *Call, args []*vec.Column, out *vec.Column) {
			compareFloats(op, args[0], args[1], results[bool](out, c.N))
		}
	case t.Class() == types.ClassBytes && t.Kind != types.KindChar && t.Kind != types.KindJSONB:
		return func(c *Call, args []*vec.Column, out *vec.Column) {
			compareBytes(op, args[0], args[1], results[bool](out, c.N))
		}
	}
	return compareRows(op)
}

func compareInts(op comparison, a, b *vec.Column, r []bool) {
	if a.Const {
		a, b, op = b, a, op.flipped()
	}
	x := a.Int
	if !b.Const {
		compareSlices(op, x, b.Int, r)
		return
	}
	y := b.Int[0]
	if a.Const { // both
		r[0] = op.holds(cmp.Compare(x[0], y))
		for i := range r {
			r[i] = r[0]
		}
		return
	}
	x = x[:len(r)]
	switch op {
	case eq:
		for i := range r {
			r[i] = x[i] == y
		}
	case ne:
		for i := range r {
			r[i] = x[i] != y
		}
	case lt:
		for i := range r {
			r[i] = x[i] < y
		}
	case le:
		for i := range r {
			r[i] = x[i] <= y
		}
	case gt:
		for i := range r {
			r[i] = x[i] > y
		}
	case ge:
		for i := range r {
			r[i] = x[i] >= y
		}
	}
}

func compareSlices(op comparison, x, y []int64, r []bool) {
	x, y = x[:len(r)], y[:len(r)]
	switch op {
	case eq:
		for i := range r {
			r[i] = x[i] == y[i]
		}
	case ne:
		for i := range r {
			r[i] = x[i] != y[i]
		}
	case lt:
		for i := range r {
			r[i] = x[i] < y[i]
		}
	case le:
		for i := range r {
			r[i] = x[i] <= y[i]
		}
	case gt:
		for i := range r {
			r[i] = x[i] > y[i]
		}
	case ge:
		for i := range r {
			r[i] = x[i] >= y[i]
		}
	}
}

// compareFloats compares as PostgreSQL does: NaN equals NaN and is above everything else.
func compareFloats(op comparison, a, b *vec.Column, r []bool) {
	if a.Const && !b.Const {
		a, b, op = b, a, op.flipped()
	}
	x, sx, y, sy := a.Float, step(a), b.Float, step(b)
	if b.Const && !math.IsNaN(y[0]) && (op == lt || op == le || op == eq) { // false of NaN in Go as in SQL
		compareFloatConst(op, x, sx, y[0], r)
		return
	}
	for i := range r {
		r[i] = op.holds(orderFloats(x[i*sx], y[i*sy]))
	}
}

func compareFloatConst(op comparison, x []float64, sx int, y float64, r []bool) {
	switch op {
	case lt:
		for i := range r {
			r[i] = x[i*sx] < y
		}
	case le:
		for i := range r {
			r[i] = x[i*sx] <= y
		}
	default:
		for i := range r {
			r[i] = x[i*sx] == y
		}
	}
}

func orderFloats(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	}
	return -1
}

// compareBytes compares byte by byte, which for UTF-8 is the order of code points (PostgreSQL's collation "C").
func compareBytes(op comparison, a, b *vec.Column, r []bool) {
	if op <= ne {
		want := op == eq
		if b.Const {
			equalBytesConst(want, a, b.Bytes(0), r)
			return
		}
		for i := range r {
			r[i] = bytes.Equal(a.Bytes(i), b.Bytes(i)) == want
		}
		return
	}
	for i := range r {
		r[i] = op.holds(bytes.Compare(a.Bytes(i), b.Bytes(i)))
	}
}

func equalBytesConst(want bool, a *vec.Column, y []byte, r []bool) {
	if a.Const {
		same := bytes.Equal(a.Bytes(0), y) == want
		for i := range r {
			r[i] = same
		}
		return
	}
	off, data := a.Off[:len(r)+1], a.Data
	for i := range r {
		lo, hi := off[i], off[i+1]
		r[i] = (int(hi-lo) == len(y) && string(data[lo:hi]) == string(y)) == want
	}
}

// compareRows compares values of any one type.
func compareRows(op comparison) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, b := args[0], args[1]
		r := results[bool](out, c.N)
		for i := range r {
			if !c.Skips(i) {
				r[i] = op.holds(vec.Compare(a, i, b, i))
			}
		}
	}
}

const (
	microsPerSecond = 1_000_000
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour
)

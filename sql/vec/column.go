// Package vec holds data as columns: the Column of one type, the Batch of columns with its diffs and event times, and
// the codecs that turn rows of a batch into bytes for state (rows) and for ordering (keys).
//
// Ownership: whoever receives a batch or column borrows it until the call returns. To keep rows, copy them (Clone,
// Gather, AppendRow). A column that was handed out is not changed by its producer while it is borrowed.
package vec

import "github.com/leatdb/leat/sql/types"

// Column is one typed column. Which slice holds the data follows from Type.Class():
//
//	ClassBool      Bool[i]
//	ClassInt       Int[i]
//	ClassFloat     Float[i]
//	ClassDecimal   Dec[i]
//	ClassInterval  Ivl[i]
//	ClassBytes     Data[Off[i]:Off[i+1]], len(Off) = n+1 (Off is empty when n = 0)
//	ClassList      elements Off[i] to Off[i+1] of Kids[0]
//	ClassMap       entries Off[i] to Off[i+1] of Kids[0] (keys) and Kids[1] (values)
//	ClassStruct    row i of every column in Kids
//
// A NULL row holds a zero value in these slices; what it is must not matter.
type Column struct {
	Type types.Type
	// Null[i] tells that row i is NULL. The slice is nil while there is no NULL.
	Null []bool
	// Const means that the column holds one row that stands for every row of the batch it is used in. Only results and
	// arguments of expressions are constant columns; those of a batch that operators exchange are not.
	Const bool

	Bool  []bool
	Int   []int64
	Float []float64
	Dec   []types.Decimal
	Ivl   []types.Interval
	Off   []uint32
	Data  []byte
	Kids  []*Column

	n int
}

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
// A NULL row holds a zero value in these slices; what it is must not matter. Off[0] is not 0 in a slice of a column.
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

	n     int
	nulls []bool // memory of Null, kept over Reset
}

// NewColumn returns an empty column of type t.
func NewColumn(t types.Type) *Column {
	c := &Column{Type: t}
	switch t.Class() {
	case types.ClassList:
		c.Kids = []*Column{NewColumn(t.Elem())}
	case types.ClassMap:
		c.Kids = []*Column{NewColumn(t.Key()), NewColumn(t.Elem())}
	case types.ClassStruct:
		fields := t.Fields()
		c.Kids = make([]*Column, len(fields))
		for i, f := range fields {
			c.Kids[i] = NewColumn(f.Type)
		}
	}
	return c
}

// ConstColumn returns a constant column that holds v.
func ConstColumn(v types.Value) *Column {
	c := NewColumn(v.Type)
	c.AppendValue(v)
	c.Const = true
	return c
}

// Len returns the number of rows held, which is 1 for a constant column.
func (c *Column) Len() int { return c.n }

// At returns where row i of the batch is held: 0 in a constant column, else i.
func (c *Column) At(i int) int {
	if c.Const {
		return 0
	}
	return i
}

// IsNull reports whether row i is NULL; any i will do for a constant column.
func (c *Column) IsNull(i int) bool {
	if c.Null == nil {
		return false
	}
	if c.Const {
		i = 0
	}
	return c.Null[i]
}

// HasNulls reports whether any row is NULL.
func (c *Column) HasNulls() bool {
	for _, null := range c.Null {
		if null {
			return true
		}
	}
	return false
}

// Bytes returns row i of a ClassBytes column, as a view that is valid until the column changes.
func (c *Column) Bytes(i int) []byte {
	if c.Const {
		i = 0
	}
	return c.Data[c.Off[i]:c.Off[i+1]]
}

// Reset removes all rows and keeps the memory. The column is no longer constant.
func (c *Column) Reset() {
	if c.Null != nil {
		c.nulls = c.Null[:0]
		c.Null = nil
	}
	c.Const = false
	c.Bool = c.Bool[:0]
	c.Int = c.Int[:0]
	c.Float = c.Float[:0]
	clear(c.Dec)
	c.Dec = c.Dec[:0]
	c.Ivl = c.Ivl[:0]
	c.Off = c.Off[:0]
	c.Data = c.Data[:0]
	for _, k := range c.Kids {
		k.Reset()
	}
	c.n = 0
}

// Truncate removes all rows from the n-th on.
func (c *Column) Truncate(n int) {
	if n >= c.n {
		c.truncateKids()
		return
	}
	if n == 0 {
		c.Reset()
		return
	}
	if c.Null != nil {
		c.Null = c.Null[:n]
	}
	switch c.Type.Class() {
	case types.ClassBool:
		c.Bool = c.Bool[:n]
	case types.ClassInt:
		c.Int = c.Int[:n]
	case types.ClassFloat:
		c.Float = c.Float[:n]
	case types.ClassDecimal:
		c.Dec = c.Dec[:n]
	case types.ClassInterval:
		c.Ivl = c.Ivl[:n]
	case types.ClassBytes:
		c.Off = c.Off[:n+1]
		c.Data = c.Data[:c.Off[n]]
	case types.ClassList, types.ClassMap:
		c.Off = c.Off[:n+1]
	}
	c.n = n
	c.truncateKids()
}

// truncateKids drops what was appended to the kids for a row that was never closed.
func (c *Column) truncateKids() {
	switch c.Type.Class() {
	case types.ClassList, types.ClassMap:
		end := 0
		if c.n > 0 {
			end = int(c.Off[c.n])
		}
		for _, k := range c.Kids {
			k.Truncate(end)
		}
	case types.ClassStruct:
		for _, k := range c.Kids {
			k.Truncate(c.n)
		}
	}
}

// Grow makes room for n more rows; for ClassBytes, room for their offsets alone.
func (c *Column) Grow(n int) {
	switch c.Type.Class() {
	case types.ClassBool:
		c.Bool = grow(c.Bool, n)
	case types.ClassInt:
		c.Int = grow(c.Int, n)
	case types.ClassFloat:
		c.Float = grow(c.Float, n)
	case types.ClassDecimal:
		c.Dec = grow(c.Dec, n)
	case types.ClassInterval:
		c.Ivl = grow(c.Ivl, n)
	case types.ClassBytes, types.ClassList, types.ClassMap:
		c.Off = grow(c.Off, n+1)
	case types.ClassStruct:
		for _, k := range c.Kids {
			k.Grow(n)
		}
	}
}

func grow[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	t := make([]T, len(s), max(len(s)+n, 2*cap(s)))
	copy(t, s)
	return t
}

// resize sets the length of s to n; new elements are zero.
func resize[T any](s []T, n int) []T {
	if n <= len(s) {
		return s[:n]
	}
	s = grow(s, n-len(s))
	clear(s[len(s):n])
	return s[:n]
}

// SetLen declares that the column has n rows, after its slices were filled directly. A slice of fixed-size values
// that is shorter is filled up with zeros, so SetLen(n) followed by stores to Int[0] … Int[n-1] works as well.
// Offsets must be there already (or n be 0); Null, when it is used, is cut or filled up to n.
func (c *Column) SetLen(n int) {
	switch c.Type.Class() {
	case types.ClassBool:
		c.Bool = resize(c.Bool, n)
	case types.ClassInt:
		c.Int = resize(c.Int, n)
	case types.ClassFloat:
		c.Float = resize(c.Float, n)
	case types.ClassDecimal:
		c.Dec = resize(c.Dec, n)
	case types.ClassInterval:
		c.Ivl = resize(c.Ivl, n)
	case types.ClassBytes, types.ClassList, types.ClassMap:
		if n == 0 {
			c.Off = c.Off[:0]
		} else if len(c.Off) != n+1 {
			panic("BUG: vec: SetLen without offsets")
		}
	case types.ClassStruct:
		for _, k := range c.Kids {
			k.SetLen(n)
		}
	}
	if c.Null != nil {
		c.Null = resize(c.Null, n)
	}
	c.n = n
}

// SetNull makes row i NULL, which must be there.
func (c *Column) SetNull(i int) {
	if c.Null == nil {
		c.Null = resize(c.nulls[:0], c.n)
		c.nulls = nil
	}
	c.Null[i] = true
}

// Flat returns the column itself, or a constant column spread to n rows.
func (c *Column) Flat(n int) *Column {
	if !c.Const {
		return c
	}
	f := NewColumn(c.Type)
	f.Grow(n)
	f.AppendRange(c, 0, n)
	return f
}

// Clone returns a copy that shares nothing with c.
func (c *Column) Clone() *Column {
	d := NewColumn(c.Type)
	if c.Const {
		d.AppendFrom(c, 0)
		d.Const = true
		return d
	}
	d.Grow(c.n)
	if c.Type.Class() == types.ClassBytes && c.n > 0 {
		d.Data = make([]byte, 0, c.Off[c.n]-c.Off[0])
	}
	d.AppendRange(c, 0, c.n)
	return d
}

// Slice returns a view of rows lo to hi. Appending to the view does not harm c.
func (c *Column) Slice(lo, hi int) *Column {
	if c.Const {
		return c
	}
	v := &Column{Type: c.Type, n: hi - lo, Kids: c.Kids}
	if c.Null != nil {
		v.Null = c.Null[lo:hi:hi]
	}
	switch c.Type.Class() {
	case types.ClassBool:
		v.Bool = c.Bool[lo:hi:hi]
	case types.ClassInt:
		v.Int = c.Int[lo:hi:hi]
	case types.ClassFloat:
		v.Float = c.Float[lo:hi:hi]
	case types.ClassDecimal:
		v.Dec = c.Dec[lo:hi:hi]
	case types.ClassInterval:
		v.Ivl = c.Ivl[lo:hi:hi]
	case types.ClassBytes:
		if lo < hi {
			v.Off = c.Off[lo : hi+1 : hi+1]
			v.Data = c.Data[:c.Off[hi]:c.Off[hi]]
		}
	case types.ClassList, types.ClassMap:
		end := 0
		if lo < hi {
			v.Off = c.Off[lo : hi+1 : hi+1]
			end = int(c.Off[hi])
		}
		v.Kids = sliceKids(c.Kids, 0, end)
	case types.ClassStruct:
		v.Kids = sliceKids(c.Kids, lo, hi)
	}
	return v
}

func sliceKids(kids []*Column, lo, hi int) []*Column {
	out := make([]*Column, len(kids))
	for i, k := range kids {
		out[i] = k.Slice(lo, hi)
	}
	return out
}

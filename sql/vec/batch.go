package vec

import "github.com/leatdb/leat/sql/types"

// Batch is a set of changes to a relation: rows, how often each is added or taken away, and when it happened.
type Batch struct {
	Cols []*Column
	// Diff[i] is how many copies of row i come (positive) or go (negative). Nil means +1 for every row, which is all
	// that an append-only relation has.
	Diff []int32
	// Time[i] is the event time of row i in milliseconds since 1970-01-01 UTC. Nil where no operator needs it.
	Time []int64
	// N is the number of rows; it counts even when there is no column.
	N int
}

// NewBatch returns an empty batch with a column of every type in ts.
func NewBatch(ts []types.Type) *Batch {
	b := &Batch{Cols: make([]*Column, len(ts))}
	for i, t := range ts {
		b.Cols[i] = NewColumn(t)
	}
	return b
}

// Reset removes all rows and keeps the columns' memory. Diff and Time become nil.
func (b *Batch) Reset() {
	for _, c := range b.Cols {
		c.Reset()
	}
	b.Diff, b.Time, b.N = nil, nil, 0
}

// DiffAt returns how many copies of row i come or go.
func (b *Batch) DiffAt(i int) int32 {
	if b.Diff == nil {
		return 1
	}
	return b.Diff[i]
}

// TimeAt returns the event time of row i, 0 when the batch has none.
func (b *Batch) TimeAt(i int) int64 {
	if b.Time == nil {
		return 0
	}
	return b.Time[i]
}

// empty returns a batch without rows that has columns of the same types.
func (b *Batch) empty() *Batch {
	e := &Batch{Cols: make([]*Column, len(b.Cols))}
	for i, c := range b.Cols {
		e.Cols[i] = NewColumn(c.Type)
	}
	return e
}

// Clone returns a copy that shares nothing with b.
func (b *Batch) Clone() *Batch {
	d := &Batch{Cols: make([]*Column, len(b.Cols)), N: b.N}
	for i, c := range b.Cols {
		d.Cols[i] = c.Clone()
	}
	if b.Diff != nil {
		d.Diff = append(make([]int32, 0, b.N), b.Diff...)
	}
	if b.Time != nil {
		d.Time = append(make([]int64, 0, b.N), b.Time...)
	}
	return d
}

// Gather returns a new batch of the rows that sel names, in its order.
func (b *Batch) Gather(sel []int32) *Batch {
	d := b.empty()
	for i, c := range b.Cols {
		d.Cols[i].Gather(c, sel)
	}
	if b.Diff != nil {
		d.Diff = gather(nil, b.Diff, sel)
	}
	if b.Time != nil {
		d.Time = gather(nil, b.Time, sel)
	}
	d.N = len(sel)
	return d
}

// Slice returns rows lo to hi as a view of b.
func (b *Batch) Slice(lo, hi int) *Batch {
	d := &Batch{Cols: sliceKids(b.Cols, lo, hi), N: hi - lo}
	if b.Diff != nil {
		d.Diff = b.Diff[lo:hi:hi]
	}
	if b.Time != nil {
		d.Time = b.Time[lo:hi:hi]
	}
	return d
}

// SizeBytes estimates the memory of a batch.
func (b *Batch) SizeBytes() int64 {
	size := int64(4*len(b.Diff) + 8*len(b.Time))
	for _, c := range b.Cols {
		size += c.sizeBytes()
	}
	return size
}

func (c *Column) sizeBytes() int64 {
	size := int64(8*len(c.Int)+8*len(c.Float)+32*len(c.Dec)+4*len(c.Off)+len(c.Data)+len(c.Bool)+16*len(c.Ivl)) + 64
	for _, k := range c.Kids {
		size += k.sizeBytes()
	}
	return size
}

// AppendBatch appends the rows of src, whose columns must be of the same types. When only one of the two has diffs
// (or times), the rows of the other get +1 (or 0).
func (b *Batch) AppendBatch(src *Batch) {
	for i, c := range b.Cols {
		c.AppendRange(src.Cols[i], 0, src.N)
	}
	if b.Diff != nil || src.Diff != nil {
		if b.Diff == nil {
			b.Diff = fill(b.Diff, 1, b.N)
		}
		if src.Diff == nil {
			b.Diff = fill(b.Diff, 1, src.N)
		} else {
			b.Diff = append(b.Diff, src.Diff...)
		}
	}
	if b.Time != nil || src.Time != nil {
		b.Time = resize(b.Time, b.N)
		if src.Time == nil {
			b.Time = resize(b.Time, b.N+src.N)
		} else {
			b.Time = append(b.Time, src.Time...)
		}
	}
	b.N += src.N
}

// Types returns the types of the columns.
func (b *Batch) Types() []types.Type {
	ts := make([]types.Type, len(b.Cols))
	for i, c := range b.Cols {
		ts[i] = c.Type
	}
	return ts
}

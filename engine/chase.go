package engine

import (
	"bytes"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// A view that catches up reads the rows of a table in the order of their keys, a slice in each step, as they are then.
// What it has taken in after a step is the part of the table below a key: changes of rows below it are given to the
// view, those of others are not, since it comes to them yet. So nothing is kept of the table as it was, and a
// checkpoint needs to know no more than the key.

// chased is, in a checkpoint, the key that a view has come to, and how many rows it has.
type chased struct {
	Next  []byte `json:"next"`
	Taken int64  `json:"taken"`
}

// newChase returns a reader of the rows of the table that scan reads, from a key on; nil is the beginning.
func newChase(scan *plan.Scan, next []byte) *snapshotReader {
	r := newSnapshotReader(&snapshot{rel: scan.Rel}, scan)
	r.next = next
	return r
}

// chases reports whether the view still reads rows that its tables had before it.
func (v *view) chases() bool {
	for _, in := range v.inputs {
		if in.chase != nil {
			return true
		}
	}
	return false
}

// named reports whether a view catches up with the table, which has to know where changed rows stand.
func (src *source) named() bool {
	for _, in := range src.inputs {
		if in.chase != nil {
			return true
		}
	}
	return false
}

// passed returns the changes of rows that have been read; the last column has their keys.
func (r *snapshotReader) passed(b *vec.Batch) *vec.Batch {
	keys := b.Cols[len(b.Cols)-1]
	rows := make([]int32, 0, b.N)
	for i := range b.N {
		if bytes.Compare(keys.Bytes(i), r.next) < 0 {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == b.N {
		return b
	}
	return b.Gather(rows)
}

// planSlices lets views that catch up with tables read on in the step.
func (f *flow) planSlices(sub *substep) {
	for _, v := range f.views {
		if v.paused || sub.pauses(v) {
			continue
		}
		in := v.nextChase()
		if in == nil || v.differs() && f.catches(v.id-1) {
			continue // a difference waits until what it compares is there
		}
		if n := v.slow.allow(f.pace.slice(f.cfg), sub.Now); n > 0 {
			sub.Slices = append(sub.Slices, slice{View: v.id, Input: in.port, Rows: n})
		}
	}
}

// nextChase is the input that reads on, nil for none: a view reads one table after the other, a difference where it is
// behind, so that of rows that are the same it keeps few.
func (v *view) nextChase() *input {
	var next *input
	for _, in := range v.inputs {
		switch {
		case in.chase == nil:
		case next == nil:
			next = in
		case v.differs() && bytes.Compare(in.chase.next, next.chase.next) < 0:
			next = in
		}
	}
	return next
}

// catches reports whether the query with a number runs and has not caught up.
func (f *flow) catches(id uint32) bool {
	v := f.viewOf(id)
	return v != nil && v.catching()
}

func (f *flow) takeSlice(s *slice) {
	for _, v := range f.views {
		if v.id != s.View {
			continue
		}
		if v.abreast() {
			v.compare(s.Rows)
			continue
		}
		for _, in := range v.inputs {
			if in.port == s.Input && in.chase != nil {
				s.Rows = in.slice(s.Rows)
			}
		}
	}
}

// slice gives the input more rows of its table. It returns their number.
func (in *input) slice(limit int) int {
	t := in.src.rows
	in.chase.rel, in.chase.types, in.chase.rows = t.rel, t.types, t.rows
	b, n := in.chase.read(limit)
	if b != nil {
		in.pending = append(in.pending, pick(b, in.scan, len(t.types)))
	}
	in.chase.taken += int64(n)
	in.view.taken += int64(n)
	in.view.slow.take(n)
	if in.chase.done {
		in.chase = nil
	}
	return n
}

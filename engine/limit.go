package engine

import (
	"encoding/binary"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/vec"
)

// limitOp passes the rows from offset to offset+limit in the order in which they come: any rows will do for a query
// that asks for no order, as long as none is taken away later.
type limitOp struct {
	limit, offset int64 // limit -1 for none
	seen          int64 // rows that came, as far as they matter
	saved         int64
	sel           []int32
	diff          []int32
}

// done tells that no further row will pass.
func (l *limitOp) done() bool { return l.limit >= 0 && l.seen >= l.offset+l.limit }

// Process implements Operator.
func (l *limitOp) Process(_ int, in *vec.Batch, out Emitter) error {
	if l.done() {
		return nil
	}
	if in.Diff == nil && l.seen >= l.offset && (l.limit < 0 || l.seen+int64(in.N) <= l.offset+l.limit) {
		l.seen += int64(in.N)
		return out.Emit(in)
	}
	l.sel, l.diff = l.sel[:0], l.diff[:0]
	for i := range in.N {
		n := max(int64(in.DiffAt(i)), 0)
		skipped := min(n, max(l.offset-l.seen, 0))
		l.seen += skipped
		n -= skipped
		if l.limit >= 0 {
			n = min(n, l.offset+l.limit-l.seen)
		}
		if n > 0 {
			l.seen += n
			l.sel, l.diff = append(l.sel, int32(i)), append(l.diff, int32(n))
		}
	}
	if len(l.sel) == 0 {
		return nil
	}
	b := in.Gather(l.sel)
	if in.Diff != nil {
		b.Diff = l.diff
	}
	return out.Emit(b)
}

// Advance implements Operator.
func (l *limitOp) Advance(int64, Emitter) error { return nil }

// Snapshot implements Operator. The state is the number of rows that came.
func (l *limitOp) Snapshot(w state.Writer) error {
	if l.seen == l.saved {
		return nil
	}
	l.saved = l.seen
	return w.Put(onceKey, binary.AppendVarint(nil, l.seen))
}

// Restore implements Operator.
func (l *limitOp) Restore(key, value []byte) error {
	r := stateReader{b: value}
	l.seen = r.varint()
	l.saved = l.seen
	if r.bad || string(key) != string(onceKey) {
		return errForeignState(key)
	}
	return nil
}

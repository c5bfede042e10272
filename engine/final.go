package engine

import (
	"math"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// finalOp holds the rows of windows back until the frontier has closed their window: EMIT FINAL. They come by the end
// of their window and then in the order of their columns, each once and for good.
//
// State: end of the window (8 bytes in order), the other columns (vec.AppendKey), row (vec.AppendRow) → how often the
// row is there, its event time, where in the key the row begins.
type finalOp struct {
	closes plan.Closing
	rows   *state.Map
	timed  bool
	out    *vec.Batch
	buf    []byte
}

func newFinal(n *plan.Final, ctx *Context) Operator {
	return &finalOp{closes: n.Closes, rows: ctx.State.NewMap(), out: vec.NewBatch(columnTypes(n))}
}

// Process implements Operator.
func (f *finalOp) Process(_ int, in *vec.Batch, _ Emitter) error {
	f.timed = f.timed || in.Time != nil
	end := in.Cols[f.closes.Key]
	for i := range in.N {
		f.buf = appendTime(f.buf[:0], end.Int[end.At(i)])
		for k, c := range in.Cols {
			if k != f.closes.Key {
				f.buf = vec.AppendKey(f.buf, c, i, false, false)
			}
		}
		f.buf = holdRow(f.rows, f.buf, in, i)
	}
	return nil
}

// Advance implements Operator.
func (f *finalOp) Advance(frontier int64, out Emitter) error {
	if frontier == NoFrontier {
		return nil
	}
	var closed [][]byte
	f.rows.Scan(nil, appendTime(nil, frontier-f.closes.After+1), func(k, v []byte) bool {
		r := stateReader{b: v}
		n, time, at := r.varint(), r.varint(), r.varint()
		eachDiff(n, func(d int32) {
			if _, err := vec.DecodeRow(k[at:], f.out.Cols); err != nil {
				panic("BUG: a row in state cannot be decoded: " + err.Error())
			}
			f.out.Diff, f.out.Time = append(f.out.Diff, d), append(f.out.Time, time)
			f.out.N++
		})
		closed = append(closed, k)
		return true
	})
	for _, k := range closed {
		f.rows.Delete(k)
	}
	if f.out.N == 0 {
		return nil
	}
	b := &vec.Batch{Cols: f.out.Cols, N: f.out.N, Diff: f.out.Diff}
	if f.timed {
		b.Time = f.out.Time
	}
	err := out.Emit(b)
	f.out.Reset()
	f.out.Diff, f.out.Time = f.out.Diff[:0], f.out.Time[:0]
	return err
}

// due implements closer.
func (f *finalOp) due() (frontier int64, ok bool) {
	f.rows.Scan(nil, nil, func(k, _ []byte) bool {
		frontier, ok = timeAt(k)+f.closes.After, true
		return false
	})
	return frontier, ok
}

// Snapshot implements Operator.
func (f *finalOp) Snapshot(w state.Writer) error { return f.rows.WriteChanges(w) }

// Restore implements Operator.
func (f *finalOp) Restore(key, value []byte) error {
	r := stateReader{b: value}
	_, time, at := r.varint(), r.varint(), r.varint()
	if r.bad || len(key) < 8 || at < 8 || at > int64(len(key)) || !isRow(key[at:], f.out) {
		return errForeignState(key)
	}
	f.timed = f.timed || time != math.MinInt64
	f.rows.Restore(key, value)
	return nil
}

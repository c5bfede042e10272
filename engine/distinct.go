package engine

import (
	"encoding/binary"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// distinctOp removes duplicates. It counts every row; of rows that SQL finds equal though they differ (1.0 and 1.00)
// the first in the order of their bytes is given.
//
// State: key of the row (vec.AppendKey, only where equal values may differ), row (vec.AppendRow) → how often it is
// there.
type distinctOp struct {
	types []types.Type
	exact bool // equal rows are the same rows
	rows  *state.Map

	// The keys touched in this step and the row that was out for each, nil for none.
	seen    map[string]int
	touched []distinctKey
	timed   bool
	buf     []byte
	out     *vec.Batch
}

type distinctKey struct {
	key  string
	old  []byte
	time int64
}

func newDistinct(n *plan.Distinct) Operator {
	ts := columnTypes(n)
	d := &distinctOp{types: ts, exact: true, rows: state.NewMap(), seen: map[string]int{}, out: vec.NewBatch(ts)}
	for _, t := range ts {
		d.exact = d.exact && isExact(t)
	}
	return d
}

// isExact tells whether values of t that are equal are also the same.
func isExact(t types.Type) bool {
	switch t.Class() {
	case types.ClassBool, types.ClassInt:
		return true
	case types.ClassBytes:
		return t.Kind != types.KindChar && t.Kind != types.KindJSONB
	default:
		return false
	}
}

// Process implements Operator.
func (d *distinctOp) Process(_ int, in *vec.Batch, _ Emitter) error {
	d.timed = d.timed || in.Time != nil
	for i := range in.N {
		d.buf = d.buf[:0]
		if !d.exact {
			for _, c := range in.Cols {
				d.buf = vec.AppendKey(d.buf, c, i, false, false)
			}
		}
		n := len(d.buf)
		d.buf = vec.AppendRow(d.buf, in.Cols, i)
		if d.exact {
			n = len(d.buf)
		}
		d.touch(d.buf[:n], timeOf(in, i))
		count := int64(in.DiffAt(i))
		if v, ok := d.rows.Get(d.buf); ok {
			old, _ := binary.Varint(v)
			count += old
		}
		if count == 0 {
			d.rows.Delete(d.buf)
		} else {
			d.rows.Set(d.buf, binary.AppendVarint(nil, count))
		}
	}
	return nil
}

// touch remembers which row is out for a key, before it changes.
func (d *distinctOp) touch(key []byte, time int64) {
	if t, ok := d.seen[string(key)]; ok {
		d.touched[t].time = max(d.touched[t].time, time)
		return
	}
	k := string(key)
	d.seen[k] = len(d.touched)
	d.touched = append(d.touched, distinctKey{k, d.shown(key), time})
}

// shown returns the row that stands for a key, nil when there is none. It stays valid.
func (d *distinctOp) shown(key []byte) (row []byte) {
	if d.exact {
		if v, ok := d.rows.Get(key); ok && isPositive(v) {
			return append([]byte{}, key...)
		}
		return nil
	}
	d.rows.Prefix(key, func(k, v []byte) bool {
		if isPositive(v) {
			row = k[len(key):]
		}
		return row == nil
	})
	return row
}

func isPositive(v []byte) bool {
	n, _ := binary.Varint(v)
	return n > 0
}

// Advance implements Operator.
func (d *distinctOp) Advance(_ int64, out Emitter) error {
	d.out.Reset()
	for _, t := range d.touched {
		row := d.shown([]byte(t.key))
		if string(row) == string(t.old) && (row == nil) == (t.old == nil) {
			continue
		}
		if err := firstErr(d.add(t.old, -1, t.time), d.add(row, 1, t.time)); err != nil {
			return err
		}
	}
	clear(d.seen)
	d.touched = d.touched[:0]
	if d.out.N == 0 {
		return nil
	}
	return out.Emit(d.out)
}

func (d *distinctOp) add(row []byte, diff int32, time int64) error {
	if row == nil {
		return nil
	}
	if _, err := vec.DecodeRow(row, d.out.Cols); err != nil {
		return errForeignState(row)
	}
	d.out.Diff = append(d.out.Diff, diff)
	if d.timed {
		d.out.Time = append(d.out.Time, time)
	}
	d.out.N++
	return nil
}

// Snapshot implements Operator.
func (d *distinctOp) Snapshot(w state.Writer) error { return d.rows.WriteChanges(w) }

// Restore implements Operator.
func (d *distinctOp) Restore(key, value []byte) error {
	if n, used := binary.Varint(value); n == 0 || used != len(value) {
		return errForeignState(key)
	}
	d.rows.Restore(key, value)
	return nil
}

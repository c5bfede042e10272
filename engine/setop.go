package engine

import (
	"encoding/binary"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// setOp is INTERSECT, EXCEPT and, with one input, DISTINCT. It counts every row on either side; of rows that SQL finds
// equal though they differ (1.0 and 1.00) the left ones are given, the first in the order of their bytes first.
//
// State: key of the row (vec.AppendKey, only where equal values may differ), row (vec.AppendRow) → how often it is
// there on the left and, unless that is 0, on the right.
type setOp struct {
	exact bool // equal rows are the same rows
	// copies says how often a row is given that is there so often on the left and on the right.
	copies func(left, right int64) int64
	rows   *state.Map

	// The keys touched in this step and the rows that were out for each.
	seen    map[string]int
	touched []setKey
	old     []setRow
	timed   bool
	buf     []byte
	val     []byte
	out     *vec.Batch
}

// setKey is a key, where in setOp.old the rows begin and end that were out for it, and the latest time of its changes.
type setKey struct {
	key    string
	lo, hi int
	time   int64
}

// setRow is a row that is out n times.
type setRow struct {
	row string
	n   int64
}

func newDistinct(n *plan.Distinct, ctx *Context) Operator {
	return makeSetOp(ctx, columnTypes(n), func(left, _ int64) int64 { return min(max(left, 0), 1) })
}

func newSetOp(n *plan.SetOp, ctx *Context) Operator {
	copies := func(left, right int64) int64 { return max(min(left, right), 0) }
	if n.Except {
		copies = func(left, right int64) int64 { return max(left-max(right, 0), 0) }
	}
	if !n.All {
		all := copies
		copies = func(left, right int64) int64 {
			if n.Except && right > 0 {
				return 0
			}
			return min(all(left, right), 1)
		}
	}
	return makeSetOp(ctx, columnTypes(n), copies)
}

func makeSetOp(ctx *Context, ts []types.Type, copies func(left, right int64) int64) *setOp {
	s := &setOp{exact: true, copies: copies, rows: ctx.State.NewMap(), seen: map[string]int{}, out: vec.NewBatch(ts)}
	for _, t := range ts {
		s.exact = s.exact && isExact(t)
	}
	return s
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
func (s *setOp) Process(port int, in *vec.Batch, _ Emitter) error {
	s.timed = s.timed || in.Time != nil
	for i := range in.N {
		s.buf = s.buf[:0]
		if !s.exact {
			for _, c := range in.Cols {
				s.buf = vec.AppendKey(s.buf, c, i, false, false)
			}
		}
		n := len(s.buf)
		s.buf = vec.AppendRow(s.buf, in.Cols, i)
		if s.exact {
			n = len(s.buf)
		}
		s.touch(s.buf[:n], timeOf(in, i))
		var counts [2]int64
		if v, ok := s.rows.Get(s.buf); ok {
			counts[0], counts[1], _ = setCounts(v)
		}
		counts[port] += int64(in.DiffAt(i))
		if counts == [2]int64{} {
			s.rows.Delete(s.buf)
			continue
		}
		s.val = binary.AppendVarint(s.val[:0], counts[0])
		if counts[1] != 0 {
			s.val = binary.AppendVarint(s.val, counts[1])
		}
		s.rows.Set(s.buf, s.val)
	}
	return nil
}

// setCounts reads a value of the state.
func setCounts(v []byte) (left, right int64, ok bool) {
	r := stateReader{b: v}
	left = r.varint()
	if len(r.b) > 0 {
		right = r.varint()
	}
	return left, right, !r.bad && len(r.b) == 0 && (left != 0 || right != 0)
}

// touch remembers which rows are out for a key, before it changes.
func (s *setOp) touch(key []byte, time int64) {
	if t, ok := s.seen[string(key)]; ok {
		s.touched[t].time = max(s.touched[t].time, time)
		return
	}
	k := string(key)
	s.seen[k] = len(s.touched)
	lo := len(s.old)
	s.old = s.shown(k, s.old)
	s.touched = append(s.touched, setKey{k, lo, len(s.old), time})
}

// shown appends the rows that stand for a key.
func (s *setOp) shown(key string, rows []setRow) []setRow {
	var left, right int64
	if s.exact {
		v, ok := s.rows.Get([]byte(key))
		if !ok {
			return rows
		}
		left, right, _ = setCounts(v)
		if n := s.copies(left, right); n > 0 {
			rows = append(rows, setRow{key, n})
		}
		return rows
	}
	at := len(rows)
	s.rows.Prefix([]byte(key), func(k, v []byte) bool {
		l, r, _ := setCounts(v)
		left, right = left+l, right+r
		if l > 0 {
			rows = append(rows, setRow{string(k[len(key):]), l})
		}
		return true
	})
	n := s.copies(left, right)
	for i := at; i < len(rows); i++ {
		rows[i].n = min(rows[i].n, n)
		if n -= rows[i].n; rows[i].n == 0 {
			return rows[:i]
		}
	}
	return rows
}

// Advance implements Operator.
func (s *setOp) Advance(_ int64, out Emitter) error {
	s.out.Reset()
	var now []setRow
	for _, t := range s.touched {
		now = s.shown(t.key, now[:0])
		if err := s.difference(t, now); err != nil {
			return err
		}
	}
	clear(s.seen)
	clear(s.touched)
	clear(s.old)
	s.touched, s.old = s.touched[:0], s.old[:0]
	if s.out.N == 0 {
		return nil
	}
	return out.Emit(s.out)
}

// difference puts out what makes the rows of now of those that were out for a key; both are in the order of their
// bytes.
func (s *setOp) difference(t setKey, now []setRow) error {
	old := s.old[t.lo:t.hi]
	for len(old) > 0 || len(now) > 0 {
		var row string
		var n int64
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].row < now[0].row:
			row, n, old = old[0].row, -old[0].n, old[1:]
		case len(old) == 0 || now[0].row < old[0].row:
			row, n, now = now[0].row, now[0].n, now[1:]
		default:
			row, n, old, now = now[0].row, now[0].n-old[0].n, old[1:], now[1:]
		}
		var err error
		eachDiff(n, func(d int32) {
			if _, e := vec.DecodeRow([]byte(row), s.out.Cols); e != nil {
				err = errForeignState([]byte(row))
				return
			}
			s.out.Diff = append(s.out.Diff, d)
			if s.timed {
				s.out.Time = append(s.out.Time, t.time)
			}
			s.out.N++
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Snapshot implements Operator.
func (s *setOp) Snapshot(w state.Writer) error { return s.rows.WriteChanges(w) }

// Restore implements Operator.
func (s *setOp) Restore(key, value []byte) error {
	if _, _, ok := setCounts(value); !ok {
		return errForeignState(key)
	}
	s.rows.Restore(key, value)
	return nil
}

// Attach implements lazy.
func (s *setOp) Attach(r *state.Region) error { return s.rows.Attach(r) }

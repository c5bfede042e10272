package engine

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/tidwall/btree"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// sessionOp puts every row into the session it is in: rows of one key, each at most a gap after the one before. A row
// that comes may grow a session or join two, a row that goes may shrink one or cut it in two; the rows of a session
// whose bounds change are taken back and given again.
//
// Over a stream's own time (WINDOW SESSION) a session ends with its last row, and is closed when that lies more than
// gap and grace behind the stream time. A closed session takes no more rows and is forgotten once the frontier has
// passed it. Over a column (the function SESSION) the end is a gap later, and nothing is ever late.
//
// State, where key is that of the session's rows (4 bytes with the place of its end, vec.AppendKey) and times are 8
// bytes in order:
//
//	0 key time row    → how often the row (vec.AppendRow) is there, its event time, and a number in order of arrival
//	1 key start       → the time of the session's last row
//	clockKey          → see windowClock
type sessionOp struct {
	windowClock
	ctx       *Context
	gap, tail int64 // tail is how long after its last row a session ends
	time      int
	by        *exprs
	rows      *state.Map
	// ends lists the sessions by their end (8 bytes, then their key in rows), where they can be closed.
	ends btree.Map[string, struct{}]

	// The step: net changes of rows by their key in rows, the sessions that were there before it and are not as they
	// were, and those that are new.
	delta         btree.Map[string, sessionDelta]
	before, fresh btree.Map[string, int64]

	out   *vec.Batch
	given []sessionGiven
	seq   int64 // the number of the last row
	timed bool
	buf   []byte
}

type sessionDelta struct {
	diff, time, seq int64
}

const (
	sessionRow byte = iota
	sessionBounds
)

func newSessions(n *plan.Window, ctx *Context) (Operator, error) {
	by, err := compileExprs(n.By)
	if err != nil {
		return nil, err
	}
	s := &sessionOp{
		windowClock: newWindowClock(n), ctx: ctx, gap: n.Size * timeUnit(n), time: n.Time, by: by,
		rows: ctx.State.NewMap(), out: vec.NewBatch(columnTypes(n)),
	}
	if n.StreamTime < 0 {
		s.tail = s.gap
	}
	if n.Size <= 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "session gap %d ms is not positive", n.Size)
	}
	return s, nil
}

// Process implements Operator.
func (s *sessionOp) Process(_ int, in *vec.Batch, _ Emitter) error {
	by, bad := s.by.eval(s.ctx.Env(), in)
	s.timed = s.timed || in.Time != nil
	for i := range in.N {
		if bad[i] != nil {
			continue
		}
		if err := s.take(in, by, i); err != nil {
			bad = addErrs(bad, map[int]error{i: err})
		}
	}
	if bad == nil || s.ctx.Pull && !s.failed(bad) {
		return nil
	}
	_, err := s.ctx.setAside("window", in, bad)
	return err
}

// failed tells whether a row failed otherwise than by being in no window, which is no error to a pull query.
func (s *sessionOp) failed(bad map[int]error) bool {
	for i, err := range bad {
		switch sqlerr.From(err).Code {
		case sqlerr.NullValueNotAllowed, sqlerr.DatetimeFieldOverflow, sqlerr.InvalidParameterValue:
			delete(bad, i)
		}
	}
	return len(bad) > 0
}

// take notes row i. Where rows can be late they are judged one by one, else a step's changes are summed up first.
func (s *sessionOp) take(in *vec.Batch, by []*vec.Column, i int) error {
	t, err := windowTime(in.Cols[s.time], i)
	if err != nil {
		return err
	}
	s.buf = append(s.buf[:0], sessionRow, 0, 0, 0, 0)
	for _, c := range by {
		s.buf = vec.AppendKey(s.buf, c, i, false, false)
	}
	prefix := len(s.buf)
	binary.BigEndian.PutUint32(s.buf[1:], uint32(prefix))
	s.buf = appendTime(s.buf, t)
	s.buf = vec.AppendRow(s.buf, in.Cols, i)
	if !s.never() {
		if err := s.judge(s.buf[:prefix], t, s.at(in, i)); err != nil {
			return err
		}
	}
	d, had := s.delta.Get(string(s.buf))
	if !had {
		s.seq++
		d.seq = s.seq
	}
	d.diff += int64(in.DiffAt(i))
	d.time = timeOf(in, i)
	s.delta.Set(string(s.buf), d)
	if !s.never() {
		s.insert(s.buf[:prefix], t, s.at(in, i))
	}
	return nil
}

// session is a session of the key at hand.
type session struct{ start, last int64 }

// near lists the sessions of a key that lie within a gap of t, the last first. prefix is that of the rows of the key.
func (s *sessionOp) near(prefix []byte, t int64) []session {
	bounds := append([]byte{sessionBounds}, prefix[1:]...)
	var out []session
	s.rows.Back(appendTime(append([]byte(nil), bounds...), t+s.gap), bounds, func(k, v []byte) bool {
		se := session{timeAt(k[len(k)-8:]), timeAt(v)}
		if se.last < t-s.gap {
			return false
		}
		out = append(out, se)
		return true
	})
	return out
}

// over tells whether a session whose last row is at last is closed at stream time st.
func (s *sessionOp) over(last, st int64) bool { return s.late(last+s.gap+1, st) }

// judge returns an error when a row at t is late at stream time st: when the session it would be in is closed.
func (s *sessionOp) judge(prefix []byte, t, st int64) error {
	open := !s.over(t, st)
	for _, se := range s.near(prefix, t) {
		if !s.over(se.last, st) {
			open = true
		} else if se.last >= t {
			return late("session [%d,%d] closed", se.start, se.last)
		}
	}
	if !open {
		return late("session at %d closed", t)
	}
	return nil
}

// insert makes a row at t part of the sessions; those that are closed at st stay as they are.
func (s *sessionOp) insert(prefix []byte, t, st int64) {
	merged := session{t, t}
	var parts []session
	for _, se := range s.near(prefix, t) {
		if s.never() || !s.over(se.last, st) {
			parts = append(parts, se)
			merged.start, merged.last = min(merged.start, se.start), max(merged.last, se.last)
		}
	}
	if len(parts) == 1 && parts[0] == merged {
		return
	}
	for _, p := range parts {
		s.drop(prefix, p)
	}
	s.add(prefix, merged)
}

// remove takes the last row at t out of its session.
func (s *sessionOp) remove(prefix []byte, t int64) {
	var se session
	for _, c := range s.near(prefix, t) {
		if c.start <= t && t <= c.last {
			se = c
		}
	}
	left, right := int64(math.MinInt64), int64(math.MaxInt64)
	at := appendTime(append([]byte(nil), prefix...), t)
	s.rows.Back(at, appendTime(append([]byte(nil), prefix...), se.start), func(k, _ []byte) bool {
		left = timeAt(k[len(prefix):])
		return false
	})
	s.rows.Scan(at, appendTime(append([]byte(nil), prefix...), se.last+1), func(k, _ []byte) bool {
		right = timeAt(k[len(prefix):])
		return false
	})
	has, had := left != math.MinInt64, right != math.MaxInt64
	if has && had && right-left <= s.gap {
		return
	}
	s.drop(prefix, se)
	if has {
		s.add(prefix, session{se.start, left})
	}
	if had {
		s.add(prefix, session{right, se.last})
	}
}

// boundsKey returns the key of a session in rows.
func boundsKey(prefix []byte, start int64) []byte {
	return appendTime(append([]byte{sessionBounds}, prefix[1:]...), start)
}

func (s *sessionOp) drop(prefix []byte, se session) {
	k := boundsKey(prefix, se.start)
	s.rows.Delete(k)
	if !s.never() {
		s.ends.Delete(string(appendTime(nil, se.last)) + string(k))
	}
	if _, new := s.fresh.Delete(string(k)); !new {
		s.before.Set(string(k), se.last)
	}
}

func (s *sessionOp) add(prefix []byte, se session) {
	k := boundsKey(prefix, se.start)
	s.rows.Set(k, appendTime(nil, se.last))
	s.fresh.Set(string(k), se.last)
	if !s.never() {
		s.ends.Set(string(appendTime(nil, se.last))+string(k), struct{}{})
	}
}

// apply brings the rows up to date with the step's changes, and the sessions where that has not happened yet.
func (s *sessionOp) apply() {
	s.delta.Scan(func(k string, d sessionDelta) bool {
		key := []byte(k)
		had, seq := int64(0), d.seq
		if v, ok := s.rows.Get(key); ok {
			r := stateReader{b: v}
			had, _, seq = r.varint(), r.varint(), r.varint()
		}
		has := had + d.diff
		if has == 0 {
			s.rows.Delete(key)
		} else {
			v := binary.AppendVarint(binary.AppendVarint(nil, has), d.time)
			s.rows.Set(key, binary.AppendVarint(v, seq))
		}
		if !s.never() || had > 0 == (has > 0) {
			return true
		}
		prefix := prefixOf(key)
		t := timeAt(key[len(prefix):])
		if has > 0 {
			s.insert(prefix, t, math.MinInt64)
			return true
		}
		alone := true
		s.rows.Prefix(key[:len(prefix)+8], func(_, _ []byte) bool {
			alone = false
			return false
		})
		if alone {
			s.remove(prefix, t)
		}
		return true
	})
}

// prefixOf returns what the keys of a session's rows have in common.
func prefixOf(key []byte) []byte {
	n := binary.BigEndian.Uint32(key[1:])
	return key[:n:n]
}

// Advance implements Operator.
func (s *sessionOp) Advance(frontier int64, out Emitter) error {
	if s.delta.Len() > 0 {
		s.apply()
		err := s.emit(out)
		if err != nil {
			return err
		}
		s.delta, s.before, s.fresh = btree.Map[string, sessionDelta]{}, btree.Map[string, int64]{}, btree.Map[string, int64]{}
	}
	if err := s.windowClock.Advance(frontier, out); err != nil {
		return err
	}
	if !s.never() && s.closed != math.MinInt64 {
		s.forget()
	}
	return nil
}

// emit puts out what the step changed.
func (s *sessionOp) emit(out Emitter) error {
	s.before.Scan(func(k string, last int64) bool {
		s.takeBack([]byte(k), last)
		return true
	})
	s.fresh.Scan(func(k string, last int64) bool {
		key := []byte(k)
		s.between(key, last, func(row []byte, n, time, seq int64) {
			s.given = append(s.given, sessionGiven{row, timeAt(key[len(key)-8:]), last, n, time, seq})
		})
		return true
	})
	s.delta.Scan(func(k string, d sessionDelta) bool { // of sessions that stay as they are
		key := []byte(k)
		prefix := prefixOf(key)
		t := timeAt(key[len(prefix):])
		bounds := boundsKey(prefix, t)
		s.rows.Back(bounds, boundsKey(prefix, math.MinInt64), func(sk, v []byte) bool {
			if _, fresh := s.fresh.Get(string(sk)); !fresh && timeAt(v) >= t {
				s.given = append(s.given, sessionGiven{key, timeAt(sk[len(sk)-8:]), timeAt(v), d.diff, d.time, d.seq})
			}
			return false
		})
		return true
	})
	// Rows come again in the order of their arrival, which some aggregates go by.
	slices.SortStableFunc(s.given, func(a, b sessionGiven) int { return cmp.Compare(a.seq, b.seq) })
	for _, g := range s.given {
		s.append(g.key, g.start, g.last, g.n, g.time)
	}
	clear(s.given)
	s.given = s.given[:0]
	b := &vec.Batch{Cols: s.out.Cols, N: s.out.N, Diff: s.out.Diff}
	if s.timed {
		b.Time = s.out.Time
	}
	if b = Consolidate(b); b.N > 0 {
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	s.out.Reset()
	s.out.Diff, s.out.Time = s.out.Diff[:0], s.out.Time[:0]
	return nil
}

// sessionGiven is a row that a step gives, by its key in rows.
type sessionGiven struct {
	key                       []byte
	start, last, n, time, seq int64
}

// takeBack emits the retraction of a session that was there before the step.
func (s *sessionOp) takeBack(bounds []byte, last int64) {
	start := timeAt(bounds[len(bounds)-8:])
	s.between(bounds, last, func(row []byte, n, time, _ int64) {
		d, _ := s.delta.Get(string(row))
		s.append(row, start, last, d.diff-n, time)
	})
	from := append([]byte(nil), bounds...)
	from[0] = sessionRow
	s.delta.Ascend(string(from), func(k string, d sessionDelta) bool {
		key := []byte(k)
		prefix := prefixOf(key)
		if len(prefix) != len(from)-8 || string(prefix) != string(from[:len(prefix)]) || timeAt(key[len(prefix):]) > last {
			return false
		}
		if _, there := s.rows.Get(key); !there {
			s.append(key, start, last, d.diff, d.time)
		}
		return true
	})
}

// between calls f for the rows of the session with the given key and last row.
func (s *sessionOp) between(bounds []byte, last int64, f func(row []byte, n, time, seq int64)) {
	from := append([]byte(nil), bounds...)
	from[0] = sessionRow
	to := appendTime(append([]byte(nil), from[:len(from)-8]...), last+1)
	s.rows.Scan(from, to, func(k, v []byte) bool {
		r := stateReader{b: v}
		n, time, seq := r.varint(), r.varint(), r.varint()
		f(k, n, time, seq)
		return true
	})
}

// append adds a row, n times, in the session of the given bounds to the output.
func (s *sessionOp) append(key []byte, start, last, n, time int64) {
	k := len(s.out.Cols) - 2
	row := key[len(prefixOf(key))+8:]
	eachDiff(n, func(d int32) {
		if _, err := vec.DecodeRow(row, s.out.Cols[:k]); err != nil {
			panic("BUG: a row in state cannot be decoded: " + err.Error())
		}
		s.out.Cols[k].AppendInt(start)
		s.out.Cols[k+1].AppendInt(last + s.tail)
		s.out.Diff, s.out.Time = append(s.out.Diff, d), append(s.out.Time, time)
		s.out.N++
	})
}

// forget frees the sessions that the frontier has closed.
func (s *sessionOp) forget() {
	for {
		k, _, ok := s.ends.Min()
		last := int64(math.MaxInt64)
		if ok {
			last = timeAt([]byte(k[:8]))
		}
		if !ok || !s.over(last, s.closed) {
			return
		}
		bounds := []byte(k[8:])
		var rows [][]byte
		s.between(bounds, last, func(row []byte, _, _, _ int64) { rows = append(rows, row) })
		for _, row := range rows {
			s.rows.Delete(row)
		}
		s.rows.Delete(bounds)
		s.ends.Delete(k)
	}
}

// Snapshot implements Operator.
func (s *sessionOp) Snapshot(w state.Writer) error {
	if err := s.windowClock.Snapshot(w); err != nil {
		return err
	}
	return s.rows.WriteChanges(w)
}

// Restore implements Operator.
func (s *sessionOp) Restore(key, value []byte) error {
	if len(key) > 0 && key[0] == clockKey {
		return s.windowClock.Restore(key, value)
	}
	if len(key) < 13 {
		return errForeignState(key)
	}
	n := uint64(binary.BigEndian.Uint32(key[1:]))
	switch {
	case n < 5 || n > uint64(len(key)-8):
		return errForeignState(key)
	case key[0] == sessionRow:
		r := stateReader{b: value}
		r.varint()
		time, seq := r.varint(), r.varint()
		if r.bad || !isRow(key[n+8:], &vec.Batch{Cols: s.out.Cols[:len(s.out.Cols)-2]}) {
			return errForeignState(key)
		}
		s.timed, s.seq = s.timed || time != math.MinInt64, max(s.seq, seq)
	case key[0] != sessionBounds || n != uint64(len(key)-8) || len(value) != 8:
		return errForeignState(key)
	}
	s.rows.Restore(key, value)
	if key[0] == sessionBounds && !s.never() {
		s.ends.Set(string(value)+string(key), struct{}{})
	}
	return nil
}

// appendTime appends a time so that its bytes are in order.
func appendTime(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

// timeAt reads what appendTime wrote.
func timeAt(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

package engine

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// windowOp puts every row into the windows that its event time falls in. Windows are aligned to the epoch; as in
// ksqlDB the first one that a time after the epoch falls in starts at the epoch, not before.
//
// A window [start, end) is closed, and a row that belongs to it late, when end + grace is not after the stream time
// at the row. Both times are columns of the row, so a row and its retraction share their fate. It is closed too when
// the frontier has passed it, for then what was computed of it is forgotten (see windowClock).
//
// A cumulating window begins anew every size and is given after each advance: [0,1), [0,2), …, [0,size), [size,size+1).
type windowOp struct {
	windowClock
	ctx           *Context
	cumulate      bool
	size, advance int64
	time          int
	out           *vec.Batch
	sel           []int32
	bad           map[int]error
}

func newWindow(n *plan.Window, ctx *Context) (Operator, error) {
	if n.Kind == "SESSION" {
		return newSessions(n, ctx)
	}
	unit := timeUnit(n)
	w := &windowOp{
		ctx: ctx, cumulate: n.Kind == "CUMULATING", size: n.Size * unit, advance: n.Advance * unit, time: n.Time,
		windowClock: newWindowClock(n), out: vec.NewBatch(columnTypes(n)),
	}
	switch {
	case n.Kind != "TUMBLING" && n.Kind != "HOPPING" && !w.cumulate:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "%s windows cannot be run yet", n.Kind)
	case n.Size <= 0 || n.Advance <= 0 || n.Advance > n.Size:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "window size %d ms and advance %d ms do not fit",
			n.Size, n.Advance)
	}
	return w, nil
}

// Process implements Operator.
func (w *windowOp) Process(_ int, in *vec.Batch, out Emitter) error {
	k := len(in.Cols)
	start, end := w.out.Cols[k], w.out.Cols[k+1]
	start.Reset()
	end.Reset()
	w.sel, w.bad = w.sel[:0], nil
	tc := in.Cols[w.time]
	if w.size == w.advance && tc.Null == nil && !tc.Const && w.allOpen(in) {
		w.assignTumbling(tc, in.N, start, end)
		return w.emitAll(in, out)
	}
	for i := range in.N {
		t, err := windowTime(tc, i)
		switch {
		case err != nil:
			w.fail(i, err)
		case w.cumulate:
			w.accumulate(i, t, start, end)
		default:
			w.assign(in, i, t, start, end)
		}
	}
	if w.bad != nil && !w.ctx.Pull { // to a pull query these rows are in no window, which is no error
		if _, err := w.ctx.setAside("window", in, w.bad); err != nil {
			return err
		}
	}
	if len(w.sel) == 0 {
		return nil
	}
	for i, c := range in.Cols {
		w.out.Cols[i].Reset()
		w.out.Cols[i].Gather(c, w.sel)
	}
	b := &vec.Batch{Cols: w.out.Cols, N: len(w.sel)}
	b.Diff = gatherInts(nil, in.Diff, w.sel)
	b.Time = gatherInts(nil, in.Time, w.sel)
	return out.Emit(b)
}

// allOpen tells whether every row is in a tumbling window that is open.
func (w *windowOp) allOpen(in *vec.Batch) bool {
	tc := in.Cols[w.time]
	if w.never() {
		for _, t := range tc.Int[:in.N] {
			if !inRange(t) {
				return false
			}
		}
		return true
	}
	sc := in.Cols[w.streamTime]
	if sc.Null != nil || sc.Const {
		return false
	}
	st := sc.Int[:in.N]
	for i, t := range tc.Int[:in.N] {
		if !inRange(t) || w.late(floorTo(t, w.size)+w.size, st[i]) {
			return false
		}
	}
	return true
}

// assignTumbling fills in the one window of every row.
func (w *windowOp) assignTumbling(tc *vec.Column, n int, start, end *vec.Column) {
	start.SetLen(n)
	end.SetLen(n)
	s, e := start.Int[:n], end.Int[:n]
	for i, t := range tc.Int[:n] {
		s[i] = floorTo(t, w.size)
		e[i] = s[i] + w.size
	}
}

// emitAll passes every row on with its window, without copying the other columns.
func (w *windowOp) emitAll(in *vec.Batch, out Emitter) error {
	k := len(in.Cols)
	b := &vec.Batch{Cols: append(append(make([]*vec.Column, 0, k+2), in.Cols...), w.out.Cols[k:]...)}
	b.Diff, b.Time, b.N = in.Diff, in.Time, in.N
	return out.Emit(b)
}

// assign puts row i into its open windows, the earliest first.
func (w *windowOp) assign(in *vec.Batch, i int, t int64, start, end *vec.Column) {
	last := floorTo(t, w.advance)
	first := last - (w.size-1-(t-last))/w.advance*w.advance
	if w.streamTime >= 0 && t >= 0 && first < 0 {
		first = 0
	}
	st := w.at(in, i)
	for s := first; s <= last; s += w.advance {
		if w.late(s+w.size, st) {
			w.fail(i, late("window [%d,%d) closed", s, s+w.size))
			continue
		}
		w.sel = append(w.sel, int32(i))
		start.AppendInt(s)
		end.AppendInt(s + w.size)
	}
}

// accumulate puts row i into the cumulating windows that end after it.
func (w *windowOp) accumulate(i int, t int64, start, end *vec.Column) {
	s := floorTo(t, w.size)
	for e := s + w.advance; ; e += w.advance {
		e = min(e, s+w.size)
		if e > t {
			w.sel = append(w.sel, int32(i))
			start.AppendInt(s)
			end.AppendInt(e)
		}
		if e == s+w.size {
			return
		}
	}
}

func (w *windowOp) fail(i int, err error) {
	if w.bad == nil {
		w.bad = map[int]error{}
	}
	if _, ok := w.bad[i]; !ok {
		w.bad[i] = err
	}
}

// floorTo returns the largest multiple of unit that is not above t.
func floorTo(t, unit int64) int64 {
	m := t % unit
	if m < 0 {
		m += unit
	}
	return t - m
}

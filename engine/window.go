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
// at the row. Both times are columns of the row, so a row and its retraction share their fate.
type windowOp struct {
	stateless
	ctx                  *Context
	size, advance, grace int64
	time, streamTime     int
	out                  *vec.Batch
	sel                  []int32
	bad                  map[int]error
}

func newWindow(n *plan.Window, ctx *Context) (Operator, error) {
	w := &windowOp{
		ctx: ctx, size: n.Size, advance: n.Advance, grace: n.Grace, time: n.Time, streamTime: n.StreamTime,
		out: vec.NewBatch(columnTypes(n)),
	}
	switch {
	case n.Kind != "TUMBLING" && n.Kind != "HOPPING":
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
	if w.size == w.advance && tc.Null == nil && w.allOpen(in) {
		w.assignTumbling(tc, in.N, start, end)
		return w.emitAll(in, out)
	}
	for i := range in.N {
		if tc.IsNull(i) {
			w.fail(i, sqlerr.New(sqlerr.NullValueNotAllowed, "event time is NULL: the row is in no window"))
			continue
		}
		if t := tc.Int[i]; inRange(t) {
			w.assign(in, i, t, start, end)
		} else {
			w.fail(i, sqlerr.New(sqlerr.DatetimeFieldOverflow, "event time %d ms is out of range", t))
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
	tc, sc := in.Cols[w.time], in.Cols[w.streamTime]
	if sc.Null != nil {
		return false
	}
	st := sc.Int[:in.N]
	for i, t := range tc.Int[:in.N] {
		if !inRange(t) || w.grace >= 0 && w.late(floorTo(t, w.size)+w.size, st[i]) {
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
	if t >= 0 && first < 0 {
		first = 0
	}
	sc := in.Cols[w.streamTime]
	for s := first; s <= last; s += w.advance {
		if w.grace >= 0 && !sc.IsNull(i) && w.late(s+w.size, sc.Int[i]) {
			w.fail(i, sqlerr.New(sqlerr.InvalidParameterValue, "late: window [%d,%d) closed", s, s+w.size))
			continue
		}
		w.sel = append(w.sel, int32(i))
		start.AppendInt(s)
		end.AppendInt(s + w.size)
	}
}

// late tells whether the window that ends at end is closed at stream time st.
func (w *windowOp) late(end, st int64) bool { return st-end >= w.grace }

func (w *windowOp) fail(i int, err error) {
	if w.bad == nil {
		w.bad = map[int]error{}
	}
	if _, ok := w.bad[i]; !ok {
		w.bad[i] = err
	}
}

// inRange tells whether windows around t can be computed: some 73 million years on either side of the epoch.
func inRange(t int64) bool { return t > -1<<61 && t < 1<<61 }

// floorTo returns the largest multiple of unit that is not above t.
func floorTo(t, unit int64) int64 {
	m := t % unit
	if m < 0 {
		m += unit
	}
	return t - m
}

package engine

import (
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// windowClock tells which windows are closed. A row judges by the stream time it carries, which depends on its own
// partition only. That time is never behind the frontier unless the partition had been silent when the frontier
// passed: then the frontier decides, for the groups of what it closed are forgotten.
//
// State: clockKey → the frontier.
type windowClock struct {
	grace      int64 // -1 when nothing closes
	streamTime int   // column of the input, -1 when there is none
	closed     int64 // the highest frontier so far
	saved      int64 // the one in the checkpoint
	// waits is set where rows may go, or come of something else than a stream's next row: then nothing that is closed is
	// forgotten, and the frontier decides nothing.
	waits bool
}

// clockKey is the key of a windowClock; the operator's other keys begin with another byte.
const clockKey = 0xff

func newWindowClock(n *plan.Window) windowClock {
	return windowClock{grace: n.Grace, streamTime: n.StreamTime, closed: math.MinInt64, saved: math.MinInt64,
		waits: !n.In.Schema().AppendOnly}
}

// never tells that no row is ever late.
func (w *windowClock) never() bool { return w.grace < 0 || w.streamTime < 0 }

// at returns the time by which row i judges.
func (w *windowClock) at(in *vec.Batch, i int) int64 {
	if w.never() {
		return math.MinInt64
	}
	sc := in.Cols[w.streamTime]
	if sc.IsNull(i) {
		return w.closed
	}
	return max(sc.Int[sc.At(i)], w.closed)
}

// late tells whether the window that ends at end is closed at stream time st.
func (w *windowClock) late(end, st int64) bool {
	if st < w.closed {
		st = w.closed
	}
	return !w.never() && st != math.MinInt64 && st-end >= w.grace
}

// Advance implements Operator.
func (w *windowClock) Advance(frontier int64, _ Emitter) error {
	if !w.never() && !w.waits {
		w.closed = max(w.closed, frontier)
	}
	return nil
}

// Snapshot implements Operator.
func (w *windowClock) Snapshot(out state.Writer) error {
	if w.closed == w.saved {
		return nil
	}
	w.saved = w.closed
	return out.Put([]byte{clockKey}, binary.AppendVarint(nil, w.closed))
}

// Restore implements Operator.
func (w *windowClock) Restore(key, value []byte) error {
	r := stateReader{b: value}
	w.closed = r.varint()
	w.saved = w.closed
	if len(key) != 1 || key[0] != clockKey || r.bad {
		return errForeignState(key)
	}
	return nil
}

// timeUnit returns how many units of the column of time are in a millisecond.
func timeUnit(n *plan.Window) int64 {
	if n.Of.Kind == types.KindTimestamp || n.Of.Kind == types.KindTimestampTZ {
		return 1000
	}
	return 1
}

// windowTime returns the time of row i, or why it is in no window.
func windowTime(c *vec.Column, i int) (int64, error) {
	if c.IsNull(i) {
		return 0, sqlerr.New(sqlerr.NullValueNotAllowed, "event time is NULL: the row is in no window")
	}
	t := c.Int[c.At(i)]
	if !inRange(t) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "event time %d ms is out of range", t)
	}
	return t, nil
}

// inRange tells whether windows around t can be computed: some 73 million years on either side of the epoch, or 73
// thousand where time is in microseconds.
func inRange(t int64) bool { return t > -1<<61 && t < 1<<61 }

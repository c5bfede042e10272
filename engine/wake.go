package engine

import (
	"math"
	"strconv"
	"time"

	"github.com/leatdb/leat/sql/fn"
)

// waker is an operator whose output changes by the clock alone.
type waker interface {
	// wake says when that happens next.
	wake() (micros int64, ok bool)
}

// closer is an operator that puts something out when the frontier has passed a time.
type closer interface {
	// due is the first of these times, in milliseconds of event time.
	due() (frontier int64, ok bool)
}

// wake says when the graph changes by the clock alone.
func (g *Graph) wake() (micros int64, ok bool) {
	for _, w := range g.wakers {
		if t, is := w.wake(); is && (!ok || t < micros) {
			micros, ok = t, true
		}
	}
	return micros, ok
}

// due is the first time that the frontier has to pass for something to be put out.
func (g *Graph) due() (frontier int64, ok bool) {
	for _, c := range g.closers {
		if t, is := c.due(); is && (!ok || t < frontier) {
			frontier, ok = t, true
		}
	}
	return frontier, ok
}

// settingIdle is the session setting that says, in milliseconds, how long a partition may give nothing before its time
// goes on with the clock; 0 is for ever.
const settingIdle = "emit.idle.ms"

// idling is how the time of streams goes on when nothing comes. A partition that has been idle holds nobody back; when
// all are, time is that of the furthest, and goes on as fast as the clock.
type idling struct {
	after int64 // milliseconds, 0 for never
	// patient says that a partition that never had a row holds the others back, unless it counts as idle: what it will
	// bring is judged by its own time, and must find the windows it belongs to. EMIT FINAL does not wait for it.
	patient bool
}

func newIdling(env *fn.Env) idling {
	ms, err := strconv.ParseInt(env.Setting(settingIdle), 10, 64)
	if err != nil || ms < 0 {
		ms = 0
	}
	return idling{after: ms}
}

// frontier is the event time that the partitions have reached at a moment of the clock; NoFrontier when none has a row.
func (d idling) frontier(parts []cursor, nowMicros int64) int64 {
	now := floorDiv(nowMicros, 1000)
	low, high := int64(math.MaxInt64), int64(NoFrontier)
	for i := range parts {
		c := &parts[i]
		switch {
		case c.streamTime == NoFrontier:
			if d.patient && d.after == 0 {
				return NoFrontier
			}
		case d.after > 0 && now-c.seen >= d.after:
			high = max(high, c.streamTime+now-c.seen)
		default:
			low = min(low, c.streamTime)
		}
	}
	if low != math.MaxInt64 {
		return low
	}
	return high
}

// wake says when the frontier may pass a time although nothing comes.
func (d idling) wake(parts []cursor, frontier, nowMicros int64) (micros int64, ok bool) {
	if d.after == 0 {
		return 0, false
	}
	now := floorDiv(nowMicros, 1000)
	next, ahead := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range parts {
		c := &parts[i]
		switch {
		case c.streamTime == NoFrontier:
		case now-c.seen < d.after:
			next = min(next, c.seen+d.after)
		default:
			ahead = max(ahead, c.streamTime-c.seen)
		}
	}
	switch {
	case next != math.MaxInt64:
		return next * 1000, true
	case ahead != math.MinInt64:
		return (frontier - ahead) * 1000, true
	}
	return 0, false
}

// passed is the event time that those partitions of the view have reached that had a row.
func (v *view) passed() int64 {
	d := v.idle
	d.patient = false
	return d.frontier(v.streamParts(), v.flow.now)
}

// horizon is the lowest event time of the partitions that could not be read to their end; math.MaxInt64 when all were.
func horizon(parts []cursor) int64 {
	low := int64(math.MaxInt64)
	for i := range parts {
		if parts[i].more {
			low = min(low, parts[i].streamTime)
		}
	}
	return low
}

// passOnLag tells those who read the view's stream whether there is more to come of what is stored.
func (v *view) passOnLag() {
	if v.sink.src.rows != nil {
		return
	}
	for i := range v.sink.src.parts {
		v.sink.src.parts[i].more = v.lags
	}
}

// wake says when the view changes although nothing comes.
func (v *view) wake(nowMicros int64) (micros int64, ok bool) {
	if v.paused {
		return 0, false
	}
	micros, ok = v.graph.wake()
	if v.sink != nil && v.sink.src.view == v {
		if t, is := v.sink.src.rows.wake(); is && (!ok || t < micros) {
			micros, ok = t, true
		}
	}
	if frontier, is := v.graph.due(); is && v.idle.after > 0 {
		if t, is := v.idle.wake(v.streamParts(), frontier, nowMicros); is && (!ok || t < micros) {
			micros, ok = t, true
		}
	}
	return micros, ok
}

// streamParts lists the positions of the view in the partitions of its streams.
func (v *view) streamParts() []cursor {
	v.parts = v.parts[:0]
	for _, in := range v.inputs {
		if in.src.rows == nil {
			v.parts = append(v.parts, in.positions()...)
		}
	}
	return v.parts
}

// isDue tells whether a view has to run at the time of the step although nothing came.
func (f *flow) isDue(v *view) bool {
	t, ok := v.wake(f.now)
	return ok && t <= f.now
}

// ticks tells whether a view has to run now although nothing came.
func (f *flow) ticks(nowMicros int64) bool {
	for _, v := range f.views {
		if t, ok := v.wake(nowMicros); ok && t <= nowMicros {
			return true
		}
	}
	return f.tablesWake() <= nowMicros
}

// firstWake is when the next view has to run although nothing comes; math.MaxInt64 when none has to.
func (f *flow) firstWake(nowMicros int64) int64 {
	first := f.tablesWake()
	for _, v := range f.views {
		if t, ok := v.wake(nowMicros); ok {
			first = min(first, t)
		}
	}
	for _, v := range f.views {
		if t, ok := v.slow.next(); ok && !v.paused && v.catching() {
			first = min(first, max(t, nowMicros+f.pace.rest().Microseconds()))
		}
	}
	return first
}

// alarm sets the timer for the next view that has to run although nothing comes, and for no later than after most.
func (f *flow) alarm(timer *time.Timer, most time.Duration) {
	now := f.cfg.Now().UnixMicro()
	if first := f.firstWake(now); first != math.MaxInt64 {
		most = min(most, time.Duration(min(max(first-now, 0), int64(time.Hour/time.Microsecond)))*time.Microsecond)
	}
	if most == math.MaxInt64 {
		timer.Stop()
		return
	}
	timer.Reset(most)
}

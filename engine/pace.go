package engine

import (
	"math"
	"strconv"
	"time"

	"github.com/leatdb/leat/sql/catalog"
)

// Views that catch up do so inside the steps that all others wait for, so what a step may take of the past depends on
// how long the last ones took: little while new records come in, more while nothing else happens. While records come in
// the past rests after such a step: the steps until then take in nothing but what is new. A rate may be set for a
// query, or for all. What was decided stands in the record of the step.

const (
	// busySlice and idleSlice are how long a step with a slice of the past should take, while records come in and when
	// none have come for a while.
	busySlice = 1500 * time.Microsecond
	idleSlice = 20 * time.Millisecond
	// idleAfter is that while.
	idleAfter = 500 * time.Millisecond
	// restTimes is how many times as long as such a step took the past rests, and longestRest bounds that.
	restTimes   = 3
	longestRest = 50 * time.Millisecond
	// leastRows and leastBytes are what a step takes of the past at least.
	leastRows  = 128
	leastBytes = 16 << 10
)

// pace is how much of the past a step takes.
type pace struct {
	rows, bytes int       // 0 until there was a step
	until       time.Time // until when the past rests
	rested      bool      // it did in the last step
	busy        time.Time // when records came in last
}

// rest is how long nothing of the past is to be taken in.
func (p *pace) rest() time.Duration { return max(time.Until(p.until), 0) }

// slice is how many rows of tables the next step may take.
func (p *pace) slice(c *Config) int {
	if p.rows == 0 {
		p.rows = min(1024, c.SliceRows)
	}
	return p.rows
}

// read is how many bytes of a partition the next step may read for a view that catches up.
func (p *pace) read(c *Config) int {
	if p.bytes == 0 {
		p.bytes = min(128<<10, c.StepBytes)
	}
	return p.bytes
}

// learn changes the pace by how long a step took.
func (p *pace) learn(c *Config, sub *substep, now time.Time, took time.Duration) {
	past := len(sub.Slices) > 0 || len(sub.Rewrites) > 0
	for _, r := range sub.Reads {
		if r.Owner == 0 {
			p.busy = now
		} else {
			past = true
		}
	}
	if !past {
		return
	}
	target := idleSlice
	if now.Sub(p.busy) < idleAfter {
		target = busySlice
		p.until = now.Add(min(restTimes*took, longestRest))
	}
	scale := min(max(float64(target)/float64(took+1), 0.5), 1.5)
	p.rows = min(max(int(float64(p.slice(c))*scale), leastRows), c.SliceRows)
	p.bytes = min(max(int(float64(p.read(c))*scale), leastBytes), c.StepBytes)
}

// settingRate is the session setting that says how many rows a second queries take in while they catch up; 0 is as many
// as there is time for.
const settingRate = "backfill_rate"

// throttle bounds how fast a view catches up. The zero value does not.
type throttle struct {
	rate float64 // rows a second
	left float64 // rows that may be taken now
	at   int64   // when that was so, in microseconds
}

func newThrottle(rel *catalog.Relation, c *Config) throttle {
	n, err := strconv.ParseFloat(rel.Settings[settingRate], 64)
	if err != nil || n <= 0 {
		n = float64(c.BackfillRate)
	}
	return throttle{rate: n}
}

// allow returns how many rows may be taken at a moment, at most want.
func (t *throttle) allow(want int, nowMicros int64) int {
	if t.rate <= 0 {
		return want
	}
	if t.at == 0 {
		t.at = nowMicros
	}
	t.left = min(t.left+t.rate*float64(nowMicros-t.at)/1e6, max(t.rate/10, 1))
	t.at = nowMicros
	return min(want, int(max(t.left, 0)))
}

// take notes that rows were taken.
func (t *throttle) take(n int) {
	if t.rate > 0 {
		t.left -= float64(n)
	}
}

// most is how many bytes of a partition the view may read in a step while it catches up.
func (v *view) most(f *flow) int {
	if v.slow.rate > 0 {
		return min(leastBytes, f.pace.read(f.cfg))
	}
	return f.pace.read(f.cfg)
}

// next is when there is something to take again.
func (t *throttle) next() (micros int64, ok bool) {
	if t.rate <= 0 {
		return 0, false
	}
	return t.at + int64(math.Ceil(max(1-t.left, 0)*1e6/t.rate)), true
}

// Package linear checks whether what clients saw of a log that only grows is linearizable: whether every append and
// every read can have happened at one moment between its begin and its end.
//
// For such a log that is so exactly when
//
//  1. every read is a prefix of the longest one, and no value is there twice;
//  2. a value that is read was appended by somebody who had begun before the read ended, and who was not refused;
//  3. a read has every value whose append had been acknowledged before the read began;
//  4. a read that began after another had ended is no shorter;
//  5. of two appends the one that had ended before the other began comes first.
//
// The whole of every read is compared, so no search is needed.
package linear

import (
	"cmp"
	"fmt"
	"slices"
)

// An Outcome is what a client was told of its append.
type Outcome int

// The outcomes.
const (
	// Unknown: it may have happened, then or later, or not.
	Unknown Outcome = iota
	Acknowledged
	Refused
)

// An Append is one client's append of a value. No two append the same. Begin and End are by one clock.
type Append struct {
	Value      int
	Begin, End int64
	Outcome    Outcome
}

// A Read is one client's read of the whole log.
type Read struct {
	Begin, End int64
	Values     []int
}

// A History is what clients did.
type History struct {
	Appends []Append
	Reads   []Read
}

// Check returns what cannot be.
func (h *History) Check() (wrong []error) {
	if len(h.Reads) == 0 {
		return nil
	}
	fail := func(format string, args ...any) {
		if len(wrong) < 20 {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	by := map[int]*Append{}
	for i := range h.Appends {
		by[h.Appends[i].Value] = &h.Appends[i]
	}
	longest := slices.MaxFunc(h.Reads, func(a, b Read) int { return cmp.Compare(len(a.Values), len(b.Values)) }).Values
	at := map[int]int{}
	for i, v := range longest {
		if before, twice := at[v]; twice {
			fail("value %d is there twice, at %d and %d", v, before, i)
		}
		at[v] = i
	}
	for _, r := range h.Reads {
		if !slices.Equal(r.Values, longest[:len(r.Values)]) {
			fail("a read of %d values is no prefix of the longest", len(r.Values))
		}
		for _, v := range r.Values {
			switch a := by[v]; {
			case a == nil:
				fail("value %d was read and never appended", v)
			case a.Outcome == Refused:
				fail("value %d was read and its append refused", v)
			case a.Begin > r.End:
				fail("value %d was read before it was appended", v)
			}
		}
		for _, a := range h.Appends {
			if i, ok := at[a.Value]; a.Outcome == Acknowledged && a.End < r.Begin && (!ok || i >= len(r.Values)) {
				fail("value %d was acknowledged at %d, and a read that began at %d does not have it", a.Value, a.End, r.Begin)
			}
		}
	}
	h.checkReads(fail)
	h.checkOrder(at, fail)
	return wrong
}

// checkReads checks the order of reads.
func (h *History) checkReads(fail func(string, ...any)) {
	byEnd := slices.SortedFunc(slices.Values(h.Reads), func(a, b Read) int { return cmp.Compare(a.End, b.End) })
	byBegin := slices.SortedFunc(slices.Values(h.Reads), func(a, b Read) int { return cmp.Compare(a.Begin, b.Begin) })
	seen, i := 0, 0
	for _, r := range byBegin {
		for ; byEnd[i].End < r.Begin; i++ {
			seen = max(seen, len(byEnd[i].Values))
		}
		if len(r.Values) < seen {
			fail("a read that began at %d has %d values, one that had ended before has %d", r.Begin, len(r.Values), seen)
		}
	}
}

// checkOrder checks the order of appends.
func (h *History) checkOrder(at map[int]int, fail func(string, ...any)) {
	var found []Append
	for _, a := range h.Appends {
		if _, ok := at[a.Value]; ok {
			if a.Outcome == Unknown {
				a.End = 1<<63 - 1 // it may have happened much later
			}
			found = append(found, a)
		}
	}
	byEnd := slices.SortedFunc(slices.Values(found), func(a, b Append) int { return cmp.Compare(a.End, b.End) })
	slices.SortFunc(found, func(a, b Append) int { return cmp.Compare(a.Begin, b.Begin) })
	last, i := -1, 0
	for _, a := range found {
		for ; i < len(byEnd) && byEnd[i].End < a.Begin; i++ {
			last = max(last, at[byEnd[i].Value])
		}
		if at[a.Value] < last {
			fail("value %d comes before one whose append had ended when its own began", a.Value)
		}
	}
}

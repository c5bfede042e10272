package engine

import (
	"errors"
	"slices"
	"sync"

	"github.com/leatdb/leat/sql/vec"
)

// tap gives a push query the changes of the tables and views it reads, step by step, and how far each step went in all
// it reads. The flow fills it, the query's client drains it; when the client falls too far behind the tap is shut, and
// the client finds what it missed in the topics, so that it slows nobody else.
type tap struct {
	limit  int64
	signal chan struct{}
	timed  bool      // the query reads event times of rows; it is set before the flow knows the tap
	of     []*source // what the query reads, each once; of the flow's goroutine
	last   []int64   // where they ended after the step that was offered last; of the flow's goroutine

	mu    sync.Mutex // guards what follows
	queue []tappedStep
	bytes int64
	shut  bool // steps are passed over until the client has caught up
	err   error
}

// tappedStep is what a step of the flow did to what a query reads.
type tappedStep struct {
	changes []tapped
	place   []int64 // the ends of the partitions of tap.of, in order
	folded  bool    // the changes are what those of several steps come to
}

type tapped struct {
	rel   uint32
	rows  *vec.Batch // shared: not to be changed
	width int        // columns of the relation; behind them may be the event times of the rows
}

// offer is called by the flow after a step, with all its changes.
func (t *tap) offer(s tappedStep) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil || t.shut {
		return
	}
	for _, c := range s.changes {
		t.bytes += c.rows.SizeBytes()
	}
	n := len(t.queue)
	switch {
	case t.bytes > t.limit:
		t.queue, t.bytes, t.shut = nil, 0, true
	case n > 0 && len(s.changes) == 0 && len(t.queue[n-1].changes) == 0:
		t.queue[n-1] = s // streams went on, and the tables stayed what they were
	default:
		t.queue = append(t.queue, s)
	}
	t.wake()
}

// reopen lets the tap take steps again.
func (t *tap) reopen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut, t.queue, t.bytes = false, nil, 0
}

// end ends the query with an error.
func (t *tap) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
	t.wake()
}

func (t *tap) wake() {
	select {
	case t.signal <- struct{}{}:
	default:
	}
}

// errShut tells that the client has fallen behind: it has to catch up by itself.
var errShut = errors.New("engine: the tap is shut")

// drain takes the next step, or with all set everything there is as one.
func (t *tap) drain(all bool) (s tappedStep, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.err == nil && t.shut:
		return s, false, errShut
	case len(t.queue) == 0:
		return s, false, t.err
	}
	s, t.queue = t.queue[0], t.queue[1:]
	for all && len(t.queue) > 0 {
		s.changes = append(s.changes, t.queue[0].changes...)
		s.place = t.queue[0].place
		t.queue = t.queue[1:]
	}
	for _, c := range s.changes {
		t.bytes -= c.rows.SizeBytes()
	}
	return s, true, nil
}

// showTo tells a query what a step changed, if that is anything to it.
func (f *flow) showTo(t *tap, changes []tapped) {
	place := f.placeOf(t)
	if len(changes) == 0 && slices.Equal(place, t.last) {
		return
	}
	t.last = place
	t.offer(tappedStep{changes: changes, place: place})
}

// placeOf is how far the flow has come in what a query reads. Streams that nobody in the flow reads are where they were
// when the last whole round began, which is when no transaction is half there.
func (f *flow) placeOf(t *tap) []int64 {
	place := make([]int64, 0, len(t.last))
	for _, s := range t.of {
		for _, p := range s.reached() {
			at := p.next
			if s.unread() && f.whole {
				at = f.round[p.id]
			}
			if n := len(place); n < len(t.last) {
				at = max(at, t.last[n]) // a view that catches up may have begun to read again
			}
			place = append(place, at)
		}
	}
	return place
}

// reached are the positions that the flow has read a base relation up to, or written a derived one.
func (s *source) reached() []cursor {
	if s.live != nil {
		return s.live.parts
	}
	return s.parts
}

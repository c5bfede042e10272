package engine

import (
	"github.com/tidwall/btree"

	"github.com/leatdb/leat/planner/plan"
)

// windowRetention takes the rows of windows out of a windowed table when event time has passed the start of their
// window by the RETENTION of its query. Readers of the table see them go; its topic does not, as in ksqlDB.
type windowRetention struct {
	keep int64 // milliseconds
	// rows lists the rows by the start of their window (8 bytes in order), then their key. A row that has gone may
	// still be listed.
	rows btree.Map[string, struct{}]
}

// newWindowRetention returns nil for a plan whose windows are kept.
func newWindowRetention(n plan.Node) *windowRetention {
	if w, ok := n.(*plan.Window); ok && w.Retention > 0 {
		return &windowRetention{keep: w.Retention}
	}
	for _, in := range n.Inputs() {
		if r := newWindowRetention(in); r != nil {
			return r
		}
	}
	return nil
}

// add lists a row by its key, which ends in the two bounds of the window.
func (r *windowRetention) add(key []byte) {
	if r != nil && len(key) >= boundsBytes {
		start := key[len(key)-boundsBytes+1:]
		r.rows.Set(string(start[:8])+string(key), struct{}{})
	}
}

// boundsBytes is the length of the bounds of a window in a key: for each a flag and 8 bytes.
const boundsBytes = 18

// load lists the rows that a table has after a restart.
func (r *windowRetention) load(t *table) {
	if r != nil {
		t.rows.Scan(nil, nil, func(key, _ []byte) bool {
			r.add(key)
			return true
		})
	}
}

// expire takes out of the table what the frontier has passed.
func (s *sink) expire(frontier int64) {
	if s.keep == nil || frontier == NoFrontier {
		return
	}
	t := s.src.rows
	changes := s.src.newChanges()
	for {
		k, _, ok := s.keep.rows.Min()
		if !ok || timeAt([]byte(k[:8])) > frontier-s.keep.keep {
			break
		}
		s.keep.rows.Delete(k)
		t.key = append(t.key[:0], k[8:]...)
		if t.replace(changes, nil, 0, frontier, true) {
			s.src.snap = nil
		}
	}
	s.src.publish(changes)
}

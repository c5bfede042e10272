package state

import (
	"sync"
)

// base is where a map that is partial finds what its tree does not have.
type base interface {
	// cursor is over the keys of the map, for its caller alone; nil when there are none.
	cursor() *cursor
	// read runs fn, which may use cursors.
	read(fn func())
}

// read implements base: the dataflow's goroutine alone moves on to another version.
func (r *Region) read(fn func()) { fn() }

// frozen is a base that stays as it is, for any number of goroutines.
type frozen struct {
	pin *pin
	id  opID
}

func (f *frozen) cursor() *cursor {
	return f.pin.v.s.newCursor(f.pin.v.tx, f.id)
}

func (f *frozen) read(fn func()) { f.pin.v.read(fn) }

// Snapshot is a Map at one moment. Any number of goroutines may use it.
type Snapshot struct {
	t    *tree
	mu   sync.Mutex // held while t is copied, which reading does not mind
	n    int
	base *frozen // nil when t has everything
}

// Snapshot returns the map as it is now. It costs nothing but the copying of tree nodes that change later, and the
// pages of the file that would be used again if it were not there.
func (m *Map) Snapshot() *Snapshot {
	s := &Snapshot{t: m.t.Copy(), n: m.n}
	switch b := m.base.(type) {
	case *Region:
		if m.partial {
			s.base = &frozen{pin: b.s.pinned(), id: b.id}
		}
	case *frozen:
		s.base = b
	}
	return s
}

// Map returns a new map that begins with what the snapshot holds.
func (s *Snapshot) Map() *Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := NewMap()
	m.t, m.n = s.t.Copy(), s.n
	if s.base != nil {
		m.base, m.partial = s.base, true
	}
	return m
}

// Len returns the number of keys.
func (s *Snapshot) Len() int { return s.n }

// Get is as Map.Get.
func (s *Snapshot) Get(key []byte) (value []byte, ok bool) {
	e, ok := s.t.Get(view(key))
	if !ok && s.base != nil && len(key) <= maxPlain {
		s.base.read(func() { value, ok = get(s.base, key) })
		return value, ok
	}
	return bytesOf(e.val), ok && !e.gone
}

// Scan is as Map.Scan.
func (s *Snapshot) Scan(from, to []byte, fn func(key, value []byte) bool) {
	s.scan(from, before(to), fn)
}

// Prefix is as Map.Prefix.
func (s *Snapshot) Prefix(prefix []byte, fn func(key, value []byte) bool) {
	s.scan(prefix, begins(prefix), fn)
}

func (s *Snapshot) scan(from []byte, in bound, fn func(key, value []byte) bool) {
	if s.base == nil {
		scan(s.t, from, in, fn)
		return
	}
	s.base.read(func() { merge(s.t, s.base.cursor(), from, in, fn) })
}

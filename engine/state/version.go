package state

import (
	"bytes"
	"runtime"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/sql/sqlerr"
)

// version is the file as it was after a checkpoint: a read transaction, which several goroutines may read, each with
// cursors of its own. Whoever holds it keeps the pages that the file has replaced since from being used again.
type version struct {
	s  *Store
	tx *bbolt.Tx
	// refs counts who holds it, reading who reads it just now; guarded by s.mu.
	refs, reading int
}

// newVersion is the file as it is, held once.
func (s *Store) newVersion() (*version, error) {
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.round.Add(1)
	v := &version{s: s, tx: tx, refs: 1}
	s.open[v] = struct{}{}
	return v, nil
}

func (v *version) release() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if v.refs--; v.refs == 0 && !v.s.closed {
		v.end()
	}
}

// end ends the transaction; s.mu is held. Ending one that only reads cannot fail.
func (v *version) end() {
	delete(v.s.open, v)
	_ = v.tx.Rollback()
}

// read runs fn while the file is there. A server that shuts down ends queries with the error it panics with.
func (v *version) read(fn func()) {
	v.s.mu.Lock()
	if v.s.closed {
		v.s.mu.Unlock()
		panic(sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down"))
	}
	v.reading++
	v.s.mu.Unlock()
	defer func() {
		v.s.mu.Lock()
		v.reading--
		v.s.idle.Broadcast()
		v.s.mu.Unlock()
	}()
	fn()
}

// closeVersions ends all transactions, once nobody reads.
func (s *Store) closeVersions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for v := range s.open {
		for v.reading > 0 {
			s.idle.Wait()
		}
		v.end()
	}
}

// pin holds a version for as long as somebody holds the pin.
type pin struct{ v *version }

// pinned holds the current version.
func (s *Store) pinned() *pin {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &pin{s.current}
	p.v.refs++
	runtime.AddCleanup(p, (*version).release, p.v)
	return p
}

// Region is the keys of one operator in the file, as they were after the last checkpoint that was settled. It belongs
// to the dataflow's goroutine.
type Region struct {
	s  *Store
	id opID
	at *version // that c reads; nil before the first
	c  *cursor
	k  []byte // scratch
}

// Region returns the region of an operator.
func (s *Store) Region(owner uint64, op uint32) *Region { return &Region{s: s, id: opID{owner, op}} }

// cursor is over the newest version; nil when it has nothing of the operator.
func (r *Region) cursor() *cursor {
	if r.at != r.s.current { // which nobody but this goroutine changes
		r.c = r.s.newCursor(r.s.current.tx, r.id)
		r.at = r.s.current
	}
	return r.c
}

// Get returns the value that the file has for a key of at most MaxKey bytes. It is valid until the next call.
func (r *Region) Get(key []byte) ([]byte, bool) {
	r.k = storedKey(r.k[:0], key)
	return find(r.cursor(), r.k)
}

// Scan calls fn for the keys that the file has, in order, from <= key < to until fn returns false; a nil to means no
// bound. Keys beyond MaxKey are left out. Key and value are borrowed.
func (r *Region) Scan(from, to []byte, fn func(key, value []byte) bool) {
	if c := r.cursor(); c != nil {
		c = c.again() // fn may get others meanwhile
		for k, v := seek(c, from); k != nil && (to == nil || bytes.Compare(k, to) < 0) && fn(k, v); {
			k, v = plain(c.next())
		}
	}
}

// Long calls fn for the keys beyond MaxKey, in no particular order, until it returns an error. Key and value are
// borrowed.
func (r *Region) Long(fn func(key, value []byte) error) error {
	c := r.cursor()
	if c == nil {
		return nil
	}
	for k, v := c.seek([]byte{longKey}); k != nil; k, v = c.next() {
		key, value, err := loadPair(k, v)
		if err == nil {
			err = fn(key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// MaxKey is the length of the longest key that is kept in order in the file. Entries with longer keys stay in memory.
const MaxKey = maxPlain

// find returns the value of a stored key; c may be nil.
func find(c *cursor, stored []byte) ([]byte, bool) {
	if c == nil {
		return nil, false
	}
	if k, v := c.seek(stored); bytes.Equal(k, stored) {
		return v, true
	}
	return nil, false
}

// seek goes to the first plain key that is not before from.
func seek(c *cursor, from []byte) (key, value []byte) {
	if len(from) > maxPlain { // what is in the file is shorter
		from = from[:maxPlain]
		k, v := plain(c.seek(append([]byte{plainKey}, from...)))
		if bytes.Equal(k, from) {
			return plain(c.next())
		}
		return k, v
	}
	return plain(c.seek(append([]byte{plainKey}, from...)))
}

// seekBack goes to the last plain key that is not after from.
func seekBack(c *cursor, from []byte) (key, value []byte) {
	k, v := seek(c, from)
	if k != nil {
		if bytes.Equal(k, from) {
			return k, v
		}
		return plain(c.prev())
	}
	// Every plain key is before from.
	if k, _ := c.seek([]byte{longKey}); k == nil {
		return plain(c.last())
	}
	return plain(c.prev())
}

// plain takes the first byte off a stored key; nil for the long ones, which come after all others.
func plain(k, v []byte) (key, value []byte) {
	if len(k) == 0 || k[0] != plainKey {
		return nil, nil
	}
	return k[1:], v
}

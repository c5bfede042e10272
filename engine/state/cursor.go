package state

import (
	"encoding/binary"
	"runtime/debug"
	"unsafe"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/log/mapped"
	"github.com/leatdb/leat/sql/sqlerr"
)

// cursor is a cursor over the keys of an operator that looks at the pages it finds something in: see pages.go. The
// pages above them are looked at when the file is opened. What it gives is a copy, good until it is used again: nobody
// else touches the file, so a page that the disk does not give is met here.
type cursor struct {
	c     *bbolt.Cursor
	s     *Store
	data  uintptr // where the file begins in memory
	first bool    // the key found last is the first of its page
	found []byte  // key and value found last
}

// newCursor returns a cursor over the keys of an operator; nil where there are none.
func (s *Store) newCursor(tx *bbolt.Tx, id opID) *cursor {
	defer s.caught(debug.SetPanicOnFault(true))
	b := opBucket(tx, id)
	if b == nil {
		return nil
	}
	return &cursor{c: b.Cursor(), s: s, data: s.db.Info().Data}
}

// again returns another cursor over the same keys.
func (c *cursor) again() *cursor {
	return &cursor{c: c.c.Bucket().Cursor(), s: c.s, data: c.data}
}

// seek goes to the first key that is not before one. Where that begins a page, the page before has been searched in
// vain.
func (c *cursor) seek(key []byte) (k, v []byte) {
	defer c.s.caught(debug.SetPanicOnFault(true))
	k, v = c.sound(c.c.Seek(key))
	switch {
	case k == nil:
		c.last()
	case c.first:
		if before, _ := c.prev(); before != nil {
			return c.next()
		}
		return c.sound(c.c.Seek(key))
	}
	return k, v
}

func (c *cursor) next() (k, v []byte) {
	defer c.s.caught(debug.SetPanicOnFault(true))
	return c.sound(c.c.Next())
}

func (c *cursor) prev() (k, v []byte) {
	defer c.s.caught(debug.SetPanicOnFault(true))
	return c.sound(c.c.Prev())
}

func (c *cursor) last() (k, v []byte) {
	defer c.s.caught(debug.SetPanicOnFault(true))
	return c.sound(c.c.Last())
}

// caught is deferred where the library panics at a page that makes no sense, or that the disk does not give. Whether
// faults panicked before is so again.
func (s *Store) caught(faults bool) {
	debug.SetPanicOnFault(faults)
	if p := recover(); p != nil {
		s.fail(senseless(s.db, p))
	}
}

// senseless is the error of what the library has panicked with, which may be a Damage.
func senseless(db *mapped.DB, p any) error {
	if d, is := p.(Damage); is {
		return d
	}
	if err := db.Fault(p); err != nil {
		return unread(db.Path(), err)
	}
	return Damage{of: sqlerr.New(sqlerr.DataCorrupted, "the state file %s is not what was written: %v", db.Path(), p)}
}

// sound looks at the pages that a key and its value are in, and panics with the error of one that is damaged, or copies
// both. The library has copied the keys of some small buckets: those were looked at when the file was opened.
func (c *cursor) sound(k, v []byte) ([]byte, []byte) {
	c.first = false
	if len(k) == 0 {
		return nil, nil
	}
	size := uint64(c.s.sums.size)
	from := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(k))) - c.data)
	id, at := from/size, from%size
	if c.s.sums.of(id) == 0 {
		return c.copied(k, v)
	}
	page := unsafe.Add(unsafe.Pointer(unsafe.SliceData(k)), -int(at))
	if at >= pageHead+16 {
		place := (*[4]byte)(unsafe.Add(page, pageHead+4)) // of the first element's key
		c.first = pageHead+uint64(binary.NativeEndian.Uint32(place[:])) == at
	}
	for to := id + (at+uint64(len(k)+len(v))-1)/size; id <= to; id++ {
		if !c.s.sums.sound(id, page) {
			panic(damaged(c.s.db.Path(), id))
		}
		page = unsafe.Add(page, size)
	}
	return c.copied(k, v)
}

func (c *cursor) copied(k, v []byte) (key, value []byte) {
	c.found = append(append(c.found[:0], k...), v...)
	return c.found[:len(k):len(k)], c.found[len(k):]
}

// fail tells that the file is damaged, and ends whoever has met that.
func (s *Store) fail(err error) {
	s.tell(err)
	panic(err)
}

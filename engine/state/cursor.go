package state

import (
	"encoding/binary"
	"unsafe"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/sql/sqlerr"
)

// cursor is a cursor over the keys of an operator that looks at the pages it finds something in: see pages.go. The
// pages above them are looked at when the file is opened.
type cursor struct {
	c     *bbolt.Cursor
	s     *Store
	data  uintptr // where the file begins in memory
	first bool    // the key found last is the first of its page
}

// newCursor returns a cursor over a bucket; nil where there is none.
func (s *Store) newCursor(b *bbolt.Bucket) *cursor {
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
	defer c.caught()
	k, v = c.sound(c.c.Seek(key))
	switch {
	case k == nil:
		c.last()
	case c.first:
		if before, _ := c.prev(); before != nil {
			return c.next()
		}
		return c.c.Seek(key)
	}
	return k, v
}

func (c *cursor) next() (k, v []byte) {
	defer c.caught()
	return c.sound(c.c.Next())
}

func (c *cursor) prev() (k, v []byte) {
	defer c.caught()
	return c.sound(c.c.Prev())
}

func (c *cursor) last() (k, v []byte) {
	defer c.caught()
	return c.sound(c.c.Last())
}

// caught is deferred where the library panics at a page that makes no sense.
func (c *cursor) caught() {
	if p := recover(); p != nil {
		c.s.fail(senseless(c.s.db.Path(), p))
	}
}

// senseless is the error of what the library has panicked with, which may be a Damage.
func senseless(path string, p any) error {
	if d, is := p.(Damage); is {
		return d
	}
	return Damage{sqlerr.New(sqlerr.DataCorrupted, "the state file %s is not what was written: %v", path, p)}
}

// sound looks at the pages that a key and its value are in, and panics with the error of one that is damaged. The
// library has copied the keys of some small buckets: those were looked at when the file was opened.
func (c *cursor) sound(k, v []byte) ([]byte, []byte) {
	c.first = false
	if len(k) == 0 {
		return k, v
	}
	size := uint64(c.s.sums.size)
	from := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(k))) - c.data)
	id, at := from/size, from%size
	if c.s.sums.of(id) == 0 {
		return k, v
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
	return k, v
}

// fail tells that the file is damaged, and ends whoever has met that.
func (s *Store) fail(err error) {
	if s.options.Failed != nil {
		s.options.Failed(err)
	}
	panic(err)
}

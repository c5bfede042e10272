package state

import (
	"bytes"
	"slices"
)

// changes is a list of puts and deletes of one bucket; it is a Writer.
type changes struct {
	buf  []byte
	list []change
}

// change is one put or delete; its key and value lie one after the other in changes.buf.
type change struct {
	off        int
	klen, vlen uint32
	del        bool
}

// Put implements Writer.
func (c *changes) Put(key, value []byte) error {
	c.list = append(c.list, change{len(c.buf), uint32(len(key)), uint32(len(value)), false})
	c.buf = append(append(c.buf, key...), value...)
	return nil
}

// Delete implements Writer.
func (c *changes) Delete(key []byte) error {
	c.list = append(c.list, change{len(c.buf), uint32(len(key)), 0, true})
	c.buf = append(c.buf, key...)
	return nil
}

func (c *changes) key(e change) []byte { return c.buf[e.off : e.off+int(e.klen)] }

func (c *changes) value(e change) []byte {
	from := e.off + int(e.klen)
	return c.buf[from : from+int(e.vlen)]
}

// Len implements part.
func (c *changes) Len() int { return len(c.list) }

func (c *changes) at(i int) (key, value []byte, del bool) {
	e := c.list[i]
	return c.key(e), c.value(e), e.del
}

// sort orders the changes by key and keeps the last of each key.
func (c *changes) sort() {
	slices.SortStableFunc(c.list, func(a, b change) int { return bytes.Compare(c.key(a), c.key(b)) })
	kept := c.list[:0]
	for i, e := range c.list {
		if i+1 == len(c.list) || !bytes.Equal(c.key(e), c.key(c.list[i+1])) {
			kept = append(kept, e)
		}
	}
	c.list = kept
}

// over returns older with c on top of it, sorted and without the bytes that no longer count.
func (c *changes) over(older *changes) *changes {
	for _, e := range c.list {
		e.off += len(older.buf)
		older.list = append(older.list, e)
	}
	older.buf = append(older.buf, c.buf...)
	older.sort()
	out := &changes{list: make([]change, 0, len(older.list))}
	for _, e := range older.list {
		n := int(e.klen) + int(e.vlen)
		out.list = append(out.list, change{len(out.buf), e.klen, e.vlen, e.del})
		out.buf = append(out.buf, older.buf[e.off:e.off+n]...)
	}
	return out
}

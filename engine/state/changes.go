package state

import (
	"bytes"
	"slices"
)

// changes is a list of puts and deletes of one bucket; it is a Writer. It grows by pieces: copying all of it to a
// larger place would hold up whoever gives it one change more.
type changes struct {
	bufs [][]byte
	full [][]change // pieces of the list, until it is sorted
	list []change
}

// change is one put or delete; its key and value lie one after the other in a buffer.
type change struct {
	buf, off   uint32
	klen, vlen uint32
	del        bool
}

const (
	// pieceBytes is the size of a buffer, unless one change takes more.
	pieceBytes = 256 << 10
	// pieceChanges is how long the pieces of the list are.
	pieceChanges = 16 << 10
)

// Put implements Writer.
func (c *changes) Put(key, value []byte) error {
	c.add(key, value, false)
	return nil
}

// Delete implements Writer.
func (c *changes) Delete(key []byte) error {
	c.add(key, nil, true)
	return nil
}

func (c *changes) add(key, value []byte, del bool) {
	n := len(key) + len(value)
	last := len(c.bufs) - 1
	if last < 0 || len(c.bufs[last])+n > cap(c.bufs[last]) {
		size := pieceBytes
		if last < 2 { // most checkpoints of an operator are small
			size = 4 << 10
		}
		c.bufs = append(c.bufs, make([]byte, 0, max(size, n)))
		last++
	}
	if len(c.list) == pieceChanges {
		c.full = append(c.full, c.list)
		c.list = make([]change, 0, pieceChanges)
	}
	b := c.bufs[last]
	c.list = append(c.list, change{uint32(last), uint32(len(b)), uint32(len(key)), uint32(len(value)), del})
	c.bufs[last] = append(append(b, key...), value...)
}

func (c *changes) key(e change) []byte { return c.bufs[e.buf][e.off : e.off+e.klen] }

func (c *changes) value(e change) []byte {
	from := e.off + e.klen
	return c.bufs[e.buf][from : from+e.vlen]
}

// Len implements part.
func (c *changes) Len() int { return len(c.list) }

func (c *changes) at(i int) (key, value []byte, del bool) {
	e := c.list[i]
	return c.key(e), c.value(e), e.del
}

// sort orders the changes by key and keeps the last of each key. Nothing may be added after it. It calls rest between
// pieces of the work.
func (c *changes) sort(rest func()) {
	if len(c.full) > 0 {
		c.list = merged(append(c.full, c.list), func(a, b change) int { return bytes.Compare(c.key(a), c.key(b)) }, rest)
		c.full = nil
	} else {
		slices.SortStableFunc(c.list, func(a, b change) int { return bytes.Compare(c.key(a), c.key(b)) })
	}
	kept := c.list[:0]
	for i, e := range c.list {
		if i+1 == len(c.list) || !bytes.Equal(c.key(e), c.key(c.list[i+1])) {
			kept = append(kept, e)
		}
	}
	c.list = kept
}

// over returns older with c on top of it; both are sorted.
func (c *changes) over(older *changes) *changes {
	out := &changes{}
	i := 0
	for _, e := range older.list {
		key := older.key(e)
		for ; i < len(c.list) && bytes.Compare(c.key(c.list[i]), key) < 0; i++ {
			out.add(c.key(c.list[i]), c.value(c.list[i]), c.list[i].del)
		}
		if i == len(c.list) || !bytes.Equal(c.key(c.list[i]), key) {
			out.add(key, older.value(e), e.del)
		}
	}
	for _, e := range c.list[i:] {
		out.add(c.key(e), c.value(e), e.del)
	}
	out.sort(func() {}) // which they are: all pieces become one list
	return out
}

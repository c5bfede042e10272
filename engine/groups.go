package engine

import (
	"bytes"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// groupTable numbers the distinct keys of rows: open addressing with linear probing from 64-bit hashes to group
// numbers, and the keys themselves in columns by group number. Numbers of removed groups are given out again.
type groupTable struct {
	slots []groupSlot // a power of two of them, at most three quarters in use
	used  int
	hash  []uint64 // of every group
	keys  []keyStore
	free  []int32
	bad   []int32 // scratch
	// refs tells how many aggregations have each group, of the users that share the table; gone is called when there is
	// none left. See sharedkeys.go.
	refs  []int32
	users int
	gone  func()
}

// groupSlot is empty while group is 0; else it is the group's number plus one.
type groupSlot struct {
	hash  uint64
	group int32
}

// keyStore holds one key column by group number. Keys that SQL finds equal are one key; what is kept is the value
// that came first.
type keyStore interface {
	// set stores row i of c for group g, which is at most one beyond those stored.
	set(g int32, c *vec.Column, i int)
	// differing appends to bad the rows of c that are not equal to the key of the group given for them.
	differing(groups []int32, c *vec.Column, bad []int32) []int32
	// appendTo appends the keys of groups to out.
	appendTo(groups []int32, out *vec.Column)
	// drop forgets the key of a group.
	drop(g int32)
}

func newGroupTable(ts []types.Type) *groupTable {
	t := &groupTable{slots: make([]groupSlot, 64)}
	for _, typ := range ts {
		var k keyStore
		switch {
		case typ.Class() == types.ClassInt:
			k = &intKeys{}
		case exactKey(typ):
			k = &bytesKeys{}
		default:
			k = &otherKeys{}
		}
		t.keys = append(t.keys, k)
	}
	return t
}

// find sets groups[i] to the number of the group of row i, for the n rows of cols, and makes the groups that are new.
func (t *groupTable) find(cols []*vec.Column, hashes []uint64, groups []int32) {
	t.reserve(len(hashes))
	mask := uint64(len(t.slots) - 1)
	for i, h := range hashes {
		p := h & mask
		for {
			s := &t.slots[p]
			if s.group == 0 {
				groups[i] = t.add(s, h, cols, i)
				break
			}
			if s.hash == h {
				groups[i] = s.group - 1
				break
			}
			p = (p + 1) & mask
		}
	}
	t.bad = t.bad[:0]
	for k, c := range cols {
		t.bad = t.keys[k].differing(groups, c, t.bad)
	}
	for _, i := range t.bad {
		groups[i] = t.findCollided(cols, hashes[i], int(i))
	}
}

// findCollided is find for a row whose hash is also that of another key.
func (t *groupTable) findCollided(cols []*vec.Column, h uint64, i int) int32 {
	mask := uint64(len(t.slots) - 1)
	for p := h & mask; ; p = (p + 1) & mask {
		s := &t.slots[p]
		if s.group == 0 {
			return t.add(s, h, cols, i)
		}
		if s.hash == h && t.equal(s.group-1, cols, i) {
			return s.group - 1
		}
	}
}

func (t *groupTable) equal(g int32, cols []*vec.Column, i int) bool {
	for k, c := range cols {
		if len(t.keys[k].differing([]int32{g}, c.Slice(i, i+1), nil)) > 0 {
			return false
		}
	}
	return true
}

func (t *groupTable) add(s *groupSlot, h uint64, cols []*vec.Column, i int) int32 {
	g := int32(len(t.hash))
	if k := len(t.free); k > 0 {
		g, t.free = t.free[k-1], t.free[:k-1]
		t.hash[g] = h
	} else {
		t.hash, t.refs = append(t.hash, h), append(t.refs, 0)
	}
	for k, c := range cols {
		t.keys[k].set(g, c, i)
	}
	t.used++
	*s = groupSlot{h, g + 1}
	return g
}

// reserve makes room for n more groups.
func (t *groupTable) reserve(n int) {
	size := len(t.slots)
	for (t.used+n)*4 > size*3 {
		size *= 2
	}
	if size == len(t.slots) {
		return
	}
	old := t.slots
	t.slots = make([]groupSlot, size)
	mask := uint64(size - 1)
	for _, s := range old {
		if s.group == 0 {
			continue
		}
		p := s.hash & mask
		for t.slots[p].group != 0 {
			p = (p + 1) & mask
		}
		t.slots[p] = s
	}
}

// remove forgets a group and frees its number. The slots after it move up, so that no gap cuts a probe short.
func (t *groupTable) remove(g int32) {
	mask := uint64(len(t.slots) - 1)
	p := t.hash[g] & mask
	for t.slots[p].group != g+1 {
		p = (p + 1) & mask
	}
	for q := (p + 1) & mask; t.slots[q].group != 0; q = (q + 1) & mask {
		if home := t.slots[q].hash & mask; (q-home)&mask >= (q-p)&mask {
			t.slots[p] = t.slots[q]
			p = q
		}
	}
	t.slots[p] = groupSlot{}
	for _, k := range t.keys {
		k.drop(g)
	}
	t.used--
	t.free = append(t.free, g)
}

// intKeys holds keys of ClassInt.
type intKeys struct {
	val  []int64
	null []bool // nil while there is no NULL
}

func (k *intKeys) set(g int32, c *vec.Column, i int) {
	i = c.At(i)
	null := c.IsNull(i)
	v := c.Int[i]
	if null {
		v = 0
	}
	if int(g) == len(k.val) {
		k.val = append(k.val, v)
		if k.null != nil {
			k.null = append(k.null, false)
		}
	}
	k.val[g] = v
	if null && k.null == nil {
		k.null = make([]bool, len(k.val))
	}
	if k.null != nil {
		k.null[g] = null
	}
}

func (k *intKeys) differing(groups []int32, c *vec.Column, bad []int32) []int32 {
	if c.Const || c.Null != nil || k.null != nil {
		for i, g := range groups {
			null := k.null != nil && k.null[g]
			if null != c.IsNull(i) || !null && k.val[g] != c.Int[c.At(i)] {
				bad = append(bad, int32(i))
			}
		}
		return bad
	}
	vals := c.Int[:len(groups)]
	for i, g := range groups {
		if k.val[g] != vals[i] {
			bad = append(bad, int32(i))
		}
	}
	return bad
}

func (k *intKeys) appendTo(groups []int32, out *vec.Column) {
	out.Grow(len(groups))
	for _, g := range groups {
		if k.null != nil && k.null[g] {
			out.AppendNull()
		} else {
			out.AppendInt(k.val[g])
		}
	}
}

func (*intKeys) drop(int32) {}

// arena holds byte strings by number in one slice, which is rewritten when half of it is garbage.
type arena struct {
	data    []byte
	refs    []arenaRef
	garbage int
}

// arenaRef is a place in arena.data.
type arenaRef struct {
	off int
	n   int32 // -1 stands for NULL
}

func (a *arena) at(g int32) []byte {
	r := a.refs[g]
	return a.data[r.off : r.off+int(r.n)]
}

func (a *arena) set(g int32, b []byte, null bool) {
	if int(g) == len(a.refs) {
		a.refs = append(a.refs, arenaRef{})
	}
	if null {
		a.refs[g] = arenaRef{n: -1}
		return
	}
	a.refs[g] = arenaRef{len(a.data), int32(len(b))}
	a.data = append(a.data, b...)
}

func (a *arena) drop(g int32) {
	a.garbage += int(max(a.refs[g].n, 0))
	a.refs[g] = arenaRef{}
	if a.garbage < 1<<16 || a.garbage < len(a.data)/2 {
		return
	}
	data := make([]byte, 0, len(a.data)-a.garbage)
	for i, r := range a.refs {
		if r.n > 0 {
			a.refs[i].off = len(data)
			data = append(data, a.data[r.off:r.off+int(r.n)]...)
		} else {
			a.refs[i].off = 0
		}
	}
	a.data, a.garbage = data, 0
}

// bytesKeys holds keys of ClassBytes that are equal when their bytes are.
type bytesKeys struct{ arena }

func (k *bytesKeys) set(g int32, c *vec.Column, i int) {
	if c.IsNull(i) {
		k.arena.set(g, nil, true)
		return
	}
	k.arena.set(g, c.Bytes(i), false)
}

func (k *bytesKeys) differing(groups []int32, c *vec.Column, bad []int32) []int32 {
	for i, g := range groups {
		null := k.refs[g].n < 0
		if null != c.IsNull(i) || !null && !bytes.Equal(k.at(g), c.Bytes(i)) {
			bad = append(bad, int32(i))
		}
	}
	return bad
}

func (k *bytesKeys) appendTo(groups []int32, out *vec.Column) {
	out.Grow(len(groups))
	for _, g := range groups {
		if k.refs[g].n < 0 {
			out.AppendNull()
		} else {
			out.AppendBytes(k.at(g))
		}
	}
}

// otherKeys holds keys of the other classes: as key bytes, to compare, and as row bytes, to give back exactly.
type otherKeys struct {
	key, row arena
	buf      []byte
	one      [1]*vec.Column
}

func (k *otherKeys) set(g int32, c *vec.Column, i int) {
	k.buf = vec.AppendKey(k.buf[:0], c, i, false, false)
	k.key.set(g, k.buf, false)
	k.one[0] = c
	k.buf = vec.AppendRow(k.buf[:0], k.one[:], c.At(i))
	k.row.set(g, k.buf, false)
}

func (k *otherKeys) differing(groups []int32, c *vec.Column, bad []int32) []int32 {
	for i, g := range groups {
		k.buf = vec.AppendKey(k.buf[:0], c, i, false, false)
		if !bytes.Equal(k.key.at(g), k.buf) {
			bad = append(bad, int32(i))
		}
	}
	return bad
}

func (k *otherKeys) appendTo(groups []int32, out *vec.Column) {
	k.one[0] = out
	for _, g := range groups {
		if _, err := vec.DecodeRow(k.row.at(g), k.one[:]); err != nil {
			panic("BUG: a group's key cannot be decoded: " + err.Error())
		}
	}
}

func (k *otherKeys) drop(g int32) {
	k.key.drop(g)
	k.row.drop(g)
}

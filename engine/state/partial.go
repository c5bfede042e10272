package state

import (
	"bytes"
)

// What a map does when not all of it is in memory.

// get reads a key from the file; the value is a copy.
func get(b base, key []byte) ([]byte, bool) {
	v, ok := find(b.cursor(), storedKey(make([]byte, 0, 128), key))
	if !ok {
		return nil, false
	}
	return append(make([]byte, 0, len(v)), v...), true
}

// stored is what the file says of a key that the tree does not have.
func (m *Map) stored(key []byte) (value []byte, ok bool) {
	if len(key) > maxPlain { // those stay in the tree
		return nil, false
	}
	m.reads++
	m.read(func() { value, ok = get(m.base, key) })
	return value, ok
}

func (m *Map) read(fn func()) { m.base.read(fn) }

// fetch is Get for a key that the tree does not have. What it finds, be it nothing, is kept in the tree.
func (m *Map) fetch(key []byte) (value []byte, ok bool) {
	if len(key) > maxPlain {
		return nil, false
	}
	if m.scans > 0 {
		return m.stored(key)
	}
	m.reads++
	m.read(func() {
		var v []byte
		v, ok = find(m.base.cursor(), storedKey(make([]byte, 0, 128), key))
		k, val := pair(key, v)
		m.t.Set(k, entry{val: val, gone: !ok})
		m.bytes += size(len(k), len(val))
		value = bytesOf(val)
	})
	if !ok {
		return nil, false
	}
	m.found()
	return value, true
}

// found notes that one key more is in the tree. When none is missing the map is whole.
func (m *Map) found() {
	if m.missing--; m.counted && m.missing == 0 && m.region != nil {
		m.partial, m.warming = false, false
	}
}

// bury is Delete where the file may have the key: the tree has to know that it is gone.
func (m *Map) bury(key []byte) bool {
	if _, ok := m.Get(key); !ok {
		return false
	}
	k := string(key)
	old, in := m.t.Set(k, entry{epoch: m.epoch, gone: true})
	m.account(k, "", old, in)
	if old.epoch != m.epoch {
		m.note(k, 0)
	}
	m.n--
	return true
}

// Attach makes the map that of a region which a checkpoint has filled, without reading it: it is partial. Keys that are
// too long to be found there in order are read.
func (m *Map) Attach(r *Region) error {
	m.region, m.base = r, r
	m.partial, m.warming, m.warm = true, true, m.first
	m.counted, m.missing = false, 0
	err := r.Long(func(key, value []byte) error {
		if view(key) >= m.first {
			m.Restore(key, value)
		}
		return nil
	})
	m.n = 0
	return err
}

// Evict takes entries that the file has too out of the tree, until it is some n bytes smaller, and returns how much
// that was. Entries are taken in the order of their keys, round and round, those that are still to be written and those
// that were just written left out: so one that is in use is read again once a round.
func (m *Map) Evict(n int64) int64 {
	if m.region == nil || m.t.Len() == 0 || !m.partial && !m.open() {
		return 0
	}
	freed := int64(0)
	var victims []string
	visited, limit := 0, min(m.t.Len(), 1<<16)
	visit := func(k string, e entry) bool {
		visited++
		if e.epoch <= m.safe && len(k) <= maxPlain {
			victims = append(victims, k)
			freed += size(len(k), len(e.val))
		}
		m.hand = k
		return freed < n && visited < limit
	}
	m.t.Ascend(m.hand, visit)
	if freed < n && visited < limit {
		m.t.Ascend("", visit)
	}
	var left int64
	for _, k := range victims {
		if e, in := m.t.Delete(k); in {
			left += size(len(k), len(e.val))
			if !e.gone {
				m.missing++
			}
		}
	}
	m.bytes -= left
	m.warming = m.warming && left == 0
	if m.counted && m.missing == 0 {
		m.partial = false
	}
	return left
}

// open makes a map partial. It cannot while a checkpoint is being written: which keys are gone, though the file has
// them, is known from the changes that are still to be written.
func (m *Map) open() bool {
	if m.written {
		return false
	}
	m.partial, m.counted, m.missing = true, true, 0
	for k := range m.dirty.deleted {
		m.t.Set(k, entry{epoch: m.epoch, gone: true})
		m.bytes += size(len(k), 0)
	}
	m.dirty.deleted = nil
	return true
}

// Warm reads about n more entries from the file, and reports whether there are more to read: a map is whole again when
// nothing has been evicted since it began.
func (m *Map) Warm(n int) (more bool) {
	if !m.partial || m.region == nil {
		return false
	}
	if !m.warming {
		m.warming, m.warm = true, m.first
	}
	if c := m.region.cursor(); c != nil {
		for k, v := seek(c, []byte(m.warm)); k != nil; k, v = plain(c.next()) {
			if n--; n < 0 {
				m.warm = string(k)
				return true
			}
			if _, in := m.t.Get(view(k)); !in {
				key, val := pair(k, v)
				m.t.Set(key, entry{val: val})
				m.bytes += size(len(key), len(val))
				m.missing--
			}
		}
	}
	m.partial, m.warming = false, false
	return false
}

// merge visits the keys of a tree and of the file, in order; what the tree says of a key counts. What comes from the
// file is copied.
func merge(t *tree, c *cursor, from []byte, in bound, fn func(key, value []byte) bool) {
	it := t.Iter()
	has := it.Seek(view(from))
	var k, v []byte
	if c != nil {
		k, v = seek(c, from)
	}
	for has || k != nil {
		order := 0
		switch {
		case k == nil:
			order = -1
		case !has:
			order = 1
		default:
			order = bytes.Compare(bytesOf(it.Key()), k)
		}
		if order <= 0 {
			key, e := bytesOf(it.Key()), it.Value()
			if !in(key) || !e.gone && !fn(key, bytesOf(e.val)) {
				return
			}
			has = it.Next()
		} else {
			if !in(k) {
				return
			}
			key, val := pair(k, v)
			if !fn(bytesOf(key), bytesOf(val)) {
				return
			}
		}
		if order >= 0 {
			k, v = plain(c.next())
		}
	}
}

// mergeBack is merge in falling order, down to a key.
func mergeBack(t *tree, c *cursor, from, down []byte, fn func(key, value []byte) bool) {
	it := t.Iter()
	has := it.Seek(view(from))
	switch {
	case !has:
		has = it.Last()
	case it.Key() > view(from):
		has = it.Prev()
	}
	var k, v []byte
	if c != nil {
		k, v = seekBack(c, from)
	}
	for has || k != nil {
		order := 0
		switch {
		case k == nil:
			order = 1
		case !has:
			order = -1
		default:
			order = bytes.Compare(bytesOf(it.Key()), k)
		}
		if order >= 0 {
			key, e := bytesOf(it.Key()), it.Value()
			if bytes.Compare(key, down) < 0 || !e.gone && !fn(key, bytesOf(e.val)) {
				return
			}
			has = it.Prev()
		} else {
			if bytes.Compare(k, down) < 0 {
				return
			}
			key, val := pair(k, v)
			if !fn(bytesOf(key), bytesOf(val)) {
				return
			}
		}
		if order <= 0 {
			k, v = plain(c.prev())
		}
	}
}

package state

import (
	"bytes"
	"slices"
	"sync"
	"unsafe"

	"github.com/tidwall/btree"
)

// entryOverhead is what an entry of a Map costs beyond its bytes: two string headers, the epoch, and its share of the
// tree's slack.
const entryOverhead = 64

// minDirty is the number of remembered changes below which they are not searched for repeats.
const minDirty = 4096

// entry is the value of a key and the epoch in which it was last noted as changed.
type entry struct {
	val   string
	epoch uint32
}

// tree maps key bytes, held as immutable strings, to entries.
type tree = btree.Map[string, entry]

// Map is an ordered map from key bytes to value bytes. One goroutine owns it. It remembers which keys changed since
// WriteChanges last ran.
type Map struct {
	t     *tree
	bytes int64
	// epoch counts the WriteChanges; an entry of the current epoch is already in dirty.
	epoch uint32
	// dirty lists the changed keys, with repeats; it is compacted when it reaches compactAt.
	dirty     []string
	compactAt int
}

// NewMap returns an empty map.
func NewMap() *Map {
	return &Map{t: btree.NewMap[string, entry](32), epoch: 1, compactAt: minDirty}
}

// Len returns the number of keys.
func (m *Map) Len() int { return m.t.Len() }

// Bytes estimates the memory that the map holds.
func (m *Map) Bytes() int64 { return m.bytes }

// Get returns the value of key. It is a view: do not change it. It stays as it is when the map changes.
func (m *Map) Get(key []byte) (value []byte, ok bool) { return get(m.t, key) }

// Set gives key a value; both are copied.
func (m *Map) Set(key, value []byte) { m.Swap(key, value) }

// Swap is Set that returns the value before, as Get would have.
func (m *Map) Swap(key, value []byte) (before []byte, had bool) {
	k, v := pair(key, value)
	old, had := m.t.Set(k, entry{v, m.epoch})
	m.account(k, v, old, had)
	if !had || old.epoch != m.epoch {
		m.note(k)
	}
	return bytesOf(old.val), had
}

// Delete removes key and tells whether it was there.
func (m *Map) Delete(key []byte) bool {
	old, had := m.t.Delete(view(key))
	if !had {
		return false
	}
	m.bytes -= int64(len(key)+len(old.val)) + entryOverhead
	if old.epoch != m.epoch {
		m.note(string(key))
	}
	return true
}

// Scan calls fn for the keys from <= key < to in order until it returns false; a nil to means no bound. Key and value
// are views. The map must not change meanwhile.
func (m *Map) Scan(from, to []byte, fn func(key, value []byte) bool) { scan(m.t, from, to, fn) }

// Prefix calls fn for the keys that begin with prefix, in order, until it returns false, as Scan does.
func (m *Map) Prefix(prefix []byte, fn func(key, value []byte) bool) { scanPrefix(m.t, prefix, fn) }

// Back calls fn for the keys from >= key >= down in falling order until it returns false, as Scan does.
func (m *Map) Back(from, down []byte, fn func(key, value []byte) bool) {
	m.t.Descend(view(from), func(k string, e entry) bool {
		return k >= view(down) && fn(bytesOf(k), bytesOf(e.val))
	})
}

// Snapshot returns the map as it is now. It costs nothing but the copying of tree nodes that change later.
func (m *Map) Snapshot() *Snapshot { return &Snapshot{t: m.t.Copy()} }

// Restore sets a key that a checkpoint holds: unlike Set it does not count as a change.
func (m *Map) Restore(key, value []byte) {
	k, v := pair(key, value)
	old, had := m.t.Set(k, entry{v, m.epoch - 1})
	m.account(k, v, old, had)
}

// WriteChanges gives w the present state of every key that changed since the last call, in no particular order and
// with possible repeats, and begins anew.
func (m *Map) WriteChanges(w Writer) error {
	for _, k := range m.dirty {
		var err error
		if e, ok := m.t.Get(k); ok {
			err = w.Put(bytesOf(k), bytesOf(e.val))
		} else {
			err = w.Delete(bytesOf(k))
		}
		if err != nil {
			return err
		}
	}
	clear(m.dirty)
	m.dirty, m.compactAt = m.dirty[:0], minDirty
	if cap(m.dirty) > 1<<16 {
		m.dirty = nil
	}
	m.epoch++
	return nil
}

func (m *Map) account(k, v string, old entry, had bool) {
	if had {
		m.bytes += int64(len(v) - len(old.val))
		return
	}
	m.bytes += int64(len(k)+len(v)) + entryOverhead
}

// note remembers a changed key. A key that comes and goes is noted each time it comes, hence the compaction.
func (m *Map) note(k string) {
	m.dirty = append(m.dirty, k)
	if len(m.dirty) >= m.compactAt {
		slices.Sort(m.dirty)
		n := len(m.dirty)
		m.dirty = slices.Compact(m.dirty)
		clear(m.dirty[len(m.dirty):n])
		m.compactAt = max(minDirty, 2*len(m.dirty))
	}
}

// Snapshot is a Map at one moment. Any number of goroutines may use it.
type Snapshot struct {
	t  *tree
	mu sync.Mutex // held while t is copied, which reading does not mind
}

// Map returns a new map that begins with what the snapshot holds.
func (s *Snapshot) Map() *Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := NewMap()
	m.t = s.t.Copy()
	return m
}

// Len returns the number of keys.
func (s *Snapshot) Len() int { return s.t.Len() }

// Get is as Map.Get.
func (s *Snapshot) Get(key []byte) (value []byte, ok bool) { return get(s.t, key) }

// Scan is as Map.Scan.
func (s *Snapshot) Scan(from, to []byte, fn func(key, value []byte) bool) { scan(s.t, from, to, fn) }

// Prefix is as Map.Prefix.
func (s *Snapshot) Prefix(prefix []byte, fn func(key, value []byte) bool) {
	scanPrefix(s.t, prefix, fn)
}

func get(t *tree, key []byte) ([]byte, bool) {
	e, ok := t.Get(view(key))
	return bytesOf(e.val), ok
}

func scan(t *tree, from, to []byte, fn func(key, value []byte) bool) {
	t.Ascend(view(from), func(k string, e entry) bool {
		if to != nil && k >= view(to) {
			return false
		}
		return fn(bytesOf(k), bytesOf(e.val))
	})
}

func scanPrefix(t *tree, prefix []byte, fn func(key, value []byte) bool) {
	t.Ascend(view(prefix), func(k string, e entry) bool {
		if !bytes.HasPrefix(bytesOf(k), prefix) {
			return false
		}
		return fn(bytesOf(k), bytesOf(e.val))
	})
}

// pair copies key and value into one allocation.
func pair(key, value []byte) (k, v string) {
	buf := make([]byte, len(key)+len(value))
	copy(buf, key)
	copy(buf[len(key):], value)
	s := view(buf)
	return s[:len(key)], s[len(key):]
}

// view is b as a string, for the length of a call.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf is s as bytes that must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

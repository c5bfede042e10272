package state

import (
	"bytes"
	"unsafe"

	"github.com/tidwall/btree"
)

// entryOverhead is what an entry of a Map costs beyond its bytes: two string headers, the epoch, and its share of the
// tree's slack.
const entryOverhead = 64

// entry is the value of a key, or that there is none, and the epoch in which it was last noted as changed; 0 for what
// comes from the file.
type entry struct {
	val   string
	epoch uint32
	gone  bool
}

// tree maps key bytes, held as immutable strings, to entries.
type tree = btree.Map[string, entry]

// Map is an ordered map from key bytes to value bytes. One goroutine owns it. It remembers which keys changed since
// WriteChanges last ran.
//
// A map is whole as long as all of its entries are in memory. Evict makes it partial: what its tree does not have is
// in the file, and the tree also says which keys are gone though the file has them.
type Map struct {
	t     *tree
	n     int   // keys
	bytes int64 // of the tree's entries, gone ones among them
	// epoch counts the WriteChanges; an entry of the current epoch is already in dirty.
	epoch      uint32
	dirty      noted
	dirtyBytes int64 // of the changes noted
	// safe is the last epoch that is in the file; written tells that the checkpoint with the one after it is not settled.
	safe    uint32
	written bool

	base   base // where the file has what the tree does not
	region *Region
	// partial tells that the tree does not have everything; missing is the number of keys it lacks, if that is known.
	partial bool
	missing int
	counted bool
	// hand is where evicting goes on, and warm where warming does.
	hand, warm string
	warming    bool
	// scans counts those under way, while which the tree must not change.
	scans int
	reads int64  // of the file
	op    uint32 // whose map it is, where its account knows
	// first is what the keys in the file begin with that are the map's: those before are somebody else's.
	first string
}

// NewMap returns an empty map.
func NewMap() *Map {
	return &Map{t: btree.NewMap[string, entry](32), epoch: 1}
}

// Len returns the number of keys; a map that was attached to its region counts from there on.
func (m *Map) Len() int { return m.n }

// Bytes estimates the memory that the map holds.
func (m *Map) Bytes() int64 { return m.bytes }

// Held implements Cached.
func (m *Map) Held() (bytes, dirty int64) { return m.bytes, m.dirtyBytes }

// Spilled implements Cached.
func (m *Map) Spilled() (reads, missing int64) {
	if !m.partial {
		return m.reads, 0
	}
	return m.reads, missingBytes(m.missing, m.counted, !m.warming, m.bytes, m.t.Len())
}

// From says that the keys before key in the map's region are not the map's.
func (m *Map) From(key []byte) { m.first = string(key) }

// Get returns the value of key. It is a view: do not change it. It stays as it is when the map changes.
func (m *Map) Get(key []byte) (value []byte, ok bool) {
	e, ok := m.t.Get(view(key))
	if !ok && m.partial {
		return m.fetch(key)
	}
	return bytesOf(e.val), ok && !e.gone
}

// Set gives key a value; both are copied.
func (m *Map) Set(key, value []byte) { m.Swap(key, value) }

// Swap is Set that returns the value before, as Get would have.
func (m *Map) Swap(key, value []byte) (before []byte, had bool) {
	k, v := pair(key, value)
	old, in := m.t.Set(k, entry{val: v, epoch: m.epoch})
	m.account(k, v, old, in)
	if in && old.epoch != m.epoch || !in && !m.dirty.back(k) {
		m.note(k, len(v))
	}
	if !in && m.partial {
		if before, had = m.stored(key); had {
			m.found()
		}
	} else {
		before, had = bytesOf(old.val), in && !old.gone
	}
	if !had {
		m.n++
	}
	return before, had
}

// Delete removes key and tells whether it was there.
func (m *Map) Delete(key []byte) bool {
	if m.partial {
		return m.bury(key)
	}
	old, had := m.t.Delete(view(key))
	if !had {
		return false
	}
	m.bytes -= size(len(key), len(old.val))
	if old.gone && old.epoch <= m.safe { // a map that was partial still knows of keys that were gone then
		return false
	}
	k := string(key)
	if old.epoch != m.epoch {
		m.note(k, 0)
	}
	m.dirty.gone(k)
	if old.gone {
		return false
	}
	m.n--
	return true
}

// Scan calls fn for the keys from <= key < to in order until it returns false; a nil to means no bound. Key and value
// are views. The map must not change meanwhile.
func (m *Map) Scan(from, to []byte, fn func(key, value []byte) bool) {
	m.scans++
	defer m.ended()
	if m.partial {
		m.read(func() { merge(m.t, m.base.cursor(), from, before(to), fn) })
		return
	}
	scan(m.t, from, before(to), fn)
}

// Prefix calls fn for the keys that begin with prefix, in order, until it returns false, as Scan does.
func (m *Map) Prefix(prefix []byte, fn func(key, value []byte) bool) {
	m.scans++
	defer m.ended()
	if m.partial {
		m.read(func() { merge(m.t, m.base.cursor(), prefix, begins(prefix), fn) })
		return
	}
	scan(m.t, prefix, begins(prefix), fn)
}

// Back calls fn for the keys from >= key >= down in falling order until it returns false, as Scan does.
func (m *Map) Back(from, down []byte, fn func(key, value []byte) bool) {
	m.scans++
	defer m.ended()
	if m.partial {
		m.read(func() { mergeBack(m.t, m.base.cursor(), from, down, fn) })
		return
	}
	m.t.Descend(view(from), func(k string, e entry) bool {
		return k >= view(down) && (e.gone || fn(bytesOf(k), bytesOf(e.val)))
	})
}

func (m *Map) ended() { m.scans-- }

// Restore sets a key that a checkpoint holds: unlike Set it does not count as a change.
func (m *Map) Restore(key, value []byte) {
	k, v := pair(key, value)
	old, in := m.t.Set(k, entry{val: v})
	m.account(k, v, old, in)
	if !in || old.gone {
		m.n++
	}
}

// WriteChanges gives w the present state of every key that changed since the last call, in no particular order and
// with possible repeats, and begins anew. To a Checkpoint it gives the map as it is now, which is written later.
func (m *Map) WriteChanges(w Writer) error {
	if to, ok := w.(*opWriter); ok {
		if m.region == nil {
			m.region = to.Region()
			m.base = m.region
		}
		to.take(&mapPart{m: m, t: m.t.Copy(), noted: m.dirty.pieces, epoch: m.epoch})
		m.dirty, m.written = noted{}, true
	}
	for _, piece := range m.dirty.pieces {
		for _, k := range piece {
			var err error
			if e, ok := m.t.Get(k); ok && !e.gone {
				err = w.Put(bytesOf(k), bytesOf(e.val))
			} else {
				err = w.Delete(bytesOf(k))
			}
			if err != nil {
				return err
			}
		}
	}
	m.dirty, m.dirtyBytes = noted{}, 0
	m.epoch++
	return nil
}

// settle is told what became of a part of the map's changes.
func (m *Map) settle(p *mapPart, ok bool) {
	m.written = false
	if ok {
		m.safe = p.epoch
		return
	}
	for _, piece := range append(p.noted, p.keys) {
		for _, k := range piece {
			m.note(k, 0)
			if _, in := m.t.Get(k); !in {
				m.dirty.gone(k)
			}
		}
	}
}

func (m *Map) account(k, v string, old entry, in bool) {
	if in {
		m.bytes += int64(len(v) - len(old.val))
		return
	}
	m.bytes += size(len(k), len(v))
}

// size is what an entry counts for.
func size(key, value int) int64 { return int64(key+value) + entryOverhead }

// note remembers a changed key.
func (m *Map) note(k string, value int) {
	m.dirty.add(k)
	m.dirtyBytes += size(len(k), value)
}

// bound tells whether a key is still to be visited.
type bound func(key []byte) bool

func before(to []byte) bound {
	return func(key []byte) bool { return to == nil || bytes.Compare(key, to) < 0 }
}

func begins(prefix []byte) bound {
	return func(key []byte) bool { return bytes.HasPrefix(key, prefix) }
}

func scan(t *tree, from []byte, in bound, fn func(key, value []byte) bool) {
	t.Ascend(view(from), func(k string, e entry) bool {
		return in(bytesOf(k)) && (e.gone || fn(bytesOf(k), bytesOf(e.val)))
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

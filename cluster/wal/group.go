package wal

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// A place says where the frame of an entry is. Generation 0 is nowhere.
type place struct {
	generation uint64
	pos        uint32
	size       uint32
}

// A Group is one raft group's view of the log: its LogStore, its MonotonicLogStore and its StableStore.
type Group struct {
	wal *WAL
	id  uint64

	// Guarded by wal.mu; changed by the writer alone.
	first  uint64 // 0: no entries
	places []place

	tailFirst uint64 // index of tail[0]
	tail      []raft.Log
}

// ID returns the group's number.
func (g *Group) ID() uint64 { return g.id }

// IsMonotonic implements raft.MonotonicLogStore: entries must follow one another without a gap.
func (g *Group) IsMonotonic() bool { return true }

// FirstIndex implements raft.LogStore.
func (g *Group) FirstIndex() (uint64, error) {
	g.wal.mu.RLock()
	defer g.wal.mu.RUnlock()
	return g.first, nil
}

// LastIndex implements raft.LogStore.
func (g *Group) LastIndex() (uint64, error) {
	g.wal.mu.RLock()
	defer g.wal.mu.RUnlock()
	return g.lastLocked(), nil
}

func (g *Group) lastLocked() uint64 {
	if g.first == 0 {
		return 0
	}
	return g.first + uint64(len(g.places)) - 1
}

// GetLog implements raft.LogStore. The entry's bytes are shared: nobody may change them.
func (g *Group) GetLog(index uint64, l *raft.Log) error {
	w := g.wal
	w.mu.RLock()
	if g.first == 0 || index < g.first || index > g.lastLocked() {
		w.mu.RUnlock()
		return raft.ErrLogNotFound
	}
	if index >= g.tailFirst && index-g.tailFirst < uint64(len(g.tail)) {
		*l = g.tail[index-g.tailFirst]
		w.mu.RUnlock()
		return nil
	}
	p := g.places[index-g.first]
	s := w.segmentLocked(p.generation)
	w.mu.RUnlock()

	b := make([]byte, p.size)
	if _, err := s.file.ReadAt(b, int64(p.pos)); err != nil {
		return fmt.Errorf("wal: read group %d index %d: %w", g.id, index, err)
	}
	f, ok := decodeFrame(b)
	if ok && f.generation == p.generation && f.group == g.id && f.index == index {
		f.log(l)
		return nil
	}
	// The segment may have been recycled since; then the entry is gone by right.
	if first, _ := g.FirstIndex(); first == 0 || index < first {
		return raft.ErrLogNotFound
	}
	return &CorruptError{File: s.name, Pos: int64(p.pos),
		Reason: fmt.Sprintf("the frame of group %d index %d does not check", g.id, index)}
}

// StoreLog implements raft.LogStore.
func (g *Group) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore: it returns when the entries are durable. Their bytes must not change afterwards.
func (g *Group) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	return g.wal.do(&request{group: g, logs: logs})
}

// DeleteRange implements raft.LogStore: it drops a prefix (after a snapshot) or a suffix (after a conflict), durably.
func (g *Group) DeleteRange(min, max uint64) error {
	return g.wal.do(&request{group: g, min: min, max: max})
}

// keepLocked puts a stored entry into the tail that GetLog answers from.
func (g *Group) keepLocked(l *raft.Log) {
	if len(g.tail) == 0 {
		g.tail, g.tailFirst = g.tail[:0], l.Index
	}
	g.tail = append(g.tail, *l)
}

// evictLocked drops the oldest entry of the tail, when it still is the one at index.
func (g *Group) evictLocked(index uint64) {
	if len(g.tail) == 0 || g.tailFirst != index {
		return
	}
	g.tail[0] = raft.Log{}
	g.tail = g.tail[1:]
	g.tailFirst++
}

// storedLocked records where an entry is. It reports false when the entry does not follow the last one.
func (g *Group) storedLocked(index uint64, p place) bool {
	if g.first == 0 {
		if index == 0 {
			return false
		}
		g.first = index
	} else if index != g.lastLocked()+1 {
		return false
	}
	g.places = append(g.places, p)
	return true
}

// checkDelete says whether [min, max] is a prefix or a suffix of [first, last].
func (g *Group) checkDelete(min, max uint64) error {
	first, last := g.first, g.lastLocked()
	if min > max || (first != 0 && min > first && max < last) {
		return fmt.Errorf("wal: group %d holds [%d, %d]: cannot delete [%d, %d] from it", g.id, first, last, min, max)
	}
	return nil
}

// deletedLocked drops [min, max], which checkDelete has allowed.
func (g *Group) deletedLocked(min, max uint64) {
	last := g.lastLocked()
	switch {
	case g.first == 0 || max < g.first || min > last:
	case min <= g.first && max >= last:
		g.first, g.places = 0, nil
		g.tail = nil
	case min <= g.first:
		n := max - g.first + 1
		g.first, g.places = max+1, append([]place(nil), g.places[n:]...)
		for len(g.tail) > 0 && g.tailFirst < g.first {
			g.evictLocked(g.tailFirst)
		}
	default:
		g.places = g.places[:min-g.first]
		if min <= g.tailFirst {
			g.tail = nil
		} else if keep := min - g.tailFirst; keep < uint64(len(g.tail)) {
			clear(g.tail[keep:])
			g.tail = g.tail[:keep]
		}
	}
}

// Within counts the newest entries that take up to so many bytes and lie in the two newest segments: a group that is
// quiet must not keep old segments from being recycled.
func (g *Group) Within(bytes int64) (n uint64) {
	g.wal.mu.RLock()
	defer g.wal.mu.RUnlock()
	segments := g.wal.segments
	oldest := segments[max(len(segments)-2, 0)].generation
	for i := len(g.places) - 1; i >= 0; i-- {
		p := &g.places[i]
		if bytes -= int64(p.size); bytes < 0 || p.generation < oldest {
			break
		}
		n++
	}
	return n
}

// oldestLocked returns the generation of the segment that holds the group's first entry; 0 when it has none.
func (g *Group) oldestLocked() uint64 {
	if g.first == 0 {
		return 0
	}
	return g.places[0].generation
}

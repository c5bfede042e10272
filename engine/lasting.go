package engine

import (
	"math"
	"sync"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
)

// lastingCut is a cut of one relation that is good as long as nothing is appended to what it is made of: whoever asks
// for the relation meanwhile need not ask the flow.
type lastingCut struct {
	cut   cut
	made  []reach
	until int64 // microseconds: when a view changes by the clock
}

// reach is how far a partition had been read.
type reach struct {
	part cluster.PartitionID
	end  int64
}

// lastingCuts are the cuts that last, by relation. The flow sets them and takes them away; everybody looks them up.
type lastingCuts struct {
	mu      sync.RWMutex
	version uint64 // of the catalog they are of; guarded by mu
	cuts    map[uint32]*lastingCut
}

// findLasting returns the cut of a relation that lasts, if one does.
func (f *flow) findLasting(rel *catalog.Relation) (cut, bool) {
	f.lasting.mu.RLock()
	s := f.lasting.cuts[rel.ID]
	fresh := f.lasting.version == f.engine.Catalog().Version()
	f.lasting.mu.RUnlock()
	if s == nil || !fresh || f.makesAnew() || s.until != math.MaxInt64 && f.cfg.Now().UnixMicro() >= s.until {
		return cut{}, false
	}
	for _, r := range s.made {
		if end, err := f.node.LastStable(r.part); err != nil || end != r.end {
			return cut{}, false
		}
	}
	return s.cut, true
}

// keepLasting keeps the cut of a ticket for one relation.
func (f *flow) keepLasting(t *ticket, c cut) {
	if len(t.wanted) != 1 || c.err != nil {
		return
	}
	if snap := c.tables[t.wanted[0].rel.ID]; snap != nil && !snap.rows.Whole() {
		return // it keeps pages of the file
	}
	s := &lastingCut{cut: c, until: f.firstWake(f.cfg.Now().UnixMicro())}
	if !f.reachOf(s, t.wanted[0], map[uint32]bool{}) {
		return
	}
	f.lasting.mu.Lock()
	defer f.lasting.mu.Unlock()
	if v := f.engine.Catalog().Version(); f.lasting.version != v || f.lasting.cuts == nil {
		f.lasting.version, f.lasting.cuts = v, map[uint32]*lastingCut{}
	}
	f.lasting.cuts[t.wanted[0].rel.ID] = s
}

// reachOf adds how far all that a relation is made of has been read. It reports false where that is not all there is to
// say: a query is paused or catches up.
func (f *flow) reachOf(s *lastingCut, src *source, seen map[uint32]bool) bool {
	if seen[src.rel.ID] {
		return true
	}
	seen[src.rel.ID] = true
	for _, v := range f.writersOf(src) {
		if v.paused {
			return false
		}
		for _, in := range v.inputs {
			if in.chase != nil || !f.reachOf(s, in.src, seen) {
				return false
			}
			if in.src.rows == nil && !in.src.derived() {
				s.add(in.positions())
			}
		}
	}
	switch {
	case src.derived():
	case src.live != nil:
		s.add(src.live.parts)
	case src.rows != nil:
		return false
	case src.unread():
		ends := s.cut.ends[src.rel.ID]
		if len(ends) != len(src.parts) {
			return len(seen) > 1 // somebody above reads it by himself
		}
		for i, p := range src.parts {
			s.made = append(s.made, reach{p.id, ends[i]})
		}
	}
	return true
}

func (s *lastingCut) add(parts []cursor) {
	for _, p := range parts {
		s.made = append(s.made, reach{p.id, p.next})
	}
}

// dropLasting takes away the cut of a relation whose rows change.
func (f *flow) dropLasting(id uint32) {
	f.lasting.mu.RLock()
	s := f.lasting.cuts[id]
	f.lasting.mu.RUnlock()
	if s == nil {
		return
	}
	f.lasting.mu.Lock()
	defer f.lasting.mu.Unlock()
	delete(f.lasting.cuts, id)
}

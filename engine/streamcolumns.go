package engine

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
)

// streamColumns are pieces of streams that queries have decoded, kept for the queries that follow within half of the
// budget for columns. A record never changes, so a piece is good until retention takes its beginning or the relation is
// altered. Topics that are compacted have none.
type streamColumns struct {
	budget *columnBudget

	mu    sync.Mutex
	kept  map[uint32]*keptStream // by relation
	used  int64                  // of the budget
	turns uint64                 // counts the uses
}

// keptStream is what is kept of one stream.
type keptStream struct {
	rel    *catalog.Relation // as it was when the pieces were decoded
	pieces map[cluster.PartitionID][]*streamPiece
	size   int64
	turn   uint64 // of its last use
}

// streamPiece is the rows of the records of a range of offsets. Nobody changes them.
type streamPiece struct {
	from, next int64
	c          *chunk
	size       int64
}

// compare compares where a piece begins with an offset.
func (p *streamPiece) compare(from int64) int { return cmp.Compare(p.from, from) }

// keepable reports whether pieces for a scan are kept: what is made of the records before a piece, or of their
// envelopes, is not.
func keepable(scan *plan.Scan, t cluster.Topic) bool {
	return !strings.Contains(t.Config["cleanup.policy"], "compact") && !slices.ContainsFunc(scan.Cols, func(pos int) bool {
		return pos == plan.StreamTime || pos == plan.Envelope
	})
}

// find returns the piece of a partition that begins at an offset and ends by another, if it has the columns that a scan
// wants, and where the first piece behind the offset begins, at most to.
func (s *streamColumns) find(scan *plan.Scan, id cluster.PartitionID, from, to int64) (p *streamPiece, until int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[scan.Rel.ID]
	if k == nil || k.rel != scan.Rel {
		return nil, to
	}
	s.turns++
	k.turn = s.turns
	pieces := k.pieces[id]
	i, found := slices.BinarySearchFunc(pieces, from, (*streamPiece).compare)
	if !found {
		if i < len(pieces) {
			to = min(to, pieces[i].from)
		}
		return nil, to
	}
	p = pieces[i]
	if p.next > to {
		return nil, to
	}
	for _, pos := range scan.Cols {
		if pos >= 0 && p.c.cols[pos] == nil {
			return nil, p.next
		}
	}
	return p, p.next
}

// keep takes over a chunk that holds the rows of a range of offsets. It reports false when it does not.
func (s *streamColumns) keep(scan *plan.Scan, id cluster.PartitionID, from, next int64, c *chunk) bool {
	if len(c.bad) > 0 || c.tomb != nil || len(c.keys) > 0 || len(c.diffs) > 0 || c.envelopes != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[scan.Rel.ID]
	if k != nil && k.rel != scan.Rel {
		s.dropLocked(k)
		k = nil
	}
	if k == nil {
		k = &keptStream{rel: scan.Rel, pieces: map[cluster.PartitionID][]*streamPiece{}}
		s.kept[scan.Rel.ID] = k
	}
	s.turns++
	k.turn = s.turns
	whole := *c // with the columns that are kept already
	whole.cols = slices.Clone(c.cols)
	p := &streamPiece{from: from, next: next, c: &whole}
	pieces := k.pieces[id]
	i, found := slices.BinarySearchFunc(pieces, from, (*streamPiece).compare)
	if found {
		if pieces[i].next != next || pieces[i].c.n != c.n {
			return false
		}
		for pos, col := range pieces[i].c.cols {
			if whole.cols[pos] == nil {
				whole.cols[pos] = col
			}
		}
	}
	p.size = whole.bytes()
	more := p.size
	if found {
		more -= pieces[i].size
	}
	if !s.roomLocked(k, more) {
		return false
	}
	if found {
		pieces[i] = p
	} else {
		k.pieces[id] = slices.Insert(pieces, i, p)
	}
	s.takeLocked(k, more)
	return true
}

// forget drops the pieces of a partition that begin before an offset: retention has taken it.
func (s *streamColumns) forget(rel *catalog.Relation, id cluster.PartitionID, start int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[rel.ID]
	if k == nil {
		return
	}
	pieces := k.pieces[id]
	for len(pieces) > 0 && pieces[0].from < start {
		s.takeLocked(k, -pieces[0].size)
		pieces = slices.Delete(pieces, 0, 1)
	}
	k.pieces[id] = pieces
}

// drop drops the pieces of a relation that is dropped.
func (s *streamColumns) drop(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[id]; k != nil {
		s.dropLocked(k)
	}
}

// roomLocked makes room for more of a stream, at the cost of those that were not used for longer.
func (s *streamColumns) roomLocked(of *keptStream, more int64) bool {
	for s.used+more > s.budget.limit/2 || s.budget.used.Load()+more > s.budget.limit {
		var oldest *keptStream
		for _, k := range s.kept {
			if k != of && (oldest == nil || k.turn < oldest.turn) {
				oldest = k
			}
		}
		if oldest == nil {
			return false
		}
		s.dropLocked(oldest)
	}
	return true
}

func (s *streamColumns) dropLocked(k *keptStream) {
	s.takeLocked(k, -k.size)
	delete(s.kept, k.rel.ID)
}

func (s *streamColumns) takeLocked(k *keptStream, size int64) {
	k.size += size
	s.used += size
	s.budget.used.Add(size)
}

// bytes is the memory that the rows of a chunk take.
func (c *chunk) bytes() int64 {
	size := int64(8 * (cap(c.time) + cap(c.stream) + cap(c.offset)))
	for _, col := range c.cols {
		if col != nil {
			size += columnBytes(col)
		}
	}
	return size
}

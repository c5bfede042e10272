package engine

import (
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/leatdb/leat/sql/catalog"
)

// What a table or view was at a token is made from its topic. That need not be read from its beginning: moments are the
// rows as they were after some steps, and how far the topic went then, so that it is read from the newest one on that
// is not later than the token. The first are those of the checkpoint that the flow begins with. More are kept of what
// push queries follow, or was asked for lately, one every so many records; while a node follows, of everything, since
// the push queries of the node that leads go on here.
//
// Maps are copied as they are written to, so a moment costs what has changed since, but whole nodes of their trees. One
// whose rows are partly in the file holds the file's pages, and is let go after a while.

const (
	// momentFor is how long a moment is kept that nobody follows, or that holds pages of the file.
	momentFor = time.Minute
	// momentPace is the time between two looks, for each of the records that lie between two moments.
	momentPace = 16 * time.Microsecond
	// momentsKept is how many there are of a relation at most. They lie the further apart the older they are.
	momentsKept = 6
	// momentBytes bounds what all moments may cost, where the node's state has no lower limit, of which they may have an
	// eighth.
	momentBytes = 256 << 20
	// touchedBytes is what a row that changes costs a moment at most: a node of the tree.
	touchedBytes = 3 << 10
)

// moments are those of all relations. The flow adds them, and whoever recalls rows looks them up.
type moments struct {
	mu sync.Mutex
	of map[uint32]*kept // by relation; guarded by mu
}

// kept are the moments of a relation, the oldest first; guarded by the mutex of all.
type kept struct {
	list   []*keptRows
	wanted time.Time // when somebody has followed the relation, or asked, last
}

// keptRows are the rows of a relation after a step.
type keptRows struct {
	rows    *snapshot
	read    []int64 // how far the topic went
	records int64   // the sum of that
	at      time.Time
	bytes   int64 // what it costs at most, by what came after it and before the next one
}

// find returns the newest moment of a relation that is not later than where the stretches end; nil when there is none.
func (m *moments) find(rel *catalog.Relation, at []stretch) *keptRows {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.of[rel.ID]
	if k == nil {
		return nil
	}
	for _, x := range slices.Backward(k.list) {
		if laidOutAlike(x.rows.rel, rel) && !x.later(at) {
			return x
		}
	}
	return nil
}

// laidOutAlike reports whether the rows of a relation, and its indexes, are kept in the same way by two definitions.
func laidOutAlike(a, b *catalog.Relation) bool {
	return a == b || a.StateID() == b.StateID() && a.Layout == b.Layout && slices.Equal(a.Key, b.Key) &&
		slices.EqualFunc(a.Columns, b.Columns, func(x, y catalog.Column) bool { return x.Type == y.Type }) &&
		reflect.DeepEqual(a.Uniques, b.Uniques) && reflect.DeepEqual(a.Indexes, b.Indexes)
}

// later reports whether the moment is later, in any partition, than where the stretches end.
func (x *keptRows) later(at []stretch) bool {
	for part, to := range x.read {
		if part >= len(at) || to > at[part].to {
			return true
		}
	}
	return false
}

// keepFirst keeps what tables and views are at the checkpoint that the flow begins with.
func (f *flow) keepFirst() {
	m := &f.engine.moments
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range f.sources {
		if s.settled() {
			x := s.moment(time.Now())
			x.rows = s.rows.snapshot()
			m.of[id] = &kept{list: []*keptRows{x}}
		}
	}
}

// settled reports whether the rows are what the topic says.
func (s *source) settled() bool { return s.rows != nil && !s.hidden && s.rewrite == nil }

// moment is where the relation is now, without its rows.
func (s *source) moment(now time.Time) *keptRows {
	x := &keptRows{at: now}
	for _, p := range s.reached() {
		x.read, x.records = append(x.read, p.next), x.records+p.next
	}
	return x
}

// keepMoments keeps what has come far enough since the last time, after a step, and lets go what has had its time.
func (f *flow) keepMoments() {
	now := time.Now()
	if now.Sub(f.momentsAt) < momentPace*time.Duration(f.cfg.MomentRecords) {
		return
	}
	f.momentsAt = now
	m := &f.engine.moments
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range f.sources {
		followed := len(s.taps) > 0 || f.following.on.Load() && s.rows != nil
		if followed && m.of[id] == nil {
			m.of[id] = &kept{}
		}
		if k := m.of[id]; k != nil {
			if followed {
				k.wanted = now
			}
			k.keep(s, now, int64(f.cfg.MomentRecords))
		}
	}
	for id, k := range m.of {
		if k.expire(f.sources[id], now); len(k.list) == 0 && now.Sub(k.wanted) > momentFor {
			delete(m.of, id)
		}
	}
	limit := int64(momentBytes)
	if f.cfg.StateBytes > 0 {
		limit = min(limit, f.cfg.StateBytes/8)
	}
	for m.cost() > limit {
		m.dropOldest()
	}
}

// remember notes that somebody follows a relation, or asks for its past, and keeps what it is now for those who ask
// later.
func (f *flow) remember(s *source) {
	m := &f.engine.moments
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.of[s.rel.ID]
	if k == nil {
		k = &kept{}
		m.of[s.rel.ID] = k
	}
	k.wanted = time.Now()
	k.keep(s, k.wanted, int64(f.cfg.MomentRecords))
}

// keep keeps the rows of a relation as they are, when so many records have come since the last time.
func (k *kept) keep(s *source, now time.Time, every int64) {
	if !s.settled() {
		return
	}
	x := s.moment(now)
	if n := len(k.list); n > 0 {
		last := k.list[n-1]
		came := x.records - last.records
		last.bytes = min(came*touchedBytes, s.rows.rows.Bytes()) * int64(1+len(s.rows.uniq)+len(s.rows.second))
		pins := now.Sub(last.at) > momentFor/2 && !last.rows.rows.Whole()
		switch {
		case !laidOutAlike(last.rows.rel, s.rel) || came >= every:
		case pins && came == 0: // it holds other pages from now on
			last.rows, last.at = s.rows.snapshot(), now
			return
		case !pins:
			return
		}
	}
	if now.Sub(k.wanted) > momentFor {
		return
	}
	x.rows = s.rows.snapshot()
	if k.list = append(k.list, x); len(k.list) > momentsKept {
		k.drop(k.sparest())
	}
}

// sparest is the moment that is missed least: what is read in its place is little beside what lies behind it.
func (k *kept) sparest() int {
	last := k.list[len(k.list)-1].records
	best, at := 0.0, 0
	for i := 1; i < len(k.list)-1; i++ {
		before := k.list[i-1].records
		missed := float64(k.list[i+1].records-before) / float64(last-before+1)
		if at == 0 || missed < best {
			best, at = missed, i
		}
	}
	return at
}

// drop drops a moment. What it has kept the one before it keeps.
func (k *kept) drop(i int) {
	if i > 0 {
		k.list[i-1].bytes += k.list[i].bytes
	}
	k.list = slices.Delete(k.list, i, i+1)
}

// expire drops what nobody has followed for a while, what holds the file for too long, and what is of no relation that
// is there.
func (k *kept) expire(s *source, now time.Time) {
	for i := len(k.list) - 1; i >= 0; i-- {
		x := k.list[i]
		old := now.Sub(x.at) > momentFor
		if s == nil || !laidOutAlike(x.rows.rel, s.rel) || old && (now.Sub(k.wanted) > momentFor || !x.rows.rows.Whole()) {
			k.drop(i)
		}
	}
}

// cost is what the moments of all relations cost at most.
func (m *moments) cost() (bytes int64) {
	for _, k := range m.of {
		bytes += k.cost()
	}
	return bytes
}

func (k *kept) cost() (bytes int64) {
	for _, x := range k.list {
		bytes += x.bytes
	}
	return bytes
}

// dropOldest drops the oldest moment of those relations whose cost something.
func (m *moments) dropOldest() {
	var oldest *kept
	for _, k := range m.of {
		if k.cost() > 0 && (oldest == nil || k.list[0].at.Before(oldest.list[0].at)) {
			oldest = k
		}
	}
	oldest.drop(0)
}

package engine

import (
	"math"
	"time"

	"github.com/leatdb/leat/cluster"
)

// Other nodes follow the steps by their records (follow.go). A step that puts out nothing need not be recorded, and
// what comes to a stream that nothing reads makes no step at all: so that those who follow are not far behind, the flow
// records both now and then where there are other nodes.

const (
	// tellEvery is how often that is done at most.
	tellEvery = 500 * time.Millisecond
	// tellCatalog is in how long a record says that the catalog has changed; several changes in a row are one.
	tellCatalog = 50 * time.Millisecond
)

// telling is what those who follow have been told.
type telling struct {
	at      time.Time
	catalog uint64                        // the version of the last record
	ends    map[cluster.PartitionID]int64 // of streams that nothing reads
}

// unreadEnds is where the streams ended that nothing reads, when the round began.
func (f *flow) unreadEnds() map[cluster.PartitionID]int64 {
	ends := map[cluster.PartitionID]int64{}
	f.eachUnread(func(id cluster.PartitionID, end int64) bool {
		ends[id] = end
		return true
	})
	return ends
}

// eachUnread calls each for every partition of those streams whose end is known, until it returns false.
func (f *flow) eachUnread(each func(id cluster.PartitionID, end int64) bool) {
	for _, s := range f.sources {
		if !s.unread() {
			continue
		}
		for _, p := range s.parts {
			if end, ok := f.round[p.id]; ok && !each(p.id, end) {
				return
			}
		}
	}
}

// untoldEnds are those of unreadEnds that no record says.
func (f *flow) untoldEnds() map[cluster.PartitionID]int64 {
	if f.cfg.Copies == nil {
		return nil
	}
	var ends map[cluster.PartitionID]int64
	f.eachUnread(func(id cluster.PartitionID, end int64) bool {
		if told, ok := f.telling.ends[id]; !ok || told != end {
			if ends == nil {
				ends = map[cluster.PartitionID]int64{}
			}
			ends[id] = end
		}
		return true
	})
	return ends
}

// tell notes that a record is there.
func (f *flow) tell(r *stepRecord) {
	if f.cfg.Copies == nil || r.Part != 0 {
		return
	}
	f.telling.at, f.telling.catalog = time.Now(), r.Catalog
	if f.telling.ends == nil {
		f.telling.ends = map[cluster.PartitionID]int64{}
	}
	for id, end := range r.Ends {
		f.telling.ends[id] = end
	}
}

// untold reports whether something is shown that no record says.
func (f *flow) untold() bool {
	if f.cfg.Copies == nil {
		return false
	}
	if len(f.pending) > 0 {
		return true
	}
	news := false
	f.eachUnread(func(id cluster.PartitionID, end int64) bool {
		told, ok := f.telling.ends[id]
		news = !ok || told != end
		return !news
	})
	return news
}

// tellFollowers records what is untold, when it is time.
func (f *flow) tellFollowers() error {
	if f.tellIn() > 0 {
		return nil
	}
	return f.commit(0)
}

// tellIn is in how long that is.
func (f *flow) tellIn() time.Duration {
	if f.cfg.Copies == nil || !f.whole {
		return math.MaxInt64
	}
	every := tellEvery
	if v := f.engine.Catalog().Version(); v != f.telling.catalog {
		every = tellCatalog
	} else if !f.untold() {
		return math.MaxInt64
	}
	if len(f.node.Members()) < 2 {
		return math.MaxInt64
	}
	return max(every-time.Since(f.telling.at), 0)
}

// position is that of what is shown: what has the records before it has all of it.
func (f *flow) position() int64 {
	if !f.following.on.Load() && f.untold() {
		return f.stepsFrom + 1
	}
	return f.stepsFrom
}

package engine

import (
	"context"
	"sync"
	"time"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/vec"
)

const (
	// sampleRows is how many rows of a table are looked at to plan joins.
	sampleRows = 1024
	// sampleFor is how long a sample serves.
	sampleFor = 10 * time.Second
	// sampleWait is how long the flow may take to give one.
	sampleWait = 20 * time.Millisecond
	// sampleRetry is how long it is not asked again when it did not.
	sampleRetry = time.Second
)

// statistics are the samples that joins are planned by.
type statistics struct {
	mu      sync.Mutex
	samples map[uint32]*takenSample
}

type takenSample struct {
	planner.Sample
	rel   *catalog.Relation
	until time.Time // it serves
	known bool      // there is one
}

// get is the sample, nil when there is none.
func (s *takenSample) get() *planner.Sample {
	if !s.known {
		return nil
	}
	return &s.Sample
}

// sample tells the planner of the rows of a relation. What it says may be some seconds old: answers do not depend on
// it.
func (e *Engine) sample(rel *catalog.Relation) *planner.Sample {
	if !rel.Stored() {
		return nil
	}
	now := e.cfg.Now()
	e.stats.mu.Lock()
	had := e.stats.samples[rel.ID]
	e.stats.mu.Unlock()
	if had != nil && had.rel == rel && now.Before(had.until) {
		return had.get()
	}
	s := &takenSample{rel: rel, until: now.Add(sampleFor), known: true}
	if rel.Kind == catalog.Stream {
		s.Count = e.streamRecords(rel)
	} else if snap := e.tableSnapshot(rel); snap != nil && snap.rel.Layout == rel.Layout {
		s.Sample = snap.sample()
	} else {
		s.until, s.known = now.Add(sampleRetry), false
		if had != nil && had.rel == rel {
			s.Sample, s.known = had.Sample, had.known
		}
	}
	e.stats.mu.Lock()
	if e.stats.samples == nil || len(e.stats.samples) > 1000 { // those of relations that were dropped go with the others
		e.stats.samples = map[uint32]*takenSample{}
	}
	e.stats.samples[rel.ID] = s
	e.stats.mu.Unlock()
	return s.get()
}

// streamRecords is how many records a stream's partitions hold, about.
func (e *Engine) streamRecords(rel *catalog.Relation) (n int64) {
	t, ok := e.node.Topic(rel.Topic)
	if !ok {
		return 0
	}
	for _, id := range t.IDs {
		if start, end, err := e.node.Bounds(id); err == nil {
			n += end - start
		}
	}
	return n
}

// tableSnapshot is the rows of a table or view after the last step; nil when the flow is busy.
func (e *Engine) tableSnapshot(rel *catalog.Relation) *snapshot {
	ctx, cancel := context.WithTimeout(context.Background(), sampleWait)
	defer cancel()
	got := make(chan *snapshot, 1)
	err := e.flow.do(ctx, func() error {
		if s := e.flow.sources[rel.ID]; s != nil && s.rows != nil {
			got <- s.snapshotNow()
		} else {
			got <- nil
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return <-got
}

// sample takes rows at equal distances.
func (s *snapshot) sample() planner.Sample {
	n := s.rows.Len()
	out := planner.Sample{Count: int64(n), Rows: vec.NewBatch(s.types)}
	isCounted := counted(s.rel)
	s.rows.Spread(max(1, n/sampleRows), func(key, value []byte) {
		row := key
		if !isCounted {
			if len(value) < 8 {
				return // it is in the file only
			}
			row = value[8:]
		}
		if _, err := vec.DecodeRow(row, out.Rows.Cols); err != nil {
			panic("BUG: a row in state cannot be decoded: " + err.Error())
		}
		out.Rows.N++
	})
	return out
}

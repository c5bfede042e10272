package engine

import (
	"context"
	"sync"
	"time"

	"github.com/leatdb/leat/sql/catalog"
)

// recallFor is how long rows that were made from a topic are kept for others who want nearly the same.
const recallFor = 3 * time.Second

// recalls are the rows of tables and views at a place, as they were made from their topics last. When a node begins to
// lead, all push queries that it takes up ask for them at once, and for nearly the same.
type recalls struct {
	mu sync.Mutex
	of map[*catalog.Relation]*recalled
}

// recalled are the rows of one relation. Whoever has taken its turn makes them.
type recalled struct {
	turn chan struct{}
	last *keptRows // nil for none yet
	uses int       // guarded by the mutex of all
}

// recall makes the rows that a table or view had where the stretches end, from those that were asked for before where
// that was not later, or from a moment that is nearer.
func (e *Engine) recall(ctx context.Context, rel *catalog.Relation, at []stretch) (*table, error) {
	x := e.recalls.join(rel)
	defer e.recalls.leave(rel, x)
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-x.turn }()
	from := x.last
	if from != nil && from.later(at) {
		from = nil
	}
	if m := e.moments.find(rel, at); m != nil && (from == nil || from.records < m.records) {
		from = m
	}
	if err := e.flow.do(ctx, func() error {
		if s := e.flow.sources[rel.ID]; s != nil {
			e.flow.remember(s)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	rows, err := e.rowsFrom(ctx, rel, at, from)
	if err != nil {
		return nil, err
	}
	x.last = &keptRows{rows: rows.snapshot()}
	for _, s := range at {
		x.last.read, x.last.records = append(x.last.read, s.to), x.last.records+s.to
	}
	return rows, nil
}

func (r *recalls) join(rel *catalog.Relation) *recalled {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[*catalog.Relation]*recalled{}
	}
	x := r.of[rel]
	if x == nil {
		x = &recalled{turn: make(chan struct{}, 1)}
		r.of[rel] = x
	}
	x.uses++
	return x
}

// leave lets the rows go some time after the last use.
func (r *recalls) leave(rel *catalog.Relation, x *recalled) {
	time.AfterFunc(recallFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if x.uses--; x.uses == 0 {
			delete(r.of, rel)
		}
	})
}

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
	rows *snapshot // nil for none yet
	read []int64   // how much of the topic they are made of
	uses int       // guarded by the mutex of all
}

// recall makes the rows that a table or view had where the stretches end, from those that were asked for before where
// that was not later.
func (e *Engine) recall(ctx context.Context, rel *catalog.Relation, at []stretch) (*table, error) {
	x := e.recalls.join(rel)
	defer e.recalls.leave(rel, x)
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-x.turn }()
	from := x.rows
	for part := range x.read {
		if x.read[part] > at[part].to {
			from = nil
		}
	}
	rows, err := e.rowsFrom(ctx, rel, at, from, x.read)
	if err != nil {
		return nil, err
	}
	x.rows, x.read = rows.snapshot(), nil
	for _, s := range at {
		x.read = append(x.read, s.to)
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

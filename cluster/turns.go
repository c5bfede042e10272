package cluster

import (
	"context"
	"sync"
)

// turns are those of whoever does something under a name: one after the other.
type turns struct {
	mu sync.Mutex // guards what follows
	of map[string]*turn
}

// A turn is that of one name.
type turn struct {
	taken  chan struct{} // holds one element while it is taken
	wanted int           // by so many, the one who has it among them
}

// take waits for the turn of a name. Who has it gives it back.
func (t *turns) take(ctx context.Context, name string) (give func(), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = map[string]*turn{}
	}
	mine := t.of[name]
	if mine == nil {
		mine = &turn{taken: make(chan struct{}, 1)}
		t.of[name] = mine
	}
	mine.wanted++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.wanted--; mine.wanted == 0 {
			delete(t.of, name)
		}
	}
	select {
	case mine.taken <- struct{}{}:
		return func() { <-mine.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

package cluster

import (
	"context"
	"sync"
)

// A position is how far a shard has applied its entries: the index of the last one that changed it.
type position struct {
	mu   sync.Mutex // guards what follows
	at   uint64
	more chan struct{} // closed at the next entry; nil while nobody waits
}

// set says that everything up to an entry is applied.
func (p *position) set(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = index
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
}

func (p *position) index() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// wait waits until an entry is applied.
func (p *position) wait(ctx context.Context, stop <-chan struct{}, index uint64) error {
	for {
		p.mu.Lock()
		if p.at >= index {
			p.mu.Unlock()
			return nil
		}
		if p.more == nil {
			p.more = make(chan struct{})
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-stop:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

package cluster

import (
	"context"
	"sync"
)

// A position is how far a shard has applied its entries: the index of the last one that changed it.
type position struct {
	mu   sync.Mutex // guards what follows
	at   uint64
	term uint64        // of the entry; 0 when that is not known
	more chan struct{} // closed at the next entry; nil while nobody waits
}

// set says that everything up to an entry is applied.
func (p *position) set(index, term uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.term = index, term
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

// place is where the last entry is.
func (p *position) place() place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return place{p.at, p.term}
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

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

// next returns nil when an entry is applied, else a channel that is closed when another one is.
func (p *position) next(index uint64) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at >= index {
		return nil
	}
	if p.more == nil {
		p.more = make(chan struct{})
	}
	return p.more
}

// applied waits until the replica here of a shard has applied an entry. One that has failed never will.
func (n *Node) applied(ctx context.Context, shard int, index uint64) error {
	for {
		more := n.shards[shard].reached.next(index)
		if more == nil {
			return nil
		}
		if err := n.await(ctx, more); err != nil {
			return err
		}
	}
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// freshTimeout bounds what the leader asks those of the spread shards before a read.
	freshTimeout = 10 * time.Second
	// freshAgain is how long it waits before it asks again where nobody leads.
	freshAgain = 5 * time.Millisecond
)

// A confirmer makes sure of something, once for all who wait for it: a round that began before somebody asked is not
// for him.
type confirmer[T any] struct {
	mu    sync.Mutex // guards what follows
	busy  bool
	ended bool
	next  *confirmation[T]
}

type confirmation[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// sure is all that there is to know where nobody says more.
type sure = confirmer[struct{}]

// Confirm returns once it is certain that this node led the cluster after the call began: what it has applied then is
// everything that anybody was told is committed, in spread shards as well. Reads that come after it are of that.
func (n *Node) Confirm(ctx context.Context) error {
	if n.reign.Load() == nil {
		if err := n.usable(); err != nil {
			return err
		}
		return ErrNotLeader
	}
	shards := n.occupied()
	if len(shards) == 0 { // the library's own question takes less
		return n.confirmLead(ctx)
	}
	if !n.alone() {
		if err := n.freshenAll(ctx, shards); err != nil {
			return err
		}
	}
	return n.own.settle(ctx)
}

// freshenAll makes sure that this node led the cluster after the call began, and that its replicas of spread shards
// have what was acknowledged there.
func (n *Node) freshenAll(ctx context.Context, shards []int) error {
	indexes, ok := n.canvass(ctx, shards)
	if err := ctx.Err(); err != nil {
		return err
	}
	if !ok {
		return do(ctx, &n.fresh, &n.done, n.confirmAll)
	}
	bounded, cancel := context.WithTimeout(ctx, freshTimeout)
	defer cancel()
	for shard, index := range indexes {
		err := n.applied(bounded, shard, index)
		if err != nil && bounded.Err() != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: shard %d: what was acknowledged is not here yet", ErrNoLeader, shard)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ConfirmAt returns once it is certain that this node led the shards of partitions after the call began; else the error
// is ErrNotLeader.
func (n *Node) ConfirmAt(ctx context.Context, ids ...PartitionID) error {
	seen := map[int]bool{}
	for _, id := range ids {
		shard, err := n.place(id)
		if err != nil {
			return err
		}
		if !n.isSpread(shard) {
			shard = 0
		}
		if seen[shard] {
			continue
		}
		if seen[shard] = true; n.isSpread(shard) {
			err = n.confirmShard(ctx, shard)
		} else {
			err = n.confirmLead(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// confirmLead is Confirm of the home shards alone.
func (n *Node) confirmLead(ctx context.Context) error {
	if n.reign.Load() == nil {
		return ErrNotLeader
	}
	if n.alone() {
		return nil
	}
	return do(ctx, &n.confirms, &n.done, n.confirmHome)
}

// confirmShard is Confirm of one spread shard.
func (n *Node) confirmShard(ctx context.Context, shard int) error {
	s := n.spreadOf(shard)
	if s.tenure.Load() == nil {
		return fmt.Errorf("%w: shard %d", ErrNotLeader, shard)
	}
	if n.alone() {
		return nil
	}
	return do(ctx, &s.confirms, &n.done, func() error {
		t, g := s.tenure.Load(), n.groups[1+shard]
		if t == nil {
			return ErrNotLeader
		}
		if err := n.verify(g); err != nil {
			return fmt.Errorf("%w: %w", ErrNotLeader, err)
		}
		if s.tenure.Load() != t || g.raft.CurrentTerm() != t.term {
			return ErrNotLeader
		}
		return nil
	})
}

// confirmHome makes sure that this node leads the cluster. A reign needs every home group, so asking one is enough.
func (n *Node) confirmHome() error {
	r, g := n.reign.Load(), n.groups[1]
	if r == nil {
		return ErrNotLeader
	}
	if err := n.verify(g); err != nil {
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	}
	if n.reign.Load() != r || g.raft.CurrentTerm() != r.terms[1] {
		return ErrNotLeader
	}
	return nil
}

// confirmAll makes sure of that, and that the replicas here have what was acknowledged in the spread shards.
func (n *Node) confirmAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), freshTimeout)
	defer cancel()
	shards := n.occupied()
	errs := make([]error, 1+len(shards))
	var all sync.WaitGroup
	all.Go(func() { errs[0] = n.confirmHome() })
	for i, shard := range shards {
		all.Go(func() { errs[1+i] = n.freshen(ctx, shard) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// occupied are the spread shards that have partitions.
func (n *Node) occupied() []int { return n.control.view.Load().occupied }

// freshen waits until the replica here has everything that was acknowledged in a spread shard before the call.
func (n *Node) freshen(ctx context.Context, shard int) error {
	for {
		index, err := n.indexAt(ctx, shard)
		if err == nil {
			return n.applied(ctx, shard, index)
		}
		if n.reign.Load() == nil {
			return ErrNotLeader
		}
		select {
		case <-time.After(freshAgain):
		case <-n.stop:
			return ErrClosed
		case <-n.failedCh:
			return n.failure()
		case <-ctx.Done():
			return fmt.Errorf("%w: shard %d: %w", ErrNoLeader, shard, err)
		}
	}
}

// indexAt asks the leader of a spread shard, which may be this node, for the last entry that it has applied.
func (n *Node) indexAt(ctx context.Context, shard int) (uint64, error) {
	leader := n.groups[1+shard].leaderOf()
	switch leader {
	case 0:
		return 0, ErrNotLeader
	case n.Self():
		return n.indexOf(ctx, shard)
	}
	var a adminAnswer
	if err := n.ask(ctx, leader, &adminRequest{Op: "index", Shard: shard}, &a); err != nil {
		return 0, err
	}
	return a.Index, nil
}

// indexOf is the last entry of a spread shard that this node has applied, which leads it for certain. Whatever was
// acknowledged before the call is not behind it.
func (n *Node) indexOf(ctx context.Context, shard int) (uint64, error) {
	if !n.isSpread(shard) || shard >= n.control.shards() {
		return 0, fmt.Errorf("%w: %d is no spread shard", ErrNotLeader, shard)
	}
	if err := n.confirmShard(ctx, shard); err != nil {
		return 0, err
	}
	return n.shards[shard].reached.index(), nil
}

// verify asks the voters of a group whether this node leads it. The library does not answer what it has not begun with
// when its replica is shut down: Close waits for the answer first, and a node that has failed does not wait for it.
func (n *Node) verify(g *group) error {
	answer := make(chan error, 1)
	go func() { answer <- g.raft.VerifyLeader().Error() }()
	select {
	case err := <-answer:
		return err
	case <-n.failedCh:
		return n.failure()
	}
}

// do waits for a round that says nothing more.
func do(ctx context.Context, c *sure, running *sync.WaitGroup, round func() error) error {
	_, err := c.wait(ctx, running, func() (struct{}, error) { return struct{}{}, round() })
	return err
}

// wait waits for a round that begins now or later. Rounds run one after the other, and until nobody waits.
func (c *confirmer[T]) wait(ctx context.Context, running *sync.WaitGroup, round func() (T, error)) (T, error) {
	var none T
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return none, ErrClosed
	}
	if c.next == nil {
		c.next = &confirmation[T]{done: make(chan struct{})}
	}
	mine := c.next
	if !c.busy {
		c.busy = true
		running.Go(func() { c.run(round) })
	}
	c.mu.Unlock()
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// run answers those who wait, round by round.
func (c *confirmer[T]) run(round func() (T, error)) {
	for {
		c.mu.Lock()
		now := c.next
		c.next = nil
		if now == nil {
			c.busy = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		now.value, now.err = round()
		close(now.done)
	}
}

// end refuses further questions. Who waits has an answer when the goroutines that run rounds have ended.
func (c *confirmer[T]) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/wal"
)

const (
	// MaxEntryBytes is how large one raft entry may be, and so what one Append or Step may carry.
	MaxEntryBytes = 16 << 20

	packBytes          = 1 << 20   // waiting appends are packed into one entry up to this size
	eagerBytes         = 256 << 10 // as much waiting is proposed though entries are in flight
	eagerEntries       = 2         // as few entries in flight never make an append wait
	maxEntriesInFlight = 256       // and no more entries than this at a time: what raft sends in one message
	maxBytesInFlight   = 8 << 20   // nor more bytes, unless it is one entry
	maxBytesWaiting    = 32 << 20  // beyond it, callers wait before they may queue
)

// A call is one operation on its way: queued, then in an entry in flight, then done.
type call struct {
	op      op
	size    int
	result  result
	stamped int64         // op.stamp: the time that the records got
	done    chan struct{} // closed when result is set
}

// appendTime is the time that the records of a call that is done got, -1 when they keep their producer's.
func (c *call) appendTime() int64 {
	if c.op.stamp == nil {
		return -1
	}
	return c.stamped
}

// A flight is one entry that was proposed.
type flight struct {
	future raft.ApplyFuture
	calls  []*call
	size   int
}

// A pump takes a shard's operations to its raft group: it packs what waits into one entry while the entries before are
// in flight. It lingers for nothing. Entries are proposed in the order in which their operations were submitted, but a
// step overtakes what waits, in an entry of its own.
type pump struct {
	raft *raft.Raft
	disk *disk
	now  func() time.Time
	term uint64 // the only one to propose in; 0: any
	// tells makes followers know at once what is committed, when nothing follows that would tell them.
	tells bool

	mu       sync.Mutex
	queue    []*call
	waiting  int // bytes in queue
	entries  int // in flight
	proposed int // so many entries ever
	bytes    int
	stopped  error         // why nothing is taken any more
	room     chan struct{} // closed when the queue shrinks and somebody waits for it
	flights  chan flight
	finished sync.WaitGroup
}

func newPump(r *raft.Raft, d *disk, now func() time.Time) *pump {
	p := &pump{raft: r, disk: d, now: now, flights: make(chan flight, maxEntriesInFlight+1)}
	p.finished.Add(1)
	go p.complete()
	return p
}

// submit queues an operation. It waits only when too much is waiting.
func (p *pump) submit(ctx context.Context, o op) (*call, error) {
	c := &call{op: o, size: o.size(), done: make(chan struct{})}
	if c.size+entryHeaderLen > MaxEntryBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, c.size)
	}
	if o.appends != nil {
		if err := p.disk.admit(c.size, o.kind == opStep); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.waiting > maxBytesWaiting && p.stopped == nil {
		if p.room == nil {
			p.room = make(chan struct{})
		}
		room := p.room
		p.mu.Unlock()
		select {
		case <-room:
			p.mu.Lock()
		case <-ctx.Done():
			p.mu.Lock()
			return nil, ctx.Err()
		}
	}
	if p.stopped != nil {
		return nil, p.stopped
	}
	if o.kind == opStep {
		p.queue = slices.Insert(p.queue, p.stepsLocked(), c)
	} else {
		p.queue = append(p.queue, c)
	}
	p.waiting += c.size
	p.proposeLocked()
	return c, nil
}

// stepsLocked counts the steps at the head of the queue: a new one goes behind them.
func (p *pump) stepsLocked() int {
	n := 0
	for n < len(p.queue) && p.queue[n].op.kind == opStep {
		n++
	}
	return n
}

// proposeLocked proposes what may be proposed now.
func (p *pump) proposeLocked() {
	if p.term != 0 && len(p.queue) > 0 && p.raft.CurrentTerm() != p.term {
		p.refuseLocked(ErrNotLeader)
		return
	}
	for len(p.queue) > 0 && p.entries < maxEntriesInFlight {
		step := p.queue[0].op.kind == opStep
		if !step && p.entries >= eagerEntries && p.waiting < eagerBytes {
			return
		}
		n, size := 1, entryHeaderLen+p.queue[0].size
		for !step && n < len(p.queue) && size+p.queue[n].size <= packBytes {
			size += p.queue[n].size
			n++
		}
		if p.entries > 0 && p.bytes+size > maxBytesInFlight {
			return
		}
		f := flight{calls: slices.Clone(p.queue[:n]), size: size}
		now := p.now().UnixMilli()
		entry := beginEntry(size, now)
		for _, c := range f.calls {
			if entry = c.op.encode(entry); c.op.stamp != nil {
				c.op.stampTimes(entry, now)
				c.stamped = now
			}
		}
		clear(p.queue[:n])
		p.queue = p.queue[n:]
		p.leftLocked(size - entryHeaderLen)
		p.entries++
		p.proposed++
		p.bytes += size
		f.future = p.raft.Apply(entry, 0)
		p.flights <- f
	}
}

// leftLocked notes that bytes wait no longer, and tells those who wait for room.
func (p *pump) leftLocked(bytes int) {
	if p.waiting -= bytes; p.room != nil && p.waiting <= maxBytesWaiting {
		close(p.room)
		p.room = nil
	}
}

// complete hands results to callers, entry by entry.
func (p *pump) complete() {
	defer p.finished.Done()
	for f := range p.flights {
		err := f.future.Error()
		var results []result
		if err == nil {
			switch r := f.future.Response().(type) {
			case []result:
				results = r
			case error:
				err = fmt.Errorf("%w: %w", ErrUnknownOutcome, r)
			}
		} else {
			err = proposalError(err)
		}
		for i, c := range f.calls {
			if err != nil {
				c.result.err = err
			} else {
				c.result = results[i]
			}
			close(c.done)
		}
		p.mu.Lock()
		p.entries--
		p.bytes -= f.size
		p.proposeLocked()
		if p.stopped != nil && p.entries == 0 {
			close(p.flights)
		}
		if p.tells && p.entries == 0 && p.stopped == nil {
			p.tellLater(p.proposed)
		}
		p.mu.Unlock()
	}
}

// tellAfter is how long a pump that tells waits for another entry.
const tellAfter = time.Millisecond

// tellLater sends followers an entry without operations when no other one has followed in a moment: with it they learn
// that those before are committed.
func (p *pump) tellLater(proposed int) {
	time.AfterFunc(tellAfter, func() {
		p.mu.Lock()
		idle := p.proposed == proposed && p.stopped == nil && p.raft.CurrentTerm() == p.term
		p.mu.Unlock()
		if idle {
			p.raft.Barrier(time.Second) // nobody waits for it
		}
	})
}

// proposalError says what a failed proposal means: whether it may have been committed all the same.
func proposalError(err error) error {
	switch {
	case errors.Is(err, wal.ErrNoSpace):
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	case errors.Is(err, wal.ErrFailed):
		return fmt.Errorf("%w: %w", ErrFailed, err)
	case errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrRaftShutdown):
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	}
	return fmt.Errorf("cluster: %w", err)
}

// wait waits for a call. When ctx ends first, a call that was not proposed yet is taken back.
func (p *pump) wait(ctx context.Context, c *call) (result, error) {
	select {
	case <-c.done:
		return c.result, c.result.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.queue, c)
	if i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
		p.leftLocked(c.size)
		c.result.err = ctx.Err()
		close(c.done)
	}
	p.mu.Unlock()
	if i >= 0 {
		return result{}, ctx.Err()
	}
	select {
	case <-c.done:
		return c.result, c.result.err
	default:
		return result{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
}

// refuseLocked refuses what waits.
func (p *pump) refuseLocked(reason error) {
	for _, c := range p.queue {
		c.result.err = reason
		close(c.done)
	}
	p.queue = nil
	p.leftLocked(p.waiting)
}

// close refuses what waits and what comes, and waits for what is in flight. Raft must not be shut down before: it would
// never answer.
func (p *pump) close(reason error) {
	p.mu.Lock()
	if p.stopped != nil {
		p.mu.Unlock()
		p.finished.Wait()
		return
	}
	p.stopped = reason
	p.refuseLocked(reason)
	if p.entries == 0 {
		close(p.flights)
	}
	p.mu.Unlock()
	p.finished.Wait()
}

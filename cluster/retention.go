package cluster

import (
	"context"
	"math"
	"sync"
	"time"
)

// holds are the offsets that retention must leave, by partition.
type holds struct {
	mu     sync.Mutex
	at     map[PartitionID]int64
	free   bool                // what nobody holds may go
	frozen map[PartitionID]int // how many have frozen it
	all    int                 // how many have frozen them all
	busy   map[PartitionID]int // trims and compactions that have asked how far they may go, and are not applied yet
}

// reset forgets what an earlier reign has said: who reads now says it anew.
func (h *holds) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.free = nil, false
}

// Hold keeps retention and compaction from a partition's records from an offset on: somebody may have to read them
// again. A node opened with Config.HoldRetention leaves what nobody has given a hold for, until HoldsNamed.
func (n *Node) Hold(p PartitionID, offset int64) {
	n.holds.mu.Lock()
	defer n.holds.mu.Unlock()
	if n.holds.at == nil {
		n.holds.at = map[PartitionID]int64{}
	}
	n.holds.at[p] = offset
}

// HoldsNamed says that whoever needs records has said so by Hold: the other partitions are nobody's.
func (n *Node) HoldsNamed() {
	n.holds.mu.Lock()
	defer n.holds.mu.Unlock()
	n.holds.free = true
}

// Freeze keeps retention and compaction off partitions, and waits until what they have begun there is done for good: it
// will be found done after a crash as well. What is read from then on can be read again. Whoever froze says by Hold
// what stays needed, and then calls release.
func (n *Node) Freeze(ctx context.Context, partitions []PartitionID) (release func(), err error) {
	n.holds.freeze(partitions, 1)
	release = func() { n.holds.freeze(partitions, -1) }
	w := n.Watch()
	defer w.Close()
	for _, id := range partitions {
		for !n.settled(id) {
			if err := n.await(ctx, w.C); err != nil {
				release()
				return nil, err
			}
		}
	}
	return release, nil
}

func (h *holds) freeze(partitions []PartitionID, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.frozen == nil {
		h.frozen = map[PartitionID]int{}
	}
	for _, id := range partitions {
		if h.frozen[id] += by; h.frozen[id] == 0 {
			delete(h.frozen, id)
		}
	}
}

// settled says whether no trim and no compaction of a partition is under way or could be undone by a crash.
func (n *Node) settled(id PartitionID) bool {
	n.holds.mu.Lock()
	busy := n.holds.busy[id]
	n.holds.mu.Unlock()
	if busy > 0 {
		return false
	}
	p, err := n.find(id)
	if err != nil {
		return true // it is gone
	}
	if len(p.waiting()) > 0 {
		return false
	}
	l := p.opened()
	return l == nil || l.Settled()
}

// mayTrim returns how far retention and compaction may go in a partition. Until done is called they are under way.
func (n *Node) mayTrim(id PartitionID) (to int64, done func()) {
	h := &n.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy == nil {
		h.busy = map[PartitionID]int{}
	}
	h.busy[id]++
	done = func() {
		h.mu.Lock()
		if h.busy[id]--; h.busy[id] == 0 {
			delete(h.busy, id)
		}
		h.mu.Unlock()
		n.watches.signal()
	}
	at, held := h.at[id]
	switch {
	case h.frozen[id] > 0, h.all > 0:
		return 0, done
	case held:
		return at, done
	case n.cfg.HoldRetention && !h.free:
		return 0, done
	}
	return math.MaxInt64, done
}

// retain looks after retention until the node closes.
func (n *Node) retain(ctx context.Context) {
	defer n.done.Done()
	tick := time.NewTicker(n.cfg.RetentionCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if n.setSegments(); !n.Leads() {
				continue
			}
			n.trimOld(ctx)
			n.compactOld(ctx)
			n.expire(ctx)
		case <-n.stop:
			return
		}
	}
}

// trimOld proposes to trim what retention lets go. The decision is made here, with this node's clock; what is applied
// is the offset.
func (n *Node) trimOld(ctx context.Context) {
	now := n.Now().UnixMilli()
	for _, t := range n.Topics() {
		settings := t.Settings()
		if !settings.Delete || settings.Retention < 0 && settings.RetentionBytes < 0 {
			continue
		}
		for _, id := range t.IDs {
			if n.usable() != nil {
				return
			}
			if err := n.trimPartition(ctx, id, &settings, now); err != nil {
				n.cfg.Logger.Warn("retention", "topic", t.Name, "partition", uint64(id), "error", err)
			}
		}
	}
}

func (n *Node) trimPartition(ctx context.Context, id PartitionID, settings *Settings, nowMs int64) error {
	l, err := n.log(id)
	if err != nil {
		return err
	}
	to, done := n.mayTrim(id)
	defer done()
	start, _ := l.Bounds()
	if to = min(to, l.RetentionOffset(nowMs, settings.Retention, settings.RetentionBytes)); to > start {
		return n.Trim(ctx, id, to)
	}
	return nil
}

// expire proposes to forget producers, transactional ids and groups' offsets that nobody has used for long.
func (n *Node) expire(ctx context.Context) {
	now := n.Now().UnixMilli()
	for i, s := range n.shards {
		s.applying.RLock()
		worth := s.worthExpiring(now)
		s.applying.RUnlock()
		if !worth || n.usable() != nil {
			continue
		}
		if _, err := n.do(ctx, i, commandOp(opExpire, &cmdExpire{})); err != nil {
			n.cfg.Logger.Warn("expiry", "shard", i, "error", err)
		}
	}
}

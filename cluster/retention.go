package cluster

import (
	"context"
	"math"
	"sync"
	"time"
)

// holds are the offsets that retention must leave, by partition.
type holds struct {
	mu   sync.Mutex
	at   map[PartitionID]int64
	free bool // what nobody holds may go
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

// mayTrim returns how far retention may trim a partition.
func (n *Node) mayTrim(p PartitionID) int64 {
	n.holds.mu.Lock()
	defer n.holds.mu.Unlock()
	if at, ok := n.holds.at[p]; ok {
		return at
	}
	if n.cfg.HoldRetention && !n.holds.free {
		return 0
	}
	return math.MaxInt64
}

// retain looks after retention until the node closes.
func (n *Node) retain(ctx context.Context) {
	defer n.done.Done()
	tick := time.NewTicker(n.cfg.RetentionCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n.setSegments()
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
	now := n.cfg.Now().UnixMilli()
	for _, t := range n.Topics() {
		settings := t.Settings()
		if !settings.Delete || settings.Retention < 0 && settings.RetentionBytes < 0 {
			continue
		}
		for _, id := range t.IDs {
			if n.usable() != nil {
				return
			}
			l, err := n.log(id)
			if err == nil {
				start, _ := l.Bounds()
				cut := min(l.RetentionOffset(now, settings.Retention, settings.RetentionBytes), n.mayTrim(id))
				if cut > start {
					err = n.Trim(ctx, id, cut)
				}
			}
			if err != nil {
				n.cfg.Logger.Warn("retention", "topic", t.Name, "partition", uint64(id), "error", err)
			}
		}
	}
}

// expire proposes to forget producers, transactional ids and groups' offsets that nobody has used for long.
func (n *Node) expire(ctx context.Context) {
	now := n.cfg.Now().UnixMilli()
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

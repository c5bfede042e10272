package cluster

import (
	"context"
	"math"
	"sync"
	"time"
)

// holds are the offsets that retention must leave, by partition.
type holds struct {
	mu sync.Mutex
	at map[PartitionID]int64
}

// Hold keeps retention from a partition's records from an offset on: somebody may have to read them again. A node
// opened with Config.HoldRetention trims nothing that nobody has given a hold for.
func (n *Node) Hold(p PartitionID, offset int64) {
	n.holds.mu.Lock()
	defer n.holds.mu.Unlock()
	if n.holds.at == nil {
		n.holds.at = map[PartitionID]int64{}
	}
	n.holds.at[p] = offset
}

// mayTrim returns how far retention may trim a partition.
func (n *Node) mayTrim(p PartitionID) int64 {
	n.holds.mu.Lock()
	defer n.holds.mu.Unlock()
	if at, ok := n.holds.at[p]; ok {
		return at
	}
	if n.cfg.HoldRetention {
		return 0
	}
	return math.MaxInt64
}

// retain looks after retention until the node closes.
func (n *Node) retain() {
	defer n.done.Done()
	tick := time.NewTicker(n.cfg.RetentionCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n.trimOld()
		case <-n.stop:
			return
		}
	}
}

// trimOld proposes to trim what retention lets go. The decision is made here, with this node's clock; what is applied
// is the offset.
func (n *Node) trimOld() {
	now := n.cfg.Now().UnixMilli()
	for _, t := range n.Topics() {
		if t.Retention == 0 && t.RetentionBytes == 0 {
			continue
		}
		keep, keepBytes := time.Duration(-1), int64(-1)
		if t.Retention > 0 {
			keep = t.Retention
		}
		if t.RetentionBytes > 0 {
			keepBytes = t.RetentionBytes
		}
		for _, id := range t.IDs {
			if n.usable() != nil {
				return
			}
			l, err := n.log(id)
			if err == nil {
				start, _ := l.Bounds()
				if cut := min(l.RetentionOffset(now, keep, keepBytes), n.mayTrim(id)); cut > start {
					err = n.Trim(context.Background(), id, cut)
				}
			}
			if err != nil {
				n.cfg.Logger.Warn("retention", "topic", t.Name, "partition", uint64(id), "error", err)
			}
		}
	}
}

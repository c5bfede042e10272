package cluster

import (
	"context"
	"time"
)

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
				if cut := l.RetentionOffset(now, keep, keepBytes); cut > start {
					err = n.Trim(context.Background(), id, cut)
				}
			}
			if err != nil {
				n.cfg.Logger.Warn("retention", "topic", t.Name, "partition", uint64(id), "error", err)
			}
		}
	}
}

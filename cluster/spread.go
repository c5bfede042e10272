package cluster

import (
	"context"
	"errors"
)

// Spread is how many spread shards there are.
func (n *Node) Spread() int { return n.control.spread }

// LeaderOf returns the number of the node that leads a partition's shard, as far as this one knows; 0 for none.
func (n *Node) LeaderOf(id PartitionID) uint64 {
	shard, err := n.place(id)
	if err != nil || shard < n.control.homes {
		return n.Leader()
	}
	_, server := n.groups[1+shard].raft.LeaderWithID()
	return nodeOf(server)
}

// Serves reports whether this node leads a partition's shard and has applied everything that was committed before.
func (n *Node) Serves(id PartitionID) bool {
	_, err := n.place(id)
	return err == nil && n.Leads()
}

// ConfirmAt returns once it is certain that this node led the shards of partitions after the call began; else the error
// is ErrNotLeader.
func (n *Node) ConfirmAt(ctx context.Context, ids ...PartitionID) error { return n.Confirm(ctx) }

// Reached waits until this node's replica has a partition up to an offset. A step that another node has recorded may
// name offsets of a spread shard which have not come here yet.
func (n *Node) Reached(ctx context.Context, id PartitionID, to int64) error {
	w := n.Watch()
	defer w.Close()
	for {
		q, err := n.find(id)
		if err == nil {
			if _, next := q.bounds(); next >= to {
				return nil
			}
		} else if _, placed := n.place(id); placed != nil || !errors.Is(err, ErrNoPartition) {
			return err
		}
		select {
		case <-w.C:
		case <-n.stop:
			return ErrClosed
		case <-n.failedCh:
			return n.failure()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

package cluster

import (
	"context"
	"errors"
	"slices"
)

// A half is the last transaction of a producer that ended in a partition of a spread shard, of which another shard may
// not know yet that it has ended everywhere. It is part of a snapshot's manifest.
type half struct {
	Producer int64  `json:"producer"`
	ID       string `json:"id"` // the transactional id
	Seq      uint64 `json:"seq"`
	First    int64  `json:"first"` // its first offset in the partition
}

// keepHalf keeps a producer's.
func (q *sequences) keepHalf(h half) {
	i, ok := slices.BinarySearchFunc(q.halves, h.Producer, func(a half, id int64) int { return compare(a.Producer, id) })
	q.halves = slices.Clone(q.halves) // a snapshot may have it
	if ok {
		q.halves[i] = h
	} else {
		q.halves = slices.Insert(q.halves, i, h)
	}
}

// decided is the last stable offset, or where the first half begins that is not whole.
func (q *sequences) decided(whole func(half) bool) int64 {
	q.mu.RLock()
	defer q.mu.RUnlock()
	end := q.stable
	for _, h := range q.halves {
		if h.First < end && !whole(h) {
			end = h.First
		}
	}
	return end
}

// Ends appends to ends how far each partition is decided, all at one moment: an entry that appended to several of
// them, or a transaction that ended in them, counts for all or for none. The leader is the one to ask.
//
// The moment is one of each shard that is involved, none of which lacks what another one follows from (shard.after):
// where a transaction has ended in the home shard, which coordinates it, it has ended in the others as well. One that
// has not ended there is not counted in those where it has.
func (n *Node) Ends(ctx context.Context, partitions []PartitionID, ends []int64) ([]int64, error) {
	found := make([]*partition, len(partitions))
	involved := make([]bool, len(n.shards))
	spread := false
	for i, id := range partitions {
		shard, err := n.place(id)
		if err != nil {
			return ends, err
		}
		if found[i], err = n.here(id); err != nil {
			return ends, err
		}
		involved[shard] = true
		spread = spread || n.isSpread(shard)
	}
	for i := range n.homeShards() {
		involved[i] = involved[i] || spread
	}
	release, err := n.moment(ctx, involved)
	if err != nil {
		return ends, err
	}
	defer release()
	for _, p := range found {
		end := int64(0)
		if p != nil {
			end = p.seq.decided(n.whole)
		}
		ends = append(ends, end)
	}
	return ends, nil
}

// here is find, but for a partition of a spread shard that has not been made here yet: nobody may lead the shard now,
// or this node is behind. As far as it knows the partition is empty, which is nil.
func (n *Node) here(id PartitionID) (*partition, error) {
	shard, err := n.place(id)
	if err != nil || !n.isSpread(shard) {
		return n.find(id)
	}
	p, err := n.shards[shard].partition(id)
	if errors.Is(err, ErrNoPartition) {
		return nil, nil
	}
	return p, err
}

// moment shares shards when none of them lacks what another one follows from. Replicas that are behind are waited for.
func (n *Node) moment(ctx context.Context, involved []bool) (release func(), err error) {
	for {
		release := n.share(involved)
		shard, index := n.lacks(involved)
		if index == 0 {
			return release, nil
		}
		release()
		if err := n.applied(ctx, shard, index); err != nil {
			return nil, err
		}
	}
}

// share keeps entries from being applied to shards until release is called.
func (n *Node) share(involved []bool) (release func()) {
	for i, in := range involved { // in order, as everybody does
		if in {
			n.shards[i].applying.RLock()
		}
	}
	return func() {
		for i, in := range involved {
			if in {
				n.shards[i].applying.RUnlock()
			}
		}
	}
}

// lacks finds a shard that has not come to what another one follows from; index is 0 when there is none.
func (n *Node) lacks(involved []bool) (shard int, index uint64) {
	for i, s := range n.shards {
		if !involved[i] {
			continue
		}
		for shard, index := range s.after {
			if involved[shard] && n.shards[shard].reached.index() < index {
				return shard, index
			}
		}
	}
	return 0, 0
}

// follow notes entries of other shards that what is here follows from.
func (s *shard) follow(after map[int]uint64) {
	for shard, index := range after {
		if s.after == nil {
			s.after = map[int]uint64{}
		}
		s.after[shard] = max(s.after[shard], index)
	}
}

// whole reports whether a transaction has ended everywhere. The home shards are shared, and know of its beginning.
func (n *Node) whole(h half) bool {
	t := n.shards[n.coordinatorOf(h.ID)].txns[h.ID]
	return t == nil || t.Seq != h.Seq || t.State != TxnOngoing && !t.preparing()
}

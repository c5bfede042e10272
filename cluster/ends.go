package cluster

// Ends appends to ends the last stable offset of each partition, all as they are at one moment: an entry that appended
// to several of them, or a transaction that ended in them, counts for all or for none.
func (n *Node) Ends(partitions []PartitionID, ends []int64) ([]int64, error) {
	found := make([]*partition, len(partitions))
	involved := make([]bool, len(n.shards))
	for i, id := range partitions {
		shard, err := n.place(id)
		if err != nil {
			return ends, err
		}
		if found[i], err = n.find(id); err != nil {
			return ends, err
		}
		involved[shard] = true
	}
	for i, in := range involved { // in order, as everybody does
		if in {
			n.shards[i].applying.RLock()
			defer n.shards[i].applying.RUnlock()
		}
	}
	for _, p := range found {
		ends = append(ends, p.seq.lastStable())
	}
	return ends, nil
}

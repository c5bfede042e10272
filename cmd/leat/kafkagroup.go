package main

import (
	"context"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/kafka/group"
)

// kafkaOffsets introduces the Kafka door to the offsets of groups.
type kafkaOffsets struct {
	node   *cluster.Node
	topics *kafkaTopics
}

// Commit implements kafka.Offsets.
func (k *kafkaOffsets) Commit(ctx context.Context, c kafka.OffsetCommit) error {
	commit := cluster.OffsetCommit{Group: c.Group, Generation: c.Generation, Txn: clusterTxn(c.Txn),
		AddToTxn: c.AddToTxn}
	for _, o := range c.Offsets {
		commit.Offsets = append(commit.Offsets, cluster.GroupOffset{Partition: cluster.PartitionID(o.Partition),
			Offset: o.Offset, LeaderEpoch: o.LeaderEpoch, Metadata: o.Metadata})
	}
	return coordinatorError(k.node.CommitOffsets(ctx, commit))
}

// Committed implements kafka.Offsets.
func (k *kafkaOffsets) Committed(group string) ([]kafka.CommittedOffset, error) {
	stored, err := k.node.Offsets(group)
	if err != nil {
		return nil, coordinatorError(err)
	}
	out := make([]kafka.CommittedOffset, 0, len(stored))
	for _, o := range stored {
		at, ok := k.topics.current().places[o.Partition]
		if !ok {
			continue // deleted
		}
		out = append(out, kafka.CommittedOffset{Topic: at.Topic, Number: at.Number, Pending: o.Pending,
			GroupOffset: kafka.GroupOffset{Partition: kafka.PartitionID(o.Partition), Offset: o.Offset,
				LeaderEpoch: o.LeaderEpoch, Metadata: o.Metadata}})
	}
	return out, nil
}

// Forget implements kafka.Offsets.
func (k *kafkaOffsets) Forget(ctx context.Context, group string, partitions []kafka.PartitionID) error {
	ids := make([]cluster.PartitionID, len(partitions))
	for i, p := range partitions {
		ids[i] = cluster.PartitionID(p)
	}
	return coordinatorError(k.node.DeleteOffsets(ctx, group, ids))
}

// kafkaGroups introduces the coordinator of groups to where they are stored.
type kafkaGroups struct{ node *cluster.Node }

// Put implements group.Store.
func (k kafkaGroups) Put(ctx context.Context, s group.Stored) error {
	return coordinatorError(k.node.PutGroup(ctx, cluster.Group(s)))
}

// Delete implements group.Store.
func (k kafkaGroups) Delete(ctx context.Context, name string) error {
	return coordinatorError(k.node.DeleteGroup(ctx, name))
}

// Find implements group.Store.
func (k kafkaGroups) Find(name string) (group.Stored, bool) {
	g, ok := k.node.Group(name)
	return group.Stored(g), ok
}

// All implements group.Store.
func (k kafkaGroups) All() []group.Stored {
	var out []group.Stored
	for _, g := range k.node.Groups() {
		out = append(out, group.Stored(g))
	}
	return out
}

package cluster

import "context"

// A GroupOffset is how far a consumer group has come in a partition.
type GroupOffset struct {
	Partition   PartitionID `json:"partition"`
	Offset      int64       `json:"offset"`
	LeaderEpoch int32       `json:"leaderEpoch"` // -1: unknown
	Metadata    string      `json:"metadata,omitempty"`
	Time        int64       `json:"time"` // of the commit, milliseconds: set when it is applied
}

// An OffsetCommit commits offsets of a group.
type OffsetCommit struct {
	Group string
	// Generation is the committer's; an older one than the group was last put with is refused (ErrGeneration). -1 is
	// no member.
	Generation int32
	Offsets    []GroupOffset
	// Txn makes the offsets pending until the transaction ends; its zero TransactionalID is none. The group must have
	// been added to it, unless AddToTxn does that first.
	Txn      Txn
	AddToTxn bool
}

// CommitOffsets commits offsets. Errors: ErrGeneration; in a transaction also ErrTxnState, ErrProducerEpoch,
// ErrProducerMapping, ErrProducerFenced, ErrConcurrentTxn.
func (n *Node) CommitOffsets(ctx context.Context, c OffsetCommit) error { return errNotYet }

// A CommittedOffset is a committed offset of a group.
type CommittedOffset struct {
	GroupOffset
	// Pending says that an open transaction has another offset for the partition: a reader that requires stable
	// offsets has to ask again. Offset is -1 when nothing else was ever committed.
	Pending bool
}

// Offsets lists what a group has committed in partitions that exist, by partition.
func (n *Node) Offsets(group string) ([]CommittedOffset, error) { return nil, errNotYet }

// A Group is what has to survive of a consumer group besides its offsets.
type Group struct {
	Name       string `json:"name"`
	Generation int32  `json:"generation"`
	// Empty says that the group has no members: its offsets expire some time later.
	Empty bool `json:"empty,omitempty"`
	// Data is the caller's: protocol, members, assignments.
	Data []byte `json:"data,omitempty"`
}

// PutGroup stores a group. A generation older than the stored one is refused (ErrGeneration).
func (n *Node) PutGroup(ctx context.Context, g Group) error { return errNotYet }

// Groups lists the groups that were put or have offsets, by name.
func (n *Node) Groups() []Group { return nil }

// Group finds a group that was put or has offsets.
func (n *Node) Group(name string) (Group, bool) { return Group{}, false }

// DeleteGroup forgets a group and its offsets (ErrNoGroup).
func (n *Node) DeleteGroup(ctx context.Context, name string) error { return errNotYet }

// DeleteOffsets forgets a group's offsets in some partitions (ErrNoGroup).
func (n *Node) DeleteOffsets(ctx context.Context, group string, partitions []PartitionID) error {
	return errNotYet
}

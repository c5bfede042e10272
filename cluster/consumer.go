package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

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
func (n *Node) CommitOffsets(ctx context.Context, c OffsetCommit) error {
	o := cmdOffsets{Group: c.Group, Generation: c.Generation, Offsets: c.Offsets}
	if c.Txn.TransactionalID != "" {
		o.Producer = &c.Txn.Producer
		if c.AddToTxn {
			if err := n.AddToTxn(ctx, c.Txn, nil, []string{c.Group}); err != nil {
				return err
			}
		}
	}
	return n.doGroup(ctx, c.Group, commandOp(opOffsets, &o))
}

// doGroup proposes an operation on a group.
func (n *Node) doGroup(ctx context.Context, group string, o op) error {
	if err := n.usable(); err != nil {
		return err
	}
	if err := n.disk.admit(o.size(), false); err != nil && o.kind != opForgetGroup {
		return err
	}
	_, err := n.do(ctx, n.coordinatorOf(group), o)
	return err
}

// readGroup calls read with a group while it does not change; there may be none.
func (n *Node) readGroup(name string, read func(g *groupState)) {
	s := n.shards[n.coordinatorOf(name)]
	s.applying.RLock()
	defer s.applying.RUnlock()
	if g := s.groups.byName[name]; g != nil && g.known() {
		read(g)
	}
}

// known says whether there is more to the group than a transaction that ended.
func (g *groupState) known() bool { return g.Put || len(g.Offsets)+len(g.Pending) > 0 }

// A CommittedOffset is a committed offset of a group.
type CommittedOffset struct {
	GroupOffset
	// Pending says that an open transaction has another offset for the partition: a reader that requires stable
	// offsets has to ask again. Offset is -1 when nothing else was ever committed.
	Pending bool
}

// Offsets lists what a group has committed in partitions that exist, by partition.
func (n *Node) Offsets(group string) (list []CommittedOffset, err error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	n.readGroup(group, func(g *groupState) {
		pending := map[PartitionID]bool{}
		for _, offsets := range g.Pending {
			for id := range offsets {
				pending[id] = true
			}
		}
		for id, o := range g.Offsets {
			list = append(list, CommittedOffset{o.GroupOffset, pending[id]})
			delete(pending, id)
		}
		for id := range pending {
			none := GroupOffset{Partition: id, Offset: noOffset, LeaderEpoch: -1}
			list = append(list, CommittedOffset{none, true})
		}
	})
	list = slices.DeleteFunc(list, func(o CommittedOffset) bool {
		_, err := n.place(o.Partition)
		return err != nil
	})
	slices.SortFunc(list, func(a, b CommittedOffset) int { return compare(int64(a.Partition), int64(b.Partition)) })
	return list, nil
}

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
func (n *Node) PutGroup(ctx context.Context, g Group) error {
	return n.doGroup(ctx, g.Name, commandOp(opPutGroup, &cmdPutGroup{g}))
}

// Groups lists the groups that were put or have offsets, by name. Their Data must not be changed.
func (n *Node) Groups() (list []Group) {
	for _, s := range n.shards {
		s.applying.RLock()
		for _, g := range s.groups.byName {
			if g.known() {
				list = append(list, g.Group)
			}
		}
		s.applying.RUnlock()
	}
	slices.SortFunc(list, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Group finds a group that was put or has offsets. Its Data must not be changed.
func (n *Node) Group(name string) (found Group, ok bool) {
	n.readGroup(name, func(g *groupState) { found, ok = g.Group, true })
	return found, ok
}

// DeleteGroup forgets a group and its offsets (ErrNoGroup).
func (n *Node) DeleteGroup(ctx context.Context, name string) error {
	return n.doGroup(ctx, name, commandOp(opForgetGroup, &cmdForgetGroup{Name: name}))
}

// DeleteOffsets forgets a group's offsets in some partitions (ErrNoGroup).
func (n *Node) DeleteOffsets(ctx context.Context, group string, partitions []PartitionID) error {
	if len(partitions) == 0 {
		if _, ok := n.Group(group); !ok {
			return fmt.Errorf("%w: %q", ErrNoGroup, group)
		}
		return nil
	}
	return n.doGroup(ctx, group, commandOp(opForgetGroup, &cmdForgetGroup{group, partitions}))
}

package cluster

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Update commits a change: all of it, or nothing and an error. It returns the version that the change made, once its
// topics can be appended to.
func (n *Node) Update(ctx context.Context, c Change) (version uint64, err error) {
	if err := n.usable(); err != nil {
		return 0, err
	}
	c.CreateTopics = slices.Clone(c.CreateTopics)
	for i := range c.CreateTopics {
		if t := &c.CreateTopics[i]; t.UUID == [16]byte{} {
			rand.Read(t.UUID[:])
		}
	}
	entry, err := json.Marshal(&c)
	if err != nil {
		return 0, fmt.Errorf("cluster: %w", err)
	}
	if len(entry) > MaxEntryBytes {
		return 0, fmt.Errorf("%w: a change of %d bytes", ErrTooLarge, len(entry))
	}
	if len(c.CreateTopics)+len(c.AlterTopics)+len(c.Put) > 0 {
		if err := n.disk.admit(len(entry), false); err != nil {
			return 0, err
		}
	}
	select {
	case n.ddl <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-n.ddl }()
	if err := n.usable(); err != nil { // Close waits for the lock, and then for nobody
		return 0, err
	}
	if r := n.reign.Load(); r == nil || n.groups[0].raft.CurrentTerm() != r.terms[0] && !n.alone() {
		return 0, ErrNotLeader
	}
	future := n.groups[0].raft.Apply(entry, 0)
	if err := future.Error(); err != nil {
		return 0, proposalError(err)
	}
	switch r := future.Response().(type) {
	case error:
		return 0, r
	case uint64:
		version = r
	}
	if len(c.CreateTopics)+len(c.AlterTopics)+len(c.DeleteTopics) > 0 {
		err = n.reconcileLocked(context.WithoutCancel(ctx)) // the change is committed: who asked for it must not be told else
		n.setSegments()
	}
	return version, err
}

// Documents returns a consistent copy of the documents and its version. The documents' bytes must not be changed.
func (n *Node) Documents() (version uint64, docs map[string][]byte) {
	v := n.control.view.Load()
	return v.version, maps.Clone(v.documents)
}

// Version is that of the documents and topics.
func (n *Node) Version() uint64 { return n.control.view.Load().version }

// Changed returns a channel that is closed at the next version. Take it before reading what it is about.
func (n *Node) Changed() <-chan struct{} { return n.control.view.Load().changed }

// learnTimeout bounds a question of Learn: the next is put to whoever leads then.
const learnTimeout = 2 * time.Second

// Learn returns when the documents and topics here are as new as those that the leader had when it was asked. It does
// not ask others whether it still led.
func (n *Node) Learn(ctx context.Context) error {
	if n.Leads() {
		return nil
	}
	return do(ctx, &n.learns, &n.done, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), learnTimeout)
		defer cancel()
		leader := n.Leader()
		if leader == 0 {
			return ErrNoLeader
		}
		var a adminAnswer
		if err := n.ask(ctx, leader, &adminRequest{Op: "version"}, &a); err != nil {
			return err
		}
		return n.known(ctx, a.Version)
	})
}

// known waits until the documents and topics of a version are here.
func (n *Node) known(ctx context.Context, version uint64) error {
	for {
		changed := n.Changed()
		if n.Version() >= version {
			return nil
		}
		if err := n.await(ctx, changed); err != nil {
			return err
		}
	}
}

// Topic finds a topic by name.
func (n *Node) Topic(name string) (Topic, bool) {
	t, ok := n.control.view.Load().topics[name]
	return t, ok
}

// Topics returns all topics, by name.
func (n *Node) Topics() []Topic {
	return slices.SortedFunc(maps.Values(n.control.view.Load().topics), func(a, b Topic) int {
		return strings.Compare(a.Name, b.Name)
	})
}

// reconcile brings the shards in line with the topics: a crash may have come between the two.
func (n *Node) reconcile(ctx context.Context) error {
	n.ddl <- struct{}{}
	defer func() { <-n.ddl }()
	return n.reconcileLocked(ctx)
}

func (n *Node) reconcileLocked(ctx context.Context) error {
	if err := n.settleShards(ctx, 0, n.control.homes); err != nil {
		return err
	}
	// What a spread shard lacks because nobody leads it now, it gets when somebody does: see arrange.
	if err := n.settleShards(ctx, n.control.homes, n.control.shards()); err != nil {
		n.cfg.Logger.Warn("the spread shards lack partitions", "error", err)
	}
	return nil
}

// reconcileSpread brings the spread shards in line with the topics.
func (n *Node) reconcileSpread(ctx context.Context) error {
	missing, extra := n.differences(n.control.homes, n.control.shards())
	if len(missing)+len(extra) == 0 {
		return nil
	}
	n.ddl <- struct{}{}
	defer func() { <-n.ddl }()
	return n.settleShards(ctx, n.control.homes, n.control.shards())
}

// differences finds the partitions that shards lack, and those that they should not have, by shard.
func (n *Node) differences(from, to int) (missing, extra map[int][]PartitionID) {
	v := n.control.view.Load()
	missing, extra = map[int][]PartitionID{}, map[int][]PartitionID{}
	for id, at := range v.partitions {
		if at.shard < from || at.shard >= to {
			continue
		}
		if _, err := n.shards[at.shard].partition(id); err != nil {
			missing[at.shard] = append(missing[at.shard], id)
		}
	}
	for i := from; i < to; i++ {
		for _, id := range n.shards[i].ids() {
			if at, ok := v.partitions[id]; !ok || at.shard != i {
				extra[i] = append(extra[i], id)
			}
		}
	}
	return missing, extra
}

// spreadSettles bounds bringing the spread shards in line: nobody may lead them.
const spreadSettles = 3 * time.Second

// settleShards brings shards in line with the topics. A partition of a spread shard goes when it is certain that this
// node leads after it has not found it: what another leader has made is none that is not wanted.
func (n *Node) settleShards(ctx context.Context, from, to int) error {
	missing, extra := n.differences(from, to)
	if n.isSpread(from) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, spreadSettles)
		defer cancel()
		if len(extra) > 0 {
			if err := n.confirmLead(ctx); err != nil {
				return err
			}
		}
	}
	for i := from; i < to; i++ {
		slices.Sort(missing[i])
		for _, o := range []op{{kind: opCreate, partitions: missing[i]}, {kind: opDrop, partitions: extra[i]}} {
			if len(o.partitions) == 0 {
				continue
			}
			if _, err := n.do(ctx, i, o); err != nil {
				return err
			}
		}
		if len(extra[i]) > 0 {
			n.groups[1+i].snapshotWanted() // their files go then
		}
	}
	return nil
}

package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/wal"
)

// Recover makes a cluster of its own out of one node's directory, which no process may use: a copy, or what is left
// when the other nodes are lost. The node keeps everything that it has, entries that were not committed among it, and
// is the only voter. The cluster gets another name, so nodes of the old one do not take it for theirs; what they were
// is forgotten when it first leads.
func Recover(cfg Config) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg.Peers = Peers{Self: cfg.Peers.Self}
	n := &Node{cfg: cfg.withDefaults(), stop: make(chan struct{}), failedCh: make(chan struct{}),
		compactions: make(chan struct{}, 1)}
	if found, err := n.loadIdentity(); err != nil {
		return err
	} else if !found {
		n.identity.Node = founder
	}
	if n.identity.Node == 0 {
		return fmt.Errorf("%w: this node has never been taken in by a cluster", ErrMember)
	}
	if err := n.mayUse(); err != nil {
		return err
	}
	if err := n.openControl(n.cfg.Shards, n.cfg.Spread); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.control.close()) }()
	wc := n.cfg.WAL
	wc.Logger = n.cfg.Logger
	if n.wal, err = wal.Open(n.path("wal"), wc); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.wal.Close()) }()
	for i, fsm := range n.machines() {
		if err := n.recoverGroup(groupID(i), fsm); err != nil {
			return fmt.Errorf("cluster: group %d: %w", groupID(i), err)
		}
	}
	if err := n.failure(); err != nil {
		return err
	}
	for _, s := range n.shards {
		if err := s.close(); err != nil {
			return err
		}
	}
	n.identity = identity{Node: n.identity.Node, Cluster: randomName(), Shards: n.control.homes, Spread: n.control.spread}
	return n.saveIdentity()
}

// recoverGroup makes a snapshot of all that the replica of a group has, with this node as the only server.
func (n *Node) recoverGroup(id uint64, fsm raft.FSM) error {
	logger := raftLogger(n.cfg.Logger.With("group", id))
	snaps, err := openSnapshots(n.path("snapshots"), id, logger, n.failed)
	if err != nil {
		return err
	}
	self := serverOf(n.Self())
	g := n.wal.Group(id)
	return raft.RecoverCluster(raftConfig(self, true, logger), releasing{fsm}, g, g, snaps, newLone(), raft.Configuration{
		Servers: []raft.Server{{ID: self, Address: raft.ServerAddress(self), Suffrage: raft.Voter}}})
}

// releasing is a state machine whose snapshots are released once they are written: RecoverCluster does not do that.
type releasing struct{ raft.FSM }

// Snapshot implements raft.FSM.
func (r releasing) Snapshot() (raft.FSMSnapshot, error) {
	s, err := r.FSM.Snapshot()
	return released{s}, err
}

type released struct{ raft.FSMSnapshot }

// Persist implements raft.FSMSnapshot.
func (r released) Persist(sink raft.SnapshotSink) error {
	defer r.FSMSnapshot.Release()
	return r.FSMSnapshot.Persist(sink)
}

// forgetOthers deletes what the documents say of a cluster that this one was made of by Recover.
func (n *Node) forgetOthers() (c Change, ok bool) {
	docs := n.control.view.Load().documents
	if n.identity.Cluster == "" || string(docs[clusterIDKey]) == n.identity.Cluster {
		return c, false
	}
	c.Put = map[string][]byte{clusterIDKey: []byte(n.identity.Cluster)}
	for id := range n.control.view.Load().members {
		c.Delete = append(c.Delete, memberKey(id))
	}
	return c, true
}

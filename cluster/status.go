package cluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/raft"
)

// Status is how a cluster is, as its leader sees it.
type Status struct {
	Cluster string       `json:"cluster"`
	Leader  uint64       `json:"leader"`
	Level   int          `json:"level"`
	Nodes   []NodeStatus `json:"nodes"`
	Groups  []GroupState `json:"groups"`
}

// NodeStatus is how a node is.
type NodeStatus struct {
	Member
	// State is leader, voter, follower (it has no vote), draining or drained.
	State string `json:"state"`
	// Up says that it answers.
	Up bool `json:"up"`
	// Engine is how far its engine is; nil while it has none.
	Engine *EngineState `json:"engine,omitempty"`
}

// EngineState is how far an engine is that leads or follows.
type EngineState struct {
	// Steps counts the records of steps that it has.
	Steps int64 `json:"steps"`
	// At is the time of the last step, in microseconds since 1970; 0 for none yet.
	At int64 `json:"at,omitempty"`
	// Unable is why the node could not serve when it led; "" when it could, or has not led yet.
	Unable string `json:"unable,omitempty"`
}

// Behind is how many steps an engine lacks that the one which leads has; ok is false where that cannot be said.
func (s *Status) Behind(n *NodeStatus) (steps int64, ok bool) {
	for i := range s.Nodes {
		l := &s.Nodes[i]
		if l.ID == s.Leader && l.Engine != nil && n.Engine != nil && l.Engine.Unable+n.Engine.Unable == "" {
			return max(l.Engine.Steps-n.Engine.Steps, 0), true
		}
	}
	return 0, false
}

// TellEngine sets who says how far the engine of this node is; it returns nil while there is none.
func (n *Node) TellEngine(tell func() *EngineState) { n.engine.Store(&tell) }

func (n *Node) engineState() *EngineState {
	if tell := n.engine.Load(); tell != nil {
		return (*tell)()
	}
	return nil
}

// GroupState is how a raft group is: the control group, or a shard.
type GroupState struct {
	// Shard is -1 for the control group.
	Shard int `json:"shard"`
	// Spread says that any node may lead it, and Partitions how many it has.
	Spread     bool           `json:"spread,omitempty"`
	Partitions int            `json:"partitions,omitempty"`
	Leader     uint64         `json:"leader"`
	Term       uint64         `json:"term"`
	Commit     uint64         `json:"commit"`
	Replicas   []ReplicaState `json:"replicas"`
}

// ReplicaState is how a node's replica of a group is.
type ReplicaState struct {
	Node  uint64 `json:"node"`
	Voter bool   `json:"voter"`
	Up    bool   `json:"up"`
	// Applied is the last entry that it has applied; -1 when it does not answer.
	Applied int64 `json:"applied"`
}

// Status says how the cluster is. Only the leader knows; others ask it.
func (n *Node) Status(ctx context.Context) (*Status, error) {
	if !n.Leads() {
		if n.alone() {
			return nil, ErrNotLeader
		}
		var a adminAnswer
		if err := n.passOn(ctx, &adminRequest{Op: "status"}, &a); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotLeader, err)
		}
		return a.Status, nil
	}
	members := n.control.view.Load().members
	s := &Status{Cluster: n.ClusterID(), Leader: n.Self(), Level: n.Level()}
	answers := map[uint64]*adminAnswer{}
	if !n.alone() {
		answers = n.askAll(ctx, members)
	}
	answers[n.Self()] = &adminAnswer{Applied: n.progress(), Engine: n.engineState()}
	votes := map[uint64]bool{}
	for i, g := range n.groups {
		state := GroupState{Shard: i - 1, Spread: i > n.control.homes, Leader: g.leaderOf(),
			Term: g.raft.CurrentTerm(), Commit: g.raft.CommitIndex()}
		if i > 0 {
			state.Partitions = n.Partitions(i - 1)
		}
		for _, server := range g.servers() {
			id := nodeOf(server.ID)
			r := ReplicaState{Node: id, Voter: server.Suffrage == raft.Voter, Applied: -1}
			if a, ok := answers[id]; ok {
				r.Up, r.Applied = true, int64(a.Applied[g.id])
			}
			votes[id] = votes[id] || r.Voter
			state.Replicas = append(state.Replicas, r)
		}
		s.Groups = append(s.Groups, state)
	}
	all := n.Members()
	if len(all) == 0 { // it runs alone
		self := n.cfg.Peers.Self
		self.ID = n.Self()
		all = []Member{self}
	}
	for _, m := range all {
		ns := NodeStatus{Member: m, State: "follower", Up: answers[m.ID] != nil}
		if ns.Up {
			ns.Engine = answers[m.ID].Engine
		}
		switch {
		case m.ID == n.Self():
			ns.State = "leader"
		case m.Draining && votes[m.ID]:
			ns.State = "draining"
		case m.Draining:
			ns.State = "drained"
		case votes[m.ID]:
			ns.State = "voter"
		}
		ns.Token = ""
		s.Nodes = append(s.Nodes, ns)
	}
	return s, nil
}

// Partitions counts the partitions of a shard.
func (n *Node) Partitions(shard int) int {
	s := n.shards[shard]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.partitions)
}

// ShardOf returns the number of a partition's shard.
func (n *Node) ShardOf(id PartitionID) (shard int, ok bool) {
	shard, err := n.place(id)
	return shard, err == nil
}

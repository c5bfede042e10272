package cluster

import "github.com/hashicorp/raft"

// Figures are what a node knows of itself, without asking another one.
type Figures struct {
	Leads bool // the cluster
	// Peers is how many other nodes there are, Connected to how many of them there is a connection, and Detoured to how
	// many that is by way of another node.
	Peers, Connected, Detoured int
	Groups                     []GroupFigures
	// WALBytes is what the write-ahead log has that cannot be recycled yet, FreeBytes the room on the disk.
	WALBytes, FreeBytes int64
	// Engine is how far the engine is; nil while there is none.
	Engine *EngineState
}

// GroupFigures are of this node's replica of a raft group.
type GroupFigures struct {
	Shard int // -1 for the control group
	Leads bool
	Voter bool
	Term  uint64
	// Committed is the last entry that the replica knows to be committed, Applied the last that it has applied.
	Committed, Applied uint64
}

// Figures tells how this node does.
func (n *Node) Figures() Figures {
	f := Figures{Leads: n.Leads(), WALBytes: n.wal.LiveBytes(), Engine: n.engineState()}
	f.FreeBytes, _ = n.disk.room(0) // who writes is told why it is not known
	for _, m := range n.Members() {
		if m.ID == n.Self() {
			continue
		}
		if f.Peers++; n.Connected(m.ID) {
			f.Connected++
		}
		if !n.alone() && n.mesh.Detour(m.ID) != 0 {
			f.Detoured++
		}
	}
	for i, g := range n.groups {
		term, leads := g.leads()
		of := GroupFigures{Shard: i - 1, Leads: leads, Term: term, Committed: g.raft.CommitIndex(),
			Applied: g.raft.AppliedIndex()}
		for _, s := range g.servers() {
			of.Voter = of.Voter || s.ID == g.self && s.Suffrage == raft.Voter
		}
		f.Groups = append(f.Groups, of)
	}
	return f
}

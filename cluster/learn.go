package cluster

import (
	"sync"

	"github.com/hashicorp/raft"
)

// A place is that of an entry in a group's log: no two entries have one.
type place struct {
	Index uint64 `json:"index,omitempty"`
	Term  uint64 `json:"term,omitempty"`
}

// A learner tells the replica here of a group what its leader says to be committed. From raft it would hear that with
// the entry that follows; here somebody waits for it.
type learner struct {
	mu   sync.Mutex // guards what follows
	busy bool
	next *raft.AppendEntriesRequest // the newest
}

// learn passes on that an entry is committed, as a leader of a spread shard says in its term. The message is one of
// raft's own, without entries, that comes behind the entry: a replica that has not got that takes no notice.
func (n *Node) learn(shard int, leader, term uint64, at place) {
	if at.Term == 0 || leader == n.Self() || n.shards[shard].reached.index() >= at.Index {
		return
	}
	name := []byte(serverOf(leader))
	m := &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: name, Addr: name},
		Term:      term, Leader: name, PrevLogEntry: at.Index, PrevLogTerm: at.Term, LeaderCommitIndex: at.Index,
	}
	l := &n.spreadOf(shard).learner
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next = m; !l.busy {
		l.busy = true
		go l.tell(n.groups[1+shard])
	}
}

// tell gives a replica what there is to tell.
func (l *learner) tell(g *group) {
	for {
		l.mu.Lock()
		m := l.next
		l.next, l.busy = nil, m != nil
		l.mu.Unlock()
		if m == nil {
			return
		}
		g.transport.deliver(raft.RPC{Command: m, RespChan: make(chan raft.RPCResponse, 1)})
	}
}

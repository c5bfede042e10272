package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestFailedNodeAsksNothing ends whatever asks the replicas of a node that has failed, which have ended: some of them
// take a question and never answer, and the process waited for whoever asked.
func TestFailedNodeAsksNothing(t *testing.T) {
	s := newSimCluster(t, 1, func(c *Config) { c.Spread = 1 })
	n := s.start(1)
	s.leader()
	broken := errors.New("broken")
	n.Fail(broken)
	s.within(20*time.Second, "the replicas end", func() bool {
		for _, g := range n.groups {
			if g.raft.State() != raft.Shutdown {
				return false
			}
		}
		return true
	})
	done := make(chan error)
	go func() {
		defer close(done)
		for range 20 {
			done <- n.begin(t.Context(), make([]uint64, len(n.groups)))
			done <- n.beginTenure(1, 1)
			done <- n.changeGroup(n.groups[1], serverChange{2, toFollow})
		}
	}()
	for {
		select {
		case err, more := <-done:
			if !more {
				return
			}
			want(t, err, broken)
		case <-time.After(20 * time.Second):
			t.Fatal("no answer")
		}
	}
}

// TestFailedNodeClosesInOrder closes a node that has failed while it applies an entry: the files that it writes to must
// not be closed before it is done.
func TestFailedNodeClosesInOrder(t *testing.T) {
	s := newSimCluster(t, 1, nil)
	s.three()
	s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}})
	_, leader := s.leader()
	topic, _ := leader.Topic("t")
	follower := s.nodes[1]
	if follower == leader {
		follower = s.nodes[2]
	}
	g, shard := follower.groups[1], follower.shards[0]
	shard.applying.RLock()
	appendTo(t, leader, topic.IDs[0], "a")
	s.within(20*time.Second, "the entry comes", func() bool {
		return g.raft.AppliedIndex() == leader.groups[1].raft.AppliedIndex()
	})
	follower.Fail(errors.New("broken"))
	closed := make(chan error)
	go func() { closed <- follower.Close() }()
	select {
	case <-closed:
		t.Error("it is closed while it applies")
		shard.applying.RUnlock()
	case <-time.After(time.Second):
		shard.applying.RUnlock()
		want(t, <-closed, nil)
	}
}

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

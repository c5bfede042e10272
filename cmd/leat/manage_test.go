package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/leatdb/leat/cluster"
)

// TestAwaitGone: a node that is removed has gone when no group has a replica there any more, and not when that was asked
// for.
func TestAwaitGone(t *testing.T) {
	group := func(nodes ...uint64) (g cluster.GroupState) {
		for _, n := range nodes {
			g.Replicas = append(g.Replicas, cluster.ReplicaState{Node: n, Voter: n != 4})
		}
		return g
	}
	asked, states := 0, []*cluster.Status{
		{Groups: []cluster.GroupState{group(1, 2, 3), group(1, 2, 3)}},
		nil, // nobody leads: node 3 did
		{Groups: []cluster.GroupState{group(1, 2), group(1, 2, 3)}},
		{Groups: []cluster.GroupState{group(1, 2), group(1, 2)}},
	}
	status := func(context.Context) (*cluster.Status, error) {
		s := states[asked]
		if asked++; s == nil {
			return nil, errors.New("nobody leads")
		}
		return s, nil
	}
	any := func(cluster.ReplicaState) bool { return true }
	if err := awaitGone(t.Context(), status, 3, "replica", any); err != nil || asked != len(states) {
		t.Error(asked, err)
	}
	asked = 0
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitGone(ended, status, 3, "replica", any); err == nil || !strings.Contains(err.Error(), "do not stop it") {
		t.Error(err)
	}
	asked, states = 0, []*cluster.Status{{Groups: []cluster.GroupState{group(1, 2, 4)}}}
	votes := func(r cluster.ReplicaState) bool { return r.Voter }
	if err := awaitGone(t.Context(), status, 4, "vote", votes); err != nil {
		t.Error(err)
	}
}

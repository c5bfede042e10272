package cluster

import (
	"context"
	"testing"
	"time"
)

// part cuts what one host says to another off.
func (s *simNet) part(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut[[2]string{from, to}] = true
}

// TestParted cuts the link between the node that leads the cluster and one that leads a spread shard, and breaks their
// connections, or drops what they say, or what one of them says. Both reach the third, and go on by way of it; and
// directly when the link is there again.
func TestParted(t *testing.T) {
	for name, cut := range map[string]func(n *simNet, a, b string){
		"broken": func(n *simNet, a, b string) {
			n.part(a, b)
			n.part(b, a)
			n.breakBetween(a, b)
		},
		"silent": func(n *simNet, a, b string) {
			n.part(a, b)
			n.part(b, a)
		},
		"one way":   func(n *simNet, a, b string) { n.part(a, b) },
		"other way": func(n *simNet, a, b string) { n.part(b, a) },
	} {
		t.Run(name, func(t *testing.T) { bubble(t, func(t *testing.T) { parted(t, cut) }) })
	}
}

func parted(t *testing.T, cut func(n *simNet, a, b string)) {
	s := newSimulation(t, 35).simCluster
	s.balanced()
	s.update(Change{CreateTopics: []TopicConfig{ofSpread("t", 6)}})
	first, n := s.leader()
	topic, _ := n.Topic("t")
	other := 1 + first%3
	works := func() bool { // for whoever leads: all that was acknowledged is read, and every partition written
		for _, n := range s.nodes {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := n.Confirm(ctx)
			for _, id := range topic.IDs {
				if err == nil {
					_, err = n.Append(ctx, Append{id, batch("v")})
				}
			}
			cancel()
			if err == nil {
				return true
			}
		}
		return false
	}
	goesOn := func() {
		t.Helper()
		for began := time.Now(); time.Since(began) < 8*time.Second; <-time.After(200 * time.Millisecond) {
			if !works() {
				t.Fatalf("not after %v", time.Since(began))
			}
		}
	}
	detours := func(want int) func() bool {
		return func() bool {
			return s.nodes[first].Figures().Detoured == want && s.nodes[other].Figures().Detoured == want
		}
	}
	goesOn()
	cut(s.net, hostOf(first), hostOf(other))
	s.within(5*time.Second, "a detour", detours(1))
	s.within(5*time.Second, "all shards are reached", works)
	goesOn()
	third := 6 - first - other
	s.stop(third) // then there is no way
	s.within(10*time.Second, "no detour", detours(0))
	s.start(third)
	s.within(10*time.Second, "a detour again", detours(1))
	s.within(10*time.Second, "all shards are reached again", works)
	goesOn()
	s.net.mend()
	s.within(10*time.Second, "the direct way", detours(0))
	goesOn()
}

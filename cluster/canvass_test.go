package cluster

import (
	"slices"
	"testing"
)

// TestCanvass has nodes vouch for leaders of spread shards, and for the cluster's: only those that are in no later term
// and have a vote count, and nobody answers for another node.
func TestCanvass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSimulation(t, 32).simCluster
		s.balanced()
		s.update(Change{CreateTopics: []TopicConfig{ofSpread("t", 6)}})
		_, n := s.leader()
		topic, _ := n.Topic("t")
		for _, id := range topic.IDs {
			if _, err := n.Append(t.Context(), Append{id, batch("v")}); err != nil {
				t.Fatal(err)
			}
		}
		shards := n.occupied()
		indexes, ok := n.canvass(t.Context(), shards)
		if !ok || len(indexes) != 2 {
			t.Fatal("found", indexes, "of", shards)
		}
		for shard, index := range indexes {
			var of *Node
			for _, m := range s.nodes {
				if m.Self() == n.groups[1+shard].leaderOf() {
					of = m
				}
			}
			if got := of.shards[shard].reached.index(); got != index || index == 0 {
				t.Error("shard", shard, "is at", got, "where it is led, and the answer was", index)
			}
			later := n.terms()
			later[shard]++
			for _, c := range []struct {
				from  uint64
				terms []uint64
				want  bool
			}{{n.Self(), n.terms(), true}, {n.Self(), later, false}, {of.Self(), n.terms(), false},
				{17, n.terms(), false}} {
				got, err := of.standings(c.from, c.terms)
				if err != nil || got[shard].Leads != c.want {
					t.Error("shard", shard, "asked by", c.from, "in", c.terms, "leads:", got, err)
				}
			}
		}
		other := uint64(1)
		if n.Self() == other {
			other = 2
		}
		term := n.reign.Load().terms[1]
		for _, c := range []struct {
			node, term uint64
			want       bool
		}{{other, term, true}, {other, term - 1, true}, {other, term + 1, false}, {17, term, false},
			{n.Self(), term, false}} {
			all := []canvassed{{node: c.node, standings: slices.Repeat([]standing{{Term: c.term}}, len(n.shards))}}
			if n.mine(0, term, all) != c.want {
				t.Errorf("node %d in term %d of %d: wanted %v", c.node, c.term, term, c.want)
			}
		}
		var a adminAnswer
		if err := n.answer(t.Context(), 3, &adminRequest{Op: "canvass", Terms: n.terms(), Passed: true}, &a); err == nil {
			t.Error("a question was answered that another node has passed on")
		}
		if err := n.answer(t.Context(), 0, &adminRequest{Op: "canvass", Terms: n.terms()}, &a); err == nil {
			t.Error("a stranger's question was answered")
		}
	})
}

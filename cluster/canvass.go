package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Before a read the leader has to know that no other node can have led meanwhile, and how far the leaders of the spread
// shards were. It asks the other voters once for all groups, and they answer from memory: each says in which term it
// is. One that is in no later term than a group's leader has followed no later one: when these two are a majority, no
// later leader can have committed anything. The library is not asked, whose replicas answer when they have written what
// they are writing.

// canvassTimeout bounds such a question. What it leaves open is found out shard by shard.
const canvassTimeout = time.Second

// A standing is what a node says of the group of a shard.
type standing struct {
	// Term is the latest that it knows.
	Term uint64 `json:"term"`
	// Leads says that it led the group after it was asked, for certain; At is then the last entry that it has applied.
	Leads bool  `json:"leads,omitempty"`
	At    place `json:"at,omitzero"`
}

// canvassers ask the other nodes, each for all who want to know.
type canvassers struct {
	mu    sync.Mutex // guards what follows
	of    map[uint64]*confirmer[[]standing]
	ended bool
}

// to returns who asks a node.
func (c *canvassers) to(node uint64) *confirmer[[]standing] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[uint64]*confirmer[[]standing]{}
	}
	if c.of[node] == nil {
		c.of[node] = &confirmer[[]standing]{ended: c.ended}
	}
	return c.of[node]
}

// end refuses further questions.
func (c *canvassers) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, of := range c.of {
		of.end()
	}
}

// canvass asks the other voters until it is certain that this node led the cluster after the call began, and known how
// far the leaders of spread shards were then. It gives up when too few of them answer, or not what it takes.
func (n *Node) canvass(ctx context.Context, shards []int) (indexes map[int]uint64, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, canvassTimeout)
	defer cancel()
	voters := n.Voters()
	answers := make(chan canvassed, len(voters))
	asked := 0
	for _, id := range voters {
		if id != n.Self() {
			asked++
			go func() {
				s, err := n.canvassers.to(id).wait(ctx, &n.done, func() ([]standing, error) { return n.standingsOf(id) })
				answers <- canvassed{id, s, err}
			}()
		}
	}
	var all []canvassed
	for range asked {
		a := <-answers
		if a.err != nil || len(a.standings) != len(n.shards) {
			continue
		}
		all = append(all, a)
		if indexes, ok = n.count(all, shards); ok {
			return indexes, true
		}
	}
	return nil, false
}

// canvassed is what a node has answered.
type canvassed struct {
	node      uint64
	standings []standing // by shard
	err       error
}

// count reports whether answers are enough, and how far the leaders of spread shards are that are elsewhere.
func (n *Node) count(all []canvassed, shards []int) (indexes map[int]uint64, ok bool) {
	r := n.reign.Load()
	if r == nil || !n.mine(0, r.terms[1], all) {
		return nil, false
	}
	indexes = map[int]uint64{}
	for _, shard := range shards {
		if t := n.spreadOf(shard).tenure.Load(); t != nil && n.mine(shard, t.term, all) {
			continue
		}
		i := slices.IndexFunc(all, func(a canvassed) bool { return a.standings[shard].Leads })
		if i < 0 {
			return nil, false
		}
		s := all[i].standings[shard]
		n.learn(shard, all[i].node, s.Term, s.At)
		indexes[shard] = s.At.Index
	}
	return indexes, true
}

// mine reports whether this node, which has led a shard in a term, led it still when others answered.
func (n *Node) mine(shard int, term uint64, all []canvassed) bool {
	g, nodes := n.groups[1+shard], []uint64{n.Self()}
	for _, a := range all {
		if a.standings[shard].Term <= term {
			nodes = append(nodes, a.node)
		}
	}
	return g.raft.CurrentTerm() == term && g.majority(nodes)
}

// majority reports whether nodes are most of those that vote.
func (g *group) majority(nodes []uint64) bool {
	voters, in := 0, 0
	for _, s := range g.servers() {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if slices.Contains(nodes, nodeOf(s.ID)) {
			in++
		}
	}
	return in > voters/2
}

// standingsOf asks a node.
func (n *Node) standingsOf(node uint64) ([]standing, error) {
	ctx, cancel := context.WithTimeout(context.Background(), canvassTimeout)
	defer cancel()
	var a adminAnswer
	err := n.ask(ctx, node, &adminRequest{Op: "canvass", Terms: n.terms()}, &a)
	return a.Standings, err
}

// terms are the latest that this node knows, by shard.
func (n *Node) terms() (terms []uint64) {
	for _, g := range n.groups[1:] {
		terms = append(terms, g.raft.CurrentTerm())
	}
	return terms
}

// standings answers a node that asks, and says in which terms it is. Who leads a spread shard does so for certain when
// that node and this one are a majority, none of which is in a later term.
func (n *Node) standings(from uint64, terms []uint64) ([]standing, error) {
	if len(terms) != len(n.shards) {
		return nil, fmt.Errorf("%w: terms of %d shards", errEntry, len(terms))
	}
	all := make([]standing, len(terms))
	for shard, term := range n.terms() {
		s := &all[shard]
		s.Term = term
		if !n.isSpread(shard) || terms[shard] > term {
			continue
		}
		t := n.spreadOf(shard).tenure.Load()
		if t != nil && t.term == term && n.groups[1+shard].majority([]uint64{n.Self(), from}) {
			s.Leads, s.At = true, n.shards[shard].reached.place()
		}
	}
	return all, nil
}

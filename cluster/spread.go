package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// balanceAfter is how long a node leads a spread shard before it looks whether another one should, and how long it
	// waits after that before it looks again.
	balanceAfter = 5 * time.Second
	// handOverTimeout bounds handing a shard over when the node closes.
	handOverTimeout = time.Second
)

// A tenure is a stretch of time in which this node leads one spread shard. It may lead it whoever leads the cluster.
type tenure struct {
	pump *pump
	term uint64 // of the group; in later ones another node may have led meanwhile
	once sync.Once
	// tended is when it was last looked after the shard's servers, and judged when after its leader. The governor's own.
	tended, judged time.Time
}

// A spreadShard is what a node has of one besides its state machine and its group.
type spreadShard struct {
	tenure   atomic.Pointer[tenure] // nil while another node leads
	confirms sure
	learner  learner
}

// Spread is how many spread shards there are.
func (n *Node) Spread() int { return n.control.spread }

// isSpread reports whether a shard is one of them.
func (n *Node) isSpread(shard int) bool { return shard >= n.control.homes }

// spreadOf is what this node has of a spread shard.
func (n *Node) spreadOf(shard int) *spreadShard { return n.spread[shard-n.control.homes] }

// homeGroups are the groups that the cluster's leader leads: the control group and the home shards.
func (n *Node) homeGroups() []*group { return n.groups[:1+n.control.homes] }

// homeShards are the shards that the cluster's leader leads.
func (n *Node) homeShards() []*shard { return n.shards[:n.control.homes] }

// spreadShards are the numbers of the others.
func (n *Node) spreadShards() (numbers []int) {
	for i := n.control.homes; i < n.control.shards(); i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

// leaderOf is the node that leads a group, as far as this one knows; 0 for none.
func (g *group) leaderOf() uint64 {
	_, id := g.raft.LeaderWithID()
	return nodeOf(id)
}

// LeaderOf returns the number of the node that leads a partition's shard, as far as this one knows; 0 for none.
func (n *Node) LeaderOf(id PartitionID) uint64 {
	shard, err := n.place(id)
	if err != nil || !n.isSpread(shard) {
		return n.Leader()
	}
	return n.groups[1+shard].leaderOf()
}

// Serves reports whether this node leads a partition's shard and has applied everything that was committed before.
func (n *Node) Serves(id PartitionID) bool {
	shard, err := n.place(id)
	if err != nil {
		return false
	}
	if n.isSpread(shard) {
		return n.spreadOf(shard).tenure.Load() != nil
	}
	return n.Leads()
}

// Reached waits until this node's replica has a partition up to an offset. A step that another node has recorded may
// name offsets of a spread shard which have not come here yet.
func (n *Node) Reached(ctx context.Context, id PartitionID, to int64) error {
	w := n.Watch()
	defer w.Close()
	for {
		q, err := n.find(id)
		if err == nil {
			if _, next := q.bounds(); next >= to {
				return nil
			}
		} else if _, placed := n.place(id); placed != nil || !errors.Is(err, ErrNoPartition) {
			return err
		}
		if err := n.await(ctx, w.C); err != nil {
			return err
		}
	}
}

// pumpOf returns the pump of a shard that this node leads.
func (n *Node) pumpOf(shard int) (*pump, error) {
	if n.isSpread(shard) {
		if t := n.spreadOf(shard).tenure.Load(); t != nil {
			return t.pump, nil
		}
		return nil, ErrNotLeader
	}
	r := n.reign.Load()
	if r == nil {
		return nil, ErrNotLeader
	}
	return r.pumps[shard], nil
}

// governShard begins and ends tenures of a spread shard until the node closes, and tends the shard meanwhile.
func (n *Node) governShard(ctx context.Context, shard int) {
	defer n.done.Done()
	g, s := n.groups[1+shard], n.spreadOf(shard)
	tick := time.NewTicker(governTick)
	defer tick.Stop()
	for {
		select {
		case <-g.raft.LeaderCh():
		case <-tick.C:
		case <-n.stop:
			return
		}
		term, leads := g.leads()
		t := s.tenure.Load()
		switch {
		case t != nil && (!leads || t.term != term):
			n.cfg.Logger.Info("this node leads a shard no longer", "shard", shard)
			n.endTenure(s, t)
		case t == nil && leads && n.failure() == nil:
			n.hearTime(ctx)
			if err := n.beginTenure(shard, term); err != nil {
				n.cfg.Logger.Warn("cannot lead a shard", "shard", shard, "error", err)
			} else {
				n.cfg.Logger.Info("this node leads a shard", "shard", shard)
			}
		case t != nil && time.Since(t.tended) >= membersTick:
			t.tended = time.Now()
			if err := n.tendShard(ctx, shard, t); err != nil {
				n.cfg.Logger.Warn("a shard's servers cannot be arranged", "shard", shard, "error", err)
			}
		}
	}
}

// leads returns the term in which this replica leads its group, and whether it does.
func (g *group) leads() (term uint64, leads bool) {
	term = g.raft.CurrentTerm()
	return term, g.raft.State() == raft.Leader && g.raft.CurrentTerm() == term
}

// beginTenure begins one: everything that was committed before is applied.
func (n *Node) beginTenure(shard int, term uint64) error {
	g, s := n.groups[1+shard], n.shards[shard]
	if err := n.barrier(g); err != nil {
		return err
	}
	if s.halted != nil {
		return s.halted
	}
	if err := s.removeOrphans(); err != nil {
		return err
	}
	t := &tenure{term: term, judged: time.Now(), pump: newPump(g.raft, n.disk, n.Now)}
	if !n.alone() {
		t.pump.term, t.pump.tells = term, true
	}
	if err := n.serve(t.pump); err != nil {
		return err
	}
	n.spreadOf(shard).tenure.Store(t)
	n.watches.signal() // who waits for a partition may find it served here now
	return nil
}

// endTenure refuses what waits and what comes.
func (n *Node) endTenure(s *spreadShard, t *tenure) {
	t.once.Do(func() {
		s.tenure.CompareAndSwap(t, nil)
		n.closePump(t.pump)
		n.watches.signal()
	})
}

// tendShard brings the servers of a shard that this node leads in line with the documents about nodes, and hands the
// shard over when another node is to lead it.
func (n *Node) tendShard(ctx context.Context, shard int, t *tenure) error {
	if _, other := n.forgetOthers(); other { // the documents are another cluster's
		return nil
	}
	g, members := n.groups[1+shard], n.control.view.Load().members
	c, err := n.nextChange(ctx, g, members)
	switch {
	case err != nil:
		return err
	case c.node == 0:
		return n.balance(ctx, shard, t, members)
	case c.node == n.Self():
		return n.consult(func() error { return g.raft.LeadershipTransfer().Error() })
	}
	return n.changeGroup(g, c)
}

// nextChange finds the next change of the servers of a group that this node leads.
func (n *Node) nextChange(ctx context.Context, g *group, members map[uint64]Member) (serverChange, error) {
	servers := g.servers()
	ready := map[uint64]bool{}
	for id := range members {
		ready[id] = true
	}
	if c := plan(servers, members, ready); c.what != toVote {
		return c, nil
	}
	own := map[uint64]int{g.id: int(g.raft.CommitIndex())}
	return plan(servers, members, n.near(own, n.askAll(ctx, members))), nil
}

// balance hands a shard over to the node whose turn it is: they lead one shard each, in the order of their numbers.
func (n *Node) balance(ctx context.Context, shard int, t *tenure, members map[uint64]Member) error {
	if time.Since(t.judged) < balanceAfter {
		return nil
	}
	t.judged = time.Now()
	g := n.groups[1+shard]
	var may []uint64
	for _, s := range g.servers() {
		id := nodeOf(s.ID)
		m, ok := members[id]
		if ok && s.Suffrage == raft.Voter && m.Spread && !m.Draining && n.Connected(id) {
			may = append(may, id)
		}
	}
	if slices.Sort(may); len(may) == 0 {
		return nil
	}
	to := may[(shard-n.control.homes)%len(may)]
	if to == n.Self() {
		return nil
	}
	var a adminAnswer
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	if n.ask(ctx, to, &adminRequest{Op: "progress"}, &a) != nil ||
		int(g.raft.CommitIndex())-a.Applied[g.id] > nearlyThere {
		return nil
	}
	return n.yield([]uint64{g.id}, to)
}

// handOver hands the shards over that this node leads, when it closes: clients find the next leader at once.
func (n *Node) handOver() {
	if n.alone() || n.failure() != nil {
		return
	}
	var all sync.WaitGroup
	for i, s := range n.spread {
		if s.tenure.Load() == nil {
			continue
		}
		g := n.groups[1+n.control.homes+i]
		all.Go(func() {
			done := make(chan error, 1)
			go func() { done <- g.raft.LeadershipTransfer().Error() }()
			select {
			case err := <-done:
				if err != nil {
					n.cfg.Logger.Debug("a shard was not handed over", "group", g.id, "error", err)
				}
			case <-time.After(handOverTimeout):
			}
		})
	}
	all.Wait()
}

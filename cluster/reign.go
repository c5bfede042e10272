package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// governTick is how often a node looks who leads, besides whenever that changes.
	governTick = 50 * time.Millisecond
	// pullEvery is how often the leader of the control group asks for the leadership of the others.
	pullEvery = 200 * time.Millisecond
)

// A reign is a stretch of time in which this node leads the control group and all home shards. Only then it serves: one
// node leads them all, so that a statement finds documents, tables and dataflows in one place.
type reign struct {
	pumps []*pump  // of the home shards
	terms []uint64 // of their groups; in later ones another node may have led meanwhile
	over  chan struct{}
	once  sync.Once
	begun atomic.Bool // everything that begin does is done
}

// Lead waits until this node leads the cluster. The channel is closed when it does so no longer: whatever was built on
// it has to end then.
func (n *Node) Lead(ctx context.Context) (over <-chan struct{}, err error) {
	for {
		n.reignMu.Lock()
		began := n.reignBegan
		n.reignMu.Unlock()
		if r := n.reign.Load(); r != nil && r.begun.Load() {
			return r.over, nil
		}
		if err := n.await(ctx, began); err != nil {
			return nil, err
		}
	}
}

// Leads reports whether this node leads the cluster, as far as it knows.
func (n *Node) Leads() bool {
	r := n.reign.Load()
	return r != nil && r.begun.Load()
}

// Leader returns the number of the node that leads, as far as this one knows; 0 for none.
func (n *Node) Leader() uint64 {
	_, id := n.groups[0].raft.LeaderWithID()
	return nodeOf(id)
}

// Connected reports whether this node has a connection to another one. The leader has one to all that are up.
func (n *Node) Connected(id uint64) bool { return id == n.Self() || !n.alone() && n.mesh.Connected(id) }

// Voters returns the nodes that vote in the first shard, as this one knows.
func (n *Node) Voters() (ids []uint64) {
	for _, s := range n.groups[1].servers() {
		if s.Suffrage == raft.Voter {
			ids = append(ids, nodeOf(s.ID))
		}
	}
	return ids
}

// Resign hands the leadership over to another node, when there is one that can take it.
func (n *Node) Resign() error {
	if n.alone() {
		return errNoPeer
	}
	return n.abdicate(n.control.view.Load().members)
}

// leads returns the terms of the home groups, and whether this node leads them all.
func (n *Node) leads() (terms []uint64, all bool) {
	for _, g := range n.homeGroups() {
		term, leads := g.leads()
		if !leads {
			return nil, false
		}
		terms = append(terms, term)
	}
	return terms, true
}

// begin begins a reign: everything that was committed before is applied, and the home shards have what the documents
// say.
func (n *Node) begin(ctx context.Context, terms []uint64) error {
	for _, g := range n.homeGroups() {
		if err := n.barrier(g); err != nil {
			return err
		}
	}
	for _, s := range n.homeShards() {
		if s.halted != nil {
			return s.halted
		}
	}
	if n.control.halted != nil {
		return n.control.halted
	}
	r := n.newReign(terms)
	if err := n.serve(r.pumps...); err != nil {
		return err
	}
	n.holds.reset()
	n.reign.Store(r)
	err := n.reconcile(ctx)
	for _, s := range n.homeShards() {
		if err == nil {
			err = s.removeOrphans()
		}
	}
	if c, ok := n.forgetOthers(); err == nil && ok {
		_, err = n.Update(ctx, c)
	}
	if err == nil {
		err = n.settleLevel(ctx)
	}
	if err == nil && n.ClusterID() == "" && !n.alone() {
		_, err = n.Update(ctx, Change{Put: map[string][]byte{clusterIDKey: []byte(randomName())}})
	}
	if err == nil && !n.alone() {
		err = n.introduce(ctx)
	}
	if err != nil {
		n.endReign(r)
		return fmt.Errorf("cluster: %w", err)
	}
	r.begun.Store(true)
	n.reignMu.Lock()
	close(n.reignBegan)
	n.reignBegan = make(chan struct{})
	n.reignMu.Unlock()
	return nil
}

// newReign makes the pumps of a reign.
func (n *Node) newReign(terms []uint64) *reign {
	r := &reign{terms: terms, over: make(chan struct{})}
	for i := range n.homeShards() {
		p := newPump(n.groups[1+i].raft, n.disk, n.Now)
		if !n.alone() {
			p.term = terms[1+i]
		}
		r.pumps = append(r.pumps, p)
	}
	return r
}

// serve has pumps ended with the node. One that has ended already, or has failed, closes them and says why.
func (n *Node) serve(pumps ...*pump) error {
	n.reignMu.Lock()
	err := n.usable()
	for _, p := range pumps {
		n.pumps[p] = struct{}{}
	}
	n.reignMu.Unlock()
	if err != nil {
		for _, p := range pumps {
			n.closePump(p)
		}
	}
	return err
}

// endReign refuses what waits and what comes.
func (n *Node) endReign(r *reign) {
	r.once.Do(func() {
		n.reign.CompareAndSwap(r, nil)
		close(r.over)
		for _, p := range r.pumps {
			n.closePump(p)
		}
	})
}

// closePump refuses what waits and what comes; what is in flight has its time.
func (n *Node) closePump(p *pump) {
	n.done.Go(func() {
		p.close(ErrNotLeader)
		n.reignMu.Lock()
		delete(n.pumps, p)
		n.reignMu.Unlock()
	})
}

// govern begins and ends reigns until the node closes.
func (n *Node) govern(ctx context.Context) {
	defer n.done.Done()
	tick := time.NewTicker(governTick)
	defer tick.Stop()
	var pulled time.Time
	for {
		select {
		case <-n.roles:
		case <-tick.C:
		case <-n.stop:
			return
		}
		terms, all := n.leads()
		r := n.reign.Load()
		switch {
		case r != nil && (!all || !sameTerms(r.terms, terms)):
			n.cfg.Logger.Info("this node leads the cluster no longer")
			n.endReign(r)
		case r == nil && all && n.failure() == nil:
			n.hearTime(ctx)
			if err := n.begin(ctx, terms); err != nil {
				n.cfg.Logger.Warn("cannot lead the cluster", "error", err)
			} else {
				n.cfg.Logger.Info("this node leads the cluster", "node", n.Self())
			}
		case r == nil && n.groups[0].raft.State() == raft.Leader && time.Since(pulled) > pullEvery:
			pulled = time.Now()
			n.pull(ctx)
		}
		n.watchLeaders(ctx)
	}
}

func sameTerms(a, b []uint64) bool {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return false
		}
	}
	return true
}

// followRole tells govern when a group's leadership comes or goes.
func (n *Node) followRole(g *group) {
	defer n.done.Done()
	for {
		select {
		case <-g.raft.LeaderCh():
			select {
			case n.roles <- struct{}{}:
			default:
			}
		case <-n.stop:
			return
		}
	}
}

// pull asks the leaders of the other groups to hand them over.
func (n *Node) pull(ctx context.Context) {
	by := map[uint64][]uint64{}
	for _, g := range n.homeGroups()[1:] {
		if _, id := g.raft.LeaderWithID(); nodeOf(id) != 0 && nodeOf(id) != n.Self() {
			by[nodeOf(id)] = append(by[nodeOf(id)], g.id)
		}
	}
	for node, groups := range by {
		ask := adminRequest{Op: "yield", Groups: groups, Node: n.Self()}
		n.done.Add(1)
		go func() {
			defer n.done.Done()
			if err := n.ask(ctx, node, &ask, nil); err != nil {
				n.cfg.Logger.Debug("leadership was not handed over", "from", node, "error", err)
			}
		}()
	}
}

// yield hands groups over that this node leads.
func (n *Node) yield(groups []uint64, to uint64) error {
	for _, g := range n.groups {
		for _, id := range groups {
			if g.id != id || g.raft.State() != raft.Leader {
				continue
			}
			server := serverOf(to)
			err := n.consult(func() error {
				return g.raft.LeadershipTransferToServer(server, raft.ServerAddress(server)).Error()
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// votersWanted is how many nodes vote. Others follow, and take the place of one that is drained or removed.
	votersWanted = 3
	// membersTick is how often the leader brings the groups in line with the documents about nodes.
	membersTick = 250 * time.Millisecond
	// configTimeout bounds one change of a group's servers.
	configTimeout = 5 * time.Second
	// nearlyThere is how many entries a node may be behind when it gets its vote.
	nearlyThere = 1000
	// progressTimeout bounds asking a node how far it is.
	progressTimeout = time.Second
)

// changeMembers changes the documents about nodes, as edit says, and tries again when others have changed documents.
func (n *Node) changeMembers(ctx context.Context, edit func(docs map[string][]byte, c *Change) error) error {
	for {
		version, docs := n.Documents()
		c := Change{IfVersion: version, Put: map[string][]byte{}}
		if err := edit(docs, &c); err != nil {
			return err
		}
		if len(c.Put)+len(c.Delete) == 0 {
			return nil
		}
		if _, err := n.Update(ctx, c); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

func (c *Change) putMember(m *Member) error {
	doc, err := json.Marshal(m)
	if err == nil {
		c.Put[memberKey(m.ID)] = doc
	}
	return err
}

// admit takes a node into the cluster and gives it a number. The same token gets the same number again.
func (n *Node) admit(ctx context.Context, m *Member, a *adminAnswer) error {
	if m == nil || m.Token == "" || m.Addr == "" {
		return errors.New("a node that joins says where it is")
	}
	if why, _ := n.admitLevels(m.Version, m.Levels); why != "" {
		return errors.New(why)
	}
	member := *m
	err := n.changeMembers(ctx, func(docs map[string][]byte, c *Change) error {
		all := membersOf(docs)
		for _, known := range all {
			if known.Token == m.Token {
				member.ID = known.ID
				return nil
			}
			if known.Addr == m.Addr {
				return fmt.Errorf("node %d of the cluster is at %s already: remove it first", known.ID, m.Addr)
			}
		}
		next, _ := strconv.ParseUint(string(docs[nextMemberKey]), 10, 64)
		member.ID, member.Draining = max(next, founder+1), false
		c.Put[nextMemberKey] = strconv.AppendUint(nil, member.ID+1, 10)
		return c.putMember(&member)
	})
	if err != nil {
		return err
	}
	seeds := map[uint64]string{}
	for _, known := range n.Members() {
		seeds[known.ID] = known.Addr
	}
	a.Identity = &identity{Node: member.ID, Cluster: n.ClusterID(), Seeds: seeds,
		Shards: n.control.homes, Spread: n.control.spread}
	n.cfg.Logger.Info("a node joins the cluster", "node", member.ID, "addr", member.Addr)
	return nil
}

// introduce writes what others are told of this node, when it leads. One that was removed leads until another can.
func (n *Node) introduce(ctx context.Context) error {
	members := n.control.view.Load().members
	if _, ok := members[n.Self()]; !ok && len(members) > 0 {
		return nil
	}
	m := n.cfg.Peers.Self
	m.ID, m.Token = n.Self(), n.identity.Token
	return n.putMember(ctx, &m)
}

// putMember writes what a node says of itself.
func (n *Node) putMember(ctx context.Context, m *Member) error {
	if m == nil || m.ID == 0 {
		return errors.New("a node says who it is")
	}
	return n.changeMembers(ctx, func(docs map[string][]byte, c *Change) error {
		known, ok := membersOf(docs)[m.ID]
		if !ok && len(membersOf(docs)) > 0 { // the first one writes itself down
			return fmt.Errorf("node %d does not belong to the cluster any more", m.ID)
		}
		next := *m
		next.Draining, next.Token = known.Draining, known.Token
		if ok && next == known {
			return nil
		}
		return c.putMember(&next)
	})
}

// drain takes a node's votes and leadership from it.
func (n *Node) drain(ctx context.Context, id uint64) error {
	return n.changeMembers(ctx, func(docs map[string][]byte, c *Change) error {
		all := membersOf(docs)
		m, ok := all[id]
		if !ok {
			return fmt.Errorf("there is no node %d", id)
		}
		if err := othersStay(all, id); err != nil {
			return err
		}
		m.Draining = true
		return c.putMember(&m)
	})
}

// othersStay returns an error when no node but one may vote.
func othersStay(all map[uint64]Member, id uint64) error {
	for _, o := range all {
		if o.ID != id && !o.Draining {
			return nil
		}
	}
	return fmt.Errorf("node %d is the last one that is not drained", id)
}

// remove makes a node one of the cluster no longer.
func (n *Node) remove(ctx context.Context, id uint64) error {
	return n.changeMembers(ctx, func(docs map[string][]byte, c *Change) error {
		all := membersOf(docs)
		if _, ok := all[id]; !ok {
			return fmt.Errorf("there is no node %d", id)
		}
		if len(all) == 1 {
			return fmt.Errorf("node %d is the only one", id)
		}
		if err := othersStay(all, id); err != nil {
			return err
		}
		c.Delete = []string{memberKey(id)}
		return nil
	})
}

// tendMembers brings the groups in line with the documents about nodes, while this node leads.
func (n *Node) tendMembers(ctx context.Context) {
	defer n.done.Done()
	tick := time.NewTicker(membersTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		if n.Leads() {
			if err := errors.Join(n.arrange(ctx), n.raise(ctx)); err != nil {
				n.cfg.Logger.Warn("the cluster's nodes cannot be arranged", "error", err)
			}
		} else {
			n.announce(ctx)
		}
	}
}

// announce tells the leader where this node is, when its document says something else.
func (n *Node) announce(ctx context.Context) {
	leader := n.Leader()
	known, ok := n.control.view.Load().members[n.Self()]
	m := n.cfg.Peers.Self
	m.ID, m.Token, m.Draining = n.Self(), known.Token, known.Draining
	if leader == 0 || leader == n.Self() || !ok || known == m {
		return
	}
	if err := n.ask(ctx, leader, &adminRequest{Op: "update", Member: &m}, nil); err != nil {
		n.cfg.Logger.Warn("the leader does not know where this node is", "error", err)
	}
}

// arrange makes at most one change of each group's servers.
func (n *Node) arrange(ctx context.Context) error {
	if _, other := n.forgetOthers(); other { // they are another cluster's
		return nil
	}
	members := n.control.view.Load().members
	if err := n.reconcileSpread(ctx); err != nil {
		n.cfg.Logger.Warn("the spread shards lack partitions", "error", err)
	}
	ready := map[uint64]bool{}
	if n.unsettled(members) {
		ready = n.caughtUp(ctx, members)
	}
	self, ok := members[n.Self()]
	for _, g := range n.homeGroups() {
		c := plan(g.servers(), members, ready)
		if c.node == 0 {
			continue
		}
		if c.node == n.Self() && (!ok || self.Draining) {
			return n.abdicate(members)
		}
		if err := n.changeGroup(g, c); err != nil {
			return err
		}
	}
	return nil
}

// changeGroup makes a change of the servers of a group that this node leads.
func (n *Node) changeGroup(g *group, c serverChange) error {
	if err := n.consult(func() error { return g.change(c) }); err != nil {
		return fmt.Errorf("%s of node %d in group %d: %w", c.what, c.node, g.id, err)
	}
	n.cfg.Logger.Info("the servers of a group have changed", "group", g.id, "node", c.node, "change", c.what)
	return nil
}

// unsettled reports whether some node may have to get its vote.
func (n *Node) unsettled(members map[uint64]Member) bool {
	for _, g := range n.homeGroups() {
		all := map[uint64]bool{}
		for id := range members {
			all[id] = true
		}
		if plan(g.servers(), members, all).node != 0 {
			return true
		}
	}
	return false
}

// abdicate hands the home groups to another voter: the next in the list, so that each has its turn where several cannot
// serve.
func (n *Node) abdicate(members map[uint64]Member) error {
	servers := n.groups[0].servers()
	self := slices.IndexFunc(servers, func(s raft.Server) bool { return nodeOf(s.ID) == n.Self() })
	for _, s := range slices.Concat(servers[self+1:], servers[:self+1]) {
		id := nodeOf(s.ID)
		m, ok := members[id]
		if s.Suffrage != raft.Voter || id == n.Self() || !ok || m.Draining || !n.mesh.Connected(id) {
			continue
		}
		var all []uint64
		for _, g := range n.homeGroups() {
			all = append(all, g.id)
		}
		return n.yield(all, id)
	}
	return errors.New("no other node can lead")
}

// A serverChange is one change of a group's servers; node 0 is none.
type serverChange struct {
	node uint64
	what string
}

// The changes that there are.
const (
	toFollow = "following"
	toVote   = "vote"
	toDemote = "demotion"
	toRemove = "removal"
)

// plan finds the next change that brings a group's servers in line with the members: all follow, three vote. Two do
// not, unless they are what is left of three: when either stopped, both would.
func plan(servers []raft.Server, members map[uint64]Member, ready map[uint64]bool) serverChange {
	voters, eligible := 0, 0
	votes := map[uint64]bool{}
	for _, s := range servers {
		id := nodeOf(s.ID)
		votes[id] = s.Suffrage == raft.Voter
		if m, ok := members[id]; ok && !m.Draining && votes[id] {
			voters++
		}
	}
	ids := slices.Sorted(maps.Keys(members))
	for _, id := range ids {
		if _, known := votes[id]; !known {
			return serverChange{id, toFollow}
		}
		if !members[id].Draining {
			eligible++
		}
	}
	want := min(eligible, votersWanted)
	if want == 2 {
		want = max(voters, 1)
	}
	for _, id := range ids {
		if voters < want && !votes[id] && !members[id].Draining && ready[id] {
			return serverChange{id, toVote}
		}
	}
	for _, s := range servers {
		id := nodeOf(s.ID)
		m, ok := members[id]
		switch {
		case voters == 0: // somebody has to
		case !ok:
			return serverChange{id, toRemove}
		case m.Draining && votes[id]:
			return serverChange{id, toDemote}
		}
	}
	return serverChange{}
}

// change makes a change of the group's servers.
func (g *group) change(c serverChange) error {
	server := serverOf(c.node)
	addr := raft.ServerAddress(server)
	switch c.what {
	case toFollow:
		return g.raft.AddNonvoter(server, addr, 0, configTimeout).Error()
	case toVote:
		return g.raft.AddVoter(server, addr, 0, configTimeout).Error()
	case toDemote:
		return g.raft.DemoteVoter(server, 0, configTimeout).Error()
	default:
		return g.raft.RemoveServer(server, 0, configTimeout).Error()
	}
}

// progress says how far this node has applied each group.
func (n *Node) progress() map[uint64]int {
	all := map[uint64]int{}
	for _, g := range n.groups {
		all[g.id] = int(g.raft.AppliedIndex())
	}
	return all
}

// caughtUp finds the nodes that are nearly where this one is, in all home groups, and that may vote.
func (n *Node) caughtUp(ctx context.Context, members map[uint64]Member) map[uint64]bool {
	own := map[uint64]int{}
	for _, g := range n.homeGroups() {
		own[g.id] = int(g.raft.CommitIndex())
	}
	ready := n.near(own, n.askAll(ctx, members))
	for id, near := range ready {
		if may := n.mayVote.Load(); near && may != nil && id != n.Self() {
			ready[id] = (*may)(id)
		}
	}
	return ready
}

// near finds the nodes that are nearly where this one is in groups, of which it says how far it is.
func (n *Node) near(own map[uint64]int, answers map[uint64]*adminAnswer) map[uint64]bool {
	ready := map[uint64]bool{n.Self(): true}
	for id, a := range answers {
		near := true
		for g, at := range own {
			applied, has := a.Applied[g]
			near = near && has && at-applied < nearlyThere
		}
		ready[id] = near
	}
	return ready
}

// VoteWhen sets what a node must have besides the groups' entries before it gets its vote.
func (n *Node) VoteWhen(may func(node uint64) bool) { n.mayVote.Store(&may) }

// askAll asks the other nodes how far they are. Those that do not answer are missing.
func (n *Node) askAll(ctx context.Context, members map[uint64]Member) map[uint64]*adminAnswer {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	var mu sync.Mutex
	var wait sync.WaitGroup
	answers := map[uint64]*adminAnswer{}
	for id := range members {
		if id == n.Self() {
			continue
		}
		wait.Go(func() {
			var a adminAnswer
			if n.ask(ctx, id, &adminRequest{Op: "progress"}, &a) == nil {
				mu.Lock()
				defer mu.Unlock()
				answers[id] = &a
			}
		})
	}
	wait.Wait()
	return answers
}

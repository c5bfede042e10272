package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// standApart is how long the followers of a leader that is gone wait for one another before they stand for election.
const standApart = 150 * time.Millisecond

// watchLeaders keeps a connection to each node that leads a group, so that its end is noticed at once.
func (n *Node) watchLeaders(ctx context.Context) {
	for _, g := range n.groups {
		id := g.leaderOf()
		if id == 0 || id == n.Self() || n.mesh.Connected(id) {
			continue
		}
		if _, busy := n.pinging.LoadOrStore(id, true); busy {
			continue
		}
		n.done.Go(func() {
			defer n.pinging.Delete(id)
			if err := n.mesh.Ping(ctx, id); err != nil {
				n.cfg.Logger.Debug("a leader cannot be reached", "node", id, "error", err)
			}
		})
	}
}

// lost is told that the connection to a node has broken. When that node leads and cannot be reached again, it is gone:
// its followers stand for election one after the other, without waiting for heartbeats to fail.
func (n *Node) lost(node uint64) {
	select {
	case <-n.stop:
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), heartbeat)
	defer cancel()
	if n.mesh.Ping(ctx, node) == nil {
		return
	}
	n.groupMu.Lock()
	groups := slices.Clone(n.groups)
	n.groupMu.Unlock()
	var wait sync.WaitGroup
	for _, g := range groups {
		if _, id := g.raft.LeaderWithID(); nodeOf(id) == node {
			wait.Go(func() { n.stand(g, node) })
		}
	}
	wait.Wait()
}

// stand stands for election in the place of a node, after those before this one had their turn.
func (n *Node) stand(g *group, instead uint64) {
	var voters []uint64
	for _, s := range g.servers() {
		if id := nodeOf(s.ID); s.Suffrage == raft.Voter && id != instead {
			voters = append(voters, id)
		}
	}
	slices.Sort(voters)
	turn := slices.Index(voters, n.Self())
	if turn < 0 {
		return
	}
	select {
	case <-time.After(time.Duration(turn) * standApart):
	case <-n.stop:
		return
	}
	if _, id := g.raft.LeaderWithID(); nodeOf(id) == instead || nodeOf(id) == 0 {
		n.cfg.Logger.Info("standing for election", "group", g.id, "instead", instead)
		g.elect()
	}
}

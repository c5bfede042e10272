package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/mesh"
	"github.com/leatdb/leat/cluster/wal"
)

// joinAgain is how long a node waits before it asks again to be taken in.
const joinAgain = 500 * time.Millisecond

// alone reports whether the node runs without a network.
func (n *Node) alone() bool { return n.cfg.Peers.Addr == "" }

// meet finds out who this node is, and for a new one that is to join a cluster asks to be taken in.
func (n *Node) meet(ctx context.Context) error {
	found, err := n.loadIdentity()
	if err != nil {
		return err
	}
	_, err = os.Stat(n.path("control.db"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cluster: %w", err)
	}
	used := err == nil
	switch {
	case n.alone() && found && n.identity.Node == 0:
		return fmt.Errorf("%w: this node joins a cluster: it needs an address for the others", ErrMember)
	case n.alone() && !found:
		n.identity.Node = founder
		return nil
	case !found && (used || len(n.cfg.Peers.Join) == 0):
		n.identity.Node = founder
		return nil
	case found && n.identity.Node != 0:
		return nil
	}
	return n.join(ctx)
}

// joins checks, when the control group is loaded, that whoever is to join a cluster has none of its own: the first node
// of several is in one already, and may be started as the others are.
func (n *Node) joins() error {
	if len(n.cfg.Peers.Join) > 0 && n.Self() == founder && len(n.Members()) < 2 {
		return fmt.Errorf("%w: this data directory has a cluster of its own: it cannot join another", ErrMember)
	}
	return nil
}

// join asks to be taken in until somebody does. It writes nothing before it knows that the cluster takes its version.
func (n *Node) join(ctx context.Context) error {
	client := newClient(n.cfg.Peers, n.levels())
	defer client.Close()
	for tries := 0; ; tries++ {
		for _, addr := range n.cfg.Peers.Join {
			var a adminAnswer
			err := n.askToJoin(ctx, client, addr, &a)
			switch {
			case err == nil && a.Identity != nil:
				a.Identity.Token = n.identity.Token
				n.identity = *a.Identity
				return n.saveIdentity()
			case a.Error != "" && !a.Retry, errors.Is(err, mesh.ErrRefused):
				return fmt.Errorf("cluster: %s does not take this node in: %w", addr, err)
			}
			if tries%20 == 0 {
				n.cfg.Logger.Warn("cannot join the cluster yet", "by", addr, "error", err)
			}
		}
		select {
		case <-time.After(joinAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// askToJoin asks one node.
func (n *Node) askToJoin(ctx context.Context, client *Client, addr string, a *adminAnswer) error {
	if n.identity.Token == "" {
		if err := client.ask(ctx, addr, &adminRequest{Op: "progress"}, &adminAnswer{}); err != nil {
			return err
		}
		n.identity.Token = randomName()
		if err := n.saveIdentity(); err != nil {
			return err
		}
	}
	m := n.cfg.Peers.Self
	m.Token = n.identity.Token
	return client.ask(ctx, addr, &adminRequest{Op: "join", Member: &m}, a)
}

// connect prepares the node's connections. It listens when the groups are there.
func (n *Node) connect() {
	n.layers.all = map[uint64]*layer{}
	p := n.cfg.Peers
	n.mesh = mesh.New(mesh.Config{
		Self: n.Self(), Version: p.Self.Version, Cluster: n.ClusterID, Resolve: n.resolve, Lost: n.lost, TLS: p.TLS,
		Levels: n.levels(), Admit: n.admitLevels, Unwelcome: n.unwelcome, Network: p.Network, Logger: n.cfg.Logger,
	})
	n.mesh.Handle(streamRaft, false, func(_ uint64, header []byte, c net.Conn) {
		if l, err := n.layers.find(header); err == nil {
			l.serve(c)
		}
	})
	n.mesh.Handle(streamAdmin, true, n.serveAdmin)
	n.mesh.Handle(streamSegment, false, n.serveSegment)
	n.mesh.Handle(streamPropose, false, n.serveProposal)
}

// transportOf makes a group's transport.
func (n *Node) transportOf(id uint64, logger hclog.Logger) transport {
	if n.alone() {
		return newLone()
	}
	var ship shipper
	if id >= firstShard {
		s := n.shards[id-firstShard]
		ship = func(body io.Reader) (io.ReadCloser, int64, error) { return s.shipped(body, s.resnap) }
	}
	l := &layer{mesh: n.mesh, self: n.Self(), group: id, incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.layers.mu.Lock()
	n.layers.all[id] = l
	n.layers.mu.Unlock()
	return newWire(l, ship, logger)
}

// startGroup starts one group's replica.
func (n *Node) startGroup(id uint64, fsm raft.FSM, w *wal.WAL) (*group, error) {
	applied := uint64(0)
	if id == controlGroup {
		applied = n.control.applied
	}
	return startGroup(groupConfig{
		dir: n.path("snapshots"), id: id, self: serverOf(n.Self()), first: n.Self() == founder,
		alone: n.alone(), applied: applied, wal: w,
		transport: n.transportOf(id, raftLogger(n.cfg.Logger.With("group", id))), logger: n.cfg.Logger,
		failed: n.failed,
	}, fsm)
}

// OpenStream opens a stream to another node, of a kind of the layers above.
func (n *Node) OpenStream(ctx context.Context, node uint64, k mesh.Kind, header []byte) (net.Conn, error) {
	if n.alone() {
		return nil, errNoPeer
	}
	return n.mesh.Open(ctx, node, k, header)
}

// HandleStreams sets who serves the streams of a kind that other nodes open.
func (n *Node) HandleStreams(k mesh.Kind, serve mesh.Handler) {
	if !n.alone() {
		n.mesh.Handle(k, false, serve)
	}
}

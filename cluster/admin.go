package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/leatdb/leat/cluster/mesh"
)

// adminTimeout bounds a request between nodes.
const adminTimeout = 15 * time.Second

// An adminRequest is what nodes and tools ask of a node.
type adminRequest struct {
	Op     string   `json:"op"`
	Node   uint64   `json:"node,omitempty"`   // drain, remove; yield: to whom
	Groups []uint64 `json:"groups,omitempty"` // yield
	Member *Member  `json:"member,omitempty"` // join, update
	Shard  int      `json:"shard,omitempty"`  // index
	Terms  []uint64 `json:"terms,omitempty"`  // canvass: of the shards' groups, as the sender knows them
	Passed bool     `json:"passed,omitempty"` // another node has passed it on
}

// An adminAnswer is what comes back.
type adminAnswer struct {
	Error string `json:"error,omitempty"`
	// Retry says that the same may work in a moment.
	Retry    bool           `json:"retry,omitempty"`
	Identity *identity      `json:"identity,omitempty"`
	Applied  map[uint64]int `json:"applied,omitempty"` // of each group, the last index
	Engine   *EngineState   `json:"engine,omitempty"`
	Version  uint64         `json:"version,omitempty"` // of the documents and topics
	Status   *Status        `json:"status,omitempty"`
	Index    uint64         `json:"index,omitempty"` // of the last entry of a shard
	Time     int64          `json:"time,omitempty"`  // by the node's clock, nanoseconds since 1970
	// Standings are those in the shards' groups.
	Standings []standing `json:"standings,omitempty"`
}

// ask asks another node. Into may be nil.
func (n *Node) ask(ctx context.Context, node uint64, r *adminRequest, into *adminAnswer) error {
	return asking(ctx, r, into, func(ctx context.Context, header []byte) (net.Conn, error) {
		return n.mesh.Open(ctx, node, streamAdmin, header)
	})
}

// asking sends a request over a stream and reads the answer.
func asking(ctx context.Context, r *adminRequest, into *adminAnswer,
	open func(context.Context, []byte) (net.Conn, error)) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	header, err := json.Marshal(r)
	if err != nil {
		return err
	}
	c, err := open(ctx, header)
	if err != nil {
		return err
	}
	defer c.Close()
	cut := context.AfterFunc(ctx, func() { c.Close() })
	defer cut()
	if into == nil {
		into = &adminAnswer{}
	}
	if err := json.NewDecoder(c).Decode(into); err != nil {
		return errors.Join(err, ctx.Err())
	}
	if into.Error != "" {
		return fmt.Errorf("%w: %s", ErrMember, into.Error)
	}
	return nil
}

// serveAdmin answers a request. What only the leader can do is passed on to it.
func (n *Node) serveAdmin(from uint64, header []byte, c net.Conn) {
	var r adminRequest
	var a adminAnswer
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	err := json.Unmarshal(header, &r)
	if err == nil {
		err = n.answer(ctx, from, &r, &a)
	}
	if err != nil {
		a.Error = err.Error()
		a.Retry = a.Retry || passes(err)
	}
	if err := json.NewEncoder(c).Encode(&a); err != nil {
		n.cfg.Logger.Debug("an answer to a node was lost", "to", from, "error", err)
	}
}

// answer does what a request says.
func (n *Node) answer(ctx context.Context, from uint64, r *adminRequest, a *adminAnswer) error {
	switch r.Op {
	case "progress":
		a.Applied, a.Engine, a.Time = n.progress(), n.engineState(), n.cfg.Now().UnixNano()
		return nil
	case "version":
		a.Version = n.Version()
		return nil
	case "yield":
		if from == 0 {
			return errors.New("only nodes hand leadership over")
		}
		return n.yield(r.Groups, r.Node)
	case "canvass":
		if r.Passed || from == 0 { // an answer counts as that of the node that was asked, to the one that asks
			return errors.New("nodes answer each other, and nobody for another one")
		}
		standings, err := n.standings(from, r.Terms)
		a.Standings = standings
		return err
	case "index":
		index, err := n.indexOf(ctx, r.Shard)
		a.Index = index
		return err
	}
	if !n.Leads() {
		return n.passOn(ctx, r, a)
	}
	switch r.Op {
	case "join":
		return n.admit(ctx, r.Member, a)
	case "update":
		return n.putMember(ctx, r.Member)
	case "drain":
		return n.drain(ctx, r.Node)
	case "remove":
		return n.remove(ctx, r.Node)
	case "status":
		s, err := n.Status(ctx)
		a.Status = s
		return err
	}
	return fmt.Errorf("unknown request %q", r.Op)
}

// passOn gives a request to the leader.
func (n *Node) passOn(ctx context.Context, r *adminRequest, a *adminAnswer) error {
	leader := n.Leader()
	if leader == 0 || leader == n.Self() || r.Passed {
		a.Retry = true
		return errors.New("the cluster has no leader at the moment")
	}
	passed := *r
	passed.Passed = true
	err := n.ask(ctx, leader, &passed, a)
	if a.Error != "" {
		return errors.New(a.Error)
	}
	a.Retry = err != nil // it has gone, perhaps a moment ago, and another one follows
	return err
}

// passes reports whether an error is one of the moment.
func passes(err error) bool {
	for _, of := range []error{ErrNotLeader, ErrUnknownOutcome, ErrConflict, ErrClosed, ErrFailed, ErrDiskFull,
		mesh.ErrNoAddress, context.DeadlineExceeded} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// A Client asks a cluster from outside.
type Client struct{ mesh *mesh.Mesh }

// NewClient makes a client. It speaks TLS when the configuration does.
func NewClient(p Peers) *Client { return newClient(p, mesh.Levels{}) }

// newClient makes one that is to be a node, of the levels.
func newClient(p Peers, l mesh.Levels) *Client {
	return &Client{mesh.New(mesh.Config{Version: p.Self.Version, Levels: l, TLS: p.TLS, Network: p.Network})}
}

func (c *Client) ask(ctx context.Context, addr string, r *adminRequest, a *adminAnswer) error {
	return asking(ctx, r, a, func(ctx context.Context, header []byte) (net.Conn, error) {
		return c.mesh.Call(ctx, addr, streamAdmin, header)
	})
}

// Status asks a node how the cluster is.
func (c *Client) Status(ctx context.Context, addr string) (*Status, error) {
	var a adminAnswer
	err := c.ask(ctx, addr, &adminRequest{Op: "status"}, &a)
	return a.Status, err
}

// Drain takes a node's votes and leadership from it.
func (c *Client) Drain(ctx context.Context, addr string, node uint64) error {
	return c.ask(ctx, addr, &adminRequest{Op: "drain", Node: node}, &adminAnswer{})
}

// Remove makes a node one of the cluster no longer.
func (c *Client) Remove(ctx context.Context, addr string, node uint64) error {
	return c.ask(ctx, addr, &adminRequest{Op: "remove", Node: node}, &adminAnswer{})
}

// Close ends the client's connections.
func (c *Client) Close() error { return c.mesh.Close() }

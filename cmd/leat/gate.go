package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/cluster/mesh"
	"github.com/leatdb/leat/pgwire"
	"github.com/leatdb/leat/pgwire/relay"
)

const (
	// leaderWait is how long a client that comes while no node leads is kept waiting.
	leaderWait = 15 * time.Second
	// leaderPoll is how often it is looked whether one does.
	leaderPoll = 10 * time.Millisecond
	// followTick is how often it is looked whether clients are with a node that leads no longer.
	followTick = 100 * time.Millisecond
	// handWait is how long the leader keeps another node's client waiting for its own doors to open.
	handWait = 5 * time.Second
	// partWait is how long clients that a relay passes on have when the gate closes: they get their answers, and are told.
	partWait = 2 * time.Second
)

// A gate is an address at which clients come. While this node leads, its door serves them; else they are passed on to
// the node that does: those of Postgres by a relay, message by message, others as pass has it. In a cluster with spread
// shards those of Kafka stay: a door of the node's own serves them.
type gate struct {
	listener net.Listener
	kind     mesh.Kind
	node     *cluster.Node
	log      *slog.Logger
	pass     func(client, leader net.Conn) // until either has enough
	tls      *tls.Config                   // of clients of Postgres; nil for none

	mu    sync.Mutex
	door  *door               // nil: this node does not lead; guarded by mu
	near  *door               // while another node leads; nil for none; guarded by mu
	conns map[net.Conn]kept   // clients; guarded by mu
	away  map[net.Conn]uint64 // streams to the leader, and which node that was; guarded by mu
	shut  bool
	life  context.Context // of the gate
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// kept is how a gate has a client.
type kept struct {
	relayed bool // a relay passes it on
	passed  bool // bytes are passed between it and the leader
	by      int  // how many goroutines: who has given it to a door may not have ended when it comes back
}

func newGate(l net.Listener, kind mesh.Kind, log *slog.Logger, pass func(client, leader net.Conn)) *gate {
	g := &gate{listener: l, kind: kind, log: log, pass: pass, conns: map[net.Conn]kept{},
		away: map[net.Conn]uint64{}}
	g.life, g.stop = context.WithCancel(context.Background())
	return g
}

// run serves clients, and those of other nodes, until close.
func (g *gate) run(node *cluster.Node) {
	g.node = node
	node.HandleStreams(g.kind, g.serveOther)
	g.done.Add(2)
	go g.followLeader()
	go func() {
		defer g.done.Done()
		for {
			c, err := g.listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				g.log.Warn("cannot accept a connection", "error", err)
				<-time.After(leaderPoll) // out of file descriptors, say: do not spin
				continue
			}
			if !g.keep(c) {
				c.Close()
				return
			}
			go g.serve(c)
		}
	}()
}

// keep remembers a client that close has to cut off.
func (g *gate) keep(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	k := g.conns[c]
	k.by++
	g.conns[c] = k
	g.done.Add(1)
	return true
}

func (g *gate) forget(c net.Conn) {
	g.mu.Lock()
	k := g.conns[c]
	if k.by--; k.by == 0 {
		delete(g.conns, c)
	} else {
		g.conns[c] = k
	}
	g.mu.Unlock()
	g.done.Done()
}

// serve finds out who serves a client.
func (g *gate) serve(c net.Conn) {
	defer g.forget(c)
	for end := time.Now().Add(leaderWait); time.Now().Before(end); {
		if g.hand(c) || g.stays() && g.handNear(c) {
			return
		}
		if !g.stays() && g.send(c) {
			return
		}
		select {
		case <-time.After(leaderPoll):
		case <-g.life.Done():
			g.end(c)
			return
		}
	}
	if g.kind == cluster.StreamPostgres {
		relay.Refuse(g.life, c, g.relay(), relay.NoLeader)
	}
	g.end(c)
}

// end closes a client that nobody has served. Those of Kafka are reset, and try again: the end of what they read would
// be a refusal to them, as nothing has come before it.
func (g *gate) end(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok && g.kind != cluster.StreamPostgres {
		_ = t.SetLinger(0) // fails when the connection is gone, which is as well
	}
	c.Close()
}

// stays says whether clients are served by their own node, whoever leads.
func (g *gate) stays() bool { return g.kind != cluster.StreamPostgres && g.node.Spread() > 0 }

// send passes a client on to the leader until it has had enough; it reports false where that cannot be reached.
func (g *gate) send(c net.Conn) bool {
	s, follows, err := g.reach(c.RemoteAddr())
	if err != nil {
		return false
	}
	if g.goes(c, kept{relayed: follows, passed: !follows}); follows {
		relay.Serve(g.life, c, s, g.relay())
	} else {
		g.pass(c, s)
	}
	s.Close()
	c.Close()
	return true
}

// relay is how clients are passed on message by message.
func (g *gate) relay() relay.Config {
	return relay.Config{Reach: g.reachNext, Near: g.reachNear, NearOpen: g.nearOpen, TLS: g.tls, Patience: leaderWait}
}

// goes notes how a client is passed on. A relay's ends by itself when the gate closes.
func (g *gate) goes(c net.Conn, how kept) {
	g.mu.Lock()
	defer g.mu.Unlock()
	how.by = g.conns[c].by
	g.conns[c] = how
	if g.shut && how.passed { // cut has not seen it
		c.Close()
	}
}

// takeUp lets a conversation go on that this node's door has left.
func (g *gate) takeUp(left *pgwire.Left) {
	if left.Startup == nil {
		g.takeBack(left.Conn)
		return
	}
	if !g.keep(left.Conn) {
		left.Conn.Close()
		return
	}
	g.goes(left.Conn, kept{relayed: true})
	go func() {
		defer g.forget(left.Conn)
		relay.Continue(g.life, left, g.relay())
	}()
}

// takeBack finds out anew who serves a client that this node's door has not begun with.
func (g *gate) takeBack(c net.Conn) {
	if !g.keep(c) {
		c.Close()
		return
	}
	go g.serve(c)
}

// hand gives a client to this node's door, when there is one.
func (g *gate) hand(c net.Conn) bool {
	g.mu.Lock()
	d := g.door
	g.mu.Unlock()
	return d != nil && d.put(c)
}

// handNear gives a client to this node's door for the time while another node leads, when there is one.
func (g *gate) handNear(c net.Conn) bool {
	g.mu.Lock()
	d := g.near
	g.mu.Unlock()
	return d != nil && d.put(c)
}

// followLeader cuts clients off from a node that leads no longer: it may be silent for long.
func (g *gate) followLeader() {
	defer g.done.Done()
	tick := time.NewTicker(followTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-g.life.Done():
			return
		}
		leader := g.node.Leader()
		if leader == 0 { // the next one may be the same
			continue
		}
		g.mu.Lock()
		var left []net.Conn
		for s, of := range g.away {
			if of != leader {
				left = append(left, s)
			}
		}
		g.mu.Unlock()
		for _, s := range left {
			s.Close()
		}
	}
}

// What the leader answers to who opens a stream for a client: whether it tells what a relay needs.
const (
	taken        = 1
	takenToRelay = 2
)

// relaySuffix stands behind the address of a client that a relay passes on.
const relaySuffix = "\x00relay"

// reach opens a stream to the leader, for a client from an address. It follows when the leader says what a relay needs.
func (g *gate) reach(from net.Addr) (s net.Conn, follows bool, err error) {
	header := from.String()
	if g.kind == cluster.StreamPostgres {
		header += relaySuffix
	}
	return g.reachWith(g.life, []byte(header))
}

// reachWith is reach with what the leader is told of the client.
func (g *gate) reachWith(ctx context.Context, header []byte) (s net.Conn, follows bool, err error) {
	leader := g.node.Leader()
	if leader == 0 || leader == g.node.Self() {
		return nil, false, cluster.ErrNotLeader
	}
	ctx, cancel := context.WithTimeout(ctx, handWait)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	stream, err := g.node.OpenStream(ctx, leader, g.kind, header)
	if err != nil {
		return nil, false, err
	}
	unanswered := context.AfterFunc(ctx, func() { stream.Close() })
	var answer [1]byte
	_, err = io.ReadFull(stream, answer[:])
	if !unanswered() {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil { // it leads no longer, or not yet
		stream.Close()
		return nil, false, err
	}
	p := &passed{stream, g}
	g.mu.Lock()
	g.away[p] = leader
	g.mu.Unlock()
	return p, answer[0] == takenToRelay, nil
}

// reachNext opens a connection to the server that leads now, which may be here.
func (g *gate) reachNext(_ context.Context, from net.Addr) (net.Conn, error) {
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	if g.hand(&remote{UnixConn: far, addr: from, relayed: true}) {
		return near, nil
	}
	near.Close()
	far.Close()
	s, follows, err := g.reach(from)
	if err == nil && !follows {
		s.Close()
		return nil, errors.New("the leader is of a version that takes up no conversations")
	}
	return s, err
}

// reachNear opens a connection to the server of this node, which follows or leads.
func (g *gate) reachNear(from net.Addr) (net.Conn, bool) {
	near, far, err := socketPair()
	if err != nil {
		return nil, false
	}
	c := &remote{UnixConn: far, addr: from, relayed: true}
	if g.handNear(c) || g.hand(c) {
		return near, true
	}
	near.Close()
	far.Close()
	return nil, false
}

// nearOpen reports whether there is one.
func (g *gate) nearOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.near.open() || g.door.open()
}

// passed is a stream to the leader.
type passed struct {
	net.Conn
	g *gate
}

// Close implements net.Conn.
func (p *passed) Close() error {
	p.g.mu.Lock()
	delete(p.g.away, p)
	p.g.mu.Unlock()
	return p.Conn.Close()
}

// serveOther serves a client of another node. The door gets a socket, so that it notices when the client goes away.
func (g *gate) serveOther(node uint64, header []byte, s net.Conn) {
	near, far, err := socketPair()
	if err != nil {
		g.log.Warn("another node's client cannot be served", "error", err)
		return
	}
	defer near.Close()
	c, relays, err := g.client(node, header, far)
	if err != nil {
		g.log.Warn("another node's client cannot be served", "error", err)
		far.Close()
		s.Close()
		return
	}
	for end := time.Now().Add(handWait); !g.hand(c); {
		if !g.node.Leads() && g.node.Leader() != g.node.Self() || time.Now().After(end) {
			far.Close()
			return
		}
		select {
		case <-time.After(leaderPoll):
		case <-g.life.Done():
			far.Close()
			return
		}
	}
	answer := []byte{taken}
	if relays {
		answer[0] = takenToRelay
	}
	if _, err := s.Write(answer); err != nil {
		return
	}
	splice(s, near)
}

// client makes a client of a connection that a node has opened for it.
func (g *gate) client(node uint64, header []byte, far *net.UnixConn) (c net.Conn, relays bool, err error) {
	if g.kind == cluster.StreamKafkaPassed {
		if node == 0 {
			return nil, false, errors.New("a stranger vouches for it")
		}
		c, err = newVouched(far, header)
		return c, false, err
	}
	from, relays := bytes.CutSuffix(header, []byte(relaySuffix))
	return &remote{UnixConn: far, addr: clientAddr(from), relayed: relays}, relays, nil
}

// open makes this node's door, which the gate gives its clients to.
func (g *gate) open() net.Listener {
	d := g.newDoor()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.door = d
	return d
}

// openNear makes the door for the time while another node leads.
func (g *gate) openNear() net.Listener {
	d := g.newDoor()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.near = d
	return d
}

// nearClosed is closed when the last of them is.
func (g *gate) nearClosed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.near.closed
}

func (g *gate) newDoor() *door { return newDoor(g.listener.Addr()) }

func newDoor(addr net.Addr) *door {
	return &door{conns: make(chan net.Conn), closed: make(chan struct{}), addr: addr}
}

// close ends the gate.
func (g *gate) close() error {
	g.mu.Lock()
	g.shut = true
	g.stop()
	g.mu.Unlock()
	g.cut(false)
	err := g.listener.Close()
	late := time.AfterFunc(partWait, func() { g.cut(true) })
	defer late.Stop()
	g.done.Wait()
	return err
}

// cut ends clients that are passed on, with relays or without. Those that wait end by themselves.
func (g *gate) cut(relayed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c, k := range g.conns {
		if relayed && k.relayed || !relayed && k.passed {
			c.Close()
		}
	}
}

// A door is the listener of a server that gets its clients from a gate.
type door struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
	addr   net.Addr
}

// put gives the door a client, unless it is closed.
func (d *door) put(c net.Conn) bool {
	select {
	case d.conns <- c:
		return true
	case <-d.closed:
		return false
	}
}

// open reports whether the door is there and open.
func (d *door) open() bool {
	if d == nil {
		return false
	}
	select {
	case <-d.closed:
		return false
	default:
		return true
	}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return d.addr }

// remote is a client that has come by another node.
type remote struct {
	*net.UnixConn
	addr    net.Addr
	relayed bool
}

// Relayed implements pgwire.Relayed.
func (r *remote) Relayed() bool { return r.relayed }

// RemoteAddr implements net.Conn: where the client is.
func (r *remote) RemoteAddr() net.Addr { return r.addr }

func clientAddr(header []byte) net.Addr {
	if a, err := net.ResolveTCPAddr("tcp", string(header)); err == nil {
		return a
	}
	return &net.TCPAddr{}
}

// socketPair makes two sockets that are connected.
func socketPair() (a, b *net.UnixConn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if a, err = unixConn(fds[0]); err != nil {
		return nil, nil, errors.Join(err, unix.Close(fds[1]))
	}
	if b, err = unixConn(fds[1]); err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return a, b, nil
}

func unixConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "client")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// splice passes bytes both ways until either side ends, and closes both.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	one := func(to, from net.Conn) {
		io.Copy(to, from) // whatever ends it ends both
		a.Close()
		b.Close()
	}
	both.Go(func() { one(a, b) })
	both.Go(func() { one(b, a) })
	both.Wait()
}

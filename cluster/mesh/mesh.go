// Package mesh connects the nodes of a cluster: one connection from a node to each of the others carries many streams
// (yamux over TCP, with TLS where it is configured).
//
// A connection begins with one frame each way, the greeting:
//
//	+--------+------------+------+
//	| "LEAT" | length u32 | JSON |
//	+--------+------------+------+
//
// Whoever dials says which protocol it speaks, its version and levels, its cluster, its number and whom it wants to
// reach; the other side agrees or says why not. A node of another cluster or protocol, or of other levels, gets no
// further. Number 0 is no node: a tool, or a node that wants to join, which says its levels; it may open streams of the
// kinds that are meant for strangers.
//
// A stream begins with its kind, a length and a header, which only the kind's handler understands:
//
//	+---------+------------+--------+
//	| kind u8 | length u16 | header |
//	+---------+------------+--------+
package mesh

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
)

// Protocol is the version of what nodes say to each other. Nodes of different ones refuse each other.
const Protocol = 1

// dialTimeout bounds connecting and the greeting.
const dialTimeout = 3 * time.Second

var (
	// ErrRefused says that the other side did not want the connection; the text says why.
	ErrRefused = errors.New("mesh: refused")
	// ErrNoAddress says that nobody knows where a node is.
	ErrNoAddress = errors.New("mesh: address unknown")
	// ErrClosed says that the mesh is closed.
	ErrClosed = errors.New("mesh: closed")
)

// A Kind says what a stream is for.
type Kind uint8

// A Handler serves a stream that another node has opened, and closes it. From is the node's number, 0 for a stranger.
type Handler func(from uint64, header []byte, stream net.Conn)

// A Network is how addresses are reached.
type Network interface {
	Listen(addr string) (net.Listener, error)
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// Config says how a node takes part.
type Config struct {
	// Self is the node's number, 0 for a tool.
	Self uint64
	// Version is told to the others, for people to read.
	Version string
	// Cluster returns the cluster's name, "" while it is unknown.
	Cluster func() string
	// Resolve returns a node's address.
	Resolve func(node uint64) (addr string, ok bool)
	// Levels are those that this node works at; none for a tool.
	Levels Levels
	// Admit says why a node of some version must not be here because of its levels, "" when it may. Final tells that
	// it will not be otherwise in a moment. May be nil.
	Admit func(version string, l Levels) (refusal string, final bool)
	// Unwelcome is told that another node has refused this one because of its levels, for good. May be nil.
	Unwelcome func(refusal string)
	// Lost is told that the connection to a node has broken. May be nil.
	Lost func(node uint64)
	// TLS has this node's certificate and the authorities whose nodes it accepts; nil is no encryption.
	TLS *tls.Config
	// Network is TCP when it is nil.
	Network Network
	Logger  *slog.Logger
}

// A Mesh is one node's connections.
type Mesh struct {
	cfg Config

	mu       sync.Mutex // guards what follows
	handlers map[Kind]handler
	peers    map[uint64]*peer
	open     map[io.Closer]struct{} // connections and sessions of others
	greeted  map[io.Closer]Levels   // connections from and to nodes
	listener net.Listener
	closed   bool
	life     context.Context // ends when closed is set
	end      context.CancelFunc
	done     sync.WaitGroup
}

type handler struct {
	serve     Handler
	strangers bool
}

// peer is the connection to one node. Whoever uses it holds the turn, one at a time: connecting takes long, and who
// waits may give up.
type peer struct {
	turn chan struct{}               // holds one element while it is taken
	conn atomic.Pointer[established] // nil for none; it may be looked at without the turn
	addr string

	missed atomic.Bool // somebody has not reached the node
	// via is the node by way of which streams go, 0 for none, and detoured are those that do. Found ends, by find, when
	// there is one. All are guarded by the mesh's mu.
	via      uint64
	detoured map[*detoured]struct{}
	found    context.Context
	find     context.CancelFunc
}

// New makes a mesh that does not listen yet.
func New(cfg Config) *Mesh {
	if cfg.Network == nil {
		cfg.Network = tcp{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Cluster == nil {
		cfg.Cluster = func() string { return "" }
	}
	life, end := context.WithCancel(context.Background())
	return &Mesh{cfg: cfg, life: life, end: end, handlers: map[Kind]handler{}, peers: map[uint64]*peer{},
		open: map[io.Closer]struct{}{}, greeted: map[io.Closer]Levels{}}
}

// Handle sets who serves streams of a kind. Strangers may open them too where that is said.
func (m *Mesh) Handle(k Kind, strangers bool, serve Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers[k] = handler{serve, strangers}
}

// Listen begins to accept the connections of others.
func (m *Mesh) Listen(addr string) (net.Addr, error) {
	l, err := m.cfg.Network.Listen(addr)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errors.Join(ErrClosed, l.Close())
	}
	m.listener = l
	m.done.Add(1)
	go m.accept(l)
	return l.Addr(), nil
}

// Open opens a stream to a node, over the connection that is there or a new one, or by a detour.
func (m *Mesh) Open(ctx context.Context, node uint64, k Kind, header []byte) (net.Conn, error) {
	p, _, err := m.peerOf(node)
	if err != nil {
		return nil, err
	}
	direct, cancel := m.directly(ctx, p)
	defer cancel()
	s, err := m.sessionOf(direct, node)
	if m.detourOf(p) != 0 {
		return m.detour(ctx, p, node, k, header)
	}
	if err != nil {
		p.missed.Store(!errors.Is(err, ErrRefused))
		return nil, err
	}
	return openStream(s, k, header)
}

// peerOf returns what there is of a node, and its address. The first time, it is looked after from then on.
func (m *Mesh) peerOf(node uint64) (p *peer, addr string, err error) {
	addr, ok := m.cfg.Resolve(node)
	if !ok || addr == "" {
		return nil, "", fmt.Errorf("%w: node %d", ErrNoAddress, node)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, "", ErrClosed
	}
	p = m.peers[node]
	if p == nil {
		p = &peer{turn: make(chan struct{}, 1), detoured: map[*detoured]struct{}{}}
		p.found, p.find = context.WithCancel(m.life)
		m.peers[node] = p
		m.done.Add(1)
		go m.attend(node, p)
	}
	return p, addr, nil
}

// sessionOf returns the connection to a node: the one that is there, or a new one.
func (m *Mesh) sessionOf(ctx context.Context, node uint64) (*yamux.Session, error) {
	p, addr, err := m.peerOf(node)
	if err != nil {
		return nil, err
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.turn }()
	if old := p.conn.Load(); old != nil {
		if !old.session.IsClosed() && p.addr == addr {
			return old.session, nil
		}
		old.session.Close()
		p.conn.Store(nil)
	}
	s, l, a, err := m.connect(ctx, addr, node)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errors.Join(ErrClosed, s.Close())
	}
	p.addr = addr
	p.conn.Store(&established{s, l})
	m.greeted[s] = a.Levels
	m.done.Add(1)
	go func() {
		defer m.done.Done()
		<-s.CloseChan()
		m.parted(s)
		m.mu.Lock()
		closed := m.closed
		m.mu.Unlock()
		if !closed && m.cfg.Lost != nil {
			m.cfg.Lost(node)
		}
	}()
	return s, nil
}

// Call opens a stream to whoever is at an address, over a connection of its own, which ends with the stream.
func (m *Mesh) Call(ctx context.Context, addr string, k Kind, header []byte) (net.Conn, error) {
	s, _, _, err := m.connect(ctx, addr, 0)
	if err != nil {
		return nil, err
	}
	c, err := openStream(s, k, header)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &lone{c, s}, nil
}

// lone is a stream with a connection of its own.
type lone struct {
	net.Conn
	session *yamux.Session
}

// Close implements net.Conn.
func (l *lone) Close() error { return errors.Join(l.Conn.Close(), l.session.Close()) }

// connect dials and greets. To 0 is whoever answers.
func (m *Mesh) connect(ctx context.Context, addr string, to uint64) (s *yamux.Session, l *line, a *answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := m.cfg.Network.Dial(ctx, addr)
	if err != nil {
		return nil, nil, nil, err
	}
	if m.cfg.TLS != nil {
		cfg := m.cfg.TLS.Clone()
		if cfg.ServerName == "" {
			cfg.ServerName, _, _ = net.SplitHostPort(addr)
		}
		c = tls.Client(c, cfg)
	}
	deadline, _ := ctx.Deadline()
	a, err = greet(c, deadline, &greeting{Protocol: Protocol, Version: m.cfg.Version, Cluster: m.cfg.Cluster(),
		Levels: m.cfg.Levels, From: m.cfg.Self, To: to})
	if a != nil && a.Final && m.cfg.Unwelcome != nil {
		m.cfg.Unwelcome(a.Refusal)
	}
	if err == nil && to != 0 {
		if why, _ := m.admit(a.Version, a.Levels); why != "" {
			err = fmt.Errorf("%w: node %d: %s", ErrRefused, to, why)
		}
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, c.Close())
	}
	l = &line{Conn: c}
	s, err = yamux.Client(l, m.muxConfig())
	if err != nil {
		return nil, nil, nil, errors.Join(err, c.Close())
	}
	return s, l, a, nil
}

// muxConfig is that of every connection. Entries of raft are large, so windows are too.
func (m *Mesh) muxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.AcceptBacklog = 1024
	c.KeepAliveInterval = 5 * time.Second
	c.ConnectionWriteTimeout = 10 * time.Second
	c.MaxStreamWindowSize = 4 << 20
	c.LogOutput = io.Discard
	return c
}

// accept takes connections until the listener is closed.
func (m *Mesh) accept(l net.Listener) {
	defer m.done.Done()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			m.cfg.Logger.Warn("cannot accept a connection of a node", "error", err)
			time.Sleep(10 * time.Millisecond) // out of file descriptors, say: do not spin
			continue
		}
		if m.cfg.TLS != nil {
			c = tls.Server(c, m.cfg.TLS)
		}
		if !m.keep(c) {
			c.Close()
			continue
		}
		go m.serve(c)
	}
}

// keep remembers what Close has to close, and that somebody works on it.
func (m *Mesh) keep(c io.Closer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.open[c] = struct{}{}
	m.done.Add(1)
	return true
}

// forget is the end of keep.
func (m *Mesh) forget(c io.Closer) {
	c.Close()
	m.mu.Lock()
	delete(m.open, c)
	m.mu.Unlock()
	m.done.Done()
}

// serve greets whoever has connected and serves its streams.
func (m *Mesh) serve(c net.Conn) {
	defer m.forget(c)
	from, levels, err := m.welcome(c)
	if err != nil {
		m.cfg.Logger.Warn("a connection for nodes was refused", "from", c.RemoteAddr().String(), "error", err)
		return
	}
	s, err := yamux.Server(c, m.muxConfig())
	if err != nil {
		return
	}
	defer s.Close()
	if from != 0 {
		m.met(c, levels)
		defer m.parted(c)
	}
	for {
		accepted, err := s.AcceptStream()
		if err != nil {
			return
		}
		c := stream{accepted}
		if !m.keep(c) {
			return
		}
		go func() {
			defer m.forget(c)
			m.serveStream(from, c)
		}()
	}
}

// serveStream reads what a stream is for and gives it to whoever serves those.
func (m *Mesh) serveStream(from uint64, c net.Conn) {
	k, header, err := readHeader(c)
	if err != nil {
		return
	}
	switch {
	case k == kindDetour && from != 0:
		m.passOn(from, header, c)
	case k == kindPassed && from != 0:
		m.passed(header, c)
	default:
		m.dispatch(from, k, header, c)
	}
}

// dispatch gives a stream to the handler.
func (m *Mesh) dispatch(from uint64, k Kind, header []byte, c net.Conn) {
	if k == kindEcho && from != 0 {
		_, _ = c.Write([]byte{1}) // whoever does not get it asks again
		return
	}
	m.mu.Lock()
	h, ok := m.handlers[k]
	m.mu.Unlock()
	if !ok || from == 0 && !h.strangers {
		m.cfg.Logger.Warn("a stream was refused", "from", from, "kind", uint8(k))
		return
	}
	h.serve(from, header, c)
}

// Connected reports whether there is a connection to a node, or a detour.
func (m *Mesh) Connected(node uint64) bool {
	m.mu.Lock()
	p := m.peers[node]
	detour := p != nil && p.via != 0
	m.mu.Unlock()
	if detour || p == nil {
		return detour
	}
	s, _ := p.established()
	return s != nil
}

// Ping connects to a node, unless it is connected, and reports whether it is there.
func (m *Mesh) Ping(ctx context.Context, node uint64) error {
	p, _, err := m.peerOf(node)
	if err != nil || m.detourOf(p) != 0 {
		return err
	}
	direct, cancel := context.WithTimeout(ctx, pingPatience/2) // there may be a detour
	defer cancel()
	_, err = m.sessionOf(direct, node)
	if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrClosed) {
		return err
	}
	if m.search(ctx, node, p) == nil {
		return nil
	}
	return err
}

// Close ends all connections and waits for the handlers.
func (m *Mesh) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.end()
	l := m.listener
	for c := range m.open {
		c.Close()
	}
	peers := maps.Clone(m.peers)
	m.mu.Unlock()
	var err error
	if l != nil {
		err = l.Close()
	}
	for _, p := range peers {
		p.turn <- struct{}{}
		if e := p.conn.Load(); e != nil {
			e.session.Close()
		}
		<-p.turn
	}
	m.done.Wait()
	return err
}

// tcp is the real network.
type tcp struct{}

// Listen implements Network.
func (tcp) Listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

// Dial implements Network.
func (tcp) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

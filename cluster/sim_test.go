package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster/mesh"
)

// A simNet is a network whose links can be cut and slowed down. Its hosts are names, and its connections are in memory,
// so that their time is that of a bubble of testing/synctest. What is sent over a cut link arrives when it is mended, as
// over TCP, unless the connection is broken.
type simNet struct {
	mu    sync.Mutex
	rand  *rand.Rand
	hosts map[string]*simListener
	cut   map[[2]string]bool // from, to
	slow  time.Duration      // at most, for each piece
	conns map[*simConn]bool  // both ends of each
}

func newSimNet(seed uint64) *simNet {
	return &simNet{rand: rand.New(rand.NewPCG(seed, 1)), hosts: map[string]*simListener{}, cut: map[[2]string]bool{},
		conns: map[*simConn]bool{}}
}

// host is the network as one host sees it.
func (s *simNet) host(name string) mesh.Network { return simHost{s, name} }

type simHost struct {
	net  *simNet
	name string
}

// A simListener is where a host waits for others.
type simListener struct {
	name   simAddr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

type simAddr string

// Network implements net.Addr.
func (simAddr) Network() string { return "simulated" }

// String implements net.Addr.
func (a simAddr) String() string { return string(a) }

// Accept implements net.Listener.
func (l *simListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *simListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *simListener) Addr() net.Addr { return l.name }

// Listen implements mesh.Network.
func (h simHost) Listen(addr string) (net.Listener, error) {
	l := &simListener{name: simAddr(addr), conns: make(chan net.Conn), closed: make(chan struct{})}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.net.hosts[addr] = l
	return l, nil
}

// Dial implements mesh.Network.
func (h simHost) Dial(ctx context.Context, addr string) (net.Conn, error) {
	h.net.mu.Lock()
	to := h.net.hosts[addr]
	cut := h.net.cut[[2]string{h.name, addr}] || h.net.cut[[2]string{addr, h.name}]
	h.net.mu.Unlock()
	if to == nil {
		return nil, fmt.Errorf("no host %s", addr)
	}
	if cut {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	out, in := newSimQueue(), newSimQueue()
	near := &simConn{net: h.net, self: h.name, peer: addr, in: in, out: out, closed: make(chan struct{})}
	far := &simConn{net: h.net, self: addr, peer: h.name, in: out, out: in, closed: make(chan struct{})}
	select {
	case to.conns <- far:
	case <-to.closed:
		return nil, fmt.Errorf("host %s refuses", addr)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.net.conns[near], h.net.conns[far] = true, true
	return near, nil
}

// A simQueue is what one host has sent to another and that one has not read. It has room for everything, so that nobody
// who sends waits, perhaps with a lock, for time to pass: in a bubble it would not.
type simQueue struct {
	mu     sync.Mutex
	bytes  []byte
	passed int // so many of bytes have come; they are whole frames
	ended  bool
	more   chan struct{} // holds one element when there is something new
}

func newSimQueue() *simQueue { return &simQueue{more: make(chan struct{}, 1)} }

func (q *simQueue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *simQueue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.wake()
}

// take moves bytes that have come into b. It reports whether others are on their way, and whether the other side has
// ended.
func (q *simQueue) take(b []byte) (n int, more, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = copy(b, q.bytes[:q.passed])
	q.bytes = q.bytes[n:]
	q.passed -= n
	return n, frames(q.bytes) > 0, q.ended
}

// arrive lets what is on its way come, in whole frames: yamux reads the rest of one with a lock held.
func (q *simQueue) arrive() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.passed = frames(q.bytes)
}

// frames is how many bytes whole frames take: greetings of the mesh, or frames of yamux.
func frames(b []byte) (n int) {
	for {
		rest, size := b[n:], 12
		switch {
		case len(rest) < 8, rest[0] != 'L' && len(rest) < 12:
			return n
		case rest[0] == 'L':
			size = 8 + int(binary.LittleEndian.Uint32(rest[4:]))
		case rest[1] == 0: // data
			size += int(binary.BigEndian.Uint32(rest[8:]))
		}
		if len(rest) < size {
			return n
		}
		n += size
	}
}

// simConn is one end of a connection.
type simConn struct {
	net        *simNet
	self, peer string
	in, out    *simQueue
	closed     chan struct{}
	once       sync.Once

	mu       sync.Mutex
	deadline time.Time // of reads; guarded by mu
}

// pass waits until a piece may come from the other host.
func (c *simConn) pass() error {
	for {
		c.net.mu.Lock()
		cut, wait := c.net.cut[[2]string{c.peer, c.self}], time.Duration(0)
		if c.net.slow > 0 {
			wait = time.Duration(c.net.rand.Int64N(int64(c.net.slow)))
		}
		c.net.mu.Unlock()
		if cut {
			wait = 5 * time.Millisecond
		}
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-c.closed:
				return net.ErrClosed
			}
		}
		if !cut {
			return nil
		}
	}
}

// Read implements net.Conn.
func (c *simConn) Read(b []byte) (int, error) {
	for {
		n, more, ended := c.in.take(b)
		switch {
		case n > 0:
			return n, nil
		case more:
			if err := c.pass(); err != nil {
				return 0, err
			}
			c.in.arrive()
			continue
		case ended:
			return 0, io.EOF
		}
		c.mu.Lock()
		until := c.deadline
		c.mu.Unlock()
		var late <-chan time.Time
		if !until.IsZero() {
			late = time.After(time.Until(until))
		}
		select {
		case <-c.in.more:
		case <-c.closed:
			return 0, net.ErrClosed
		case <-late:
			c.mu.Lock()
			same := c.deadline.Equal(until)
			c.mu.Unlock()
			if same {
				return 0, os.ErrDeadlineExceeded
			}
		}
	}
}

// Write implements net.Conn.
func (c *simConn) Write(b []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	c.out.mu.Lock()
	ended := c.out.ended
	if !ended {
		c.out.bytes = append(c.out.bytes, b...)
	}
	c.out.mu.Unlock()
	if ended {
		return 0, io.ErrClosedPipe
	}
	c.out.wake()
	return len(b), nil
}

// Close implements net.Conn.
func (c *simConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.out.end()
		c.in.end()
	})
	c.net.mu.Lock()
	delete(c.net.conns, c)
	c.net.mu.Unlock()
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *simConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	c.in.wake()
	return nil
}

// SetDeadline implements net.Conn. Nobody waits to write.
func (c *simConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *simConn) SetWriteDeadline(time.Time) error { return nil }

// LocalAddr implements net.Conn.
func (c *simConn) LocalAddr() net.Addr { return simAddr(c.self) }

// RemoteAddr implements net.Conn.
func (c *simConn) RemoteAddr() net.Addr { return simAddr(c.peer) }

// isolate cuts a host off from all others, or mends that.
func (s *simNet) isolate(name string, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.hosts {
		s.cut[[2]string{name, other}], s.cut[[2]string{other, name}] = away, away
	}
}

// deafen lets a host send and not hear, or mends that.
func (s *simNet) deafen(name string, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.hosts {
		s.cut[[2]string{other, name}] = away
	}
}

// mute lets a host hear and not send.
func (s *simNet) mute(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.hosts {
		s.cut[[2]string{name, other}] = true
	}
}

// mend mends everything.
func (s *simNet) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cut)
	s.slow = 0
}

// breakAll breaks every connection of a host.
func (s *simNet) breakAll(name string) { s.breakBetween(name, "") }

// breakBetween breaks the connections between two hosts; "" stands for any.
func (s *simNet) breakBetween(a, b string) {
	s.mu.Lock()
	var gone []*simConn
	for c := range s.conns {
		if c.self == a && (b == "" || c.peer == b) || c.peer == a && (b == "" || c.self == b) {
			gone = append(gone, c)
		}
	}
	s.mu.Unlock()
	for _, c := range gone {
		c.Close()
	}
}

// A simCluster is nodes on such a network.
type simCluster struct {
	t     *testing.T
	net   *simNet
	dirs  map[int]string
	nodes map[int]*Node
	edit  func(*Config)
}

func newSimCluster(t *testing.T, seed uint64, edit func(*Config)) *simCluster {
	s := &simCluster{t: t, net: newSimNet(seed), dirs: map[int]string{}, nodes: map[int]*Node{}, edit: edit}
	t.TempDir() // is removed when all that is cleaned up below is
	t.Cleanup(func() {
		s.net.mend()
		var wait sync.WaitGroup
		for _, n := range s.nodes {
			wait.Go(func() {
				if err := n.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	})
	return s
}

func hostOf(i int) string { return fmt.Sprint("host", i) }

// start starts node i, which joins when another one runs and it is new.
func (s *simCluster) start(i int) *Node {
	s.t.Helper()
	s.nodes[i] = s.open(i)
	return s.nodes[i]
}

func (s *simCluster) open(i int) *Node {
	s.t.Helper()
	if s.dirs[i] == "" {
		dir, err := os.MkdirTemp(s.t.TempDir(), "node")
		if err != nil {
			s.t.Fatal(err)
		}
		s.dirs[i] = dir
	}
	c := testConfig(s.dirs[i])
	c.Peers = Peers{Addr: hostOf(i), Network: s.net.host(hostOf(i)), Self: Member{Addr: hostOf(i), Version: "test"}}
	if i != 1 {
		c.Peers.Join = []string{hostOf(1), hostOf(2), hostOf(3)}
	}
	if s.edit != nil {
		s.edit(&c)
	}
	n, err := Open(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// stop ends node i.
func (s *simCluster) stop(i int) {
	s.t.Helper()
	if err := s.nodes[i].Close(); err != nil {
		s.t.Fatal(err)
	}
	delete(s.nodes, i)
}

// within waits until something is the case.
func (s *simCluster) within(d time.Duration, what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(d); !is(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("it took more than %v: %s", d, what)
		}
	}
}

// leader waits for a node that leads and that others confirm.
func (s *simCluster) leader() (int, *Node) {
	s.t.Helper()
	var id int
	s.within(20*time.Second, "no leader", func() bool {
		for i, n := range s.nodes {
			ctx, cancel := context.WithTimeout(s.t.Context(), 300*time.Millisecond)
			err := n.Confirm(ctx)
			cancel()
			if err == nil {
				id = i
				return true
			}
		}
		return false
	})
	return id, s.nodes[id]
}

// three starts three nodes and waits until all vote.
func (s *simCluster) three() {
	s.t.Helper()
	for i := 1; i <= 3; i++ {
		s.start(i)
	}
	s.voters(3)
}

// voters waits until so many nodes vote in every group.
func (s *simCluster) voters(want int) {
	s.t.Helper()
	s.within(20*time.Second, fmt.Sprintf("%d voters", want), func() bool {
		_, n := s.leader()
		st, err := n.Status(s.t.Context())
		if err != nil {
			return false
		}
		for _, g := range st.Groups {
			voters := 0
			for _, r := range g.Replicas {
				if r.Voter {
					voters++
				}
			}
			if voters != want {
				return false
			}
		}
		return true
	})
}

// update commits a change, wherever the leader is.
func (s *simCluster) update(c Change) {
	s.t.Helper()
	s.within(20*time.Second, "an update", func() bool {
		_, n := s.leader()
		_, err := n.Update(s.t.Context(), c)
		if err != nil && !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrUnknownOutcome) {
			s.t.Fatal(err)
		}
		return err == nil || errors.Is(err, ErrTopicExists)
	})
}

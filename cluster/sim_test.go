package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster/mesh"
)

// A simNet is a network whose links can be cut and slowed down. Its hosts are names; beneath are sockets of this
// machine. What is sent over a cut link arrives when it is mended, as over TCP, unless the connection is broken.
type simNet struct {
	mu    sync.Mutex
	rand  *rand.Rand
	addrs map[string]string   // of hosts' listeners
	cut   map[[2]string]bool  // from, to
	slow  time.Duration       // at most, for each piece
	conns map[*simConn]string // to the host that dialled
}

func newSimNet(seed uint64) *simNet {
	return &simNet{rand: rand.New(rand.NewPCG(seed, 1)), addrs: map[string]string{}, cut: map[[2]string]bool{},
		conns: map[*simConn]string{}}
}

// host is the network as one host sees it.
func (s *simNet) host(name string) mesh.Network { return simHost{s, name} }

type simHost struct {
	net  *simNet
	name string
}

// Listen implements mesh.Network.
func (h simHost) Listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.net.addrs[addr] = l.Addr().String()
	return l, nil
}

// Dial implements mesh.Network.
func (h simHost) Dial(ctx context.Context, addr string) (net.Conn, error) {
	h.net.mu.Lock()
	to, ok := h.net.addrs[addr]
	cut := h.net.cut[[2]string{h.name, addr}] || h.net.cut[[2]string{addr, h.name}]
	h.net.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("no host %s", addr)
	}
	if cut {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	sc := &simConn{Conn: c, net: h.net, from: h.name, to: addr, closed: make(chan struct{})}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.net.conns[sc] = h.name
	return sc, nil
}

// simConn is the dialling end of a connection: both directions pass it.
type simConn struct {
	net.Conn
	net      *simNet
	from, to string
	closed   chan struct{}
	once     sync.Once
}

// pass waits until a piece may go from one host to the other.
func (c *simConn) pass(from, to string) error {
	for {
		c.net.mu.Lock()
		cut, wait := c.net.cut[[2]string{from, to}], time.Duration(0)
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
	n, err := c.Conn.Read(b)
	if n > 0 {
		if cut := c.pass(c.to, c.from); cut != nil {
			return 0, cut
		}
	}
	return n, err
}

// Write implements net.Conn.
func (c *simConn) Write(b []byte) (int, error) {
	if err := c.pass(c.from, c.to); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *simConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.net.mu.Lock()
	delete(c.net.conns, c)
	c.net.mu.Unlock()
	return c.Conn.Close()
}

// isolate cuts a host off from all others, or mends that.
func (s *simNet) isolate(name string, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.addrs {
		s.cut[[2]string{name, other}], s.cut[[2]string{other, name}] = away, away
	}
}

// deafen lets a host send and not hear, or mends that.
func (s *simNet) deafen(name string, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.addrs {
		s.cut[[2]string{other, name}] = away
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
func (s *simNet) breakAll(name string) {
	s.mu.Lock()
	var gone []*simConn
	for c := range s.conns {
		if c.from == name || c.to == name {
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
	s.nodes[i] = n
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

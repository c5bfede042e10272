package mesh

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// parting is TCP of one host, from which some addresses are not reached.
type parting struct {
	mu  sync.Mutex
	cut map[string]bool
}

// Listen implements Network.
func (p *parting) Listen(addr string) (net.Listener, error) { return tcp{}.Listen(addr) }

// Dial implements Network.
func (p *parting) Dial(ctx context.Context, addr string) (net.Conn, error) {
	p.mu.Lock()
	cut := p.cut[addr]
	p.mu.Unlock()
	if cut {
		return nil, errors.New("no route to the host")
	}
	return tcp{}.Dial(ctx, addr)
}

// TestDetour opens a stream to a node that cannot be reached but by way of another, and again when it can.
func TestDetour(t *testing.T) {
	var mu sync.Mutex
	addrs := map[uint64]string{}
	network := &parting{cut: map[string]bool{}}
	var nodes []*Mesh
	for i := uint64(1); i <= 3; i++ {
		cfg := Config{Self: i, Cluster: func() string { return "c" }, Resolve: func(node uint64) (string, bool) {
			mu.Lock()
			defer mu.Unlock()
			addr, ok := addrs[node]
			return addr, ok
		}}
		if i == 1 {
			cfg.Network = network
		}
		m := New(cfg)
		m.Handle(echo, false, func(from uint64, header []byte, c net.Conn) {
			if from != 1 {
				t.Errorf("from node %d", from)
			}
			c.Write(header)
		})
		at, err := m.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}()
		mu.Lock()
		addrs[i] = at.String()
		mu.Unlock()
		nodes = append(nodes, m)
	}
	network.cut[addrs[2]] = true
	if err := nodes[0].Ping(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	reaches := func(by uint64) bool {
		c, err := nodes[0].Open(t.Context(), 2, echo, []byte("hello"))
		if err != nil {
			return false
		}
		defer c.Close()
		b := make([]byte, 5)
		_, err = c.Read(b)
		return err == nil && string(b) == "hello" && nodes[0].Detour(2) == by
	}
	within := func(what string, by uint64) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !reaches(by); <-time.After(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	within("no detour", 3)
	if !nodes[0].Connected(2) {
		t.Error("not connected")
	}
	network.mu.Lock()
	clear(network.cut)
	network.mu.Unlock()
	within("it goes on by way of the other", 0)
}

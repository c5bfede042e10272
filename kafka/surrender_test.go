package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// handed is a listener that is handed its clients.
type handed struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error   { h.once.Do(func() { close(h.closed) }); return nil }
func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }

// TestSurrender closes a server under clients that have said nothing, who are given away as they are, and one that has,
// who is not. Who comes too late is given away as well.
func TestSurrender(t *testing.T) {
	l := &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
	given := make(chan net.Conn, 10)
	conf := newFake(topicAB).config()
	conf.Addr, conf.Listener = "", l
	conf.Surrender = func(c net.Conn, secure bool) {
		if secure {
			t.Error("a client without TLS was given away as one that has it")
		}
		given <- c
	}
	s, err := Listen(conf)
	if err != nil {
		t.Fatal(err)
	}
	const n = 5
	clients := map[net.Conn]net.Conn{} // by the server's end
	for range n {
		here, there := net.Pipe()
		defer here.Close()
		l.conns <- there
		clients[there] = here
	}
	busy, there := net.Pipe()
	defer busy.Close()
	l.conns <- there
	// ApiVersions, version 0.
	if _, err := busy.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	var head [8]byte
	if _, err := io.ReadFull(busy, head[:]); err != nil || head[7] != 7 {
		t.Fatalf("the answer begins with %v, %v", head, err)
	}
	go io.Copy(io.Discard, busy) // the rest of it
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	late, there := net.Pipe()
	defer late.Close()
	clients[there] = late
	s.serve(there)
	for range n + 1 {
		var c net.Conn
		select {
		case c = <-given:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d clients were not given away", len(clients))
		}
		here := clients[c]
		if here == nil {
			t.Fatal("a client was given away that had been answered, or one twice")
		}
		delete(clients, c)
		go here.Write([]byte("x"))
		var b [1]byte
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != 'x' {
			t.Errorf("of a client that was given away came %q, %v", b, err)
		}
		c.Close()
	}
	passed, there := net.Pipe() // one of another node's, which asks the next leader
	defer passed.Close()
	s.serve(vouchedPipe{there, Client{User: "u"}})
	passed.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := passed.Read(make([]byte, 1)); err != io.EOF {
		t.Error("a client of another node:", err)
	}
	if len(given) > 0 {
		t.Error("too many were given away")
	}
}

// TestCloseResets closes a server under a client that has begun its first request, and under one that has only heard what
// versions there are: they are reset. One that has been answered finds the end.
func TestCloseResets(t *testing.T) {
	conf := newFake(topicAB).config()
	conf.Addr = "127.0.0.1:0"
	s, err := Listen(conf)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(first []byte) net.Conn {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		return c
	}
	request := []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff} // ApiVersions, version 0
	groups := []byte{0, 0, 0, 10, 0, 16, 0, 0, 0, 0, 0, 8, 0xff, 0xff}  // ListGroups, version 0
	answered, begun, introduced := dial(groups), dial(request[:6]), dial(request)
	var length [4]byte
	for _, c := range []net.Conn{answered, introduced} {
		if _, err := io.ReadFull(c, length[:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answered); err != nil {
		t.Errorf("the client that was answered: %v", err)
	}
	for _, c := range []net.Conn{begun, introduced} {
		if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a client that was not answered: %v", err)
		}
	}
}

package mesh

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

const echo Kind = 7

// pair starts two nodes; the second echoes.
func pair(t *testing.T, first, second Config) (a, b *Mesh, addr string) {
	t.Helper()
	b = New(second)
	b.Handle(echo, false, func(from uint64, header []byte, c net.Conn) {
		if from != first.Self {
			t.Errorf("from node %d", from)
		}
		c.Write(header)
		io.Copy(c, c)
	})
	at, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = at.String()
	first.Resolve = func(node uint64) (string, bool) { return addr, node == second.Self }
	a = New(first)
	t.Cleanup(func() {
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t)
	})
	return a, b, addr
}

func named(cluster string) func() string { return func() string { return cluster } }

func TestStreams(t *testing.T) {
	a, _, _ := pair(t, Config{Self: 1, Cluster: named("c")}, Config{Self: 2, Cluster: named("c")})
	large := strings.Repeat("x", 1<<20)
	for range 3 {
		c, err := a.Open(t.Context(), 2, echo, []byte("head"))
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, large)
		got := make([]byte, 4+len(large))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "head"+large {
			t.Fatal("the echo is another", err)
		}
		c.Close()
	}
	a.peers[2].turn <- struct{}{} // somebody else opens a stream
	if !a.Connected(2) {
		t.Error("not connected")
	}
	<-a.peers[2].turn
	if _, err := a.Open(t.Context(), 3, echo, nil); !errors.Is(err, ErrNoAddress) {
		t.Error(err)
	}
}

// TestRefusals: whoever is of another cluster, or takes a node for another, gets nowhere.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ first, second Config }{
		{Config{Self: 1, Cluster: named("c")}, Config{Self: 2, Cluster: named("d")}},
		{Config{Self: 1, Cluster: named("c")}, Config{Self: 2, Cluster: named("")}},
		{Config{Self: 2, Cluster: named("c")}, Config{Self: 2, Cluster: named("c")}},
	} {
		t.Run("", func(t *testing.T) {
			a, _, _ := pair(t, c.first, c.second)
			if _, err := a.Open(t.Context(), 2, echo, nil); !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
		})
	}
}

// TestStrangers: a tool may open only what is meant for it.
func TestStrangers(t *testing.T) {
	a, b, addr := pair(t, Config{}, Config{Self: 2, Cluster: named("c")})
	c, err := a.Call(t.Context(), addr, echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a stranger was served")
	}
	c.Close()
	b.Handle(echo+1, true, func(_ uint64, header []byte, c net.Conn) { c.Write(header) })
	if c, err = a.Call(t.Context(), addr, echo+1, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hi" {
		t.Error(string(got), err)
	}
	c.Close()
}

// TestVersionGate: a node of another protocol is told so.
func TestVersionGate(t *testing.T) {
	_, _, addr := pair(t, Config{Self: 1, Cluster: named("c")}, Config{Self: 2, Cluster: named("c")})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := writeFrame(c, &greeting{Protocol: Protocol + 1, Version: "9.9", Cluster: "c", From: 1, To: 2}); err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := readFrame(c, &a); err != nil || !strings.Contains(a.Refusal, "version 9.9") {
		t.Error(a, err)
	}
}

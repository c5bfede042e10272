package pgwire

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// carriedBackend is a fake whose sessions can be taken along.
type carriedBackend struct{ *fakeBackend }

type carriedSession struct{ *fakeSession }

func (b carriedBackend) Open(ctx context.Context, st Startup) (Session, error) {
	s, err := b.fakeBackend.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	return carriedSession{s.(*fakeSession)}, nil
}

func (carriedSession) State() ([]byte, bool) { return []byte("s"), true }

func (carriedSession) Restore([]byte) (func(), error) { return func() {}, nil }

func (carriedSession) Resume(string) {}

func (carriedSession) Again(bool) {}

// TestLeft closes a server under clients and looks at what goes on elsewhere.
func TestLeft(t *testing.T) {
	query := func(text string) string { return string(appendHead(nil, 'Q', len(text)+1)) + text + "\x00" }
	parse := string(appendHead(nil, 'P', 22)) + "p\x00SELECT numbers(1)\x00\x00\x00"
	for _, c := range []struct {
		name, says string
		waits      bool // for a statement that runs
		hears      byte // what the client waits for
		want       Left
		stays      bool
	}{
		{name: "idle", want: Left{Turn: true}},
		{name: "half", says: query("SELECT numbers(1)")[:9], want: Left{Turn: true, Unread: []byte(query("SELECT numbers(1)")[:9])}},
		{name: "told", says: parse + string(appendHead(nil, 'H', 0)), hears: '1', stays: true},
		{name: "ahead", says: query("SELECT slow(0)") + query("SELECT 1"), waits: true, stays: true,
			want: Left{Unread: []byte(query("SELECT 1"))}},
		{name: "answered", says: query("SELECT ending()"), waits: true, want: Left{Turn: true,
			Unsent: append(append(appendHead(nil, 'C', 9), "SELECT 0\x00"...), "Z\x00\x00\x00\x05I"...)}},
		{name: "copy", says: query("COPY t FROM STDIN"), hears: 'G', stays: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake, lefts := newFake(), make(chan *Left, 1)
			server := listen(t, Config{Backend: carriedBackend{fake}, Surrender: func(l *Left) { lefts <- l }})
			conn, err := net.Dial("tcp", server.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			startup := "\x00\x00\x00\x13\x00\x03\x00\x00user\x00leat\x00\x00"
			io.WriteString(conn, startup)
			hearTo(t, conn, 'Z')
			io.WriteString(conn, c.says)
			if c.waits {
				<-fake.running
			}
			if c.hears != 0 {
				hearTo(t, conn, c.hears)
			}
			fake.settle = func() { server.Counts() } // when all connections have been shut down
			server.Close(t.Context())
			l := <-lefts
			conn.(*net.TCPConn).CloseWrite()
			more, err := io.ReadAll(l.Conn)
			if err != nil {
				t.Error(err)
			}
			l.Unread = append(l.Unread, more...)
			l.Conn.Close()
			if _, ok := l.Hello.Parts[StaysPart]; ok != c.stays || l.Turn != c.want.Turn || string(l.Sent) != string(c.want.Sent) ||
				string(l.Unread) != string(c.want.Unread) || string(l.Unsent) != string(c.want.Unsent) || string(l.Startup) != startup {
				t.Errorf("%+v", l)
			}
			if l.Told["standard_conforming_strings"] != "on" || l.Conn == nil {
				t.Errorf("%+v", l)
			}
			fake.await(t, "open sessions", &fake.open, 0)
		})
	}
}

func message(kind byte, body string) string { return string(appendHead(nil, kind, len(body))) + body }

// boundAndExecuted is what binds a statement without a name, and runs it.
func boundAndExecuted() string {
	return message('B', "\x00\x00\x00\x00\x00\x00\x00\x00") + message('E', "\x00\x00\x00\x00\x00")
}

// closeUnder closes a server under a client's batch, of which the backend holds a statement until then. It returns the
// client and what leaves.
func closeUnder(t *testing.T, batch string) (fake *fakeBackend, conn net.Conn, l *Left) {
	t.Helper()
	lefts := make(chan *Left, 1)
	fake = newFake()
	fake.held = make(chan struct{})
	server := listen(t, Config{Backend: carriedBackend{fake}, Surrender: func(l *Left) { lefts <- l }, Grace: time.Minute})
	conn = dial(t, server)
	io.WriteString(conn, "\x00\x00\x00\x13\x00\x03\x00\x00user\x00leat\x00\x00")
	hearTo(t, conn, 'Z')
	io.WriteString(conn, batch)
	<-fake.running
	closed := make(chan error, 1)
	go func() { closed <- server.Close(t.Context()) }()
	for !server.isClosing() {
		runtime.Gosched()
	}
	close(fake.held)
	l = <-lefts
	if err := <-closed; err != nil {
		t.Error(err)
	}
	return fake, conn, l
}

// TestBatchEnds closes a server while a client's batch runs of which the end has come: it is answered whole, and its
// conversation goes on elsewhere after that. One of which the end has not come is told so.
func TestBatchEnds(t *testing.T) {
	insert := func(value string) string {
		return message('P', "\x00INSERT INTO t VALUES ("+value+")\x00\x00\x00") + boundAndExecuted()
	}
	for _, whole := range []bool{true, false} {
		batch := insert("'held'") + insert("2")
		if whole {
			batch += message('S', "")
		}
		fake, conn, l := closeUnder(t, batch)
		_, stays := l.Hello.Parts[StaysPart]
		if committed := fake.value(&fake.committed); stays == whole || l.Turn != whole || (committed == 2) != whole {
			t.Errorf("whole %t: %d rows, %+v", whole, committed, l)
		}
		if whole {
			hearTo(t, conn, 'Z')
		}
		l.Conn.Close()
	}
}

// TestBatchLeaves closes a server under a batch of which nothing has been executed yet: all of it goes on elsewhere.
func TestBatchLeaves(t *testing.T) {
	parse := message('P', "\x00INSERT INTO t VALUES ('prepared later')\x00\x00\x00")
	rest := boundAndExecuted() + message('S', "")
	_, _, l := closeUnder(t, parse+rest)
	if _, stays := l.Hello.Parts[StaysPart]; stays || string(l.Sent) != parse || string(l.Unread) != rest {
		t.Errorf("it leaves with %q and %q, %t", l.Sent, l.Unread, stays)
	}
	l.Conn.Close()
}

// hearTo reads messages up to one of a kind.
func hearTo(t *testing.T, conn net.Conn, kind byte) {
	t.Helper()
	var seen strings.Builder
	for {
		var head [5]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Fatalf("after %q: %v", seen.String(), err)
		}
		body := make([]byte, int(head[3])<<8+int(head[4])-4)
		if _, err := io.ReadFull(conn, body); err != nil {
			t.Fatal(err)
		}
		if seen.WriteByte(head[0]); head[0] == kind {
			return
		}
	}
}

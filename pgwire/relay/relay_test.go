package relay

import (
	"bytes"
	"context"
	bigendian "encoding/binary"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/pgwire"
)

// message makes a message of the protocol.
func message(kind byte, body string) string {
	return string(bigendian.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))) + body
}

func place(dealt byte, at string) string {
	return message(pgwire.PlaceMessage, "\x00\x00\x00"+string(dealt)+at)
}

func part(name, value string) string { return message(pgwire.PartMessage, name+"\x00"+value) }

var ready = message('Z', "I")

// stage is a relay between a client and servers that the test plays.
type stage struct {
	t       *testing.T
	client  net.Conn
	servers chan net.Conn
	done    chan struct{}
	stop    context.CancelFunc
}

// pipe connects two sockets.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err == nil {
		b, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		t.Cleanup(func() { c.Close() })
	}
	return a, b
}

// play begins a conversation up to the client's first turn.
func play(t *testing.T) (*stage, net.Conn) {
	t.Helper()
	s, server := begin(t)
	s.say(server, part("state", "1")+place(0, "")+ready)
	s.hear(s.client, ready)
	return s, server
}

// begin begins a conversation up to the startup message.
func begin(t *testing.T) (*stage, net.Conn) {
	t.Helper()
	s := &stage{t: t, servers: make(chan net.Conn, 1), done: make(chan struct{})}
	var far net.Conn
	s.client, far = pipe(t)
	first, server := pipe(t)
	go func() {
		defer close(s.done)
		Serve(t.Context(), far, first, Config{Patience: 10 * time.Second, Reach: s.reach})
	}()
	s.say(s.client, "\x00\x00\x00\x08\x00\x03\x00\x00")
	if h := s.hello(server); h.Known {
		t.Error("the first server is told of another one")
	}
	s.hear(server, "\x00\x00\x00\x08\x00\x03\x00\x00")
	return s, server
}

func (s *stage) reach(ctx context.Context, _ net.Addr) (net.Conn, error) {
	near, server := pipe(s.t)
	select {
	case s.servers <- server:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *stage) say(to net.Conn, text string) {
	s.t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) hear(from net.Conn, want string) {
	s.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(from, got); err != nil || string(got) != want {
		s.t.Fatalf("%q, %v; want %q", got[:n], err, want)
	}
}

// hello reads what a relay says first.
func (s *stage) hello(server net.Conn) (h pgwire.Hello) {
	s.t.Helper()
	var head [8]byte
	_, err := io.ReadFull(server, head[:])
	body := make([]byte, max(int(bigendian.BigEndian.Uint32(head[:]))-8, 0))
	if err == nil {
		_, err = io.ReadFull(server, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &h)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

// next is the server that takes the conversation up.
func (s *stage) next() (net.Conn, pgwire.Hello) {
	s.t.Helper()
	server := <-s.servers
	h := s.hello(server)
	s.hear(server, "\x00\x00\x00\x08\x00\x03\x00\x00")
	return server, h
}

// gone checks that the client is told that the conversation ends.
func (s *stage) gone() {
	s.t.Helper()
	rest, _ := io.ReadAll(s.client) // it may be cut off
	if !bytes.HasSuffix(rest, Gone) {
		s.t.Errorf("the client was told %q", rest)
	}
	<-s.done
}

// TestPushQuery: rows are passed on with the place behind them; those without one come again from the next server.
func TestPushQuery(t *testing.T) {
	s, server := play(t)
	query := message('Q', "push\x00")
	s.say(s.client, query)
	s.hear(server, query)
	s.say(server, part("runs", "it")+place(1, "p0")+message('D', "1")+message('D', "2")+place(0, "p2")+message('D', "3"))
	s.hear(s.client, message('D', "1")+message('D', "2"))
	server.Close()
	server, h := s.next()
	if string(h.Place) != "p2" || !h.Known || h.Again != 0 || string(h.Parts["runs"]) != "it" || string(h.Parts["state"]) != "1" {
		t.Errorf("it is told %+v", h)
	}
	// It ends before it has taken the query up, and a third one does.
	s.say(server, part("runs", "")+place(0, "")+ready)
	server.Close()
	if server, h = s.next(); string(h.Place) != "p2" {
		t.Errorf("it is told %+v", h)
	}
	if string(h.Parts["runs"]) != "it" {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, place(0, "")+ready+place(0, "p2")+message('D', "3")+place(0, "p3"))
	s.hear(s.client, message('D', "3"))
	// It ends before it has told that the query has ended, and a fourth one goes on.
	s.say(server, message('C', "SELECT 3\x00")+part("runs", ""))
	server.Close()
	if server, h = s.next(); string(h.Place) != "p3" || string(h.Parts["runs"]) != "it" {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, part("runs", "")+place(0, "")+ready+part("runs", "it")+place(0, "p3")+message('C', "SELECT 3\x00")+
		part("runs", "")+place(0, "")+ready)
	s.hear(s.client, message('C', "SELECT 3\x00")+ready)
	server.Close()
	s.say(s.client, query)
	if server, h = s.next(); h.Place != nil || h.Parts["runs"] != nil {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, place(0, "")+ready)
	s.hear(server, query)
	s.client.Close()
	<-s.done
}

// TestUnanswered: what was not answered is sent again, and its server is told how much of it may have been run.
func TestUnanswered(t *testing.T) {
	s, server := play(t)
	sent := message('P', "a") + message('B', "b") + message('S', "")
	s.say(s.client, sent)
	s.hear(server, sent)
	server.Close()
	server, h := s.next()
	if h.Again != 3 || h.Place != nil {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, place(0, "")+message('S', "a\x001\x00")+ready)
	s.hear(s.client, message('S', "a\x001\x00"))
	s.hear(server, sent)
	s.say(server, message('1', ""))
	s.hear(s.client, message('1', ""))
	server.Close() // a part of the answer is there
	s.gone()
}

// TestStays: a session that cannot be taken along ends with its server, and one that was told why ends as it was told.
func TestStays(t *testing.T) {
	s, server := play(t)
	s.say(server, part(pgwire.StaysPart, "1")+place(0, "")+ready)
	s.hear(s.client, ready)
	server.Close()
	s.gone()

	s, server = play(t)
	s.say(server, message('E', "SFATAL\x00C57P01\x00\x00"))
	server.Close()
	rest, _ := io.ReadAll(s.client)
	if !strings.HasPrefix(string(rest), "E") || bytes.HasSuffix(rest, Gone) {
		t.Errorf("the client was told %q", rest)
	}
	<-s.done
}

// TestUnkept: a message of COPY cannot be sent again.
func TestUnkept(t *testing.T) {
	s, server := play(t)
	sent := message('Q', "copy\x00") + message('d', "1") + message('d', "2")
	s.say(s.client, sent)
	s.hear(server, sent)
	server.Close()
	s.gone()
}

// TestNotBegun: a conversation of which the client has heard nothing yet begins with the next server.
func TestNotBegun(t *testing.T) {
	s, server := begin(t)
	server.Close()
	server, h := s.next()
	if h.Known || h.Parts != nil {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, message('R', "\x00\x00\x00\x03"))
	s.hear(s.client, message('R', "\x00\x00\x00\x03"))
	server.Close()
	s.gone()
}

// TestUnknown: nothing is kept of a client before it is its turn, and what it has sent ahead is passed on.
func TestUnknown(t *testing.T) {
	s, server := begin(t)
	early := message('Q', "SELECT 1\x00")
	s.say(s.client, early)
	s.hear(server, early)
	s.say(server, part("state", "1")+place(0, "")+ready)
	s.hear(s.client, ready)
	server.Close() // nobody knows what it has done of it
	s.gone()
}

// left takes up a conversation that a server of the process has left.
func left(t *testing.T, l *pgwire.Left) *stage {
	t.Helper()
	s := &stage{t: t, servers: make(chan net.Conn, 1), done: make(chan struct{})}
	s.client, l.Conn = pipe(t)
	l.Startup = []byte("\x00\x00\x00\x08\x00\x03\x00\x00")
	if l.Hello.Parts == nil {
		l.Hello.Parts = map[string][]byte{"state": []byte("1")}
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(t.Context())
	go func() {
		defer close(s.done)
		Continue(ctx, l, Config{Patience: 10 * time.Second, Reach: s.reach})
	}()
	return s
}

// TestLeft: conversations go on that a server has left between two messages, within a batch and under a push query.
func TestLeft(t *testing.T) {
	query := message('Q', "SELECT 1\x00")
	s := left(t, &pgwire.Left{Turn: true, Unread: []byte(query[:3]), Told: map[string]string{"a": "1"}})
	s.say(s.client, query[3:])
	server, h := s.next()
	if !h.Known || h.Again != 0 || h.Place != nil || string(h.Parts["state"]) != "1" {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, message('S', "a\x001\x00")+place(0, "")+ready)
	s.hear(server, query)
	s.say(server, message('C', "SELECT 1\x00")+place(1, "")+ready)
	s.hear(s.client, message('C', "SELECT 1\x00")+ready)
	s.stop()
	s.hear(s.client, string(Ends))

	s = left(t, &pgwire.Left{Sent: []byte(query + query), Unread: []byte(query)})
	if server, h = s.next(); h.Again != 2 {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, place(0, "")+ready)
	s.hear(server, query+query+query)
	s.stop() // it ends with the answers
	s.say(server, message('D', "1")+place(3, "")+ready)
	s.hear(s.client, message('D', "1")+ready+string(Ends))

	s = left(t, &pgwire.Left{Unsent: []byte(message('D', "1")), Hello: pgwire.Hello{Place: []byte("p1"),
		Parts: map[string][]byte{"state": nil}}})
	s.hear(s.client, message('D', "1"))
	if server, h = s.next(); string(h.Place) != "p1" {
		t.Errorf("it is told %+v", h)
	}
	s.say(server, place(0, "")+ready+place(0, "p1")+message('D', "2")+place(0, "p2"))
	s.hear(s.client, message('D', "2"))
	s.stop()
	s.hear(s.client, string(Ends))

	s = left(t, &pgwire.Left{Turn: true, Hello: pgwire.Hello{Parts: map[string][]byte{pgwire.StaysPart: {1}}}})
	s.gone()
}

// TestRefuse wants a client that asks for encryption, and gets none, to be told why nobody serves it when it goes on
// without. One that cancels something is told nothing.
func TestRefuse(t *testing.T) {
	startup := "\x00\x00\x00\x08\x00\x03\x00\x00"
	for packets, want := range map[string]string{
		"\x00\x00\x00\x08\x04\xd2\x16\x2f" + startup: "N" + string(NoLeader),
		startup: string(NoLeader),
		"\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02": "",
	} {
		client, there := pipe(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			Refuse(t.Context(), there, Config{}, NoLeader)
		}()
		if _, err := io.WriteString(client, packets); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(client); err != nil || string(got) != want {
			t.Errorf("%q was answered with %q, %v", packets, got, err)
		}
		<-done
	}
}

// TestRefuseEnds refuses a client that says nothing: when the process ends nobody waits for it.
func TestRefuseEnds(t *testing.T) {
	client, server := pipe(t)
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan struct{})
	go func() {
		defer close(refused)
		Refuse(ctx, server, Config{}, NoLeader)
	}()
	cancel()
	select {
	case <-refused:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for the client")
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the client is told something that it has not asked for")
	}
}

// TestNotTakenUp: what a server was sent that ended before it had the session was not dealt with by it, and is new to the
// next one.
func TestNotTakenUp(t *testing.T) {
	s := left(t, &pgwire.Left{Turn: true})
	query := message('Q', "INSERT\x00")
	s.say(s.client, query)
	server, h := s.next()
	if h.Again != 0 {
		t.Errorf("the first is told %+v", h)
	}
	s.say(server, part("state", "2")) // it is about to
	server.Close()
	if server, h = s.next(); h.Again != 0 || string(h.Parts["state"]) != "1" {
		t.Errorf("the second is told %+v", h)
	}
	s.say(server, place(0, "")+ready)
	s.hear(server, query)
	server.Close()
	if _, h = s.next(); h.Again != 1 {
		t.Errorf("the third is told %+v", h)
	}
	s.client.Close()
	<-s.done
}

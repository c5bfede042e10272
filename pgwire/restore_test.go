package pgwire

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// relays is a listener to which relays come.
type relays struct{ net.Listener }

type relayed struct{ *net.TCPConn }

func (relayed) Relayed() bool { return true }

func (r relays) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return relayed{c.(*net.TCPConn)}, nil
}

// shakyBackend is a carriedBackend whose sessions fail some times to prepare a text.
type shakyBackend struct {
	carriedBackend
	text  string
	fail  error
	times atomic.Int32
}

func newShaky(text string, fail error, times int32) *shakyBackend {
	b := &shakyBackend{carriedBackend: carriedBackend{newFake()}, text: text, fail: fail}
	b.times.Store(times)
	return b
}

type shakySession struct {
	carriedSession
	b    *shakyBackend
	kept map[string]Prepared
}

func (b *shakyBackend) Open(ctx context.Context, st Startup) (Session, error) {
	s, err := b.carriedBackend.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	return shakySession{s.(carriedSession), b, map[string]Prepared{}}, nil
}

func (s shakySession) Made() (texts []string) {
	for _, p := range s.kept {
		if l, ok := p.(*latePrepared); ok && l.made {
			texts = append(texts, l.st.Text)
		}
	}
	return texts
}

func (s shakySession) Keep(name string, p Prepared) { s.kept[name] = p }

func (s shakySession) Kept(name string) (Prepared, bool) {
	p, ok := s.kept[name]
	return p, ok
}

func (s shakySession) Forget(name string) { delete(s.kept, name) }

func (s shakySession) Defer(st parse.Statement, _ []types.Type) Prepared {
	_, made := st.Stmt.(*ast.Prepare)
	return &latePrepared{s: s, st: st, made: made}
}

// latePrepared is a statement that is prepared when it is revised.
type latePrepared struct {
	s    shakySession
	st   parse.Statement
	made bool // by PREPARE
	Prepared
}

func (p *latePrepared) Late() bool { return p.Prepared == nil }

func (p *latePrepared) Describe() ([]types.Type, []catalog.Column) {
	if p.Prepared == nil {
		return nil, nil
	}
	return p.Prepared.Describe()
}

func (p *latePrepared) Revise(ctx context.Context) (err error) {
	if p.Prepared == nil {
		p.Prepared, err = p.s.prepare(ctx, p.st, nil)
	}
	return err
}

func (p *latePrepared) Fault([]types.Value) error { return nil }

func (s shakySession) Prepare(ctx context.Context, st parse.Statement, params []types.Type) (Prepared, error) {
	p, err := s.prepare(ctx, st, params)
	if made, ok := st.Stmt.(*ast.Prepare); ok && err == nil {
		s.Keep(made.Name, s.Defer(st, nil))
	}
	return p, err
}

func (s shakySession) prepare(ctx context.Context, st parse.Statement, params []types.Type) (Prepared, error) {
	if st.Text == s.b.text && s.b.times.Add(-1) >= 0 {
		return nil, s.b.fail
	}
	return s.carriedSession.Prepare(ctx, st, params)
}

// known is what a relay says of a session that has a statement of PREPARE, one of the protocol, and a portal.
func known(t *testing.T, again int) string {
	t.Helper()
	of := keptStatement{Text: "SELECT numbers(2)"}
	h := Hello{Known: true, Again: again, Parts: map[string][]byte{statePart: []byte("s"),
		keyPart: asPart(keptKey{77, []byte("abcd"), 0}), madePart: asPart([]string{"PREPARE p AS SELECT numbers(1)"}),
		statementPart + "q": asPart(keptStatement{Text: "SELECT numbers(3)"}),
		portalPart + "c":    asPart(keptPortal{Seq: 1, Of: of, Bound: []byte("c\x00\x00\x00\x00\x00\x00\x00\x00")})}}
	hello, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(hello) + "\x00\x00\x00\x13\x00\x03\x00\x00user\x00leat\x00\x00"
}

// relayedTo listens for relays, and returns how one begins.
func relayedTo(t *testing.T, b Backend) (dial func() net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen(t, Config{Backend: b, Listener: relays{l}})
	return func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		return conn
	}
}

// toTurn reads up to ReadyForQuery, and returns the parts of the session that the relay is told of.
func toTurn(t *testing.T, conn net.Conn) (parts []string) {
	t.Helper()
	for {
		kind, body := readMessage(t, conn)
		switch kind {
		case PartMessage:
			parts = append(parts, strings.Replace(body, "\x00", "=", 1))
		case 'E':
			t.Fatalf("%q", body)
		case 'Z':
			return parts
		}
	}
}

func readMessage(t *testing.T, conn net.Conn) (kind byte, body string) {
	t.Helper()
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, int(head[3])<<8+int(head[4])-4)
	if _, err := io.ReadFull(conn, rest); err != nil {
		t.Fatal(err)
	}
	return head[0], string(rest)
}

// TestRestoredWhole has a server lose what it takes in the middle of restoring a session: it tells the relay nothing,
// which keeps all that it knows, and the next one has all of it.
func TestRestoredWhole(t *testing.T) {
	for _, text := range []string{"PREPARE p AS SELECT numbers(1)", "SELECT numbers(2)", "SELECT numbers(3)"} {
		for _, code := range []sqlerr.Code{sqlerr.AdminShutdown, sqlerr.CannotConnectNow} {
			b := newShaky(text, sqlerr.New(code, "this node leads no longer"), 1)
			dial := relayedTo(t, b)
			first := dial()
			io.WriteString(first, known(t, 0))
			if told, err := io.ReadAll(first); len(told) > 0 || err != nil {
				t.Errorf("%s: the relay was told %q, %v", text, told, err)
			}
			second := dial()
			io.WriteString(second, known(t, 0))
			if parts := toTurn(t, second); len(parts) > 0 {
				t.Errorf("%s: other parts: %q", text, parts)
			}
		}
	}
}

// TestRestoredLate: what cannot be prepared where a session is restored has its name all the same, and is prepared, or
// says why it cannot be, when it is used.
func TestRestoredLate(t *testing.T) {
	for _, text := range []string{"PREPARE p AS SELECT numbers(1)", "SELECT numbers(3)"} {
		b := newShaky(text, sqlerr.New(sqlerr.UndefinedTable, "no table"), 2)
		conn := relayedTo(t, b)()
		io.WriteString(conn, known(t, 0))
		if parts := toTurn(t, conn); len(parts) > 0 {
			t.Errorf("%s: other parts: %q", text, parts)
		}
		name := map[bool]string{true: "p", false: "q"}[strings.HasPrefix(text, "PREPARE")]
		bind := "\x00" + name + "\x00\x00\x00\x00\x00\x00\x00"
		use := string(appendHead(nil, 'B', len(bind))) + bind + string(appendHead(nil, 'E', 5)) + "\x00\x00\x00\x00\x00" +
			string(appendHead(nil, 'S', 0))
		io.WriteString(conn, use)
		if kind, body := readMessage(t, conn); kind != 'E' || !strings.Contains(body, "42P01") {
			t.Errorf("%s: %c %q", text, kind, body)
		}
		toTurn(t, conn)
		io.WriteString(conn, use)
		if parts := toTurn(t, conn); len(parts) > 0 {
			t.Errorf("%s: other parts: %q", text, parts)
		}
	}
}

// TestSessionComesBack: a session may come back to a server that has not noticed that it went away.
func TestSessionComesBack(t *testing.T) {
	dial := relayedTo(t, newShaky("", nil, 0))
	first, second := dial(), dial()
	for _, conn := range []net.Conn{first, second} {
		io.WriteString(conn, known(t, 0))
		toTurn(t, conn)
	}
	first.Close()
	stranger := dial()
	var h Hello
	text := known(t, 0)
	if err := json.Unmarshal([]byte(text[8:strings.LastIndex(text, "}")+1]), &h); err != nil {
		t.Fatal(err)
	}
	h.Parts[keyPart] = asPart(keptKey{77, []byte("efgh"), 0})
	hello, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger.Write(append(hello, text[strings.LastIndex(text, "}")+1:]...))
	if kind, body := readMessage(t, stranger); kind != 'E' || !strings.Contains(body, "57P01") {
		t.Errorf("another one with its number: %c %q", kind, body)
	}
}

// TestSentAgain: a statement that was sent again goes on to the next server when this one does not lead, and the client
// is told when it is not to be run twice.
func TestSentAgain(t *testing.T) {
	query := "SELECT numbers(9)"
	for _, final := range []bool{false, true} {
		e := sqlerr.New(sqlerr.AdminShutdown, "this node leads no longer")
		e.Final = final
		dial := relayedTo(t, newShaky(query, e, 1))
		conn := dial()
		io.WriteString(conn, known(t, 1))
		toTurn(t, conn)
		io.WriteString(conn, string(appendHead(nil, 'Q', len(query)+1))+query+"\x00")
		told, err := io.ReadAll(conn)
		if err != nil || (len(told) > 0) != final {
			t.Errorf("final: %v: %q, %v", final, told, err)
		}
	}
}

// countedBackend notes whether statements that come may have been run before.
type countedBackend struct {
	*shakyBackend
	again atomic.Bool
}

type countedSession struct {
	shakySession
	of *countedBackend
}

func (b *countedBackend) Open(ctx context.Context, st Startup) (Session, error) {
	s, err := b.shakyBackend.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	return countedSession{s.(shakySession), b}, nil
}

func (s countedSession) Again(on bool) { s.of.again.Store(on) }

// TestAgainEnds: of a batch that was sent again the messages behind an error count, too. What comes after the batch has
// not been run before.
func TestAgainEnds(t *testing.T) {
	message := func(kind byte, body string) string { return string(appendHead(nil, kind, len(body))) + body }
	bad := "SELECT numbers(9)"
	b := &countedBackend{shakyBackend: newShaky(bad, sqlerr.New(sqlerr.UndefinedTable, "no table"), 1)}
	conn := relayedTo(t, b)()
	io.WriteString(conn, known(t, 4))
	toTurn(t, conn)
	io.WriteString(conn, message('P', "\x00"+bad+"\x00\x00\x00")+message('B', "\x00\x00\x00\x00\x00\x00\x00\x00")+
		message('E', "\x00\x00\x00\x00\x00")+message('S', ""))
	if kind, body := readMessage(t, conn); kind != 'E' || !strings.Contains(body, "42P01") {
		t.Errorf("%c %q", kind, body)
	}
	toTurn(t, conn)
	io.WriteString(conn, message('Q', "SELECT numbers(1)\x00"))
	toTurn(t, conn)
	if b.again.Load() {
		t.Error("a statement that was sent once counts as one that was sent again")
	}
}

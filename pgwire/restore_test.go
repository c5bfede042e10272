package pgwire

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/sql/ast"
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

// shakyBackend is a carriedBackend whose sessions fail once to prepare a text.
type shakyBackend struct {
	carriedBackend
	text string
	fail error
}

type shakySession struct {
	carriedSession
	b    *shakyBackend
	made *[]string
}

func (b *shakyBackend) Open(ctx context.Context, st Startup) (Session, error) {
	s, err := b.carriedBackend.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	return shakySession{s.(carriedSession), b, &[]string{}}, nil
}

func (s shakySession) Made() []string { return *s.made }

func (s shakySession) Prepare(ctx context.Context, st parse.Statement, params []types.Type) (Prepared, error) {
	if err := s.b.fail; err != nil && st.Text == s.b.text {
		s.b.fail = nil
		return nil, err
	}
	if _, ok := st.Stmt.(*ast.Prepare); ok {
		*s.made = append(*s.made, st.Text)
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
			b := &shakyBackend{carriedBackend{newFake()}, text, sqlerr.New(code, "this node leads no longer")}
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

// TestSessionComesBack: a session may come back to a server that has not noticed that it went away.
func TestSessionComesBack(t *testing.T) {
	dial := relayedTo(t, &shakyBackend{carriedBackend: carriedBackend{newFake()}})
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
		dial := relayedTo(t, &shakyBackend{carriedBackend{newFake()}, query, e})
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

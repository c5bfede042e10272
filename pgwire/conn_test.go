package pgwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/internal/conversation"
)

// TestDisconnect: a client that goes away ends what runs for it, whether it sent nothing else, or so much that the end
// lies far behind it, or left without reading.
func TestDisconnect(t *testing.T) {
	for _, query := range []string{"SELECT live(3)", "SELECT slow(0)", "COPY live TO STDOUT"} {
		for _, ahead := range []int{0, 1, 3000} {
			t.Run(fmt.Sprint(query, " ahead ", ahead), func(t *testing.T) {
				s := newScript(t)
				s.Line(fmt.Sprintf("Query %q", query))
				s.Line("running")
				for range ahead {
					s.Line(`Query "SELECT numbers(1)"`)
				}
				s.Conn().Close()
				s.fake.await(t, "open sessions", &s.fake.open, 0)
				s.fake.await(t, "open results", &s.fake.results, 0)
			})
		}
	}
}

// TestHangupInCopy: a client that goes away in the middle of COPY data.
func TestHangupInCopy(t *testing.T) {
	s := newScript(t)
	s.Line(`Query "COPY t FROM STDIN"`)
	s.Line("await G")
	s.Line(`raw 64 00001000 "half a message"`)
	s.Conn().Close()
	s.fake.await(t, "open sessions", &s.fake.open, 0)
	s.fake.await(t, "open results", &s.fake.results, 0)
}

// TestSlowReader: a client that does not read holds up nobody else, and can be cancelled.
func TestSlowReader(t *testing.T) {
	s := newScript(t)
	s.Line(`Query "SELECT live(0)"`)
	s.Line("await D")
	other := connect(t, s.server, "")
	for range 20 {
		if n := scalar[int32](t, other, "SELECT numbers(1)"); n != 1 {
			t.Fatal(n)
		}
	}
	s.Line("cancel")
	s.SkipTo('E')
	s.SkipTo('Z')
	s.Conn().Close()
}

// TestStuckWriter: a write that the client never takes ends when the server closes. A pipe has no buffer, so that after
// the first byte of rows the write waits for certain.
func TestStuckWriter(t *testing.T) {
	fake := newFake()
	server := listen(t, Config{Backend: fake})
	near, far := net.Pipe()
	defer near.Close()
	c := newConn(server, far)
	ctx, ok := server.add(c)
	if !ok {
		t.Fatal("not added")
	}
	go func() {
		defer server.done.Done()
		defer server.remove(c)
		c.serve(ctx)
	}()
	s := conversation.Dial(t, func() (net.Conn, error) { return near, nil })
	s.Line(`Query "SELECT live(0)"`)
	if _, err := near.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	fake.await(t, "open sessions", &fake.open, 0)
}

// TestCloseCuts: when Close may not wait, it does not.
func TestCloseCuts(t *testing.T) {
	fake := newFake()
	server := listen(t, Config{Backend: fake, Grace: time.Hour})
	c := connect(t, server, "")
	failed := make(chan error, 1)
	go func() {
		_, err := c.Exec(context.Background(), "SELECT slow(0)", pgx.QueryExecModeSimpleProtocol)
		failed <- err
	}()
	<-fake.running
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	server.Close(ctx)
	if err := <-failed; err == nil {
		t.Error("a cut statement succeeded")
	}
	fake.await(t, "open sessions", &fake.open, 0)
}

func TestMaxConnections(t *testing.T) {
	fake := newFake()
	server := listen(t, Config{Backend: fake, MaxConnections: 2})
	connect(t, server, "")
	second := connect(t, server, "")
	_, err := pgx.Connect(context.Background(), address(server, ""))
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "53300" || e.Severity != "FATAL" {
		t.Fatalf("a third session: %v", err)
	}
	second.Close(context.Background())
	fake.await(t, "open sessions", &fake.open, 1)
	// The session is closed before its place is free, so this may need a second attempt.
	for {
		c, err := pgx.Connect(context.Background(), address(server, ""))
		if err == nil {
			c.Close(context.Background())
			return
		}
		if !errors.As(err, &e) || e.Code != "53300" {
			t.Fatal(err)
		}
	}
}

// Clients that do not say who they are have a deadline.
func TestStrangersLeave(t *testing.T) {
	server := listen(t, Config{Backend: newFake(), StartupTimeout: 200 * time.Millisecond})
	nc := dial(t, server)
	if n, err := nc.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatal(n, err)
	}
}

// Clients that have not proved who they are take no place of a session, and one more of them sends the oldest away.
func TestStrangersMakeRoom(t *testing.T) {
	server := listen(t, Config{Backend: newFake(), MaxConnections: 1, MaxStrangers: 2, StartupTimeout: time.Hour})
	first := dial(t, server)
	for range 10 {
		dial(t, server)
	}
	if n, err := first.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatal(n, err)
	}
	c := connect(t, server, "")
	if err := c.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 10 { // a session is no stranger
		dial(t, server)
	}
	if err := c.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// dial connects and says nothing.
func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	return nc
}

func address(s *Server, more string) string {
	return "postgres://leat@" + s.Addr().String() + "/leat?sslmode=disable" + more
}

func connect(t testing.TB, s *Server, more string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), address(s, more))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func scalar[T any](t testing.TB, c *pgx.Conn, query string, args ...any) (v T) {
	t.Helper()
	if err := c.QueryRow(context.Background(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// TestPgx runs pgx's ways of asking.
func TestPgx(t *testing.T) {
	fake := newFake()
	server := listen(t, Config{Backend: fake})
	for _, more := range []string{"", "&sslmode=prefer", "&max_protocol_version=3.2", "&default_query_exec_mode=exec",
		"&default_query_exec_mode=simple_protocol", "&default_query_exec_mode=describe_exec"} {
		t.Run(more, func(t *testing.T) {
			ctx := context.Background()
			c := connect(t, server, more)
			rows, _ := c.Query(ctx, "SELECT numbers(5)")
			got, err := pgx.CollectRows(rows, pgx.RowTo[int32])
			if err != nil || fmt.Sprint(got) != "[1 2 3 4 5]" {
				t.Fatal(got, err)
			}
			if more != "&default_query_exec_mode=simple_protocol" {
				if s := scalar[string](t, c, "SELECT echo($1)", "hi"); s != "hi" {
					t.Fatal(s)
				}
			}
			var e *pgconn.PgError
			if _, err = c.Exec(ctx, "SELECT missing()"); !errors.As(err, &e) || e.Code != "42883" || e.Position != 8 {
				t.Fatal(err)
			}
			pgxBatch(t, c)
			pgxCancel(t, fake, c)
			pgxCopy(t, c.PgConn())
			if err := c.Ping(ctx); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func pgxCopy(t *testing.T, c *pgconn.PgConn) {
	t.Helper()
	ctx := context.Background()
	tag, err := c.CopyFrom(ctx, &lines{n: 1000}, "COPY t FROM STDIN")
	if err != nil || tag.String() != "COPY 1000" {
		t.Fatal(tag, err)
	}
	_, err = c.CopyFrom(ctx, &lines{n: 10, last: "fail\n"}, "COPY t FROM STDIN")
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "22P04" {
		t.Fatal(err)
	}
	tag, err = c.CopyTo(ctx, io.Discard, "COPY t TO STDOUT")
	if err != nil || tag.String() != "COPY 2" {
		t.Fatal(tag, err)
	}
}

func pgxBatch(t *testing.T, c *pgx.Conn) {
	t.Helper()
	ctx := context.Background()
	before := scalar[int32](t, c, "SELECT committed()")
	b := &pgx.Batch{}
	for range 100 {
		b.Queue("INSERT INTO t VALUES (1)")
	}
	if err := c.SendBatch(ctx, b).Close(); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int32](t, c, "SELECT committed()"); n != before+100 {
		t.Fatalf("%d rows after %d", n, before)
	}
	b.Queue("SELECT missing()")
	if err := c.SendBatch(ctx, b).Close(); err == nil {
		t.Fatal("no error")
	}
	if n := scalar[int32](t, c, "SELECT committed()"); n != before+100 {
		t.Fatalf("%d rows after a batch that failed", n)
	}
}

// pgxCancel cancels with a CancelRequest and goes on with the session.
func pgxCancel(t *testing.T, fake *fakeBackend, c *pgx.Conn) {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		_, err := c.Exec(context.Background(), "SELECT live(2)")
		failed <- err
	}()
	<-fake.running
	if err := c.PgConn().CancelRequest(context.Background()); err != nil {
		t.Fatal(err)
	}
	var e *pgconn.PgError
	if err := <-failed; !errors.As(err, &e) || e.Code != "57014" {
		t.Fatal(err)
	}
}

// lines reads as n lines and a last one.
type lines struct {
	n    int
	last string
	rest []byte
}

func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		switch {
		case l.n > 0:
			l.n--
			l.rest = []byte("1\tsome text\n")
		case l.last != "":
			l.rest, l.last = []byte(l.last), ""
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// What a client may send, and have the server keep, is limited; what is too much is an error and no more.
func TestLimits(t *testing.T) {
	server := listen(t, Config{Backend: newFake(), MaxStatementBytes: 1000, MaxSessionBytes: 20 << 10})
	c := connect(t, server, "").PgConn()
	code := func(err error) string {
		var e *pgconn.PgError
		if errors.As(err, &e) {
			return e.Code
		}
		return fmt.Sprint(err)
	}
	ctx := context.Background()
	long := "SELECT numbers(1) -- " + strings.Repeat("x", 1000)
	if _, err := c.Exec(ctx, long).ReadAll(); code(err) != "54001" {
		t.Fatal(err)
	}
	if _, err := c.Prepare(ctx, "long", long, nil); code(err) != "54001" {
		t.Fatal(err)
	}
	n := 0
	for {
		_, err := c.Prepare(ctx, fmt.Sprint("s", n), "SELECT numbers(1)", nil)
		if err == nil {
			n++
			continue
		}
		if code(err) != "53400" {
			t.Fatal(err)
		}
		break
	}
	if n < 10 || n > 20 {
		t.Fatalf("%d statements", n)
	}
	for range 3 { // as much as goes comes back
		for i := range n {
			if err := c.Deallocate(ctx, fmt.Sprint("s", i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range n {
			if _, err := c.Prepare(ctx, fmt.Sprint("s", i), "SELECT numbers(1)", nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

package main

import (
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leatdb/leat/internal/conversation"
)

// What clients may be in the middle of. The last line leaves the server waiting for something, or working.
var middles = map[string]string{
	"nothing": `Query "SELECT 1"`,
	"a push query": `Query "SELECT * FROM s EMIT CHANGES"
await T`,
	"a push query that sends": `Query "SELECT * FROM s EMIT CHANGES SINCE BEGINNING"
await D`,
	"a push query over a table": `Query "SELECT count(*) FROM t EMIT CHANGES"
await T`,
	"rows of a stream": `Query "SELECT * FROM s, generate_series(1, 20) g"
await D`,
	"rows of a table": `Query "SELECT * FROM t, generate_series(1, 20) g"
await D`,
	"a portal": `Query "BEGIN"
Parse "" "SELECT * FROM s"
Bind p ""
Execute p 10
Flush
await s`,
	"a cursor over a push query": `Query "BEGIN; DECLARE c CURSOR FOR SELECT * FROM s EMIT CHANGES; MOVE 0 IN c"
await Z`,
	"a transaction with locks": `Query "BEGIN; UPDATE t SET v = 'x' WHERE id = 1"
await Z`,
	"COPY in": `Query "COPY t FROM STDIN"
await G
CopyData "100001\tone\n"`,
	"COPY out": `Query "COPY s TO STDOUT"
await d`,
	"COPY of a push query": `Query "COPY (SELECT * FROM s EMIT CHANGES) TO STDOUT"
await H`,
	"a long statement": `Query "SELECT pg_sleep(1000)"
running`,
	"half a message": `raw 51 00000100 "SELECT"`,
}

// How a conversation may end.
var endings = map[string]func(c *conversation.Script){
	"Terminate":            func(c *conversation.Script) { c.Line("Terminate") },
	"disconnect":           func(*conversation.Script) {},
	"cancel":               func(c *conversation.Script) { c.Line("cancel") },
	"pg_cancel_backend":    func(c *conversation.Script) { c.Line("other SELECT pg_cancel_backend($pid)") },
	"pg_terminate_backend": func(c *conversation.Script) { c.Line("other SELECT pg_terminate_backend($pid)") },
}

// prepared starts a server with a stream and a table of some rows.
func prepared(t *testing.T) *server {
	s := inProcess(t)
	answer(t, s, `CREATE STREAM s (id int, v text);
		INSERT INTO s SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i;
		CREATE TABLE t (id int PRIMARY KEY, v text);
		INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i`)
	return s
}

// answer runs a statement over a connection of its own, and returns the first row.
func answer(t *testing.T, s *server, sql string) string {
	t.Helper()
	c := conversation.Dial(t, conversation.TCP(s.addrs().pg.String()))
	defer c.Conn().Close()
	return c.Ask(sql)
}

// TestEndings ends sessions in every way, in the middle of everything: no goroutine and no lock is left.
func TestEndings(t *testing.T) {
	s := prepared(t)
	begin := func(script string) *conversation.Script {
		c := talk(t, conversation.TCP(s.addrs().pg.String()))
		c.Lines(script)
		return c
	}
	for _, script := range middles { // what the engine starts once, and keeps
		begin(script).Conn().Close()
	}
	awaitSessions(t, s, 1)
	before := goleak.IgnoreCurrent()
	for what, script := range middles {
		for how, end := range endings {
			c := begin(script)
			end(c)
			c.Conn().Close()
			if got := answer(t, s, "SET lock_timeout = 10000; UPDATE t SET v = 'y' WHERE id = 1 RETURNING id"); got != "1" {
				t.Fatalf("%s, %s: %q", what, how, got)
			}
		}
	}
	awaitSessions(t, s, 1)
	deadline := time.Now().Add(20 * time.Second)
	err := goleak.Find(before)
	for ; err != nil && time.Now().Before(deadline); err = goleak.Find(before) {
	}
	if err != nil {
		t.Error(err)
	}
}

// awaitSessions waits until the server has so many sessions, the one that asks among them.
func awaitSessions(t *testing.T, s *server, n int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	const count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
	for got := ""; got != fmt.Sprint(n); got = answer(t, s, count) {
		if time.Now().After(deadline) {
			t.Fatalf("%s sessions are left", got)
		}
	}
}

// TestStalled has clients that stop reading, or stop in the middle of a message, in the middle of everything. Nobody
// else waits for them: statements of every kind go on, and the server ends.
func TestStalled(t *testing.T) {
	s := prepared(t)
	answer(t, s, "CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM s; CREATE INDEX ON t (v)")
	var stalled []*conversation.Script
	for _, script := range middles {
		c := talk(t, func() (net.Conn, error) {
			nc, err := net.Dial("tcp", s.addrs().pg.String())
			if err == nil {
				err = nc.(*net.TCPConn).SetReadBuffer(4096)
			}
			return nc, err
		})
		c.Lines(script)
		stalled = append(stalled, c)
	}
	for i, x := range []struct{ sql, want string }{
		{"INSERT INTO s SELECT i, 'more' FROM generate_series(1, 5000) i", ""},
		{"SELECT n FROM m", "25000"},
		{"SELECT count(*) FROM s", "25000"},
		{"UPDATE t SET v = v || 'z' WHERE id > 1", ""},
		{"SELECT count(*) FROM t WHERE v LIKE '%z'", "19999"},
		{"INSERT INTO t VALUES (0, 'new')", ""},
		{"FLUSH", ""},
		{"CREATE MATERIALIZED VIEW k AS SELECT v, count(*) AS n FROM t GROUP BY v", ""},
		{"SELECT sum(n) FROM k", "20001"},
		{"ALTER TABLE t ADD COLUMN w int", ""},
		{"ALTER STREAM s ADD COLUMN w int", ""},
		{"DROP MATERIALIZED VIEW k; DROP MATERIALIZED VIEW m", ""},
		{"SELECT count(*) FROM t", "20001"},
	} {
		if got := answer(t, s, "SET statement_timeout = 20000; "+x.sql); got != x.want {
			t.Errorf("%d: %s: %q, want %q", i, x.sql, got, x.want)
		}
	}
	runtime.KeepAlive(stalled) // the server ends, in the clean-up, while they are there
}

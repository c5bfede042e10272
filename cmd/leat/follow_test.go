package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// within asks again until a query of one number gives what it should.
func within(t *testing.T, conn *pgx.Conn, query string, want int) {
	t.Helper()
	got := -1
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), query, pgx.QueryExecModeSimpleProtocol).Scan(&got); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if got == want {
			return
		}
	}
	t.Fatalf("%s: %d, not %d", query, got, want)
}

// near waits until a session is served by the node it is connected to, or by the one that leads: there fresh sees it.
func near(t *testing.T, fresh, conn *pgx.Conn, want bool) {
	t.Helper()
	n := map[bool]int{true: 0, false: 1}[want]
	for end := time.Now().Add(15 * time.Second); ; <-time.After(10 * time.Millisecond) {
		if execute(t, conn, "SELECT 1"); time.Now().After(end) {
			t.Fatal("the session is not where it should be")
		}
		got := -1
		if err := fresh.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE pid = $1",
			conn.PgConn().PID()).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got == n {
			return
		}
	}
}

// TestStaleReads reads at a node that follows: what was written comes to be seen there, and nothing is written there.
func TestStaleReads(t *testing.T) {
	c := serveTrio(t)
	_, others := c.survivors()
	fresh, conn := c.mustConnect(others[1]), c.mustConnect(others[0])
	t.Cleanup(func() {
		if t.Failed() {
			c.kill(others[0])
			t.Log(c.nodes[others[0]].log.String())
		}
	})
	execute(t, fresh, `CREATE TABLE t (a int PRIMARY KEY, b int); CREATE STREAM s (a int); CREATE SEQUENCE q;
		CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, sum(b) AS total FROM t;
		INSERT INTO t VALUES (1, 10), (2, 20); INSERT INTO s VALUES (1), (2), (3)`)
	execute(t, conn, "SET leat.read = 'stale'")
	within(t, conn, "SELECT n FROM v", 2)
	within(t, conn, "SELECT count(*) FROM t", 2)
	within(t, conn, "SELECT count(*) FROM s", 3)
	near(t, fresh, conn, true)
	within(t, conn, "SELECT count(*) FROM leat_catalog.nodes WHERE state = 'leader'", 1)
	within(t, conn, "SELECT count(*) FROM leat_catalog.nodes WHERE steps_behind = 0 AND last_step > now() - interval '1 min'", 3)
	for i := range 20 {
		execute(t, fresh, fmt.Sprintf("INSERT INTO t VALUES (%d, 1); INSERT INTO s VALUES (0)", 10+i))
	}
	within(t, conn, "SELECT count(*) FROM s", 23)
	within(t, conn, "SELECT count(*) FROM t", 22)
	within(t, conn, "SELECT total FROM v", 50)
	var b int
	if err := conn.QueryRow(t.Context(), "SELECT b FROM t WHERE a = $1", 2).Scan(&b); err != nil || b != 20 {
		t.Error(b, err)
	}
	for _, q := range []string{"INSERT INTO t VALUES (99, 9)", "UPDATE t SET b = 0", "DELETE FROM t", "CREATE TABLE u (a int)",
		"DROP TABLE t", "SELECT * FROM t FOR UPDATE", "SELECT * FROM t EMIT CHANGES", "LISTEN c", "NOTIFY c", "FLUSH",
		"SELECT nextval('q')", "SELECT pg_notify('c', '')", "SELECT pg_advisory_lock(1)", "TRUNCATE t",
		"CREATE TEMPORARY TABLE x (a int)", "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x"} {
		if _, err := conn.Exec(t.Context(), q); stateOf(err) != "25006" {
			t.Errorf("%s: %v", q, err)
		}
	}
	execute(t, conn, "BEGIN")
	if _, err := conn.Exec(t.Context(), "SET leat.read = 'fresh'"); stateOf(err) != "25001" {
		t.Error(err)
	}
	execute(t, conn, "ROLLBACK")
	if _, err := conn.Exec(t.Context(), "SET leat.read = 'fresh'; SELECT * FROM t", pgx.QueryExecModeSimpleProtocol); stateOf(err) != "55000" {
		t.Error(err)
	}
	execute(t, conn, "SET leat.read = 'fresh'")
	execute(t, conn, "INSERT INTO t VALUES (99, 9)")
	near(t, fresh, conn, false)
	execute(t, conn, "SET leat.read = 'stale'")
	within(t, conn, "SELECT count(*) FROM t WHERE a = 99", 1)
	execute(t, conn, "RESET leat.read")
	execute(t, fresh, "CREATE TABLE w (a int PRIMARY KEY); INSERT INTO w VALUES (1)")
	execute(t, conn, "SET leat.read = 'stale'")
	within(t, conn, "SELECT count(*) FROM t", 23)
	stale, err := pgx.Connect(t.Context(), "postgres://leat@"+c.nodes[others[0]].pg+
		"/leat?sslmode=disable&options=-c%20leat.read%3Dstale")
	if err != nil {
		t.Fatal(err)
	}
	defer stale.Close(context.Background())
	within(t, stale, "SELECT count(*) FROM w", 1)
}

// TestWarmTakeOver kills the node that leads: another one goes on from where it has followed to.
func TestWarmTakeOver(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	conn := c.mustConnect(others[0])
	execute(t, conn, `CREATE TABLE t (a int PRIMARY KEY, b int);
		CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n FROM t GROUP BY b`)
	for i := range 50 {
		execute(t, conn, fmt.Sprintf("INSERT INTO t SELECT i, i %% 7 FROM generate_series(%d, %d) AS g(i)", i*100, i*100+99))
	}
	stale := c.mustConnect(others[1])
	execute(t, stale, "SET leat.read = 'stale'")
	within(t, stale, "SELECT sum(n) FROM v", 5000)
	other := c.mustConnect(others[0])
	execute(t, other, "SET leat.read = 'stale'")
	for _, follower := range []*pgx.Conn{stale, other} {
		near(t, conn, follower, true)
	}
	c.kill(leader)
	c.leader()
	conn = c.mustConnect(others[0]) // the one before may lose what it says just now
	execute(t, conn, "INSERT INTO t VALUES (5000, 1)")
	execute(t, stale, "SET leat.read = 'fresh'")
	within(t, stale, "SELECT count(*) FROM (SELECT * FROM v EXCEPT SELECT b, count(*) FROM t GROUP BY b) d", 0)
	within(t, stale, "SELECT sum(n) FROM v", 5001)
	i := c.leader()
	c.kill(i)
	if log := c.nodes[i].log.String(); !strings.Contains(log, "the state that followed is taken over") {
		t.Error("the state was loaded again:\n", log)
	}
}

// TestStaleWithoutLeader: a session that reads stale is answered as long as its node runs, whatever becomes of the others,
// and one that is not is told that nobody leads.
func TestStaleWithoutLeader(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	fresh, stale := c.mustConnect(others[0]), c.mustConnect(others[0])
	execute(t, fresh, "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
	execute(t, stale, "SET leat.read = 'stale'")
	within(t, stale, "SELECT count(*) FROM t", 2)
	near(t, fresh, stale, true)
	c.kill(others[1])
	c.kill(leader)
	within(t, stale, "SELECT count(*) FROM t", 2)
	if _, err := stale.Exec(t.Context(), "INSERT INTO t VALUES (3)"); stateOf(err) != "25006" {
		t.Error(err)
	}
	within(t, stale, "SELECT count(*) FROM t", 2)
}

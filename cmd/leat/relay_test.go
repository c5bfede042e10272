package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// survivors are the servers that do not lead.
func (c *trio) survivors() (leader int, others []int) {
	leader = c.leader()
	return leader, []int{(leader + 1) % 3, (leader + 2) % 3}
}

// mustConnect connects to a server.
func (c *trio) mustConnect(i int) *pgx.Conn {
	c.t.Helper()
	conn, err := c.connect(c.t.Context(), i)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// held is a push query that a client of a node that stays holds.
type held struct {
	name string
	run  func(ctx context.Context, conn *pgx.Conn, row func(n int)) error
}

// TestPushQueryOutlivesLeader kills the leader under push queries of every kind, held by clients of both other nodes,
// while rows are written: each gets every row once, in order.
func TestPushQueryOutlivesLeader(t *testing.T) {
	kills := 2
	if os.Getenv("LEAT_CHAOS") != "" {
		kills = 30
	}
	c := serveTrio(t)
	setup := c.mustConnect(0)
	execute(t, setup, `CREATE STREAM s (a int); CREATE TABLE t (a int PRIMARY KEY, b int);
		CREATE MATERIALIZED VIEW v AS SELECT a, b FROM t WHERE a >= 0`)
	setup.Close(t.Context())
	var took []time.Duration
	for range kills {
		took = append(took, c.outlive(heldQueries())...)
	}
	slices.Sort(took)
	t.Logf("first new row after a kill: median %v, p99 %v, max %v of %d", took[len(took)/2], took[len(took)*99/100],
		took[len(took)-1], len(took))
}

func heldQueries() []held {
	simple := func(ctx context.Context, conn *pgx.Conn, query string, row func(n int)) error {
		rows, err := conn.Query(ctx, query, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		return each(rows, row)
	}
	return []held{
		{"simple", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			return simple(ctx, conn, "SELECT a FROM s EMIT CHANGES", row)
		}},
		{"extended", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			rows, err := conn.Query(ctx, "SELECT a FROM s WHERE a >= $1 EMIT CHANGES", 0)
			if err != nil {
				return err
			}
			return each(rows, row)
		}},
		{"table", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			return simple(ctx, conn, "SELECT a FROM t EMIT CHANGES", row)
		}},
		{"view", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			return simple(ctx, conn, "SELECT a FROM v EMIT CHANGES", row)
		}},
		{"copy", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			_, err := conn.PgConn().CopyTo(ctx, &lines{row: row}, "COPY (SELECT a FROM s EMIT CHANGES) TO STDOUT")
			return err
		}},
		{"cursor", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			if _, err := conn.Exec(ctx, "DECLARE c CURSOR FOR SELECT a FROM v EMIT CHANGES"); err != nil {
				return err
			}
			for {
				if err := simple(ctx, conn, "FETCH 7 FROM c", row); err != nil {
					return err
				}
			}
		}},
	}
}

func each(rows pgx.Rows, row func(n int)) error {
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return err
		}
		row(n)
	}
	return rows.Err()
}

// lines reads the lines of COPY.
type lines struct {
	row  func(n int)
	rest []byte
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	for _, ch := range b {
		if ch != '\n' {
			l.rest = append(l.rest, ch)
			continue
		}
		var n int
		if _, err := fmt.Sscan(string(l.rest), &n); err != nil {
			return 0, err
		}
		l.row(n)
		l.rest = l.rest[:0]
	}
	return len(b), nil
}

// counted are the rows that a client has got.
type counted struct {
	mu    sync.Mutex
	rows  []int
	times []time.Time
}

func (k *counted) add(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows, k.times = append(k.rows, n), append(k.times, time.Now())
}

func (k *counted) last() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.rows) == 0 {
		return -1
	}
	return k.rows[len(k.rows)-1]
}

// outlive kills the leader once, and tells how long it took until each query went on.
func (c *trio) outlive(queries []held) (took []time.Duration) {
	t := c.t
	leader, others := c.survivors()
	setup := c.mustConnect(others[0])
	execute(t, setup, "TRUNCATE t")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wait sync.WaitGroup
	all := map[string]*counted{}
	errs := map[string]error{}
	for _, i := range others {
		for _, q := range queries {
			name := fmt.Sprint(q.name, " at node ", i+1)
			k := &counted{}
			all[name] = k
			conn := c.mustConnect(i)
			wait.Go(func() {
				err := q.run(ctx, conn, k.add)
				if ctx.Err() == nil {
					k.mu.Lock()
					errs[name] = err
					k.mu.Unlock()
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	c.await(ctx, "push queries", len(all), "SELECT count(*) FROM leat_catalog.subscriptions")
	var n int
	write := func() {
		conn := c.mustConnect(others[0])
		for end := time.Now().Add(20 * time.Second); ; {
			// The rows are numbered, so that whether the last one was stored can be asked.
			if _, err := conn.Exec(ctx, fmt.Sprintf("BEGIN; INSERT INTO s VALUES (%d); INSERT INTO t VALUES (%d, 1); COMMIT",
				n, n)); err == nil {
				n++
				return
			}
			conn = c.mustConnect(others[0])
			var stored bool
			if err := conn.QueryRow(ctx, "SELECT count(*) > 0 FROM t WHERE a = $1", n).Scan(&stored); err == nil && stored {
				n++
				return
			}
			if time.Now().After(end) {
				t.Fatal("nobody writes")
			}
		}
	}
	for range 50 {
		write()
	}
	killed, before := time.Now(), n
	c.kill(leader)
	for range 50 {
		write()
	}
	for name, k := range all {
		for end := time.Now().Add(20 * time.Second); k.last() != n-1; <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) || t.Failed() {
				t.Errorf("%s: the last row is %d, want %d", name, k.last(), n-1)
				break
			}
		}
		k.mu.Lock()
		for i, got := range k.rows {
			if got != i {
				t.Errorf("%s: row %d is %d", name, i, got)
				break
			}
		}
		for i, at := range k.times {
			if k.rows[i] >= before {
				took = append(took, at.Sub(killed).Round(time.Millisecond))
				break
			}
		}
		k.mu.Unlock()
	}
	stop()
	wait.Wait()
	c.start(leader)
	c.whole()
	return took
}

// await waits until a query gives a number.
func (c *trio) await(ctx context.Context, what string, want int, query string) {
	c.t.Helper()
	conn := c.mustConnect(c.leader())
	defer conn.Close(context.Background())
	n := -1
	for end := time.Now().Add(20 * time.Second); n != want; <-time.After(10 * time.Millisecond) {
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil || time.Now().After(end) {
			c.t.Fatalf("%d %s, want %d: %v", n, what, want, err)
		}
	}
}

// TestSessionsOutliveLeader kills the leader under sessions of a node that stays. Those that have nothing that would be
// lost go on as they were; the others are told.
func TestSessionsOutliveLeader(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	dial := func() *pgx.Conn { return c.mustConnect(others[0]) }
	setup := dial()
	execute(t, setup, "CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 10)")
	setup.Close(ctx)

	idle := dial()
	execute(t, idle, "SET timezone = 'Europe/Paris'; SET application_name = 'kept'; PREPARE p AS SELECT b FROM t WHERE a = $1")
	if _, err := idle.Prepare(ctx, "q", "SELECT b + $1::int FROM t"); err != nil {
		t.Fatal(err)
	}
	pid := ask[int](t, idle, "SELECT pg_backend_pid()")
	block := dial()
	execute(t, block, "BEGIN; SET LOCAL timezone = 'Asia/Tokyo'; SELECT b FROM t")
	failed := dial()
	execute(t, failed, "BEGIN")
	if _, err := failed.Exec(ctx, "SELECT 1/0"); err == nil {
		t.Fatal("no error")
	}
	doomed := map[string]*pgx.Conn{"wrote": dial(), "listens": dial(), "temporary": dial(), "locks": dial()}
	execute(t, doomed["wrote"], "BEGIN; UPDATE t SET b = 11")
	execute(t, doomed["listens"], "LISTEN c")
	execute(t, doomed["temporary"], "CREATE TEMP TABLE x (a int)")
	execute(t, doomed["locks"], "SELECT pg_advisory_lock(1)")
	slow := dial()
	asked := make(chan error, 1)
	go func() {
		_, err := slow.Exec(ctx, "SELECT b, pg_sleep(1.5) FROM t")
		asked <- err
	}()
	c.await(ctx, "queries", 1, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(1.5)%' "+
		"AND pid <> pg_backend_pid()")
	c.kill(leader)

	if got := ask[string](t, idle, "SHOW timezone"); got != "Europe/Paris" {
		t.Errorf("the time zone is %s", got)
	}
	if got := ask[string](t, idle, "SHOW application_name"); got != "kept" {
		t.Errorf("the application is %s", got)
	}
	if got := ask[int](t, idle, "SELECT pg_backend_pid()"); got != pid {
		t.Errorf("session %d was %d", got, pid)
	}
	if got := ask[int](t, idle, "EXECUTE p (1)"); got != 10 {
		t.Errorf("p gives %d", got)
	}
	if got := ask[int](t, idle, "q", 5); got != 15 {
		t.Errorf("q gives %d", got)
	}
	if got := ask[string](t, block, "SHOW timezone"); got != "Asia/Tokyo" {
		t.Errorf("the time zone of the block is %s", got)
	}
	execute(t, block, "COMMIT")
	if got := ask[string](t, block, "SHOW timezone"); got != "UTC" {
		t.Errorf("the time zone after the block is %s", got)
	}
	if _, err := failed.Exec(ctx, "SELECT 1"); stateOf(err) != "25P02" {
		t.Errorf("the block that failed: %v", err)
	}
	execute(t, failed, "ROLLBACK; SELECT 1")
	for what, conn := range doomed {
		if _, err := conn.Exec(ctx, "SELECT 1"); stateOf(err) != "57P01" && !conn.IsClosed() {
			t.Errorf("a session that %s: %v", what, err)
		}
	}
	if err := <-asked; err != nil {
		t.Errorf("a query that was running: %v", err)
	}
	if got := ask[int](t, idle, "SELECT b FROM t"); got != 10 {
		t.Errorf("b is %d", got)
	}
}

func ask[T any](t *testing.T, conn *pgx.Conn, query string, args ...any) (out T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if len(args) == 0 {
		args = []any{pgx.QueryExecModeSimpleProtocol}
	}
	if err := conn.QueryRow(ctx, query, args...).Scan(&out); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return out
}

func stateOf(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

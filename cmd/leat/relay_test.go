package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
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
	execute(t, setup, heldRelations)
	setup.Close(t.Context())
	var took []time.Duration
	for range kills {
		leader, others := c.survivors()
		took = append(took, c.outlive(heldQueries(), others, c.kill)...)
		c.start(leader)
		c.whole()
	}
	_, others := c.survivors()
	stopped := c.outlive(heldQueries(), others, func(i int) { c.nodes[i].terminate(syscall.SIGTERM) })
	t.Logf("first new row after the leader was stopped: max %v", slices.Max(stopped))
	slices.Sort(took)
	t.Logf("first new row after a kill: median %v, p99 %v, max %v of %d", took[len(took)/2], took[len(took)*99/100],
		took[len(took)-1], len(took))
}

// heldRelations are what the queries of heldQueries read.
const heldRelations = `CREATE STREAM s (a int); CREATE TABLE t (a int PRIMARY KEY, b int);
	CREATE MATERIALIZED VIEW v AS SELECT a, b FROM t WHERE a >= 0; CREATE TABLE d (a int PRIMARY KEY, b int);
	CREATE MATERIALIZED VIEW w AS SELECT a, b FROM d`

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
		{"portal", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			return portals(ctx, conn, "SELECT a FROM v EMIT CHANGES", row)
		}},
		{"limit", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			if err := simple(ctx, conn, "SELECT a FROM s EMIT CHANGES LIMIT 60", row); err != nil {
				return err
			}
			for n := 60; n < 100; n++ { // it has ended where it should
				row(n)
			}
			return nil
		}},
		{"deletes", func(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
			return deletes(ctx, conn, row)
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

// deletes follows a view of which every second row goes again: none comes twice, goes twice or stays.
func deletes(ctx context.Context, conn *pgx.Conn, row func(n int)) error {
	rows, err := conn.Query(ctx, "SELECT a FROM w EMIT CHANGES WITH (OP)")
	if err != nil {
		return err
	}
	defer rows.Close()
	there := map[int]bool{}
	for rows.Next() {
		var op string
		var n int
		if err := rows.Scan(&op, &n); err != nil {
			return err
		}
		if there[n] != (op != "insert") || op == "insert" && there[n-1] && n%2 == 1 {
			return fmt.Errorf("%s of %d", op, n)
		}
		there[n] = op != "delete"
		if op == "insert" && n%2 == 1 {
			row(n - 1)
			row(n)
		}
	}
	return rows.Err()
}

// portals reads a query by a portal that gives three rows at a time, in a transaction block, as JDBC's driver does.
func portals(ctx context.Context, conn *pgx.Conn, query string, row func(n int)) error {
	defer context.AfterFunc(ctx, func() { conn.PgConn().Conn().Close() })()
	f := conn.PgConn().Frontend()
	f.SendQuery(&pgproto3.Query{String: "BEGIN"})
	f.SendParse(&pgproto3.Parse{Query: query})
	f.SendBind(&pgproto3.Bind{DestinationPortal: "p"})
	more := func() error {
		f.SendExecute(&pgproto3.Execute{Portal: "p", MaxRows: 3})
		f.SendSync(&pgproto3.Sync{})
		return f.Flush()
	}
	if err := more(); err != nil {
		return err
	}
	for suspended := false; ; {
		m, err := f.Receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			n, err := strconv.Atoi(string(m.Values[0]))
			if err != nil {
				return err
			}
			row(n)
		case *pgproto3.PortalSuspended:
			suspended = true
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			if suspended {
				if suspended, err = false, more(); err != nil {
					return err
				}
			}
		}
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

// rowWriter writes numbered rows, so that whether one was stored can be asked.
type rowWriter struct {
	c    *trio
	at   int // node
	conn *pgx.Conn
	n    int
}

func (w *rowWriter) write(ctx context.Context) {
	w.until(ctx, func() bool {
		_, err := w.conn.Exec(ctx, fmt.Sprintf("BEGIN; INSERT INTO s VALUES (%d); INSERT INTO t VALUES (%d, 1); COMMIT", w.n, w.n))
		var stored bool
		if err != nil {
			w.conn = w.c.mustConnect(w.at)
			_ = w.conn.QueryRow(ctx, "SELECT count(*) > 0 FROM t WHERE a = $1", w.n).Scan(&stored) // it is asked again
		}
		return err == nil || stored
	})
	changes := []string{"INSERT INTO d VALUES (%d, 1) ON CONFLICT DO NOTHING", "UPDATE d SET b = 2 WHERE a = %d",
		"DELETE FROM d WHERE a = %d AND a % 2 = 0"}
	for _, change := range changes {
		w.until(ctx, func() bool {
			_, err := w.conn.Exec(ctx, strings.Replace(change, "%d", strconv.Itoa(w.n), 1))
			return err == nil
		})
	}
	w.n++
}

// until tries something again, with a new connection, until it is done.
func (w *rowWriter) until(ctx context.Context, done func() bool) {
	for end := time.Now().Add(20 * time.Second); w.conn == nil || !done(); {
		if time.Now().After(end) {
			w.c.t.Fatal("nobody writes")
		}
		if w.conn == nil || w.conn.IsClosed() {
			w.conn = w.c.mustConnect(w.at)
		}
	}
}

// outlive ends the leader once, under queries at some nodes, and tells how long it took until each went on. The last of
// these nodes writes.
func (c *trio) outlive(queries []held, nodes []int, end func(node int)) (took []time.Duration) {
	t := c.t
	leader := c.leader()
	writes := nodes[len(nodes)-1]
	setup := c.mustConnect(writes)
	execute(t, setup, "TRUNCATE t; TRUNCATE d")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wait sync.WaitGroup
	all := map[string]*counted{}
	errs := map[string]error{}
	for _, i := range nodes {
		for _, q := range queries {
			name := fmt.Sprint(q.name, " at node ", i+1)
			k := &counted{}
			all[name] = k
			conn := c.mustConnect(i)
			wait.Go(func() {
				err := q.run(ctx, conn, k.add)
				if err != nil && ctx.Err() == nil {
					k.mu.Lock()
					errs[name] = err
					k.mu.Unlock()
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	c.await(ctx, "push queries", len(all), "SELECT count(*) FROM leat_catalog.subscriptions")
	w := &rowWriter{c: c, at: writes}
	for range 50 {
		w.write(ctx)
	}
	killed, before := time.Now(), w.n
	end(leader)
	for range 50 {
		w.write(ctx)
	}
	for name, k := range all {
		for end := time.Now().Add(20 * time.Second); k.last() != w.n-1; <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) || t.Failed() {
				t.Errorf("%s: the last row is %d, want %d", name, k.last(), w.n-1)
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
	c.sessionsOutlive(others[0], func() { c.kill(leader) })
}

// sessionsOutlive ends the leader under sessions of a node.
func (c *trio) sessionsOutlive(at int, end func()) {
	t := c.t
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	dial := func() *pgx.Conn { return c.mustConnect(at) }
	w := &rowWriter{c: c, at: at}
	w.until(ctx, func() bool { // the leader may have just changed
		_, err := w.conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS t (a int PRIMARY KEY, b int); "+
			"INSERT INTO t VALUES (1, 10) ON CONFLICT DO NOTHING; CREATE TABLE IF NOT EXISTS g (a int)")
		return err == nil
	})

	idle := dial()
	execute(t, idle, "PREPARE g (int) AS SELECT a FROM g WHERE a = $1")
	if _, err := idle.Prepare(ctx, "h", "SELECT a FROM g WHERE a > $1"); err != nil {
		t.Fatal(err)
	}
	execute(t, idle, "DROP TABLE g; DEFINE v = '3'; PREPARE v AS SELECT ${v}")
	if _, err := idle.Prepare(ctx, "w", "SELECT ${v}"); err != nil {
		t.Fatal(err)
	}
	execute(t, idle, "DEFINE v = '4'")
	execute(t, idle, "SET timezone = 'Europe/Paris'; SET application_name = 'kept'; PREPARE p AS SELECT b FROM t WHERE a = $1")
	if _, err := idle.Prepare(ctx, "q", "SELECT b + $1::int FROM t"); err != nil {
		t.Fatal(err)
	}
	pid := value[int](t, idle, "SELECT pg_backend_pid()")
	block := dial()
	execute(t, block, "BEGIN; SET LOCAL timezone = 'Asia/Tokyo'; SELECT b FROM t")
	failed := dial()
	execute(t, failed, "BEGIN")
	if _, err := failed.Exec(ctx, "SELECT 1/0"); err == nil {
		t.Fatal("no error")
	}
	doomed := map[string]*pgx.Conn{"wrote": dial(), "listens": dial(), "temporary": dial(), "locks": dial(), "holds": dial()}
	execute(t, doomed["holds"], "DECLARE c CURSOR WITH HOLD FOR SELECT a FROM t; FETCH 1 FROM c")
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
	end()

	if got := value[string](t, idle, "SHOW timezone"); got != "Europe/Paris" {
		t.Errorf("the time zone is %s", got)
	}
	if got := value[string](t, idle, "SHOW application_name"); got != "kept" {
		t.Errorf("the application is %s", got)
	}
	if got := value[int](t, idle, "SELECT pg_backend_pid()"); got != pid {
		t.Errorf("session %d was %d", got, pid)
	}
	if got := value[int](t, idle, "EXECUTE p (1)"); got != 10 {
		t.Errorf("p gives %d", got)
	}
	if got := value[int](t, idle, "q", 5); got != 15 {
		t.Errorf("q gives %d", got)
	}
	if got := value[int](t, idle, "EXECUTE v"); got != 3 {
		t.Errorf("v gives %d", got)
	}
	if r := idle.PgConn().ExecPrepared(ctx, "w", nil, nil, nil).Read(); r.Err != nil || string(r.Rows[0][0]) != "3" {
		t.Errorf("w gives %q, %v", r.Rows, r.Err)
	}
	if got := value[int](t, idle, "SELECT ${v}"); got != 4 {
		t.Errorf("the variable is %d", got)
	}
	_, err := idle.Exec(ctx, "EXECUTE g (1)")
	wantCode(t, "a statement whose table is gone", err, "42P01")
	wantCode(t, "a statement of the protocol", idle.PgConn().ExecPrepared(ctx, "h", [][]byte{[]byte("0")}, nil, nil).Read().Err, "42P01")
	execute(t, idle, "CREATE TABLE g (a int); INSERT INTO g VALUES (7); EXECUTE g (7)")
	if got := value[int](t, idle, "h", 0); got != 7 {
		t.Errorf("h gives %d", got)
	}
	if got := value[string](t, block, "SHOW timezone"); got != "Asia/Tokyo" {
		t.Errorf("the time zone of the block is %s", got)
	}
	execute(t, block, "COMMIT")
	if got := value[string](t, block, "SHOW timezone"); got != "UTC" {
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
	if got := value[int](t, idle, "SELECT b FROM t"); got != 10 {
		t.Errorf("b is %d", got)
	}
}

func value[T any](t *testing.T, conn *pgx.Conn, query string, args ...any) (out T) {
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

// TestRelayTLS: the encryption of a client ends at the node that it has connected to, whose certificate binds the
// channel, and nobody asks for the password again when another node takes over.
func TestRelayTLS(t *testing.T) {
	t.Setenv("LEAT_PASSWORD", "secret")
	c := serveTrio(t, "--tls", "auto")
	leader, others := c.survivors()
	cert := filepath.Join(c.dirs[others[0]], "tls", "server.crt")
	var conns []*pgx.Conn
	for _, options := range []string{"sslmode=verify-full&channel_binding=require&sslrootcert=" + cert,
		"sslmode=verify-full&channel_binding=disable&sslrootcert=" + cert, "sslmode=require&sslnegotiation=direct",
		"sslmode=disable"} {
		conn, err := c.nodes[others[0]].as("leat", "secret", options)
		if err != nil {
			t.Fatalf("%s: %v", options, err)
		}
		conns = append(conns, conn)
		_, err = c.nodes[others[0]].as("leat", "wrong", options)
		wantCode(t, options, err, "28P01")
	}
	c.kill(leader)
	for _, conn := range conns {
		if got := value[int](t, conn, "SELECT 1"); got != 1 {
			t.Errorf("it gives %d", got)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	asked := make(chan error, 1)
	go func() {
		_, err := conns[0].Exec(ctx, "SELECT pg_sleep(60)")
		asked <- err
	}()
	for { // a cancel request finds the session by the number and the key of before
		if err := conns[0].PgConn().CancelRequest(ctx); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-asked:
			wantCode(t, "a query that was cancelled", err, "57014")
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestRelayOfLeaderThatMoves drains the leader, which stays: push queries of clients of the other nodes go on.
func TestRelayOfLeaderThatMoves(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	setup := c.mustConnect(others[0])
	execute(t, setup, "CREATE TABLE t (a int PRIMARY KEY)")
	got := make(chan int, 100)
	ended := make(chan error, 2)
	for _, i := range others {
		conn := c.mustConnect(i)
		go func() {
			rows, err := conn.Query(ctx, "SELECT a FROM t EMIT CHANGES", pgx.QueryExecModeSimpleProtocol)
			if err == nil {
				err = each(rows, func(n int) { got <- n })
			}
			ended <- err
		}()
	}
	c.await(ctx, "push queries", 2, "SELECT count(*) FROM leat_catalog.subscriptions")
	for n := range 3 {
		if n == 1 {
			for _, m := range c.status().Nodes {
				if m.Addr == c.peers[leader] {
					if err := c.client.Drain(ctx, c.peers[leader], m.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			for c.leader() == leader && ctx.Err() == nil {
				<-time.After(10 * time.Millisecond)
			}
		}
		execute(t, setup, fmt.Sprintf("INSERT INTO t VALUES (%d)", n))
		for range others {
			select {
			case row := <-got:
				if row != n {
					t.Errorf("row %d, want %d", row, n)
				}
			case err := <-ended:
				t.Fatal(err)
			}
		}
	}
}

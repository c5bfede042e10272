package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// drain drains a server, and waits until another one leads.
func (c *trio) drain(i int) {
	c.t.Helper()
	for _, m := range c.status().Nodes {
		if m.Addr == c.peers[i] {
			if err := c.client.Drain(c.t.Context(), c.peers[i], m.ID); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	c.awaitOther(i)
}

// awaitOther waits until another server than one leads.
func (c *trio) awaitOther(i int) {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); c.leader() == i; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatal("no other node leads")
		}
	}
}

// freeze stops the process of a server until another one leads, so that it wakes up and leads no longer.
func (c *trio) freeze(i int) {
	c.t.Helper()
	p := c.nodes[i].cmd.Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	defer p.Signal(syscall.SIGCONT)
	c.awaitOther(i)
}

// TestPushQueryOutlivesLeadership ends the leadership of a node whose process lives, under push queries of every kind
// that its own clients hold: each gets every row once, in order.
func TestPushQueryOutlivesLeadership(t *testing.T) {
	c := serveTrio(t)
	setup := c.mustConnect(0)
	execute(t, setup, heldRelations)
	setup.Close(t.Context())
	leader, others := c.survivors()
	t.Logf("after a freeze: %v", c.outlive(heldQueries(), []int{leader, others[0]}, c.freeze))
	leader, others = c.survivors()
	t.Logf("after a drain: %v", c.outlive(heldQueries(), []int{leader, others[0]}, c.drain))
}

// TestSessionsOutliveLeadership ends the leadership of a node under sessions of its own clients.
func TestSessionsOutliveLeadership(t *testing.T) {
	c := serveTrio(t)
	for _, end := range []func(int){c.freeze, c.drain} { // in this order: a node that is drained has no vote
		leader := c.leader()
		c.sessionsOutlive(leader, func() { end(leader) })
	}
}

// exchange sends messages at once, and returns what comes up to ReadyForQuery: the values of rows, and errors.
func exchange(conn *pgx.Conn, messages ...pgproto3.FrontendMessage) (got []string, err error) {
	f := conn.PgConn().Frontend()
	for _, m := range messages {
		f.Send(m)
	}
	if err := f.Flush(); err != nil {
		return nil, err
	}
	for {
		m, err := f.Receive()
		switch m := m.(type) {
		case *pgproto3.DataRow:
			got = append(got, string(m.Values[0]))
		case *pgproto3.ErrorResponse:
			return got, pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}

// batch are the messages that run statements, with one Sync.
func batch(statements ...string) (out []pgproto3.FrontendMessage) {
	for i, text := range statements {
		name := fmt.Sprint("s", i)
		out = append(out, &pgproto3.Parse{Name: name, Query: text}, &pgproto3.Bind{PreparedStatement: name},
			&pgproto3.Execute{})
	}
	return append(out, &pgproto3.Sync{})
}

// TestBatchOutlivesLeadership drains the leader in the middle of pipelined batches of its own clients, over TLS too:
// one that changes nothing is answered whole, and of another one its client is told.
func TestBatchOutlivesLeadership(t *testing.T) {
	c := serveTrio(t, "--tls", "auto")
	leader := c.leader()
	execute(t, c.mustConnect(leader), "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
	reads := batch("SELECT a FROM t", "SELECT pg_sleep(1.5) FROM t", "SELECT a + 1 FROM t")
	type outcome struct {
		got []string
		err error
	}
	var of [4]chan outcome
	for i := range of {
		conn, err := c.nodes[leader].as("leat", "", []string{"sslmode=disable", "sslmode=require"}[i%2])
		if err != nil {
			t.Fatal(err)
		}
		of[i] = make(chan outcome, 1)
		go func() {
			writes := batch(fmt.Sprintf("INSERT INTO t VALUES (%d)", i), "SELECT pg_sleep(1.5) FROM t WHERE a = 1")
			got, err := exchange(conn, [][]pgproto3.FrontendMessage{reads, writes}[i/2]...)
			of[i] <- outcome{got, err}
		}()
	}
	c.await(t.Context(), "queries", 4, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()")
	c.drain(leader)
	for i := range of {
		o := <-of[i]
		if i < 2 && (o.err != nil || strings.Join(o.got, " ") != "1  2") {
			t.Errorf("batch %d gives %q, %v", i, o.got, o.err)
		}
		if i >= 2 {
			wantCode(t, "a batch that writes", o.err, "57P01")
		}
	}
	if n := value[int](t, c.mustConnect(leader), "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestRollingRestart ends the leader's process: its own clients are told so, and a statement that runs is answered.
func TestRollingRestart(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	ctx := t.Context()
	idle, push, slow := c.mustConnect(leader), c.mustConnect(leader), c.mustConnect(leader)
	other := c.mustConnect(others[0])
	execute(t, idle, "CREATE TABLE t (a int PRIMARY KEY)")
	ended := make(chan error, 1)
	go func() {
		rows, err := push.Query(ctx, "SELECT a FROM t EMIT CHANGES")
		if err == nil {
			err = each(rows, func(int) {})
		}
		ended <- err
	}()
	asked := make(chan error, 1)
	go func() {
		_, err := slow.Exec(ctx, "SELECT pg_sleep(0.5)")
		asked <- err
	}()
	c.await(ctx, "clients", 2, "SELECT (SELECT count(*) FROM leat_catalog.subscriptions) + (SELECT count(*) FROM pg_stat_activity "+
		"WHERE state = 'active' AND query LIKE '%sleep(0.5)')")
	began := time.Now()
	c.nodes[leader].terminate(syscall.SIGTERM)
	t.Logf("the process ended after %v", time.Since(began))
	wantCode(t, "the push query", <-ended, "57P01")
	if err := <-asked; err != nil {
		t.Errorf("a statement that ran: %v", err)
	}
	_, err := idle.Exec(ctx, "SELECT 1")
	wantCode(t, "an idle session", err, "57P01")
	execute(t, other, "INSERT INTO t VALUES (1)")
	t.Logf("another node's client writes after %v", time.Since(began))
}

// TestSlowClientOutlivesLeadership drains the leader while a client of its own, and one of another node, do not read the
// rows that a push query has for them: they get each once, in order, when they do.
func TestSlowClientOutlivesLeadership(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	const rows, piece = 100_000, 10_000
	setup := c.mustConnect(others[0])
	execute(t, setup, "CREATE STREAM s (a int, b text)")
	for from := 1; from < rows; from += piece {
		execute(t, setup, fmt.Sprintf("INSERT INTO s SELECT i, repeat('x', 200) FROM generate_series(%d, %d) i", from, from+piece-1))
	}
	var slow []pgx.Rows
	for _, i := range []int{leader, others[0]} {
		r, err := c.mustConnect(i).Query(ctx, "SELECT a, b FROM s EMIT CHANGES SINCE BEGINNING", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Next() {
			t.Fatal(r.Err())
		}
		slow = append(slow, r)
	}
	c.drain(leader)
	execute(t, setup, fmt.Sprintf("INSERT INTO s VALUES (%d, 'last')", rows+1))
	for k, r := range slow {
		for want := 1; ; want++ {
			var a int
			if err := r.Scan(&a, nil); err != nil || a != want {
				t.Fatalf("client %d: row %d where %d belongs, %v", k, a, want, err)
			}
			if a == rows+1 {
				break
			}
			if !r.Next() {
				t.Fatalf("client %d, after row %d: %v", k, a, r.Err())
			}
		}
		cancelled := r.Conn().PgConn()
		cancelled.Conn().Close() // the query would go on
		r.Close()
	}
}

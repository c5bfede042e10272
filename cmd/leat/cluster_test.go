package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/cluster"
)

// A trio is three servers that are one cluster.
type trio struct {
	t      *testing.T
	dirs   []string
	peers  []string // addresses for nodes
	nodes  []*process
	client *cluster.Client
	flags  []string // of every server, beside the usual ones
	bins   []string // their binaries
}

// freeAddr is an address that nobody listens at.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serveTrio starts three servers and waits until all have a vote.
func serveTrio(t *testing.T, flags ...string) *trio {
	t.Helper()
	c := &trio{t: t, flags: flags, client: cluster.NewClient(cluster.Peers{})}
	t.Cleanup(func() { c.client.Close() })
	for i := range 3 {
		c.dirs = append(c.dirs, filepath.Join(t.TempDir(), fmt.Sprint("node", i+1)))
		c.peers = append(c.peers, freeAddr(t))
		c.nodes, c.bins = append(c.nodes, nil), append(c.bins, binary)
		c.start(i)
	}
	c.whole()
	return c
}

// start starts a server, again or for the first time.
func (c *trio) start(i int) {
	c.t.Helper()
	flags := append([]string{"--cluster", c.peers[i], "--checkpoint-interval", "500ms"}, c.flags...)
	if i > 0 {
		flags = append(flags, "--join", c.peers[0])
	}
	if old := c.nodes[i]; old != nil { // where it was before
		flags = append(flags, "--pg", old.pg, "--kafka", old.kafka)
	}
	c.nodes[i] = serveBin(c.t, c.bins[i], c.dirs[i], flags...)
}

// status asks any node.
func (c *trio) status() *cluster.Status {
	for _, addr := range c.peers {
		ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Second)
		s, err := c.client.Status(ctx, addr)
		cancel()
		if err == nil {
			return s
		}
	}
	return nil
}

// whole waits until all three vote, in every group.
func (c *trio) whole() {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		s := c.status()
		if s == nil || len(s.Groups) == 0 {
			continue
		}
		lacking := slices.ContainsFunc(s.Groups, func(g cluster.GroupState) bool {
			votes := 0
			for _, r := range g.Replicas {
				if r.Voter && r.Up {
					votes++
				}
			}
			return votes < 3
		})
		if !lacking {
			return
		}
	}
	c.t.Fatalf("three nodes do not vote: %+v", c.status())
}

// leader is the index of the server that leads.
func (c *trio) leader() int {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if s := c.status(); s != nil {
			for _, n := range s.Nodes {
				for i, addr := range c.peers {
					if n.ID == s.Leader && n.Addr == addr {
						return i
					}
				}
			}
		}
	}
	c.t.Fatal("nobody leads")
	return 0
}

// kill ends a server as a power cut does.
func (c *trio) kill(i int) {
	c.t.Helper()
	if err := c.nodes[i].cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	<-c.nodes[i].exited
}

// connect connects to a server.
func (c *trio) connect(ctx context.Context, i int) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pgx.Connect(ctx, "postgres://leat@"+c.nodes[i].pg+"/leat?sslmode=disable")
}

// writer inserts numbers, each once, until stop: what was acknowledged, and what may have been stored.
type writer struct {
	acked, unknown []int
}

// run writes through one node after the other. A failed insert is not repeated: whether it is there is unknown.
func (w *writer) run(ctx context.Context, c *trio, id int, killed, resumed *atomic.Int64) {
	var conn *pgx.Conn
	for n, at := 0, id; ctx.Err() == nil; n++ {
		if conn == nil {
			var err error
			if conn, err = c.connect(ctx, at%3); err != nil {
				at++
				continue
			}
		}
		v, began := id*1_000_000+n, time.Now().UnixNano()
		_, err := conn.Exec(ctx, "INSERT INTO ledger VALUES ($1, $2)", v, id)
		var refused *pgconn.PgError
		switch {
		case err == nil:
			w.acked = append(w.acked, v)
			if began > killed.Load() {
				resumed.CompareAndSwap(0, time.Now().UnixNano())
			}
			continue
		case errors.As(err, &refused) && refused.Code == "23505":
			panic("a number was inserted twice")
		}
		w.unknown = append(w.unknown, v)
		conn.Close(context.Background())
		conn = nil
	}
	if conn != nil {
		conn.Close(context.Background())
	}
}

// TestKillLeader kills the leader again and again while clients write through all nodes: what was acknowledged is
// there once, nothing else is but what may be, and the views are those of the rows.
func TestKillLeader(t *testing.T) {
	kills := 3
	if os.Getenv("LEAT_CHAOS") != "" {
		kills = 30
	}
	c := serveTrio(t)
	setup, err := c.connect(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, setup, `CREATE TABLE ledger (v int PRIMARY KEY, writer int);
		CREATE MATERIALIZED VIEW sums AS SELECT writer, count(*) AS n, sum(v) AS total FROM ledger GROUP BY writer`)
	setup.Close(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	writers := make([]writer, 4)
	var wait sync.WaitGroup
	var killed, resumed atomic.Int64 // when, in nanoseconds
	for i := range writers {
		wait.Go(func() { writers[i].run(ctx, c, i, &killed, &resumed) })
	}
	var took []time.Duration
	for range kills {
		<-time.After(700 * time.Millisecond)
		i := c.leader()
		at := time.Now()
		c.kill(i)
		killed.Store(time.Now().UnixNano())
		resumed.Store(0)
		for resumed.Load() == 0 {
			if <-time.After(time.Millisecond); time.Since(at) > 30*time.Second {
				stop()
				t.Fatalf("nobody writes 30 s after node %d was killed", i+1)
			}
		}
		took = append(took, time.Unix(0, resumed.Load()).Sub(at).Round(time.Millisecond))
		c.start(i)
		c.whole()
	}
	stop()
	wait.Wait()
	t.Logf("writes resumed after %v", took)
	c.check(writers)
}

// check compares what the cluster has with what its clients were told.
func (c *trio) check(writers []writer) {
	c.t.Helper()
	conn, err := c.connect(c.t.Context(), 2)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(c.t.Context(), "SELECT v FROM ledger")
	if err != nil {
		c.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		c.t.Fatal(err)
	}
	found := map[int]bool{}
	for _, v := range all {
		if found[v] {
			c.t.Errorf("%d is there twice", v)
		}
		found[v] = true
	}
	acked, extra := 0, len(found)
	for _, w := range writers {
		for _, v := range w.acked {
			if acked++; !found[v] {
				c.t.Errorf("%d was acknowledged and is not there", v)
			}
			extra--
		}
		for _, v := range w.unknown {
			if found[v] {
				extra--
			}
		}
	}
	if extra != 0 {
		c.t.Errorf("%d rows are there that nobody wrote", extra)
	}
	c.t.Logf("%d rows were acknowledged", acked)
	var same bool
	if err := conn.QueryRow(c.t.Context(), `SELECT count(*) = 0 FROM (SELECT writer, n, total FROM sums EXCEPT
		SELECT writer, count(*), sum(v) FROM ledger GROUP BY writer) d`).Scan(&same); err != nil || !same {
		c.t.Error("the view is not that of the rows", err)
	}
}

// TestSilentLeader stops the leader's process without ending it, as a network that is cut does: another one takes over,
// clients of nodes that stay are let go, and the one that wakes up shows what happened meanwhile.
func TestSilentLeader(t *testing.T) {
	c := serveTrio(t)
	i := c.leader()
	stays := (i + 1) % 3
	conn, err := c.connect(t.Context(), stays)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, conn, "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
	old, err := c.connect(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.nodes[i].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "INSERT INTO t VALUES (2)"); err == nil {
		t.Error("a silent leader acknowledged a write")
	}
	if conn, err = c.connect(t.Context(), stays); err != nil {
		t.Fatal(err)
	}
	execute(t, conn, "INSERT INTO t VALUES (3)")
	t.Logf("writes resumed after %v", time.Since(began).Round(time.Millisecond))
	if err := c.nodes[i].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := old.QueryRow(t.Context(), "SELECT count(*) FROM t WHERE a = 3").Scan(&n); err == nil && n != 1 {
		t.Error("a leader of the past answered with what was")
	}
	if old, err = c.connect(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	if err := old.QueryRow(t.Context(), "SELECT count(*) FROM t WHERE a = 3").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// TestCheckpointIsFetched makes a node lead whose copy of the checkpoint is damaged, so that it has none, when the steps
// before it are gone: it gets one from another node.
func TestCheckpointIsFetched(t *testing.T) {
	c := serveTrio(t, "--follow=false") // what follows needs no copies
	i := c.leader()
	conn, err := c.connect(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, conn, `CREATE STREAM s (a int);
		CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(a) AS total FROM s`)
	next, last := (i+1)%3, (i+2)%3
	copied := func(j int) bool {
		_, err := os.Stat(filepath.Join(c.dirs[j], "engine", "flow-1.db"))
		return err == nil
	}
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end) || !copied(next) || !copied(last); {
		execute(t, conn, "INSERT INTO s VALUES (1)") // until steps have been trimmed
		<-time.After(10 * time.Millisecond)
	}
	<-time.After(3 * time.Second) // what is copied is the last one
	rows, _ := total(t, conn)
	file := filepath.Join(c.dirs[next], "engine", "flow-1.db")
	bad, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8192; i < len(bad); i += 512 {
		bad[i] ^= 1
	}
	if err := os.WriteFile(file, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, j := range []int{last, i} {
		for _, n := range c.status().Nodes {
			if n.Addr == c.peers[j] {
				if err := c.client.Drain(t.Context(), c.peers[j], n.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for end := time.Now().Add(20 * time.Second); c.leader() != next; {
		if time.Now().After(end) {
			t.Fatal("the node does not lead", c.nodes[next].log.String())
		}
	}
	if conn, err = c.connect(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if n, sum := total(t, conn); n != rows || sum != rows {
		t.Errorf("%d rows, total %d; want %d", n, sum, rows)
	}
	c.kill(next)
	if said := c.nodes[next].log.String(); !strings.Contains(said, "a checkpoint was fetched") || !strings.Contains(said, "set aside") {
		t.Error("the checkpoint was there still")
	}
}

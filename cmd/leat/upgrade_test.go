package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatdb/leat/internal/crash"
)

// nextVersion is a server of the next version: it knows a level more, and its planner makes other graphs.
var nextVersion = []crash.Edit{
	{File: "cluster/level.go", Old: "	maxLevel = 3\n", New: "	maxLevel = 4\n"},
	{File: "planner/rules.go", Old: "	if b.disabled == nil {\n",
		New: "	if name == rulePrune || name == ruleIndex {\n		return true\n	}\n	if b.disabled == nil {\n"},
}

// replace stops a server as an operator does, and starts it with another binary.
func (c *trio) replace(i int, bin string, flags ...string) {
	c.t.Helper()
	began := time.Now()
	c.nodes[i].terminate(syscall.SIGTERM)
	ended := time.Now()
	c.bins[i] = bin
	usual := c.flags
	c.flags = append(c.flags[:len(c.flags):len(c.flags)], flags...)
	c.start(i)
	c.flags = usual
	up := time.Now()
	c.whole()
	c.t.Logf("node %d: stopped in %v, started in %v, whole in %v", i+1, ended.Sub(began).Round(time.Millisecond),
		up.Sub(ended).Round(time.Millisecond), time.Since(up).Round(time.Millisecond))
}

// level is the cluster's level, and the versions of its nodes.
func (c *trio) level() (level int, versions string) {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if s := c.status(); s != nil {
			for _, n := range s.Nodes {
				versions += n.Version + " "
			}
			return s.Level, versions
		}
	}
	c.t.Fatal("nobody leads")
	return 0, ""
}

// TestRollingUpgrade replaces the binaries of three nodes one after the other, and one of them back and forth, while
// clients write rows and records and a push query runs. Nothing is lost, the views that the new version plans in
// another way are right, the level rises at the end and not before, and then the old binary is refused.
func TestRollingUpgrade(t *testing.T) {
	old, next := binary, crash.BuildEdited(t, "next", nextVersion...)
	c := serveTrio(t)
	setup := c.mustConnect(1)
	execute(t, setup, `CREATE TABLE ledger (v int PRIMARY KEY, writer int); CREATE TABLE names (id int PRIMARY KEY, name text);
		INSERT INTO names VALUES (0, 'zero'), (1, 'one'), (2, 'two');
		CREATE MATERIALIZED VIEW sums AS SELECT writer, count(*) AS n, sum(v) AS total FROM ledger GROUP BY writer;
		CREATE MATERIALIZED VIEW named AS SELECT name, n FROM sums JOIN names ON id = writer;
		CREATE STREAM events (n int) WITH (kafka_topic = 'events', value_format = 'JSON', partitions = 1);
		CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS n, count(DISTINCT n) AS d FROM events`)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	writers := make([]writer, 3)
	var wait sync.WaitGroup
	var killed, resumed, sent, pushed atomic.Int64
	for i := range writers {
		wait.Go(func() { writers[i].run(ctx, c, i, &killed, &resumed) })
	}
	wait.Go(func() { c.produce(ctx, &sent) })
	wait.Go(func() { c.push(ctx, &pushed) })
	goesOn := func() {
		t.Helper()
		was, rows := sent.Load(), pushed.Load()
		for end := time.Now().Add(30 * time.Second); sent.Load() == was || pushed.Load() == rows; <-time.After(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("clients do not go on")
			}
		}
	}
	stays := func() {
		t.Helper()
		goesOn()
		if level, versions := c.level(); level != 3 {
			t.Fatalf("level %d of versions %s", level, versions)
		}
	}
	leader := c.leader()
	first, second := (leader+1)%3, (leader+2)%3
	c.replace(first, next)
	stays()
	c.replace(first, old) // back
	stays()
	c.replace(first, next)
	c.replace(second, next, "--hold-level")
	stays()
	c.replace(leader, next)
	stays() // one holds it
	c.replace(second, next)
	for end := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
		if level, versions := c.level(); level == 4 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("level %d of versions %s", level, versions)
		}
	}
	goesOn()
	c.nodes[first].terminate(syscall.SIGTERM)
	outdated(t, old, c.dirs[first], "--cluster", c.peers[first])
	c.start(first)
	c.whole()
	stop()
	wait.Wait()
	c.check(writers)
	c.upgraded(sent.Load())
}

// upgraded checks what the views show after the upgrade.
func (c *trio) upgraded(sent int64) {
	c.t.Helper()
	conn := c.mustConnect(0)
	within(c.t, conn, "SELECT count(*) FROM leat_catalog.queries WHERE state <> 'RUNNING'", 0)
	var n, d int64
	if err := conn.QueryRow(c.t.Context(), "SELECT n, d FROM seen").Scan(&n, &d); err != nil || n != d || n < sent {
		c.t.Errorf("%d records, %d of them different, of %d that were sent: %v", n, d, sent, err)
	}
	within(c.t, conn, `SELECT count(*) FROM (SELECT name, n FROM named EXCEPT SELECT name, count(*) FROM ledger
		JOIN names ON id = writer GROUP BY name) x`, 0)
	within(c.t, conn, "SELECT count(*) FROM named", 3)
}

// outdated starts a binary that is to be refused.
func outdated(t *testing.T, bin, dir string, flags ...string) {
	t.Helper()
	args := append([]string{"start", "--data", dir, "--pg", "127.0.0.1:0", "--kafka", "", "--http", ""}, flags...)
	out, err := exec.Command(bin, args...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 ||
		!strings.Contains(string(out), "the data directory is at level 4, which version next has raised it to") {
		t.Errorf("%v: %s", err, out)
	}
}

// produce sends numbers as records, each once, until ctx ends, and counts those that were acknowledged.
func (c *trio) produce(ctx context.Context, sent *atomic.Int64) {
	var seeds []string
	for _, n := range c.nodes {
		seeds = append(seeds, n.kafka)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.DefaultProduceTopic("events"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		c.t.Error(err)
		return
	}
	defer client.Close()
	for n := 0; ctx.Err() == nil; n++ {
		r := &kgo.Record{Value: []byte(`{"n":` + strconv.Itoa(n) + `}`)}
		if err := client.ProduceSync(ctx, r).FirstErr(); err == nil {
			sent.Add(1)
		} else if first := new(kgo.ErrFirstReadEOF); ctx.Err() == nil && !errors.As(err, &first) { // that is another's turn
			c.t.Error(err)
			return
		}
	}
}

// push follows a view, at one node after the other, and counts what it is given.
func (c *trio) push(ctx context.Context, rows *atomic.Int64) {
	for at := 0; ctx.Err() == nil; at++ {
		conn, err := c.connect(ctx, at%3)
		if err != nil {
			continue
		}
		r, err := conn.Query(ctx, "SELECT n FROM seen EMIT CHANGES", pgx.QueryExecModeSimpleProtocol)
		for err == nil && r.Next() {
			rows.Add(1)
		}
		conn.Close(context.Background())
	}
}

// TestUpgradeAlone starts a server over the directory of an older version that planned queries in another way, after a
// clean end and after a kill.
func TestUpgradeAlone(t *testing.T) {
	next := crash.BuildEdited(t, "next", nextVersion...)
	for name, end := range map[string]func(p *process){
		"clean": func(p *process) { p.terminate(syscall.SIGTERM) },
		"kill": func(p *process) {
			_ = p.cmd.Process.Kill() // it runs
			<-p.exited
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			p := serve(t, dir, "--checkpoint-interval", "100ms")
			conn := p.connect()
			execute(t, conn, `CREATE TABLE t (k int PRIMARY KEY, name text, more text); CREATE STREAM s (k int, v int, w text);
				INSERT INTO t VALUES (1, 'one', ''), (2, 'two', ''); INSERT INTO s VALUES (1, 10, 'x'), (2, 20, 'y'), (1, 5, 'z');
				CREATE MATERIALIZED VIEW joined AS SELECT name, sum(v) AS v FROM s JOIN t ON s.k = t.k GROUP BY name;
				CREATE MATERIALIZED VIEW above AS SELECT sum(v) AS v FROM joined`)
			within(t, conn, "SELECT v FROM above", 35)
			<-time.After(300 * time.Millisecond) // a checkpoint has it, and not what follows
			execute(t, conn, "INSERT INTO s VALUES (2, 100, 'x'); UPDATE t SET name = 'eins' WHERE k = 1")
			within(t, conn, "SELECT v FROM above", 135)
			end(p)
			for _, level := range []int{3, 4} {
				held := map[int][]string{3: {"--hold-level"}}[level]
				p = serveBin(t, next, dir, held...)
				conn = p.connect()
				within(t, conn, "SELECT count(*) FROM leat_catalog.queries WHERE state <> 'RUNNING'", 0)
				within(t, conn, "SELECT v FROM above", 135)
				within(t, conn, "SELECT v FROM joined WHERE name = 'two'", 120)
				within(t, conn, "SELECT level FROM leat_catalog.nodes", level)
				p.terminate(syscall.SIGTERM)
			}
			outdated(t, binary, dir)
		})
	}
}

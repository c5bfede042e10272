package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
)

// TestUnable has a node that cannot serve be elected again and again: the log says why once, and status all the time.
func TestUnable(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	p, s := &peers{}, &server{}
	lacks := func(n int) error {
		return errors.Join(fmt.Errorf("%w: none is new enough", engine.ErrNoCheckpoint), fmt.Errorf("node 2: try %d", n))
	}
	said := func(want int) {
		t.Helper()
		if n := strings.Count(log.String(), "cannot serve"); n != want {
			t.Errorf("it is said %d times, not %d:\n%s", n, want, log.String())
		}
	}
	if state := p.engineState(s); state != nil {
		t.Error(state)
	}
	for n := range 5 {
		p.unable.tell(logger, lacks(n))
		p.unable.tell(logger, errors.New("the disk is slow"))
		p.unable.tell(logger, fmt.Errorf("engine: %w", cluster.ErrNotLeader)) // that is no reason
	}
	said(2)
	if !strings.Contains(log.String(), "start the nodes that are down") {
		t.Error("it does not say what to do:", log.String())
	}
	p.unable.tell(logger, lacks(6))
	status := &cluster.Status{Leader: 1, Nodes: []cluster.NodeStatus{
		{Member: cluster.Member{ID: 1}, Engine: p.engineState(s)},
		{Member: cluster.Member{ID: 2}, Engine: &cluster.EngineState{Steps: 7}}}}
	var shown bytes.Buffer
	if err := printStatus(&shown, status, false); err != nil {
		t.Fatal(err)
	}
	const want = "\nNode 1 cannot serve: engine: no checkpoint that the log goes on from: none is new enough; " +
		"node 2: try 6; start the nodes"
	if !strings.Contains(shown.String(), want) {
		t.Error(shown.String())
	}
	if steps, ok := status.Behind(&status.Nodes[1]); ok {
		t.Errorf("a node is %d steps behind one that has none", steps)
	}
	p.unable.over()
	if state := p.engineState(s); state != nil {
		t.Error(state)
	}
	p.unable.tell(logger, lacks(7))
	said(3)
}

// TestNoCheckpoint takes the checkpoints from all nodes when the steps before them are gone: each says once that it
// cannot serve, and none ends. When one has its checkpoint again, they serve.
func TestNoCheckpoint(t *testing.T) {
	c := serveTrio(t, "--follow=false")
	conn := c.mustConnect(0)
	execute(t, conn, `CREATE STREAM s (a int);
		CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(a) AS total FROM s`)
	file := func(i int, name string) string { return filepath.Join(c.dirs[i], "engine", name) }
	lacks := func(i int) bool { _, err := os.Stat(file(i, "flow-1.db")); return err != nil }
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end) || lacks(0) || lacks(1) || lacks(2); {
		if _, err := conn.Exec(t.Context(), "INSERT INTO s VALUES (1)"); err != nil { // until steps have been trimmed
			conn = c.mustConnect(0)
		}
		<-time.After(20 * time.Millisecond)
	}
	<-time.After(2 * time.Second) // what is copied is the last one
	rows, _ := total(t, conn)
	for i := range 3 {
		c.kill(i)
		if err := os.Rename(file(i, "flow-1.db"), file(i, "away")); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() { c.start(i) })
	}
	all.Wait()
	unable := func() (n int) {
		if s := c.status(); s != nil {
			for _, node := range s.Nodes {
				if node.Engine != nil && node.Engine.Unable != "" {
					n++
				}
			}
		}
		return n
	}
	for end := time.Now().Add(30 * time.Second); unable() < 3; <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not all say that they cannot serve: %+v", c.status())
		}
	}
	c.kill(2)
	if err := os.Rename(file(2, "away"), file(2, "flow-1.db")); err != nil {
		t.Fatal(err)
	}
	c.start(2)
	if n, sum := total(t, c.mustConnect(0)); n != rows || sum != rows {
		t.Errorf("%d rows, total %d; want %d", n, sum, rows)
	}
	for i := range 2 {
		c.kill(i)
		if n := strings.Count(c.nodes[i].log.String(), "cannot serve"); n != 1 {
			t.Errorf("node %d says %d times that it cannot serve", i+1, n)
		}
	}
}

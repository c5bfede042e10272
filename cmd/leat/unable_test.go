package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

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

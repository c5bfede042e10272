package engine

import (
	"testing"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// FuzzRestore gives every stateful operator a key that it may not have written: it refuses it, or fails later, or goes
// on, but does not panic.
func FuzzRestore(f *testing.F) {
	plans := []plan.Node{
		testAggregate(f, false, types.Int8, 1, false),
		testJoin(f, plan.Full, true, true, false),
		&plan.Distinct{In: scanOf(false, types.Int8, types.Numeric)},
		testSort(0, 3),
		sessionsOf(),
		withinOf(plan.Full, 3),
		clockFilterOf(f, true, false),
		&plan.Final{In: scanOf(false, types.Int8, types.Int8, types.Text), Closes: plan.Closing{Key: 0}},
	}
	lookup := testJoin(f, plan.Left, true, false, false)
	lookup.Lookup = true
	plans = append(plans, lookup)
	for which, p := range plans {
		for scan := range 2 {
			saved := memoryStore{}
			g := discard(f, p)
			if scan >= len(g.Scans()) {
				continue
			}
			if err := g.Push(scan, batchOf(columnTypes(g.Scans()[scan]), []opChange{{"1|2|t", 1, 0}}, true)); err != nil {
				f.Fatal(err)
			}
			if err := g.Advance(NoFrontier); err != nil {
				f.Fatal(err)
			}
			if err := g.Snapshot(saved.writer); err != nil {
				f.Fatal(err)
			}
			for k, v := range saved[0] {
				f.Add(byte(which), []byte(k), []byte(v))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, key, value []byte) {
		g := discard(t, plans[int(which)%len(plans)])
		err := g.Restore(func(op uint32, fn func(key, value []byte) error) error {
			if op == 0 {
				return fn(key, value)
			}
			return nil
		})
		if err != nil {
			return
		}
		for scan, s := range g.Scans() {
			if g.Push(scan, batchOf(columnTypes(s), []opChange{{"1|2|t", 1, 0}, {"-|-|-", 1, 0}}, true)) != nil {
				return
			}
		}
		if g.Advance(NoFrontier) == nil {
			_ = g.Snapshot(memoryStore{}.writer)
		}
	})
}

// discard builds a graph whose output goes nowhere.
func discard(t testing.TB, n plan.Node) *Graph {
	t.Helper()
	var failed []string
	g, err := Build(n, testContext(t, &failed), EmitterFunc(func(*vec.Batch) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

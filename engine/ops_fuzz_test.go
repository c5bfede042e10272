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
	over := overOf(f, "sum", plan.Frame{
		Unit: "RANGE", Lo: plan.Bound{Kind: "PRECEDING", X: intConst(1)}, Hi: plan.Bound{Kind: "CURRENT ROW"},
	})
	first := &plan.GroupTop{In: scanOf(false, types.Int8, types.Int8), By: []plan.Expr{colOf(0, types.Int8)}, Limit: 1}
	first.Order, first.Sch = []plan.SortKey{{X: colOf(1, types.Int8)}}, schemaOf(types.Int8, types.Int8)
	except := &plan.SetOp{Left: scanOf(false, types.Numeric), Right: scanOf(false, types.Numeric), Except: true}
	except.Sch = schemaOf(types.Numeric)
	plans = append(plans, over, first, except)
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
		}, nil)
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

// overOf is a window function of (p, v) over the rows that have p in common, by v.
func overOf(t testing.TB, name string, frame plan.Frame) *plan.WindowAgg {
	t.Helper()
	a := agg(t, name, colOf(1, types.Int8))
	w := &plan.WindowAgg{In: scanOf(false, types.Int8, types.Int8), Sch: schemaOf(types.Int8, types.Int8, a.Type)}
	w.Funcs = []plan.WindowFunc{{
		Agg: a.Fn, Args: a.Args, Partition: []plan.Expr{colOf(0, types.Int8)},
		Order: []plan.SortKey{{X: colOf(1, types.Int8)}}, Frame: frame, Type: a.Type,
	}}
	return w
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

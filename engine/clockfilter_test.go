package engine

import (
	"maps"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// clockFilterOf compares c0 with the milliseconds of the clock.
func clockFilterOf(t testing.TB, above, equal bool) *plan.ClockFilter {
	t.Helper()
	f, _, _, err := fn.ResolveScalar("unix_timestamp", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &plan.ClockFilter{In: scanOf(false, types.Int8, types.Int8), X: colOf(0, types.Int8),
		Bound: &plan.Call{Fn: f, Typ: types.Int8}, Above: above, Equal: equal, Sch: schemaOf(types.Int8, types.Int8)}
}

// At every moment the output is what the condition gives, and the operator asks to be woken when that changes.
func TestClockFilterHistories(t *testing.T) {
	for _, c := range []struct{ above, equal bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		n := clockFilterOf(t, c.above, c.equal)
		rapid.Check(t, func(t *rapid.T) { runClockFilter(t, n) })
	}
}

func runClockFilter(t *rapid.T, n *plan.ClockFilter) {
	now := int64(0)
	ctx := testContext(t, nil)
	ctx.Env = func() *fn.Env { return &fn.Env{Now: now * 1000, Setting: func(string) string { return "" }} }
	in, total, saved := []bag{{}}, bag{}, memoryStore{}
	build := func() *Graph {
		g, err := Build(n, ctx, EmitterFunc(func(b *vec.Batch) error {
			for i := range b.N {
				total.add(rowText(b, i), int64(b.DiffAt(i)))
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	want := func() bag {
		out := bag{}
		for r, k := range in[0] {
			x, _ := strconv.ParseInt(fieldsOf(r)[0], 10, 64)
			if n.Above && x > now || !n.Above && x < now || n.Equal && x == now {
				out.add(r, k)
			}
		}
		return out
	}
	g := build()
	h := history{rows: []*rapid.Generator[row]{smallRows(false, 12, 1)}, appendOnly: []bool{false}}
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		if at, ok := g.wake(); ok && at <= now*1000 {
			t.Fatalf("at %d it is to be woken at %d", now, at)
		}
		before := want()
		wake, ok := g.wake()
		now += rapid.Int64Range(0, 4).Draw(t, "time")
		if due := ok && wake <= now*1000; !due && !maps.Equal(before, want()) {
			t.Fatalf("at %d the result changes and nothing wakes the operator", now)
		}
		h.pushStep(t, g, in, true)
		if err := g.Advance(NoFrontier); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(total, want()) {
			t.Fatalf("at %d over %v\ngot  %v\nwant %v", now, in, total, want())
		}
		if rapid.Bool().Draw(t, "restart") {
			if err := g.Snapshot(saved.writer); err != nil {
				t.Fatal(err)
			}
			g = build()
			if err := g.Restore(saved.load, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

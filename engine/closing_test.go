package engine

import (
	"slices"
	"testing"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The groups of windows that are closed are forgotten, with what was counted for DISTINCT, and their rows stay out.
func TestClosedGroupsAreForgotten(t *testing.T) {
	n := &plan.Aggregate{In: scanOf(true, types.Int8, types.Int8, types.Int8),
		Keys: []plan.Expr{colOf(0, types.Int8), colOf(1, types.Int8)}, Closes: &plan.Closing{Key: 1, After: 5},
		Sch: schemaOf(types.Int8, types.Int8, types.Int8)}
	count := agg(t, "count", colOf(2, types.Int8))
	count.Distinct = true
	n.Aggs = []plan.Agg{count}
	var rows []row
	build := func() *Graph {
		g, err := Build(n, testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
			for i := range b.N {
				rows = append(rows, joinFields(b.DiffAt(i), rowText(b, i)))
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	step := func(g *Graph, frontier int64, kept, distinct int, in []row, want ...row) {
		t.Helper()
		rows = nil
		var changes []opChange
		for _, r := range in {
			changes = append(changes, opChange{r, 1, 0})
		}
		if err := g.Push(0, batchOf(columnTypes(n.In), changes, true)); err != nil {
			t.Fatal(err)
		}
		if err := g.Advance(frontier); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(rows, want) {
			t.Fatalf("got %v\nwant %v", rows, want)
		}
		op := g.nodes[0].op.(*aggregateOp)
		if op.table.used != kept || op.distinct.Len() != distinct {
			t.Fatalf("%d groups and %d arguments are kept, not %d and %d", op.table.used, op.distinct.Len(), kept, distinct)
		}
	}
	g := build()
	step(g, 14, 3, 4, []row{"1|10|7", "1|10|8", "2|10|7", "1|20|7"}, "1|1|10|2", "1|2|10|1", "1|1|20|1")
	saved := memoryStore{}
	if err := g.Snapshot(saved.writer); err != nil {
		t.Fatal(err)
	}
	g = build()
	if err := g.Restore(saved.load, nil); err != nil {
		t.Fatal(err)
	}
	step(g, 15, 1, 1, nil) // both groups that end at 10 are closed: nothing is put out
	if err := g.Snapshot(saved.writer); err != nil {
		t.Fatal(err)
	}
	if len(saved[0]) != 2 {
		t.Fatalf("the checkpoint holds %d keys", len(saved[0]))
	}
	step(g, 16, 2, 2, []row{"3|20|1"}, "1|3|20|1")
	step(g, 100, 0, 0, []row{"3|20|2"}, "-1|3|20|1", "1|3|20|2")
}

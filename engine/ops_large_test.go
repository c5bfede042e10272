package engine

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// runSteps feeds each step's changes to scan 0 (or the scan given) and returns what the output adds up to.
func runSteps(t *testing.T, n plan.Node, steps ...map[int][]opChange) bag {
	t.Helper()
	total := bag{}
	g, err := Build(n, testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
		checkBatch(t, b, columnTypes(n))
		for i := range b.N {
			total.add(rowText(b, i), int64(b.DiffAt(i)))
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		for _, scan := range slices.Sorted(maps.Keys(step)) {
			if err := g.Push(scan, batchOf(columnTypes(g.Scans()[scan]), step[scan], true)); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Advance(NoFrontier); err != nil {
			t.Fatal(err)
		}
	}
	return total
}

// More groups than are emitted at once: some updated, some unchanged, some gone, some new, in one step.
func TestAggregateOfManyGroups(t *testing.T) {
	n := testAggregate(t, false, types.Int8, 1, false)
	in, total := bag{}, 3*aggChunk+7
	var first, second []opChange
	for k := range total {
		first = append(first, opChange{joinFields(k, k%5, "t"), 1, 0})
	}
	for k := range total {
		switch k % 4 {
		case 0:
			second = append(second, opChange{joinFields(k, 9, "f"), 1, 0})
		case 1:
			second = append(second, opChange{joinFields(k, k%5, "t"), -1, 0}, opChange{joinFields(k+total, 1, "-"), 1, 0})
		case 2:
			second = append(second, opChange{joinFields(k, 9, "f"), 1, 0}, opChange{joinFields(k, 9, "f"), -1, 0})
		}
	}
	for _, ch := range slices.Concat(first, second) {
		in.add(ch.r, int64(ch.diff))
	}
	got := runSteps(t, n, map[int][]opChange{0: first}, map[int][]opChange{0: second})
	if want := naiveAggregate(in, 1, false); !maps.Equal(got, want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
}

// More pairs than fit a batch, of rows that have more matches than fit a batch.
func TestJoinOfManyPairs(t *testing.T) {
	for _, residual := range []bool{false, true} {
		for _, kind := range []plan.JoinKind{plan.Inner, plan.Full} {
			t.Run(fmt.Sprintf("kind=%d residual=%v", kind, residual), func(t *testing.T) {
				in, steps := []bag{{}, {}}, []map[int][]opChange{{}, {}, {}}
				add := func(step, scan int, r row, diff int32) {
					in[scan].add(r, int64(diff))
					steps[step][scan] = append(steps[step][scan], opChange{r, diff, 0})
				}
				for i := range 130 {
					add(0, 0, joinFields(i%3, i), 1)
					add(1, 1, joinFields(i%2, 200-i), 1)
					if i%2 == 0 {
						add(2, 0, joinFields(i%3, i), -1)
					} else {
						add(2, 1, joinFields(i%2, 200-i), -1)
					}
				}
				for i := range outRows + 100 {
					add(1, 1, joinFields(2, i), 1)
				}
				got := runSteps(t, testJoin(t, kind, true, residual, false), steps...)
				if want := naiveJoin(kind, true, residual, in); !maps.Equal(got, want) {
					t.Fatalf("%d rows, want %d", len(got), len(want))
				}
			})
		}
	}
}

// The event time of a pair is the later of the two.
func TestJoinTime(t *testing.T) {
	var got []string
	g, err := Build(testJoin(t, plan.Left, true, false, false), testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
		for i := range b.N {
			got = append(got, fmt.Sprintf("%s %+d @%d", rowText(b, i), b.DiffAt(i), b.Time[i]))
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ts := []types.Type{types.Int8, types.Int8}
	left, right := []opChange{{"1|1", 1, 50}, {"2|2", 1, 60}}, []opChange{{"1|7", 1, 40}, {"2|8", 1, 90}}
	for _, step := range [][2][]opChange{{left, nil}, {nil, right}} {
		for scan, ch := range step {
			if err := g.Push(scan, batchOf(ts, ch, true)); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Advance(NoFrontier); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(got)
	want := []string{
		"1|1|-|- +1 @50", "1|1|-|- -1 @50", "1|1|1|7 +1 @50",
		"2|2|-|- +1 @60", "2|2|-|- -1 @90", "2|2|2|8 +1 @90",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
}

// Constant rows come in the first step, and not again after a restart.
func TestValuesComeOnce(t *testing.T) {
	n := &plan.Values{Rows: [][]plan.Expr{{intConst(1)}, {intConst(2)}}, Sch: schemaOf(types.Int8)}
	saved, rows := memoryStore{}, []row{}
	for range 3 {
		g, err := Build(n, testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
			for i := range b.N {
				rows = append(rows, rowText(b, i))
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Restore(saved.load, nil); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := g.Advance(NoFrontier); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Snapshot(saved.writer); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(rows, []row{"1", "2"}) {
		t.Fatal(rows)
	}
}

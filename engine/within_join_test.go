package engine

import (
	"maps"
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// withinOf joins two streams of a key and a time, which is their stream time too, at most 4 before and 2 after.
func withinOf(kind plan.JoinKind, grace int64) *plan.Join {
	in := func() plan.Node { return scanOf(true, types.Int8, types.Int8) }
	return &plan.Join{
		Left: in(), Right: in(), Kind: kind, LeftKeys: []plan.Expr{colOf(0, types.Int8)},
		RightKeys: []plan.Expr{colOf(0, types.Int8)},
		Within:    &plan.Within{Before: 4, After: 2, Grace: grace, LeftTime: 1, RightTime: 1, LeftStream: 1, RightStream: 1},
		Sch:       schemaOf(types.Int8, types.Int8, types.Int8, types.Int8),
	}
}

// naiveWithin pairs all rows that are near each other.
func naiveWithin(in []bag) bag {
	out := bag{}
	for l, n := range in[0] {
		for r, m := range in[1] {
			lf, rf := fieldsOf(l), fieldsOf(r)
			lt, _ := strconv.Atoi(lf[1])
			rt, _ := strconv.Atoi(rf[1])
			if lf[0] == rf[0] && lf[0] != "-" && rt >= lt-4 && rt <= lt+2 {
				out.add(joinFields(l, r), n*m)
			}
		}
	}
	return out
}

// While nothing is late every pair that is near in time comes once, whichever side is first and however steps are cut.
func TestWithinHistories(t *testing.T) {
	h := history{
		plan: withinOf(plan.Inner, 100),
		rows: []*rapid.Generator[row]{
			smallTimes(), smallTimes(),
		},
		appendOnly:   []bool{true, true},
		want:         naiveWithin,
		consolidated: true,
	}
	h.run(t)
}

// A side that is far ahead of what can be read of the other waits for it, so that nothing is too old to be met.
func TestWithinHoldsWhatIsAhead(t *testing.T) {
	n := withinOf(plan.Inner, 0)
	rapid.Check(t, func(t *rapid.T) {
		horizon, total, saved := int64(math.MaxInt64), bag{}, memoryStore{}
		ctx := testContext(t, nil)
		ctx.Horizon = func() int64 { return horizon }
		build := func() *Graph {
			g, err := Build(n, ctx, EmitterFunc(func(b *vec.Batch) error {
				for i := range b.N {
					total.add(rowText(b, i), 1)
				}
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		g, in := build(), []bag{{}, {}}
		push := func(side int, from, to int) {
			var changes []opChange
			for at := from; at < to; at++ { // in order: nothing is late by its own side
				for range rapid.IntRange(0, 2).Draw(t, "rows") {
					r := joinFields(rapid.IntRange(0, 1).Draw(t, "key"), at)
					in[side].add(r, 1)
					changes = append(changes, opChange{r, 1, int64(at)})
				}
			}
			if err := g.Push(side, batchOf(columnTypes(g.Scans()[side]), changes, true)); err != nil {
				t.Fatal(err)
			}
		}
		fast := rapid.IntRange(0, 1).Draw(t, "fast")
		push(fast, 0, 60)
		for at := 0; at < 60; at += 15 {
			push(1-fast, at, at+15)
			if horizon = int64(at + 14); at == 45 {
				horizon = math.MaxInt64
			}
			if err := g.Advance(NoFrontier); err != nil {
				t.Fatal(err)
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
		if want := naiveWithin(in); !maps.Equal(total, want) {
			t.Fatalf("over %v\ngot  %v\nwant %v", in, total, want)
		}
	})
}

// smallTimes draws rows of a key, perhaps NULL, and a time.
func smallTimes() *rapid.Generator[row] {
	return rapid.Custom(func(t *rapid.T) row {
		key := any(rapid.IntRange(0, 2).Draw(t, "key"))
		if key == 2 {
			key = "-"
		}
		return joinFields(key, rapid.IntRange(0, 20).Draw(t, "time"))
	})
}

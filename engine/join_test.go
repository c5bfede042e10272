package engine

import (
	"fmt"
	"maps"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// testJoin is a join of l(k, v) and r(k, w) on l.k = r.k and, maybe, l.v < r.w.
func testJoin(t testing.TB, kind plan.JoinKind, keyed, residual, appendOnly bool) *plan.Join {
	j := &plan.Join{
		Left: scanOf(appendOnly, types.Int8, types.Int8), Right: scanOf(appendOnly, types.Int8, types.Int8), Kind: kind,
		Sch: schemaOf(types.Int8, types.Int8, types.Int8, types.Int8),
	}
	if j.Halves() {
		j.Sch = schemaOf(types.Int8, types.Int8)
	}
	if keyed {
		j.LeftKeys, j.RightKeys = []plan.Expr{colOf(0, types.Int8)}, []plan.Expr{colOf(0, types.Int8)}
	}
	if residual {
		j.On = callOf(t, "<", colOf(1, types.Int8), colOf(3, types.Int8))
	}
	return j
}

// naiveJoin joins by nested loops.
func naiveJoin(kind plan.JoinKind, keyed, residual bool, in []bag) bag {
	return naiveJoinSafe(kind, keyed, residual, false, in)
}

// naiveJoinSafe is naiveJoin whose keys may hold NULLs to be equal.
func naiveJoinSafe(kind plan.JoinKind, keyed, residual, safe bool, in []bag) bag {
	match := func(l, r row) bool {
		a, b := fieldsOf(l), fieldsOf(r)
		if keyed && (a[0] != b[0] || a[0] == "-" && !safe) {
			return false
		}
		if !residual {
			return true
		}
		x, err1 := strconv.Atoi(a[1])
		y, err2 := strconv.Atoi(b[1])
		return err1 == nil && err2 == nil && x < y
	}
	out := bag{}
	alone := func(a, b bag, keep bool, match func(x, y row) bool, text func(x row) row) {
		for x, n := range a {
			met := !keep
			for y := range b {
				met = met || match(x, y)
			}
			if !met {
				out.add(text(x), n)
			}
		}
	}
	if kind == plan.Semi || kind == plan.Anti {
		for l, n := range in[0] {
			met := false
			for r := range in[1] {
				met = met || match(l, r)
			}
			if met == (kind == plan.Semi) {
				out.add(l, n)
			}
		}
		return out
	}
	for l, n := range in[0] {
		for r, m := range in[1] {
			if match(l, r) {
				out.add(l+"|"+r, n*m)
			}
		}
	}
	alone(in[0], in[1], kind == plan.Left || kind == plan.Full, match, func(l row) row { return l + "|-|-" })
	alone(in[1], in[0], kind == plan.Right || kind == plan.Full, func(r, l row) bool { return match(l, r) },
		func(r row) row { return "-|-|" + r })
	return out
}

func TestJoinHistories(t *testing.T) {
	for _, kind := range []plan.JoinKind{plan.Inner, plan.Left, plan.Right, plan.Full, plan.Semi, plan.Anti} {
		for _, keyed := range []bool{true, false} {
			for _, residual := range []bool{false, true} {
				for _, appendOnly := range []bool{false, true} {
					name := fmt.Sprintf("kind=%d keyed=%v residual=%v append=%v", kind, keyed, residual, appendOnly)
					t.Run(name, func(t *testing.T) {
						h := history{
							plan:         testJoin(t, kind, keyed, residual, appendOnly),
							rows:         []*rapid.Generator[row]{smallRows(true, 3, 3), smallRows(true, 3, 3)},
							want:         func(in []bag) bag { return naiveJoin(kind, keyed, residual, in) },
							appendOnly:   []bool{appendOnly, appendOnly},
							consolidated: true,
						}
						h.run(t)
					})
				}
			}
		}
	}
}

// Keys may hold NULLs to be equal.
func TestNullSafeJoinHistories(t *testing.T) {
	for _, kind := range []plan.JoinKind{plan.Inner, plan.Left, plan.Full, plan.Semi, plan.Anti} {
		t.Run(fmt.Sprintf("kind=%d", kind), func(t *testing.T) {
			j := testJoin(t, kind, true, true, false)
			j.NullSafe = []bool{true}
			h := history{
				plan:         j,
				rows:         []*rapid.Generator[row]{smallRows(true, 3, 3), smallRows(true, 3, 3)},
				want:         func(in []bag) bag { return naiveJoinSafe(kind, true, true, true, in) },
				appendOnly:   []bool{false, false},
				consolidated: true,
			}
			h.run(t)
		})
	}
}

// A join that is asked once gives the same, whether its right side is complete before its left or not.
func TestHashJoin(t *testing.T) {
	rows := smallRows(true, 3, 3)
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom([]plan.JoinKind{plan.Inner, plan.Left, plan.Full, plan.Semi, plan.Anti}).Draw(rt, "kind")
		keyed, residual, safe := rapid.Bool().Draw(rt, "keyed"), rapid.Bool().Draw(rt, "residual"), rapid.Bool().Draw(rt, "safe")
		j := testJoin(t, kind, keyed, residual, true)
		j.NullSafe = []bool{safe}
		waits := rapid.Bool().Draw(rt, "waits")
		if waits {
			j.Right = &plan.Sort{In: j.Right, By: []plan.SortKey{{X: colOf(0, types.Int8)}}}
		}
		got := bag{}
		ctx := testContext(t, nil)
		ctx.Pull = true
		g, err := Build(j, ctx, EmitterFunc(func(b *vec.Batch) error {
			checkBatch(rt, b, columnTypes(j))
			for i := range b.N {
				got.add(rowText(b, i), int64(b.DiffAt(i)))
			}
			return nil
		}))
		if err != nil {
			rt.Fatal(err)
		}
		in := []bag{{}, {}}
		for _, side := range []int{1, 0} {
			for range rapid.IntRange(0, 3).Draw(rt, "batches") {
				var changes []opChange
				for _, r := range rapid.SliceOfN(rows, 1, 5).Draw(rt, "rows") {
					n := rapid.Int32Range(1, 2).Draw(rt, "copies")
					changes = append(changes, opChange{r: r, diff: n})
					in[side].add(r, int64(n))
				}
				if err := g.Push(side, batchOf(columnTypes(j.Inputs()[side]), changes, false)); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if err := g.Advance(NoFrontier); err != nil {
			rt.Fatal(err)
		}
		if want := naiveJoinSafe(kind, keyed, residual, safe, in); !maps.Equal(got, want) {
			rt.Fatalf("got %v, want %v of %v and %v", got, want, in[0], in[1])
		}
	})
}

// A left row meets the right rows of the end of its step; later changes of the right side change nothing.
func TestLookupJoinHistories(t *testing.T) {
	for _, kind := range []plan.JoinKind{plan.Inner, plan.Left} {
		for _, residual := range []bool{false, true} {
			t.Run(fmt.Sprintf("kind=%d residual=%v", kind, residual), func(t *testing.T) {
				j := testJoin(t, kind, true, residual, false)
				j.Left.(*plan.Scan).Sch.AppendOnly, j.Lookup = true, true
				before, total := bag{}, bag{}
				h := history{
					plan:       j,
					rows:       []*rapid.Generator[row]{smallRows(true, 3, 3), smallRows(true, 3, 3)},
					appendOnly: []bool{true, false},
				}
				h.start = func() { clear(before); clear(total) }
				h.want = func(in []bag) bag {
					fresh := bag{}
					for l, c := range in[0] {
						fresh.add(l, c-before[l])
					}
					for r, c := range naiveJoin(kind, true, residual, []bag{fresh, in[1]}) {
						total.add(r, c)
					}
					clear(before)
					for l, c := range in[0] {
						before[l] = c
					}
					return total
				}
				h.run(t)
			})
		}
	}
}

func TestLookupJoinKeepsTheTimeOfTheStream(t *testing.T) {
	j := testJoin(t, plan.Inner, true, false, false)
	j.Lookup = true
	var got []int64
	g, err := Build(j, testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
		got = append(got, b.Time...)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ts := columnTypes(j.Left)
	for _, p := range []struct {
		scan int
		ch   opChange
	}{{0, opChange{"1|1", 1, 5}}, {1, opChange{"1|7", 1, 100}}} {
		if err := g.Push(p.scan, batchOf(ts, []opChange{p.ch}, true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Advance(NoFrontier); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0] != 5 {
		t.Fatal(got)
	}
}

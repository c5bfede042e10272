package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// overPick draws from a source that both rapid and a seed can be.
type overPick func(n int) int

// drawOver draws window functions over (p, k, v, w), partitioned by p and ordered by k.
func drawOver(t testing.TB, pick overPick, funcs int) *plan.WindowAgg {
	in := scanOf(false, types.Int8, types.Int8, types.Int8, types.Text)
	w := &plan.WindowAgg{In: in, Sch: schemaOf(columnTypes(in)...)}
	desc := pick(2) == 1
	for range funcs {
		f := plan.WindowFunc{Partition: []plan.Expr{colOf(0, types.Int8)}}
		f.Order = []plan.SortKey{{X: colOf(1, types.Int8), Desc: desc, NullsFirst: desc}}
		f.Frame = drawFrame(pick)
		drawFunction(t, pick, &f)
		w.Funcs = append(w.Funcs, f)
		w.Sch.Cols = append(w.Sch.Cols, plan.Column{Name: "f", Type: f.Type})
	}
	return w
}

func drawFunction(t testing.TB, pick overPick, f *plan.WindowFunc) {
	t.Helper()
	v, s := colOf(2, types.Int8), colOf(3, types.Text)
	calls := []struct {
		name string
		args []plan.Expr
	}{
		{"row_number", nil}, {"rank", nil}, {"dense_rank", nil}, {"percent_rank", nil}, {"cume_dist", nil},
		{"ntile", []plan.Expr{int4Const(3)}}, {"lag", []plan.Expr{v}}, {"lead", []plan.Expr{v, int4Const(2)}},
		{"lag", []plan.Expr{v, int4Const(-1), v}}, {"first_value", []plan.Expr{v}}, {"last_value", []plan.Expr{v}},
		{"nth_value", []plan.Expr{v, int4Const(2)}},
		{"sum", []plan.Expr{v}}, {"count", nil}, {"min", []plan.Expr{v}}, {"max", []plan.Expr{s}}, {"avg", []plan.Expr{v}},
		{"array_agg", []plan.Expr{v}}, {"string_agg", []plan.Expr{s, &plan.Const{Value: textOf(",")}}},
	}
	c := calls[pick(len(calls))]
	f.Args = c.args
	var err error
	if fn.IsWindow(c.name) {
		f.Fn, _, f.Type, err = fn.ResolveWindow(c.name, exprTypes(c.args))
		f.IgnoreNulls = f.Fn != nil && f.Fn.Nulls && pick(4) == 0
	} else {
		f.Agg, _, f.Type, err = fn.ResolveAggregate(c.name, exprTypes(c.args))
		if pick(4) == 0 {
			f.Filter = callOf(t, ">", v, intConst(1))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func int4Const(n int64) plan.Expr { return &plan.Const{Value: types.Value{Type: types.Int4, Int: n}} }

func textOf(s string) types.Value { return types.Value{Type: types.Text, Str: s} }

// drawFrame draws a frame that SQL allows.
func drawFrame(pick overPick) plan.Frame {
	f := plan.Frame{Unit: []string{"ROWS", "RANGE", "GROUPS"}[pick(3)], Exclude: fn.Exclusion(max(pick(7)-3, 0))}
	kinds := []string{"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"}
	lo := pick(4)
	hi := max(lo, 1) + pick(5-max(lo, 1))
	f.Lo.Kind, f.Hi.Kind = kinds[lo], kinds[hi]
	for _, b := range []*plan.Bound{&f.Lo, &f.Hi} {
		if b.Kind == "PRECEDING" || b.Kind == "FOLLOWING" {
			b.X = intConst(int64(pick(4)))
		}
	}
	return f
}

// atOnce runs a plan of one scan over rows, as a pull query does.
func atOnce(t fataler, n plan.Node, in bag) bag {
	t.Helper()
	ctx := testContext(t, nil)
	ctx.Pull = true
	got := bag{}
	g, err := Build(n, ctx, EmitterFunc(func(b *vec.Batch) error {
		for i := range b.N {
			got.add(rowText(b, i), int64(b.DiffAt(i)))
		}
		return nil
	}))
	if err != nil {
		t.Fatalf("%v", err)
	}
	var changes []opChange
	in.each(func(r row) { changes = append(changes, opChange{r, 1, 0}) })
	if len(changes) > 0 {
		if err := g.Push(0, batchOf(columnTypes(g.Scans()[0]), changes, false)); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := g.Advance(NoFrontier); err != nil {
		t.Fatalf("%v", err)
	}
	return got
}

// Whatever changes, the values are those that a query over the rows gives.
func TestOverHistories(t *testing.T) {
	for seed := range 24 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			root := drawOver(t, r.IntN, 1+seed%3)
			h := history{
				plan:         root,
				rows:         []*rapid.Generator[row]{smallRows(true, 1, 4, 3, 2)},
				appendOnly:   []bool{false},
				want:         func(in []bag) bag { return atOnce(t, root, in[0]) },
				consolidated: true,
			}
			h.run(t)
		})
	}
}

// In large partitions most is left alone: what is not must be the same as when all is computed.
func TestOverLargePartitions(t *testing.T) {
	const rounds = 15
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		root := drawOver(t, r.IntN, 1+seed%3)
		total, in := bag{}, bag{}
		g, err := Build(root, testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
			for i := range b.N {
				total.add(rowText(b, i), int64(b.DiffAt(i)))
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		spread := []int{20, 1000}[r.IntN(2)]
		for step := range 10 {
			changes := make([]opChange, 1+r.IntN(3))
			if step == 0 {
				changes = make([]opChange, 600)
			}
			for i := range changes {
				k := r.IntN(spread)
				if r.IntN(2) == 0 {
					k = spread + step // at the end
				}
				changes[i] = opChange{joinFields(r.IntN(10)/9, k, r.IntN(5), r.IntN(3)), 1, 0}
				if len(in) > 0 && step > 0 && r.IntN(2) == 0 {
					keys := make([]row, 0, len(in))
					in.each(func(r row) { keys = append(keys, r) })
					changes[i] = opChange{keys[r.IntN(len(keys))], -1, 0}
				}
				in.add(changes[i].r, int64(changes[i].diff))
			}
			if err := g.Push(0, batchOf(columnTypes(root.In), changes, false)); err != nil {
				t.Fatal(err)
			}
			if err := g.Advance(NoFrontier); err != nil {
				t.Fatal(err)
			}
			if want := atOnce(t, root, in); !maps.Equal(total, want) {
				for r, n := range total {
					if want[r] != n {
						t.Errorf("got %d times %s, want %d", n, r, want[r])
						break
					}
				}
				t.Fatalf("seed %d, step %d: %+v", seed, step, root.Funcs)
			}
		}
	}
}

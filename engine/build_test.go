package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Every operator at once: the three most frequent of SELECT DISTINCT l.v, count(*) FROM l LEFT JOIN r USING (k) WHERE
// l.v < 3 GROUP BY l.v, UNION ALL a constant.
func TestGraphHistories(t *testing.T) {
	join := testJoin(t, plan.Left, true, false, false)
	filter := &plan.Filter{In: join, Cond: callOf(t, "<", colOf(1, types.Int8), intConst(3))}
	group := &plan.Aggregate{In: filter, Keys: []plan.Expr{colOf(1, types.Int8)}}
	group.Aggs = []plan.Agg{agg(t, "count")}
	group.Sch = schemaOf(types.Int8, types.Int8)
	values := &plan.Values{Rows: [][]plan.Expr{{intConst(7), intConst(2)}}, Sch: schemaOf(types.Int8, types.Int8)}
	union := &plan.Union{Ins: []plan.Node{group, values}, Sch: group.Sch}
	swap := &plan.Project{In: union, Exprs: []plan.Expr{colOf(1, types.Int8), colOf(0, types.Int8)}, Sch: group.Sch}
	root := &plan.Sort{In: &plan.Distinct{In: swap}, Limit: intConst(3)}
	root.By = []plan.SortKey{{X: colOf(0, types.Int8), Desc: true}, {X: colOf(1, types.Int8)}}
	h := history{
		plan:         root,
		rows:         []*rapid.Generator[row]{smallRows(false, 3, 4), smallRows(true, 3, 3)},
		appendOnly:   []bool{false, false},
		consolidated: true,
		want: func(in []bag) bag {
			counts := map[string]int64{}
			for r, n := range naiveJoin(plan.Left, true, false, in) {
				if v := fieldsOf(r)[1]; v < "3" {
					counts[v] += n
				}
			}
			all := bag{"2|7": 1}
			for v, n := range counts {
				all[joinFields(n, v)] = 1
			}
			return naiveTop(all, 0, 3)
		},
	}
	h.run(t)
}

func TestGraphOfAScanAlone(t *testing.T) {
	rows, g := pullRows(t, scanOf(true, types.Int8), []opChange{{"1", 1, 0}, {"2", 2, 0}})
	if !slices.Equal(rows, []row{"1", "2", "2"}) || len(g.Scans()) != 1 || g.Done() {
		t.Fatal(rows)
	}
}

func TestFilterAndProject(t *testing.T) {
	in := scanOf(true, types.Int8, types.Text)
	filter := &plan.Filter{In: in, Cond: callOf(t, "<>", callOf(t, "/", intConst(6), colOf(0, types.Int8)), intConst(2))}
	text := &plan.Const{Value: types.Value{Type: types.Text, Str: "x"}}
	root := &plan.Project{In: filter, Exprs: []plan.Expr{colOf(1, types.Text), text, colOf(0, types.Int8)}}
	root.Sch = schemaOf(types.Text, types.Text, types.Int8)
	var failed, rows []string
	g, err := Build(root, testContext(t, &failed), EmitterFunc(func(b *vec.Batch) error {
		checkBatch(t, b, columnTypes(root))
		for i := range b.N {
			rows = append(rows, fmt.Sprintf("%s %+d @%d", rowText(b, i), b.DiffAt(i), b.TimeAt(i)))
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range [][]opChange{
		{{"1|a", 1, 10}, {"0|b", 1, 20}, {"3|c", 1, 30}, {"-|d", 1, 40}, {"2|e", -2, 50}, {"0|f", -1, 60}},
		{{"1|g", 1, 70}, {"2|h", 1, 80}},
		{{"3|i", 1, 90}},
	} {
		if err := g.Push(0, batchOf(columnTypes(in), ch, true)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"a|x|1 +1 @10", "e|x|2 -2 @50", "g|x|1 +1 @70", "h|x|2 +1 @80"}; !slices.Equal(rows, want) {
		t.Errorf("%q", rows)
	}
	if want := []string{"filter 0|b: division by zero"}; !slices.Equal(failed, want) {
		t.Errorf("%q", failed)
	}
}

// In a pull query the first row that fails ends the query, for good.
func TestFailureEndsAPullQuery(t *testing.T) {
	root := &plan.Project{In: scanOf(true, types.Int8), Sch: schemaOf(types.Int8)}
	root.Exprs = []plan.Expr{callOf(t, "/", intConst(6), colOf(0, types.Int8))}
	ctx := testContext(t, nil)
	ctx.Pull = true
	g, err := Build(root, ctx, EmitterFunc(func(*vec.Batch) error { t.Error("a row came"); return nil }))
	if err != nil {
		t.Fatal(err)
	}
	var se *sqlerr.Error
	b := batchOf([]types.Type{types.Int8}, []opChange{{"1", 1, 0}, {"0", 1, 0}}, false)
	if err := g.Push(0, b); !errors.As(err, &se) || se.Code != sqlerr.DivisionByZero {
		t.Fatal(err)
	}
	if g.Push(0, b) == nil || g.Advance(NoFrontier) == nil {
		t.Error("the graph goes on")
	}
}

func TestConsolidate(t *testing.T) {
	ts := []types.Type{types.Numeric, types.Text}
	b := batchOf(ts, []opChange{
		{"1|a", 1, 5}, {"1.0|a", 1, 6}, {"1|a", 2, 4}, {"2|-", 1, 0}, {"1.0|a", -1, 9}, {"2|-", -3, 1},
	}, true)
	c := Consolidate(b)
	checkBatch(t, c, ts)
	if c.N != 2 || rowText(c, 0) != "1|a" || rowText(c, 1) != "2|-" || c.Diff[0] != 3 || c.Diff[1] != -2 ||
		c.Time[0] != 5 || c.Time[1] != 1 {
		t.Fatal(rowText(c, 0), rowText(c, 1), c.Diff, c.Time)
	}
	if same := Consolidate(c.Slice(0, 1)); same.N != 1 {
		t.Fatal(same.N)
	}
}

func BenchmarkConsolidate(b *testing.B) {
	var ch []opChange
	for i := range outRows {
		ch = append(ch, opChange{joinFields(i/2, "some text"), int32(1 - i%2*2), 0})
	}
	in := batchOf([]types.Type{types.Int8, types.Text}, ch, false)
	for b.Loop() {
		Consolidate(in)
	}
	b.ReportMetric(float64(in.N)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

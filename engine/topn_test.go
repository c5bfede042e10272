package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// naiveTop sorts (k, v) by k descending, NULLs last, then v, and cuts.
func naiveTop(in bag, offset, limit int) bag {
	var rows []row
	in.each(func(r row) { rows = append(rows, r) })
	slices.SortFunc(rows, func(a, b row) int {
		x, y := fieldsOf(a), fieldsOf(b)
		return cmp.Or(cmp.Compare(number(y[0]), number(x[0])), cmp.Compare(number(x[1]), number(y[1])))
	})
	out := bag{}
	for i, r := range rows {
		if i >= offset && (limit < 0 || i < offset+limit) {
			out.add(r, 1)
		}
	}
	return out
}

// number is a field as a number; NULL comes last where numbers descend.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

func testSort(offset, limit int) *plan.Sort {
	s := &plan.Sort{
		In: scanOf(false, types.Int8, types.Int8),
		By: []plan.SortKey{{X: colOf(0, types.Int8), Desc: true}, {X: colOf(1, types.Int8)}},
	}
	if offset > 0 {
		s.Offset = intConst(int64(offset))
	}
	if limit >= 0 {
		s.Limit = intConst(int64(limit))
	}
	return s
}

func TestTopHistories(t *testing.T) {
	for _, c := range []struct{ offset, limit int }{{0, 1}, {0, 3}, {2, 2}, {1, 0}, {2, -1}, {0, 100}} {
		for _, appendOnly := range []bool{false, true} {
			key := smallRows(true, 3)
			sort := testSort(c.offset, c.limit)
			sort.In.(*plan.Scan).Sch.AppendOnly = appendOnly
			h := history{
				plan: sort,
				rows: []*rapid.Generator[row]{rapid.Custom(func(t *rapid.T) row {
					return joinFields(key.Draw(t, "k"), rapid.IntRange(0, 2).Draw(t, "v"))
				})},
				appendOnly:   []bool{appendOnly},
				want:         func(in []bag) bag { return naiveTop(in[0], c.offset, c.limit) },
				consolidated: true,
			}
			t.Run(fmt.Sprint(c, appendOnly), h.run)
		}
	}
}

// pullRows runs a plan of one scan as a pull query and returns the rows in order.
func pullRows(t *testing.T, n plan.Node, batches ...[]opChange) (rows []row, g *Graph) {
	t.Helper()
	ctx := testContext(t, nil)
	ctx.Pull = true
	ts := columnTypes(n)
	g, err := Build(n, ctx, EmitterFunc(func(b *vec.Batch) error {
		checkBatch(t, b, ts)
		for i := range b.N {
			for range b.DiffAt(i) {
				rows = append(rows, rowText(b, i))
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := g.Push(0, batchOf(columnTypes(g.Scans()[0]), b, false)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Advance(NoFrontier); err != nil {
		t.Fatal(err)
	}
	return rows, g
}

func TestPullSorts(t *testing.T) {
	in := [][]opChange{{{"1|5", 1, 0}, {"3|1", 2, 0}, {"-|0", 1, 0}}, {{"3|0", 1, 0}, {"2|2", 1, 0}}}
	all := []row{"-|0", "3|0", "3|1", "3|1", "2|2", "1|5"}
	for offset := range 4 {
		for limit := -1; limit < 8; limit++ {
			s := testSort(offset, limit)
			s.By[0].NullsFirst = true
			got, _ := pullRows(t, s, in...)
			want := all[offset:]
			if limit >= 0 {
				want = want[:min(limit, len(want))]
			}
			if !slices.Equal(got, want) {
				t.Errorf("OFFSET %d LIMIT %d: %v, want %v", offset, limit, got, want)
			}
		}
	}
	if got, _ := pullRows(t, testSort(0, -1)); got != nil {
		t.Errorf("no rows give %v", got)
	}
}

// Rows beyond the limit are thrown away on the way without changing the answer.
func TestPullSortPrunes(t *testing.T) {
	var in [][]opChange
	for b := range 20 {
		var batch []opChange
		for i := range 3000 {
			batch = append(batch, opChange{joinFields((i*7919+b)%10007, b), 1, 0})
		}
		in = append(in, batch)
	}
	got, _ := pullRows(t, testSort(2, 3), in...)
	all, _ := pullRows(t, testSort(0, -1), in...)
	if len(all) != 60_000 || !slices.Equal(got, all[2:5]) {
		t.Fatal(len(all), got, all[:5])
	}
}

func TestLimitStopsReading(t *testing.T) {
	s := testSort(1, 2)
	s.By = nil
	got, g := pullRows(t, s,
		[]opChange{{"1|1", 1, 0}, {"2|2", 1, 0}}, nil, []opChange{{"3|3", 3, 0}}, []opChange{{"4|4", 1, 0}})
	if !slices.Equal(got, []row{"2|2", "3|3"}) || !g.Done() {
		t.Fatal(got, g.Done())
	}
	if got, g = pullRows(t, s, []opChange{{"1|1", 1, 0}, {"2|2", 1, 0}}); len(got) != 1 || g.Done() {
		t.Fatal(got, g.Done())
	}
}

func TestLimitOfAStreamSurvivesARestart(t *testing.T) {
	s := testSort(1, 2)
	s.By = nil
	s.In.(*plan.Scan).Sch.AppendOnly = true
	saved, rows := memoryStore{}, []row{}
	for step := range 4 {
		g, err := Build(s, testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
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
		if err := g.Push(0, batchOf(columnTypes(s.In), []opChange{{joinFields(step, step), 1, 0}}, false)); err != nil {
			t.Fatal(err)
		}
		if err := g.Advance(NoFrontier); err != nil {
			t.Fatal(err)
		}
		if err := g.Snapshot(saved.writer); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(rows, []row{"1|1", "2|2"}) {
		t.Fatal(rows)
	}
}

func TestLimitsThatCannotBe(t *testing.T) {
	s := testSort(0, 1)
	s.Limit = intConst(-1)
	if _, err := Build(s, testContext(t, nil), nil); err == nil || err.Error() != "LIMIT must not be negative" {
		t.Fatal(err)
	}
	s.Limit, s.Offset = nil, intConst(-1)
	if _, err := Build(s, testContext(t, nil), nil); err == nil || err.Error() != "OFFSET must not be negative" {
		t.Fatal(err)
	}
}

package engine

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// rowsOf are the rows that next gives, as bytes, each as often as it is there.
func rowsOf(next func() *vec.Batch) (rows []string) {
	for b := next(); b != nil; b = next() {
		for i := range b.N {
			for range b.DiffAt(i) {
				rows = append(rows, string(vec.AppendRow(nil, b.Cols, i)))
			}
		}
	}
	return rows
}

// The columns of a snapshot show its rows, whatever changed since those of the snapshot before, and a snapshot keeps
// showing its own.
func TestColumns(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		rel := &catalog.Relation{Kind: catalog.Table, Query: "q", Columns: []catalog.Column{
			{Name: "a", Type: types.Int8}, {Name: "b", Type: types.Text}, {Name: "c", Type: types.Numeric}}}
		if keyed {
			rel.Key = []int{0}
		}
		tab, r := newTable(rel), rand.New(rand.NewPCG(1, 2))
		budget := &columnBudget{limit: 4 << 20}
		b := vec.NewBatch(tab.types)
		change := func(id int64) {
			b.Reset()
			b.Cols[0].AppendInt(id)
			b.Cols[1].AppendString([]string{"x", "some text", ""}[r.IntN(3)])
			b.Cols[2].AppendDec(types.Decimal{Coef: r.Int64N(1000), Scale: 1})
			b.N = 1
			if keyed {
				tab.key = appendKey(tab.key[:0], b.Cols, rel.Key, 0)
				tab.replace(nil, b.Cols, 0, 0, r.IntN(10) == 0)
			} else {
				b.Diff = []int32{int32(1 + r.IntN(2))}
				tab.add(b, 0, nil)
			}
		}
		var before *snapshot
		var were []string
		for step := range 16 {
			for range []int{0, 1, 3, 9000, 20000}[r.IntN(4)] {
				change(r.Int64N(int64(1+step) * 4000))
			}
			s := tab.snapshot()
			s.cols = tab.withColumns(s, budget)
			if s.cols == nil {
				continue
			}
			want := []bool{r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0}
			reader := snapshotReader{rel: rel, types: s.types, rows: s.rows, want: want}
			now := rowsOf(func() *vec.Batch { b, _ := reader.read(1000); return pruned(b, want) })
			next := s.cols.scan(s, want)
			if got := rowsOf(func() *vec.Batch { return pruned(next(), want) }); !slices.Equal(got, now) {
				t.Fatalf("step %d: %d rows by columns, %d by keys, or others", step, len(got), len(now))
			}
			if before != nil {
				next := before.cols.scan(before, []bool{true, true, true})
				if got := rowsOf(next); !slices.Equal(got, were) {
					t.Fatalf("step %d: the snapshot before shows %d rows, had %d, or others", step, len(got), len(were))
				}
			}
			before, were = s, rowsOf(s.cols.scan(s, []bool{true, true, true}))
			if used := budget.used.Load(); used > budget.limit {
				t.Fatalf("%d bytes of %d are used", used, budget.limit)
			}
		}
		runtime.KeepAlive(tab)
		if budget.used.Load() == 0 {
			t.Fatal("nothing was kept")
		}
		tab, before = nil, nil
		for deadline := time.Now().Add(10 * time.Second); budget.used.Load() > 0; runtime.Gosched() {
			if runtime.GC(); time.Now().After(deadline) {
				t.Fatalf("%d bytes are still counted when all is gone", budget.used.Load())
			}
		}
	}
}

// pruned takes the columns away that are not wanted: chunks may have more.
func pruned(b *vec.Batch, want []bool) *vec.Batch {
	if b == nil {
		return nil
	}
	out := &vec.Batch{N: b.N, Diff: b.Diff}
	for i, c := range b.Cols {
		if !want[i] {
			c = nil
		}
		out.Cols = append(out.Cols, c)
	}
	return out
}

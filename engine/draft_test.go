package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// TestDrafts changes a difference at random while drafts of it are written: what they come to is what is written of it
// all at once.
func TestDrafts(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		rel := &catalog.Relation{Name: "t", Query: "q", Key: []int{1}, KeyFormat: "JSON", ValueFormat: "JSON",
			Columns: []catalog.Column{{Name: "v", Type: types.Int4}, {Name: "k", Type: types.Int8}}}
		if seed%3 == 0 {
			rel.Key = nil
		}
		op := &differenceOp{rows: state.NewMap(), keys: rel.Key}
		w := &drafter{op: op, types: []types.Type{types.Int4, types.Int8}, shared: 2, counted: rel.Key == nil,
			enc: mustEncoder(rel), builders: make([]log.Builder, 1+seed%2), records: allRecords}
		rows := [2]map[int64]int64{{}, {}} // of each relation: the value of a key
		for range 150 {
			for range r.IntN(200) {
				k := r.Int64N(6000)
				for port := range rows {
					if r.IntN(3) > 0 {
						change(t, op, port, rows[port], k, r.Int64N(3))
					}
				}
			}
			if err := op.Advance(NoFrontier, nil); err != nil {
				t.Fatal(err)
			}
			for range r.IntN(8) {
				w.next()
			}
			if r.IntN(10) == 0 {
				list := op.list
				got := swapText(w)
				op.list = nil
				if want := swapText(w); got != want {
					t.Fatalf("seed %d: with %d drafts\n%s\nnot\n%s", seed, len(list), got, want)
				}
				op.list = list
			}
		}
	}
}

// change gives a key of one relation another value, or none.
func change(t *testing.T, op *differenceOp, port int, rows map[int64]int64, k, v int64) {
	b := vec.NewBatch([]types.Type{types.Int4, types.Int8})
	put := func(v int64, diff int32) {
		b.Cols[0].AppendInt(v)
		b.Cols[1].AppendInt(k)
		b.Diff, b.Time, b.N = append(b.Diff, diff), append(b.Time, 7), b.N+1
	}
	if old, ok := rows[k]; ok {
		put(old, -1)
	}
	if delete(rows, k); v > 0 {
		rows[k] = v
		put(v, 1)
	}
	if err := op.Process(port, b, nil); err != nil {
		t.Fatal(err)
	}
}

func swapText(w *drafter) string {
	var s strings.Builder
	changes, records := w.all()
	for i := range changes.N {
		fmt.Fprintln(&s, changes.DiffAt(i), changes.Cols[0].Int[i], changes.Cols[1].Int[i])
	}
	for _, r := range records {
		fmt.Fprintf(&s, "%d %d %x\n", r.part, r.n, r.batch)
	}
	return s.String()
}

package engine

import (
	"testing"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// TestChangesOfAStepDiffer lets a relation have changes with event times, keys, both and neither in one step, as when
// a swap that compared times ends and nobody reads them: push queries get all rows, whatever came first.
func TestChangesOfAStepDiffer(t *testing.T) {
	rel := &catalog.Relation{Kind: catalog.View, Key: []int{0}, Columns: []catalog.Column{
		{Name: "k", Type: types.Int8}, {Name: "v", Type: types.Int8}}}
	shapes := [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}}
	for _, first := range shapes {
		for _, then := range shapes {
			src := &source{rel: rel, rows: newTable(rel), taps: map[*tap]struct{}{{}: {}}}
			for i, with := range [][2]bool{first, then} {
				cols := []*vec.Column{vec.NewColumn(types.Int8), vec.NewColumn(types.Int8)}
				cols[0].AppendInt(int64(i))
				cols[1].AppendInt(7)
				src.rows.key = appendKey(src.rows.key[:0], cols, rel.Key, 0)
				changes := src.rows.newChanges(with[0], with[1])
				src.rows.replace(changes, cols, 0, 1000, false)
				src.publish(changes)
			}
			width := 2
			if first[0] && then[0] {
				width++
			}
			if got := src.changes; got.N != 2 || len(got.Cols) != width || got.Cols[0].Int[1] != 1 {
				t.Errorf("%v, then %v: %d rows of %d columns, want 2 of %d", first, then, got.N, len(got.Cols), width)
			}
		}
	}
}

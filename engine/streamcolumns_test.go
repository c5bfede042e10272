package engine

import (
	"testing"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// TestDroppedStreamKeepsNothing drops one of two streams of which pieces are kept: its memory is free, the other's is not.
func TestDroppedStreamKeepsNothing(t *testing.T) {
	s := &streamColumns{budget: &columnBudget{limit: 1 << 20}, kept: map[uint32]*keptStream{}}
	used := []int64{0}
	var scans []*plan.Scan
	for i := range 2 {
		scan := &plan.Scan{Rel: &catalog.Relation{ID: uint32(i)}, Cols: []int{0}}
		col := vec.NewColumn(types.Int8)
		for k := range 100 {
			col.AppendInt(int64(k))
		}
		if !s.keep(scan, 7, 0, 100, &chunk{cols: []*vec.Column{col}, n: 100}) {
			t.Fatal("not kept")
		}
		scans, used = append(scans, scan), append(used, s.budget.used.Load())
	}
	s.drop(0)
	s.drop(3)
	if got, want := s.budget.used.Load(), used[2]-used[1]; got != want || s.used != want || want == 0 {
		t.Errorf("%d and %d bytes are used, not %d", got, s.used, want)
	}
	for i, scan := range scans {
		if p, _ := s.find(scan, 7, 0, 100); (p != nil) != (i == 1) {
			t.Errorf("stream %d: %v", i, p)
		}
	}
}

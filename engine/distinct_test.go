package engine

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
)

func TestDistinctHistories(t *testing.T) {
	h := history{
		plan:       &plan.Distinct{In: scanOf(false, types.Int8, types.Text)},
		rows:       []*rapid.Generator[row]{smallRows(true, 2, 1)},
		appendOnly: []bool{false},
		want: func(in []bag) bag {
			out := bag{}
			for r := range in[0] {
				out.add(r, 1)
			}
			return out
		},
		consolidated: true,
	}
	h.run(t)
}

// Of 1, 1.0 and 1.00 one is given: the shortest that is there.
func TestDistinctOfEqualRowsThatDiffer(t *testing.T) {
	forms := []row{"1", "1.0", "1.00", "2", "2.0", "-"}
	h := history{
		plan:       &plan.Distinct{In: scanOf(false, types.Numeric)},
		rows:       []*rapid.Generator[row]{rapid.SampledFrom(forms)},
		appendOnly: []bool{false},
		want: func(in []bag) bag {
			out := bag{}
			for _, class := range [][]row{forms[:3], forms[3:5], forms[5:]} {
				for _, r := range class {
					if in[0][r] > 0 {
						out.add(r, 1)
						break
					}
				}
			}
			return out
		},
		consolidated: true,
	}
	h.run(t)
}

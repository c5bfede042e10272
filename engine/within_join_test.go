package engine

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
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

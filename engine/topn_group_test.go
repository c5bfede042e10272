package engine

import (
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// The first rows of groups are those whose rank, as a window function gives it, is small enough.
func TestGroupTopHistories(t *testing.T) {
	for rank, name := range []string{"row_number", "rank", "dense_rank"} {
		for _, limit := range []int64{1, 3} {
			for _, number := range []bool{false, true} {
				for _, appendOnly := range []bool{false, true} {
					h := groupTopHistory(t, plan.Rank(rank), name, limit, number, appendOnly)
					t.Run(fmt.Sprint(name, limit, number, appendOnly), h.run)
				}
			}
		}
	}
}

func groupTopHistory(t *testing.T, rank plan.Rank, name string, limit int64, number, appendOnly bool) history {
	in := scanOf(appendOnly, types.Int8, types.Int8, types.Int8)
	by := []plan.Expr{colOf(0, types.Int8)}
	order := []plan.SortKey{{X: colOf(1, types.Int8), Desc: true}}
	f, _, ret, err := fn.ResolveWindow(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := &plan.WindowAgg{In: in, Sch: schemaOf(types.Int8, types.Int8, types.Int8, types.Int8)}
	all.Funcs = []plan.WindowFunc{{Fn: f, Partition: by, Order: order, Type: ret}}
	root := &plan.GroupTop{In: in, By: by, Order: order, Rank: rank, Limit: limit, Number: number, Sch: all.Sch}
	if !number {
		root.Sch = schemaOf(types.Int8, types.Int8, types.Int8)
	}
	return history{
		plan:       root,
		rows:       []*rapid.Generator[row]{smallRows(true, 1, 3, 2)},
		appendOnly: []bool{appendOnly},
		want: func(in []bag) bag {
			out := bag{}
			for r, n := range atOnce(t, all, in[0]) {
				f := fieldsOf(r)
				if k, _ := strconv.ParseInt(f[3], 10, 64); k > limit {
					continue
				}
				if !number {
					f = f[:3]
				}
				out.add(joinFields(anys(f)...), n)
			}
			return out
		},
		consolidated: true,
	}
}

func anys(fields []string) []any {
	out := make([]any, len(fields))
	for i, f := range fields {
		out[i] = f
	}
	return out
}

package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// runWindow runs rows (event time, stream time) through a window and returns its rows and its failures.
func runWindow(t *testing.T, kind string, size, advance, grace int64, in ...row) (rows []row, failed []string) {
	t.Helper()
	n := &plan.Window{
		In: scanOf(true, types.Int8, types.Int8), Kind: kind, Size: size, Advance: advance, Grace: grace,
		Time: 0, StreamTime: 1,
		Sch: schemaOf(types.Int8, types.Int8, types.Int8, types.Int8),
	}
	g, err := Build(n, testContext(t, &failed), EmitterFunc(func(b *vec.Batch) error {
		checkBatch(t, b, columnTypes(n))
		for i := range b.N {
			rows = append(rows, rowText(b, i))
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	var changes []opChange
	for _, r := range in {
		changes = append(changes, opChange{r, 1, 0})
	}
	if err := g.Push(0, batchOf(columnTypes(n.In), changes, true)); err != nil {
		t.Fatal(err)
	}
	return rows, failed
}

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		kind                 string
		size, advance, grace int64
		in, want             []row
		failed               []string
	}{
		{"TUMBLING", 10, 10, -1, []row{"0|0", "9|9", "10|10", "-1|10", "-10|10", "-11|10"},
			[]row{"0|0|0|10", "9|9|0|10", "10|10|10|20", "-1|10|-10|0", "-10|10|-10|0", "-11|10|-20|-10"}, nil},
		// closed when end + grace <= stream time
		{"TUMBLING", 10, 10, 5, []row{"3|14", "3|15", "4|16"}, []row{"3|14|0|10"},
			[]string{"window 3|15: late: window [0,10) closed", "window 4|16: late: window [0,10) closed"}},
		{"TUMBLING", 10, 10, 0, []row{"9|9", "9|10"}, []row{"9|9|0|10"}, []string{"window 9|10: late: window [0,10) closed"}},
		{"TUMBLING", 10, 10, -1, []row{"-|0", "1|1", "4611686018427387904|0"}, []row{"1|1|0|10"}, []string{
			"window -|0: event time is NULL: the row is in no window",
			"window 4611686018427387904|0: event time 4611686018427387904 ms is out of range"}},
		{"HOPPING", 10, 4, -1, []row{"13|13", "3|3", "-3|0"},
			[]row{"13|13|4|14", "13|13|8|18", "13|13|12|22", "3|3|0|10", "-3|0|-12|-2", "-3|0|-8|2", "-3|0|-4|6"}, nil},
		{"HOPPING", 10, 5, 0, []row{"12|15", "12|20"}, []row{"12|15|10|20"},
			[]string{"window 12|15: late: window [5,15) closed", "window 12|20: late: window [5,15) closed"}},
	} {
		t.Run(fmt.Sprintf("%s %d %d %d %v", c.kind, c.size, c.advance, c.grace, c.in), func(t *testing.T) {
			rows, failed := runWindow(t, c.kind, c.size, c.advance, c.grace, c.in...)
			if !slices.Equal(rows, c.want) || !slices.Equal(failed, c.failed) {
				t.Fatalf("rows %v\nwant %v\nfailed %q\nwant   %q", rows, c.want, failed, c.failed)
			}
		})
	}
}

func TestWindowsThatCannotBe(t *testing.T) {
	for _, n := range []*plan.Window{
		{Kind: "TUMBLING"}, {Kind: "HOPPING", Size: 5, Advance: 6}, {Kind: "SESSION"}, {Kind: "SLIDING", Size: 5, Advance: 5},
	} {
		n.In = scanOf(true, types.Int8)
		if _, err := Build(n, testContext(t, nil), nil); err == nil {
			t.Errorf("%+v is accepted", n)
		}
	}
}

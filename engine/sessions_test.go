package engine

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// sessionsOf is SESSION(t PARTITION BY c0, c1, gap 3) over rows of a key, a time and something more.
func sessionsOf() *plan.Window {
	return &plan.Window{In: scanOf(false, types.Int8, types.Int8, types.Int8), Kind: "SESSION", Size: 3, Grace: -1,
		Time: 1, StreamTime: -1, By: []plan.Expr{colOf(0, types.Int8)}, Of: types.Int8,
		Sch: schemaOf(types.Int8, types.Int8, types.Int8, types.Int8, types.Int8)}
}

// naiveSessions computes the sessions of all rows anew.
func naiveSessions(in bag) bag {
	at := map[string][]int{}
	for r := range in {
		f := fieldsOf(r)
		t, _ := strconv.Atoi(f[1])
		at[f[0]] = append(at[f[0]], t)
	}
	out := bag{}
	for r, n := range in {
		f := fieldsOf(r)
		times := at[f[0]]
		slices.Sort(times)
		t, _ := strconv.Atoi(f[1])
		start, end := t, t
		for i := len(times) - 1; i >= 0; i-- {
			if times[i] <= start && start-times[i] <= 3 {
				start = times[i]
			}
		}
		for _, u := range times {
			if u >= end && u-end <= 3 {
				end = u
			}
		}
		out.add(joinFields(r, start, end+3), n)
	}
	return out
}

// Whatever comes and goes, in whatever order, every row is in the session that all the rows together make.
func TestSessionHistories(t *testing.T) {
	h := history{
		plan:         sessionsOf(),
		rows:         []*rapid.Generator[row]{smallRows(false, 1, 30, 1)},
		appendOnly:   []bool{false},
		want:         func(in []bag) bag { return naiveSessions(in[0]) },
		consolidated: true,
	}
	h.run(t)
}

// Sessions of a stream close: their rows are forgotten, and what comes for them later is late.
func TestSessionsClose(t *testing.T) {
	n := &plan.Window{In: scanOf(true, types.Int8, types.Int8), Kind: "SESSION", Size: 10, Grace: 5, Time: 0,
		StreamTime: 1, Sch: schemaOf(types.Int8, types.Int8, types.Int8, types.Int8)}
	var failed []string
	var rows []row
	g, err := Build(n, testContext(t, &failed), EmitterFunc(func(b *vec.Batch) error {
		for i := range b.N {
			rows = append(rows, joinFields(b.DiffAt(i), rowText(b, i)))
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	step := func(frontier int64, in ...row) []row {
		rows = nil
		var changes []opChange
		for _, r := range in {
			changes = append(changes, opChange{r, 1, 0})
		}
		if err := g.Push(0, batchOf(columnTypes(n.In), changes, true)); err != nil {
			t.Fatal(err)
		}
		if err := g.Advance(frontier); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	expect := func(got []row, want ...row) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
	}
	expect(step(4, "0|0", "4|4"), "1|0|0|0|4", "1|4|4|0|4")
	expect(step(19, "19|19"), "1|19|19|19|19")
	expect(step(19, "9|19"), "-1|0|0|0|4", "-1|4|4|0|4", "-1|19|19|19|19", "1|0|0|0|19", "1|4|4|0|19", "1|19|19|0|19",
		"1|9|19|0|19")
	expect(step(34, "34|34", "5|34"), "1|34|34|34|34", "1|5|34|0|19") // 5 is in a session that is still open
	if op := g.nodes[0].op.(*sessionOp); op.rows.Len() == 0 {
		t.Fatal("everything is forgotten")
	}
	expect(step(90, "90|90", "19|90", "40|90"), "1|90|90|90|90")
	if want := []string{"window 19|90: late: session [0,19] closed", "window 40|90: late: session at 40 closed"}; !slices.Equal(failed, want) {
		t.Fatalf("failed %q\nwant %q", failed, want)
	}
	if op := g.nodes[0].op.(*sessionOp); op.rows.Len() != 2 || op.ends.Len() != 1 {
		t.Fatalf("%d keys and %d ends are kept", op.rows.Len(), op.ends.Len())
	}
}

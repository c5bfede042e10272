package engine

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// agg is a call of an aggregate function.
func agg(t testing.TB, name string, args ...plan.Expr) plan.Agg {
	t.Helper()
	f, _, ret, err := fn.ResolveAggregate(name, exprTypes(args))
	if err != nil {
		t.Fatal(err)
	}
	return plan.Agg{Fn: f, Args: args, Type: ret}
}

// testAggregate groups (k, v, b bool) by the first keys columns: count(*), sum(v), min(v), count(DISTINCT v),
// count(v) FILTER (WHERE b).
func testAggregate(t testing.TB, appendOnly bool, key types.Type, keys int, global bool) *plan.Aggregate {
	in := scanOf(appendOnly, key, types.Int4, types.Bool)
	v := colOf(1, types.Int4)
	n := &plan.Aggregate{In: in, Global: global}
	var ts []types.Type
	for i := range keys {
		n.Keys = append(n.Keys, colOf(i, in.Sch.Cols[i].Type))
		ts = append(ts, in.Sch.Cols[i].Type)
	}
	n.Aggs = []plan.Agg{agg(t, "count"), agg(t, "sum", v), agg(t, "min", v), agg(t, "count", v), agg(t, "count", v)}
	n.Aggs[3].Distinct = true
	n.Aggs[4].Filter = colOf(2, types.Bool)
	for _, a := range n.Aggs {
		ts = append(ts, a.Type)
	}
	n.Sch = schemaOf(ts...)
	return n
}

// naiveGroup is what testAggregate gives for the rows of one group.
func naiveGroup(rows []row) string {
	var sum, filtered int
	var values []int
	for _, r := range rows {
		f := fieldsOf(r)
		v, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		values = append(values, v)
		sum += v
		if f[2] == "t" {
			filtered++
		}
	}
	if len(values) == 0 {
		return joinFields(len(rows), "-", "-", 0, 0)
	}
	slices.Sort(values)
	return joinFields(len(rows), sum, values[0], len(slices.Compact(values)), filtered)
}

func naiveAggregate(in bag, keys int, global bool) bag {
	groups := map[row][]row{}
	if global {
		groups[""] = nil
	}
	in.each(func(r row) {
		var key []any
		for _, f := range fieldsOf(r)[:keys] {
			key = append(key, f)
		}
		k := joinFields(key...)
		groups[k] = append(groups[k], r)
	})
	out := bag{}
	for k, rows := range groups {
		if keys > 0 {
			k += "|"
		}
		out.add(k+naiveGroup(rows), 1)
	}
	return out
}

func aggRows() *rapid.Generator[row] {
	kv := smallRows(true, 3, 4)
	return rapid.Custom(func(t *rapid.T) row {
		return joinFields(kv.Draw(t, "kv"), rapid.SampledFrom([]string{"t", "f", "-"}).Draw(t, "b"))
	})
}

func TestAggregateHistories(t *testing.T) {
	for _, key := range []types.Type{types.Int8, types.Text, types.Numeric} {
		for keys := range 3 {
			for _, appendOnly := range []bool{false, true} {
				for _, global := range []bool{false, true} {
					if global != (keys == 0) || keys == 0 && key != types.Int8 {
						continue
					}
					name := fmt.Sprintf("%v/keys=%d append=%v", key, keys, appendOnly)
					t.Run(name, func(t *testing.T) {
						h := history{
							plan:         testAggregate(t, appendOnly, key, keys, global),
							rows:         []*rapid.Generator[row]{aggRows()},
							appendOnly:   []bool{appendOnly},
							want:         func(in []bag) bag { return naiveAggregate(in[0], keys, global) },
							consolidated: true,
						}
						h.run(t)
					})
				}
			}
		}
	}
}

// Groups of 1.0 and 1.00 are one, under the name that came first.
func TestGroupsOfEqualKeysThatDiffer(t *testing.T) {
	n := &plan.Aggregate{In: scanOf(false, types.Numeric), Keys: []plan.Expr{colOf(0, types.Numeric)}}
	n.Aggs = []plan.Agg{agg(t, "count")}
	n.Sch = schemaOf(types.Numeric, types.Int8)
	rows, _ := pullRows(t, n, []opChange{{"1.0", 1, 0}, {"-", 1, 0}, {"1.00", 1, 0}}, []opChange{{"1", 1, 0}, {"-", 1, 0}})
	if !slices.Equal(rows, []row{"1.0|3", "-|2"}) {
		t.Fatal(rows)
	}
}

// The event time of a group is the latest of its rows.
func TestAggregateTime(t *testing.T) {
	n := testAggregate(t, true, types.Int8, 1, false)
	var times []int64
	g, err := Build(n, testContext(t, nil), EmitterFunc(func(b *vec.Batch) error {
		times = append(times, b.Time...)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ts := columnTypes(n.In)
	for _, ch := range [][]opChange{{{"1|1|t", 1, 7}, {"1|1|t", 1, 5}, {"2|1|t", 1, -3}}, {{"1|1|t", 1, 6}}} {
		if err := g.Push(0, batchOf(ts, ch, true)); err != nil {
			t.Fatal(err)
		}
		if err := g.Advance(NoFrontier); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(times, []int64{7, -3, 7, 7}) {
		t.Fatal(times)
	}
}

// A row whose key or argument fails is set aside and changes nothing; its retraction passes in silence.
func TestAggregateSetsFailedRowsAside(t *testing.T) {
	in := scanOf(false, types.Int8, types.Int8)
	n := &plan.Aggregate{In: in, Keys: []plan.Expr{colOf(0, types.Int8)}}
	n.Aggs = []plan.Agg{agg(t, "max", callOf(t, "/", intConst(12), colOf(1, types.Int8))), agg(t, "count")}
	n.Sch = schemaOf(types.Int8, types.Int8, types.Int8)
	var failed []string
	total := bag{}
	g, err := Build(n, testContext(t, &failed), EmitterFunc(func(b *vec.Batch) error {
		for i := range b.N {
			total.add(rowText(b, i), int64(b.DiffAt(i)))
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range [][]opChange{{{"1|3", 1, 0}, {"1|0", 1, 0}, {"2|0", 1, 0}}, {{"2|0", -1, 0}, {"1|6", 1, 0}}} {
		if err := g.Push(0, batchOf(columnTypes(in), ch, false)); err != nil {
			t.Fatal(err)
		}
		if err := g.Advance(NoFrontier); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(failed) != "[aggregate 1|0: division by zero aggregate 2|0: division by zero]" {
		t.Error(failed)
	}
	if fmt.Sprint(total) != "map[1|4|2:1]" {
		t.Error(total)
	}
}

func TestAggregateRefusesForeignState(t *testing.T) {
	op, err := newAggregate(testAggregate(t, false, types.Int8, 1, false), testContext(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range [][2]string{{"", ""}, {"\x00", ""}, {"\x00\x01\x02", ""}, {"\x00\x01\x02", "\x02\x02\x7f"}} {
		if op.Restore([]byte(kv[0]), []byte(kv[1])) == nil {
			t.Errorf("%q = %q is accepted", kv[0], kv[1])
		}
	}
}

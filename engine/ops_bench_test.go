package engine

import (
	"fmt"
	"testing"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// benchGraph pushes batches of outRows rows into scan 0 of a plan, a step each, and reports rows a second.
func benchGraph(b *testing.B, root plan.Node, prepare func(g *Graph), batches []*vec.Batch) {
	b.Helper()
	g, err := Build(root, testContext(b, nil), EmitterFunc(func(*vec.Batch) error { return nil }))
	if err != nil {
		b.Fatal(err)
	}
	if prepare != nil {
		prepare(g)
	}
	rows := 0
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		in := batches[i%len(batches)]
		rows += in.N
		if err := g.Push(0, in); err != nil {
			b.Fatal(err)
		}
		if err := g.Advance(NoFrontier); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(0, "ns/op")
}

// benchBatches makes batches of (k, v, t): k takes keys values, t grows by a millisecond a row.
func benchBatches(key types.Type, keys, batches int) []*vec.Batch {
	var out []*vec.Batch
	n := 0
	for range batches {
		in := vec.NewBatch([]types.Type{key, types.Int8, types.Int8})
		for range outRows {
			k := int64(uint64(n) * 0x9e3779b97f4a7c15 >> 20 % uint64(keys))
			if key == types.Text {
				in.Cols[0].AppendString(fmt.Sprintf("airport-%d", k))
			} else {
				in.Cols[0].AppendInt(k)
			}
			in.Cols[1].AppendInt(int64(n % 1000))
			in.Cols[2].AppendInt(int64(n))
			in.Time = append(in.Time, int64(n))
			n++
		}
		in.N = outRows
		out = append(out, in)
	}
	return out
}

// benchScan is the scan that benchBatches feeds.
func benchScan(key types.Type) *plan.Scan { return scanOf(true, key, types.Int8, types.Int8) }

func BenchmarkFilterProject(b *testing.B) {
	in := benchScan(types.Text)
	filter := &plan.Filter{In: in, Cond: callOf(b, "<", colOf(1, types.Int8), intConst(500))}
	root := &plan.Project{In: filter, Sch: schemaOf(types.Text, types.Int8)}
	root.Exprs = []plan.Expr{colOf(0, types.Text), callOf(b, "+", colOf(1, types.Int8), intConst(1))}
	benchGraph(b, root, nil, benchBatches(types.Text, 1000, 16))
}

func BenchmarkWindowedCount(b *testing.B) {
	for _, key := range []types.Type{types.Int8, types.Text} {
		for _, keys := range []int{100, 1000, 100_000} {
			b.Run(fmt.Sprintf("%v/keys=%d", key, keys), func(b *testing.B) {
				in := benchScan(key)
				win := &plan.Window{In: in, Kind: "TUMBLING", Size: 60_000, Advance: 60_000, Grace: -1, Time: 2, StreamTime: 2}
				win.Sch = schemaOf(key, types.Int8, types.Int8, types.Int8, types.Int8)
				win.Sch.AppendOnly = true
				root := &plan.Aggregate{In: win, Aggs: []plan.Agg{agg(b, "count")}}
				root.Keys = []plan.Expr{colOf(0, key), colOf(3, types.Int8), colOf(4, types.Int8)}
				root.Sch = schemaOf(key, types.Int8, types.Int8, types.Int8)
				benchGraph(b, root, nil, benchBatches(key, keys, 64))
			})
		}
	}
}

func BenchmarkAggregate(b *testing.B) {
	for _, keys := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			v := colOf(1, types.Int8)
			root := &plan.Aggregate{In: benchScan(types.Int8), Keys: []plan.Expr{colOf(0, types.Int8)}}
			root.Aggs = []plan.Agg{agg(b, "count"), agg(b, "sum", v), agg(b, "min", v), agg(b, "avg", v)}
			root.Sch.Cols = schemaOf(types.Int8).Cols
			for _, a := range root.Aggs {
				root.Sch.Cols = append(root.Sch.Cols, plan.Column{Type: a.Type})
			}
			benchGraph(b, root, nil, benchBatches(types.Int8, keys, 1024))
		})
	}
}

func BenchmarkLookupJoin(b *testing.B) {
	for _, keys := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			j := &plan.Join{Left: benchScan(types.Int8), Right: scanOf(false, types.Int8, types.Text), Lookup: true}
			j.LeftKeys, j.RightKeys = []plan.Expr{colOf(0, types.Int8)}, []plan.Expr{colOf(0, types.Int8)}
			j.Sch = schemaOf(types.Int8, types.Int8, types.Int8, types.Int8, types.Text)
			benchGraph(b, j, func(g *Graph) {
				right := vec.NewBatch(columnTypes(j.Right))
				for k := range keys {
					right.Cols[0].AppendInt(int64(k))
					right.Cols[1].AppendString(fmt.Sprintf("the city of airport %d", k))
				}
				right.N = keys
				if err := g.Push(1, right); err != nil {
					b.Fatal(err)
				}
			}, benchBatches(types.Int8, keys, 64))
		})
	}
}

// BenchmarkJoin changes the left side of a table-table join: every batch is taken back by the next.
func BenchmarkJoin(b *testing.B) {
	const keys = 100_000
	j := &plan.Join{Left: scanOf(false, types.Int8, types.Int8, types.Int8), Right: scanOf(false, types.Int8, types.Text)}
	j.LeftKeys, j.RightKeys = []plan.Expr{colOf(0, types.Int8)}, []plan.Expr{colOf(0, types.Int8)}
	j.Sch = schemaOf(types.Int8, types.Int8, types.Int8, types.Int8, types.Text)
	var in []*vec.Batch
	for _, batch := range benchBatches(types.Int8, keys, 32) {
		back := *batch
		for range batch.N {
			back.Diff = append(back.Diff, -1)
		}
		in = append(in, batch, &back)
	}
	benchGraph(b, j, func(g *Graph) {
		right := vec.NewBatch(columnTypes(j.Right))
		for k := range keys {
			right.Cols[0].AppendInt(int64(k))
			right.Cols[1].AppendString(fmt.Sprintf("the city of airport %d", k))
		}
		right.N = keys
		if err := g.Push(1, right); err != nil {
			b.Fatal(err)
		}
	}, in)
}

func BenchmarkDistinct(b *testing.B) {
	in := benchScan(types.Text)
	pick := &plan.Project{In: in, Exprs: []plan.Expr{colOf(0, types.Text)}, Sch: schemaOf(types.Text)}
	benchGraph(b, &plan.Distinct{In: pick}, nil, benchBatches(types.Text, 1000, 16))
}

func BenchmarkTop10(b *testing.B) {
	root := &plan.Sort{In: benchScan(types.Int8), Limit: intConst(10)}
	root.By = []plan.SortKey{{X: colOf(1, types.Int8), Desc: true}}
	benchGraph(b, root, nil, benchBatches(types.Int8, 1000, 64))
}

// BenchmarkOver appends to partitions that grow: a batch of rows at the end of each, in a step of its own.
func BenchmarkOver(b *testing.B) {
	for _, name := range []string{"row_number", "sum", "lag", "count of 100 rows", "last hour"} {
		for _, keys := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/keys=%d", name, keys), func(b *testing.B) {
				root := benchOver(b, name)
				benchGraph(b, root, nil, growingBatches(keys, 1000))
			})
		}
	}
}

func benchOver(b *testing.B, name string) plan.Node {
	b.Helper()
	v, t := colOf(1, types.Int8), colOf(2, types.Int8)
	f := plan.WindowFunc{Partition: []plan.Expr{colOf(0, types.Int8)}, Order: []plan.SortKey{{X: t}}}
	f.Frame = plan.Frame{Unit: "RANGE", Lo: plan.Bound{Kind: "UNBOUNDED PRECEDING"}, Hi: plan.Bound{Kind: "CURRENT ROW"}}
	var err error
	switch name {
	case "row_number":
		f.Fn, _, f.Type, err = fn.ResolveWindow(name, nil)
	case "lag":
		f.Args = []plan.Expr{v}
		f.Fn, _, f.Type, err = fn.ResolveWindow(name, exprTypes(f.Args))
	default:
		f.Args = []plan.Expr{v}
		f.Agg, _, f.Type, err = fn.ResolveAggregate("sum", exprTypes(f.Args))
	}
	if err != nil {
		b.Fatal(err)
	}
	switch name {
	case "count of 100 rows":
		f.Frame = plan.Frame{Unit: "ROWS", Lo: plan.Bound{Kind: "PRECEDING", X: intConst(99)}, Hi: f.Frame.Hi}
	case "last hour":
		f.Frame.Lo = plan.Bound{Kind: "PRECEDING", X: intConst(1000)}
	}
	in := benchScan(types.Int8)
	return &plan.WindowAgg{In: in, Funcs: []plan.WindowFunc{f},
		Sch: plan.Schema{Cols: append(in.Sch.Cols[:3:3], plan.Column{Name: "f", Type: f.Type})}}
}

// growingBatches makes batches of (k, v, t), of which t only grows.
func growingBatches(keys, batches int) []*vec.Batch {
	out := benchBatches(types.Int8, keys, batches)
	for i, b := range out {
		b.Time = nil
		for k := range b.N {
			b.Cols[2].Int[k] = int64(i*b.N + k)
		}
	}
	return out
}

package eval_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

func col(i int, t types.Type) *plan.Col { return &plan.Col{Index: i, Typ: t} }

func intConst(v int64) plan.Expr {
	return &plan.Const{Value: types.Value{Type: types.Int4, Int: v}}
}

func op(name string, args ...plan.Expr) plan.Expr {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type()
	}
	f, params, ret, err := fn.ResolveOperator(name, ts)
	if err != nil {
		panic(err)
	}
	c := makeCall(f, params, ret, args).(*plan.Call)
	c.Pos = 7
	return c
}

// intBatch makes a batch of int4 columns; nil is NULL.
func intBatch(cols ...[]any) *vec.Batch {
	b := &vec.Batch{N: len(cols[0])}
	for _, vals := range cols {
		c := vec.NewColumn(types.Int4)
		for _, v := range vals {
			if v == nil {
				c.AppendNull()
			} else {
				c.AppendInt(int64(v.(int)))
			}
		}
		b.Cols = append(b.Cols, c)
	}
	return b
}

// run evaluates and prints all rows: values, NULL, or ! and the SQLSTATE.
func run(t *testing.T, e plan.Expr, b *vec.Batch) string {
	t.Helper()
	p, err := eval.Compile(e)
	if err != nil {
		t.Fatal(err)
	}
	var last string
	for range 2 { // the second time in used memory
		out, errs := p.Eval(testEnv(), b)
		var rows []string
		for i := range b.N {
			switch v := out.Value(out.At(i)); {
			case errs[i] != nil:
				rows = append(rows, "!"+string(sqlerr.From(errs[i]).Code))
			case v.Null:
				rows = append(rows, "NULL")
			default:
				rows = append(rows, show(v))
			}
		}
		s := strings.Join(rows, " ")
		if last != "" && s != last {
			t.Fatalf("first %s, then %s", last, s)
		}
		last = s
	}
	return last
}

func TestEval(t *testing.T) {
	x, y := col(0, types.Int4), col(1, types.Int4)
	b := intBatch([]any{6, 0, nil, 3, 8}, []any{2, 0, 0, nil, 0})
	div := op("/", x, y)
	zero := op("=", y, intConst(0))
	positive := op(">", div, intConst(0))
	null := &plan.Const{Value: types.NullOf(types.Bool)}
	for _, c := range []struct {
		name string
		e    plan.Expr
		want string
	}{
		{"column", x, "6 0 NULL 3 8"},
		{"errors of rows", div, "3 !22012 NULL NULL !22012"},
		{"constant", op("+", intConst(1), intConst(2)), "3 3 3 3 3"},
		{"constant that fails", op("/", intConst(1), intConst(0)), "!22012 !22012 !22012 !22012 !22012"},
		{"null constant", op("+", x, &plan.Const{Value: types.NullOf(types.Int4)}), "NULL NULL NULL NULL NULL"},
		{"and guards", &plan.And{Args: []plan.Expr{&plan.Not{X: zero}, positive}}, "t f f NULL f"},
		{"and does not guard backwards", &plan.And{Args: []plan.Expr{positive, &plan.Not{X: zero}}},
			"t !22012 f NULL !22012"},
		{"or guards", &plan.Or{Args: []plan.Expr{zero, positive}}, "t t t NULL t"},
		{"and null", &plan.And{Args: []plan.Expr{null, zero}}, "f NULL NULL NULL NULL"},
		{"or null", &plan.Or{Args: []plan.Expr{null, zero}}, "NULL t t NULL t"},
		{"not", &plan.Not{X: zero}, "t f f NULL f"},
		{"is null", &plan.IsNull{X: y}, "f f f t f"},
		{"is not null", &plan.IsNull{X: y, Not: true}, "t t t f t"},
		{"is true", &plan.IsBool{X: zero, Want: true}, "f t t f t"},
		{"is not false", &plan.IsBool{X: zero, Not: true}, "f t t t t"},
		{"case guards", &plan.Case{When: []plan.When{{Cond: zero, Then: intConst(-1)}}, Else: div, Typ: types.Int4},
			"3 -1 -1 NULL -1"},
		{"case without a branch", &plan.Case{When: []plan.When{{Cond: zero, Then: x}},
			Else: &plan.Const{Value: types.NullOf(types.Int4)}, Typ: types.Int4}, "NULL 0 NULL NULL 8"},
		{"case condition fails", &plan.Case{When: []plan.When{{Cond: positive, Then: intConst(1)}}, Else: intConst(0),
			Typ: types.Int4}, "1 !22012 0 0 !22012"},
		{"coalesce guards", &plan.Coalesce{Args: []plan.Expr{y, div}, Typ: types.Int4}, "2 0 0 NULL 0"},
		{"coalesce", &plan.Coalesce{Args: []plan.Expr{x, intConst(9)}, Typ: types.Int4}, "6 0 9 3 8"},
		{"in", &plan.In{X: x, List: []types.Value{{Type: types.Int4, Int: 6}, {Type: types.Int4, Int: 3}}},
			"t f NULL t f"},
		{"not in with null", &plan.In{X: x, List: []types.Value{{Type: types.Int4, Int: 6}, types.NullOf(types.Int4)},
			Not: true}, "f NULL NULL NULL NULL"},
		{"cast", &plan.Cast{X: x, Typ: types.Text}, "6 0 NULL 3 8"},
		{"try cast", &plan.Cast{X: &plan.Const{Value: types.Value{Type: types.Text, Str: "x"}}, Typ: types.Int4, Try: true},
			"NULL NULL NULL NULL NULL"},
		{"array", &plan.Array{Elems: []plan.Expr{x, intConst(1)}, Typ: types.ArrayOf(types.Int4)},
			"{6,1} {0,1} {NULL,1} {3,1} {8,1}"},
		{"field", &plan.Field{X: &plan.Struct{Vals: []plan.Expr{x, y}, Typ: types.StructOf(
			types.Field{Name: "a", Type: types.Int4}, types.Field{Name: "b", Type: types.Int4})}, Index: 1, Typ: types.Int4},
			"2 0 0 NULL 0"},
	} {
		if got := run(t, c.e, b); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	if got := run(t, op("/", intConst(1), intConst(0)), &vec.Batch{}); got != "" {
		t.Errorf("no rows, and yet %s", got)
	}
}

func TestErrorPosition(t *testing.T) {
	p, err := eval.Compile(op("/", col(0, types.Int4), intConst(0)))
	if err != nil {
		t.Fatal(err)
	}
	_, errs := p.Eval(testEnv(), intBatch([]any{1}))
	if e := sqlerr.From(errs[0]); e == nil || e.Offset != 7 {
		t.Errorf("error %v, want one at 7", e)
	}
}

func TestSelect(t *testing.T) {
	b := intBatch([]any{1, nil, 3, 0, 5})
	x := col(0, types.Int4)
	for _, c := range []struct {
		e    plan.Expr
		want string
	}{
		{op(">", x, intConst(0)), "[9 0 2 4]"},
		{op(">", op("/", intConst(4), x), intConst(0)), "[9 0 2]"},
		{op(">", intConst(1), intConst(0)), "[9 0 1 2 3 4]"},
		{&plan.Const{Value: types.NullOf(types.Bool)}, "[9]"},
	} {
		p, err := eval.Compile(c.e)
		if err != nil {
			t.Fatal(err)
		}
		sel, _ := p.Select(testEnv(), b, []int32{9})
		if got := fmt.Sprint(sel); got != c.want {
			t.Errorf("selected %s, want %s", got, c.want)
		}
	}
}

func TestParams(t *testing.T) {
	e := op("+", &plan.Param{N: 1, Typ: types.Int4}, intConst(1))
	if _, err := eval.Compile(e); sqlerr.From(err).Code != sqlerr.UndefinedParameter {
		t.Errorf("an unbound parameter gives %v", err)
	}
	bound := eval.BindParams(e, []types.Value{{Type: types.Int4, Int: 41}})
	if v, err := eval.EvalConst(testEnv(), bound); err != nil || v.Int != 42 {
		t.Errorf("got %v, %v", v, err)
	}
	if _, ok := e.(*plan.Call).Args[0].(*plan.Param); !ok {
		t.Error("binding changed the expression")
	}
}

// TestSlices: how rows are cut into batches, and whether columns are views with offsets of their own, changes nothing.
func TestSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	texts, ints := vec.NewColumn(types.Text), vec.NewColumn(types.Int4)
	for range 200 {
		if rng.IntN(6) == 0 {
			texts.AppendNull()
		} else {
			texts.AppendString(strings.Repeat("ab", rng.IntN(4)))
		}
		ints.AppendInt(int64(rng.IntN(5)) - 1)
	}
	b := &vec.Batch{Cols: []*vec.Column{texts, ints}, N: 200}
	x, n := col(0, types.Text), col(1, types.Int4)
	str := func(s string) plan.Expr { return &plan.Const{Value: types.Value{Type: types.Text, Str: s}} }
	call := func(name string, args ...plan.Expr) plan.Expr {
		ts := make([]types.Type, len(args))
		for i, a := range args {
			ts[i] = a.Type()
		}
		f, params, ret, err := fn.ResolveScalar(name, ts)
		if err != nil {
			t.Fatal(err)
		}
		return makeCall(f, params, ret, args)
	}
	guard := op(">=", n, intConst(0))
	for _, e := range []plan.Expr{
		op("=", x, str("abab")), op("<", x, str("abab")), op("||", x, x), call("upper", x), call("left", x, n),
		call("substr", x, intConst(1), n), call("like", x, str("%ba%")),
		&plan.And{Args: []plan.Expr{guard, op("=", call("substr", x, intConst(1), n), str("ab"))}},
		&plan.Case{When: []plan.When{{Cond: guard, Then: call("substr", x, intConst(1), n)}}, Else: x, Typ: types.Text},
		&plan.Coalesce{Args: []plan.Expr{x, call("repeat", str("z"), n)}, Typ: types.Text},
		&plan.Cast{X: n, Typ: types.Varchar.WithMod(5)}, call("string_to_array", x, str("b")),
	} {
		whole := run(t, e, b)
		var pieces []string
		for at := 0; at < b.N; {
			end := min(at+1+rng.IntN(30), b.N)
			pieces = append(pieces, run(t, e, b.Slice(at, end)))
			at = end
		}
		if got := strings.Join(pieces, " "); got != whole {
			t.Errorf("%#v:\nwhole  %s\npieces %s", e, whole, got)
		}
	}
}

func benchBatch() *vec.Batch {
	const n = 4096
	ints, texts := vec.NewColumn(types.Int4), vec.NewColumn(types.Text)
	for i := range n {
		ints.AppendInt(int64(i * 7919 % 1000))
		texts.AppendString([]string{"AA", "Delta", "United", "B6"}[i*31%4])
	}
	return &vec.Batch{Cols: []*vec.Column{ints, texts}, N: n}
}

func benchSelect(b *testing.B, e plan.Expr) {
	p, err := eval.Compile(e)
	if err != nil {
		b.Fatal(err)
	}
	batch, env := benchBatch(), testEnv()
	var sel []int32
	b.ReportAllocs()
	for b.Loop() {
		sel, _ = p.Select(env, batch, sel[:0])
	}
	b.ReportMetric(float64(batch.N)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkFilterInt(b *testing.B) {
	benchSelect(b, op("<", col(0, types.Int4), intConst(500)))
}

func BenchmarkFilterText(b *testing.B) {
	benchSelect(b, op("=", col(1, types.Text), &plan.Const{Value: types.Value{Type: types.Text, Str: "Delta"}}))
}

func BenchmarkFilterBoth(b *testing.B) {
	benchSelect(b, &plan.And{Args: []plan.Expr{op("<", col(0, types.Int4), intConst(500)),
		op("=", col(1, types.Text), &plan.Const{Value: types.Value{Type: types.Text, Str: "Delta"}})}})
}

func BenchmarkSumGrouped(b *testing.B) {
	const n, groups = 4096, 1000
	x := vec.NewColumn(types.Int8)
	in := make([]int32, n)
	for i := range n {
		x.AppendInt(int64(i) * 1000003)
		in[i] = int32(i * 7919 % groups)
	}
	f, _, _, err := fn.ResolveAggregate("sum", []types.Type{types.Int8})
	if err != nil {
		b.Fatal(err)
	}
	acc := f.New(f.Args, f.Ret, true)
	c := fn.Call{N: n, Env: testEnv(), Ret: f.Ret}
	b.ReportAllocs()
	for b.Loop() {
		acc.Update(&c, in, nil, []*vec.Column{x})
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

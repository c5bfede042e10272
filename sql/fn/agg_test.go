package fn_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// concrete replaces the pseudo-types of a declaration.
func concrete(t types.Type) types.Type {
	switch t {
	case fn.Any, fn.AnyNonArray:
		return types.Text
	case fn.AnyElement:
		return types.Int4
	case fn.AnyArray:
		return types.ArrayOf(types.Int4)
	case fn.AnyEnum:
		return someEnum
	}
	return t
}

// someEnum has a label for each of the numbers that value draws.
var someEnum = func() types.Type {
	t, e := types.EnumOf("a test's"), &types.Enum{Name: "e"}
	for n := int64(-5); n <= 5; n++ {
		e.Labels = append(e.Labels, types.EnumLabel{Number: n, Label: fmt.Sprint("l", n)})
	}
	types.DefineEnum(t, e)
	return t
}()

// value draws a value of type t, NULL now and then, from few enough that equal ones meet.
func value(t *rapid.T, typ types.Type) types.Value {
	if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return types.NullOf(typ)
	}
	v := types.Value{Type: typ}
	small := rapid.Int64Range(-5, 5)
	switch typ.Class() {
	case types.ClassBool:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case types.ClassInt:
		v.Int = small.Draw(t, "int")
		if typ.Kind == types.KindTime || typ.Kind == types.KindOID {
			v.Int = max(v.Int, -v.Int)
		}
		if typ.Kind == types.KindInt8 && rapid.IntRange(0, 3).Draw(t, "wide") == 0 {
			v.Int = rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, math.MaxInt64 - 1}).Draw(t, "extreme")
		}
	case types.ClassFloat:
		v.Float = rapid.SampledFrom([]float64{0, 0.1, 0.2, 0.3, 1, -1e16, 1e16, 1e300, -1e300, 5e-324, 1e-300, math.NaN(),
			math.Inf(1), math.Inf(-1), math.MaxFloat64}).Draw(t, "float")
		if typ.Kind == types.KindFloat4 {
			v.Float = float64(float32(v.Float))
		}
	case types.ClassDecimal:
		v.Dec = rapid.SampledFrom([]types.Decimal{{}, {Coef: 15, Scale: 1}, {Coef: 150, Scale: 2}, {Coef: -7},
			{Coef: math.MaxInt64, Scale: 3}, {Coef: math.MinInt64}, types.DecimalNaN, types.DecimalInf,
			types.DecimalNegInf}).Draw(t, "numeric")
	case types.ClassInterval:
		v.Ivl = types.Interval{Months: int32(small.Draw(t, "months")), Days: int32(small.Draw(t, "days")),
			Micros: small.Draw(t, "micros")}
	case types.ClassBytes:
		v.Str = rapid.SampledFrom([]string{"", "a", "b", "ab", "ä"}).Draw(t, "text")
	case types.ClassList:
		for range rapid.IntRange(0, 2).Draw(t, "elems") {
			v.List = append(v.List, value(t, typ.Elem()))
		}
	}
	return v
}

// ordered are the aggregates whose result depends on the order of the rows.
var ordered = map[string]bool{"array_agg": true, "json_agg": true, "jsonb_agg": true, "string_agg": true,
	"json_object_agg": true, "jsonb_object_agg": true, "collect_list": true, "collect_set": true,
	"latest_by_offset": true, "earliest_by_offset": true}

// constants draws the arguments that are the same in every row.
func constants(t *rapid.T, f *fn.Aggregate, args []types.Type) []types.Value {
	consts := make([]types.Value, len(args))
	for k, a := range args {
		switch {
		case k < direct(f):
			consts[k] = value(t, a)
		case f.ConstFrom > 0 && k >= f.ConstFrom:
			consts[k] = types.Value{Type: a, Int: rapid.Int64Range(1, 3).Draw(t, "n"), Bool: rapid.Bool().Draw(t, "flag")}
		}
	}
	return consts
}

// direct is how many arguments stand in the parentheses of an ordered-set aggregate.
func direct(f *fn.Aggregate) int {
	switch {
	case f.Ordered == nil:
		return 0
	case f.Hypothetical:
		return len(f.Args) / 2
	}
	return len(f.Args) - 1
}

func drawRow(t *rapid.T, f *fn.Aggregate, args []types.Type, consts []types.Value) []types.Value {
	row := append([]types.Value(nil), consts...)
	for k, a := range args {
		if k >= direct(f) && (f.ConstFrom == 0 || k < f.ConstFrom) {
			row[k] = value(t, a)
		}
	}
	return row
}

func appendRow(cols []*vec.Column, row []types.Value) {
	for k, c := range cols {
		c.AppendValue(row[k])
	}
}

func rowBytes(args []types.Type, row []types.Value) []byte {
	cols := newColumns(args)
	appendRow(cols, row)
	return vec.AppendRow(nil, cols, 0)
}

func newColumns(ts []types.Type) []*vec.Column {
	cols := make([]*vec.Column, len(ts))
	for k, t := range ts {
		cols[k] = vec.NewColumn(t)
	}
	return cols
}

func result(acc fn.Accumulator, groups []int32, ret types.Type) []string {
	out := vec.NewColumn(ret)
	acc.Result(groups, out)
	texts := make([]string, len(groups))
	for i := range groups {
		v := out.Value(i)
		texts[i] = "NULL"
		if !v.Null {
			texts[i] = string(types.AppendText(nil, v, types.Env{}))
		}
	}
	return texts
}

// forEach runs a check for every overload, plain and distinct.
func forEach(t *testing.T, check func(t *rapid.T, f *fn.Aggregate, args []types.Type, ret types.Type, distinct bool)) {
	for _, f := range fn.Aggregates() {
		args := make([]types.Type, len(f.Args))
		for i, a := range f.Args {
			args[i] = concrete(a)
		}
		_, _, ret, err := fn.ResolveAggregate(f.Name, args)
		if err != nil {
			t.Fatal(err)
		}
		for _, distinct := range []bool{false, true} {
			if distinct && len(args) == 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s(%s) distinct=%v", f.Name, fn.Signature(args), distinct), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) { check(t, f, args, ret, distinct) })
			})
		}
	}
}

func newAccumulator(f *fn.Aggregate, args []types.Type, ret types.Type, distinct, appendOnly bool) fn.Accumulator {
	if distinct {
		return fn.NewDistinct(f, args, ret, appendOnly)
	}
	return f.New(args, ret, appendOnly)
}

// TestRetraction: after any rows came and went, in any batches, with the state written and read back between, the
// result is that of the rows that are left.
func TestRetraction(t *testing.T) {
	forEach(t, func(t *rapid.T, f *fn.Aggregate, args []types.Type, ret types.Type, distinct bool) {
		const groups = 3
		acc := newAccumulator(f, args, ret, distinct, false)
		consts := constants(t, f, args)
		var live [groups][][]types.Value
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			cols := newColumns(args)
			var in, diff []int32
			for range rapid.IntRange(0, 8).Draw(t, "rows") {
				g := rapid.Int32Range(0, groups-1).Draw(t, "group")
				if n := len(live[g]); n > 0 && rapid.Bool().Draw(t, "retract") {
					k := rapid.IntRange(0, n-1).Draw(t, "which")
					row := live[g][k]
					for first, other := range live[g] { // the earliest of equal rows goes
						if bytes.Equal(rowBytes(args, other), rowBytes(args, row)) {
							k = first
							break
						}
					}
					live[g] = append(append([][]types.Value(nil), live[g][:k]...), live[g][k+1:]...)
					appendRow(cols, row)
					diff = append(diff, -1)
				} else {
					row := drawRow(t, f, args, consts)
					n := rapid.Int32Range(1, 2).Draw(t, "copies")
					for range n {
						live[g] = append(live[g], row)
					}
					appendRow(cols, row)
					diff = append(diff, n)
				}
				in = append(in, g)
			}
			c := fn.Call{N: len(in), Env: &fn.Env{}, Ret: ret}
			acc.Update(&c, in, diff, cols)
			if len(c.Errs) > 0 {
				return // an overflow
			}
			acc = reread(t, acc, newAccumulator(f, args, ret, distinct, false), groups)
		}
		fresh := newAccumulator(f, args, ret, distinct, false)
		all := []int32{0, 1, 2}
		for g := range live {
			cols := newColumns(args)
			var in []int32
			for _, row := range live[g] {
				appendRow(cols, row)
				in = append(in, int32(g))
			}
			fresh.Update(&fn.Call{N: len(in), Env: &fn.Env{}, Ret: ret}, in, nil, cols)
		}
		got, want := result(acc, all, ret), result(fresh, all, ret)
		if f.Name == "collect_set" || distinct && ordered[f.Name] {
			return // in which order they came first is open
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v for %v", got, want, live)
		}
	})
}

// reread moves the state of every group to another accumulator.
func reread(t *rapid.T, from, to fn.Accumulator, groups int32) fn.Accumulator {
	for g := range groups {
		b := from.Encode(g, []byte("x"))
		if b[0] != 'x' {
			t.Fatal("Encode does not append")
		}
		if err := to.Decode(g, b[1:]); err != nil {
			t.Fatal(err)
		}
		if again := to.Encode(g, nil); !bytes.Equal(again, b[1:]) {
			t.Fatalf("state %x is written again as %x", b[1:], again)
		}
	}
	return to
}

// TestAppendOnly: the state for input that only grows agrees with the other.
func TestAppendOnly(t *testing.T) {
	forEach(t, func(t *rapid.T, f *fn.Aggregate, args []types.Type, ret types.Type, distinct bool) {
		a, b := newAccumulator(f, args, ret, distinct, true), newAccumulator(f, args, ret, distinct, false)
		cols, consts := newColumns(args), constants(t, f, args)
		var in []int32
		for range rapid.IntRange(0, 10).Draw(t, "rows") {
			appendRow(cols, drawRow(t, f, args, consts))
			in = append(in, 0)
		}
		c := fn.Call{N: len(in), Env: &fn.Env{}, Ret: ret}
		a.Update(&c, in, nil, cols)
		if len(c.Errs) > 0 {
			return // an overflow
		}
		b.Update(&c, in, nil, cols)
		a = reread(t, a, newAccumulator(f, args, ret, distinct, true), 1)
		got, want := result(a, []int32{0}, ret), result(b, []int32{0}, ret)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("append-only %v, else %v", got, want)
		}
		if err := a.Decode(0, nil); err != nil {
			t.Fatal(err)
		}
		empty := result(newAccumulator(f, args, ret, distinct, true), []int32{0}, ret)
		if got := result(a, []int32{0}, ret); got[0] != empty[0] {
			t.Fatalf("an emptied group gives %s, a new one %s", got[0], empty[0])
		}
	})
}

// TestFloatSumIsExact compares sums of floats with arithmetic of any precision, rounded once.
func TestFloatSumIsExact(t *testing.T) {
	f, _, _, err := fn.ResolveAggregate("sum", []types.Type{types.Float8})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		acc := f.New(f.Args, f.Ret, false)
		exact := new(big.Float).SetPrec(4000)
		col := vec.NewColumn(types.Float8)
		var in, diff []int32
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			bits := rapid.Uint64().Draw(t, "bits")
			v := math.Float64frombits(bits)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			d := rapid.Int32Range(1, 1<<20).Draw(t, "diff")
			if rapid.IntRange(0, 3).Draw(t, "sign") == 0 {
				d = -d
			}
			col.AppendFloat(v)
			in, diff = append(in, 0), append(diff, d)
			term := new(big.Float).SetPrec(4000).SetFloat64(v)
			exact.Add(exact, term.Mul(term, new(big.Float).SetInt64(int64(d))))
		}
		col.AppendFloat(0) // a count above zero, so that the sum shows
		in, diff = append(in, 0), append(diff, 1<<30)
		acc.Update(&fn.Call{N: len(in)}, in, diff, []*vec.Column{col})
		out := vec.NewColumn(types.Float8)
		acc.Result([]int32{0}, out)
		if want, _ := exact.Float64(); out.Float[0] != want {
			t.Fatalf("got %v, want %v", out.Float[0], want)
		}
	})
}

// TestSumOverflow: a row that does not fit is reported and changes nothing.
func TestSumOverflow(t *testing.T) {
	f, _, _, err := fn.ResolveAggregate("sum", []types.Type{types.Int4})
	if err != nil {
		t.Fatal(err)
	}
	acc := f.New(f.Args, f.Ret, false)
	col := vec.NewColumn(types.Int4)
	groups, diff := make([]int32, 0, 8), make([]int32, 0, 8)
	for range 3 {
		col.AppendInt(math.MaxInt32)
		groups, diff = append(groups, 0), append(diff, math.MaxInt32)
	}
	c := fn.Call{N: 3}
	acc.Update(&c, groups, diff, []*vec.Column{col})
	if len(c.Errs) != 1 || c.Errs[2] == nil {
		t.Fatalf("errors %v, want one of row 2", c.Errs)
	}
	if got := result(acc, []int32{0}, types.Int8); got[0] != "9223372028264841218" {
		t.Errorf("sum is %s", got[0])
	}
}

// FuzzDecode: no bytes make Decode, or what follows it, panic.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(0), []byte{2, 3})
	f.Add(uint8(9), []byte{2, 0, 0, 0, 10, 1, 2})
	f.Add(uint8(20), []byte{1, 2, 3})
	f.Add(uint8(21), []byte("000000\x01"))
	all := fn.Aggregates()
	f.Fuzz(func(t *testing.T, which uint8, src []byte) {
		agg := all[int(which&0x7f)%len(all)]
		args := make([]types.Type, len(agg.Args))
		for i, a := range agg.Args {
			args[i] = concrete(a)
		}
		_, _, ret, err := fn.ResolveAggregate(agg.Name, args)
		if err != nil {
			t.Fatal(err)
		}
		for _, appendOnly := range []bool{true, false} {
			acc := newAccumulator(agg, args, ret, which&0x80 != 0 && len(args) > 0, appendOnly)
			if acc.Decode(0, src) != nil {
				continue
			}
			b := acc.Encode(0, nil)
			again := newAccumulator(agg, args, ret, which&0x80 != 0 && len(args) > 0, appendOnly)
			if err := again.Decode(0, b); err != nil {
				t.Fatalf("%s: state %x is written as %x, which is refused: %v", agg.Name, src, b, err)
			}
			if len(src) < 64 && !ordered[agg.Name] {
				result(acc, []int32{0}, ret)
			}
		}
	})
}

package types_test

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

func dec(t testing.TB, s string) types.Decimal {
	t.Helper()
	d, err := types.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// show is the text of a result or the code of its error.
func show(d types.Decimal, err error) string {
	if err != nil {
		return string(sqlerr.From(err).Code)
	}
	return d.String()
}

// numericOps are operations in SQL, and here.
var numericOps = []struct {
	sql string
	run func(a, b types.Decimal) string
}{
	{"$1 + $2", func(a, b types.Decimal) string { return show(a.Add(b)) }},
	{"$1 - $2", func(a, b types.Decimal) string { return show(a.Sub(b)) }},
	{"$1 * $2", func(a, b types.Decimal) string { return show(a.Mul(b)) }},
	{"$1 / $2", func(a, b types.Decimal) string { return show(a.Div(b)) }},
	{"$1 % $2", func(a, b types.Decimal) string { return show(a.Mod(b)) }},
	{"div($1, $2)", func(a, b types.Decimal) string { return show(a.QuoInt(b)) }},
	{"-$1 + 0 * $2", func(a, b types.Decimal) string {
		zero, _ := b.Mul(types.Decimal{})
		return show(a.Neg().Add(zero))
	}},
	{"floor($1)", func(a, _ types.Decimal) string { return a.Floor().String() }},
	{"ceil($1)", func(a, _ types.Decimal) string { return a.Ceil().String() }},
	{"abs($1)", func(a, _ types.Decimal) string { return a.Abs().String() }},
	{"round($1, 3)", func(a, _ types.Decimal) string { return a.Round(3).String() }},
	{"round($1, -2)", func(a, _ types.Decimal) string { return a.Round(-2).String() }},
	{"trunc($1, 2)", func(a, _ types.Decimal) string { return a.Trunc(2).String() }},
	{"trunc($1, -1)", func(a, _ types.Decimal) string { return a.Trunc(-1).String() }},
	{"trim_scale($1)", func(a, _ types.Decimal) string { return a.TrimScale().String() }},
	{"sign($1)", func(a, _ types.Decimal) string {
		if a.IsNaN() {
			return "NaN"
		}
		return fmt.Sprint(a.Sign())
	}},
	{"CASE WHEN $1 < $2 THEN -1 WHEN $1 > $2 THEN 1 ELSE 0 END", func(a, b types.Decimal) string {
		return fmt.Sprint(a.Cmp(b))
	}},
	{"$1::float8::text", func(a, _ types.Decimal) string { return string(types.AppendFloat8(nil, a.Float64())) }},
}

func TestPostgresNumericArithmetic(t *testing.T) {
	conn := connect(t, "UTC")
	rng := rand.New(rand.NewPCG(5, 6))
	operand := func() string {
		switch rng.IntN(6) {
		case 0:
			return pick(rng, "0", "0.000", "1", "-1", "NaN", "Infinity", "-Infinity", "10000", "0.0001", "9223372036854775807",
				"-9223372036854775808", "0.5", "-2.5", "99999999.99999999")
		case 1:
			return pick(rng, "", "-") + digits(rng, 3) + "." + digits(rng, 3)
		case 2:
			return pick(rng, "", "-") + digits(rng, 18)
		case 3:
			return pick(rng, "", "-") + "0.0000" + digits(rng, 12)
		default:
			return pick(rng, "", "-") + digits(rng, 30) + "." + digits(rng, 20)
		}
	}
	for i, op := range numericOps {
		stmt := fmt.Sprintf("op%d", i)
		sql := fmt.Sprintf("SELECT (%s)::text, $1::numeric, $2::numeric", op.sql)
		if _, err := conn.Prepare(context.Background(), stmt, sql, []uint32{1700, 1700}); err != nil {
			t.Fatal(op.sql, err)
		}
		for range 250 {
			a, b := operand(), operand()
			r := conn.ExecPrepared(context.Background(), stmt, [][]byte{[]byte(a), []byte(b)}, nil, nil).Read()
			var want string
			if e, ok := r.Err.(*pgconn.PgError); ok {
				want = e.Code
			} else if r.Err != nil {
				t.Fatal(r.Err)
			} else {
				want = string(r.Rows[0][0])
			}
			if got := op.run(dec(t, a), dec(t, b)); got != want {
				t.Errorf("%s with %s, %s: got %s, want %s", op.sql, a, b, got, want)
			}
		}
	}
}

// anyDecimal draws finite decimals of every size.
func anyDecimal(t *rapid.T, label string) types.Decimal {
	text := rapid.StringMatching(`-?([0-9]{1,4}|[0-9]{15,25}|[0-9]{0,20}\.[0-9]{1,20}|0\.0{0,9}[0-9]{1,5})`).Draw(t, label)
	d, err := types.ParseDecimal(text)
	if err != nil {
		t.Fatal(text, err)
	}
	return d
}

func rat(d types.Decimal) *big.Rat {
	r, _ := new(big.Rat).SetString(d.String())
	return r
}

func TestDecimalExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal(t, "a"), anyDecimal(t, "b")
		x, y := rat(a), rat(b)
		for name, pair := range map[string]struct {
			got  func(types.Decimal) (types.Decimal, error)
			want *big.Rat
		}{
			"+": {a.Add, new(big.Rat).Add(x, y)},
			"-": {a.Sub, new(big.Rat).Sub(x, y)},
			"*": {a.Mul, new(big.Rat).Mul(x, y)},
		} {
			if got, err := pair.got(b); err != nil || rat(got).Cmp(pair.want) != 0 {
				t.Fatalf("%v %s %v = %v, %v; want %v", a, name, b, got, err, pair.want)
			}
		}
		if a.Cmp(b) != x.Cmp(y) || b.Cmp(a) != y.Cmp(x) {
			t.Fatalf("%v Cmp %v = %d", a, b, a.Cmp(b))
		}
		if got, want := bytes.Compare(a.AppendKey(nil), b.AppendKey(nil)), x.Cmp(y); got != want {
			t.Fatalf("keys of %v and %v: %d, want %d", a, b, got, want)
		}
		if y.Sign() != 0 {
			q, err := a.Div(b)
			if err != nil {
				t.Fatal(err)
			}
			diff := new(big.Rat).Sub(rat(q), new(big.Rat).Quo(x, y))
			half := big.NewRat(1, 2)
			half.Quo(half, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(q.DisplayScale())), nil)))
			if diff.Abs(diff).Cmp(half) > 0 {
				t.Fatalf("%v / %v = %v", a, b, q)
			}
		}
		back, err := types.ParseDecimalBinary(types.AppendDecimalBinary(nil, a))
		if err != nil || back.String() != a.String() {
			t.Fatalf("%v came back from binary as %v, %v", a, back, err)
		}
	})
}

func TestDecimalLimits(t *testing.T) {
	huge := dec(t, "1e131071")
	if _, err := huge.Mul(dec(t, "10")); sqlerr.From(err).Code != sqlerr.NumericValueOutOfRange {
		t.Errorf("overflow gave %v", err)
	}
	if got := dec(t, "1e-16383").Round(16383).String(); len(got) != 16385 {
		t.Errorf("the smallest numeric has %d characters", len(got))
	}
	if v, ok := dec(t, "9223372036854775807.4").Int64(); !ok || v != 9223372036854775807 {
		t.Errorf("Int64 = %d, %t", v, ok)
	}
	if _, ok := dec(t, "9223372036854775807.5").Int64(); ok {
		t.Error("Int64 of 2^63 is ok")
	}
	if d, err := types.DecimalFromFloat(0.1+0.2, 64); err != nil || d.String() != "0.3" {
		t.Errorf("0.1+0.2 as numeric is %v, %v", d, err)
	}
}

func BenchmarkDecimalAdd(b *testing.B) {
	x, y := dec(b, "123.45"), dec(b, "0.01")
	for b.Loop() {
		x, _ = x.Add(y)
	}
}

func BenchmarkDecimalDiv(b *testing.B) {
	x, y := dec(b, "123.45"), dec(b, "7.3")
	for b.Loop() {
		_, _ = x.Div(y)
	}
}

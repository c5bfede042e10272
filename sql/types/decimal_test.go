package types_test

import (
	"bytes"
	"math/big"
	"testing"

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

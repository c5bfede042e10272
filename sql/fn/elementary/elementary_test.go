package elementary

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestIdentities checks functions against others in 300 bits, by what undoes them.
func TestIdentities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(0.001, 20).Draw(t, "x") * float64(1-2*rapid.IntRange(0, 1).Draw(t, "sign"))
		near(t, "exp", Exp(x), bigExp(x))
		near(t, "log of exp", Log(Exp(x)), new(big.Float).SetPrec(300).SetFloat64(x), 1e-15)
		near(t, "cbrt", Cbrt(x*x*x), new(big.Float).SetPrec(300).SetFloat64(x), 4e-16)
		s, c := Sin(x), Cos(x)
		if math.Abs(s*s+c*c-1) > 3e-16 {
			t.Fatalf("sin(%v) = %v, cos = %v", x, s, c)
		}
	})
}

func bigExp(x float64) *big.Float {
	a := new(big.Float).SetPrec(300).SetFloat64(x)
	s, term := big.NewFloat(1).SetPrec(300), big.NewFloat(1).SetPrec(300)
	for n := 1; n < 200; n++ {
		term.Mul(term, a)
		term.Quo(term, new(big.Float).SetPrec(300).SetInt64(int64(n)))
		s.Add(s, term)
	}
	return s
}

// near asks for the nearest float, or for one within a relative error.
func near(t *rapid.T, name string, got float64, want *big.Float, within ...float64) {
	w, _ := want.Float64()
	if got == w || len(within) > 0 && math.Abs(got-w) <= within[0]*math.Max(math.Abs(w), 1) {
		return
	}
	t.Fatalf("%s is %v, want %v", name, got, w)
}

// TestEdges checks that what is not an ordinary number is left to package math.
func TestEdges(t *testing.T) {
	for name, f := range map[string][2]func(float64) float64{
		"exp": {Exp, math.Exp}, "log": {Log, math.Log}, "log10": {Log10, math.Log10}, "sin": {Sin, math.Sin}, "cos": {Cos, math.Cos},
		"tan": {Tan, math.Tan}, "asin": {Asin, math.Asin}, "acos": {Acos, math.Acos}, "atan": {Atan, math.Atan},
		"sinh": {Sinh, math.Sinh}, "cosh": {Cosh, math.Cosh}, "tanh": {Tanh, math.Tanh}, "cbrt": {Cbrt, math.Cbrt},
	} {
		for _, x := range []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, 1e-300, 5e-324, 1e300, -1e300, math.Inf(1), math.Inf(-1),
			math.NaN(), 710, -746, 1e-9} {
			got, want := f[0](x), f[1](x)
			if math.IsNaN(got) != math.IsNaN(want) || math.Signbit(got) != math.Signbit(want) && !math.IsNaN(want) ||
				math.IsInf(got, 0) != math.IsInf(want, 0) || math.Abs(got-want) > 4e-16*math.Abs(want) {
				t.Errorf("%s(%v) is %v, math says %v", name, x, got, want)
			}
		}
	}
	for _, p := range [][3]float64{{2, 10, 1024}, {-2, 3, -8}, {-2, 2, 4}, {0, 0, 1}, {1, math.Inf(1), 1}, {2, -1, 0.5}, {10, -5, 1e-5}} {
		if got := Pow(p[0], p[1]); got != p[2] {
			t.Errorf("pow(%v, %v) is %v, want %v", p[0], p[1], got, p[2])
		}
	}
}

func BenchmarkFunctions(b *testing.B) {
	for name, f := range map[string]func(float64) float64{"exp": Exp, "log": Log, "sin": Sin, "atan": Atan} {
		b.Run(name, func(b *testing.B) {
			x := 0.1
			for range b.N {
				x = 1 + f(x)/1e9
			}
		})
	}
}

package fn

import (
	"crypto/rand"
	"math/big"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// wholeDecls declares divisors, multiples, factorials, and what tells of the digits of a numeric.
func wholeDecls() []Scalar {
	num, i4 := types.Numeric, types.Int4
	var fs []Scalar
	for k, t := range in(types.Int4, types.Int8, num) {
		gcd, lcm := pairwiseErr(intGCD(t.Kind)), pairwiseErr(intLCM(t.Kind))
		if t == num {
			gcd, lcm = pairwiseErr(decGCD), pairwiseErr(decLCM)
		}
		fs = append(fs,
			Scalar{Name: "gcd", Args: in(t, t), Ret: t, Strict: true, Kernel: gcd,
				Doc: first(k, "math", "Gives the greatest common divisor.", "gcd(1071, 462)", "21")},
			Scalar{Name: "lcm", Args: in(t, t), Ret: t, Strict: true, Kernel: lcm,
				Doc: first(k, "math", "Gives the least common multiple.", "lcm(1071, 462)", "23562")})
	}
	digits := func(f func(d types.Decimal) types.Decimal) Kernel {
		return rowwise(func(r Row, out *vec.Column) error {
			if d := r.Dec(0); d.IsNaN() || d.IsInf() {
				out.AppendNull()
			} else {
				out.AppendInt(int64(f(d).DisplayScale()))
			}
			return nil
		})
	}
	return append(fs,
		Scalar{Name: "factorial", Args: in(types.Int8), Ret: num, Strict: true, Kernel: unaryErr(factorial),
			Doc: Doc{Category: "math", Summary: "Multiplies the numbers from 1 on.", Examples: ex("factorial(5)", "120")}},
		Scalar{Name: "scale", Args: in(num), Ret: i4, Strict: true,
			Kernel: digits(func(d types.Decimal) types.Decimal { return d }),
			Doc:    Doc{Summary: "Counts the decimal places.", Examples: ex("scale(8.4100)", "4")}},
		Scalar{Name: "min_scale", Args: in(num), Ret: i4, Strict: true, Kernel: digits(types.Decimal.TrimScale),
			Doc: Doc{Summary: "Counts the decimal places that are needed.", Examples: ex("min_scale(8.4100)", "2")}},
		Scalar{Name: "trim_scale", Args: in(num), Ret: num, Strict: true, Kernel: unary(types.Decimal.TrimScale),
			Doc: Doc{Summary: "Removes zeros at the end.", Examples: ex("trim_scale(8.4100)", "8.41")}},
		Scalar{Name: "gen_random_uuid", Ret: types.UUID, Strict: true, Volatile: true, Kernel: rowwise(makeUUID),
			Doc: Doc{Category: "session", Summary: "Makes a random UUID of version 4."}})
}

func gcd64(a, b int64) uint64 {
	x, y := abs64(a), abs64(b)
	for y != 0 {
		x, y = y, x%y
	}
	return x
}

// abs64 is the absolute value of any number.
func abs64(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func intGCD(kind types.Kind) func(a, b int64) (int64, error) {
	_, hi, name := limits(kind)
	return func(a, b int64) (int64, error) {
		g := gcd64(a, b)
		if g > uint64(hi) {
			return 0, outOfRange(name)
		}
		return int64(g), nil
	}
}

func intLCM(kind types.Kind) func(a, b int64) (int64, error) {
	lo, hi, name := limits(kind)
	return func(a, b int64) (int64, error) {
		if a == 0 || b == 0 {
			return 0, nil
		}
		if a == lo && b == lo {
			return 0, outOfRange(name)
		}
		m, ok := mul64(int64(abs64(a)/gcd64(a, b)), b)
		if !ok || m < -hi || m > hi {
			return 0, outOfRange(name)
		}
		return max(m, -m), nil
	}
}

// decGCD divides until nothing is left over.
func decGCD(a, b types.Decimal) (types.Decimal, error) {
	if a.IsNaN() || b.IsNaN() || a.IsInf() || b.IsInf() {
		return types.DecimalNaN, nil
	}
	scale := max(a.DisplayScale(), b.DisplayScale())
	var err error
	for b.Sign() != 0 && err == nil {
		var rest types.Decimal
		rest, err = a.Mod(b)
		a, b = b, rest
	}
	return a.Abs().Round(scale), err
}

func decLCM(a, b types.Decimal) (types.Decimal, error) {
	if a.IsNaN() || b.IsNaN() || a.IsInf() || b.IsInf() {
		return types.DecimalNaN, nil
	}
	scale := max(a.DisplayScale(), b.DisplayScale())
	if a.Sign() == 0 || b.Sign() == 0 {
		return types.Decimal{}.Round(scale), nil
	}
	g, err := decGCD(a, b)
	if err != nil {
		return g, err
	}
	q, err := a.QuoInt(g)
	if err != nil {
		return q, err
	}
	m, err := q.Mul(b)
	return m.Abs().Round(scale), err
}

// maxFactorial is the last number whose factorial a numeric can hold.
const maxFactorial = 32177

func factorial(n int64) (types.Decimal, error) {
	switch {
	case n < 0:
		return types.Decimal{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "factorial of a negative number is undefined")
	case n > maxFactorial:
		return types.Decimal{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	return types.ParseDecimal(new(big.Int).MulRange(1, n).String())
}

func makeUUID(_ Row, out *vec.Column) error {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	out.AppendBytes(u[:])
	return nil
}

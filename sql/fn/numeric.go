package fn

import (
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/leatdb/leat/sql/fn/elementary"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// SQLSTATEs of the mathematical functions.
const (
	invalidLogarithm sqlerr.Code = "2201E"
	invalidPower     sqlerr.Code = "2201F"
)

// decArith is one of the arithmetic operators over numeric.
func decArith(op string) Kernel {
	switch op {
	case "+":
		return pairwiseErr(types.Decimal.Add)
	case "-":
		return pairwiseErr(types.Decimal.Sub)
	case "*":
		return pairwiseErr(types.Decimal.Mul)
	case "/":
		return pairwiseErr(types.Decimal.Div)
	default:
		return pairwiseErr(types.Decimal.Mod)
	}
}

// decMean is a sum divided by a count, to the scale that PostgreSQL shows of an average.
func decMean(sum types.Decimal, n int64) types.Decimal {
	d, err := sum.Div(types.DecimalFromInt64(n))
	if err != nil {
		return types.DecimalNaN
	}
	return d
}

// decFromWide returns the decimal of a 128-bit integer.
func decFromWide(hi int64, lo uint64) types.Decimal {
	if hi == int64(lo)>>63 {
		return types.DecimalFromInt64(int64(lo))
	}
	two32 := types.DecimalFromInt64(1 << 32)
	d := types.DecimalFromInt64(hi)
	for _, word := range [...]uint64{lo >> 32, lo & math.MaxUint32} {
		d, _ = d.Mul(two32)
		d, _ = d.Add(types.DecimalFromInt64(int64(word)))
	}
	return d
}

// Functions of irrational value choose the scale of their result as PostgreSQL does: 16 significant digits by an
// estimate of the result's size, and no fewer than the arguments show.
const (
	significantDigits = 16
	maxResultScale    = 1000
)

func resultScale(weight int, args ...types.Decimal) int32 {
	scale := int32(significantDigits - weight)
	for _, a := range args {
		scale = max(scale, a.DisplayScale())
	}
	return min(max(scale, 0), maxResultScale)
}

// baseDigits returns the weight of a number's first digit in base 10000, and its first digits: one, and two together.
// The number is positive.
func baseDigits(d types.Decimal) (weight, first int, two float64) {
	coef, digits, exp, _ := d.Abs().Reduce()
	if digits == "" {
		digits = strconv.FormatInt(coef, 10)
	}
	point := len(digits) + int(exp) // digits before the decimal point
	weight = (point - 1) >> 2
	lead := point - 4*weight
	for len(digits) < lead+4 {
		digits += "0"
	}
	first, _ = strconv.Atoi(digits[:lead])
	n, _ := strconv.Atoi(digits[:lead+4])
	return weight, first, float64(n)
}

// toApd returns d for the functions of package apd. The result is read only.
func toApd(d types.Decimal) *apd.Decimal {
	if d.Big != nil {
		return d.Big
	}
	return apd.New(d.Coef, -d.Scale)
}

// fromApd rounds what package apd computed to scale.
func fromApd(d *apd.Decimal, scale int32) (types.Decimal, error) {
	v, err := types.ParseDecimal(d.Text('E'))
	return v.Round(scale), err
}

// decCompute calls f with enough precision for scale digits after the point of a result with weight decimal digits
// before it.
func decCompute(weight int, scale int32, f func(c *apd.Context, r *apd.Decimal) (apd.Condition, error)) (
	types.Decimal, error,
) {
	c := apd.BaseContext.WithPrecision(uint32(max(weight, 0)+int(scale)) + 12)
	c.MaxExponent, c.MinExponent = apd.MaxExponent, apd.MinExponent
	c.Traps = 0
	r := new(apd.Decimal)
	if _, err := f(c, r); err != nil || r.Form != apd.Finite {
		return types.Decimal{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	return fromApd(r, scale)
}

func decSqrt(d types.Decimal) (types.Decimal, error) {
	switch {
	case d.Sign() < 0:
		return d, sqlerr.New(invalidPower, "cannot take square root of a negative number")
	case d.IsNaN() || d.IsInf():
		return d, nil
	case d.Sign() == 0:
		return types.Decimal{}.Round(resultScale(1, d)), nil
	}
	w, _, _ := baseDigits(d)
	weight := (w+1)*2 - 1
	scale := resultScale(weight, d)
	return decCompute(weight, scale, func(c *apd.Context, r *apd.Decimal) (apd.Condition, error) {
		return c.Sqrt(r, toApd(d))
	})
}

func decExp(d types.Decimal) (types.Decimal, error) {
	switch {
	case d.IsInf() && d.Sign() < 0:
		return types.Decimal{}, nil
	case d.IsNaN() || d.IsInf():
		return d, nil
	}
	weight := d.Float64() * math.Log10E
	if weight > 131072 {
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	weight = math.Max(weight, -2000)
	scale := resultScale(int(weight), d)
	if weight < -float64(scale)-1 {
		return types.Decimal{}.Round(scale), nil
	}
	return decCompute(int(weight), scale, func(c *apd.Context, r *apd.Decimal) (apd.Condition, error) {
		return c.Exp(r, toApd(d))
	})
}

// lnWeight estimates the weight of the first decimal digit of ln(d), as PostgreSQL's estimate_ln_dweight.
func lnWeight(d types.Decimal) int {
	if d.Sign() <= 0 {
		return 0
	}
	low, high := types.Decimal{Coef: 9, Scale: 1}, types.Decimal{Coef: 11, Scale: 1}
	if d.Cmp(low) >= 0 && d.Cmp(high) <= 0 {
		x, err := d.Sub(types.DecimalFromInt64(1))
		if err != nil || x.Sign() == 0 {
			return 0
		}
		w, first, _ := baseDigits(x)
		return w*4 + int(math.Log10(float64(first)))
	}
	w, _, two := baseDigits(d)
	ln := math.Log(two) + float64(w-1)*4*math.Ln10
	return int(math.Log10(math.Abs(ln)))
}

func checkLn(d types.Decimal) error {
	switch {
	case d.IsNaN():
		return nil
	case d.Sign() == 0:
		return sqlerr.New(invalidLogarithm, "cannot take logarithm of zero")
	case d.Sign() < 0:
		return sqlerr.New(invalidLogarithm, "cannot take logarithm of a negative number")
	}
	return nil
}

func decLn(d types.Decimal) (types.Decimal, error) {
	if err := checkLn(d); err != nil {
		return d, err
	}
	if d.IsNaN() || d.IsInf() {
		return d, nil
	}
	w := lnWeight(d)
	return decCompute(w, resultScale(w, d), func(c *apd.Context, r *apd.Decimal) (apd.Condition, error) {
		return c.Ln(r, toApd(d))
	})
}

func decLog10(d types.Decimal) (types.Decimal, error) { return decLog(types.DecimalFromInt64(10), d) }

func decLog(base, d types.Decimal) (types.Decimal, error) {
	if base.IsNaN() || d.IsNaN() {
		return types.DecimalNaN, nil
	}
	for _, x := range [...]types.Decimal{base, d} {
		if err := checkLn(x); err != nil {
			return d, err
		}
	}
	switch {
	case base.IsInf() && d.IsInf():
		return types.DecimalNaN, nil
	case base.IsInf():
		return types.Decimal{}, nil
	case d.IsInf():
		return d, nil
	case base.Cmp(types.DecimalFromInt64(1)) == 0:
		return d, divisionByZero()
	}
	w := lnWeight(d) - lnWeight(base)
	scale := resultScale(w, base, d)
	return decCompute(w, scale, func(c *apd.Context, r *apd.Decimal) (apd.Condition, error) {
		c.Precision += 12
		var lnBase apd.Decimal
		if cond, err := c.Ln(&lnBase, toApd(base)); err != nil {
			return cond, err
		}
		if cond, err := c.Ln(r, toApd(d)); err != nil {
			return cond, err
		}
		return c.Quo(r, r, &lnBase)
	})
}

func decPower(x, y types.Decimal) (types.Decimal, error) {
	one := types.DecimalFromInt64(1)
	switch {
	case x.IsNaN() || y.IsNaN() || x.IsInf() || y.IsInf():
		return powerSpecial(x, y)
	case x.Sign() == 0 && y.Sign() < 0:
		return x, sqlerr.New(invalidPower, "zero raised to a negative power is undefined")
	case x.Sign() < 0 && y.Trunc(0).Cmp(y) != 0:
		return x, sqlerr.New(invalidPower, "a negative number raised to a non-integer power yields a complex result")
	case y.Sign() == 0:
		return one.Round(resultScale(0, x)), nil
	case x.Sign() == 0:
		return types.Decimal{}.Round(resultScale(0, x, y)), nil
	}
	mag := x.Abs()
	weight := powerWeight(mag, y)
	if weight > 131072 {
		return x, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	weight = math.Max(weight, -2000)
	scale := resultScale(int(weight), x, y)
	if n, ok := y.Int64(); ok && fits32(n) && y.Trunc(0).Cmp(y) == 0 {
		scale = resultScale(0, x) // PostgreSQL estimates nothing for whole exponents
	}
	if weight < -float64(scale)-2 {
		return types.Decimal{}.Round(scale), nil
	}
	r, err := decCompute(int(weight), scale, func(c *apd.Context, r *apd.Decimal) (apd.Condition, error) {
		return c.Pow(r, toApd(mag), toApd(y))
	})
	if n, ok := y.Int64(); x.Sign() < 0 && ok && n%2 != 0 {
		r = r.Neg()
	}
	return r, err
}

// powerWeight estimates the decimal digits before the point of x to the power of y, from as many digits of the
// logarithm as PostgreSQL takes: the scale of the result depends on it.
func powerWeight(x, y types.Decimal) float64 {
	weight := y.Float64() * log10(x)
	if math.Abs(weight) > 2*maxResultScale {
		return weight
	}
	w := lnWeight(x)
	scale := min(max(int32(8-w), 0), maxResultScale)
	ln, err := decCompute(w, scale, func(c *apd.Context, r *apd.Decimal) (apd.Condition, error) {
		return c.Ln(r, toApd(x))
	})
	if err == nil {
		ln, err = ln.Mul(y)
	}
	if err != nil {
		return weight
	}
	return ln.Round(scale).Float64() * 0.434294481903252
}

// log10 is the decimal logarithm of a positive number of any size.
func log10(d types.Decimal) float64 {
	w, _, two := baseDigits(d)
	if f := d.Float64(); f > 1e-300 && f < 1e300 {
		return math.Log10(f)
	}
	return math.Log10(two) + float64(w-1)*4
}

// powerSpecial follows POSIX for NaN and infinities, as PostgreSQL does.
func powerSpecial(x, y types.Decimal) (types.Decimal, error) {
	one := types.DecimalFromInt64(1)
	if x.Cmp(one) == 0 || !y.IsNaN() && y.Sign() == 0 {
		return one, nil
	}
	if x.IsNaN() || y.IsNaN() {
		return types.DecimalNaN, nil
	}
	if x.Sign() < 0 && !y.IsInf() && y.Trunc(0).Cmp(y) != 0 {
		return x, sqlerr.New(invalidPower, "a negative number raised to a non-integer power yields a complex result")
	}
	f, err := floatPower(x.Float64(), y.Float64())
	if err != nil {
		return x, err
	}
	return types.DecimalFromFloat(f, 64)
}

func floatPower(x, y float64) (float64, error) {
	switch {
	case math.IsNaN(x) || math.IsNaN(y):
		return math.Pow(x, y), nil
	case x == 0 && y < 0:
		return 0, sqlerr.New(invalidPower, "zero raised to a negative power is undefined")
	case x < 0 && math.Floor(y) != y && !math.IsInf(y, 0):
		return 0, sqlerr.New(invalidPower, "a negative number raised to a non-integer power yields a complex result")
	}
	if math.IsInf(x, 0) || math.IsInf(y, 0) {
		return math.Pow(x, y), nil
	}
	r := elementary.Pow(x, y)
	if math.IsInf(r, 0) {
		return 0, floatOverflow()
	}
	if r == 0 && x != 0 {
		return 0, floatUnderflow()
	}
	return r, nil
}

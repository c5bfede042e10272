package fn

import (
	"math"

	"github.com/leatdb/leat/sql/fn/elementary"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// mathDecls declares the mathematical functions.
func mathDecls() []Scalar {
	f8, num := types.Float8, types.Numeric
	var fs []Scalar
	for k, t := range in(types.Int4, types.Int2, types.Int8, types.Float8, types.Float4, types.Numeric) {
		fs = append(fs, Scalar{Name: "abs", Args: in(t), Ret: t, Strict: true, Kernel: absKernel(t),
			Doc: first(k, "math", "Gives the absolute value.", "abs(-17.4)", "17.4")})
	}
	for k, t := range in(types.Int4, types.Int2, types.Int8, types.Numeric) {
		kernel := decArith("%")
		if t.Class() == types.ClassInt {
			kernel = intMod(t.Kind)
		}
		fs = append(fs, Scalar{Name: "mod", Args: in(t, t), Ret: t, Strict: true, Kernel: kernel,
			Doc: first(k, "math", "Gives the remainder of a division.", "mod(9, 4)", "1")})
	}
	both := func(name string, f func(float64) float64, d func(types.Decimal) types.Decimal, doc Doc) {
		fs = append(fs, Scalar{Name: name, Args: in(f8), Ret: f8, Strict: true, Total: true,
			Kernel: unary(f), Doc: doc},
			Scalar{Name: name, Args: in(num), Ret: num, Strict: true, Kernel: unary(d)})
	}
	for _, name := range []string{"ceil", "ceiling"} {
		both(name, math.Ceil, types.Decimal.Ceil, Doc{Summary: "Rounds up.", Examples: ex(name+"(42.2)", "43")})
	}
	both("floor", math.Floor, types.Decimal.Floor, Doc{Summary: "Rounds down.", Examples: ex("floor(-42.8)", "-43")})
	both("round", math.RoundToEven, func(d types.Decimal) types.Decimal { return d.Round(0) },
		Doc{Summary: "Rounds to the nearest integer: numeric halves away from zero, float halves to even.",
			Examples: ex("round(42.5)", "43", "round(42.5::float8)", "42")})
	both("trunc", math.Trunc, func(d types.Decimal) types.Decimal { return d.Trunc(0) },
		Doc{Summary: "Rounds towards zero.", Examples: ex("trunc(-42.8)", "-42")})
	both("sign", floatSign, func(d types.Decimal) types.Decimal {
		if d.IsNaN() {
			return d
		}
		return types.DecimalFromInt64(int64(d.Sign()))
	}, Doc{Summary: "Gives -1, 0 or 1.", Examples: ex("sign(-8.4)", "-1")})
	failing := func(name string, f func(float64) (float64, error), d func(types.Decimal) (types.Decimal, error), doc Doc) {
		fs = append(fs, Scalar{Name: name, Args: in(f8), Ret: f8, Strict: true, Kernel: unaryErr(f), Doc: doc},
			Scalar{Name: name, Args: in(num), Ret: num, Strict: true, Kernel: unaryErr(d)})
	}
	failing("sqrt", floatSqrt, decSqrt, Doc{Summary: "Gives the square root.",
		Examples: ex("sqrt(2)", "1.4142135623730951")})
	failing("exp", floatExp, decExp, Doc{Summary: "Raises e to a power.",
		Examples: ex("exp(1.0)", "2.7182818284590452")})
	failing("ln", floatLn(elementary.Log), decLn,
		Doc{Summary: "Gives the natural logarithm.", Examples: ex("ln(2.0)", "0.6931471805599453")})
	for _, name := range []string{"log", "log10"} {
		failing(name, floatLn(elementary.Log10), decLog10,
			Doc{Summary: "Gives the decimal logarithm.", Examples: ex(name+"(100)", "2")})
	}
	return append(append(append(fs, numberDecls()...), trigonometry()...), extremes()...)
}

// numberDecls declares the mathematical functions that have a form of their own.
func numberDecls() []Scalar {
	f8, num, i4 := types.Float8, types.Numeric, types.Int4
	fs := []Scalar{
		{Name: "prefix |/", Args: in(f8), Ret: f8, Strict: true, Kernel: unaryErr(floatSqrt),
			Doc: Doc{Summary: "Gives the square root.", Examples: ex("|/ 25.0", "5")}},
		{Name: "prefix ||/", Args: in(f8), Ret: f8, Strict: true, Kernel: unary(elementary.Cbrt),
			Doc: Doc{Summary: "Gives the cube root.", Examples: ex("||/ 64.0", "4")}},
		{Name: "round", Args: in(num, i4), Ret: num, Strict: true,
			Kernel: pairwise(func(d types.Decimal, n int64) types.Decimal { return d.Round(displayScale(n)) }),
			Doc: Doc{Summary: "Rounds to so many decimal places.",
				Examples: ex("round(42.4382, 2)", "42.44", "round(1234.5, -2)", "1200")}},
		{Name: "trunc", Args: in(num, i4), Ret: num, Strict: true,
			Kernel: pairwise(func(d types.Decimal, n int64) types.Decimal { return d.Trunc(displayScale(n)) }),
			Doc:    Doc{Summary: "Cuts off after so many decimal places.", Examples: ex("trunc(42.4382, 2)", "42.43")}},
		{Name: "log", Args: in(num, num), Ret: num, Strict: true, Kernel: pairwiseErr(decLog),
			Doc: Doc{Summary: "Gives the logarithm of the second argument to the base of the first.",
				Examples: ex("log(2.0, 64.0)", "6.0000000000000000")}},
		{Name: "div", Args: in(num, num), Ret: num, Strict: true, Kernel: pairwiseErr(types.Decimal.QuoInt),
			Doc: Doc{Summary: "Divides and cuts towards zero.", Examples: ex("div(9, 4)", "2")}},
		{Name: "pi", Ret: f8, Strict: true,
			Kernel: func(c *Call, _ []*vec.Column, out *vec.Column) { out.AppendFloat(math.Pi) },
			Doc:    Doc{Summary: "Gives the number pi.", Examples: ex("pi()", "3.141592653589793")}},
		{Name: "random", Ret: f8, Strict: true, Volatile: true,
			Kernel: rowwise(random),
			Doc:    Doc{Summary: "Gives a random number from 0 up to, not including, 1."}},
		{Name: "width_bucket", Args: in(f8, f8, f8, i4), Ret: i4, Strict: true, Kernel: rowwise(floatBucket),
			Doc: Doc{Summary: "Gives the number of the bucket that a value falls in, of so many equal ones between two bounds.",
				Examples: ex("width_bucket(5.35, 0.024, 10.06, 5)", "3")}},
		{Name: "width_bucket", Args: in(num, num, num, i4), Ret: i4, Strict: true, Kernel: rowwise(decBucket)},
	}
	for _, name := range []string{"power", "pow"} {
		fs = append(fs,
			Scalar{Name: name, Args: in(f8, f8), Ret: f8, Strict: true, Kernel: pairwiseErr(floatPower),
				Doc: Doc{Summary: "Raises to a power.", Examples: ex(name+"(9, 3)", "729")}},
			Scalar{Name: name, Args: in(num, num), Ret: num, Strict: true, Kernel: pairwiseErr(decPower)})
	}
	return fs
}

// first is the documentation of the first of several overloads, which is that of all.
func first(k int, category, summary string, examples ...string) Doc {
	if k > 0 {
		return Doc{}
	}
	return Doc{Category: category, Summary: summary, Examples: ex(examples...)}
}

// displayScale limits a number of decimal places to what numeric has.
func displayScale(n int64) int32 { return int32(min(max(n, -131072), 16383)) }

func trigonometry() []Scalar {
	f8 := types.Float8
	var fs []Scalar
	add := func(name, summary string, f func(float64) float64, ok func(float64) bool, example, want string) {
		fs = append(fs, Scalar{Name: name, Args: in(f8), Ret: f8, Strict: true,
			Kernel: unaryErr(func(x float64) (float64, error) {
				if !math.IsNaN(x) && !ok(x) {
					return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "input is out of range")
				}
				r := f(x)
				if math.IsInf(r, 0) && !math.IsInf(x, 0) && name == "degrees" {
					return 0, floatOverflow()
				}
				return r, nil
			}), Doc: Doc{Summary: summary, Examples: ex(example, want)}})
	}
	finite := func(x float64) bool { return !math.IsInf(x, 0) }
	always := func(float64) bool { return true }
	unit := func(x float64) bool { return x >= -1 && x <= 1 }
	add("sin", "Sine, of radians.", elementary.Sin, finite, "sin(0)", "0")
	add("cos", "Cosine, of radians.", elementary.Cos, finite, "cos(0)", "1")
	add("tan", "Tangent, of radians.", elementary.Tan, finite, "tan(0)", "0")
	add("asin", "Inverse sine, in radians.", elementary.Asin, unit, "asin(1)", "1.5707963267948966")
	add("acos", "Inverse cosine, in radians.", elementary.Acos, unit, "acos(1)", "0")
	add("atan", "Inverse tangent, in radians.", elementary.Atan, always, "atan(1)", "0.7853981633974483")
	add("sinh", "Hyperbolic sine.", elementary.Sinh, always, "sinh(0)", "0")
	add("cosh", "Hyperbolic cosine.", elementary.Cosh, always, "cosh(0)", "1")
	add("tanh", "Hyperbolic tangent.", elementary.Tanh, always, "tanh(0)", "0")
	add("degrees", "Converts radians to degrees.", func(x float64) float64 { return x / (math.Pi / 180) }, always,
		"degrees(0.5)", "28.64788975654116")
	add("radians", "Converts degrees to radians.", func(x float64) float64 { return x * (math.Pi / 180) }, always,
		"radians(45)", "0.7853981633974483")
	add("cbrt", "Gives the cube root.", elementary.Cbrt, always, "cbrt(64)", "4")
	return append(fs, Scalar{Name: "atan2", Args: in(f8, f8), Ret: f8, Strict: true, Kernel: pairwise(elementary.Atan2),
		Doc: Doc{Summary: "Inverse tangent of y/x, in radians.", Examples: ex("atan2(1, 0)", "1.5707963267948966")}})
}

func floatSign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0 // of NaN too, as in PostgreSQL
}

func floatSqrt(x float64) (float64, error) {
	if x < 0 {
		return 0, sqlerr.New(invalidPower, "cannot take square root of a negative number")
	}
	return math.Sqrt(x), nil
}

func floatExp(x float64) (float64, error) {
	r := elementary.Exp(x)
	switch {
	case math.IsInf(x, 0) || math.IsNaN(x):
	case math.IsInf(r, 0):
		return 0, floatOverflow()
	case r == 0:
		return 0, floatUnderflow()
	}
	return r, nil
}

func floatLn(log func(float64) float64) func(float64) (float64, error) {
	return func(x float64) (float64, error) {
		switch {
		case x == 0:
			return 0, sqlerr.New(invalidLogarithm, "cannot take logarithm of zero")
		case x < 0:
			return 0, sqlerr.New(invalidLogarithm, "cannot take logarithm of a negative number")
		}
		return log(x), nil
	}
}

const invalidBucket sqlerr.Code = "2201G"

func floatBucket(r Row, out *vec.Column) error {
	x, lo, hi, n := r.Float(0), r.Float(1), r.Float(2), r.Int(3)
	switch {
	case n <= 0:
		return sqlerr.New(invalidBucket, "count must be greater than zero")
	case math.IsNaN(x) || math.IsNaN(lo) || math.IsNaN(hi):
		return sqlerr.New(invalidBucket, "operand, lower bound, and upper bound cannot be NaN")
	case math.IsInf(lo, 0) || math.IsInf(hi, 0):
		return sqlerr.New(invalidBucket, "lower and upper bounds must be finite")
	case lo == hi:
		return sqlerr.New(invalidBucket, "lower bound cannot equal upper bound")
	}
	if lo > hi {
		x, lo, hi = -x, -lo, -hi
	}
	switch {
	case x < lo:
		out.AppendInt(0)
	case x >= hi && n == math.MaxInt32:
		return outOfRange("integer")
	case x >= hi:
		out.AppendInt(n + 1)
	default:
		out.AppendInt(min(int64(float64(n)*((x/2-lo/2)/(hi/2-lo/2))), n-1) + 1)
	}
	return nil
}

func decBucket(r Row, out *vec.Column) error {
	x, lo, hi, n := r.Dec(0), r.Dec(1), r.Dec(2), r.Int(3)
	switch {
	case n <= 0:
		return sqlerr.New(invalidBucket, "count must be greater than zero")
	case x.IsNaN() || lo.IsNaN() || hi.IsNaN():
		return sqlerr.New(invalidBucket, "operand, lower bound, and upper bound cannot be NaN")
	case lo.IsInf() || hi.IsInf():
		return sqlerr.New(invalidBucket, "lower and upper bounds must be finite")
	case lo.Cmp(hi) == 0:
		return sqlerr.New(invalidBucket, "lower bound cannot equal upper bound")
	}
	if lo.Cmp(hi) > 0 {
		x, lo, hi = x.Neg(), lo.Neg(), hi.Neg()
	}
	switch {
	case x.Cmp(lo) < 0:
		out.AppendInt(0)
		return nil
	case x.Cmp(hi) >= 0:
		if n == math.MaxInt32 {
			return outOfRange("integer")
		}
		out.AppendInt(n + 1)
		return nil
	}
	num, err := x.Sub(lo)
	if err != nil {
		return err
	}
	den, err := hi.Sub(lo)
	if err != nil {
		return err
	}
	if num, err = num.Mul(types.DecimalFromInt64(n)); err != nil {
		return err
	}
	q, err := num.QuoInt(den)
	if err != nil {
		return err
	}
	b, _ := q.Int64()
	out.AppendInt(b + 1)
	return nil
}

// extremes declares greatest and least, which pass over NULLs.
func extremes() []Scalar {
	pick := func(sign int) Kernel {
		return func(c *Call, args []*vec.Column, out *vec.Column) {
			for i := range c.N {
				var best *vec.Column
				for _, a := range args {
					if !a.IsNull(i) && (best == nil || vec.Compare(a, i, best, i)*sign > 0) {
						best = a
					}
				}
				if best == nil {
					out.AppendNull()
				} else {
					out.AppendFrom(best, i)
				}
			}
		}
	}
	return []Scalar{
		{Name: "greatest", Args: in(AnyCompat), Variadic: true, Ret: AnyCompat, Kernel: pick(1),
			Doc: Doc{Category: "comparison", Summary: "Gives the greatest argument that is not NULL.",
				Examples: ex("greatest(1, 3, 2)", "3")}},
		{Name: "least", Args: in(AnyCompat), Variadic: true, Ret: AnyCompat, Kernel: pick(-1),
			Doc: Doc{Summary: "Gives the least argument that is not NULL.", Examples: ex("least(1, NULL, 2)", "1")}},
	}
}

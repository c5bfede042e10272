package fn

import (
	"math"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// arithDecls declares the arithmetic of the number types. Operands of two integer types give the wider one, as do
// two float types; other mixtures resolve through implicit casts.
func arithDecls() []Scalar {
	var fs []Scalar
	docs := map[string]Doc{
		"+": {Summary: "Adds.", Examples: ex("2 + 3", "5", "1.10 + 2", "3.10")},
		"-": {Summary: "Subtracts.", Examples: ex("2 - 3", "-1")},
		"*": {Summary: "Multiplies.", Examples: ex("2 * 3", "6", "1.5 * 1.50", "2.250")},
		"/": {Summary: "Divides; integers are cut towards zero.",
			Examples: ex("7 / 2", "3", "(-7) / 2", "-3", "7.0 / 2", "3.5000000000000000")},
		"%": {Summary: "Gives the remainder, which has the sign of the dividend.", Examples: ex("(-7) % 2", "-1")},
	}
	ints := in(types.Int2, types.Int4, types.Int8)
	floats := in(types.Float4, types.Float8)
	intKernels := map[string]func(types.Kind) Kernel{"+": intAdd, "-": intSub, "*": intMul, "/": intDiv, "%": intMod}
	for _, op := range []string{"+", "-", "*", "/", "%"} {
		doc := docs[op]
		doc.Category = "arithmetic"
		add := func(a, b, ret types.Type, k Kernel) {
			fs = append(fs, Scalar{Name: op, Args: in(a, b), Ret: ret, Strict: true, Kernel: k, Doc: doc})
			doc = Doc{Category: "arithmetic"}
		}
		for i, a := range ints {
			for j, b := range ints {
				if op == "%" && i != j {
					continue
				}
				ret := ints[max(i, j)]
				add(a, b, ret, intKernels[op](ret.Kind))
			}
		}
		for i, a := range floats {
			for j, b := range floats {
				if op != "%" {
					ret := floats[max(i, j)]
					add(a, b, ret, floatArith(op, ret.Kind == types.KindFloat4))
				}
			}
		}
		add(types.Numeric, types.Numeric, types.Numeric, decArith(op))
	}
	fs = append(fs, Scalar{Name: "^", Args: in(types.Float8, types.Float8), Ret: types.Float8, Strict: true,
		Kernel: pairwiseErr(floatPower), Doc: Doc{Summary: "Raises to a power.", Examples: ex("2 ^ 10", "1024")}})
	fs = append(fs, Scalar{Name: "^", Args: in(types.Numeric, types.Numeric), Ret: types.Numeric, Strict: true,
		Kernel: pairwiseErr(decPower)})
	for _, t := range append(ints, types.Float4, types.Float8, types.Numeric) {
		fs = append(fs,
			Scalar{Name: "prefix -", Args: in(t), Ret: t, Strict: true, Kernel: negKernel(t),
				Doc: Doc{Summary: "Negates.", Examples: ex("- 5", "-5")}},
			Scalar{Name: "prefix +", Args: in(t), Ret: t, Strict: true, Kernel: same,
				Doc: Doc{Summary: "Changes nothing."}},
			Scalar{Name: "prefix @", Args: in(t), Ret: t, Strict: true, Kernel: absKernel(t),
				Doc: Doc{Summary: "Gives the absolute value.", Examples: ex("@ (-5)", "5")}})
	}
	return fs
}

// same copies its argument.
func same(c *Call, args []*vec.Column, out *vec.Column) { out.AppendRange(args[0], 0, c.N) }

func intAdd(k types.Kind) Kernel {
	lo, hi, name := limits(k)
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := args[0].Int, step(args[0])
		b, sb := args[1].Int, step(args[1])
		r := results[int64](out, c.N)
		for i := range r {
			x, y := a[i*sa], b[i*sb]
			s := x + y
			if (x^s)&(y^s) < 0 || s < lo || s > hi {
				c.failRange(i, name)
			}
			r[i] = s
		}
	}
}

func intSub(k types.Kind) Kernel {
	lo, hi, name := limits(k)
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := args[0].Int, step(args[0])
		b, sb := args[1].Int, step(args[1])
		r := results[int64](out, c.N)
		for i := range r {
			x, y := a[i*sa], b[i*sb]
			s := x - y
			if (x^y)&(x^s) < 0 || s < lo || s > hi {
				c.failRange(i, name)
			}
			r[i] = s
		}
	}
}

func intMul(k types.Kind) Kernel {
	lo, hi, name := limits(k)
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := args[0].Int, step(args[0])
		b, sb := args[1].Int, step(args[1])
		r := results[int64](out, c.N)
		for i := range r {
			p, ok := mul64(a[i*sa], b[i*sb])
			if !ok || p < lo || p > hi {
				c.failRange(i, name)
			}
			r[i] = p
		}
	}
}

// mul64 multiplies; ok is false when the product does not fit.
func mul64(x, y int64) (p int64, ok bool) {
	p = x * y
	if int64(int32(x)) == x && int64(int32(y)) == y {
		return p, true
	}
	if x != 0 && (p/x != y || x == -1 && y == math.MinInt64) {
		return p, false
	}
	return p, true
}

// add64 adds; ok is false when the sum does not fit.
func add64(x, y int64) (s int64, ok bool) {
	s = x + y
	return s, (x^s)&(y^s) >= 0
}

func intDiv(k types.Kind) Kernel {
	lo, hi, name := limits(k)
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := args[0].Int, step(args[0])
		b, sb := args[1].Int, step(args[1])
		r := results[int64](out, c.N)
		for i := range r {
			x, y := a[i*sa], b[i*sb]
			if y == 0 {
				c.failZero(i)
				continue
			}
			if y == -1 && x == lo {
				c.failRange(i, name)
				continue
			}
			if q := x / y; q <= hi {
				r[i] = q
			}
		}
	}
}

func intMod(types.Kind) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := args[0].Int, step(args[0])
		b, sb := args[1].Int, step(args[1])
		r := results[int64](out, c.N)
		for i := range r {
			switch y := b[i*sb]; y {
			case 0:
				c.failZero(i)
			case -1: // where Go and the processor would trap on the smallest integer
			default:
				r[i] = a[i*sa] % y
			}
		}
	}
}

func (c *Call) failRange(i int, name string) {
	if !c.Skips(i) {
		c.Fail(i, outOfRange(name))
	}
}

func (c *Call) failZero(i int) {
	if !c.Skips(i) {
		c.Fail(i, divisionByZero())
	}
}

// floatArith is PostgreSQL's float arithmetic: an infinity out of finite operands is an overflow, a zero out of
// operands that are not zero an underflow.
func floatArith(op string, single bool) Kernel {
	var f func(x, y float64) float64
	switch op {
	case "+":
		f = func(x, y float64) float64 { return x + y }
	case "-":
		f = func(x, y float64) float64 { return x - y }
	case "*":
		f = func(x, y float64) float64 { return x * y }
	default:
		f = func(x, y float64) float64 { return x / y }
	}
	mul, div := op == "*", op == "/"
	return pairwiseErr(func(x, y float64) (float64, error) {
		if div && y == 0 && !math.IsNaN(x) {
			return 0, divisionByZero()
		}
		r := f(x, y)
		if single {
			r = float64(float32(r))
		}
		if math.IsInf(r, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
			return 0, floatOverflow()
		}
		if r == 0 && (mul && x != 0 && y != 0 || div && x != 0 && !math.IsInf(y, 0)) {
			return 0, floatUnderflow()
		}
		return r, nil
	})
}

func floatOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
}

func floatUnderflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
}

func negKernel(t types.Type) Kernel {
	switch t.Class() {
	case types.ClassFloat:
		return unary(func(x float64) float64 { return -x })
	case types.ClassDecimal:
		return unary(types.Decimal.Neg)
	}
	lo, _, name := limits(t.Kind)
	return unaryErr(func(x int64) (int64, error) {
		if x == lo {
			return 0, outOfRange(name)
		}
		return -x, nil
	})
}

func absKernel(t types.Type) Kernel {
	switch t.Class() {
	case types.ClassFloat:
		return unary(math.Abs)
	case types.ClassDecimal:
		return unary(types.Decimal.Abs)
	}
	lo, _, name := limits(t.Kind)
	return unaryErr(func(x int64) (int64, error) {
		if x == lo {
			return 0, outOfRange(name)
		}
		return max(x, -x), nil
	})
}

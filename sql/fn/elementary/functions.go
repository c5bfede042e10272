package elementary

import "math"

// expm1 is e^a - 1 for small a.
func expm1(a double) double {
	const halvings = 4
	r := a.scale(-halvings)
	e := r.mul(polynomial(r, reciprocals[1:13]))
	for range halvings {
		e = e.add(e).add(e.mul(e))
	}
	return e
}

// exp is e^a; a is in the range of results that are normal.
func exp(a double) (m double, exponent int) {
	k := math.Round(a.hi / math.Ln2)
	r := a.sub(ln2.times(k))
	return one.add(expm1(r)), int(k)
}

// log is the natural logarithm of a normal positive number.
func log(a double) double {
	m, e := math.Frexp(a.hi)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	x := double{m, math.Ldexp(a.lo, -e)}
	y := math.Log(m)
	inverse, k := exp(double{-y, 0})
	d := x.mul(inverse.scale(k)).sub(one)
	// log(1 + d) for a tiny d
	d2 := d.mul(d)
	return ln2.times(float64(e)).add(double{y, 0}.add(d.sub(d2.scale(-1)).add(d2.mul(d).div(double{3, 0}))))
}

// plain reports whether x is a number between extremes, where the sums of two floats lose nothing.
func plain(x float64) bool {
	const most = 1e150
	x = math.Abs(x)
	return x < most && x > 1/most
}

// Exp is math.Exp.
func Exp(x float64) float64 {
	if !(math.Abs(x) < 700) {
		return math.Exp(x)
	}
	m, k := exp(double{x, 0})
	return math.Ldexp(m.float(), k)
}

// Log is math.Log.
func Log(x float64) float64 {
	if !plain(x) || x < 0 {
		return math.Log(x)
	}
	return log(double{x, 0}).float()
}

// Log10 is math.Log10.
func Log10(x float64) float64 {
	if !plain(x) || x < 0 {
		return math.Log10(x)
	}
	// In floats, as the C library does it: 2^n has a logarithm of its own, in two parts.
	const hi, lo = 3.01029995663611771306e-01, 3.69423907715893078616e-13
	m, n := math.Frexp(x)
	if n--; n >= 0 {
		m *= 2
	} else {
		n++
	}
	rest := float64(n)*lo + 1/math.Ln10*Log(m)
	return rest + float64(n)*hi
}

// Pow is math.Pow.
func Pow(x, y float64) float64 {
	whole := math.Trunc(y) == y
	if !plain(x) || !plain(y) || x < 0 && !whole || x == 1 || y == 1 {
		return math.Pow(x, y)
	}
	p := log(double{math.Abs(x), 0}).times(y)
	if !(math.Abs(p.hi) < 700) {
		return math.Pow(x, y)
	}
	m, k := exp(p)
	r := math.Ldexp(m.float(), k)
	if x < 0 && math.Mod(y, 2) != 0 {
		return -r
	}
	return r
}

// sincos gives sine and cosine of a moderate x.
func sincos(x float64) (sin, cos double) {
	k := math.Round(x / (math.Pi / 2))
	r := double{x, 0}.sub(product(k, piBy2[0])).sub(product(k, piBy2[1])).sub(product(k, piBy2[2]))
	r2 := r.mul(r)
	s, c := r.mul(polynomial(r2, sines)), polynomial(r2, cosines)
	switch int64(k) & 3 {
	case 1:
		return c, s.times(-1)
	case 2:
		return s.times(-1), c.times(-1)
	case 3:
		return c.times(-1), s
	default:
		return s, c
	}
}

// moderate reports whether sincos can take x.
func moderate(x float64) bool { return plain(x) && math.Abs(x) < 1<<30 && math.Abs(x) > 1e-8 }

// Sin is math.Sin.
func Sin(x float64) float64 {
	if !moderate(x) {
		return math.Sin(x)
	}
	s, _ := sincos(x)
	return s.float()
}

// Cos is math.Cos.
func Cos(x float64) float64 {
	if !moderate(x) {
		return math.Cos(x)
	}
	_, c := sincos(x)
	return c.float()
}

// Tan is math.Tan.
func Tan(x float64) float64 {
	if !moderate(x) {
		return math.Tan(x)
	}
	s, c := sincos(x)
	return s.div(c).float()
}

// atan2 is the angle of the point (x, y).
func atan2(y, x double) double {
	near := math.Atan2(y.hi, x.hi)
	s, c := sincos(near)
	d := y.mul(c).sub(x.mul(s)).div(x.mul(c).add(y.mul(s)))
	return double{near, 0}.add(d)
}

// Atan2 is math.Atan2.
func Atan2(y, x float64) float64 {
	if r := math.Atan2(y, x); !moderate(r) || !plain(x) || !plain(y) {
		return r
	}
	return atan2(double{y, 0}, double{x, 0}).float()
}

// Atan is math.Atan.
func Atan(x float64) float64 { return Atan2(x, 1) }

// Asin is math.Asin.
func Asin(x float64) float64 {
	if !moderate(x) || math.Abs(x) >= 1 {
		return math.Asin(x)
	}
	return atan2(double{x, 0}, one.sub(product(x, x)).sqrt()).float()
}

// Acos is math.Acos.
func Acos(x float64) float64 {
	if !moderate(x) || math.Abs(x) >= 1 {
		return math.Acos(x)
	}
	return atan2(one.sub(product(x, x)).sqrt(), double{x, 0}).float()
}

// Cbrt is math.Cbrt.
func Cbrt(x float64) float64 {
	if !plain(x) {
		return math.Cbrt(x)
	}
	y := math.Cbrt(x)
	y2 := product(y, y)
	return double{y, 0}.sub(y2.times(y).sub(double{x, 0}).div(y2.times(3))).float()
}

// less1 is e^x - 1, to the last digit.
func less1(x float64) float64 {
	if math.Abs(x) < 0.25 {
		return expm1(double{x, 0}).float()
	}
	m, k := exp(double{x, 0})
	return m.scale(k).sub(one).float()
}

// The C library computes hyperbolic functions in floats from e^x - 1 and e^x, and so do the following: being nearer to
// the truth would be further from PostgreSQL.

// Sinh is math.Sinh.
func Sinh(x float64) float64 {
	a := math.Abs(x)
	if !moderate(x) || a > 22 {
		return math.Sinh(x)
	}
	t, half := less1(a), math.Copysign(0.5, x)
	if a < 1 {
		return half * (2*t - t*t/(t+1))
	}
	return half * (t + t/(t+1))
}

// Cosh is math.Cosh.
func Cosh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case !moderate(x) || a > 22:
		return math.Cosh(x)
	case a < math.Ln2/2:
		t := less1(a)
		return 1 + t*t/(2*(1+t))
	default:
		t := Exp(a)
		return 0.5*t + 0.5/t
	}
}

// Tanh is math.Tanh.
func Tanh(x float64) float64 {
	a := math.Abs(x)
	if !moderate(x) || a > 22 {
		return math.Tanh(x)
	}
	if a >= 1 {
		return math.Copysign(1-2/(less1(2*a)+2), x)
	}
	t := less1(-2 * a)
	return math.Copysign(t/(t+2), x)
}

// Asinh is math.Asinh.
func Asinh(x float64) float64 {
	a := math.Abs(x)
	if !moderate(x) || a > 1<<28 {
		return math.Asinh(x)
	}
	if a > 2 {
		return math.Copysign(Log(2*a+1/(math.Sqrt(x*x+1)+a)), x)
	}
	t := x * x
	return math.Copysign(log(sum(1, a+t/(1+math.Sqrt(1+t)))).float(), x)
}

package types

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Limits of numeric: digits before the decimal point, and the scale that a division goes to.
const (
	maxDecimalDigits = 131072
	maxDivScale      = 1000
	minSigDigits     = 16
)

func errDecimalOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
}

func errDivisionByZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }

// checked is newDecimal with PostgreSQL's limits.
func checked(coef *apd.BigInt, scale int32) (Decimal, error) {
	if scale > MaxDecimalScale {
		coef, scale = roundCoef(coef, scale, MaxDecimalScale), MaxDecimalScale
	}
	d := newDecimal(coef, scale)
	if d.Big != nil && d.digitsBefore() > maxDecimalDigits {
		return Decimal{}, errDecimalOverflow()
	}
	return d, nil
}

// digitsBefore returns the number of digits before the decimal point of a finite big decimal.
func (d Decimal) digitsBefore() int64 {
	bitLen := int64(d.Big.Coeff.BitLen())
	if bitLen < 300000 { // at most 90310 digits
		return 0
	}
	return d.Big.NumDigits() + int64(d.Big.Exponent)
}

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	if d.Big == nil && d.Coef != math.MinInt64 {
		d.Coef = -d.Coef
		return d
	}
	if !d.finite() {
		switch {
		case d.IsNaN():
			return d
		case d.Big.Negative:
			return DecimalInf
		default:
			return DecimalNegInf
		}
	}
	c, s := d.coefficient()
	return newDecimal(c.Neg(c), s)
}

// Abs returns the absolute value of d.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// Add returns d + e, with the greater of the two scales. Its only error is overflow (22003).
func (d Decimal) Add(e Decimal) (Decimal, error) {
	if d.Big == nil && e.Big == nil && d.Scale == e.Scale {
		if sum := d.Coef + e.Coef; (sum > d.Coef) == (e.Coef > 0) {
			return Decimal{Coef: sum, Scale: d.Scale}, nil
		}
	}
	return addBig(d, e)
}

// Sub returns d - e, with the greater of the two scales. Its only error is overflow (22003).
func (d Decimal) Sub(e Decimal) (Decimal, error) {
	if d.Big == nil && e.Big == nil && d.Scale == e.Scale {
		if diff := d.Coef - e.Coef; (diff < d.Coef) == (e.Coef > 0) {
			return Decimal{Coef: diff, Scale: d.Scale}, nil
		}
	}
	return addBig(d, e.Neg())
}

// rescaleSmall brings a small decimal to a scale that is not less than its own.
func (d Decimal) rescaleSmall(scale int32) (coef int64, ok bool) {
	diff := scale - d.Scale
	if d.Big != nil || int(diff) >= len(pow10) {
		return 0, false
	}
	hi, lo := bits.Mul64(absInt(d.Coef), uint64(pow10[diff]))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if d.Coef < 0 {
		return -int64(lo), true
	}
	return int64(lo), true
}

func addBig(d, e Decimal) (Decimal, error) {
	scale := max(d.DisplayScale(), e.DisplayScale())
	a, aok := d.rescaleSmall(scale)
	b, bok := e.rescaleSmall(scale)
	if sum := a + b; aok && bok && (b == 0 || (sum > a) == (b > 0)) {
		return Decimal{Coef: sum, Scale: scale}, nil
	}
	if !d.finite() || !e.finite() {
		switch {
		case d.IsNaN() || e.IsNaN() || d.IsInf() && e.IsInf() && d.Sign() != e.Sign():
			return DecimalNaN, nil
		case d.IsInf():
			return d, nil
		default:
			return e, nil
		}
	}
	x, y, scale := align(d, e)
	return checked(x.Add(x, y), scale)
}

// align returns the coefficients of two finite decimals at their greater scale.
func align(d, e Decimal) (x, y *apd.BigInt, scale int32) {
	x, xs := d.coefficient()
	y, ys := e.coefficient()
	if xs < ys {
		return x.Mul(x, bigPow10(ys-xs)), y, ys
	}
	if ys < xs {
		y.Mul(y, bigPow10(xs-ys))
	}
	return x, y, xs
}

// Mul returns d * e, whose scale is the sum of the two. Its only error is overflow (22003).
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	if d.Big == nil && e.Big == nil && d.Scale+e.Scale <= MaxDecimalScale {
		hi, lo := bits.Mul64(absInt(d.Coef), absInt(e.Coef))
		if hi == 0 && lo <= math.MaxInt64 {
			p := int64(lo)
			if d.Coef < 0 != (e.Coef < 0) {
				p = -p
			}
			return Decimal{Coef: p, Scale: d.Scale + e.Scale}, nil
		}
	}
	if !d.finite() || !e.finite() {
		sign := d.Sign() * e.Sign()
		switch {
		case d.IsNaN() || e.IsNaN() || sign == 0:
			return DecimalNaN, nil
		case sign > 0:
			return DecimalInf, nil
		default:
			return DecimalNegInf, nil
		}
	}
	x, xs := d.coefficient()
	y, ys := e.coefficient()
	return checked(x.Mul(x, y), xs+ys)
}

// divSpecial is d / e when one of them is NaN or infinite.
func divSpecial(d, e Decimal) (Decimal, error) {
	switch {
	case d.IsNaN() || e.IsNaN():
		return DecimalNaN, nil
	case e.Sign() == 0:
		return Decimal{}, errDivisionByZero()
	case d.IsInf() && e.IsInf():
		return DecimalNaN, nil
	case e.IsInf():
		return Decimal{}, nil
	case d.Sign() == e.Sign():
		return DecimalInf, nil
	default:
		return DecimalNegInf, nil
	}
}

// Div returns d / e to the scale that PostgreSQL chooses: at least 16 significant digits and no less than either
// scale. Division by zero is an error (22012).
func (d Decimal) Div(e Decimal) (Decimal, error) {
	if !d.finite() || !e.finite() {
		return divSpecial(d, e)
	}
	return d.DivScale(e, divScale(d, e))
}

// DivScale returns d / e rounded to scale. Both must be finite.
func (d Decimal) DivScale(e Decimal, scale int32) (Decimal, error) {
	if e.Sign() == 0 {
		return Decimal{}, errDivisionByZero()
	}
	if d.Sign() == 0 {
		return Decimal{Scale: scale}, nil
	}
	if q, ok := divSmall(d, e, scale); ok {
		return q, nil
	}
	x, xs := d.coefficient()
	y, ys := e.coefficient()
	// x/10^xs / (y/10^ys) * 10^scale = x * 10^(ys+scale-xs) / y
	if shift := ys + scale - xs; shift > 0 {
		x.Mul(x, bigPow10(shift))
	} else if shift < 0 {
		y.Mul(y, bigPow10(-shift))
	}
	return checked(divRound(x, y), scale)
}

// divSmall divides small decimals over 128 bits; ok is false when they or the quotient do not fit.
func divSmall(d, e Decimal, scale int32) (q Decimal, ok bool) {
	shift := e.Scale + scale - d.Scale
	if d.Big != nil || e.Big != nil || shift < 0 || shift > 36 {
		return Decimal{}, false
	}
	hi, lo := bits.Mul64(absInt(d.Coef), uint64(pow10[min(shift, 18)]))
	if shift > 18 {
		h2, l2 := bits.Mul64(lo, uint64(pow10[shift-18]))
		h3, l3 := bits.Mul64(hi, uint64(pow10[shift-18]))
		sum, carry := bits.Add64(h2, l3, 0)
		if h3 != 0 || carry != 0 {
			return Decimal{}, false
		}
		hi, lo = sum, l2
	}
	y := absInt(e.Coef)
	if hi >= y {
		return Decimal{}, false
	}
	quo, rem := bits.Div64(hi, lo, y)
	if rem >= y-rem {
		quo++
	}
	if quo > math.MaxInt64 {
		return Decimal{}, false
	}
	q = Decimal{Coef: int64(quo), Scale: scale}
	if d.Coef < 0 != (e.Coef < 0) {
		q.Coef = -q.Coef
	}
	return q, true
}

// divRound returns x / y, halves rounded away from zero. It changes x.
func divRound(x, y *apd.BigInt) *apd.BigInt {
	neg := x.Sign()*y.Sign() < 0
	var rem, ay apd.BigInt
	ay.Abs(y)
	x.Abs(x)
	x.QuoRem(x, &ay, &rem)
	rem.Add(&rem, &rem)
	if rem.Cmp(&ay) >= 0 {
		x.Add(x, apd.NewBigInt(1))
	}
	if neg {
		x.Neg(x)
	}
	return x
}

// divScale is PostgreSQL's select_div_scale, which counts in digits of base 10000.
func divScale(d, e Decimal) int32 {
	dw, df := d.leading()
	ew, ef := e.leading()
	weight := dw - ew
	if df <= ef {
		weight--
	}
	scale := max(minSigDigits-weight*4, d.DisplayScale(), e.DisplayScale(), 0)
	return min(scale, maxDivScale)
}

// leading returns the weight and the value of the first base-10000 digit of a finite d; zeros for 0.
func (d Decimal) leading() (weight, digit int32) {
	if d.Sign() == 0 {
		return 0, 0
	}
	var buf [20]byte
	var digits string
	scale := d.Scale
	if d.Big == nil {
		digits = string(appendUint(buf[:0], absInt(d.Coef)))
	} else {
		digits, scale = d.Big.Coeff.String(), -d.Big.Exponent
	}
	point := int32(len(digits)) - scale // digits before the decimal point, negative with leading zeros after it
	weight = (point - 1) / 4
	if point < 1 {
		weight = -((-point)/4 + 1)
	}
	first := point - weight*4 // digits in the first group, 1 to 4
	for k := range first {
		digit *= 10
		if int(k) < len(digits) {
			digit += int32(digits[k] - '0')
		}
	}
	return weight, digit
}

// Mod returns the remainder of d / e truncated, which has the sign of d. A zero e is an error (22012).
func (d Decimal) Mod(e Decimal) (Decimal, error) {
	if !d.finite() || !e.finite() {
		switch {
		case d.IsNaN() || e.IsNaN():
			return DecimalNaN, nil
		case e.Sign() == 0:
			return Decimal{}, errDivisionByZero()
		case d.IsInf():
			return DecimalNaN, nil
		default:
			return d, nil
		}
	}
	if e.Sign() == 0 {
		return Decimal{}, errDivisionByZero()
	}
	if d.Big == nil && e.Big == nil && d.Scale == e.Scale {
		if e.Coef == -1 {
			return Decimal{Scale: d.Scale}, nil
		}
		return Decimal{Coef: d.Coef % e.Coef, Scale: d.Scale}, nil
	}
	x, y, scale := align(d, e)
	return newDecimal(x.Rem(x, y), scale), nil
}

// QuoInt returns d / e truncated to an integer (PostgreSQL's div).
func (d Decimal) QuoInt(e Decimal) (Decimal, error) {
	if !d.finite() || !e.finite() {
		return divSpecial(d, e)
	}
	if e.Sign() == 0 {
		return Decimal{}, errDivisionByZero()
	}
	x, y, _ := align(d, e)
	return checked(x.Quo(x, y), 0)
}

// roundCoef brings a coefficient from one scale to a lesser one, halves rounded away from zero. It changes c.
func roundCoef(c *apd.BigInt, from, to int32) *apd.BigInt { return divRound(c, bigPow10(from-to)) }

// Round returns d with exactly scale digits after the decimal point, halves rounded away from zero. A negative scale
// rounds before the point. NaN and infinities stay.
func (d Decimal) Round(scale int32) Decimal { return d.rescale(scale, divRound) }

// Trunc is Round towards zero.
func (d Decimal) Trunc(scale int32) Decimal {
	return d.rescale(scale, func(x, y *apd.BigInt) *apd.BigInt { return x.Quo(x, y) })
}

func (d Decimal) rescale(scale int32, div func(x, y *apd.BigInt) *apd.BigInt) Decimal {
	if !d.finite() || d.Big == nil && d.Scale == scale {
		return d
	}
	scale = min(max(scale, -maxDecimalDigits-1), MaxDecimalScale)
	if scale >= 0 && scale >= d.Scale {
		if c, ok := d.rescaleSmall(scale); ok {
			return Decimal{Coef: c, Scale: scale}
		}
	}
	c, s := d.coefficient()
	if scale >= s {
		return newDecimal(c.Mul(c, bigPow10(scale-s)), scale)
	}
	c = div(c, bigPow10(s-scale))
	if scale < 0 {
		return newDecimal(c.Mul(c, bigPow10(-scale)), 0)
	}
	return newDecimal(c, scale)
}

// Floor returns the greatest integer that is not greater than d.
func (d Decimal) Floor() Decimal {
	t := d.Trunc(0)
	if d.finite() && d.Sign() < 0 && t.Cmp(d) != 0 {
		t, _ = t.Sub(Decimal{Coef: 1})
	}
	return t
}

// Ceil returns the least integer that is not less than d.
func (d Decimal) Ceil() Decimal {
	t := d.Trunc(0)
	if d.finite() && d.Sign() > 0 && t.Cmp(d) != 0 {
		t, _ = t.Add(Decimal{Coef: 1})
	}
	return t
}

// TrimScale returns d without trailing zeros after the decimal point.
func (d Decimal) TrimScale() Decimal {
	if d.Big == nil {
		for d.Scale > 0 && d.Coef%10 == 0 {
			d.Coef /= 10
			d.Scale--
		}
		return d
	}
	coef, digits, exp, ok := d.Reduce()
	if !ok || exp >= 0 {
		return d.Round(0)
	}
	if digits == "" {
		return Decimal{Coef: coef, Scale: -exp}
	}
	return d.Round(-exp)
}

// Int64 returns d rounded to an integer; ok is false when that is not an int64.
func (d Decimal) Int64() (v int64, ok bool) {
	if d.Scale != 0 || d.Big != nil {
		d = d.Round(0)
	}
	return d.Coef, d.Big == nil
}

// Fit rounds d to numeric(precision, scale), or fails when it has too many digits.
func (d Decimal) Fit(precision, scale int) (Decimal, error) {
	if precision == 0 || d.IsNaN() {
		return d, nil
	}
	if d.IsInf() {
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").WithDetail(
			"A field with precision %d, scale %d cannot hold an infinite value.", precision, scale)
	}
	r := d.Round(int32(scale))
	if scale < 0 {
		r = r.Round(0)
	}
	if limit := precision - scale; r.Abs().Cmp(tenTo(limit)) >= 0 {
		bound := "1"
		if limit != 0 {
			bound = "10^" + string(AppendInt(nil, int64(limit)))
		}
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").WithDetail(
			"A field with precision %d, scale %d must round to an absolute value less than %s.", precision, scale, bound)
	}
	return r, nil
}

// tenTo returns 10^n.
func tenTo(n int) Decimal {
	switch {
	case n < 0:
		return Decimal{Coef: 1, Scale: int32(-n)}
	case n < len(pow10):
		return Decimal{Coef: pow10[n]}
	default:
		return newDecimal(bigPow10(int32(n)), 0)
	}
}

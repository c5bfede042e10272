package types

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
)

// Decimal is a numeric value: small ones (most) in Coef and Scale, others in Big. The zero Decimal is 0.
type Decimal struct {
	Coef  int64
	Scale int32        // digits after the decimal point: the value is Coef / 10^Scale
	Big   *apd.Decimal // when set it is the value, NaN and infinities included; never changed once set
}

// The special values of numeric.
var (
	DecimalNaN    = Decimal{Big: &apd.Decimal{Form: apd.NaN}}
	DecimalInf    = Decimal{Big: &apd.Decimal{Form: apd.Infinite}}
	DecimalNegInf = Decimal{Big: &apd.Decimal{Form: apd.Infinite, Negative: true}}
)

// pow10 holds the powers of ten that an int64 can hold.
var pow10 = [...]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// DecimalFromInt64 returns v with scale 0.
func DecimalFromInt64(v int64) Decimal { return Decimal{Coef: v} }

// newDecimal returns coef / 10^scale, small when it fits. It takes over coef.
func newDecimal(coef *apd.BigInt, scale int32) Decimal {
	if coef.IsInt64() {
		return Decimal{Coef: coef.Int64(), Scale: scale}
	}
	d := &apd.Decimal{Exponent: -scale, Negative: coef.Sign() < 0}
	d.Coeff.Abs(coef)
	return Decimal{Big: d}
}

// DecimalFromApd returns d, which is not to be changed afterwards. Its exponent becomes the scale.
func DecimalFromApd(d *apd.Decimal) Decimal {
	switch {
	case d.Form == apd.Infinite && d.Negative:
		return DecimalNegInf
	case d.Form == apd.Infinite:
		return DecimalInf
	case d.Form != apd.Finite:
		return DecimalNaN
	}
	return newDecimal(Decimal{Big: d}.coefficient())
}

// IsNaN reports whether d is not a number.
func (d Decimal) IsNaN() bool {
	return d.Big != nil && (d.Big.Form == apd.NaN || d.Big.Form == apd.NaNSignaling)
}

// IsInf reports whether d is infinite.
func (d Decimal) IsInf() bool { return d.Big != nil && d.Big.Form == apd.Infinite }

// finite reports whether d is neither NaN nor infinite.
func (d Decimal) finite() bool { return d.Big == nil || d.Big.Form == apd.Finite }

// Sign returns -1, 0 or 1; 0 for NaN.
func (d Decimal) Sign() int {
	switch {
	case d.Big == nil:
		return cmpInt(d.Coef, 0)
	case d.IsNaN():
		return 0
	case d.IsInf() && d.Big.Negative:
		return -1
	case d.IsInf():
		return 1
	default:
		return d.Big.Sign()
	}
}

// DisplayScale returns the number of digits printed after the decimal point.
func (d Decimal) DisplayScale() int32 {
	if d.Big == nil {
		return d.Scale
	}
	if d.Big.Form != apd.Finite {
		return 0
	}
	return max(0, -d.Big.Exponent)
}

// coefficient returns the signed coefficient of a finite d and its scale, which is not negative. The integer is a
// copy.
func (d Decimal) coefficient() (*apd.BigInt, int32) {
	if d.Big == nil {
		return apd.NewBigInt(d.Coef), d.Scale
	}
	c := new(apd.BigInt).Set(&d.Big.Coeff)
	if d.Big.Negative {
		c.Neg(c)
	}
	if d.Big.Exponent > 0 {
		return c.Mul(c, bigPow10(d.Big.Exponent)), 0
	}
	return c, -d.Big.Exponent
}

// bigPow10 returns 10^n as a new integer.
func bigPow10(n int32) *apd.BigInt {
	return new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(int64(n)), nil)
}

// rank orders the kinds of values: -Infinity, finite, Infinity, NaN.
func (d Decimal) rank() int {
	switch {
	case d.finite():
		return 1
	case d.IsNaN():
		return 3
	case d.Big.Negative:
		return 0
	default:
		return 2
	}
}

// Cmp compares as PostgreSQL does: NaN equals NaN and is greater than everything else.
func (d Decimal) Cmp(e Decimal) int {
	if d.Big == nil && e.Big == nil {
		if d.Scale == e.Scale {
			return cmpInt(d.Coef, e.Coef)
		}
		return cmpSmall(d, e)
	}
	if dr, er := d.rank(), e.rank(); dr != 1 || er != 1 {
		return cmpInt(int64(dr), int64(er))
	}
	return cmpBig(d, e)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// cmpSmall compares two small decimals of different scales over 128 bits.
func cmpSmall(d, e Decimal) int {
	if ds, es := d.Sign(), e.Sign(); ds != es || ds == 0 {
		return cmpInt(int64(ds), int64(es))
	}
	if d.Scale > e.Scale {
		return -cmpSmall(e, d)
	}
	diff := e.Scale - d.Scale
	if int(diff) >= len(pow10) {
		return cmpBig(d, e)
	}
	hi, lo := bits.Mul64(absInt(d.Coef), uint64(pow10[diff]))
	c := 1
	if hi == 0 {
		c = cmpUint(lo, absInt(e.Coef))
	}
	return c * d.Sign()
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func absInt(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func cmpBig(d, e Decimal) int {
	a, as := d.coefficient()
	b, bs := e.coefficient()
	if as < bs {
		a.Mul(a, bigPow10(bs-as))
	} else if bs < as {
		b.Mul(b, bigPow10(as-bs))
	}
	return a.Cmp(b)
}

// Reduce returns d without trailing zeros after the decimal point or before it, in the same form for all decimals that
// are equal. The value is coef * 10^exp; when digits is not empty it is too great for coef, which then is 1 or -1 and
// multiplies digits. For NaN and infinities ok is false.
func (d Decimal) Reduce() (coef int64, digits string, exp int32, ok bool) {
	if d.Big == nil {
		coef, exp = d.Coef, -d.Scale
		if coef == 0 {
			return 0, "", 0, true
		}
		for coef%10 == 0 {
			coef /= 10
			exp++
		}
		return coef, "", exp, true
	}
	if !d.finite() {
		return 0, "", 0, false
	}
	digits = d.Big.Coeff.String()
	n := len(digits)
	for n > 1 && digits[n-1] == '0' {
		n--
	}
	exp = d.Big.Exponent + int32(len(digits)-n)
	digits = digits[:n]
	if digits == "0" {
		return 0, "", 0, true
	}
	if v, fits := parseUint(digits); fits {
		if d.Big.Negative {
			v = -v
		}
		return v, "", exp, true
	}
	coef = 1
	if d.Big.Negative {
		coef = -1
	}
	return coef, digits, exp, true
}

// parseUint reads decimal digits; ok is false when they exceed int64.
func parseUint(s string) (v int64, ok bool) {
	if len(s) > 19 {
		return 0, false
	}
	var u uint64
	for i := range len(s) {
		u = u*10 + uint64(s[i]-'0')
	}
	return int64(u), u <= math.MaxInt64
}

// MaxDecimalScale is the greatest number of digits after the decimal point.
const MaxDecimalScale = 16383

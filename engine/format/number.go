package format

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// scanInt reads a plain integer of at most 18 digits that starts at i. When what stands there is anything else (a
// fraction, an exponent, more digits, no number) next is -1.
func scanInt(b []byte, i int) (v int64, next int) {
	neg := i < len(b) && b[i] == '-'
	if neg {
		i++
	}
	start := i
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:]) ^ ones*'0'
		if m := (x + ones*0x76 | x) & highs; m != 0 {
			n := bits.TrailingZeros64(m) >> 3
			i += n
			for ; n > 0; n-- {
				v = v*10 + int64(x&15)
				x >>= 8
			}
			return finishInt(b, start, i, v, neg)
		}
		x = x*10 + x>>8 // pairs, then fours, then all eight
		x = (x&0x000000FF000000FF*0x000F424000000064 + x>>16&0x000000FF000000FF*0x0000271000000001) >> 32
		v = v*1e8 + int64(x)
		if i += 8; i-start > 18 {
			return 0, -1
		}
	}
	for i < len(b) && b[i]-'0' <= 9 {
		v = v*10 + int64(b[i]-'0')
		i++
	}
	return finishInt(b, start, i, v, neg)
}

func finishInt(b []byte, start, i int, v int64, neg bool) (int64, int) {
	n := i - start
	if n == 0 || n > 18 || n > 1 && b[start] == '0' {
		return 0, -1
	}
	if i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		return 0, -1
	}
	if neg {
		v = -v
	}
	return v, i
}

// A number is what scanNumber makes of a JSON number: ±mant·10^exp, when exact is true.
type number struct {
	mant  uint64
	exp   int
	neg   bool
	exact bool
}

// scanNumber reads the number that starts at i and was not read yet. It returns the next position or a fault as the
// scanners of jsonscan.go do.
func scanNumber(b []byte, i int) (n number, next int) {
	next = skipNumber(b, i)
	if next < 0 {
		return n, next
	}
	n.exact = true
	point := false
	for p := i; p < next; p++ {
		switch c := b[p]; {
		case c == '-':
			n.neg = true
		case c == '.':
			point = true
		case c|0x20 == 'e':
			e, err := strconv.Atoi(text(b[p+1 : next]))
			if err != nil || e > 1e6 || e < -1e6 {
				n.exact = false
			}
			n.exp += e
			return n, next
		default:
			if n.mant > (math.MaxUint64-9)/10 {
				n.exact = false
			}
			n.mant = n.mant*10 + uint64(c-'0')
			if point {
				n.exp--
			}
		}
	}
	return n, next
}

// wholeNumber reads s if all of it is a number as JSON writes them.
func wholeNumber(s []byte) (n number, ok bool) {
	if len(s) == 0 || s[0] != '-' && s[0]-'0' > 9 {
		return n, false
	}
	n, end := scanNumber(s, 0)
	return n, end == len(s)
}

// int returns the number as an integer, if it is one that fits.
func (n number) int() (v int64, ok bool) {
	m, e := n.mant, n.exp
	for ; e < 0 && m != 0; e++ {
		if m%10 != 0 {
			return 0, false
		}
		m /= 10
	}
	for ; e > 0 && m != 0; e-- {
		if m > math.MaxInt64/10 {
			return 0, false
		}
		m *= 10
	}
	if m > math.MaxInt64 && !(n.neg && m == 1<<63) || !n.exact {
		return 0, false
	}
	if n.neg {
		return -int64(m), true
	}
	return int64(m), true
}

// decimal returns the number as a numeric with all its digits, if it is small enough to be held without a big one.
func (n number) decimal() (d types.Decimal, ok bool) {
	if n.exp > 0 {
		v, ok := n.int()
		return types.Decimal{Coef: v}, ok
	}
	if !n.exact || n.mant > math.MaxInt64 || n.exp < -maxSmallScale {
		return d, false
	}
	d = types.Decimal{Coef: int64(n.mant), Scale: int32(-n.exp)}
	if n.neg {
		d.Coef = -d.Coef
	}
	return d, true
}

// maxSmallScale is the largest scale made here; numbers with more fractional digits are left to package types.
const maxSmallScale = 18

// pow10 holds the powers of ten that an int64 holds.
var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// floatPow10 holds the powers of ten that a float64 holds exactly.
var floatPow10 = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// float returns the nearest float to the number, whose text is b, and whether it is finite.
func (n number) float(b []byte, kind types.Kind) (v float64, ok bool) {
	if kind == types.KindFloat4 {
		v, err := strconv.ParseFloat(text(b), 32)
		return v, err == nil
	}
	if n.exact && n.mant < 1<<53 && -22 <= n.exp && n.exp <= 22 {
		v = float64(n.mant) // exact, and so is the power: one rounding
		if n.exp < 0 {
			v /= floatPow10[-n.exp]
		} else {
			v *= floatPow10[n.exp]
		}
		if n.neg {
			v = -v
		}
		return v, true
	}
	v, err := strconv.ParseFloat(text(b), 64)
	return v, err == nil
}

// appendDecimal appends the number n, which s spells, to a numeric column. As in ksqlDB, a column with a scale refuses
// numbers that it could only hold rounded.
func appendDecimal(c *vec.Column, n number, s []byte) error {
	v, ok := n.decimal()
	if c.Type.Mod >= 0 {
		if _, scale := c.Type.PrecisionScale(); neededScale(s) > scale {
			return sqlerr.New(sqlerr.NumericValueOutOfRange, "The value does not fit without rounding.")
		}
		if ok {
			v, ok = fitDecimal(v, c.Type)
		}
	}
	if !ok {
		return c.ParseAppend(s, types.Env{})
	}
	c.AppendDec(v)
	return nil
}

// neededScale returns how many digits after the point the number b needs to be held exactly.
func neededScale(b []byte) int {
	point, needed, fraction := false, 0, 0
	for i, c := range b {
		switch {
		case c == '.':
			point = true
		case c|0x20 == 'e':
			if e, err := strconv.Atoi(text(b[i+1:])); err == nil {
				needed -= e
			}
			return needed
		case point:
			if fraction++; c != '0' {
				needed = fraction
			}
		}
	}
	return needed
}

// fitDecimal gives v the scale of a numeric type that has one, if that is possible exactly and without a big number.
func fitDecimal(v types.Decimal, t types.Type) (types.Decimal, bool) {
	precision, scale := t.PrecisionScale()
	for v.Scale > int32(scale) && v.Coef%10 == 0 {
		v.Coef /= 10
		v.Scale--
	}
	up := int32(scale) - v.Scale
	if up < 0 || int(up) >= len(pow10) {
		return v, false
	}
	if v.Coef > math.MaxInt64/pow10[up] || v.Coef < -math.MaxInt64/pow10[up] {
		return v, false
	}
	v.Coef *= pow10[up]
	v.Scale = int32(scale)
	if precision < len(pow10) && (v.Coef >= pow10[precision] || v.Coef <= -pow10[precision]) {
		return v, false
	}
	return v, true
}

// text views b as a string for as long as b does not change.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// appendFloat appends v as Java prints a double, which is what ksqlDB writes: 1.0, 1.5E10. bits is 32 for a real.
// NaN and infinities are NaN, Infinity and -Infinity.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	}
	start := len(dst)
	if a := math.Abs(v); a == 0 || a >= 1e-3 && a < 1e7 {
		dst = strconv.AppendFloat(dst, v, 'f', -1, bits)
		for _, c := range dst[start:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	}
	dst = strconv.AppendFloat(dst, v, 'E', -1, bits)
	if e := bytes.IndexByte(dst[start:], 'E'); e <= 2 {
		dst = strconv.AppendFloat(dst[:start], v, 'E', 1, bits) // Java wants two digits, the nearest ones
	}
	return javaExponent(dst, bytes.IndexByte(dst[start:], 'E')+start+1)
}

// javaExponent turns Go's exponents +10 and -07, at i in dst, into Java's 10 and -7.
func javaExponent(dst []byte, i int) []byte {
	if dst[i] == '+' {
		dst = append(dst[:i], dst[i+1:]...)
	} else {
		i++
	}
	for dst[i] == '0' && i+1 < len(dst) {
		dst = append(dst[:i], dst[i+1:]...)
	}
	return dst
}

package types

import (
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/leatdb/leat/sql/sqlerr"
)

// ParseDecimal reads a numeric as PostgreSQL does.
func ParseDecimal[S string | []byte](s S) (Decimal, error) {
	if d, ok := parseSmallDecimal(s); ok {
		return d, nil
	}
	return parseDecimal(string(s))
}

// parseSmallDecimal reads what fits 18 digits and has no exponent nor blanks.
func parseSmallDecimal[S string | []byte](s S) (d Decimal, ok bool) {
	i, neg := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		i, neg = 1, s[0] == '-'
	}
	if len(s)-i > 19 {
		return d, false
	}
	digits, point := 0, -1
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d.Coef = d.Coef*10 + int64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = digits
		default:
			return d, false
		}
	}
	if digits == 0 || digits > 18 {
		return d, false
	}
	if point >= 0 {
		d.Scale = int32(digits - point)
	}
	if neg {
		d.Coef = -d.Coef
	}
	return d, true
}

func parseDecimal(s string) (Decimal, error) {
	bad := func() (Decimal, error) { return Decimal{}, errSyntax("numeric", s) }
	t := trimSpace(s)
	neg := strings.HasPrefix(t, "-")
	if neg || strings.HasPrefix(t, "+") {
		t = t[1:]
	}
	switch strings.ToLower(t) {
	case "nan":
		if len(t) != len(trimSpace(s)) { // PostgreSQL takes no sign here
			return bad()
		}
		return DecimalNaN, nil
	case "infinity", "inf":
		if neg {
			return DecimalNegInf, nil
		}
		return DecimalInf, nil
	}
	i := skipDigits(t, 0)
	digits, scale := t[:i], 0
	if i < len(t) && t[i] == '.' {
		j := skipDigits(t, i+1)
		digits, scale, i = digits+t[i+1:j], j-i-1, j
	}
	if digits == "" {
		return bad()
	}
	exp := 0
	if i < len(t) && (t[i] == 'e' || t[i] == 'E') {
		from := i + 1
		if from < len(t) && (t[from] == '+' || t[from] == '-') {
			from++
		}
		end := skipDigits(t, from)
		if end == from {
			return bad()
		}
		v, err := strconv.Atoi(t[i+1 : end])
		if err != nil || v > math.MaxInt32/2 || v < -math.MaxInt32/2 {
			return Decimal{}, errDecimalOverflow()
		}
		exp, i = v, end
	}
	if i != len(t) {
		return bad()
	}
	return decimalFromDigits(neg, digits, scale-exp)
}

// decimalFromDigits returns digits / 10^scale, where scale may be negative.
func decimalFromDigits(neg bool, digits string, scale int) (Decimal, error) {
	digits = strings.TrimLeft(digits, "0")
	if len(digits)-scale > maxDecimalDigits && digits != "" || scale > MaxDecimalScale {
		return Decimal{}, errDecimalOverflow()
	}
	if scale < 0 && digits != "" {
		digits += strings.Repeat("0", -scale)
	}
	scale = max(scale, 0)
	if digits == "" {
		return Decimal{Scale: int32(scale)}, nil
	}
	c, _ := new(apd.BigInt).SetString(digits, 10)
	if neg {
		c.Neg(c)
	}
	return newDecimal(c, int32(scale)), nil
}

func skipDigits(s string, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// AppendDecimal prints a numeric with all the digits of its scale.
func AppendDecimal(dst []byte, d Decimal) []byte {
	switch {
	case d.Big == nil:
		return appendSmallDecimal(dst, d.Coef, int(d.Scale))
	case d.IsNaN():
		return append(dst, "NaN"...)
	case d.IsInf() && d.Big.Negative:
		return append(dst, "-Infinity"...)
	case d.IsInf():
		return append(dst, "Infinity"...)
	}
	if d.Big.Negative && d.Big.Coeff.Sign() != 0 {
		dst = append(dst, '-')
	}
	digits := d.Big.Coeff.String()
	dst = appendPoint(dst, digits, int(max(0, -d.Big.Exponent)))
	for range d.Big.Exponent {
		dst = append(dst, '0')
	}
	return dst
}

func appendSmallDecimal(dst []byte, coef int64, scale int) []byte {
	if scale == 0 {
		return AppendInt(dst, coef)
	}
	if coef < 0 {
		dst = append(dst, '-')
	}
	var buf [20]byte
	return appendPoint(dst, appendUint(buf[:0], absInt(coef)), scale)
}

// appendPoint prints digits with the decimal point before the last scale of them.
func appendPoint[S string | []byte](dst []byte, digits S, scale int) []byte {
	before := len(digits) - scale
	if before <= 0 {
		dst = append(dst, '0')
	} else {
		dst = append(dst, digits[:before]...)
		digits = digits[before:]
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for range -before {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// String prints d.
func (d Decimal) String() string { return string(AppendDecimal(nil, d)) }

// Float64 returns the nearest float.
func (d Decimal) Float64() float64 {
	if d.Big == nil && d.Scale == 0 {
		return float64(d.Coef)
	}
	if d.Big == nil && d.Scale <= 15 && absInt(d.Coef) < 1<<53 { // both exact, so one rounding
		return float64(d.Coef) / float64(pow10[d.Scale])
	}
	var buf [64]byte
	f, _ := strconv.ParseFloat(string(AppendDecimal(buf[:0], d)), 64) // an overflow is ±Inf
	return f
}

// DecimalFromFloat returns f with as many digits as PostgreSQL keeps in a cast from float: 15 significant ones for 64
// bits, 6 for 32.
func DecimalFromFloat(f float64, bits int) (Decimal, error) {
	switch {
	case math.IsNaN(f):
		return DecimalNaN, nil
	case math.IsInf(f, 1):
		return DecimalInf, nil
	case math.IsInf(f, -1):
		return DecimalNegInf, nil
	}
	digits := 15
	if bits == 32 {
		digits = 6
	}
	var buf [32]byte
	b := strconv.AppendFloat(buf[:0], f, 'g', digits, 64)
	return ParseDecimal(b)
}

// errSyntax is PostgreSQL's error for text that is no value of a type.
func errSyntax(typ, s string) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", typ, clean(s))
}

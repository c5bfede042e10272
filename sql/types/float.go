package types

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

func floatName(bits int) string {
	if bits == 32 {
		return "real"
	}
	return "double precision"
}

// ParseFloat reads a float of 32 or 64 bits.
func ParseFloat[S string | []byte](s S, bits int) (float64, error) {
	t := trimSpace(string(s))
	if !plainFloat(t) {
		switch strings.ToLower(t) {
		case "nan", "+nan", "-nan":
			return math.NaN(), nil
		case "infinity", "+infinity", "inf", "+inf":
			return math.Inf(1), nil
		case "-infinity", "-inf":
			return math.Inf(-1), nil
		}
		return 0, errSyntax(floatName(bits), string(s))
	}
	f, err := strconv.ParseFloat(t, bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, errSyntax(floatName(bits), string(s))
	}
	if err != nil || f == 0 && strings.ContainsAny(mantissa(t), "123456789") {
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, `"%s" is out of range for type %s`, string(s), floatName(bits))
	}
	return f, nil
}

// plainFloat reports whether s has only the characters of a decimal floating-point number.
func plainFloat(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e' && i > 0, c == 'E' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}

func mantissa(s string) string {
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		return s[:at]
	}
	return s
}

// AppendFloat8 prints a float with the fewest digits that read back the same.
func AppendFloat8(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

// AppendFloat4 is AppendFloat8 for floats of 32 bits.
func AppendFloat4(dst []byte, f float64) []byte { return appendFloat(dst, f, 32) }

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	from, to := 1e-4, 1e15
	if bits == 32 {
		from, to = float64(float32(1e-4)), 1e6
	}
	if a := math.Abs(f); f == 0 || a >= from && a < to {
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if a := math.Abs(f); a < 1<<20 || a > 1e45 || !onBoundary(dst[start:], f, bits) {
		return dst
	}
	return appendInside(dst[:start], f, bits)
}

// appendInside prints f with the fewest digits that lie strictly between the middles to its neighbours. PostgreSQL does
// not rely on readers to round such a middle to even.
func appendInside(dst []byte, f float64, bits int) []byte {
	start := len(dst)
	for prec := 0; prec < 17; prec++ {
		dst = strconv.AppendFloat(dst[:start], f, 'e', prec, 64)
		if back, _ := strconv.ParseFloat(string(dst[start:]), bits); back == f && !onBoundary(dst[start:], f, bits) {
			break
		}
	}
	return dst
}

// onBoundary reports whether the printed number is exactly halfway between f and one of its neighbours.
func onBoundary(text []byte, f float64, bits int) bool {
	var next, prev float64
	if bits == 32 {
		next = float64(math.Nextafter32(float32(f), float32(math.Inf(1))))
		prev = float64(math.Nextafter32(float32(f), float32(math.Inf(-1))))
	} else {
		next, prev = math.Nextafter(f, math.Inf(1)), math.Nextafter(f, math.Inf(-1))
	}
	x, ok := new(big.Rat).SetString(string(text))
	if !ok {
		return false
	}
	twice := new(big.Rat).Add(x, x)
	exact := new(big.Rat).SetFloat64(f)
	for _, neighbour := range []float64{next, prev} {
		n := new(big.Rat).SetFloat64(neighbour)
		if n != nil && twice.Cmp(n.Add(n, exact)) == 0 {
			return true
		}
	}
	return false
}

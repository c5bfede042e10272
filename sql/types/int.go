package types

import (
	"math"
	"strconv"

	"github.com/leatdb/leat/sql/sqlerr"
)

// ParseInt reads an integer of 16, 32 or 64 bits.
func ParseInt[S string | []byte](s S, bits int) (int64, error) {
	if v, ok := parseShortInt(s); ok && v<<(64-bits)>>(64-bits) == v {
		return v, nil
	}
	return parseInt(string(s), bits)
}

// parseShortInt reads up to 18 digits with a sign and nothing around them.
func parseShortInt[S string | []byte](s S) (v int64, ok bool) {
	i := 0
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		i = 1
	}
	if len(s) == i || len(s)-i > 18 {
		return 0, false
	}
	for _, c := range []byte(s[i:]) {
		if c -= '0'; c > 9 {
			return 0, false
		} else {
			v = v*10 + int64(c)
		}
	}
	if s[0] == '-' {
		v = -v
	}
	return v, true
}

func intName(bits int) string {
	switch bits {
	case 16:
		return "smallint"
	case 32:
		return "integer"
	default:
		return "bigint"
	}
}

func parseInt(s string, bits int) (int64, error) {
	t := trimLeft(s)
	neg := false
	if t != "" && (t[0] == '-' || t[0] == '+') {
		neg, t = t[0] == '-', t[1:]
	}
	limit := uint64(1) << (bits - 1)
	if !neg {
		limit--
	}
	end := skipDigits(t, 0)
	if end == 0 {
		return 0, errSyntax(intName(bits), s)
	}
	var u uint64
	for _, c := range []byte(t[:end]) {
		if u > math.MaxUint64/10-1 || u*10+uint64(c-'0') > limit {
			return 0, errRange(s, intName(bits))
		}
		u = u*10 + uint64(c-'0')
	}
	if trimLeft(t[end:]) != "" {
		return 0, errSyntax(intName(bits), s)
	}
	if neg {
		return -int64(u), nil
	}
	return int64(u), nil
}

func errRange(s, typ string) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, `value "%s" is out of range for type %s`, clean(s), typ)
}

// CheckInt fails when v is not an integer of so many bits, as arithmetic and casts do.
func CheckInt(v int64, bits int) error {
	if v<<(64-bits)>>(64-bits) != v {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", intName(bits))
	}
	return nil
}

// AppendInt prints an integer.
func AppendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

func appendUint(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }

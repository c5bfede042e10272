package types

import (
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
)

const hexDigits = "0123456789abcdef"

// AppendBytea prints bytes in hex, after \x.
func AppendBytea[S string | []byte](dst []byte, v S) []byte {
	dst = append(dst, '\\', 'x')
	for i := range len(v) {
		dst = append(dst, hexDigits[v[i]>>4], hexDigits[v[i]&15])
	}
	return dst
}

// ParseBytea appends the bytes that s stands for, in the hex or the escape format.
func ParseBytea[S string | []byte](dst []byte, s S) ([]byte, error) {
	if len(s) >= 2 && s[0] == '\\' && s[1] == 'x' {
		return parseHex(dst, string(s[2:]))
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		switch {
		case i+1 < len(s) && s[i+1] == '\\':
			dst = append(dst, '\\')
			i++
		case i+3 < len(s) && s[i+1] >= '0' && s[i+1] <= '3' && isOctal(s[i+2]) && isOctal(s[i+3]):
			dst = append(dst, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		default:
			return dst, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
	}
	return dst, nil
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }

func parseHex(dst []byte, s string) ([]byte, error) {
	for i := 0; i < len(s); {
		if isSpace(s[i]) && s[i] != '\v' && s[i] != '\f' {
			i++
			continue
		}
		hi := hexValue(s[i])
		if hi < 0 {
			return dst, errHexDigit(s[i:])
		}
		if i++; i >= len(s) {
			return dst, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		lo := hexValue(s[i])
		if lo < 0 {
			return dst, errHexDigit(s[i:])
		}
		i++
		dst = append(dst, byte(hi<<4|lo))
	}
	return dst, nil
}

func errHexDigit(s string) error {
	r, _ := utf8.DecodeRuneInString(s)
	return sqlerr.New(sqlerr.InvalidParameterValue, `invalid hexadecimal digit: "%s"`, clean(string(r)))
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

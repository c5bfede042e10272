package format

import (
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
)

// unescape appends the text of the string whose opening quote is before i. It returns dst as it was and the negative
// position of the fault when the string is not valid, or holds what text cannot: U+0000 or half a surrogate pair.
func unescape(dst, b []byte, i int) ([]byte, int) {
	start := len(dst)
	for {
		j := findSpecial(b, i)
		dst = append(dst, b[i:j]...)
		switch {
		case j == len(b) || b[j] < ' ':
			return dst[:start], ^j
		case b[j] == '"':
			return dst, j + 1
		}
		if i = skipEscape(b, j); i < 0 {
			return dst[:start], i
		}
		c := b[j+1]
		if c != 'u' {
			dst = append(dst, plainEscapes[c])
			continue
		}
		r := hexRune(b, j+2)
		if utf16.IsSurrogate(r) {
			if i+6 <= len(b) && b[i] == '\\' && b[i+1] == 'u' && skipEscape(b, i) > 0 {
				r = utf16.DecodeRune(r, hexRune(b, i+2))
				i += 6
			} else {
				r = utf8.RuneError
			}
			if r == utf8.RuneError {
				return dst[:start], ^j
			}
		}
		if r == 0 {
			return dst[:start], ^j
		}
		dst = utf8.AppendRune(dst, r)
	}
}

// plainEscapes are the characters that two-character escapes stand for.
var plainEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// hexRune returns the rune of four hexadecimal digits, which were checked.
func hexRune(b []byte, i int) (r rune) {
	for _, c := range b[i : i+4] {
		r = r<<4 | rune(hexDigit(c))
	}
	return r
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Its bytes must be UTF-8.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for i := 0; ; {
		j := findSpecial(s, i)
		dst = append(dst, s[i:j]...)
		if j == len(s) {
			return append(dst, '"')
		}
		switch c := s[j]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i = j + 1
	}
}

// syntaxError describes the fault that a scanner found in the record b and reported as the negative position at.
func syntaxError(b []byte, at int) *sqlerr.Error {
	if at == tooDeep {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid JSON: nested more than %d levels deep", maxDepth)
	}
	p := ^at
	if p >= len(b) {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid JSON: it ends too early, at byte %d", len(b))
	}
	what := fmt.Sprintf("%q is not expected", b[p])
	r, size := utf8.DecodeRune(b[p:])
	switch {
	case b[p] == '\\':
		what = "the escape stands for no character that text can hold"
	case r == utf8.RuneError && size == 1:
		what = "the bytes are not UTF-8"
	case r > ' ' && r != 0x7f:
		what = fmt.Sprintf("%q is not expected", string(r))
	}
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid JSON at byte %d: %s", p, what)
}

// invalidUTF8 returns the position of the first byte that is not part of valid UTF-8, as scanners return faults.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return ^i
		}
		i += size
	}
	return math.MaxInt
}

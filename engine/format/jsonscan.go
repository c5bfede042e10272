package format

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The functions of this file walk over JSON text. They take the position to start at and return the one after what
// they read; when the text is not valid they return a negative number, ^p, where p is the position of the fault.

// maxDepth is how deep arrays and objects may nest.
const maxDepth = 1000

// tooDeep is what the scanners return for text that nests deeper.
const tooDeep = math.MinInt

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// findSpecial returns the position of the first quote, backslash or control character at or after i, or len(b).
// It looks at eight bytes at a time; flags above the first one found may be wrong, the first one never is.
func findSpecial(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		m := ((w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
		if m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
		i++
	}
	return i
}

// skipString reads a string whose opening quote is before i.
func skipString(b []byte, i int) int {
	for {
		i = findSpecial(b, i)
		if i == len(b) || b[i] < ' ' {
			return ^i
		}
		if b[i] == '"' {
			return i + 1
		}
		if i = skipEscape(b, i); i < 0 {
			return i
		}
	}
}

// skipEscape reads an escape sequence; b[i] is the backslash.
func skipEscape(b []byte, i int) int {
	if i+1 == len(b) {
		return ^(i + 1)
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for j := i + 2; j < i+6; j++ {
			if j >= len(b) || hexDigit(b[j]) < 0 {
				return ^min(j, len(b))
			}
		}
		return i + 6
	}
	return ^(i + 1)
}

func hexDigit(c byte) int {
	switch {
	case c-'0' <= 9:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// skipNumber reads a number; b[i] is a digit or a minus sign.
func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i = skipDigits(b, i); i < 0 {
		return i
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return i
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

// skipDigits reads one digit or more.
func skipDigits(b []byte, i int) int {
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return ^i
	}
	return i
}

// skipWord reads one of the words true, false and null.
func skipWord(b []byte, i int, word string) int {
	for k := 0; k < len(word); k++ {
		if i+k >= len(b) || b[i+k] != word[k] {
			return ^(i + k)
		}
	}
	return i + len(word)
}

// skipValue reads any value that starts at i, where there is no white space.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return ^i
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i+1)
	case c == '-' || c-'0' <= 9:
		return skipNumber(b, i)
	case c == '{':
		return skipObject(b, i+1, depth)
	case c == '[':
		return skipArray(b, i+1, depth)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	}
	return ^i
}

// skipArray reads an array whose opening bracket is before i.
func skipArray(b []byte, i, depth int) int {
	if depth >= maxDepth {
		return tooDeep
	}
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, skipSpace(b, i), depth+1); i < 0 {
			return i
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != ']' {
			return ^i
		}
		if i++; b[i-1] == ']' {
			return i
		}
	}
}

// skipObject reads an object whose opening brace is before i.
func skipObject(b []byte, i, depth int) int {
	if depth >= maxDepth {
		return tooDeep
	}
	i = skipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i = skipName(b, skipSpace(b, i)); i < 0 {
			return i
		}
		if i = skipValue(b, skipSpace(b, i), depth+1); i < 0 {
			return i
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != '}' {
			return ^i
		}
		if i++; b[i-1] == '}' {
			return i
		}
	}
}

// skipName reads the name of an object's member and the colon after it.
func skipName(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return ^i
	}
	if i = skipString(b, i+1); i < 0 {
		return i
	}
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return ^i
	}
	return i + 1
}

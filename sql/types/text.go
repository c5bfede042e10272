package types

import (
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
)

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func trimLeft(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}

func trimSpace(s string) string {
	s = trimLeft(s)
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// clean makes text that may be anything fit for an error message.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// CheckText fails for bytes that are no text: invalid UTF-8 or a zero byte.
func CheckText[S string | []byte](s S) error {
	for i := 0; i < len(s); {
		c := s[i]
		if c == 0 {
			return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x00`)
		}
		if c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && n == 1 {
			return sqlerr.New(sqlerr.CharacterNotInRepertoire,
				`invalid byte sequence for encoding "UTF8": %s`, hexBytes(string(s[i:min(i+badLength(c), len(s))])))
		}
		i += n
	}
	return nil
}

// badLength returns how many bytes the sequence that begins with c should have.
func badLength(c byte) int {
	switch {
	case c&0xe0 == 0xc0:
		return 2
	case c&0xf0 == 0xe0:
		return 3
	case c&0xf8 == 0xf0:
		return 4
	default:
		return 1
	}
}

func hexBytes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("0x")
		b.WriteByte(hexDigits[s[i]>>4])
		b.WriteByte(hexDigits[s[i]&15])
	}
	return b.String()
}

// maxNameLen is the length in bytes that names are cut to.
const maxNameLen = 63

// fitText brings a string to the length its type asks for. explicit casts cut it; assignments and input fail, unless
// what is too much are blanks.
func fitText(t Type, s string, explicit bool) (string, error) {
	switch t.Kind {
	case KindName:
		return cutBytes(s, maxNameLen), nil
	case KindCharByte:
		if s == "" || s[0] >= utf8.RuneSelf { // half a character would be no text
			return "", nil
		}
		return s[:1], nil
	case KindVarchar, KindChar:
	default:
		return s, nil
	}
	if t.Mod < 4 {
		return s, nil
	}
	n := int(t.Mod - 4)
	count := utf8.RuneCountInString(s)
	if count > n {
		at := 0
		for range n {
			_, w := utf8.DecodeRuneInString(s[at:])
			at += w
		}
		if !explicit && strings.Trim(s[at:], " ") != "" {
			return "", sqlerr.New(sqlerr.StringDataRightTruncation, "value too long for type %s", t)
		}
		s, count = s[:at], n
	}
	if t.Kind == KindChar && count < n {
		s += strings.Repeat(" ", n-count)
	}
	return s, nil
}

// cutBytes cuts s to at most n bytes without splitting a character.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

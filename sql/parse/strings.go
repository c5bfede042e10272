package parse

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// lettered reads a string or name that has a letter in front of its quote (E, B, X, N, U&), if one starts here.
func (l *lexer) lettered(c byte) bool {
	start := l.i
	if l.peek(1) == '\'' {
		switch c | 0x20 {
		case 'e':
			l.i++
			l.add(kString, start, l.continued(l.escaped()))
			return true
		case 'b', 'x':
			msg := "unterminated bit string literal"
			if c|0x20 == 'x' {
				msg = "unterminated hexadecimal string literal"
			}
			l.i++
			l.bits(start, c|0x20, l.quoted('\'', msg))
			return true
		case 'n':
			l.i++
			v := l.quoted('\'', "unterminated quoted string")
			l.add(kString, start, l.continued(v))
			return true
		}
	}
	if c|0x20 != 'u' || l.peek(1) != '&' || l.peek(2) != '\'' && l.peek(2) != '"' {
		return false
	}
	quote := l.peek(2)
	l.i += 2
	if quote == '"' {
		v := l.unicode(start, l.quoted(quote, "unterminated quoted identifier"))
		if v == "" {
			l.failHere(start, "zero-length delimited identifier")
		}
		l.add(kQuoted, start, truncated(v))
		return true
	}
	v := l.quoted(quote, "unterminated quoted string")
	l.add(kString, start, l.unicode(start, l.continued(v)))
	return true
}

// bits checks and appends a bit string literal.
func (l *lexer) bits(start int, base byte, v string) {
	for i := 0; i < len(v); i++ {
		if base == 'b' && v[i] != '0' && v[i] != '1' {
			bail(sqlerr.At(start, sqlerr.InvalidTextRepresentation, "\"%c\" is not a valid binary digit", v[i]))
		}
		if base == 'x' && !isHex(v[i]) {
			bail(sqlerr.At(start, sqlerr.InvalidTextRepresentation, "\"%c\" is not a valid hexadecimal digit", v[i]))
		}
	}
	l.add(kBits, start, string(base)+v)
}

// quoted reads from the opening quote at the current position through the closing one; a doubled quote stands for one.
func (l *lexer) quoted(quote byte, unterminated string) string {
	start := l.i
	l.i++
	doubled := false
	for {
		n := strings.IndexByte(l.src[l.i:], quote)
		if n < 0 {
			l.i = len(l.src)
			l.fail(start, unterminated)
		}
		l.i += n + 1
		if l.peek(0) != quote {
			break
		}
		doubled = true
		l.i++
	}
	v := l.src[start+1 : l.i-1]
	if doubled {
		q := string(quote)
		v = strings.ReplaceAll(v, q+q, q)
	}
	return v
}

// continued appends what follows a string by the SQL rule: 'a', white space with a new line in it, 'b' is 'ab'.
func (l *lexer) continued(v string) string {
	var b *strings.Builder
	for {
		j, newline := l.i, false
		for j < len(l.src) && isSpace(l.src[j]) {
			newline = newline || l.src[j] == '\n' || l.src[j] == '\r'
			j++
		}
		if !newline || j >= len(l.src) || l.src[j] != '\'' {
			break
		}
		if b == nil {
			b = &strings.Builder{}
			b.WriteString(v)
		}
		l.i = j
		b.WriteString(l.quoted('\'', "unterminated quoted string"))
	}
	if b == nil {
		return v
	}
	return b.String()
}

// escaped reads a string with backslash escapes, the current position being its quote.
func (l *lexer) escaped() string {
	start := l.i - 1
	l.i++
	var b strings.Builder
	for l.i < len(l.src) {
		c := l.src[l.i]
		l.i++
		switch {
		case c == '\'' && l.peek(0) == '\'':
			b.WriteByte('\'')
			l.i++
		case c == '\'':
			v := b.String()
			l.checkText(start, v)
			return v
		case c == '\\' && l.i < len(l.src):
			l.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	l.fail(start, "unterminated quoted string")
	return ""
}

// checkText refuses a decoded string that the database encoding cannot hold.
func (l *lexer) checkText(off int, v string) {
	if i := strings.IndexByte(v, 0); i >= 0 {
		bail(sqlerr.At(off, sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00"))
	}
	if !utf8.ValidString(v) {
		for i := 0; i < len(v); {
			r, n := utf8.DecodeRuneInString(v[i:])
			if r == utf8.RuneError && n == 1 {
				bail(sqlerr.At(off, sqlerr.CharacterNotInRepertoire, "%s", sqlerr.From(types.CheckText(v[i:])).Message))
			}
			i += n
		}
	}
}

// escape decodes the escape whose letter is at the current position.
func (l *lexer) escape(b *strings.Builder) {
	c := l.src[l.i]
	l.i++
	switch {
	case c == 'b':
		b.WriteByte('\b')
	case c == 'f':
		b.WriteByte('\f')
	case c == 'n':
		b.WriteByte('\n')
	case c == 'r':
		b.WriteByte('\r')
	case c == 't':
		b.WriteByte('\t')
	case c >= '0' && c <= '7':
		v := c - '0'
		for n := 0; n < 2 && l.peek(0) >= '0' && l.peek(0) <= '7'; n++ {
			v = v<<3 | (l.src[l.i] - '0')
			l.i++
		}
		b.WriteByte(v)
	case c == 'x' && isHex(l.peek(0)):
		v := byte(0)
		for n := 0; n < 2 && isHex(l.peek(0)); n++ {
			v = v<<4 | byte(hexVal(l.src[l.i]))
			l.i++
		}
		b.WriteByte(v)
	case c == 'u', c == 'U':
		l.escapedRune(b, c)
	case c >= 0x80:
		_, w := utf8.DecodeRuneInString(l.src[l.i-1:])
		b.WriteString(l.src[l.i-1 : l.i-1+w])
		l.i += w - 1
	default:
		b.WriteByte(c)
	}
}

// escapedRune decodes \uXXXX and \UXXXXXXXX; a pair of surrogates makes one character.
func (l *lexer) escapedRune(b *strings.Builder, c byte) {
	at := l.i - 2
	width := 4
	if c == 'U' {
		width = 8
	}
	r, ok := l.hexRune(width)
	if ok && utf16.IsSurrogate(r) {
		low := rune(-1)
		if l.peek(0) == '\\' && l.peek(1)|0x20 == 'u' {
			w := 4
			if l.peek(1) == 'U' {
				w = 8
			}
			l.i += 2
			low, _ = l.hexRune(w)
		}
		r = utf16.DecodeRune(r, low)
		if r == utf8.RuneError {
			bail(sqlerr.At(at, sqlerr.SyntaxError, "invalid Unicode surrogate pair"))
		}
	}
	if ok && (r == 0 || r > utf8.MaxRune || r < 0) {
		bail(sqlerr.At(at, sqlerr.SyntaxError, "invalid Unicode escape value"))
	}
	if !ok {
		bail(sqlerr.At(at, sqlerr.InvalidEscapeSequence, "invalid Unicode escape").
			WithHint(`Unicode escapes must be \uXXXX or \UXXXXXXXX.`))
	}
	b.WriteRune(r)
}

// hexRune reads width hexadecimal digits.
func (l *lexer) hexRune(width int) (rune, bool) {
	v := rune(0)
	for range width {
		if !isHex(l.peek(0)) {
			return 0, false
		}
		v = v<<4 | rune(hexVal(l.src[l.i]))
		l.i++
	}
	return v, true
}

func hexVal(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return int(c|0x20-'a') + 10
}

// unicode decodes the \XXXX and \+XXXXXX of a U& literal, whose escape character a UESCAPE behind it may change.
func (l *lexer) unicode(start int, v string) string {
	esc := l.uescape()
	var out []rune
	rs := []rune(v)
	for i := 0; i < len(rs); i++ {
		if rs[i] != esc {
			out = append(out, rs[i])
			continue
		}
		if i+1 < len(rs) && rs[i+1] == esc {
			out = append(out, esc)
			i++
			continue
		}
		from, width := i+1, 4
		if from < len(rs) && rs[from] == '+' {
			from, width = from+1, 6
		}
		r, ok := runeOf(rs, from, width)
		if !ok {
			bail(sqlerr.At(start, sqlerr.SyntaxError, "invalid Unicode escape").
				WithHint(`Unicode escapes must be \XXXX or \+XXXXXX.`))
		}
		if r == 0 || r > utf8.MaxRune {
			bail(sqlerr.At(start, sqlerr.SyntaxError, "invalid Unicode escape value"))
		}
		if n := len(out); utf16.IsSurrogate(r) && n > 0 && utf16.IsSurrogate(out[n-1]) {
			r = utf16.DecodeRune(out[n-1], r)
			out = out[:n-1]
		}
		out = append(out, r)
		i = from + width - 1
	}
	for _, r := range out {
		if utf16.IsSurrogate(r) {
			bail(sqlerr.At(start, sqlerr.SyntaxError, "invalid Unicode surrogate pair"))
		}
	}
	s := string(out)
	l.checkText(start, s)
	return s
}

func runeOf(rs []rune, from, width int) (rune, bool) {
	if from+width > len(rs) {
		return 0, false
	}
	v := rune(0)
	for _, r := range rs[from : from+width] {
		if r > 0x7f || !isHex(byte(r)) {
			return 0, false
		}
		v = v<<4 | rune(hexVal(byte(r)))
	}
	return v, v <= utf8.MaxRune
}

// uescape reads UESCAPE 'c' behind a U& literal and returns the escape character.
func (l *lexer) uescape() rune {
	at := l.i
	l.space()
	if len(l.src)-l.i < 7 || lower(l.src[l.i:l.i+7]) != "uescape" || isWordPart(l.peek(7)) {
		l.i = at
		return '\\'
	}
	l.i += 7
	l.space()
	start := l.i
	if l.peek(0) != '\'' {
		bail(sqlerr.At(start, sqlerr.SyntaxError, "UESCAPE must be followed by a simple string literal"))
	}
	v := l.quoted('\'', "unterminated quoted string")
	r, n := utf8.DecodeRuneInString(v)
	if n != len(v) || n == 0 || r == '+' || r == '"' || r == '\'' || r < 0x80 && (isHex(byte(r)) || isSpace(byte(r))) {
		l.failHere(start, "invalid Unicode escape character")
	}
	return r
}

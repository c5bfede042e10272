package jsonpath

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
)

// tokenKind says what a token is.
type tokenKind uint8

const (
	tEnd tokenKind = iota
	tOp
	tName
	tString
	tVariable
	tNumber
)

// token is a token of a path: its text, decoded where it is quoted.
type token struct {
	kind tokenKind
	text string
	end  int // where it ends in the source
}

// scanner splits a path into tokens.
type scanner struct {
	text string
	at   int
}

// special are the characters that end a name.
const special = "?%$.[]{}()|&!=<>@#,*:-+/ \t\n\r\f\v\"\\"

func (s *scanner) fail(near string) error {
	if near == "" {
		return sqlerr.New(sqlerr.SyntaxError, "syntax error at end of jsonpath input")
	}
	return sqlerr.New(sqlerr.SyntaxError, "syntax error at or near \"%s\" of jsonpath input", near)
}

func (s *scanner) blanks() error {
	for s.at < len(s.text) {
		switch {
		case strings.IndexByte(" \t\n\r\f", s.text[s.at]) >= 0:
			s.at++
		case strings.HasPrefix(s.text[s.at:], "/*"):
			end := strings.Index(s.text[s.at+2:], "*/")
			if end < 0 {
				return sqlerr.New(sqlerr.SyntaxError, "unexpected end of comment at end of jsonpath input")
			}
			s.at += end + 4
		default:
			return nil
		}
	}
	return nil
}

// next reads a token.
func (s *scanner) next() (t token, err error) {
	if err = s.blanks(); err != nil || s.at == len(s.text) {
		return token{end: s.at}, err
	}
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case c == '"':
		t.kind = tString
		t.text, err = s.quoted()
	case c == '$' && len(rest) > 1 && rest[1] == '"':
		s.at++
		t.kind = tVariable
		t.text, err = s.quoted()
	case c == '$' && len(rest) > 1 && strings.IndexByte(special, rest[1]) < 0:
		s.at++
		t.kind = tVariable
		t.text, err = s.name()
	case c >= '0' && c <= '9' || c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		t.kind = tNumber
		t.text, err = s.number()
	case strings.IndexByte(special, c) < 0 || c == '\\':
		t.kind = tName
		t.text, err = s.name()
	default:
		t.kind = tOp
		n := 1
		for _, op := range []string{"&&", "||", "==", "!=", "<>", "<=", ">=", "**"} {
			if strings.HasPrefix(rest, op) {
				n = 2
			}
		}
		t.text = rest[:n]
		s.at += n
	}
	t.end = s.at
	return t, err
}

func (s *scanner) name() (string, error) {
	var b strings.Builder
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '\\':
			if err := s.escape(&b); err != nil {
				return "", err
			}
		case strings.IndexByte(special, c) >= 0:
			return b.String(), nil
		default:
			b.WriteByte(c)
			s.at++
		}
	}
	return b.String(), nil
}

func (s *scanner) number() (string, error) {
	start := s.at
	digits := func() int {
		from := s.at
		for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
			s.at++
		}
		return s.at - from
	}
	if digits() > 1 && s.text[start] == '0' {
		return "", sqlerr.New(sqlerr.SyntaxError, "trailing junk after numeric literal at or near \"%s\" of jsonpath input",
			s.text[start:start+2])
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		digits()
	}
	if s.at < len(s.text) && s.text[s.at]|0x20 == 'e' {
		mark := s.at
		if s.at++; s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		if digits() == 0 {
			s.at = mark
		}
	}
	if s.at < len(s.text) && strings.IndexByte(special, s.text[s.at]) < 0 {
		_, n := utf8.DecodeRuneInString(s.text[s.at:])
		return "", sqlerr.New(sqlerr.SyntaxError, "trailing junk after numeric literal at or near \"%s\" of jsonpath input",
			s.text[start:s.at+n])
	}
	return s.text[start:s.at], nil
}

func (s *scanner) quoted() (string, error) {
	start := s.at
	s.at++
	var b strings.Builder
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case '"':
			s.at++
			return b.String(), nil
		case '\\':
			if err := s.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			s.at++
		}
	}
	return "", sqlerr.New(sqlerr.SyntaxError, "unterminated quoted string at or near \"%s\" of jsonpath input",
		s.text[start:])
}

// escape reads what a backslash begins.
func (s *scanner) escape(b *strings.Builder) error {
	if s.at+1 >= len(s.text) {
		return sqlerr.New(sqlerr.SyntaxError, "unexpected end after backslash at or near \"\\\" of jsonpath input")
	}
	c := s.text[s.at+1]
	s.at += 2
	switch c {
	case 'b', 'f', 'n', 'r', 't', 'v':
		b.WriteByte("\b\f\n\r\t\v"[strings.IndexByte("bfnrtv", c)])
	case 'x':
		r, err := s.hex(2)
		if err != nil {
			return err
		}
		return s.writeRune(b, r)
	case 'u':
		return s.unicode(b)
	default:
		b.WriteByte(c)
	}
	return nil
}

func (s *scanner) writeRune(b *strings.Builder, r rune) error {
	if r == 0 {
		return sqlerr.New(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence").
			WithDetail(`\u0000 cannot be converted to text.`)
	}
	b.WriteRune(r)
	return nil
}

func (s *scanner) hex(n int) (rune, error) {
	if s.at+n <= len(s.text) {
		if v, err := strconv.ParseUint(s.text[s.at:s.at+n], 16, 32); err == nil {
			s.at += n
			return rune(v), nil
		}
	}
	return 0, sqlerr.New(sqlerr.SyntaxError, "invalid Unicode escape sequence at or near \"%s\" of jsonpath input",
		s.text[max(s.at-2, 0):min(s.at+n, len(s.text))])
}

func (s *scanner) unicode(b *strings.Builder) error {
	if s.at < len(s.text) && s.text[s.at] == '{' {
		end := strings.IndexByte(s.text[s.at:], '}')
		if s.at++; end < 2 || end > 7 {
			end = 2
		}
		r, err := s.hex(end - 1)
		if err != nil {
			return err
		}
		s.at++
		return s.writeRune(b, r)
	}
	r, err := s.hex(4)
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		if strings.HasPrefix(s.text[s.at:], `\u`) {
			s.at += 2
			low, err := s.hex(4)
			if err != nil {
				return err
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return s.writeRune(b, r)
			}
		}
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type jsonpath").
			WithDetail("Unicode low surrogate must follow a high surrogate.")
	}
	return s.writeRune(b, r)
}

package fn

import (
	"bytes"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// likeDecls declares LIKE and ILIKE: as functions, whose third argument is the escape character, and as PostgreSQL's
// operators.
func likeDecls() []Scalar {
	text := types.Text
	var fs []Scalar
	add := func(name string, fold, not bool, doc Doc) {
		fs = append(fs, Scalar{Name: name, Args: in(text, text), Ret: types.Bool, Strict: true, Kernel: like(fold, not),
			Doc: doc})
		if name[0] != '~' && name[0] != '!' {
			fs = append(fs, Scalar{Name: name, Args: in(text, text, text), Ret: types.Bool, Strict: true,
				Kernel: like(fold, not)})
		}
	}
	add("like", false, false, Doc{Category: "pattern",
		Examples: ex("'abc' LIKE 'a%'", "t", "'a%c' LIKE 'a#%c' ESCAPE '#'", "t"),
		Summary:  "Tells whether a text matches a pattern, in which % stands for any text and _ for any character (LIKE)."})
	add("not_like", false, true, Doc{Summary: "NOT LIKE.", Examples: ex("'abc' NOT LIKE '_b_'", "f")})
	add("ilike", true, false, Doc{Summary: "LIKE whatever the case.", Examples: ex("'ABC' ILIKE 'a%'", "t")})
	add("not_ilike", true, true, Doc{Summary: "NOT ILIKE.", Examples: ex("'ABC' NOT ILIKE 'a%'", "f")})
	add("~~", false, false, Doc{Summary: "LIKE."})
	add("!~~", false, true, Doc{Summary: "NOT LIKE."})
	add("~~*", true, false, Doc{Summary: "ILIKE."})
	add("!~~*", true, true, Doc{Summary: "NOT ILIKE."})
	return fs
}

// like matches every row; the pattern is prepared once when it is constant.
func like(fold, not bool) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		r := results[bool](out, c.N)
		var p likePattern
		var err error
		constant := args[1].Const && (len(args) < 3 || args[2].Const)
		var folded []byte
		for i := range r {
			if c.Skips(i) {
				continue
			}
			if i == 0 || !constant || p.parts == nil {
				escape := []byte{'\\'}
				if len(args) == 3 {
					escape = args[2].Bytes(args[2].At(i))
				}
				p, err = compileLike(args[1].Bytes(args[1].At(i)), escape, fold)
			}
			if err != nil {
				c.Fail(i, err)
				continue
			}
			s := args[0].Bytes(args[0].At(i))
			if fold {
				folded = appendLower(folded[:0], s)
				s = folded
			}
			r[i] = p.match(s) != not
		}
	}
}

// likePattern is a pattern cut at its %: the first part must begin the text, the last one end it, and those between
// follow one another. A part is literal text with gaps, each _ of the pattern.
type likePattern struct{ parts []likePart }

type likePart struct {
	text []byte // with a zero byte, which no text holds, for every _
	gaps bool
}

func compileLike(pattern, escape []byte, fold bool) (likePattern, error) {
	var p likePattern
	if utf8.RuneCount(escape) > 1 {
		return p, sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	part := likePart{text: []byte{}}
	if fold {
		pattern = bytes.ToLower(pattern)
	}
	for len(pattern) > 0 {
		switch {
		case len(escape) > 0 && bytes.HasPrefix(pattern, escape):
			if pattern = pattern[len(escape):]; len(pattern) == 0 {
				return p, sqlerr.New(sqlerr.InvalidEscapeSequence, "LIKE pattern must not end with escape character")
			}
			_, n := utf8.DecodeRune(pattern)
			part.text = append(part.text, pattern[:n]...)
			pattern = pattern[n:]
			continue
		case pattern[0] == '%':
			p.parts = append(p.parts, part)
			part = likePart{text: []byte{}}
		case pattern[0] == '_':
			part.text, part.gaps = append(part.text, 0), true
		default:
			part.text = append(part.text, pattern[0])
		}
		pattern = pattern[1:]
	}
	p.parts = append(p.parts, part)
	return p, nil
}

func (p *likePattern) match(s []byte) bool {
	head := p.parts[0]
	n, ok := head.prefix(s)
	if !ok {
		return false
	}
	s = s[n:]
	if len(p.parts) == 1 {
		return len(s) == 0
	}
	last := len(p.parts) - 1
	for _, part := range p.parts[1:last] {
		end := part.find(s)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return p.parts[last].ends(s)
}

// prefix returns the length of the beginning of s that the part matches.
func (l *likePart) prefix(s []byte) (n int, ok bool) {
	if !l.gaps {
		return len(l.text), bytes.HasPrefix(s, l.text)
	}
	for _, b := range l.text {
		switch {
		case n == len(s):
			return 0, false
		case b == 0:
			_, w := utf8.DecodeRune(s[n:])
			n += w
		case s[n] != b:
			return 0, false
		default:
			n++
		}
	}
	return n, true
}

// find returns where the first match of the part ends; -1 when there is none.
func (l *likePart) find(s []byte) int {
	if !l.gaps {
		i := bytes.Index(s, l.text)
		if i < 0 {
			return -1
		}
		return i + len(l.text)
	}
	for at := 0; at <= len(s); {
		if n, ok := l.prefix(s[at:]); ok {
			return at + n
		}
		_, w := utf8.DecodeRune(s[at:])
		at += max(w, 1)
	}
	return -1
}

// ends reports whether s ends in a match of the part.
func (l *likePart) ends(s []byte) bool {
	if !l.gaps {
		return bytes.HasSuffix(s, l.text)
	}
	at := len(s)
	for want := likeRunes(l.text); want > 0; want-- {
		if at == 0 {
			return false
		}
		_, w := utf8.DecodeLastRune(s[:at])
		at -= w
	}
	n, ok := l.prefix(s[at:])
	return ok && at+n == len(s)
}

func likeRunes(text []byte) int { return utf8.RuneCount(text) }

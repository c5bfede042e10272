package types

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// QuoteArrayElem puts quotes around dst[start:], the text of an array's element, when an array's text needs them. An
// element that is an array itself is not to be quoted.
func QuoteArrayElem(dst []byte, start int) []byte {
	elem := dst[start:]
	need := len(elem) == 0 || len(elem) == 4 && strings.EqualFold(string(elem), "null")
	for _, c := range elem {
		if c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || isSpace(c) {
			need = true
			break
		}
	}
	if !need {
		return dst
	}
	return quoteTail(dst, start, '\\')
}

// quoteTail puts dst[start:] in quotes. A quote in it gets the byte before it that is given, a backslash another.
func quoteTail(dst []byte, start int, beforeQuote byte) []byte {
	text := string(dst[start:])
	dst = append(dst[:start], '"')
	for i := range len(text) {
		switch text[i] {
		case '"':
			dst = append(dst, beforeQuote)
		case '\\':
			dst = append(dst, '\\')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}

func appendArray(dst []byte, v Value, env Env) []byte {
	if v.Type.IsVector() {
		for i, e := range v.List {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = AppendText(dst, e, env)
		}
		return dst
	}
	dst = append(dst, '{')
	nested := v.Type.Elem().Kind == KindArray
	for i, e := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		if e.Null {
			dst = append(dst, "NULL"...)
			continue
		}
		start := len(dst)
		dst = AppendText(dst, e, env)
		if !nested {
			dst = QuoteArrayElem(dst, start)
		}
	}
	return append(dst, '}')
}

// arrayParser reads the text of an array.
type arrayParser struct {
	text string
	at   int
	env  Env
}

func (p *arrayParser) bad(detail string) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, `malformed array literal: "%s"`, clean(p.text)).
		WithDetail("%s", detail)
}

func (p *arrayParser) skip() {
	for p.at < len(p.text) && isSpace(p.text[p.at]) {
		p.at++
	}
}

// peek returns the next byte, 0 at the end.
func (p *arrayParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func parseArray(t Type, s string, env Env) (Value, error) {
	if t.IsVector() {
		return parseVector(t, s, env)
	}
	p := arrayParser{text: s, env: env}
	p.skip()
	if p.peek() == '[' { // bounds, which are not kept
		if at := strings.IndexByte(s, '='); at > 0 {
			p.at = at + 1
			p.skip()
		}
	}
	if p.peek() != '{' {
		return Value{}, p.bad(`Array value must start with "{" or dimension information.`)
	}
	v, err := p.array(t)
	if err != nil {
		return Value{}, err
	}
	if p.skip(); p.at != len(s) {
		return Value{}, p.bad("Junk after closing right brace.")
	}
	return v, nil
}

// parseVector reads numbers with spaces between them.
func parseVector(t Type, s string, env Env) (Value, error) {
	v := Value{Type: t}
	for _, word := range strings.Fields(s) {
		e, err := Parse(t.Elem(), word, env)
		if err != nil {
			return Value{}, err
		}
		v.List = append(v.List, e)
	}
	return v, nil
}

// array reads from the opening brace to the closing one.
func (p *arrayParser) array(t Type) (Value, error) {
	v := Value{Type: t}
	p.at++
	if p.skip(); p.peek() == '}' {
		p.at++
		return v, nil
	}
	for {
		p.skip()
		e, err := p.elem(t.Elem())
		if err != nil {
			return v, err
		}
		v.List = append(v.List, e)
		p.skip()
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			return v, nil
		case 0:
			return v, p.bad("Unexpected end of input.")
		default:
			return v, p.bad("Unexpected array element.")
		}
	}
}

func (p *arrayParser) elem(t Type) (Value, error) {
	switch c := p.peek(); {
	case c == '{' && t.Kind == KindArray:
		return p.array(t)
	case c == '{' || c == '}' || c == ',':
		return Value{}, p.bad(`Unexpected "` + string(c) + `" character.`)
	case c == 0:
		return Value{}, p.bad("Unexpected end of input.")
	}
	text, quoted, err := p.item()
	if err != nil {
		return Value{}, err
	}
	if !quoted && strings.EqualFold(text, "null") {
		return NullOf(t), nil
	}
	if t.Kind == KindArray {
		return Value{}, p.bad("Unexpected array element.")
	}
	return Parse(t, text, p.env)
}

// item reads an element up to the delimiter after it. Blanks at the end that are not quoted do not count.
func (p *arrayParser) item() (text string, quoted bool, err error) {
	var b strings.Builder
	keep := 0 // length of what must stay when blanks at the end are cut
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch c {
		case '"':
			if quoted || keep > 0 {
				return "", false, p.bad("Unexpected array element.")
			}
			if err := p.quoted(&b); err != nil {
				return "", false, err
			}
			quoted, keep = true, b.Len()
			continue
		case '\\':
			if p.at++; p.at == len(p.text) {
				return "", false, p.bad("Unexpected end of input.")
			}
			c = p.text[p.at]
			b.WriteByte(c)
			keep = b.Len()
			p.at++
			continue
		case ',', '}':
			return b.String()[:keep], quoted, nil
		case '{':
			return "", false, p.bad(`Unexpected "{" character.`)
		}
		if !isSpace(c) {
			if quoted {
				return "", false, p.bad("Unexpected array element.")
			}
			keep = b.Len() + 1
		}
		b.WriteByte(c)
		p.at++
	}
	return "", false, p.bad("Unexpected end of input.")
}

// quoted reads from the opening quote to the closing one.
func (p *arrayParser) quoted(b *strings.Builder) error {
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case '"':
			p.at++
			return nil
		case '\\':
			if p.at++; p.at == len(p.text) {
				return p.bad("Unexpected end of input.")
			}
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return p.bad("Unexpected end of input.")
}

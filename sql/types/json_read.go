package types

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
)

// maxJSONDepth bounds the nesting of JSON, as PostgreSQL's stack does.
const maxJSONDepth = 6000

// JSONNode is a JSON value read.
type JSONNode struct {
	Kind   byte   // one of n t f 0 " [ {
	Text   string // of a string, decoded; of a number
	Elems  []JSONNode
	Keys   []string // of an object: of each of Elems
	Number Decimal  // of jsonb only
}

// ReadJSONB reads a jsonb value.
func ReadJSONB(s string) (JSONNode, error) {
	p := jsonReader{text: s, strict: true}
	return p.document(true)
}

// jsonReader reads JSON text.
type jsonReader struct {
	text   string
	at     int
	strict bool // jsonb: strings must be storable, numbers are read
}

func (p *jsonReader) fail() error {
	end := p.at
	for end < len(p.text) && (isAlnum(p.text[end]) || p.text[end] == '_' || p.text[end] >= utf8.RuneSelf) {
		end++
	}
	if end == p.at && end < len(p.text) {
		end++
	}
	e := sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type json")
	if p.at >= len(p.text) {
		e.Detail = "The input string ended unexpectedly."
	} else {
		e.Detail = `Token "` + clean(p.text[p.at:end]) + `" is invalid.`
	}
	before := p.text[:min(end, len(p.text))]
	line := strings.Count(before, "\n") + 1
	before = before[strings.LastIndexByte(before, '\n')+1:]
	e.Where = "JSON data, line " + strconv.Itoa(line) + ": " + clean(before)
	if end < len(p.text) {
		e.Where += "..."
	}
	return e
}

func (p *jsonReader) skip() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// document reads one value and nothing after it. keep asks for its node.
func (p *jsonReader) document(keep bool) (n JSONNode, err error) {
	if n, err = p.value(keep, 0); err != nil {
		return n, err
	}
	if p.skip(); p.at != len(p.text) {
		return n, p.fail()
	}
	return n, nil
}

func (p *jsonReader) value(keep bool, depth int) (n JSONNode, err error) {
	p.skip()
	if p.at == len(p.text) {
		return n, p.fail()
	}
	if depth > maxJSONDepth {
		return n, sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object(keep, depth)
	case c == '[':
		return p.array(keep, depth)
	case c == '"':
		n.Kind = '"'
		n.Text, err = p.str()
		return n, err
	case c == '-' || isDigit(c):
		return p.num()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(p.text[p.at:], word) && (p.at+len(word) == len(p.text) || !isAlnum(p.text[p.at+len(word)])) {
			p.at += len(word)
			return JSONNode{Kind: word[0]}, nil
		}
	}
	return n, p.fail()
}

func (p *jsonReader) array(keep bool, depth int) (JSONNode, error) {
	n := JSONNode{Kind: '['}
	p.at++
	if p.skip(); p.at < len(p.text) && p.text[p.at] == ']' {
		p.at++
		return n, nil
	}
	for {
		e, err := p.value(keep, depth+1)
		if err != nil {
			return n, err
		}
		if keep {
			n.Elems = append(n.Elems, e)
		}
		if more, err := p.separator(']'); err != nil || !more {
			return n, err
		}
	}
}

// separator reads a comma, or the closing bracket, which ends the loop.
func (p *jsonReader) separator(closing byte) (more bool, err error) {
	p.skip()
	if p.at < len(p.text) && (p.text[p.at] == ',' || p.text[p.at] == closing) {
		p.at++
		return p.text[p.at-1] == ',', nil
	}
	return false, p.fail()
}

func (p *jsonReader) object(keep bool, depth int) (JSONNode, error) {
	n := JSONNode{Kind: '{'}
	p.at++
	if p.skip(); p.at < len(p.text) && p.text[p.at] == '}' {
		p.at++
		return n, nil
	}
	for {
		if p.skip(); p.at == len(p.text) || p.text[p.at] != '"' {
			return n, p.fail()
		}
		key, err := p.str()
		if err != nil {
			return n, err
		}
		if p.skip(); p.at == len(p.text) || p.text[p.at] != ':' {
			return n, p.fail()
		}
		p.at++
		e, err := p.value(keep, depth+1)
		if err != nil {
			return n, err
		}
		if keep {
			n.Keys, n.Elems = append(n.Keys, key), append(n.Elems, e)
		}
		if more, err := p.separator('}'); err != nil {
			return n, err
		} else if !more {
			n.sortKeys()
			return n, nil
		}
	}
}

// sortKeys puts the members of an object in jsonb's order, shorter keys first, and keeps the last of equal ones.
func (n *JSONNode) sortKeys() {
	order := make([]int, len(n.Keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareJSONKeys(n.Keys[a], n.Keys[b]) })
	keys, elems := make([]string, 0, len(order)), make([]JSONNode, 0, len(order))
	for _, i := range order {
		if last := len(keys) - 1; last >= 0 && keys[last] == n.Keys[i] {
			elems[last] = n.Elems[i]
			continue
		}
		keys, elems = append(keys, n.Keys[i]), append(elems, n.Elems[i])
	}
	n.Keys, n.Elems = keys, elems
}

func compareJSONKeys(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func (p *jsonReader) num() (JSONNode, error) {
	start := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	digits := p.at
	p.at = skipDigits(p.text, p.at)
	ok := p.at > digits && (p.text[digits] != '0' || p.at == digits+1)
	if p.at < len(p.text) && p.text[p.at] == '.' {
		from := p.at + 1
		p.at = skipDigits(p.text, from)
		ok = ok && p.at > from
	}
	if p.at < len(p.text) && p.text[p.at]|0x20 == 'e' {
		if p.at++; p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		from := p.at
		p.at = skipDigits(p.text, from)
		ok = ok && p.at > from
	}
	if !ok || p.at < len(p.text) && (isAlnum(p.text[p.at]) || p.text[p.at] == '_' || p.text[p.at] == '.') {
		p.at = start
		return JSONNode{}, p.fail()
	}
	n := JSONNode{Kind: '0', Text: p.text[start:p.at]}
	var err error
	if p.strict {
		n.Number, err = ParseDecimal(n.Text)
	}
	return n, err
}

// str reads a string from quote to quote.
func (p *jsonReader) str() (string, error) {
	start := p.at
	p.at++
	for i := p.at; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			s := p.text[p.at:i]
			p.at = i + 1
			return s, nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			p.at = i
			return "", p.fail().(*sqlerr.Error).WithDetail("Character with value 0x%02x must be escaped.", c)
		}
	}
	p.at = len(p.text)
	return "", p.fail()
}

// escaped reads a string with escapes in it.
func (p *jsonReader) escaped(start int) (string, error) {
	var b []byte
	for p.at = start + 1; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return string(b), nil
		case c < ' ':
			return "", p.fail().(*sqlerr.Error).WithDetail("Character with value 0x%02x must be escaped.", c)
		case c != '\\':
			b = append(b, c)
			continue
		}
		if p.at++; p.at == len(p.text) {
			return "", p.fail()
		}
		switch c = p.text[p.at]; c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b', 'f', 'n', 'r', 't':
			b = append(b, "\b\f\n\r\t"[strings.IndexByte("bfnrt", c)])
		case 'u':
			r, err := p.unicode()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		default:
			return "", p.fail().(*sqlerr.Error).WithDetail(`Escape sequence "\%s" is invalid.`, clean(string(rune(c))))
		}
	}
	return "", p.fail()
}

// unicode reads \uXXXX, or two that are a surrogate pair, from the u on; it ends on the last digit.
func (p *jsonReader) unicode() (rune, error) {
	hex := func() (rune, error) {
		if p.at+4 >= len(p.text) {
			p.at = len(p.text)
			return 0, p.fail()
		}
		v, err := strconv.ParseUint(p.text[p.at+1:p.at+5], 16, 16)
		if err != nil {
			return 0, p.fail().(*sqlerr.Error).WithDetail(`"\u" must be followed by four hexadecimal digits.`)
		}
		p.at += 4
		return rune(v), nil
	}
	r, err := hex()
	if err != nil {
		return 0, err
	}
	if r == 0 && p.strict {
		return 0, sqlerr.New(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence").
			WithDetail(`\u0000 cannot be converted to text.`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if r < 0xdc00 && strings.HasPrefix(p.text[p.at+1:], `\u`) {
		p.at += 2
		low, err := hex()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	if !p.strict {
		return utf8.RuneError, nil
	}
	return 0, p.fail().(*sqlerr.Error).WithDetail("Unicode high surrogate must not follow a high surrogate.")
}

package types

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// QuoteRecordField puts quotes around dst[start:], the text of a record's field, when a record's text needs them.
func QuoteRecordField(dst []byte, start int) []byte {
	field := dst[start:]
	need := len(field) == 0
	for _, c := range field {
		if c == '"' || c == '\\' || c == '(' || c == ')' || c == ',' || isSpace(c) {
			need = true
			break
		}
	}
	if !need {
		return dst
	}
	return quoteTail(dst, start, '"')
}

func appendRecord(dst []byte, v Value, env Env) []byte {
	dst = append(dst, '(')
	for i, f := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		if f.Null {
			continue
		}
		start := len(dst)
		dst = QuoteRecordField(AppendText(dst, f, env), start)
	}
	return append(dst, ')')
}

func errRecord(s, detail string) error {
	e := sqlerr.New(sqlerr.InvalidTextRepresentation, `malformed record literal: "%s"`, clean(s))
	return e.WithDetail("%s", detail)
}

// parseStruct reads the text of a record, (a,"b c",).
func parseStruct(t Type, s string, env Env) (Value, error) {
	v := Value{Type: t}
	text := trimSpace(s)
	if !strings.HasPrefix(text, "(") {
		return v, errRecord(s, "Missing left parenthesis.")
	}
	at := 1
	for i, f := range t.Fields() {
		if i > 0 {
			if at >= len(text) || text[at] != ',' {
				return v, errRecord(s, "Too few columns.")
			}
			at++
		}
		field, null, end, err := recordField(s, text, at)
		if err != nil {
			return v, err
		}
		at = end
		if null {
			v.List = append(v.List, NullOf(f.Type))
			continue
		}
		x, err := Parse(f.Type, field, env)
		if err != nil {
			return v, err
		}
		v.List = append(v.List, x)
	}
	switch {
	case at >= len(text):
		return v, errRecord(s, "Unexpected end of input.")
	case text[at] != ')':
		return v, errRecord(s, "Too many columns.")
	case at+1 != len(text):
		return v, errRecord(s, "Junk after right parenthesis.")
	}
	return v, nil
}

// recordField reads a field up to the comma or parenthesis after it.
func recordField(s, text string, at int) (field string, null bool, end int, err error) {
	if at < len(text) && (text[at] == ',' || text[at] == ')') {
		return "", true, at, nil
	}
	var b strings.Builder
	quoted := false
	for ; at < len(text); at++ {
		c := text[at]
		switch {
		case c == '\\':
			if at++; at == len(text) {
				return "", false, at, errRecord(s, "Unexpected end of input.")
			}
			b.WriteByte(text[at])
		case c == '"' && quoted && at+1 < len(text) && text[at+1] == '"':
			b.WriteByte('"')
			at++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ')'):
			return b.String(), false, at, nil
		default:
			b.WriteByte(c)
		}
	}
	return "", false, at, errRecord(s, "Unexpected end of input.")
}

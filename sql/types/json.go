package types

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/leatdb/leat/sql/jsonpath"
)

// ReadJSONPath reads a path of SQL/JSON.
func ReadJSONPath(s string) (*jsonpath.Path, error) {
	return jsonpath.Parse(s, func(number string) (string, error) {
		d, err := ParseDecimal(number)
		return d.String(), err
	})
}

// CheckJSON fails for text that is not JSON.
func CheckJSON(s string) error {
	p := jsonReader{text: s}
	if _, err := p.document(false); err != nil {
		return err
	}
	return nil
}

// NormalizeJSONB appends the text of a jsonb value: keys sorted and unique, blanks and escapes in one form, numbers in
// full.
func NormalizeJSONB(dst []byte, s string) ([]byte, error) {
	p := jsonReader{text: s, strict: true}
	n, err := p.document(true)
	if err != nil {
		return dst, err
	}
	return n.Append(dst), nil
}

// Append prints a node as jsonb's text.
func (n *JSONNode) Append(dst []byte) []byte {
	switch n.Kind {
	case 'n':
		return append(dst, "null"...)
	case 't':
		return append(dst, "true"...)
	case 'f':
		return append(dst, "false"...)
	case '0':
		return AppendDecimal(dst, n.Number)
	case '"':
		return AppendJSONString(dst, n.Text)
	}
	closing := byte('}')
	if n.Kind == '[' {
		closing = ']'
	}
	dst = append(dst, n.Kind)
	for i := range n.Elems {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if n.Kind == '{' {
			dst = append(AppendJSONString(dst, n.Keys[i]), ": "...)
		}
		dst = n.Elems[i].Append(dst)
	}
	return append(dst, closing)
}

// AppendJSONString prints a JSON string as PostgreSQL does: only what must be escaped is.
func AppendJSONString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		default:
			if at := strings.IndexByte("\b\f\n\r\t", c); at >= 0 {
				dst = append(dst, '\\', "bfnrt"[at])
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
	}
	return append(dst, '"')
}

// CompareJSONB compares the texts of two jsonb values in PostgreSQL's order: Object > Array > Boolean > Number >
// String > Null; objects and arrays first by size, then member by member.
func CompareJSONB(a, b []byte) int {
	return bytes.Compare(AppendJSONBKey(nil, a), AppendJSONBKey(nil, b))
}

// The order of the kinds of jsonb values. PostgreSQL puts the empty array at the top before everything else.
const (
	jsonKeyEmpty = iota + 1
	jsonKeyNull
	jsonKeyString
	jsonKeyNumber
	jsonKeyFalse
	jsonKeyTrue
	jsonKeyArray
	jsonKeyObject
)

// AppendJSONBKey appends bytes that order jsonb values as CompareJSONB does, equal for equal values, none a prefix of
// another's.
func AppendJSONBKey(dst, v []byte) []byte {
	p := jsonReader{text: string(v), strict: true}
	n, err := p.document(true)
	if err != nil { // not written by NormalizeJSONB: by its bytes, after all others
		return append(appendKeyText(append(dst, 0xff), string(v)), 0)
	}
	if n.Kind == '[' && len(n.Elems) == 0 {
		return append(dst, jsonKeyEmpty)
	}
	return n.appendKey(dst)
}

func (n *JSONNode) appendKey(dst []byte) []byte {
	switch n.Kind {
	case 'n':
		return append(dst, jsonKeyNull)
	case 't':
		return append(dst, jsonKeyTrue)
	case 'f':
		return append(dst, jsonKeyFalse)
	case '"':
		return appendKeyText(append(dst, jsonKeyString), n.Text)
	case '0':
		return n.Number.AppendKey(append(dst, jsonKeyNumber))
	case '[':
		dst = append(dst, jsonKeyArray)
	default:
		dst = append(dst, jsonKeyObject)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(n.Elems)))
	for i := range n.Elems {
		if n.Kind == '{' {
			dst = appendKeyText(dst, n.Keys[i])
		}
		dst = n.Elems[i].appendKey(dst)
	}
	return dst
}

// appendKeyText appends text so that no result is a prefix of another: 00 as 00 FF, and 00 01 at the end.
func appendKeyText(dst []byte, s string) []byte {
	for i := range len(s) {
		if dst = append(dst, s[i]); s[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0x00, 0x01)
}

package types

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// AppendJSON prints v as JSON: numbers and booleans as such, arrays as arrays, maps and structs as objects, json as it
// is, everything else as a string of its text. This is also the text of a map.
func AppendJSON(dst []byte, v Value, env Env) []byte {
	if v.Null {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case KindArray:
		dst = append(dst, '[')
		for i, e := range v.List {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = AppendJSON(dst, e, env)
		}
		return append(dst, ']')
	case KindMap:
		dst = append(dst, '{')
		for i := 0; i+1 < len(v.List); i += 2 {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = AppendJSONString(dst, AppendText(nil, v.List[i], env))
			dst = AppendJSON(append(dst, ": "...), v.List[i+1], env)
		}
		return append(dst, '}')
	case KindStruct:
		dst = append(dst, '{')
		for i, f := range v.Type.Fields() {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(AppendJSONString(dst, f.Name), ": "...)
			dst = AppendJSON(dst, v.List[i], env)
		}
		return append(dst, '}')
	}
	start := len(dst)
	return QuoteJSON(AppendText(dst, v, env), start, v.Type)
}

// QuoteJSON turns dst[start:], the text of a scalar of type t, into JSON.
func QuoteJSON(dst []byte, start int, t Type) []byte {
	switch text := string(dst[start:]); t.Kind {
	case KindBool:
		if text == "t" {
			return append(dst[:start], "true"...)
		}
		return append(dst[:start], "false"...)
	case KindInt2, KindInt4, KindInt8, KindJSON, KindJSONB:
		return dst
	case KindFloat4, KindFloat8, KindNumeric:
		if !strings.ContainsAny(text, "Ny") { // NaN and Infinity are strings
			return dst
		}
		return AppendJSONString(dst[:start], text)
	case KindTimestamp, KindTimestampTZ:
		if strings.HasSuffix(text, "infinity") {
			return AppendJSONString(dst[:start], text)
		}
		text = strings.Replace(text, " ", "T", 1)
		if t.Kind == KindTimestampTZ {
			text = fullOffset(text)
		}
		return AppendJSONString(dst[:start], text)
	default:
		return AppendJSONString(dst[:start], text)
	}
}

// fullOffset gives an offset of hours alone its minutes, as ISO 8601 wants: +01 becomes +01:00.
func fullOffset(s string) string {
	s, bc := strings.CutSuffix(s, " BC")
	if at := strings.LastIndexAny(s, "+-"); at == len(s)-3 {
		s += ":00"
	}
	if bc {
		s += " BC"
	}
	return s
}

// parseMap reads a map from a JSON object.
func parseMap(t Type, s string, env Env) (Value, error) {
	p := jsonReader{text: s}
	n, err := p.document(true)
	if err != nil {
		return Value{}, err
	}
	return n.value(t, env)
}

// value converts JSON to a type.
func (n *JSONNode) value(t Type, env Env) (Value, error) {
	v := Value{Type: t}
	mismatch := func() (Value, error) {
		return v, sqlerr.New(sqlerr.InvalidTextRepresentation, "cannot convert JSON to type %s", t)
	}
	if n.Kind == 'n' {
		return NullOf(t), nil
	}
	switch t.Kind {
	case KindArray:
		if n.Kind != '[' {
			return mismatch()
		}
		for i := range n.Elems {
			e, err := n.Elems[i].value(t.Elem(), env)
			if err != nil {
				return v, err
			}
			v.List = append(v.List, e)
		}
		return v, nil
	case KindMap, KindStruct:
		if n.Kind != '{' {
			return mismatch()
		}
		if t.Kind == KindStruct {
			return n.structValue(t, env)
		}
		for i, k := range n.Keys {
			key, err := Parse(t.Key(), k, env)
			if err != nil {
				return v, err
			}
			e, err := n.Elems[i].value(t.Elem(), env)
			if err != nil {
				return v, err
			}
			v.List = append(v.List, key, e)
		}
		return v, nil
	case KindJSON, KindJSONB:
		return Parse(t, string(n.appendPlain(nil)), env)
	}
	switch n.Kind {
	case '[', '{':
		return Parse(t, string(n.appendPlain(nil)), env)
	case 't':
		return Parse(t, "true", env)
	case 'f':
		return Parse(t, "false", env)
	default:
		return Parse(t, n.Text, env)
	}
}

func (n *JSONNode) structValue(t Type, env Env) (Value, error) {
	v := Value{Type: t}
	for _, f := range t.Fields() {
		x := NullOf(f.Type)
		for i, k := range n.Keys {
			if k != f.Name {
				continue
			}
			var err error
			if x, err = n.Elems[i].value(f.Type, env); err != nil {
				return v, err
			}
		}
		v.List = append(v.List, x)
	}
	return v, nil
}

// appendPlain prints a node whose numbers were not read.
func (n *JSONNode) appendPlain(dst []byte) []byte {
	if n.Kind == '0' {
		return append(dst, n.Text...)
	}
	if n.Kind != '[' && n.Kind != '{' {
		return n.Append(dst)
	}
	dst = append(dst, n.Kind)
	for i := range n.Elems {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if n.Kind == '{' {
			dst = append(AppendJSONString(dst, n.Keys[i]), ": "...)
		}
		dst = n.Elems[i].appendPlain(dst)
	}
	return append(dst, n.Kind+2) // ] follows [ and } follows { by two in ASCII
}

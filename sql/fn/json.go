package fn

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The functions over json and jsonb work on the texts that columns hold, which were checked when they were stored: a
// value within is a range of the text, and nothing is copied to look for it. The text of jsonb is in one form: keys
// sorted and unique, one blank after commas and colons.

// jsonBlanks returns where the first byte that is no blank is, from at on.
func jsonBlanks(s []byte, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\n' || s[at] == '\t' || s[at] == '\r') {
		at++
	}
	return at
}

// jsonTrim removes the blanks around a value.
func jsonTrim(s []byte) []byte { return bytes.Trim(s, " \n\t\r") }

// jsonStringEnd returns where the string that begins at at ends.
func jsonStringEnd(s []byte, at int) int {
	for at++; at < len(s) && s[at] != '"'; at++ {
		if s[at] == '\\' {
			at++
		}
	}
	return min(at+1, len(s))
}

// jsonEnd returns where the value that begins at at ends.
func jsonEnd(s []byte, at int) int {
	for depth := 0; at < len(s); {
		switch s[at] {
		case '"':
			at = jsonStringEnd(s, at)
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\n', '\t', '\r':
			at++
			continue
		default:
			for at < len(s) && !bytes.ContainsRune([]byte(",]} \n\t\r"), rune(s[at])) {
				at++
			}
		}
		if depth <= 0 {
			return at
		}
	}
	return len(s)
}

// jsonEach calls f for the elements of an array, with a nil key, or the members of an object, until it returns false.
// A key is the text of a string.
func jsonEach(s []byte, f func(key, elem []byte) bool) {
	s = jsonTrim(s)
	if len(s) < 2 || s[0] != '{' && s[0] != '[' {
		return
	}
	object := s[0] == '{'
	s = s[:len(s)-1]
	for at := jsonBlanks(s, 1); at < len(s); {
		var key []byte
		if object {
			end := jsonStringEnd(s, at)
			key = s[at:end]
			at = jsonBlanks(s, min(jsonBlanks(s, end)+1, len(s))) // past the colon
		}
		end := jsonEnd(s, at)
		if !f(key, s[at:end]) {
			return
		}
		at = jsonBlanks(s, min(jsonBlanks(s, end)+1, len(s))) // past the comma
	}
}

// jsonKind is one of { [ " t f n and 0 for numbers.
func jsonKind(s []byte) byte {
	if s = jsonTrim(s); len(s) == 0 {
		return 'n'
	}
	switch c := s[0]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	}
	return '0'
}

// jsonKindNames are the answers of json_typeof.
var jsonKindNames = map[byte]string{
	'{': "object", '[': "array", '"': "string", 't': "boolean", 'f': "boolean", 'n': "null", '0': "number",
}

func jsonCount(s []byte) (n int64) {
	jsonEach(s, func(_, _ []byte) bool { n++; return true })
	return n
}

// jsonUnquote gives what a string stands for.
func jsonUnquote(s []byte) (string, error) {
	if bytes.IndexByte(s, '\\') < 0 {
		return string(s[1 : len(s)-1]), nil
	}
	var text string
	if err := json.Unmarshal(s, &text); err != nil {
		return "", sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type json")
	}
	if strings.IndexByte(text, 0) >= 0 {
		return "", sqlerr.New(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence").
			WithDetail(`\u0000 cannot be converted to text.`)
	}
	return text, nil
}

// jsonKeyIs reports whether the text of a string stands for name.
func jsonKeyIs(key, name []byte) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return bytes.Equal(key[1:len(key)-1], name)
	}
	text, err := jsonUnquote(key)
	return err == nil && text == string(name)
}

// jsonMember finds the value of a key, the last one when there are several; nil when there is none.
func jsonMember(s, name []byte) (found []byte) {
	if jsonKind(s) != '{' {
		return nil
	}
	jsonEach(s, func(key, elem []byte) bool {
		if jsonKeyIs(key, name) {
			found = elem
		}
		return true
	})
	return found
}

// jsonElement finds an element of an array, counted from 0, or from the end when i is negative; nil when there is none.
func jsonElement(s []byte, i int64) (found []byte) {
	if jsonKind(s) != '[' {
		return nil
	}
	if i < 0 {
		if i += jsonCount(s); i < 0 {
			return nil
		}
	}
	jsonEach(s, func(_, elem []byte) bool {
		if i == 0 {
			found = elem
		}
		i--
		return i >= 0
	})
	return found
}

// jsonStep follows one element of a path: a key of an object or the subscript of an array.
func jsonStep(s, step []byte) []byte {
	if jsonKind(s) == '[' {
		i, ok := jsonSubscript(step)
		if !ok {
			return nil
		}
		return jsonElement(s, i)
	}
	return jsonMember(s, step)
}

// jsonSubscript reads an element of a path as the subscript of an array.
func jsonSubscript(step []byte) (int64, bool) {
	i, err := types.ParseInt(bytes.TrimLeft(step, " \t\n\r\v\f"), 32)
	return i, err == nil && len(step) > 0 && step[len(step)-1] >= '0' && step[len(step)-1] <= '9'
}

// appendJSONValue appends a value found in another; nil is NULL.
func appendJSONValue(out *vec.Column, s []byte) {
	if s == nil {
		out.AppendNull()
	} else {
		out.AppendBytes(s)
	}
}

// appendJSONText appends a value as text: strings without their quotes, null as NULL.
func appendJSONText(out *vec.Column, s []byte) error {
	if s == nil {
		out.AppendNull()
		return nil
	}
	switch jsonKind(s) {
	case 'n':
		out.AppendNull()
	case '"':
		text, err := jsonUnquote(jsonTrim(s))
		if err != nil {
			return err
		}
		out.AppendString(text)
	default:
		out.AppendBytes(s)
	}
	return nil
}

// appendJSONB appends the text of a jsonb value that may not be in its one form.
func appendJSONB(out *vec.Column, s []byte) error {
	data, err := types.NormalizeJSONB(out.Data, string(s))
	if err != nil {
		return err
	}
	out.Data = data
	out.CloseBytes()
	return nil
}

// jsonMembers lists the members of an object, or the elements of an array with nil keys.
func jsonMembers(s []byte) (keys, elems [][]byte) {
	jsonEach(s, func(key, elem []byte) bool {
		keys, elems = append(keys, key), append(elems, elem)
		return true
	})
	return keys, elems
}

// jsonContains reports whether a contains b, both of jsonb, as @> does.
func jsonContains(a, b []byte, top bool) bool {
	ka, kb := jsonKind(a), jsonKind(b)
	switch {
	case top && ka == '[' && kb != '[' && kb != '{': // an array contains a scalar, at the top only
		return jsonHas(a, b)
	case ka != kb:
		return false
	case ka != '{' && ka != '[':
		return types.CompareJSONB(a, b) == 0
	}
	all := true
	jsonEach(b, func(key, elem []byte) bool {
		if ka == '{' {
			name, err := jsonUnquote(key)
			found := jsonMember(a, []byte(name))
			all = err == nil && found != nil && jsonContains(found, elem, false)
		} else {
			all = jsonHas(a, elem)
		}
		return all
	})
	return all
}

// jsonHas reports whether an element of the array a contains b, or equals it when it is a scalar.
func jsonHas(a, b []byte) bool {
	_, elems := jsonMembers(a)
	return slices.ContainsFunc(elems, func(elem []byte) bool { return jsonContains(elem, b, false) })
}

package fn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlJSONDecls declares ksqlDB's functions over JSON that is kept in texts. What is no JSON gives NULL.
func ksqlJSONDecls() []Scalar {
	text := types.Text
	texts := types.ArrayOf(text)
	return []Scalar{
		{Name: "extractjsonfield", Args: in(text, text), Ret: text, Strict: true, Kernel: rowwise(extractJSON),
			Doc: Doc{Category: "json text", Summary: "Gives the part of a JSON text that a path leads to, a string without " +
				"its quotes; NULL when it leads nowhere or to null.",
				Examples: ex(`extractjsonfield('{"a": {"b": [1, "x"]}}', '$.a.b[1]')`, "x",
					`extractjsonfield('{"a": {"b": [1, 2]}}', '$.a')`, `{"b":[1,2]}`)}},
		{Name: "is_json_string", Args: in(text), Ret: types.Bool, Kernel: rowwise(func(r Row, out *vec.Column) error {
			out.AppendBool(!r.IsNull(0) && json.Valid(r.Bytes(0)))
			return nil
		}), Doc: Doc{Summary: "Tells whether a text is JSON.", Examples: ex("is_json_string('[1, 2]')", "t",
			"is_json_string('abc')", "f")}},
		{Name: "json_array_contains", Args: in(text, Any), Ret: types.Bool, Kernel: rowwise(jsonTextContains),
			Doc: Doc{Summary: "Tells whether a JSON array holds a value.",
				Examples: ex("json_array_contains('[1, 2, \"a\"]', 2)", "t", "json_array_contains('[1, 2]', 'a')", "f")}},
		{Name: "json_array_length", Args: in(text), Ret: types.Int4, Strict: true, Kernel: rowwise(jsonTextLength),
			Doc: Doc{Summary: "Counts the elements of a JSON array.", Examples: ex("json_array_length('[1, 2, {}]')", "3")}},
		{Name: "json_concat", Args: in(text), Variadic: true, Ret: text, Strict: true, Kernel: rowwise(jsonTextConcat),
			Doc: Doc{Summary: "Joins JSON objects into one, of equal fields the last, and anything else into an array.",
				Examples: ex(`json_concat('{"a": 1}', '{"b": 2}')`, `{"a":1,"b":2}`, "json_concat('[1]', '2')", "[1,2]")}},
		{Name: "json_items", Args: in(text), Ret: texts, Strict: true, Kernel: rowwise(jsonTextItems),
			Doc: Doc{Summary: "Gives the elements of a JSON array, each as JSON.",
				Examples: ex("json_items('[1, [2, 3]]')", `{1,"[2,3]"}`)}},
		{Name: "json_keys", Args: in(text), Ret: texts, Strict: true, Kernel: rowwise(jsonTextKeys),
			Doc: Doc{Summary: "Gives the names of the fields of a JSON object.",
				Examples: ex(`json_keys('{"a": 1, "b": 2}')`, "{a,b}")}},
		{Name: "json_records", Args: in(text), Ret: types.MapOf(text, text), Strict: true, Kernel: rowwise(jsonTextRecords),
			Doc: Doc{Summary: "Gives the fields of a JSON object as a map; values are JSON, strings without their quotes.",
				Examples: ex(`json_records('{"a": 1, "b": "x"}')`, `{"a": "1", "b": "x"}`)}},
		{Name: "to_json_string", Args: in(Any), Ret: text, Kernel: rowwise(func(r Row, out *vec.Column) error {
			col, i := r.Col(0)
			out.Data = appendKsqlJSON(out.Data, col, i, r.Env)
			out.CloseBytes()
			return nil
		}), Doc: Doc{Summary: "Writes a value as JSON.", Examples: ex("to_json_string(ARRAY[1,NULL])", "[1,null]",
			"to_json_string(timestamp '2021-12-01 12:00:00')", `"2021-12-01T12:00:00.000"`)}},
	}
}

// jsonText is a JSON value as it was written, without blanks around it. It was checked.
type jsonText []byte

// readJSON returns nil for what is no JSON.
func readJSON(b []byte) jsonText {
	if !json.Valid(b) {
		return nil
	}
	return jsonText(bytes.TrimSpace(b))
}

// end returns where the value that b begins with ends.
func (b jsonText) end() int {
	depth, i := 0, 0
	for i < len(b) {
		switch c := b[i]; c {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			if depth == 0 { // a number or a word ends before what separates
				for i < len(b) && bytes.IndexByte([]byte(",:]} \t\n\r"), b[i]) < 0 {
					i++
				}
				return i
			}
		}
		if i++; depth == 0 {
			return i
		}
	}
	return i
}

// next cuts the first value off what is left of an array or object, with what separates it.
func (b *jsonText) next() (v jsonText, ok bool) {
	rest := bytes.TrimLeft(*b, ",: \t\n\r")
	if len(rest) == 0 || rest[0] == ']' || rest[0] == '}' {
		return nil, false
	}
	n := jsonText(rest).end()
	*b = rest[n:]
	return rest[:n], true
}

// items returns the elements of an array; ok is false for anything else.
func (b jsonText) items() (items []jsonText, ok bool) {
	if len(b) == 0 || b[0] != '[' {
		return nil, false
	}
	rest := b[1:]
	for v, more := rest.next(); more; v, more = rest.next() {
		items = append(items, v)
	}
	return items, true
}

// jsonTextField is a field of an object.
type jsonTextField struct {
	name string
	val  jsonText
}

// fields returns the fields of an object, of equal names the last; ok is false for anything else.
func (b jsonText) fields() (fs []jsonTextField, ok bool) {
	if len(b) == 0 || b[0] != '{' {
		return nil, false
	}
	rest := b[1:]
	for key, more := rest.next(); more; key, more = rest.next() {
		val, _ := rest.next()
		fs = putJSONField(fs, jsonTextField{key.unquoted(), val})
	}
	return fs, true
}

func putJSONField(fs []jsonTextField, f jsonTextField) []jsonTextField {
	for i := range fs {
		if fs[i].name == f.name {
			fs[i].val = f.val
			return fs
		}
	}
	return append(fs, f)
}

// unquoted returns the text of a string; ok is false for anything else.
func (b jsonText) unquoted() string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return string(b)
	}
	return s
}

// appendPlain appends a string without its quotes, and anything else without blanks.
func (b jsonText) appendPlain(dst []byte) []byte {
	if b[0] == '"' {
		return append(dst, b.unquoted()...)
	}
	return b.appendCompact(dst)
}

func (b jsonText) appendCompact(dst []byte) []byte {
	buf := bytes.NewBuffer(dst)
	if err := json.Compact(buf, b); err != nil {
		return append(dst, b...)
	}
	return buf.Bytes()
}

func jsonTextLength(r Row, out *vec.Column) error {
	if items, ok := readJSON(r.Bytes(0)).items(); ok {
		out.AppendInt(int64(len(items)))
	} else {
		out.AppendNull()
	}
	return nil
}

func jsonTextItems(r Row, out *vec.Column) error {
	items, ok := readJSON(r.Bytes(0)).items()
	if !ok {
		out.AppendNull()
		return nil
	}
	for _, v := range items {
		kid := out.Kids[0]
		kid.Data = v.appendCompact(kid.Data)
		kid.CloseBytes()
	}
	out.CloseList()
	return nil
}

func jsonTextKeys(r Row, out *vec.Column) error {
	fs, ok := readJSON(r.Bytes(0)).fields()
	if !ok {
		out.AppendNull()
		return nil
	}
	for _, f := range fs {
		out.Kids[0].AppendString(f.name)
	}
	out.CloseList()
	return nil
}

func jsonTextRecords(r Row, out *vec.Column) error {
	fs, ok := readJSON(r.Bytes(0)).fields()
	if !ok {
		out.AppendNull()
		return nil
	}
	for _, f := range fs {
		out.Kids[0].AppendString(f.name)
		vals := out.Kids[1]
		vals.Data = f.val.appendPlain(vals.Data)
		vals.CloseBytes()
	}
	out.CloseList()
	return nil
}

func jsonTextConcat(r Row, out *vec.Column) error {
	var items []jsonText
	var fields []jsonTextField
	object := true // so far all are objects
	for k := range r.Args() {
		v := readJSON(r.Bytes(k))
		if v == nil {
			out.AppendNull()
			return nil
		}
		fs, ok := v.fields()
		if object = object && ok; object {
			for _, f := range fs {
				fields = putJSONField(fields, f)
			}
		} else if items == nil && fields != nil {
			items, fields = append(items, appendObject(nil, fields)), nil
		}
		if vs, ok := v.items(); ok {
			items = append(items, vs...)
		} else if !object {
			items = append(items, v)
		}
	}
	if object {
		out.Data = appendObject(out.Data, fields)
	} else {
		out.Data = append(out.Data, '[')
		for k, v := range items {
			if k > 0 {
				out.Data = append(out.Data, ',')
			}
			out.Data = v.appendCompact(out.Data)
		}
		out.Data = append(out.Data, ']')
	}
	out.CloseBytes()
	return nil
}

func appendObject(dst []byte, fs []jsonTextField) []byte {
	dst = append(dst, '{')
	for k, f := range fs {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(types.AppendJSONString(dst, []byte(f.name)), ':')
		dst = f.val.appendCompact(dst)
	}
	return append(dst, '}')
}

// jsonTextContains compares what kind of value it is, then the value: numbers by what they say.
func jsonTextContains(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	items, ok := readJSON(r.Bytes(0)).items()
	if !ok {
		out.AppendBool(false)
		return nil
	}
	col, i := r.Col(1)
	want := readJSON(appendKsqlJSON(nil, col, i, r.Env))
	for _, v := range items {
		if equalJSONText(v, want) {
			out.AppendBool(true)
			return nil
		}
	}
	out.AppendBool(false)
	return nil
}

func equalJSONText(a, b jsonText) bool {
	switch {
	case len(b) == 0 || (a[0] == '"') != (b[0] == '"'):
		return false
	case a[0] == '"':
		return a.unquoted() == b.unquoted()
	case jsonTextNumber(a) && jsonTextNumber(b):
		x, err := types.Parse(types.Numeric, string(a), types.Env{})
		y, err2 := types.Parse(types.Numeric, string(b), types.Env{})
		return err == nil && err2 == nil && x.Dec.Cmp(y.Dec) == 0
	}
	return bytes.Equal(a.appendCompact(nil), b.appendCompact(nil))
}

func jsonTextNumber(b jsonText) bool { return b[0] == '-' || b[0]-'0' <= 9 }

// appendKsqlJSON appends a value as ksqlDB writes it in JSON: without blanks, bytes in base64, times as ISO 8601.
func appendKsqlJSON(dst []byte, c *vec.Column, i int, env *Env) []byte {
	if c.IsNull(i) {
		return append(dst, "null"...)
	}
	comma := func(k int) {
		if k > 0 {
			dst = append(dst, ',')
		}
	}
	switch c.Type.Class() {
	case types.ClassList:
		dst = append(dst, '[')
		for k := int(c.Off[i]); k < int(c.Off[i+1]); k++ {
			comma(k - int(c.Off[i]))
			dst = appendKsqlJSON(dst, c.Kids[0], k, env)
		}
		return append(dst, ']')
	case types.ClassMap:
		dst = append(dst, '{')
		for k := int(c.Off[i]); k < int(c.Off[i+1]); k++ {
			comma(k - int(c.Off[i]))
			dst = types.AppendJSONString(dst, appendJavaText(nil, c.Kids[0], k, env))
			dst = appendKsqlJSON(append(dst, ':'), c.Kids[1], k, env)
		}
		return append(dst, '}')
	case types.ClassStruct:
		dst = append(dst, '{')
		for k, f := range c.Type.Fields() {
			comma(k)
			dst = append(types.AppendJSONString(dst, []byte(f.Name)), ':')
			dst = appendKsqlJSON(dst, c.Kids[k], i, env)
		}
		return append(dst, '}')
	}
	return appendKsqlScalar(dst, c, i, env)
}

func appendKsqlScalar(dst []byte, c *vec.Column, i int, env *Env) []byte {
	switch k := c.Type.Kind; {
	case k == types.KindBool, c.Type.Class() == types.ClassFloat, c.Type.IsNumber():
		text := appendJavaText(nil, c, i, env)
		if json.Valid(text) {
			return append(dst, text...)
		}
		return types.AppendJSONString(dst, text) // NaN and Infinity
	case k == types.KindBytea:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), c.Bytes(i)), '"')
	case k == types.KindTimestamp && !infinite(c.Int[i]):
		m := momentOf(c.Int[i])
		dst = append(dst, '"')
		for _, f := range isoTimestamp {
			dst = m.appendJava(dst, f, nil)
		}
		return append(dst, '"')
	case k == types.KindJSON || k == types.KindJSONB:
		return readJSON(c.Bytes(i)).appendCompact(dst)
	}
	return types.AppendJSONString(dst, AppendText(nil, c, i, env))
}

// isoTimestamp is yyyy-MM-dd'T'HH:mm:ss.SSS.
var isoTimestamp = func() []javaField {
	fs, err := javaFields("yyyy-MM-dd'T'HH:mm:ss.SSS")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return fs
}()

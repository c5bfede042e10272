package fn

import (
	"bytes"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonAccessDecls declares what looks into json and jsonb.
func jsonAccessDecls() []Scalar {
	text, i4, path := types.Text, types.Int4, types.ArrayOf(types.Text)
	var fs []Scalar
	for k, t := range in(types.JSON, types.JSONB) {
		add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
			examples ...string) {
			fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: rowwise(f),
				Doc: first(k, "json", summary, examples...)})
		}
		add("->", in(t, text), t, jsonFind(jsonByKey, false), "Gives the value of a key of an object, or an element of an "+
			"array, counted from 0 or, when negative, from the end.",
			`'{"a": {"b": 1}}'::json -> 'a'`, `{"b": 1}`, `'[1,2,3]'::json -> -1`, "3")
		add("->", in(t, i4), t, jsonFind(jsonByIndex, false), "")
		add("->>", in(t, text), text, jsonFind(jsonByKey, true), "Gives the value of a key, or an element, as text.",
			`'{"a": "b"}'::json ->> 'a'`, "b", `'[1,2,3]'::json ->> 0`, "1")
		add("->>", in(t, i4), text, jsonFind(jsonByIndex, true), "")
		add("#>", in(t, path), t, jsonFind(jsonByPath, false), "Gives the value at a path of keys and subscripts.",
			`'{"a": {"b": ["foo", "bar"]}}'::json #> '{a,b,1}'`, `"bar"`)
		add("#>>", in(t, path), text, jsonFind(jsonByPath, true), "Gives the value at a path as text.",
			`'{"a": {"b": ["foo", "bar"]}}'::json #>> '{a,b,1}'`, "bar")
		fs = append(fs, jsonLookDecls(t, []string{"json", "jsonb"}[k])...)
	}
	return append(fs, jsonbTestDecls()...)
}

// jsonLookDecls declares the functions of one of the two types whose names begin with the type's.
func jsonLookDecls(t types.Type, prefix string) []Scalar {
	text := types.Text
	doc := func(summary string, examples ...string) Doc {
		return Doc{Category: "json", Summary: summary, Examples: ex(examples...)}
	}
	return []Scalar{
		{Name: prefix + "_extract_path", Args: in(t, text), Variadic: true, Ret: t, Strict: true,
			Kernel: rowwise(jsonFind(jsonByArgs, false)), Doc: doc("Gives the value at a path of keys and subscripts.",
				prefix+`_extract_path('{"a": [1, 2]}', 'a', '1')`, "2")},
		{Name: prefix + "_extract_path_text", Args: in(t, text), Variadic: true, Ret: text, Strict: true,
			Kernel: rowwise(jsonFind(jsonByArgs, true)), Doc: doc("Gives the value at a path of keys and subscripts as text.",
				prefix+`_extract_path_text('{"a": ["x", "y"]}', 'a', '1')`, "y")},
		{Name: prefix + "_typeof", Args: in(t), Ret: text, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				out.AppendString(jsonKindNames[jsonKind(r.Bytes(0))])
				return nil
			}), Doc: doc("Names the kind of a value: object, array, string, number, boolean or null.",
				prefix+"_typeof('-123.4')", "number")},
		{Name: prefix + "_array_length", Args: in(t), Ret: types.Int4, Strict: true, Kernel: rowwise(jsonLength),
			Doc: doc("Counts the elements of an array.", prefix+`_array_length('[1, 2, {"a": 3}]')`, "3")},
		{Name: prefix + "_strip_nulls", Args: in(t), Ret: t, Strict: true, Kernel: rowwise(jsonStripNulls),
			Doc: doc("Removes the members of objects that are null.",
				prefix+`_strip_nulls('{"a": null, "b": 1}') ->> 'b'`, "1")},
	}
}

// jsonbTestDecls declares the tests that only jsonb has.
func jsonbTestDecls() []Scalar {
	j, text, list := types.JSONB, types.Text, types.ArrayOf(types.Text)
	test := func(name string, arg types.Type, f func(r Row) bool, summary string, examples ...string) Scalar {
		return Scalar{Name: name, Args: in(j, arg), Ret: types.Bool, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error { out.AppendBool(f(r)); return nil }),
			Doc:    Doc{Category: "json", Summary: summary, Examples: ex(examples...)}}
	}
	return []Scalar{
		test("@>", j, func(r Row) bool { return jsonContains(r.Bytes(0), r.Bytes(1), true) },
			"Tells whether the first value contains the second.", `'{"a": 1, "b": 2}'::jsonb @> '{"b": 2}'::jsonb`, "t"),
		test("<@", j, func(r Row) bool { return jsonContains(r.Bytes(1), r.Bytes(0), true) },
			"Tells whether the second value contains the first.", `'{"b": 2}'::jsonb <@ '{"a": 1, "b": 2}'::jsonb`, "t"),
		test("?", text, func(r Row) bool { return jsonExists(r.Bytes(0), r.Bytes(1)) },
			"Tells whether a text is a key of the object or an element of the array.",
			`'{"a": 1, "b": 2}'::jsonb ? 'b'`, "t", `'["a", "b"]'::jsonb ? 'c'`, "f"),
		test("?|", list, func(r Row) bool { return jsonExistsOf(r, false) }, "Tells whether any text is a key or element.",
			`'{"a": 1, "b": 2}'::jsonb ?| ARRAY['b', 'd']`, "t"),
		test("?&", list, func(r Row) bool { return jsonExistsOf(r, true) }, "Tells whether all texts are keys or elements.",
			`'["a", "b", "c"]'::jsonb ?& ARRAY['a', 'b']`, "t"),
		{Name: "jsonb_pretty", Args: in(j), Ret: text, Strict: true, Kernel: rowwise(func(r Row, out *vec.Column) error {
			out.Data = appendPretty(out.Data, r.Bytes(0), 0)
			out.CloseBytes()
			return nil
		}), Doc: Doc{Category: "json", Summary: "Prints a value over several lines, indented.",
			Examples: ex("jsonb_pretty('[]')", "[\n]")}},
	}
}

// jsonFind makes a function that appends what find finds, as text or as it is.
func jsonFind(find func(r Row) []byte, asText bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		v := find(r)
		if asText {
			if v != nil {
				v = jsonTrim(v)
			}
			return appendJSONText(out, v)
		}
		appendJSONValue(out, v)
		return nil
	}
}

func jsonByKey(r Row) []byte { return jsonMember(r.Bytes(0), r.Bytes(1)) }

func jsonByIndex(r Row) []byte {
	s := r.Bytes(0)
	if col, _ := r.Col(0); col.Type.Kind == types.KindJSONB && jsonScalar(s) && (r.Int(1) == 0 || r.Int(1) == -1) {
		return s // jsonb keeps a scalar as an array of one
	}
	return jsonElement(s, r.Int(1))
}

// jsonScalar reports whether a value is neither object nor array.
func jsonScalar(s []byte) bool {
	k := jsonKind(s)
	return k != '{' && k != '['
}

func jsonByPath(r Row) []byte {
	s := r.Bytes(0)
	path, lo, hi := r.List(1)
	for k := lo; k < hi; k++ {
		if path.Kids[0].IsNull(k) {
			return nil
		}
	}
	for k := lo; k < hi && s != nil; k++ {
		s = jsonStep(s, path.Kids[0].Bytes(k))
	}
	return s
}

func jsonByArgs(r Row) []byte {
	s := r.Bytes(0)
	for k := 1; k < r.Args() && s != nil; k++ {
		s = jsonStep(s, r.Bytes(k))
	}
	return s
}

func jsonLength(r Row, out *vec.Column) error {
	switch jsonKind(r.Bytes(0)) {
	case '[':
		out.AppendInt(jsonCount(r.Bytes(0)))
		return nil
	case '{':
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a non-array")
	default:
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a scalar")
	}
}

func jsonStripNulls(r Row, out *vec.Column) error {
	stripped, err := appendStripped(nil, r.Bytes(0))
	if err != nil {
		return err
	}
	if out.Type.Kind == types.KindJSONB {
		return appendJSONB(out, stripped)
	}
	out.AppendBytes(stripped)
	return nil
}

// appendStripped appends a value without blanks and without the members of objects that are null.
func appendStripped(dst, s []byte) ([]byte, error) {
	kind := jsonKind(s)
	switch kind {
	case '"':
		return appendRequoted(dst, jsonTrim(s))
	case '{', '[':
	default:
		return append(dst, jsonTrim(s)...), nil
	}
	dst = append(dst, kind)
	begun := false
	var err error
	jsonEach(s, func(key, elem []byte) bool {
		if key != nil && jsonKind(elem) == 'n' {
			return true
		}
		if begun {
			dst = append(dst, ',')
		}
		begun = true
		if key != nil {
			if dst, err = appendRequoted(dst, key); err != nil {
				return false
			}
			dst = append(dst, ':')
		}
		dst, err = appendStripped(dst, elem)
		return err == nil
	})
	return append(dst, kind+2), err // ] follows [ and } follows { by two in ASCII
}

// appendRequoted appends a string with only those escapes that it needs.
func appendRequoted(dst, s []byte) ([]byte, error) {
	text, err := jsonUnquote(s)
	return types.AppendJSONString(dst, text), err
}

// appendPretty appends a value of jsonb with every element on a line of its own, four blanks deeper.
func appendPretty(dst, s []byte, depth int) []byte {
	kind := jsonKind(s)
	if kind != '{' && kind != '[' {
		return append(dst, s...)
	}
	line := func(depth int) {
		dst = append(append(dst, '\n'), bytes.Repeat([]byte("    "), depth)...)
	}
	dst = append(dst, kind)
	begun := false
	jsonEach(s, func(key, elem []byte) bool {
		if begun {
			dst = append(dst, ',')
		}
		begun = true
		line(depth + 1)
		if key != nil {
			dst = append(append(dst, key...), ": "...)
		}
		dst = appendPretty(dst, elem, depth+1)
		return true
	})
	line(depth)
	return append(dst, kind+2)
}

// jsonExists reports whether a text is a key of an object, a string of an array, or the string itself.
func jsonExists(s, name []byte) bool {
	switch jsonKind(s) {
	case '{':
		return jsonMember(s, name) != nil
	case '"':
		return jsonKeyIs(s, name)
	}
	found := false
	jsonEach(s, func(_, elem []byte) bool {
		found = jsonKind(elem) == '"' && jsonKeyIs(elem, name)
		return !found
	})
	return found
}

func jsonExistsOf(r Row, all bool) bool {
	names, lo, hi := r.List(1)
	for k := lo; k < hi; k++ {
		if !names.Kids[0].IsNull(k) && jsonExists(r.Bytes(0), names.Kids[0].Bytes(k)) != all {
			return !all
		}
	}
	return all
}

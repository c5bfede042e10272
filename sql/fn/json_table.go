package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonTableDecls declares what turns json and jsonb into rows.
func jsonTableDecls() []Table {
	text := types.Text
	var fs []Table
	for k, t := range in(types.JSON, types.JSONB) {
		prefix := []string{"json", "jsonb"}[k]
		add := func(name string, cols []types.Field, f func(r Row, out []*vec.Column) error, summary, example, want string) {
			fs = append(fs, Table{Name: name, Args: in(t), Cols: cols, Strict: true, Kernel: tablewise(f),
				Doc: Doc{Category: "json", Summary: summary, Examples: ex(name+example, want)}})
		}
		value := func(t types.Type) []types.Field { return []types.Field{{Name: "value", Type: t}} }
		pair := func(t types.Type) []types.Field {
			return []types.Field{{Name: "key", Type: text}, {Name: "value", Type: t}}
		}
		add(prefix+"_array_elements", value(t), jsonElements(false), "Gives the elements of an array.",
			`('[1, true, [2]]')`, "1; true; [2]")
		add(prefix+"_array_elements_text", value(text), jsonElements(true), "Gives the elements of an array as text.",
			`('["foo", "bar"]')`, "foo; bar")
		add(prefix+"_each", pair(t), jsonPairs(false, "%s_each"), "Gives the keys and values of an object.",
			`('{"a": "foo", "b": 1}')`, `a, "foo"; b, 1`)
		add(prefix+"_each_text", pair(text), jsonPairs(true, "%s_each_text"),
			"Gives the keys and values of an object as text.",
			`('{"a": "foo", "b": 1}')`, "a, foo; b, 1")
		add(prefix+"_object_keys", column(text), jsonKeys, "Gives the keys of an object.", `('{"a": 1, "b": 2}')`, "a; b")
	}
	return fs
}

func jsonElements(asText bool) func(r Row, out []*vec.Column) error {
	return func(r Row, out []*vec.Column) error {
		s := r.Bytes(0)
		switch jsonKind(s) {
		case '[':
		case '{':
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from an object")
		default:
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from a scalar")
		}
		var err error
		jsonEach(s, func(_, elem []byte) bool {
			err = appendElement(out[0], elem, asText)
			return err == nil
		})
		return err
	}
}

func appendElement(out *vec.Column, elem []byte, asText bool) error {
	if asText {
		return appendJSONText(out, elem)
	}
	out.AppendBytes(elem)
	return nil
}

func jsonPairs(asText bool, name string) func(r Row, out []*vec.Column) error {
	return func(r Row, out []*vec.Column) error {
		s := r.Bytes(0)
		if jsonKind(s) != '{' {
			col, _ := r.Col(0)
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call "+name+" on a non-object", col.Type)
		}
		var err error
		jsonEach(s, func(key, elem []byte) bool {
			var name string
			if name, err = jsonUnquote(key); err == nil {
				out[0].AppendString(name)
				err = appendElement(out[1], elem, asText)
			}
			return err == nil
		})
		return err
	}
}

func jsonKeys(r Row, out []*vec.Column) error {
	s := r.Bytes(0)
	col, _ := r.Col(0)
	switch jsonKind(s) {
	case '{':
	case '[':
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s_object_keys on an array", col.Type)
	default:
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s_object_keys on a scalar", col.Type)
	}
	var err error
	jsonEach(s, func(key, _ []byte) bool {
		var name string
		if name, err = jsonUnquote(key); err == nil {
			out[0].AppendString(name)
		}
		return err == nil
	})
	return err
}

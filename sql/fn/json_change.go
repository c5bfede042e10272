package fn

import (
	"slices"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonChangeDecls declares what makes one jsonb value from another.
func jsonChangeDecls() []Scalar {
	j, text, path, b := types.JSONB, types.Text, types.ArrayOf(types.Text), types.Bool
	fs := []Scalar{
		{Name: "||", Args: in(j, j), Ret: j, Strict: true, Kernel: rowwise(jsonConcat),
			Doc: Doc{Category: "json", Summary: "Joins objects, of which the second wins, or arrays; another value counts " +
				"as an array of one.", Examples: ex(`'{"a": 1}'::jsonb || '{"b": 2}'::jsonb`, `{"a": 1, "b": 2}`,
				`'[1, 2]'::jsonb || '3'::jsonb`, "[1, 2, 3]")}},
		{Name: "-", Args: in(j, text), Ret: j, Strict: true, Kernel: rowwise(jsonDelete(func(r Row) [][]byte {
			return [][]byte{r.Bytes(1)}
		})), Doc: Doc{Summary: "Removes a key, or several, or an element.",
			Examples: ex(`'{"a": 1, "b": 2}'::jsonb - 'a'`, `{"b": 2}`, `'["a", "b"]'::jsonb - 1`, `["a"]`)}},
		{Name: "-", Args: in(j, path), Ret: j, Strict: true, Kernel: rowwise(jsonDelete(func(r Row) (names [][]byte) {
			list, lo, hi := r.List(1)
			for k := lo; k < hi; k++ {
				if !list.Kids[0].IsNull(k) {
					names = append(names, list.Kids[0].Bytes(k))
				}
			}
			return names
		}))},
		{Name: "-", Args: in(j, types.Int4), Ret: j, Strict: true, Kernel: rowwise(jsonDeleteElement)},
		{Name: "#-", Args: in(j, path), Ret: j, Strict: true, Kernel: rowwise(jsonChangePath(jsonRemove, "delete path in")),
			Doc: Doc{Summary: "Removes what is at a path.",
				Examples: ex(`'["a", {"b": 1}]'::jsonb #- '{1,b}'`, `["a", {}]`)}},
	}
	for n := 3; n <= 4; n++ {
		set := func(r Row) jsonEdit {
			if r.Args() == 4 && !r.Bool(3) {
				return jsonReplace
			}
			return jsonCreate
		}
		insert := func(r Row) jsonEdit {
			if r.Args() == 4 && r.Bool(3) {
				return jsonAfter
			}
			return jsonBefore
		}
		args := in(j, path, j, b)[:n]
		fs = append(fs,
			Scalar{Name: "jsonb_set", Args: args, Ret: j, Strict: true, Kernel: rowwise(jsonChangeBy(set)),
				Doc: first(n-3, "json", "Replaces what is at a path; adds it when it is not there, unless the fourth argument "+
					"is false.", `jsonb_set('{"a": [1, 2]}', '{a,0}', '5')`, `{"a": [5, 2]}`,
					`jsonb_set('{"a": 1}', '{b}', '2', false)`, `{"a": 1}`)},
			Scalar{Name: "jsonb_insert", Args: args, Ret: j, Strict: true, Kernel: rowwise(jsonChangeBy(insert)),
				Doc: first(n-3, "json", "Inserts a value before, or after, what is at a path.",
					`jsonb_insert('{"a": [0, 1, 2]}', '{a,1}', '"new"')`, `{"a": [0, "new", 1, 2]}`)})
	}
	for n := 3; n <= 5; n++ {
		fs = append(fs, Scalar{Name: "jsonb_set_lax", Args: in(j, path, j, b, text)[:n], Ret: j, Kernel: rowwise(jsonSetLax),
			Doc: first(n-3, "json", "Is jsonb_set, but treats a NULL as the fifth argument says: use_json_null, "+
				"raise_exception, delete_key or return_target.",
				`jsonb_set_lax('{"a": 1}', '{a}', NULL, true, 'delete_key')`, "{}")})
	}
	return fs
}

// jsonList is the values of an array, or a value that is none as the only one.
func jsonList(s []byte) [][]byte {
	if jsonKind(s) != '[' {
		return [][]byte{s}
	}
	_, elems := jsonMembers(s)
	return elems
}

func appendElems(dst []byte, elems [][]byte) []byte {
	dst = append(dst, '[')
	for i, e := range elems {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, e...)
	}
	return append(dst, ']')
}

func appendMembers(dst []byte, keys, elems [][]byte) []byte {
	dst = append(dst, '{')
	for i, e := range elems {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(append(dst, keys[i]...), ": "...), e...)
	}
	return append(dst, '}')
}

func jsonConcat(r Row, out *vec.Column) error {
	a, b := r.Bytes(0), r.Bytes(1)
	if jsonKind(a) == '{' && jsonKind(b) == '{' {
		keys, elems := jsonMembers(a)
		moreKeys, more := jsonMembers(b)
		return appendJSONB(out, appendMembers(nil, append(keys, moreKeys...), append(elems, more...)))
	}
	out.Data = appendElems(out.Data, slices.Concat(jsonList(a), jsonList(b)))
	out.CloseBytes()
	return nil
}

func cannotDelete(what string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from %s", what)
}

// jsonDelete removes the members, or strings of an array, of the names given.
func jsonDelete(names func(r Row) [][]byte) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		s := r.Bytes(0)
		if jsonScalar(s) {
			return cannotDelete("scalar")
		}
		var keys, elems [][]byte
		gone := names(r)
		jsonEach(s, func(key, elem []byte) bool {
			name := key
			if key == nil && jsonKind(elem) == '"' {
				name = elem
			}
			if name == nil || !slices.ContainsFunc(gone, func(g []byte) bool { return jsonKeyIs(name, g) }) {
				keys, elems = append(keys, key), append(elems, elem)
			}
			return true
		})
		out.Data = appendContainer(out.Data, jsonKind(s), keys, elems)
		out.CloseBytes()
		return nil
	}
}

func appendContainer(dst []byte, kind byte, keys, elems [][]byte) []byte {
	if kind == '{' {
		return appendMembers(dst, keys, elems)
	}
	return appendElems(dst, elems)
}

func jsonDeleteElement(r Row, out *vec.Column) error {
	s, i := r.Bytes(0), r.Int(1)
	switch jsonKind(s) {
	case '{':
		return cannotDelete("object using integer index")
	case '[':
	default:
		return cannotDelete("scalar")
	}
	_, elems := jsonMembers(s)
	if i < 0 {
		i += int64(len(elems))
	}
	if i >= 0 && i < int64(len(elems)) {
		elems = slices.Delete(elems, int(i), int(i)+1)
	}
	out.Data = appendElems(out.Data, elems)
	out.CloseBytes()
	return nil
}

// jsonEdit is what happens at the end of a path.
type jsonEdit uint8

const (
	jsonReplace jsonEdit = iota // only what is there
	jsonCreate                  // or is added
	jsonBefore                  // inserts
	jsonAfter                   // inserts behind
	jsonRemove
)

// jsonPathEdit is one change of one value.
type jsonPathEdit struct {
	what  jsonEdit
	path  *vec.Column // of text
	at    int         // place of the path's element
	end   int
	start int
	value []byte
}

// jsonChangeBy is jsonChangePath with an edit that depends on the arguments.
func jsonChangeBy(edit func(r Row) jsonEdit) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		return jsonChangePath(edit(r), "set path in")(r, out)
	}
}

func jsonChangePath(what jsonEdit, verb string) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		s := r.Bytes(0)
		if jsonScalar(s) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot %s scalar", verb)
		}
		path, lo, hi := r.List(1)
		e := jsonPathEdit{what: what, path: path.Kids[0], at: lo, start: lo, end: hi}
		adds := what == jsonCreate || what == jsonBefore || what == jsonAfter
		if lo == hi || jsonCount(s) == 0 && !adds {
			out.AppendBytes(s)
			return nil
		}
		if what != jsonRemove {
			e.value = r.Bytes(2)
		}
		changed, err := e.apply(s)
		if err != nil {
			return err
		}
		return appendJSONB(out, changed)
	}
}

// apply returns s, of jsonb, changed at the rest of the path.
func (e jsonPathEdit) apply(s []byte) ([]byte, error) {
	position := e.at - e.start + 1
	if e.path.IsNull(e.at) {
		return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "path element at position %d is null", position)
	}
	step := e.path.Bytes(e.at)
	keys, elems := jsonMembers(s)
	var err error
	switch jsonKind(s) {
	case '{':
		keys, elems, err = e.inObject(step, keys, elems)
	case '[':
		i, ok := jsonSubscript(step)
		if !ok {
			return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "path element at position %d is not an integer: \"%s\"",
				position, step)
		}
		elems, err = e.inArray(i, elems)
	default:
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return appendContainer(nil, jsonKind(s), keys, elems), nil
}

// deeper is the edit for what the path's element leads to.
func (e jsonPathEdit) deeper() jsonPathEdit {
	e.at++
	return e
}

func (e jsonPathEdit) last() bool { return e.at == e.end-1 }

func (e jsonPathEdit) inObject(step []byte, keys, elems [][]byte) ([][]byte, [][]byte, error) {
	i := slices.IndexFunc(keys, func(key []byte) bool { return jsonKeyIs(key, step) })
	switch {
	case i >= 0 && !e.last():
		v, err := e.deeper().apply(elems[i])
		elems[i] = v
		return keys, elems, err
	case i >= 0 && e.what == jsonRemove:
		return slices.Delete(keys, i, i+1), slices.Delete(elems, i, i+1), nil
	case i >= 0 && (e.what == jsonBefore || e.what == jsonAfter):
		return nil, nil, sqlerr.New(sqlerr.InvalidParameterValue, "cannot replace existing key").
			WithHint("Try using the function jsonb_set to replace key value.")
	case i >= 0:
		elems[i] = e.value
	case e.last() && e.what != jsonRemove && e.what != jsonReplace:
		return append(keys, types.AppendJSONString(nil, step)), append(elems, e.value), nil
	}
	return keys, elems, nil
}

func (e jsonPathEdit) inArray(i int64, elems [][]byte) ([][]byte, error) {
	n := int64(len(elems))
	before := i < -n
	if i < 0 {
		i += n
	}
	adds := e.what != jsonRemove && e.what != jsonReplace
	switch {
	case before || i >= n:
		if !e.last() || !adds {
			return elems, nil
		}
		if before {
			return slices.Insert(elems, 0, e.value), nil
		}
		return append(elems, e.value), nil
	case !e.last():
		v, err := e.deeper().apply(elems[i])
		elems[i] = v
		return elems, err
	}
	switch e.what {
	case jsonRemove:
		return slices.Delete(elems, int(i), int(i)+1), nil
	case jsonBefore:
		return slices.Insert(elems, int(i), e.value), nil
	case jsonAfter:
		return slices.Insert(elems, int(i)+1, e.value), nil
	}
	elems[i] = e.value
	return elems, nil
}

func jsonSetLax(r Row, out *vec.Column) error {
	if r.IsNull(0) || r.IsNull(1) || r.Args() > 3 && r.IsNull(3) {
		out.AppendNull()
		return nil
	}
	edit := jsonCreate
	if r.Args() > 3 && !r.Bool(3) {
		edit = jsonReplace
	}
	treatment := "use_json_null"
	if r.Args() > 4 {
		if r.IsNull(4) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "null_value_treatment must be \"delete_key\", "+
				"\"return_target\", \"use_json_null\", or \"raise_exception\"")
		}
		treatment = r.Text(4)
	}
	if !r.IsNull(2) {
		return jsonChangePath(edit, "set path in")(r, out)
	}
	switch treatment {
	case "raise_exception":
		return sqlerr.New(sqlerr.NullValueNotAllowed, "JSON value must not be null")
	case "return_target":
		out.AppendBytes(r.Bytes(0))
		return nil
	case "delete_key":
		return jsonChangePath(jsonRemove, "delete path in")(r, out)
	case "use_json_null":
		null := vec.ConstColumn(types.Value{Type: types.JSONB, Str: "null"})
		r.args = []*vec.Column{r.args[0], r.args[1], null}
		return jsonChangePath(edit, "set path in")(r, out)
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "null_value_treatment must be \"delete_key\", "+
		"\"return_target\", \"use_json_null\", or \"raise_exception\"")
}

package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// arrayElementError is array_subscript_error.
const arrayElementError sqlerr.Code = "2202E"

// jsonBuildDecls declares what makes json and jsonb of other values.
func jsonBuildDecls() []Scalar {
	list := types.ArrayOf(types.Text)
	var fs []Scalar
	for k, t := range in(types.JSON, types.JSONB) {
		prefix := []string{"json", "jsonb"}[k]
		add := func(name string, args []types.Type, variadic, strict bool, f appendFunc, summary string,
			examples ...string) {
			fs = append(fs, Scalar{Name: name, Args: args, Variadic: variadic, Ret: t, Strict: strict, Stable: true,
				Kernel: rowwise(building(t, f)), Doc: Doc{Category: "json", Summary: summary, Examples: ex(examples...)}})
		}
		array, object, of := prefix+"_build_array", prefix+"_build_object", "to_"+prefix
		add(array, nil, false, true, buildArray, "")
		add(array, in(Any), true, false, buildArray, "Builds an array of its arguments.",
			array+"(1, 'a', NULL)", `[1, "a", null]`)
		add(object, nil, false, true, buildObject, "")
		add(object, in(Any), true, false, buildObject,
			"Builds an object of its arguments, which are keys and values in turn.",
			object+"('a', 1) ->> 'a'", "1")
		add(of, in(AnyElement), false, true, func(dst []byte, r Row) ([]byte, error) {
			col, i := r.Col(0)
			return appendAsJSON(dst, col, i, r.Env), nil
		}, "Converts a value: arrays become arrays, structs and maps objects.", of+"(ARRAY['a','b']) ->> 1", "b")
		add(prefix+"_object", in(list), false, true, objectOfPairs, "Builds an object of texts: keys and values in turn, or "+
			"an array of each.", prefix+"_object('{a,1,b,x}') ->> 'b'", "x")
		add(prefix+"_object", in(list, list), false, true, objectOfTwo, "")
	}
	j := types.JSON
	for n := 1; n <= 2; n++ {
		for k, name := range []string{"array_to_json", "row_to_json"} {
			arg := []types.Type{AnyArray, AnyStruct}[k]
			fs = append(fs, Scalar{Name: name, Args: in(arg, types.Bool)[:n], Ret: j, Strict: true, Stable: true,
				Kernel: rowwise(building(j, containerToJSON)),
				Doc:    first(n-1, "json", "Converts a value to json, with line feeds when the second argument is true.")})
		}
	}
	return fs
}

// An appendFunc appends the JSON that a row gives.
type appendFunc = func(dst []byte, r Row) ([]byte, error)

// building makes a function that appends what f makes to a column of json or jsonb.
func building(t types.Type, f appendFunc) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		if t.Kind == types.KindJSON {
			data, err := f(out.Data, r)
			if err != nil {
				return err
			}
			out.Data = data
			out.CloseBytes()
			return nil
		}
		s, err := f(nil, r)
		if err != nil {
			return err
		}
		return appendJSONB(out, s)
	}
}

// appendAsJSON appends a value as to_json prints it.
func appendAsJSON(dst []byte, col *vec.Column, i int, env *Env) []byte {
	return appendJSONLines(dst, col, i, env, ",")
}

// appendJSONLines is appendAsJSON with what stands between the elements of the value itself.
func appendJSONLines(dst []byte, col *vec.Column, i int, env *Env, between string) []byte {
	if i = col.At(i); col.IsNull(i) {
		return append(dst, "null"...)
	}
	switch col.Type.Class() {
	case types.ClassList:
		dst = append(dst, '[')
		for k := int(col.Off[i]); k < int(col.Off[i+1]); k++ {
			if k > int(col.Off[i]) {
				dst = append(dst, between...)
			}
			dst = appendAsJSON(dst, col.Kids[0], k, env)
		}
		return append(dst, ']')
	case types.ClassMap:
		dst = append(dst, '{')
		for k := int(col.Off[i]); k < int(col.Off[i+1]); k++ {
			if k > int(col.Off[i]) {
				dst = append(dst, between...)
			}
			dst = types.AppendJSONString(dst, AppendText(nil, col.Kids[0], k, env))
			dst = appendAsJSON(append(dst, ':'), col.Kids[1], k, env)
		}
		return append(dst, '}')
	case types.ClassStruct:
		dst = append(dst, '{')
		for k, f := range col.Type.Fields() {
			if k > 0 {
				dst = append(dst, between...)
			}
			dst = append(types.AppendJSONString(dst, f.Name), ':')
			dst = appendAsJSON(dst, col.Kids[k], i, env)
		}
		return append(dst, '}')
	}
	return col.AppendJSON(dst, i, env.typesEnv(col.Type))
}

func containerToJSON(dst []byte, r Row) ([]byte, error) {
	between := ","
	if r.Args() == 2 && r.Bool(1) {
		between = ",\n "
	}
	col, i := r.Col(0)
	return appendJSONLines(dst, col, i, r.Env, between), nil
}

func buildArray(dst []byte, r Row) ([]byte, error) {
	dst = append(dst, '[')
	for k := range r.Args() {
		if k > 0 {
			dst = append(dst, ", "...)
		}
		col, i := r.Col(k)
		dst = appendAsJSON(dst, col, i, r.Env)
	}
	return append(dst, ']'), nil
}

func buildObject(dst []byte, r Row) ([]byte, error) {
	if r.Args()%2 != 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of %s must consist of alternating keys and values.", "json_build_object()")
	}
	dst = append(dst, '{')
	for k := 0; k < r.Args(); k += 2 {
		if k > 0 {
			dst = append(dst, ", "...)
		}
		var err error
		if dst, err = appendJSONKey(dst, r, k); err != nil {
			return nil, err
		}
		col, i := r.Col(k + 1)
		dst = appendAsJSON(append(dst, " : "...), col, i, r.Env)
	}
	return append(dst, '}'), nil
}

// appendJSONKey appends argument k as the key of a member.
func appendJSONKey(dst []byte, r Row, k int) ([]byte, error) {
	if r.IsNull(k) {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "argument %d cannot be null", k+1).
			WithHint("Object keys should be text.")
	}
	col, i := r.Col(k)
	switch col.Type.Kind {
	case types.KindArray, types.KindMap, types.KindStruct, types.KindJSON, types.KindJSONB:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue,
			"key value must be scalar, not array, composite, or json")
	}
	start := len(dst)
	if dst = appendAsJSON(dst, col, i, r.Env); dst[start] != '"' {
		dst = types.AppendJSONString(dst[:start], string(dst[start:]))
	}
	return dst, nil
}

func objectOfPairs(dst []byte, r Row) ([]byte, error) {
	list, lo, hi := r.List(0)
	if (hi-lo)%2 != 0 {
		return nil, sqlerr.New(arrayElementError, "array must have even number of elements")
	}
	return objectOfTexts(dst, (hi-lo)/2, func(k int) (*vec.Column, int) { return list.Kids[0], lo + 2*k },
		func(k int) (*vec.Column, int) { return list.Kids[0], lo + 2*k + 1 })
}

func objectOfTwo(dst []byte, r Row) ([]byte, error) {
	keys, klo, khi := r.List(0)
	values, vlo, vhi := r.List(1)
	if khi-klo != vhi-vlo {
		return nil, sqlerr.New(arrayElementError, "mismatched array dimensions")
	}
	return objectOfTexts(dst, khi-klo, func(k int) (*vec.Column, int) { return keys.Kids[0], klo + k },
		func(k int) (*vec.Column, int) { return values.Kids[0], vlo + k })
}

func objectOfTexts(dst []byte, n int, key, value func(k int) (*vec.Column, int)) ([]byte, error) {
	dst = append(dst, '{')
	for k := range n {
		col, i := key(k)
		if col.IsNull(i) {
			return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "null value not allowed for object key")
		}
		if k > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(types.AppendJSONString(dst, col.Bytes(i)), " : "...)
		if col, i = value(k); col.IsNull(i) {
			dst = append(dst, "null"...)
		} else {
			dst = types.AppendJSONString(dst, col.Bytes(i))
		}
	}
	return append(dst, '}'), nil
}

// jsonScalarCaster converts a number or boolean of jsonb to the type of SQL.
func jsonScalarCaster(to types.Type, explicit bool) castFunc {
	number := caster(types.Numeric, to, explicit)
	want := byte('0')
	if to.Kind == types.KindBool {
		want = 't'
	}
	return func(r Row, out *vec.Column) error {
		s := r.Bytes(0)
		name := jsonKindNames[jsonKind(s)]
		if jsonKind(s) == '0' {
			name = "numeric"
		}
		if jsonKind(s) != want && (want == '0' || jsonKind(s) != 'f') {
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot cast jsonb %s to type %s", name, to.Base())
		}
		if want == 't' {
			out.AppendBool(s[0] == 't')
			return nil
		}
		d, err := types.ParseDecimal(s)
		if err != nil {
			return err
		}
		if to == types.Numeric {
			out.AppendDec(d)
			return nil
		}
		col := vec.ConstColumn(types.Value{Type: types.Numeric, Dec: d})
		return number(Row{r.Call, []*vec.Column{col}, 0}, out)
	}
}

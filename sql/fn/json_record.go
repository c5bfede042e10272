package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonRecordDecls declares json_populate_record, which makes a row of an object.
func jsonRecordDecls() []Scalar {
	var fs []Scalar
	for k, t := range in(types.JSON, types.JSONB) {
		fs = append(fs, Scalar{Name: []string{"json", "jsonb"}[k] + "_populate_record", Args: in(AnyStruct, t),
			Ret: AnyStruct,
			Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
				ok := len(args) == 2 && args[0].Kind == types.KindStruct && (args[1] == t || args[1] == types.Unknown)
				if !ok {
					return nil, types.Unknown, false
				}
				return in(args[0], t), args[0], true
			},
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				if r.IsNull(1) {
					col, i := r.Col(0)
					out.AppendFrom(col, col.At(i))
					return nil
				}
				v, err := r.jsonRecord(r.Bytes(1))
				if err == nil {
					out.AppendValue(v)
				}
				return err
			}),
			Doc: Doc{Category: "json", Summary: "Makes a row of an object; fields that the object does not have are those of " +
				"the first argument."}})
	}
	return fs
}

// jsonRowDecls declares what makes rows of objects in FROM. json_to_record and its kin get the row that they are to
// make, which a column definition list describes, as a NULL before what they are called with.
func jsonRowDecls() []Table {
	var fs []Table
	for k, t := range in(types.JSON, types.JSONB) {
		prefix := []string{"json", "jsonb"}[k]
		resolve := func(args []types.Type) ([]types.Type, []types.Field, bool) {
			ok := len(args) == 2 && args[0].Kind == types.KindStruct && (args[1] == t || args[1] == types.Unknown)
			if !ok {
				return nil, nil, false
			}
			return in(args[0], t), args[0].Fields(), true
		}
		add := func(name string, record bool, f func(r Row, out []*vec.Column) error, summary string) {
			fs = append(fs, Table{Name: prefix + name, Args: in(AnyStruct, t), Record: record, Resolve: resolve,
				Kernel: tablewise(f), Doc: Doc{Category: "json", Summary: summary}})
		}
		add("_to_record", true, func(r Row, out []*vec.Column) error {
			if r.IsNull(1) {
				for _, col := range out {
					col.AppendNull()
				}
				return nil
			}
			return appendRecord(r, r.Bytes(1), out)
		}, "Makes a row of an object, with the columns of a definition list: AS t(a int, b text).")
		add("_to_recordset", true, jsonRows(prefix+"_to_recordset", t),
			"Makes rows of the objects of an array, with the columns of a definition list: AS t(a int, b text).")
		add("_populate_recordset", false, jsonRows(prefix+"_populate_recordset", t),
			"Makes rows of the objects of an array; fields that an object does not have are those of the first argument.")
	}
	return fs
}

// TakesRecord reports whether a function in FROM gives the columns of a column definition list.
func TakesRecord(name string) bool {
	fs := tables[name]
	return len(fs) > 0 && fs[0].Record
}

func appendRecord(r Row, object []byte, out []*vec.Column) error {
	v, err := r.jsonRecord(object)
	if err != nil {
		return err
	}
	for i, col := range out {
		col.AppendValue(v.List[i])
	}
	return nil
}

func jsonRows(name string, t types.Type) func(r Row, out []*vec.Column) error {
	return func(r Row, out []*vec.Column) error {
		if r.IsNull(1) {
			return nil
		}
		s := r.Bytes(1)
		if kind := jsonKind(s); kind != '[' {
			what := "a scalar"
			switch {
			case t == types.JSONB:
				what = "a non-array"
			case kind == '{':
				what = "an object"
			}
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on %s", name, what)
		}
		var err error
		jsonEach(s, func(_, elem []byte) bool {
			if jsonKind(elem) != '{' {
				err = sqlerr.New(sqlerr.InvalidParameterValue, "argument of %s must be an array of objects", name)
			} else {
				err = appendRecord(r, elem, out)
			}
			return err == nil
		})
		return err
	}
}

// jsonRecord makes a row like argument 0 of an object.
func (r Row) jsonRecord(object []byte) (types.Value, error) {
	col, i := r.Col(0)
	base := types.NullOf(col.Type)
	if !r.IsNull(0) {
		base = col.Value(col.At(i))
	}
	p := populator{env: r.typesEnv(col.Type)}
	return p.record(col.Type, object, base)
}

// populator makes values of JSON. key leads to the one that is being made.
type populator struct {
	env types.Env
	key string
}

func (p *populator) record(t types.Type, object []byte, base types.Value) (types.Value, error) {
	if jsonKind(object) != '{' {
		what := "a scalar"
		if jsonKind(object) == '[' {
			what = "an array"
		}
		return types.Value{}, sqlerr.New(sqlerr.InvalidParameterValue, "cannot call populate_composite on %s", what)
	}
	v := types.Value{Type: t}
	for i, f := range t.Fields() {
		old := types.NullOf(f.Type)
		if !base.Null {
			old = base.List[i]
		}
		member := jsonMember(object, []byte(f.Name))
		if member == nil {
			v.List = append(v.List, old)
			continue
		}
		p.key = f.Name
		made, err := p.value(f.Type, jsonTrim(member), old)
		if err != nil {
			return v, err
		}
		v.List = append(v.List, made)
	}
	return v, nil
}

// value makes a value of type t of one of JSON. base gives the fields that an object does not have.
func (p *populator) value(t types.Type, s []byte, base types.Value) (types.Value, error) {
	kind := jsonKind(s)
	if kind == 'n' {
		return types.NullOf(t), nil
	}
	switch {
	case t.Kind == types.KindJSON || t.Kind == types.KindJSONB:
		return types.Parse(t, string(s), p.env)
	case kind == '"':
		text, err := jsonUnquote(s)
		if err != nil {
			return types.Value{}, err
		}
		return types.Parse(t, text, p.env)
	case t.Kind == types.KindStruct:
		return p.record(t, s, base)
	case t.Kind == types.KindArray:
		return p.array(t, s, kind)
	case t.Kind == types.KindMap && kind == '{':
		return p.mapping(t, s)
	}
	return types.Parse(t, string(s), p.env)
}

func (p *populator) array(t types.Type, s []byte, kind byte) (types.Value, error) {
	if kind != '[' {
		return types.Value{}, sqlerr.New(sqlerr.InvalidTextRepresentation, "expected JSON array").
			WithHint("See the value of key \"%s\".", p.key)
	}
	v := types.Value{Type: t}
	var err error
	jsonEach(s, func(_, elem []byte) bool {
		var made types.Value
		made, err = p.value(t.Elem(), jsonTrim(elem), types.NullOf(t.Elem()))
		v.List = append(v.List, made)
		return err == nil
	})
	return v, err
}

func (p *populator) mapping(t types.Type, s []byte) (types.Value, error) {
	keys, elems := jsonMembers(s)
	v := types.Value{Type: t}
	for i := range keys {
		key, err := p.value(t.Key(), keys[i], types.NullOf(t.Key()))
		if err != nil {
			return v, err
		}
		made, err := p.value(t.Elem(), jsonTrim(elems[i]), types.NullOf(t.Elem()))
		if err != nil {
			return v, err
		}
		v.List = append(v.List, key, made)
	}
	return v, nil
}

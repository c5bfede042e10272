package fn

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// What Definition gives of relations besides their queries: these stand for the catalog relation.
const (
	// RelationKind gives what a relation is: "table", "stream", "view", "materialized view", "index" or "sequence".
	RelationKind = "kind of pg_class"
	// ColumnName gives the name of a column by its number.
	ColumnName = "name of pg_attribute"
	// ParameterDefault gives the default of a parameter of a function by its number.
	ParameterDefault = "default of pg_proc"
)

// classNames are the relations of the catalog that number objects, by their own numbers.
var classNames = map[int64]string{1259: "pg_class", 1247: "pg_type", 1255: "pg_proc", 2615: "pg_namespace",
	2606: "pg_constraint", 1260: "pg_authid", 1262: "pg_database"}

// objectWords are the words for an object of each of them but pg_class.
var objectWords = map[string]string{"pg_type": "type", "pg_proc": "function", "pg_namespace": "schema",
	"pg_authid": "role", "pg_database": "database"}

// An object is something that the catalog lists.
type object struct {
	kind         string // in the words of pg_identify_object: "table", "table column", "table constraint"
	schema, name string
	column       string // of a column
	arguments    string // of a function
	visible      bool
}

// object finds what a row of pg_depend and its like point at.
func (r Row) object(class, oid, part int64) (o object, ok bool) {
	relation, known := classNames[class]
	if !known || r.Env.Catalog == nil {
		return o, false
	}
	c := r.Env.Catalog
	if relation == "pg_constraint" { // a key has the number of its index
		o.schema, o.name, ok = c.Name("pg_class", oid)
		o.kind = "table constraint"
		return o, ok
	}
	if o.schema, o.name, ok = c.Name(relation, oid); !ok {
		return o, false
	}
	o.visible = o.schema == "" || slices.Contains(c.Find(relation, "", o.name), oid)
	o.kind = objectWords[relation]
	switch relation {
	case "pg_proc":
		o.arguments, _ = c.Definition(FunctionTypes, oid, 0)
		o.arguments = "(" + o.arguments + ")"
	case "pg_class":
		o.kind, _ = c.Definition(RelationKind, oid, 0)
		if o.kind == "stream" {
			o.kind = "table"
		}
		if part != 0 {
			if o.column, ok = c.Definition(ColumnName, oid, int(part)); ok {
				o.kind += " column"
			}
		}
	}
	return o, ok
}

// identity is the whole name of an object.
func (o object) identity() string {
	name := QuoteIdent(o.name) + o.arguments
	if o.schema != "" {
		name = QuoteIdent(o.schema) + "." + name
	}
	if o.column != "" {
		name += "." + QuoteIdent(o.column)
	}
	return name
}

// description is a phrase: "column id of table orders".
func (o object) description() string {
	kind, isColumn := strings.CutSuffix(o.kind, " column")
	name := o.name
	if !o.visible && o.schema != "" {
		name = QuoteIdent(o.schema) + "." + QuoteIdent(o.name)
	}
	switch {
	case isColumn:
		return "column " + o.column + " of " + kind + " " + name
	case kind == "table constraint":
		kind = "constraint"
	}
	return kind + " " + name + o.arguments
}

// describeDecls declares pg_describe_object.
func describeDecls() []Scalar {
	return []Scalar{{Name: "pg_describe_object", Args: in(types.OID, types.OID, types.Int4), Ret: types.Text, Strict: true,
		Stable: true, Kernel: rowwise(func(r Row, out *vec.Column) error {
			o, ok := r.object(r.Int(0), r.Int(1), r.Int(2))
			return appendFound(out, ok, func() (string, bool) { return o.description(), true })
		}), Doc: Doc{Category: "catalog", Summary: "Describes an object by the numbers that pg_depend has of it."}}}
}

// describeTables declares what identifies an object.
func describeTables() []Table {
	oid, i4, text := types.OID, types.Int4, types.Text
	texts := types.ArrayOf(text)
	field := func(name string, t types.Type) types.Field { return types.Field{Name: name, Type: t} }
	return []Table{
		{Name: "pg_identify_object", Args: in(oid, oid, i4), Strict: true, Stable: true,
			Cols:   []types.Field{field("type", text), field("schema", text), field("name", text), field("identity", text)},
			Kernel: tablewise(identifyObject),
			Doc:    Doc{Category: "catalog", Summary: "Gives the kind and the name of an object by its numbers in pg_depend."}},
		{Name: "pg_identify_object_as_address", Args: in(oid, oid, i4), Strict: true, Stable: true,
			Cols:   []types.Field{field("type", text), field("object_names", texts), field("object_args", texts)},
			Kernel: tablewise(objectAddress),
			Doc:    Doc{Category: "catalog", Summary: "Gives what pg_get_object_address finds an object by."}},
		{Name: "pg_get_object_address", Args: in(text, texts, texts), Strict: true, Stable: true,
			Cols:   []types.Field{field("classid", oid), field("objid", oid), field("objsubid", i4)},
			Kernel: tablewise(addressObject),
			Doc:    Doc{Category: "catalog", Summary: "Gives the numbers of an object by its kind and name."}},
		{Name: "pg_options_to_table", Args: in(texts), Strict: true, Stable: true,
			Cols: []types.Field{field("option_name", text), field("option_value", text)}, Kernel: tablewise(splitOptions),
			Doc: Doc{Category: "catalog", Summary: "Splits options such as those of pg_class.reloptions.",
				Examples: ex("pg_options_to_table(ARRAY['a=1','b'])", "a,1; b,")}},
	}
}

func identifyObject(r Row, out []*vec.Column) error {
	o, ok := r.object(r.Int(0), r.Int(1), r.Int(2))
	if !ok {
		for _, c := range out {
			c.AppendNull()
		}
		return nil
	}
	out[0].AppendString(o.kind)
	for i, s := range []string{o.schema, o.name} {
		if s == "" || i == 1 && (o.column != "" || o.arguments != "") {
			out[1+i].AppendNull()
		} else {
			out[1+i].AppendString(QuoteIdent(s))
		}
	}
	out[3].AppendString(o.identity())
	return nil
}

func objectAddress(r Row, out []*vec.Column) error {
	o, ok := r.object(r.Int(0), r.Int(1), r.Int(2))
	if !ok {
		for _, c := range out {
			c.AppendNull()
		}
		return nil
	}
	out[0].AppendString(o.kind)
	for _, s := range []string{o.schema, o.name, o.column} {
		if s != "" {
			out[1].Kids[0].AppendString(s)
		}
	}
	out[1].CloseList()
	if args := strings.Trim(o.arguments, "()"); args != "" {
		for _, a := range strings.Split(args, ",") {
			out[2].Kids[0].AppendString(a)
		}
	}
	out[2].CloseList()
	return nil
}

func addressObject(r Row, out []*vec.Column) error {
	kind, isColumn := strings.CutSuffix(r.Text(0), " column")
	names := r.texts(1)
	column := ""
	if isColumn && len(names) > 1 {
		column, names = names[len(names)-1], names[:len(names)-1]
	}
	relation, class := "", int64(0)
	isRelation := slices.Contains([]string{"table", "view", "materialized view", "index", "sequence"}, kind)
	for id, name := range classNames {
		if word, ok := objectWords[name]; ok && word == kind || isRelation && name == "pg_class" {
			relation, class = name, id
		}
	}
	if relation == "" || len(names) == 0 || r.Env.Catalog == nil {
		return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized object type \"%s\"", r.Text(0))
	}
	schema, name := "", names[len(names)-1]
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	found := r.Env.Catalog.Find(relation, schema, name)
	if len(found) == 0 {
		what, code := kind, sqlerr.UndefinedObject
		if relation == "pg_class" {
			what, code = "relation", sqlerr.UndefinedTable
		}
		return sqlerr.New(code, "%s \"%s\" does not exist", what, strings.Join(names, "."))
	}
	part := int64(0)
	if column != "" {
		at := r.Env.Catalog.Find("pg_attribute", types.Value{Type: types.Int8, Int: found[0]}.String(), column)
		if len(at) == 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", column, name)
		}
		part = at[0]
	}
	out[0].AppendInt(class)
	out[1].AppendInt(found[0])
	out[2].AppendInt(part)
	return nil
}

// texts reads argument i, an array of texts without NULLs.
func (r Row) texts(i int) []string {
	a, lo, hi := r.List(i)
	out := make([]string, 0, hi-lo)
	for k := lo; k < hi; k++ {
		out = append(out, string(a.Kids[0].Bytes(k)))
	}
	return out
}

func splitOptions(r Row, out []*vec.Column) error {
	for _, option := range r.texts(0) {
		name, value, ok := strings.Cut(option, "=")
		out[0].AppendString(name)
		if ok {
			out[1].AppendString(value)
		} else {
			out[1].AppendNull()
		}
	}
	return nil
}

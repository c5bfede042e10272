package fn

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/charset"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// catalogDecls declares the functions that clients ask of the system catalog. Without a catalog they answer as
// PostgreSQL does of objects that are not there.
func catalogDecls() []Scalar {
	text, oid, i4, b, name := types.Text, types.OID, types.Int4, types.Bool, types.Name
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Stable: true, Kernel: rowwise(f),
			Doc: Doc{Category: "catalog", Summary: summary, Examples: ex(examples...)}})
	}
	fs = append(fs, Scalar{Name: "format_type", Args: in(oid, i4), Ret: text, Stable: true, Kernel: rowwise(formatType),
		Doc: Doc{Category: "catalog", Summary: "Spells a type by its number and modifier.",
			Examples: ex("format_type(23, NULL)", "integer", "format_type(1043, 24)", "character varying(20)")}})
	for _, d := range []struct{ what, relation string }{{"table", "pg_class"}, {"type", "pg_type"},
		{"function", "pg_proc"}, {"operator", "pg_operator"}, {"collation", "pg_collation"},
		{"conversion", "pg_conversion"}, {"opclass", "pg_opclass"}, {"opfamily", "pg_opfamily"},
		{"statistics_obj", "pg_statistic_ext"}, {"ts_config", "pg_ts_config"}, {"ts_dict", "pg_ts_dict"},
		{"ts_parser", "pg_ts_parser"}, {"ts_template", "pg_ts_template"}} {
		add("pg_"+d.what+"_is_visible", in(oid), b, visible(d.relation),
			"Tells whether a "+d.what+" is found without its schema.")
	}
	add("pg_get_userbyid", in(oid), name, func(r Row, out *vec.Column) error {
		n, ok := r.objectName("pg_authid")
		switch {
		case ok:
			out.AppendString(n)
		case r.Int(0) == bootstrapRole:
			out.AppendString("leat")
		default:
			out.AppendString("unknown (OID=" + strconv.FormatInt(r.Int(0), 10) + ")")
		}
		return nil
	}, "Names a role by its number.")
	add("pg_get_viewdef", in(text), text, viewByName, "")
	add("pg_get_viewdef", in(text, b), text, viewByName, "")
	echo := func(r Row, out *vec.Column) error { out.AppendBytes(r.Bytes(0)); return nil }
	add("pg_get_expr", in(types.NodeTree, oid), text, echo, "Gives the text of an expression of the catalog.")
	add("pg_get_expr", in(types.NodeTree, oid, b), text, echo, "")
	add("obj_description", in(oid, name), text, comment(0), "Gives the comment on an object.")
	add("obj_description", in(oid), text, comment(0), "")
	add("shobj_description", in(oid, name), text, comment(0), "Gives the comment on an object of all databases.")
	add("col_description", in(oid, i4), text, func(r Row, out *vec.Column) error {
		return appendFound(out, r.Env.Catalog != nil, func() (string, bool) {
			return r.Env.Catalog.Comment("pg_class", r.Int(0), int(r.Int(1)))
		})
	}, "Gives the comment on a column.")
	add("pg_relation_is_publishable", in(types.Regclass), b, falsehood, "Is false: there is no logical replication.")
	add("pg_get_serial_sequence", in(text, text), text, serialSequence,
		"Names the sequence of a column, as nextval takes it.")
	add("pg_get_statisticsobjdef_columns", in(oid), text, null, "Is NULL: there are no extended statistics.")
	add("oidvectortypes", in(types.OIDVector), text, vectorTypes, "Spells the types of a vector of numbers.",
		"oidvectortypes('23 25')", "integer, text")
	add("pg_get_partkeydef", in(oid), text, null, "Is NULL: no relation has parts.")
	add("pg_get_function_sqlbody", in(oid), text, null, "Is NULL: the bodies of functions are texts.")
	return slices.Concat(fs, definitionDecls(), privilegeDecls(), sizeDecls(), regDecls(), infoTypeDecls(), objectDecls(),
		aclDecls(), describeDecls(), absentDecls())
}

// relation finds the relation that argument i names.
func (r Row) relation(i int) (name string, id int64, err error) {
	schema, name := SplitName(r.Text(i))
	found := r.Env.Catalog.Find("pg_class", schema, name)
	if len(found) == 0 {
		return "", 0, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", r.Text(i))
	}
	return name, found[0], nil
}

// viewByName gives the query of the view that a text names.
func viewByName(r Row, out *vec.Column) error {
	if r.Env.Catalog == nil {
		out.AppendNull()
		return nil
	}
	_, id, err := r.relation(0)
	if err != nil {
		return err
	}
	return appendFound(out, true, func() (string, bool) { return r.Env.Catalog.Definition("pg_class", id, 0) })
}

// serialSequence names the sequence that numbers a column.
func serialSequence(r Row, out *vec.Column) error {
	if r.Env.Catalog == nil {
		out.AppendNull()
		return nil
	}
	name, id, err := r.relation(0)
	if err != nil {
		return err
	}
	column := r.Env.Catalog.Find("pg_attribute", strconv.FormatInt(id, 10), r.Text(1))
	if len(column) == 0 {
		return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", r.Text(1), name)
	}
	return appendFound(out, true, func() (string, bool) {
		return r.Env.Catalog.Definition(SerialSequence, id, int(column[0]))
	})
}

// bootstrapRole is the number of the role that owns everything.
const bootstrapRole = 10

func null(_ Row, out *vec.Column) error      { out.AppendNull(); return nil }
func falsehood(_ Row, out *vec.Column) error { out.AppendBool(false); return nil }

// objectName is the name of the object that argument 0 numbers.
func (r Row) objectName(relation string) (string, bool) {
	if r.Env.Catalog == nil {
		return "", false
	}
	_, name, ok := r.Env.Catalog.Name(relation, r.Int(0))
	return name, ok
}

// appendFound appends what find finds, or NULL.
func appendFound(out *vec.Column, there bool, find func() (string, bool)) error {
	if there {
		if s, ok := find(); ok {
			out.AppendString(s)
			return nil
		}
	}
	out.AppendNull()
	return nil
}

func formatType(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	mod := int32(-1)
	if !r.IsNull(1) {
		mod = int32(r.Int(1))
	}
	out.AppendString(r.typeName(r.Int(0), mod))
	return nil
}

// vectorTypes spells the types of a vector of numbers.
func vectorTypes(r Row, out *vec.Column) error {
	a, lo, hi := r.List(0)
	var names []string
	for k := lo; k < hi; k++ {
		names = append(names, r.typeName(a.Kids[0].Int[k], -1))
	}
	out.AppendString(strings.Join(names, ", "))
	return nil
}

// typeName spells a type by its number and modifier.
func (r Row) typeName(oid int64, mod int32) string {
	t, ok := types.FromOID(uint32(oid), mod)
	switch {
	case oid == 0:
		return "-"
	case ok:
		return t.String()
	case r.Env.Catalog != nil:
		if _, name, ok := r.Env.Catalog.Name("pg_type", oid); ok {
			return name
		}
	}
	return "???"
}

func visible(relation string) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		if r.Env.Catalog == nil {
			out.AppendNull()
			return nil
		}
		_, name, ok := r.Env.Catalog.Name(relation, r.Int(0))
		if !ok {
			out.AppendNull()
			return nil
		}
		out.AppendBool(slices.Contains(r.Env.Catalog.Find(relation, "", name), r.Int(0)))
		return nil
	}
}

// definitionDecls declares what gives the SQL of an object by its number.
func definitionDecls() []Scalar {
	text, oid, i4, b := types.Text, types.OID, types.Int4, types.Bool
	var fs []Scalar
	add := func(name string, args []types.Type, relation, summary string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: text, Strict: true, Stable: true,
			Kernel: rowwise(definition(relation)), Doc: Doc{Category: "catalog", Summary: summary}})
	}
	for _, d := range []struct {
		name, relation, summary string
		pretty                  bool // it may be asked for a form that is easy to read, which is the only one
	}{
		{"pg_get_viewdef", "pg_class", "Gives the query of a view.", true},
		{"pg_get_indexdef", "pg_class", "Gives the statement that makes an index.", false},
		{"pg_get_constraintdef", "pg_constraint", "Gives the definition of a constraint.", true},
		{"pg_get_functiondef", "pg_proc", "Gives the statement that makes a function.", false},
		{"pg_get_function_arguments", FunctionArguments, "Gives the arguments of a function.", false},
		{"pg_get_function_result", FunctionResult, "Gives the type of a function's result.", false},
		{"pg_get_function_identity_arguments", FunctionIdentity, "Gives the arguments that tell a function from others.",
			false},
		{"pg_get_triggerdef", "pg_trigger", "Gives the statement that makes a trigger.", true},
		{"pg_get_ruledef", "pg_rewrite", "Gives the statement that makes a rule.", true},
	} {
		add(d.name, in(oid), d.relation, d.summary)
		if d.pretty {
			add(d.name, in(oid, b), d.relation, "")
		}
	}
	add("pg_get_indexdef", in(oid, i4, b), "pg_class", "")
	return fs
}

func definition(relation string) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		column := 0
		if r.Args() == 3 {
			column = int(r.Int(1))
		}
		return appendFound(out, r.Env.Catalog != nil, func() (string, bool) {
			return r.Env.Catalog.Definition(relation, r.Int(0), column)
		})
	}
}

func comment(column int) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		of := "pg_class"
		if r.Args() > 1 {
			of = r.Text(1)
		}
		return appendFound(out, r.Env.Catalog != nil, func() (string, bool) {
			return r.Env.Catalog.Comment(of, r.Int(0), column)
		})
	}
}

// sizeDecls declares what tells of sizes, encodings and the server.
func sizeDecls() []Scalar {
	text, i8, i4, oid, name := types.Text, types.Int8, types.Int4, types.OID, types.Name
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Stable: true, Kernel: rowwise(f),
			Doc: Doc{Category: "catalog", Summary: summary, Examples: ex(examples...)}})
	}
	add("pg_size_pretty", in(i8), text, func(r Row, out *vec.Column) error {
		out.AppendString(prettySize(r.Int(0)))
		return nil
	}, "Prints a number of bytes with a unit.", "pg_size_pretty(123456::bigint)", "121 kB")
	add("pg_size_pretty", in(types.Numeric), text, func(r Row, out *vec.Column) error {
		text, err := prettyDecimal(r.Dec(0))
		if err == nil {
			out.AppendString(text)
		}
		return err
	}, "")
	add("pg_size_bytes", in(text), i8, sizeBytes, "Reads a number of bytes with a unit.",
		"pg_size_bytes('1.5 kB')", "1536")
	add("pg_encoding_to_char", in(i4), name, func(r Row, out *vec.Column) error {
		name := ""
		if n := r.Int(0); n >= 0 && n < int64(len(encodingNames)) {
			name = encodingNames[n]
		}
		out.AppendString(name)
		return nil
	}, "Names an encoding by its number.", "pg_encoding_to_char(6)", "UTF8")
	add("pg_client_encoding", nil, name, func(r Row, out *vec.Column) error {
		out.AppendString(r.Env.setting("client_encoding", "UTF8"))
		return nil
	},
		"Names the client's encoding.", "pg_client_encoding()", "UTF8")
	add("getdatabaseencoding", nil, name, func(_ Row, out *vec.Column) error { out.AppendString("UTF8"); return nil },
		"Names the encoding of the database.", "getdatabaseencoding()", "UTF8")
	add("pg_tablespace_location", in(oid), text, func(_ Row, out *vec.Column) error { out.AppendString(""); return nil },
		"Is empty: there are no tablespaces.")
	add("pg_char_to_encoding", in(name), i4, func(r Row, out *vec.Column) error {
		name, _ := charset.Canonical(r.Text(0))
		out.AppendInt(int64(slices.Index(encodingNames, name)))
		return nil
	}, "Gives the number of an encoding; -1 for one that is not known.", "pg_char_to_encoding('UTF8')", "6")
	add("pg_encoding_max_length", in(i4), i4, func(r Row, out *vec.Column) error {
		lengths := map[int64]int64{1: 3, 2: 2, 3: 3, 4: 4, 5: 3, 6: 4, 7: 4, 35: 2, 36: 2, 37: 2, 38: 2, 39: 4, 40: 3,
			41: 2}
		switch n := r.Int(0); {
		case n < 0 || n >= int64(len(encodingNames)):
			out.AppendNull()
		default:
			out.AppendInt(max(lengths[n], 1))
		}
		return nil
	}, "Tells how many bytes a character takes at most in an encoding.", "pg_encoding_max_length(6)", "4")
	return append(fs, serverDecls()...)
}

// encodingNames are the names of PostgreSQL's encodings by their numbers.
var encodingNames = []string{"SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW", "EUC_JIS_2004", "UTF8",
	"MULE_INTERNAL",
	"LATIN1", "LATIN2", "LATIN3", "LATIN4", "LATIN5", "LATIN6", "LATIN7", "LATIN8", "LATIN9", "LATIN10", "WIN1256",
	"WIN1258", "WIN866", "WIN874", "KOI8R", "WIN1251", "WIN1252", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8",
	"WIN1250", "WIN1253", "WIN1254", "WIN1255", "WIN1257", "KOI8U", "SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB",
	"SHIFT_JIS_2004"}

// sizeBytes reads a number with a unit or without.
func sizeBytes(r Row, out *vec.Column) error {
	text := strings.TrimLeft(r.Text(0), " \t\n\v\f\r")
	number := sizeNumber.FindString(text)
	if number == "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid size: \"%s\"", r.Text(0))
	}
	d, err := types.ParseDecimal(number)
	if unit := strings.Trim(text[len(number):], " \t\n\v\f\r"); unit != "" && err == nil {
		power := slices.Index([]string{"bytes", "kb", "mb", "gb", "tb", "pb"}, strings.ToLower(unit))
		if power < 0 && !strings.EqualFold(unit, "b") {
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid size: \"%s\"", r.Text(0)).
				WithDetail("Invalid size unit: \"%s\".", unit).
				WithHint("Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".")
		}
		d, err = d.Mul(types.DecimalFromInt64(1 << (10 * max(power, 0))))
	}
	if err != nil {
		return err
	}
	v, err := wholeOf(d, types.KindInt8)
	if err == nil {
		out.AppendInt(v)
	}
	return err
}

// sizeNumber is the number of a size; an exponent needs a digit.
var sizeNumber = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?`)

// prettySize rounds half up to the unit in which the number is below 10240.
func prettySize(n int64) string {
	size, units := float64(n), []string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	k := 0
	for math.Abs(math.Round(size)) >= 10240 && k < len(units)-1 {
		size /= 1024
		k++
	}
	return strconv.FormatFloat(math.Round(size), 'f', 0, 64) + " " + units[k]
}

// prettyDecimal is prettySize of a number that need not be whole, and may have any size. As PostgreSQL does it divides
// by half of a unit less, and then rounds half away from zero.
func prettyDecimal(d types.Decimal) (string, error) {
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	limit, by, round := int64(10*1024), int64(512), false
	for k, unit := range units {
		if k == len(units)-1 || d.Abs().Cmp(types.DecimalFromInt64(limit)) < 0 {
			if round {
				one := types.DecimalFromInt64(1)
				if d.Sign() < 0 {
					one = one.Neg()
				}
				var err error
				if d, err = d.Add(one); err == nil {
					d, err = d.QuoInt(types.DecimalFromInt64(2))
				}
				if err != nil {
					return "", err
				}
			}
			return d.String() + " " + unit, nil
		}
		var err error
		if d, err = d.QuoInt(types.DecimalFromInt64(by)); err != nil {
			return "", err
		}
		limit, by, round = 20*1024-1, 1024, true
	}
	panic("BUG: the last unit has no limit")
}

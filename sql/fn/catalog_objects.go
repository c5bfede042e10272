package fn

import (
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Storage tells how much is stored.
type Storage interface {
	// Size is what a relation takes on disk, and how many rows it has; known is false when that is not known.
	Size(relation uint32) (bytes, rows int64, known bool)
	// Total is what all topics take on disk.
	Total() (bytes int64)
	// Position is how many records have been appended to all topics.
	Position() int64
}

// objectDecls declares what tells of relations, their columns and indexes.
func objectDecls() []Scalar {
	text, oid, i4, i2, b := types.Text, types.OID, types.Int4, types.Int2, types.Bool
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Stable: true, Kernel: rowwise(f),
			Doc: Doc{Category: "catalog", Summary: summary, Examples: ex(examples...)}})
	}
	add("pg_relation_is_updatable", in(types.Regclass, b), i4, func(r Row, out *vec.Column) error {
		out.AppendInt(int64(r.updatable()))
		return nil
	}, "Tells what may be done to the rows of a relation: the sum of 4 (UPDATE), 8 (INSERT) and 16 (DELETE).")
	add("pg_column_is_updatable", in(types.Regclass, i2, b), b, func(r Row, out *vec.Column) error {
		out.AppendBool(r.updatable()&mayUpdate != 0)
		return nil
	}, "Tells whether a column may be changed.")
	add("pg_get_function_arg_default", in(oid, i4), text, func(r Row, out *vec.Column) error {
		return appendFound(out, r.Env.Catalog != nil, func() (string, bool) {
			return r.Env.Catalog.Definition(ParameterDefault, r.Int(0), int(r.Int(1)))
		})
	}, "Gives the default of an argument of a function, by its position.")
	add("pg_get_viewdef", in(oid, i4), text, func(r Row, out *vec.Column) error {
		return appendFound(out, r.Env.Catalog != nil, func() (string, bool) {
			return r.Env.Catalog.Definition("pg_class", r.Int(0), 0)
		})
	}, "")
	add("pg_indexam_has_property", in(oid, text), b, property(func(r Row) bool { return r.Int(0) == btreeMethod },
		"can_order", "can_unique", "can_multi_col", "can_exclude", "can_include"),
		"Tells what indexes of a kind can do.", "pg_indexam_has_property(403, 'can_unique')", "t")
	const noRowSecurity = "Is false: there is no row level security."
	add("row_security_active", in(oid), b, falsehood, noRowSecurity)
	add("row_security_active", in(text), b, func(r Row, out *vec.Column) error {
		if r.Env.Catalog == nil {
			return falsehood(r, out)
		}
		_, _, err := r.relation(0)
		out.AppendBool(false)
		return err
	}, noRowSecurity)
	index := func(r Row) bool { return r.kind() == "index" }
	add("pg_index_has_property", in(types.Regclass, text), b, property(index, "clusterable", "index_scan", "bitmap_scan",
		"backward_scan"), "Tells what an index can do.")
	add("pg_index_column_has_property", in(types.Regclass, i4, text), b, property(index, "asc", "nulls_last", "orderable",
		"returnable", "search_array", "search_nulls", "-desc", "-nulls_first", "-distance_orderable"),
		"Tells what a column of an index can do.")
	add("pg_settings_get_flags", in(text), types.ArrayOf(text), func(r Row, out *vec.Column) error {
		if _, ok := r.Env.settingOf(r.Text(0)); ok {
			out.CloseList()
		} else {
			out.AppendNull()
		}
		return nil
	}, "Gives the flags of a setting: none.")
	add("pg_column_size", in(Any), i4, func(r Row, out *vec.Column) error {
		col, i := r.Col(0)
		size := int64(col.Type.Len())
		if size < 0 {
			size = 4 + int64(len(AppendText(nil, col, i, r.Env)))
		}
		out.AppendInt(size)
		return nil
	}, "Tells how many bytes a value takes, about.", "pg_column_size(1)", "4")
	fs = append(fs, Scalar{Name: "pg_collation_for", Args: in(Any), Ret: text, Stable: true, Kernel: rowwise(collationFor),
		Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) { return args, text, len(args) == 1 },
		Doc: Doc{Category: "catalog", Summary: "Names the collation of a text.",
			Examples: ex("pg_collation_for('a'::text)", `"default"`)}})
	return slices.Concat(fs, sizesDecls(), columnPrivilegeDecls(), roleMemberDecls())
}

func collationFor(r Row, out *vec.Column) error {
	switch col, _ := r.Col(0); {
	case col.Type == types.Unknown:
		out.AppendNull()
	case col.Type.Kind == types.KindName:
		out.AppendString(`"C"`)
	case col.Type.IsString() && col.Type.Kind != types.KindCharByte:
		out.AppendString(`"default"`)
	default:
		return sqlerr.New(sqlerr.DatatypeMismatch, "collations are not supported by type %s", base(col.Type))
	}
	return nil
}

// btreeMethod is the number of btree in pg_am.
const btreeMethod = 403

// What may be done to rows, as pg_relation_is_updatable tells it.
const (
	mayUpdate = 4
	mayInsert = 8
	mayDelete = 16
)

// kind is what the relation of argument 0 is.
func (r Row) kind() string {
	if r.Env.Catalog == nil {
		return ""
	}
	kind, _ := r.Env.Catalog.Definition(RelationKind, r.Int(0), 0)
	return kind
}

func (r Row) updatable() int {
	switch r.kind() {
	case "table":
		return mayUpdate | mayInsert | mayDelete
	case "stream":
		return mayInsert
	}
	return 0
}

// property answers whether there is one of the properties of a kind of index; those with a hyphen are known and false.
func property(is func(r Row) bool, names ...string) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		name := strings.ToLower(r.Text(r.Args() - 1))
		switch {
		case is(r) && slices.Contains(names, name):
			out.AppendBool(true)
		case is(r) && slices.Contains(names, "-"+name):
			out.AppendBool(false)
		default:
			out.AppendNull()
		}
		return nil
	}
}

// sizesDecls declares what tells the sizes of relations.
func sizesDecls() []Scalar {
	text, i8, oid, name := types.Text, types.Int8, types.OID, types.Name
	var fs []Scalar
	add := func(name string, args []types.Type, f func(r Row) (bytes int64, err error), summary string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: i8, Strict: true, Stable: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				if args[0] == types.Regclass {
					if _, ok := r.objectName("pg_class"); !ok {
						out.AppendNull()
						return nil
					}
				}
				bytes, err := f(r)
				out.AppendInt(bytes)
				return err
			}), Doc: Doc{Category: "catalog", Summary: summary}})
	}
	const ofTopic = "Tells how many bytes the topic of a relation takes on disk."
	add("pg_relation_size", in(types.Regclass), relationSize, ofTopic)
	add("pg_relation_size", in(types.Regclass, text), forkSize, "")
	add("pg_total_relation_size", in(types.Regclass), relationSize, ofTopic)
	add("pg_table_size", in(types.Regclass), relationSize, ofTopic)
	none := func(Row) (int64, error) { return 0, nil }
	add("pg_indexes_size", in(types.Regclass), none, "Is 0: indexes are kept in memory.")
	for _, t := range in(name, oid) {
		add("pg_database_size", in(t), databaseSize, "Tells how many bytes all topics take on disk.")
		add("pg_tablespace_size", in(t), tablespaceSize, "Tells how many bytes all topics take on disk.")
	}
	fs = append(fs, Scalar{Name: "pg_stat_get_live_tuples", Args: in(oid), Ret: i8, Strict: true, Stable: true,
		Kernel: rowwise(func(r Row, out *vec.Column) error {
			rows := int64(0)
			if r.Env.Storage != nil {
				_, rows, _ = r.Env.Storage.Size(uint32(r.Int(0)))
			}
			out.AppendInt(rows)
			return nil
		}), Doc: Doc{Category: "catalog", Summary: "Tells how many rows a relation has, or 0 when that is not known."}})
	return fs
}

// relationSize is what the topic of a relation takes on disk.
func relationSize(r Row) (bytes int64, err error) {
	if r.Env.Storage != nil {
		bytes, _, _ = r.Env.Storage.Size(uint32(r.Int(0)))
	}
	return bytes, nil
}

// forkSize is the size of one of PostgreSQL's files of a relation, all of which but the main one are not here.
func forkSize(r Row) (bytes int64, err error) {
	switch r.Text(1) {
	case "main":
		return relationSize(r)
	case "fsm", "vm", "init":
		return 0, nil
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid fork name").
		WithHint(`Valid fork names are "main", "fsm", "vm", and "init".`)
}

// totalSize is what all topics take on disk.
func totalSize(r Row) int64 {
	if r.Env.Storage == nil {
		return 0
	}
	return r.Env.Storage.Total()
}

func databaseSize(r Row) (bytes int64, err error) {
	if col, _ := r.Col(0); col.Type == types.Name && r.Text(0) != r.Env.setting("leat.database", "leat") {
		return 0, sqlerr.New(sqlerr.InvalidCatalogName, "database \"%s\" does not exist", r.Text(0))
	}
	return totalSize(r), nil
}

func tablespaceSize(r Row) (bytes int64, err error) {
	if col, _ := r.Col(0); col.Type == types.Name && r.Text(0) != "pg_default" {
		if r.Text(0) == "pg_global" {
			return 0, nil
		}
		return 0, sqlerr.New(sqlerr.UndefinedObject, "tablespace \"%s\" does not exist", r.Text(0))
	}
	return totalSize(r), nil
}

// columnPrivilegeDecls declares has_column_privilege. Columns have the privileges of their relation.
func columnPrivilegeDecls() []Scalar {
	text, name, oid, i2 := types.Text, types.Name, types.OID, types.Int2
	var fs []Scalar
	for _, table := range in(text, oid) {
		for _, column := range in(text, i2) {
			for _, user := range [][]types.Type{nil, in(name), in(oid)} {
				args := slices.Concat(user, in(table, column, text))
				relation := privilege("any_column", slices.Concat(user, in(table, text)))
				fs = append(fs, Scalar{Name: "has_column_privilege", Args: args, Ret: types.Bool, Strict: true, Stable: true,
					Kernel: rowwise(func(r Row, out *vec.Column) error {
						at := len(args) - 2
						if there, err := r.hasColumn(at); err != nil || !there {
							if err == nil {
								out.AppendNull()
							}
							return err
						}
						return relation(Row{r.Call, slices.Delete(slices.Clone(r.args), at, at+1), r.i}, out)
					}), Doc: first(len(fs), "catalog", "Tells whether a user may do something with a column.")})
			}
		}
	}
	return fs
}

// hasColumn reports whether there is the column that argument at names, of the relation that the one before names.
func (r Row) hasColumn(at int) (bool, error) {
	if r.Env.Catalog == nil {
		return true, nil
	}
	table, _ := r.Col(at - 1)
	column, _ := r.Col(at)
	var id int64
	name := ""
	if table.Type.Class() == types.ClassInt {
		id = r.Int(at - 1)
	} else {
		var err error
		if name, id, err = r.relation(at - 1); err != nil {
			return false, err
		}
	}
	if column.Type.Class() == types.ClassInt {
		_, ok := r.Env.Catalog.Definition(ColumnName, id, int(r.Int(at)))
		return ok, nil
	}
	if len(r.Env.Catalog.Find("pg_attribute", strconv.FormatInt(id, 10), r.Text(at))) > 0 {
		return true, nil
	}
	if name == "" {
		_, name, _ = r.Env.Catalog.Name("pg_class", id)
	}
	return false, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", r.Text(at), name)
}

// roleMemberDecls declares pg_has_role.
func roleMemberDecls() []Scalar {
	name, oid, text := types.Name, types.OID, types.Text
	var fs []Scalar
	for _, role := range in(name, oid) {
		for _, user := range [][]types.Type{nil, in(name), in(oid)} {
			args := slices.Concat(user, in(role, text))
			fs = append(fs, Scalar{Name: "pg_has_role", Args: args, Ret: types.Bool, Strict: true, Stable: true,
				Kernel: rowwise(privilege("role", args)),
				Doc:    first(len(fs), "catalog", "Tells whether a user is a member of a role, or may use what it may.")})
		}
	}
	return fs
}

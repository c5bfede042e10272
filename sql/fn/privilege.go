package fn

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Access tells what users may do.
type Access interface {
	// Has answers a question. there is false when the object is not there.
	Has(q AccessQuestion) (has, there bool, err error)
}

// AccessQuestion asks whether a user may do something with an object. Users and objects have a name, or else a number.
type AccessQuestion struct {
	User    string // "" with the number 0 is whoever asks
	UserOID int64
	Kind    string // "table", "schema", "database" …
	Name    string // as it is written in SQL
	OID     int64
	// Privilege is one or several with commas, each perhaps with " WITH GRANT OPTION".
	Privilege string
}

// privilegeDecls declares has_…_privilege.
func privilegeDecls() []Scalar {
	text, name, oid := types.Text, types.Name, types.OID
	var fs []Scalar
	for _, what := range []string{"table", "any_column", "sequence", "schema", "database", "function", "type", "language",
		"tablespace", "foreign_data_wrapper", "server", "parameter"} {
		for k, object := range in(text, oid) {
			if what == "parameter" && object == oid {
				continue // it is known by its name
			}
			for _, args := range [][]types.Type{in(object, text), in(name, object, text), in(oid, object, text)} {
				fs = append(fs, Scalar{Name: "has_" + what + "_privilege", Args: args, Ret: types.Bool, Strict: true,
					Stable: true, Kernel: rowwise(privilege(what, args)),
					Doc: first(k+len(args)-2, "catalog", "Tells whether a user may do something with a "+
						strings.ReplaceAll(what, "_", " ")+".")})
			}
		}
	}
	return fs
}

func privilege(what string, args []types.Type) func(r Row, out *vec.Column) error {
	at := len(args) - 2
	return func(r Row, out *vec.Column) error {
		q := AccessQuestion{Kind: what, Privilege: r.Text(at + 1)}
		switch {
		case at == 0:
		case args[0] == types.OID:
			q.UserOID = r.Int(0)
		default:
			q.User = r.Text(0)
		}
		if args[at] == types.OID {
			q.OID = r.Int(at)
			if what == "schema" && r.Env.Catalog != nil {
				_, q.Name, _ = r.Env.Catalog.Name("pg_namespace", q.OID)
			}
		} else {
			q.Name = r.Text(at)
		}
		if r.Env.Access == nil { // of objects that are not there
			if q.Name == "" && (what == "table" || what == "any_column" || what == "sequence" || what == "function") {
				out.AppendNull()
			} else {
				out.AppendBool(true)
			}
			return nil
		}
		has, there, err := r.Env.Access.Has(q)
		switch {
		case err != nil:
			return err
		case there:
			out.AppendBool(has)
		case q.Name != "":
			return undefinedObject(q)
		default:
			out.AppendNull()
		}
		return nil
	}
}

func undefinedObject(q AccessQuestion) error {
	switch q.Kind {
	case "table", "any_column", "sequence":
		return sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", q.Name)
	case "schema":
		return sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", q.Name)
	}
	kind := strings.Replace(strings.ReplaceAll(q.Kind, "_", " "), "foreign data", "foreign-data", 1)
	return sqlerr.New(sqlerr.UndefinedObject, "%s \"%s\" does not exist", kind, q.Name)
}

// SplitName splits the name of a relation as it is written in a text: parts in quotes are as they are, others in small
// letters.
func SplitName(text string) (schema, name string) {
	for rest := text; rest != ""; {
		part := ""
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			for {
				var piece string
				piece, rest, _ = strings.Cut(quoted, `"`)
				part += piece
				if quoted, ok = strings.CutPrefix(rest, `"`); !ok {
					break
				}
				part += `"`
			}
			rest = strings.TrimPrefix(rest, ".")
		} else {
			part, rest, _ = strings.Cut(rest, ".")
			part = strings.ToLower(part)
		}
		schema, name = name, part
	}
	return schema, name
}

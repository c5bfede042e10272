package fn

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// regRelations are the catalog relations that list what the values of a reg type number.
var regRelations = map[types.Kind]string{types.KindRegclass: "pg_class", types.KindRegtype: "pg_type",
	types.KindRegproc: "pg_proc", types.KindRegnamespace: "pg_namespace", types.KindRegrole: "pg_authid",
	types.KindRegprocedure: "pg_proc", types.KindRegoperator: "pg_operator",
	types.KindRegoper: "pg_operator", types.KindRegcollation: "pg_collation", types.KindRegconfig: "pg_ts_config",
	types.KindRegdictionary: "pg_ts_dict"}

// RegNames adds to env the names that values of regclass and its kin are printed and read as.
func RegNames(env types.Env, c CatalogInfo) types.Env {
	if c != nil {
		env.RegName = func(t types.Type, oid int64) string { return regName(c, t, oid) }
		env.RegOID = func(t types.Type, name string) (int64, error) { return regOID(c, t, name) }
	}
	return env
}

// regName is what a number is printed as: with its schema when the name alone is not found, or finds another.
func regName(c CatalogInfo, t types.Type, oid int64) string {
	if t.Kind == types.KindRegtype {
		if known, ok := types.FromOID(uint32(oid), -1); ok {
			return known.String()
		}
		if name, ok := types.PseudoName(uint32(oid)); ok {
			return name
		}
	}
	relation := regRelations[t.Kind]
	schema, name, ok := c.Name(relation, oid)
	switch {
	case !ok:
		return ""
	case schema == "":
		return QuoteIdent(name)
	}
	if of, isArray := strings.CutSuffix(name, "[]"); isArray && t.Kind == types.KindRegtype {
		if ids := c.Find(relation, schema, of); len(ids) > 0 {
			return regName(c, t, ids[0]) + "[]"
		}
	}
	found := c.Find(relation, "", name)
	if t.Kind == types.KindRegprocedure {
		args, _ := c.Definition(FunctionTypes, oid, 0)
		if name = QuoteIdent(name); !slices.Contains(found, oid) {
			name = QuoteIdent(schema) + "." + name
		}
		return name + "(" + args + ")"
	}
	if len(found) > 0 && found[0] == oid && (len(found) == 1 || t.Kind != types.KindRegproc) {
		return QuoteIdent(name)
	}
	return QuoteIdent(schema) + "." + QuoteIdent(name)
}

// regOID finds the number of what a text names.
func regOID(c CatalogInfo, t types.Type, text string) (int64, error) {
	if t.Kind == types.KindRegtype {
		if known, ok := types.ByName(text); ok && known.Kind != types.KindMap {
			return int64(known.OID()), nil
		}
		if oid, ok := types.PseudoOID(strings.ToLower(strings.Join(strings.Fields(text), " "))); ok {
			return int64(oid), nil
		}
	}
	if t.Kind == types.KindRegprocedure {
		return procedureOID(c, text)
	}
	parts, ok := splitQualified(text)
	if !ok {
		return 0, sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
	}
	schema, name, err := schemaAndName(t, parts)
	if err != nil {
		return 0, err
	}
	found := c.Find(regRelations[t.Kind], schema, name)
	shown := strings.Join(parts, ".")
	if len(found) > 1 && t.Kind == types.KindRegproc {
		return 0, sqlerr.New(sqlerr.AmbiguousFunction, "more than one function named \"%s\"", shown)
	}
	if len(found) > 0 {
		return found[0], nil
	}
	switch t.Kind {
	case types.KindRegclass:
		return 0, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", shown)
	case types.KindRegtype:
		return 0, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", shown)
	case types.KindRegproc:
		return 0, sqlerr.New(sqlerr.UndefinedFunction, "function \"%s\" does not exist", shown)
	case types.KindRegnamespace:
		return 0, sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", shown)
	}
	return 0, sqlerr.New(sqlerr.UndefinedObject, "%s \"%s\" does not exist", regWords[t.Kind], shown)
}

// regWords are the words for what other reg types number.
var regWords = map[types.Kind]string{types.KindRegrole: "role", types.KindRegoper: "operator",
	types.KindRegoperator: "operator", types.KindRegcollation: "collation",
	types.KindRegconfig: "text search configuration", types.KindRegdictionary: "text search dictionary"}

// procedureOID finds the function that a name with the types of its arguments names.
func procedureOID(c CatalogInfo, text string) (int64, error) {
	name, args, ok := strings.Cut(text, "(")
	args, closed := strings.CutSuffix(strings.TrimSpace(args), ")")
	parts, named := splitQualified(name)
	if !ok || !closed || !named {
		return 0, sqlerr.New(sqlerr.InvalidTextRepresentation, "expected a left parenthesis")
	}
	schema, name, err := schemaAndName(types.Regproc, parts)
	if err != nil {
		return 0, err
	}
	var wanted []string
	if strings.TrimSpace(args) != "" {
		for _, a := range strings.Split(args, ",") {
			a = strings.TrimSpace(a)
			if t, ok := types.ByName(a); ok {
				a = t.String()
			}
			wanted = append(wanted, a)
		}
	}
	for _, oid := range c.Find("pg_proc", schema, name) {
		if has, _ := c.Definition(FunctionTypes, oid, 0); has == strings.Join(wanted, ",") {
			return oid, nil
		}
	}
	return 0, sqlerr.New(sqlerr.UndefinedFunction, "function \"%s\" does not exist", text)
}

// schemaAndName tells what the parts of a name are. Schemas and roles have one part; before a schema there may be the
// database.
func schemaAndName(t types.Type, parts []string) (schema, name string, err error) {
	name = parts[len(parts)-1]
	switch n := len(parts); {
	case n > 1 && (t.Kind == types.KindRegnamespace || t.Kind == types.KindRegrole):
		return "", "", sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
	case n > 3:
		return "", "", sqlerr.New(sqlerr.SyntaxError, "improper qualified name (too many dotted names): %s",
			strings.Join(parts, "."))
	case n > 1:
		schema = parts[n-2]
	}
	return schema, name, nil
}

// splitQualified splits a.b."C" into its parts, folded where they are not quoted.
func splitQualified(s string) (parts []string, ok bool) {
	const blanks = " \t\n\v\f\r"
	for {
		s = strings.TrimLeft(s, blanks)
		var part string
		if strings.HasPrefix(s, `"`) {
			var b strings.Builder
			for s = s[1:]; ; s = s[1:] {
				if s == "" {
					return nil, false
				}
				if s[0] == '"' {
					if !strings.HasPrefix(s, `""`) {
						break
					}
					s = s[1:]
				}
				b.WriteByte(s[0])
			}
			part, s = b.String(), s[1:]
		} else {
			end := strings.IndexAny(s, "."+blanks)
			if end < 0 {
				end = len(s)
			}
			part, s = strings.ToLower(s[:end]), s[end:]
		}
		if part == "" {
			return nil, false
		}
		parts = append(parts, part)
		s = strings.TrimLeft(s, blanks)
		if s == "" {
			return parts, true
		}
		if s[0] != '.' {
			return nil, false
		}
		s = s[1:]
	}
}

// regDecls declares to_regclass and kin, which are NULL where a cast fails because there is no such object.
func regDecls() []Scalar {
	var fs []Scalar
	for _, d := range []struct {
		t    types.Type
		what string
	}{{types.Regclass, "relation"}, {types.Regtype, "type"}, {types.Regproc, "function"},
		{types.Regprocedure, "function with arguments"},
		{types.Regnamespace, "schema"}, {types.Regrole, "role"}, {types.Regoper, "operator"},
		{types.Regoperator, "operator with arguments"}, {types.Regcollation, "collation"}} {
		fs = append(fs, Scalar{Name: "to_" + d.t.String(), Args: in(types.Text), Ret: d.t, Strict: true, Stable: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				v, err := types.Parse(d.t, r.Text(0), r.typesEnv(d.t))
				switch {
				case err == nil && !allDigits(r.Text(0)):
					out.AppendInt(v.Int)
				case err == nil || missing(err):
					out.AppendNull()
				default:
					return err
				}
				return nil
			}), Doc: Doc{Category: "catalog", Summary: "Finds a " + d.what + " by its name; NULL when there is none."}})
	}
	return fs
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// missing reports whether an error says that there is no such object, or that there are several.
func missing(err error) bool {
	switch sqlerr.From(err).Code {
	case sqlerr.UndefinedTable, sqlerr.UndefinedObject, sqlerr.UndefinedFunction, sqlerr.InvalidSchemaName,
		sqlerr.AmbiguousFunction:
		return true
	}
	return false
}

package planner

import (
	"sort"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// typeNames are the names of types: PostgreSQL's, internal ones included, and ksqlDB's.
var typeNames = map[string]types.Type{
	"bool": types.Bool, "boolean": types.Bool,
	"int2": types.Int2, "smallint": types.Int2,
	"int4": types.Int4, "int": types.Int4, "integer": types.Int4,
	"int8": types.Int8, "bigint": types.Int8,
	"float4": types.Float4, "real": types.Float4,
	"float8": types.Float8, "float": types.Float8, "double": types.Float8, "double precision": types.Float8,
	"numeric": types.Numeric, "decimal": types.Numeric, "dec": types.Numeric,
	"text": types.Text, "string": types.Text,
	"varchar": types.Varchar, "character varying": types.Varchar, "char varying": types.Varchar,
	"char": types.Char, "character": types.Char, "bpchar": types.Char, "nchar": types.Char,
	"national character": types.Char, "national char": types.Char,
	"national character varying": types.Varchar, "national char varying": types.Varchar,
	"name": types.Name, "bytea": types.Bytea, "bytes": types.Bytea, "date": types.Date,
	"time": types.Time, "time without time zone": types.Time,
	"timestamp": types.Timestamp, "timestamp without time zone": types.Timestamp,
	"timestamptz": types.TimestampTZ, "timestamp with time zone": types.TimestampTZ,
	"interval": types.IntervalType, "uuid": types.UUID, "json": types.JSON, "jsonb": types.JSONB,
	"jsonpath": types.JSONPath, "oid": types.OID,
	"regclass": types.Regclass, "regtype": types.Regtype, "regproc": types.Regproc,
	"regprocedure": types.Regprocedure, "regoperator": types.Regoperator,
	"regnamespace": types.Regnamespace, "regrole": types.Regrole, "void": types.Void, "unknown": types.Unknown,
	"xid": types.XID, "int2vector": types.Int2Vector, "oidvector": types.OIDVector,
	"inet": types.Inet, "cidr": types.CIDR, "pg_lsn": types.LSN, "xid8": types.XID8, "cid": types.CID, "tid": types.TID,
	"pg_snapshot": types.Snapshot, "txid_snapshot": types.TxidSnapshot, "regoper": types.Regoper,
	"regcollation": types.Regcollation, "regconfig": types.Regconfig, "regdictionary": types.Regdict,
	"aclitem": types.ACLItem, "pg_node_tree": types.NodeTree,
}

// internalNames are PostgreSQL's own names of types: what a column is called that is nothing but a cast.
var internalNames = map[types.Kind]string{
	types.KindBool: "bool", types.KindInt2: "int2", types.KindInt4: "int4", types.KindInt8: "int8",
	types.KindFloat4: "float4", types.KindFloat8: "float8", types.KindNumeric: "numeric",
	types.KindVarchar: "varchar", types.KindChar: "bpchar", types.KindTime: "time", types.KindTimestamp: "timestamp",
	types.KindTimestampTZ: "timestamptz", types.KindCharByte: "char",
}

// infoDomains are the domains of information_schema, by what they are domains of.
var infoDomains = map[string]types.Type{"sql_identifier": types.Name, "character_data": types.Varchar,
	"cardinal_number": types.Int4, "yes_or_no": types.Varchar.WithMod(7), "time_stamp": types.TimestampTZ.WithMod(2)}

// resolveType gives the type that t spells: one of PostgreSQL's or ksqlDB's, or one that CREATE TYPE made.
func (c *Context) resolveType(t *ast.Type) (types.Type, error) {
	name := t.Name[len(t.Name)-1]
	switch {
	case name == "array" && t.Elem != nil:
		elem, err := c.resolveType(t.Elem)
		if err != nil {
			return elem, err
		}
		return types.ArrayOf(elem), nil
	case name == "map" && t.Elem != nil:
		key, err := c.resolveType(t.Key)
		if err != nil {
			return key, err
		}
		elem, err := c.resolveType(t.Elem)
		if err != nil {
			return elem, err
		}
		return types.MapOf(key, elem), nil
	case name == "struct":
		return c.structType(t)
	case t.Quoted && name == "char":
		return types.CharByte, nil
	}
	if len(t.Name) > 1 && t.Name[len(t.Name)-2] == "information_schema" {
		if domain, ok := infoDomains[name]; ok {
			return domain, nil
		}
	}
	got, ok := typeNames[name]
	if custom, found := c.customType(t.Name); found {
		if custom.Domain != nil {
			return got, refuse(t.Pos(), "the domain %s here", custom.Name).
				WithHint("Domains are types of columns and of casts.")
		}
		return custom.Columns[0].Type, nil
	}
	if !ok || len(t.Name) > 1 && t.Name[len(t.Name)-2] != systemSchema {
		return got, undefinedType(t, name)
	}
	return modified(t, name, got)
}

// customType finds what CREATE TYPE made. The types of the system win over it.
func (c *Context) customType(name []string) (*catalog.Relation, bool) {
	last := name[len(name)-1]
	if _, system := typeNames[last]; c == nil || system && len(name) == 1 {
		return nil, false
	}
	path := c.path()
	if len(name) > 1 {
		path = name[len(name)-2 : len(name)-1]
	}
	for _, schema := range path {
		if r, ok := c.Catalog.Relation(schema, last); ok && r.Kind == catalog.Type {
			return r, true
		}
	}
	return nil, false
}

// namedType finds what CREATE TYPE or CREATE DOMAIN made that t is the name of.
func (c *Context) namedType(t *ast.Type) (*catalog.Relation, bool) {
	if t.Elem != nil || len(t.Name) == 0 {
		return nil, false
	}
	return c.customType(t.Name)
}

// structType resolves STRUCT<a int, …>.
func (c *Context) structType(t *ast.Type) (types.Type, error) {
	fields := make([]types.Field, len(t.Fields))
	for i, f := range t.Fields {
		ft, err := c.resolveType(f.Type)
		if err != nil {
			return ft, err
		}
		for _, had := range fields[:i] {
			if had.Name == f.Name {
				return ft, sqlerr.At(f.Pos(), sqlerr.DuplicateColumn, "field \"%s\" specified more than once", f.Name)
			}
		}
		fields[i] = types.Field{Name: f.Name, Type: ft}
	}
	return types.StructOf(fields...), nil
}

// notYet are types of PostgreSQL that Leat knows by name only.
var notYet = map[string]bool{
	"bit": true, "bit varying": true, "varbit": true, "money": true, "xml": true,
	"macaddr": true, "point": true, "box": true, "polygon": true, "circle": true, "line": true, "lseg": true,
	"path": true, "tsvector": true, "tsquery": true, "timetz": true, "time with time zone": true, "int4range": true,
	"int8range": true, "numrange": true, "tsrange": true, "tstzrange": true, "daterange": true, "serial": true,
	"bigserial": true, "smallserial": true,
}

func undefinedType(t *ast.Type, name string) error {
	if notYet[name] {
		return refuse(t.Pos(), "type %s", name)
	}
	err := sqlerr.At(t.Pos(), sqlerr.UndefinedObject, "type \"%s\" does not exist", name)
	var names []string
	for n := range typeNames {
		names = append(names, n)
	}
	sort.Strings(names)
	if near, ok := catalog.Nearest(name, names); ok {
		err = err.WithHint("Perhaps you meant the type \"%s\".", near)
	}
	return err
}

// modified applies the numbers in parentheses.
func modified(t *ast.Type, name string, got types.Type) (types.Type, error) {
	args := t.Args
	switch got.Kind {
	case types.KindNumeric:
		return numericType(t, got)
	case types.KindVarchar, types.KindChar:
		if len(args) == 0 && (name == "char" || name == "character" || name == "nchar" ||
			name == "national character" || name == "national char") {
			args = []int{1}
		}
		if len(args) == 0 {
			return got, nil
		}
		if len(args) > 1 || args[0] < 1 {
			return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue, "length for type %s must be at least 1", name)
		}
		if args[0] > 10485760 {
			return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue, "length for type %s cannot exceed 10485760", name)
		}
		return got.WithMod(int32(args[0] + 4)), nil
	case types.KindTime, types.KindTimestamp, types.KindTimestampTZ, types.KindInterval:
		if t.Interval != "" {
			return got, refuse(t.Pos(), "the type interval %s", strings.ToLower(t.Interval))
		}
		if len(args) == 0 {
			return got, nil
		}
		if len(args) > 1 || args[0] < 0 {
			return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue, "invalid precision for type %s", name)
		}
		return got.WithMod(int32(min(args[0], 6))), nil
	case types.KindFloat8:
		if name == "float" && len(args) == 1 {
			switch {
			case args[0] < 1:
				return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue, "precision for type float must be at least 1 bit")
			case args[0] > 53:
				return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue,
					"precision for type float must be less than 54 bits")
			case args[0] <= 24:
				return types.Float4, nil
			}
			return got, nil
		}
	case types.KindText: // ksqlDB's VARCHAR(STRING) spelling allows a length on STRING and ignores it
		if name == "string" {
			return got, nil
		}
	}
	if len(args) > 0 {
		return got, sqlerr.At(t.Pos(), sqlerr.SyntaxError, "type modifier is not allowed for type \"%s\"", name)
	}
	return got, nil
}

func numericType(t *ast.Type, got types.Type) (types.Type, error) {
	switch len(t.Args) {
	case 0:
		return got, nil
	case 1, 2:
	default:
		return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue, "invalid NUMERIC type modifier")
	}
	scale := 0
	if len(t.Args) == 2 {
		scale = t.Args[1]
	}
	if t.Args[0] < 1 || t.Args[0] > 1000 {
		return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue,
			"NUMERIC precision %d must be between 1 and 1000", t.Args[0])
	}
	if scale < -1000 || scale > 1000 {
		return got, sqlerr.At(t.Pos(), sqlerr.InvalidParameterValue,
			"NUMERIC scale %d must be between -1000 and 1000", scale)
	}
	return types.NumericOf(t.Args[0], scale), nil
}

// ordinalName is prefix1, prefix2 …
func ordinalName(prefix string, n int) string { return prefix + strconv.Itoa(n) }

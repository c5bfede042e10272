package types

import (
	"strconv"
	"strings"
)

// names maps the spellings of PostgreSQL and ksqlDB, in lower case, to types without modifiers.
var names = map[string]Type{
	"bool": Bool, "boolean": Bool,
	"smallint": Int2, "int2": Int2, "tinyint": Int2, "smallserial": Int2,
	"int": Int4, "integer": Int4, "int4": Int4, "serial": Int4,
	"bigint": Int8, "int8": Int8, "bigserial": Int8,
	"real": Float4, "float4": Float4,
	"double": Float8, "double precision": Float8, "float8": Float8, "float": Float8,
	"numeric": Numeric, "decimal": Numeric, "dec": Numeric,
	"text": Text, "string": Text,
	"varchar": Varchar, "character varying": Varchar, "char varying": Varchar,
	"char": Char.WithMod(5), "character": Char.WithMod(5), "bpchar": Char, "name": Name, `"char"`: CharByte,
	"nchar": Char.WithMod(5), "national character": Char.WithMod(5), "national char": Char.WithMod(5),
	"national character varying": Varchar, "national char varying": Varchar,
	"bytea": Bytea, "bytes": Bytea, "blob": Bytea,
	"date": Date, "time": Time, "time without time zone": Time,
	"timestamp": Timestamp, "timestamp without time zone": Timestamp, "datetime": Timestamp,
	"timestamptz": TimestampTZ, "timestamp with time zone": TimestampTZ,
	"interval": IntervalType, "uuid": UUID, "json": JSON, "jsonb": JSONB,
	"jsonpath": JSONPath, "oid": OID, "regclass": Regclass,
	"regtype": Regtype, "regproc": Regproc, "regprocedure": Regprocedure,
	"regoperator": Regoperator, "regnamespace": Regnamespace, "regrole": Regrole, "void": Void,
	"unknown": Unknown, "xid": XID, "pg_node_tree": NodeTree, "anyarray": AnyArray, "aclitem": ACLItem, "inet": Inet,
	"cidr": CIDR, "pg_lsn": LSN, "xid8": XID8, "cid": CID, "tid": TID, "pg_snapshot": Snapshot,
	"txid_snapshot": TxidSnapshot, "regoper": Regoper, "regcollation": Regcollation, "regconfig": Regconfig,
	"regdictionary": Regdict, "pg_ndistinct": {Kind: KindNDistinct, Mod: -1},
	"pg_dependencies": {Kind: KindDependencies, Mod: -1}, "pg_mcv_list": {Kind: KindMCVList, Mod: -1},
	"int2vector": Int2Vector, "oidvector": OIDVector,
}

// ByName finds a type by its name as PostgreSQL or ksqlDB spell it, in any case, with a modifier in parentheses, [] for
// arrays, and pg_catalog. before it allowed: "timestamp(3) with time zone", "numeric(10,2)[]", "STRING",
// "array<int>", "map<text, double>". Structs have no name.
func ByName(words string) (Type, bool) {
	return byName(strings.ToLower(strings.Join(strings.Fields(words), " ")), 0)
}

// maxTypeDepth bounds the nesting of type names.
const maxTypeDepth = 32

func byName(s string, depth int) (Type, bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "pg_catalog.")
	if depth > maxTypeDepth {
		return Unknown, false
	}
	if base, ok := strings.CutSuffix(s, "[]"); ok {
		elem, ok := byName(base, depth+1)
		return ArrayOf(elem), ok
	}
	if base, ok := strings.CutSuffix(s, " array"); ok {
		elem, ok := byName(base, depth+1)
		return ArrayOf(elem), ok
	}
	if t, ok := genericName(s, depth); ok {
		return t, true
	}
	if strings.HasPrefix(s, "_") && !strings.ContainsAny(s, " (") {
		if elem, ok := names[s[1:]]; ok {
			return ArrayOf(elem.Base()), true
		}
	}
	base, mods, ok := cutMods(s)
	if !ok {
		return Unknown, false
	}
	t, ok := names[base]
	if !ok || mods == nil {
		return t, ok
	}
	return withMods(t, mods)
}

// genericName reads array<t> and map<k, v>.
func genericName(s string, depth int) (Type, bool) {
	head, inner, ok := strings.Cut(s, "<")
	if !ok || !strings.HasSuffix(inner, ">") {
		return Unknown, false
	}
	inner = strings.TrimSuffix(inner, ">")
	switch strings.TrimSpace(head) {
	case "array":
		elem, ok := byName(inner, depth+1)
		return ArrayOf(elem), ok
	case "map":
		level := 0
		for i, c := range inner {
			switch c {
			case '<', '(':
				level++
			case '>', ')':
				level--
			case ',':
				if level > 0 {
					continue
				}
				key, ok1 := byName(inner[:i], depth+1)
				elem, ok2 := byName(inner[i+1:], depth+1)
				return MapOf(key, elem), ok1 && ok2
			}
		}
	}
	return Unknown, false
}

// cutMods takes the parenthesis out of a name.
func cutMods(s string) (base string, mods []int, ok bool) {
	open := strings.IndexByte(s, '(')
	if open < 0 {
		return s, nil, true
	}
	end := strings.IndexByte(s, ')')
	if end < open {
		return "", nil, false
	}
	for _, m := range strings.Split(s[open+1:end], ",") {
		v, err := strconv.Atoi(strings.TrimSpace(m))
		if err != nil {
			return "", nil, false
		}
		mods = append(mods, v)
	}
	base = strings.Join(strings.Fields(s[:open]+" "+s[end+1:]), " ")
	return base, mods, true
}

// withMods gives t its modifiers, when they are in range.
func withMods(t Type, mods []int) (Type, bool) {
	m := mods[0]
	switch t.Kind {
	case KindNumeric:
		scale := 0
		if len(mods) == 2 {
			scale = mods[1]
		}
		return NumericOf(m, scale), len(mods) <= 2 && m >= 1 && m <= 1000 && scale >= -1000 && scale <= 1000
	case KindVarchar, KindChar:
		return t.WithMod(int32(m) + 4), len(mods) == 1 && m >= 1 && m <= 10485760
	case KindTime, KindTimestamp, KindTimestampTZ, KindInterval:
		return t.WithMod(int32(min(m, 6))), len(mods) == 1 && m >= 0
	case KindFloat8: // float(24) is real
		if m <= 24 {
			t = Float4
		}
		return t, len(mods) == 1 && m >= 1 && m <= 53
	}
	return Unknown, false
}

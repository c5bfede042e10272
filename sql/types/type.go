// Package types is Leat's type system: the types themselves, the values at the edges (literals, parameters, keys),
// and, one file per SQL type, how each is parsed, printed (text and binary), compared and hashed. Semantics and
// output are PostgreSQL 15's.
//
// Columns of data are not here but in package vec; a Value never stands for a row on a hot path.
package types

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind names a SQL type without its modifiers.
type Kind uint8

// The kinds. Unknown is the type of a bare string literal, NULL or an untyped parameter before it is resolved.
const (
	KindUnknown Kind = iota
	KindBool
	KindInt2
	KindInt4
	KindInt8
	KindFloat4
	KindFloat8
	KindNumeric
	KindText
	KindVarchar
	KindChar // blank-padded, PostgreSQL's bpchar
	KindName
	KindCharByte // the catalog's one-byte "char"
	KindBytea
	KindDate
	KindTime
	KindTimestamp
	KindTimestampTZ
	KindInterval
	KindUUID
	KindJSON
	KindJSONB
	KindJSONPath // a path of SQL/JSON, as text in its stored form
	KindOID
	KindRegclass
	KindRegtype
	KindRegproc
	KindRegnamespace
	KindRegrole
	KindVoid
	KindArray
	KindMap
	KindStruct // a record with named fields
	KindXID    // a number of a transaction
	KindNodeTree
	KindACLItem
	KindInet
	KindAnyArray // an array of any type, as text
	KindRegprocedure
	KindRegoperator
	KindCIDR
	KindLSN  // a place in a write-ahead log
	KindXID8 // a number of a transaction that does not wrap around
	KindCID
	KindTID
	KindSnapshot     // which transactions are seen
	KindTxidSnapshot // the same by its older name
	KindRegoper
	KindRegcollation
	KindRegconfig
	KindRegdictionary
	KindNDistinct // these three are statistics of several columns, of which there are none
	KindDependencies
	KindMCVList
	KindEnum // made by CREATE TYPE … AS ENUM
)

// Class says how a column of a type is held in memory: see vec.Column for the layout of each.
type Class uint8

// The classes.
const (
	ClassBool     Class = iota // bool
	ClassInt                   // int2, int4, int8, oid family; date in days, time and timestamps in microseconds
	ClassFloat                 // float4 (rounded to 32 bits), float8
	ClassDecimal               // numeric
	ClassInterval              // interval
	ClassBytes                 // text, varchar, char, name, "char", bytea, uuid (16 bytes), json, jsonb (text), unknown
	ClassList                  // array
	ClassMap                   // map
	ClassStruct                // struct
)

// Type is a SQL type. It is small, comparable with ==, and passed by value.
type Type struct {
	Kind Kind
	// Mod is PostgreSQL's typmod: for numeric((p<<16)|s)+4, for varchar(n) and char(n) n+4, for time, timestamp,
	// timestamptz and interval the number of fractional digits; -1 when there is none.
	Mod    int32
	nested *nested // element and field types of arrays, maps and structs; interned, so == compares it
}

// nested is what an array, a map or a struct is made of. Equal ones are one pointer (see intern).
type nested struct {
	key, elem Type
	fields    []Field
	vector    bool // an array of the catalog: from 0, and printed with spaces
	enum      *atomic.Pointer[Enum]
	identity  string // of the enum
}

// Field is a named member of a struct type.
type Field struct {
	Name string
	Type Type
}

// The types without modifiers.
var (
	Unknown      = Type{Kind: KindUnknown, Mod: -1}
	Bool         = Type{Kind: KindBool, Mod: -1}
	Int2         = Type{Kind: KindInt2, Mod: -1}
	Int4         = Type{Kind: KindInt4, Mod: -1}
	Int8         = Type{Kind: KindInt8, Mod: -1}
	Float4       = Type{Kind: KindFloat4, Mod: -1}
	Float8       = Type{Kind: KindFloat8, Mod: -1}
	Numeric      = Type{Kind: KindNumeric, Mod: -1}
	Text         = Type{Kind: KindText, Mod: -1}
	Varchar      = Type{Kind: KindVarchar, Mod: -1}
	Char         = Type{Kind: KindChar, Mod: -1}
	Name         = Type{Kind: KindName, Mod: -1}
	CharByte     = Type{Kind: KindCharByte, Mod: -1}
	Bytea        = Type{Kind: KindBytea, Mod: -1}
	Date         = Type{Kind: KindDate, Mod: -1}
	Time         = Type{Kind: KindTime, Mod: -1}
	Timestamp    = Type{Kind: KindTimestamp, Mod: -1}
	TimestampTZ  = Type{Kind: KindTimestampTZ, Mod: -1}
	IntervalType = Type{Kind: KindInterval, Mod: -1}
	UUID         = Type{Kind: KindUUID, Mod: -1}
	JSON         = Type{Kind: KindJSON, Mod: -1}
	JSONB        = Type{Kind: KindJSONB, Mod: -1}
	JSONPath     = Type{Kind: KindJSONPath, Mod: -1}
	OID          = Type{Kind: KindOID, Mod: -1}
	Regclass     = Type{Kind: KindRegclass, Mod: -1}
	Regtype      = Type{Kind: KindRegtype, Mod: -1}
	Regproc      = Type{Kind: KindRegproc, Mod: -1}
	Regprocedure = Type{Kind: KindRegprocedure, Mod: -1}
	Regoperator  = Type{Kind: KindRegoperator, Mod: -1}
	Regnamespace = Type{Kind: KindRegnamespace, Mod: -1}
	Regrole      = Type{Kind: KindRegrole, Mod: -1}
	Void         = Type{Kind: KindVoid, Mod: -1}
	XID          = Type{Kind: KindXID, Mod: -1}
	NodeTree     = Type{Kind: KindNodeTree, Mod: -1}
	AnyArray     = Type{Kind: KindAnyArray, Mod: -1}
	ACLItem      = Type{Kind: KindACLItem, Mod: -1}
	Inet         = Type{Kind: KindInet, Mod: -1}
	CIDR         = Type{Kind: KindCIDR, Mod: -1}
	LSN          = Type{Kind: KindLSN, Mod: -1}
	XID8         = Type{Kind: KindXID8, Mod: -1}
	CID          = Type{Kind: KindCID, Mod: -1}
	TID          = Type{Kind: KindTID, Mod: -1}
	Snapshot     = Type{Kind: KindSnapshot, Mod: -1}
	TxidSnapshot = Type{Kind: KindTxidSnapshot, Mod: -1}
	Regoper      = Type{Kind: KindRegoper, Mod: -1}
	Regcollation = Type{Kind: KindRegcollation, Mod: -1}
	Regconfig    = Type{Kind: KindRegconfig, Mod: -1}
	Regdict      = Type{Kind: KindRegdictionary, Mod: -1}
	Int2Vector   = vectorOf(Int2)
	OIDVector    = vectorOf(OID)
)

// interned holds every nested type made so far, by its spelling. Types are few and never freed.
var interned sync.Map // string -> *nested

func intern(n *nested) *nested {
	var b strings.Builder
	spell := func(t Type) {
		b.WriteByte('<')
		if t.nested != nil { // whose names may be those of others, and change
			fmt.Fprintf(&b, "%d %p", t.Kind, t.nested)
		} else {
			b.WriteString(t.String())
		}
		b.WriteByte('>')
	}
	spell(n.key)
	spell(n.elem)
	b.WriteString(n.identity)
	if n.vector {
		b.WriteString("vector")
	}
	for _, f := range n.fields {
		b.WriteString(strconv.Quote(f.Name))
		spell(f.Type)
	}
	got, _ := interned.LoadOrStore(b.String(), n)
	return got.(*nested)
}

// ArrayOf returns the array type with the element type elem.
func ArrayOf(elem Type) Type {
	return Type{Kind: KindArray, Mod: -1, nested: intern(&nested{elem: elem})}
}

// vectorOf returns PostgreSQL's int2vector and oidvector: arrays whose subscripts begin at 0.
func vectorOf(elem Type) Type {
	return Type{Kind: KindArray, Mod: -1, nested: intern(&nested{elem: elem, vector: true})}
}

// IsVector reports whether t is int2vector or oidvector.
func (t Type) IsVector() bool { return t.Kind == KindArray && t.nested != nil && t.nested.vector }

// MapOf returns the map type from key to elem.
func MapOf(key, elem Type) Type {
	return Type{Kind: KindMap, Mod: -1, nested: intern(&nested{key: key, elem: elem})}
}

// StructOf returns the struct type with these fields; the slice is not kept.
func StructOf(fields ...Field) Type {
	return Type{Kind: KindStruct, Mod: -1, nested: intern(&nested{fields: append([]Field(nil), fields...)})}
}

// NumericOf returns numeric(precision, scale).
func NumericOf(precision, scale int) Type {
	return Type{Kind: KindNumeric, Mod: int32(precision<<16|scale&0x7ff) + 4}
}

// WithMod returns t with the type modifier mod.
func (t Type) WithMod(mod int32) Type { t.Mod = mod; return t }

// Base returns t without its modifier.
func (t Type) Base() Type { t.Mod = -1; return t }

// Elem returns the element type of an array or the value type of a map; Unknown for other types.
func (t Type) Elem() Type {
	if t.nested == nil || t.Kind == KindStruct {
		return Unknown
	}
	return t.nested.elem
}

// Key returns the key type of a map; Unknown for other types.
func (t Type) Key() Type {
	if t.Kind != KindMap || t.nested == nil {
		return Unknown
	}
	return t.nested.key
}

// Fields returns the fields of a struct; nil for other types. The slice is shared: do not change it.
func (t Type) Fields() []Field {
	if t.Kind != KindStruct || t.nested == nil {
		return nil
	}
	return t.nested.fields
}

// FieldIndex returns the position of the named field of a struct, or -1.
func (t Type) FieldIndex(name string) int {
	for i, f := range t.Fields() {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// Class returns how columns of t are held.
func (t Type) Class() Class {
	switch t.Kind {
	case KindBool:
		return ClassBool
	case KindInt2, KindInt4, KindInt8, KindOID, KindRegclass, KindRegtype, KindRegproc, KindRegnamespace, KindRegrole,
		KindDate, KindTime, KindTimestamp, KindTimestampTZ, KindXID, KindRegprocedure, KindRegoperator,
		KindLSN, KindXID8, KindCID, KindRegoper, KindRegcollation, KindRegconfig, KindRegdictionary, KindEnum:
		return ClassInt
	case KindFloat4, KindFloat8:
		return ClassFloat
	case KindNumeric:
		return ClassDecimal
	case KindInterval:
		return ClassInterval
	case KindArray:
		return ClassList
	case KindMap:
		return ClassMap
	case KindStruct:
		return ClassStruct
	default:
		return ClassBytes
	}
}

// IsNumber reports whether t is one of the integer, float and numeric types.
func (t Type) IsNumber() bool { return t.Kind >= KindInt2 && t.Kind <= KindNumeric }

// IsString reports whether t is text, varchar, char or name.
func (t Type) IsString() bool { return t.Kind >= KindText && t.Kind <= KindName }

// String returns the name as PostgreSQL's format_type prints it; maps and structs as ksqlDB writes them.
func (t Type) String() string {
	switch t.Kind {
	case KindArray:
		if t.IsVector() {
			return vectorNames[t.Elem().Kind]
		}
		return t.Elem().String() + "[]"
	case KindMap:
		return "map<" + t.Key().String() + ", " + t.Elem().String() + ">"
	case KindStruct:
		var b strings.Builder
		b.WriteString("struct<")
		for i, f := range t.Fields() {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(f.Name + " " + f.Type.String())
		}
		return b.String() + ">"
	case KindEnum:
		return t.Enum().string()
	case KindNumeric:
		if t.Mod >= 4 {
			p, s := t.PrecisionScale()
			return "numeric(" + strconv.Itoa(p) + "," + strconv.Itoa(s) + ")"
		}
	case KindVarchar, KindChar:
		if t.Mod >= 4 {
			return kindNames[t.Kind] + "(" + strconv.Itoa(int(t.Mod-4)) + ")"
		}
	case KindInterval:
		if t.Mod >= 0 {
			return "interval(" + strconv.Itoa(int(t.Mod)) + ")"
		}
	case KindTime, KindTimestamp, KindTimestampTZ:
		if t.Mod >= 0 {
			first, rest, _ := strings.Cut(kindNames[t.Kind], " ")
			return first + "(" + strconv.Itoa(int(t.Mod)) + ") " + rest
		}
	}
	return kindNames[t.Kind]
}

// PrecisionScale returns the precision and scale of a numeric type; 0, 0 when it has none.
func (t Type) PrecisionScale() (precision, scale int) {
	if t.Kind != KindNumeric || t.Mod < 4 {
		return 0, 0
	}
	m := t.Mod - 4
	s := int(m & 0x7ff)
	if s >= 1024 { // negative scales are eleven-bit two's complement
		s -= 2048
	}
	return int(m >> 16 & 0xffff), s
}

var vectorNames = map[Kind]string{KindInt2: "int2vector", KindOID: "oidvector"}

var kindNames = [...]string{
	KindUnknown: "unknown", KindBool: "boolean", KindInt2: "smallint", KindInt4: "integer", KindInt8: "bigint",
	KindFloat4: "real", KindFloat8: "double precision", KindNumeric: "numeric", KindText: "text",
	KindVarchar: "character varying", KindChar: "character", KindName: "name", KindCharByte: `"char"`,
	KindBytea: "bytea", KindDate: "date", KindTime: "time without time zone",
	KindTimestamp: "timestamp without time zone", KindTimestampTZ: "timestamp with time zone",
	KindInterval: "interval", KindUUID: "uuid", KindJSON: "json", KindJSONB: "jsonb",
	KindJSONPath: "jsonpath", KindOID: "oid",
	KindRegclass: "regclass", KindRegtype: "regtype", KindRegproc: "regproc",
	KindRegprocedure: "regprocedure", KindRegoperator: "regoperator", KindRegnamespace: "regnamespace",
	KindRegrole: "regrole", KindVoid: "void", KindArray: "array", KindMap: "map", KindStruct: "struct",
	KindXID: "xid", KindNodeTree: "pg_node_tree", KindACLItem: "aclitem", KindInet: "inet", KindAnyArray: "anyarray",
	KindCIDR: "cidr", KindLSN: "pg_lsn", KindXID8: "xid8", KindCID: "cid", KindTID: "tid", KindSnapshot: "pg_snapshot",
	KindTxidSnapshot: "txid_snapshot", KindRegoper: "regoper", KindRegcollation: "regcollation",
	KindRegconfig: "regconfig", KindRegdictionary: "regdictionary", KindNDistinct: "pg_ndistinct",
	KindDependencies: "pg_dependencies", KindMCVList: "pg_mcv_list", KindEnum: "enum",
}

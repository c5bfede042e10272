package types

import (
	"strconv"
	"strings"
)

// kindOIDs holds PostgreSQL's object identifier of each type and of the array of it, and its typlen. A struct goes as
// record. A map, which PostgreSQL does not have, goes as jsonb, in text and in binary.
var kindOIDs = [...]struct {
	oid, array uint32
	len        int16
}{
	KindUnknown: {705, 0, -2}, KindBool: {16, 1000, 1}, KindInt2: {21, 1005, 2}, KindInt4: {23, 1007, 4},
	KindInt8: {20, 1016, 8}, KindFloat4: {700, 1021, 4}, KindFloat8: {701, 1022, 8}, KindNumeric: {1700, 1231, -1},
	KindText: {25, 1009, -1}, KindVarchar: {1043, 1015, -1}, KindChar: {1042, 1014, -1}, KindName: {19, 1003, 64},
	KindCharByte: {18, 1002, 1}, KindBytea: {17, 1001, -1}, KindDate: {1082, 1182, 4}, KindTime: {1083, 1183, 8},
	KindTimestamp: {1114, 1115, 8}, KindTimestampTZ: {1184, 1185, 8}, KindInterval: {1186, 1187, 16},
	KindUUID: {2950, 2951, 16}, KindJSON: {114, 199, -1}, KindJSONB: {3802, 3807, -1},
	KindJSONPath: {4072, 4073, -1}, KindOID: {26, 1028, 4},
	KindRegclass: {2205, 2210, 4}, KindRegtype: {2206, 2211, 4}, KindRegproc: {24, 1008, 4},
	KindRegnamespace: {4089, 4090, 4}, KindRegrole: {4096, 4097, 4}, KindVoid: {2278, 0, 4}, KindArray: {0, 0, -1},
	KindMap: {3802, 3807, -1}, KindStruct: {2249, 2287, -1},
	KindXID: {28, 1011, 4}, KindNodeTree: {194, 0, -1}, KindACLItem: {1033, 1034, 12}, KindInet: {869, 1041, -1},
	KindAnyArray: {2277, 0, -1}, KindRegprocedure: {2202, 2207, 4}, KindRegoperator: {2204, 2209, 4},
	KindCIDR: {650, 651, -1}, KindLSN: {3220, 3221, 8}, KindXID8: {5069, 271, 8}, KindCID: {29, 1012, 4},
	KindTID: {27, 1010, 6}, KindSnapshot: {5038, 5039, -1}, KindTxidSnapshot: {2970, 2949, -1},
	KindRegoper: {2203, 2208, 4}, KindRegcollation: {4191, 4192, 4}, KindRegconfig: {3734, 3735, 4},
	KindRegdictionary: {3769, 3770, 4}, KindNDistinct: {3361, 0, -1}, KindDependencies: {3402, 0, -1},
	KindMCVList: {5017, 0, -1}, KindEnum: {0, 0, 4},
}

// vectorOIDs are the identifiers of int2vector and oidvector.
var vectorOIDs = map[Kind]uint32{KindInt2: 22, KindOID: 30}

// OID returns PostgreSQL's identifier of t. Structs are records (2249); maps are said to be jsonb (3802), which their
// text is. An array of arrays has the identifier of the array of the innermost elements, as in PostgreSQL.
func (t Type) OID() uint32 {
	if t.IsVector() {
		return vectorOIDs[t.Elem().Kind]
	}
	switch t.Kind {
	case KindArray:
		return t.Elem().ArrayOID()
	case KindEnum:
		return t.Enum().OID
	}
	return kindOIDs[t.Kind].oid
}

// ArrayOID returns the identifier of the array of t; that of text[] when PostgreSQL has none.
func (t Type) ArrayOID() uint32 {
	if t.Kind == KindArray {
		return t.OID()
	}
	if t.Kind == KindEnum {
		return t.Enum().Array
	}
	if oid := kindOIDs[t.Kind].array; oid != 0 {
		return oid
	}
	return kindOIDs[KindText].array
}

// Len returns PostgreSQL's typlen: the size in bytes, -1 for types of variable size.
func (t Type) Len() int16 { return kindOIDs[t.Kind].len }

// PgMod returns the type modifier as PostgreSQL's protocol and catalog have it.
func (t Type) PgMod() int32 {
	if t.Kind == KindInterval && t.Mod >= 0 {
		return 0x7fff<<16 | t.Mod // all fields, so many digits
	}
	return t.Mod
}

// oidTypes finds the type of an identifier.
var oidTypes = func() map[uint32]Type {
	m := map[uint32]Type{22: Int2Vector, 30: OIDVector}
	for k, o := range kindOIDs {
		t := Type{Kind: Kind(k), Mod: -1}
		if t.Kind == KindMap || t.Kind == KindStruct || t.Kind == KindArray || t.Kind == KindEnum {
			continue
		}
		m[o.oid] = t
		if o.array != 0 {
			m[o.array] = ArrayOf(t)
		}
	}
	return m
}()

// FromOID returns the type with PostgreSQL's identifier and type modifier (-1 for none). Records have no type here, as
// their fields are not known.
func FromOID(oid uint32, mod int32) (Type, bool) {
	t, ok := oidTypes[oid]
	if !ok {
		return Unknown, false
	}
	if t.Kind == KindInterval && mod >= 0 {
		if mod &= 0xffff; mod == 0xffff {
			mod = -1
		}
	}
	if t.Kind == KindArray && !t.IsVector() {
		return ArrayOf(t.Elem().WithMod(mod)), true
	}
	return t.WithMod(mod), true
}

// RecordOID is the identifier of records whose fields are not known.
const RecordOID uint32 = 2249

// pseudoOIDs are the identifiers of PostgreSQL's types that no column has, by name: functions are declared with them.
var pseudoOIDs = map[string]uint32{"record": RecordOID, "cstring": 2275, "any": 2276, "anyarray": 2277,
	"trigger": 2279, "language_handler": 2280, "internal": 2281, "anyelement": 2283, "anynonarray": 2776,
	"anyenum": 3500}

// elsewhere are PostgreSQL's types that are not here, with the identifiers of them and of arrays of them. Programs
// compare the types that they find with these.
var elsewhere = []struct {
	name       string
	oid, array uint32
}{{"record", RecordOID, 2287}, {"bit", 1560, 1561}, {"bit varying", 1562, 1563}, {"money", 790, 791}, {"xml", 142, 143},
	{"point", 600, 1017}, {"lseg", 601, 1018}, {"path", 602, 1019}, {"box", 603, 1020}, {"polygon", 604, 1027},
	{"line", 628, 629}, {"circle", 718, 719}, {"macaddr", 829, 1040}, {"macaddr8", 774, 775},
	{"time with time zone", 1266, 1270}, {"tsvector", 3614, 3643}, {"tsquery", 3615, 3645}, {"gtsvector", 3642, 3644},
	{"refcursor", 1790, 2201}, {"int4range", 3904, 3905}, {"numrange", 3906, 3907}, {"tsrange", 3908, 3909},
	{"tstzrange", 3910, 3911}, {"daterange", 3912, 3913}, {"int8range", 3926, 3927}, {"int4multirange", 4451, 6150},
	{"nummultirange", 4532, 6151}, {"tsmultirange", 4533, 6152}, {"tstzmultirange", 4534, 6153},
	{"datemultirange", 4535, 6155}, {"int8multirange", 4536, 6157}}

// otherNames are further names of some of them.
var otherNames = map[string]string{"varbit": "bit varying", "timetz": "time with time zone"}

// PseudoOID returns the identifier of a type of PostgreSQL's that no column has here.
func PseudoOID(name string) (uint32, bool) {
	if oid, ok := pseudoOIDs[name]; ok {
		return oid, true
	}
	element, isArray := strings.CutSuffix(strings.TrimPrefix(name, "pg_catalog."), "[]")
	if rest, ok := strings.CutPrefix(element, "_"); ok {
		element, isArray = rest, true
	}
	if other, ok := otherNames[element]; ok {
		element = other
	}
	for _, t := range elsewhere {
		switch {
		case t.name == element && isArray:
			return t.array, true
		case t.name == element:
			return t.oid, true
		}
	}
	return 0, false
}

// PseudoName returns the name of a type of PostgreSQL's that no column has here.
func PseudoName(oid uint32) (string, bool) {
	for name, id := range pseudoOIDs {
		if id == oid {
			return name, true
		}
	}
	for _, t := range elsewhere {
		switch oid {
		case t.oid:
			return t.name, true
		case t.array:
			return t.name + "[]", true
		}
	}
	return "", false
}

// parseOID reads the number of an object, or its name when env knows names.
func parseOID(t Type, s string, env Env) (int64, error) {
	text := trimSpace(s)
	switch {
	case t.Kind == KindOID, t.Kind == KindXID, t.Kind == KindCID:
	case text == "-":
		return 0, nil
	case env.RegOID != nil && (text == "" || skipDigits(text, 0) != len(text)):
		return env.RegOID(t, s)
	}
	v, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && skipDigits(text, 0) != len(text) || text == "":
		return 0, errSyntax(kindNames[t.Kind], s)
	case err != nil || v > 1<<32-1 || v < -1<<31:
		return 0, errRange(s, kindNames[t.Kind])
	}
	return int64(uint32(v)), nil
}

// appendOID prints an object's name when env knows it, else its number; of the typed ones 0 is a hyphen.
func appendOID(dst []byte, t Type, oid int64, env Env) []byte {
	if t.Kind != KindOID && t.Kind != KindXID && t.Kind != KindCID {
		if oid == 0 {
			return append(dst, '-')
		}
		if env.RegName != nil {
			if name := env.RegName(t, oid); name != "" {
				return append(dst, name...)
			}
		}
	}
	return AppendInt(dst, oid)
}

package fn_test

import (
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

var short = map[string]types.Type{
	"int2": types.Int2, "int4": types.Int4, "int8": types.Int8, "float4": types.Float4, "float8": types.Float8,
	"numeric": types.Numeric, "text": types.Text, "varchar": types.Varchar, "char": types.Char, "bool": types.Bool,
	"date": types.Date, "timestamp": types.Timestamp, "timestamptz": types.TimestampTZ, "interval": types.IntervalType,
	"unknown": types.Unknown, "int4[]": types.ArrayOf(types.Int4), "text[]": types.ArrayOf(types.Text),
	"numeric(5,2)": types.NumericOf(5, 2), "varchar(3)": types.Varchar.WithMod(7),
	"map": types.MapOf(types.Text, types.Int8), "numeric[]": types.ArrayOf(types.Numeric), "time": types.Time,
}

func parseTypes(s string) []types.Type {
	var ts []types.Type
	for _, name := range strings.Fields(s) {
		t, ok := short[name]
		if !ok {
			panic("no type " + name)
		}
		ts = append(ts, t)
	}
	return ts
}

var resolutions = []struct{ name, args, want string }{
	// Exact matches, and untyped literals that take the other side's type.
	{"+", "int4 int4", "integer, integer -> integer"},
	{"+", "int2 int8", "smallint, bigint -> bigint"},
	{"=", "int8 unknown", "bigint, bigint -> boolean"},
	{"=", "unknown unknown", "text, text -> boolean"},
	{"+", "unknown unknown", "42725 operator is not unique: unknown + unknown"},
	{"+", "date unknown", "42725 operator is not unique: date + unknown"},
	{"-", "date unknown", "date, date -> integer"},
	// Implicit casts and preferred types.
	{"+", "int4 float4", "double precision, real -> double precision"},
	{"+", "int4 numeric", "numeric, numeric -> numeric"},
	{"+", "float8 numeric", "double precision, double precision -> double precision"},
	{"=", "varchar text", "text, text -> boolean"},
	{"<", "date timestamptz", "timestamp with time zone, timestamp with time zone -> boolean"},
	{"||", "text int4", "text, integer -> text"},
	{"||", "unknown int4", "text, integer -> text"},
	{"||", "int4[] unknown", "integer[], integer[] -> integer[]"},
	{"||", "int4[] int4", "integer[], integer -> integer[]"},
	{"||", "int4[] numeric", "numeric[], numeric -> numeric[]"},
	{"^", "int4 int4", "double precision, double precision -> double precision"},
	{"prefix -", "unknown", "42725 operator is not unique: - unknown"},
	{"prefix -", "int8", "bigint -> bigint"},
	{"+", "text int4", "42883 operator does not exist: text + integer"},
	{"prefix -", "text", "42883 operator does not exist: - text"},
	// Modifiers stay with arguments that need no cast.
	{"+", "numeric(5,2) int4", "numeric(5,2), numeric -> numeric"},
	{"length", "varchar(3)", "text -> integer"},
	{"lower", "unknown", "text -> text"},
	{"abs", "unknown", "double precision -> double precision"},
	{"round", "int4", "double precision -> double precision"},
	{"round", "numeric int4", "numeric, integer -> numeric"},
	{"round", "float8 int4", "double precision, integer -> double precision"},
	{"foo", "int4 text", "42883 function foo(integer, text) does not exist"},
	{"concat", "text int4 unknown", "text, integer, text -> text"},
	{"subscript", "int4[] int8", "42883 function subscript(integer[], bigint) does not exist"},
	{"subscript", "int4[] int4", "integer[], integer -> integer"},
	{"subscript", "map unknown", "map<text, bigint>, text -> bigint"},
	{"greatest", "int4 numeric unknown", "numeric, numeric, numeric -> numeric"},
	{"greatest", "int4 text", "42804 GREATEST types integer and text cannot be matched"},
	{"cardinality", "unknown", "42804 could not determine polymorphic type because input has type unknown"},
	{"now", "", " -> timestamp with time zone"},
	{"agg sum", "int4", "integer -> bigint"},
	{"agg sum", "int8", "bigint -> numeric"},
	{"agg avg", "int4", "integer -> numeric"},
	{"agg avg", "float4", "real -> double precision"},
	{"agg min", "varchar", "text -> text"},
	{"agg min", "int4[]", "integer[] -> integer[]"},
	{"agg count", "", " -> bigint"},
	{"agg count", "text[]", "text[] -> bigint"},
	{"agg sum", "text", "42883 function sum(text) does not exist"},
}

func TestResolve(t *testing.T) {
	for _, c := range resolutions {
		args := parseTypes(c.args)
		var params []types.Type
		var ret types.Type
		var err error
		if name, ok := strings.CutPrefix(c.name, "agg "); ok {
			_, params, ret, err = fn.ResolveAggregate(name, args)
		} else if op := strings.TrimPrefix(c.name, "prefix "); op[0] < 'a' {
			_, params, ret, err = fn.ResolveOperator(op, args)
		} else {
			_, params, ret, err = fn.ResolveScalar(c.name, args)
		}
		got := fn.Signature(params) + " -> " + ret.String()
		if err != nil {
			e := sqlerr.From(err)
			got = string(e.Code) + " " + e.Message
		}
		if got != c.want {
			t.Errorf("%s(%s): got %s, want %s", c.name, c.args, got, c.want)
		}
	}
}

func TestCommonType(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"int4 int8", "bigint"}, {"int4 numeric float8", "double precision"}, {"unknown unknown", "text"},
		{"unknown date", "date"}, {"varchar(3) varchar(3)", "character varying(3)"},
		{"varchar(3) unknown", "character varying"},
		{"date timestamp", "timestamp without time zone"},
		{"int4 text", "CASE types integer and text cannot be matched"},
		{"float4 numeric", "real"}, {"int4[] int4[]", "integer[]"},
		{"time interval", "CASE types time without time zone and interval cannot be matched"},
	} {
		typ, err := fn.CommonType(parseTypes(c.in), "CASE")
		got := typ.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}

func TestCanCast(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ctx      fn.CastContext
		want     bool
	}{
		{"int4", "int8", fn.Implicit, true}, {"int8", "int4", fn.Implicit, false},
		{"int8", "int4", fn.Assignment, true},
		{"int4", "bool", fn.Assignment, false}, {"int4", "bool", fn.Explicit, true},
		{"int8", "bool", fn.Explicit, false},
		{"int4", "text", fn.Implicit, false}, {"int4", "text", fn.Assignment, true},
		{"text", "int4", fn.Assignment, false},
		{"text", "int4", fn.Explicit, true}, {"int4[]", "numeric[]", fn.Implicit, true},
		{"int4[]", "int4", fn.Explicit, false},
		{"date", "int4", fn.Explicit, false}, {"int4[]", "text", fn.Assignment, true},
		{"unknown", "date", fn.Implicit, true},
	} {
		if got := fn.CanCast(short[c.from], short[c.to], c.ctx); got != c.want {
			t.Errorf("%s to %s in context %d: %v", c.from, c.to, c.ctx, got)
		}
	}
}

package types_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// fuzzTypes are what the fuzzers read their input as.
var fuzzTypes = []string{
	"bool", "smallint", "integer", "bigint", "real", "float8", "numeric", "numeric(6,2)", "text", "varchar(3)",
	"char(3)",
	"name", `"char"`, "bytea", "date", "time", "time(2)", "timestamp", "timestamp(1)", "timestamptz", "interval", "uuid",
	"json", "jsonb", "oid", "regclass", "int[]", "text[]", "array<array<int>>", "map<text,numeric>", "map<int,jsonb>",
}

func fuzzType(i uint8) types.Type {
	if int(i) >= len(fuzzTypes) {
		return types.StructOf(types.Field{Name: "a", Type: types.Numeric},
			types.Field{Name: "b", Type: types.ArrayOf(types.Text)})
	}
	t, ok := types.ByName(fuzzTypes[i])
	if !ok {
		panic("BUG: " + fuzzTypes[i])
	}
	return t
}

// checkError fails for errors that bad input must not give.
func checkError(t *testing.T, err error) {
	t.Helper()
	if code := sqlerr.From(err).Code; strings.HasPrefix(string(code), "XX") {
		t.Fatalf("%s %v", code, err)
	}
}

// FuzzParse: what is read prints as text that reads as the same.
func FuzzParse(f *testing.F) {
	for i, name := range fuzzTypes {
		for _, l := range strings.Split(literals[name], "\n") {
			f.Add(uint8(i), l)
		}
	}
	f.Add(uint8(len(fuzzTypes)-3), "{{1,2},{3}}")
	f.Add(uint8(len(fuzzTypes)-2), `{"a":1.5}`)
	f.Add(uint8(len(fuzzTypes)), `(1,"{a,""b c""}")`)
	env := types.Env{Location: time.FixedZone("", -12600), Now: 1e15}
	f.Fuzz(func(t *testing.T, i uint8, s string) {
		typ := fuzzType(i % uint8(len(fuzzTypes)+1))
		v, err := types.Parse(typ, s, env)
		if err != nil {
			checkError(t, err)
			return
		}
		text := types.AppendText(nil, v, env)
		w, err := types.Parse(typ, string(text), env)
		if again := types.AppendText(nil, w, env); err != nil || string(again) != string(text) {
			t.Fatalf("%v: %q is %q, then %q, %v", typ, s, text, again, err)
		}
		back, err := types.ParseBinary(typ, types.AppendBinary(nil, v))
		if typ == fuzzType(uint8(len(fuzzTypes)-3)) {
			return // PostgreSQL's format cannot say what is no matrix
		}
		if got := types.AppendText(nil, back, env); err != nil || string(got) != string(text) {
			t.Fatalf("%v: %q through binary is %q, %v", typ, text, got, err)
		}
	})
}

// FuzzParseBinary: what is read prints as bytes that read as the same.
func FuzzParseBinary(f *testing.F) {
	for i, name := range fuzzTypes {
		typ := fuzzType(uint8(i))
		for _, l := range strings.Split(literals[name], "\n") {
			if v, err := types.Parse(typ, l, types.Env{}); err == nil {
				f.Add(uint8(i), types.AppendBinary(nil, v))
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		typ := fuzzType(i % uint8(len(fuzzTypes)+1))
		v, err := types.ParseBinary(typ, b)
		if err != nil {
			checkError(t, err)
			return
		}
		types.AppendText(nil, v, types.Env{})
		bin := types.AppendBinary(nil, v)
		w, err := types.ParseBinary(typ, bin)
		if again := types.AppendBinary(nil, w); err != nil || string(again) != string(bin) {
			t.Fatalf("%v: %x is %x, then %x, %v", typ, b, bin, again, err)
		}
	})
}

// FuzzByName: the name of a type finds the type.
func FuzzByName(f *testing.F) {
	for _, name := range fuzzTypes {
		f.Add(name)
	}
	f.Add("timestamp(3) with time zone[]")
	f.Add("pg_catalog.varchar(5) array")
	f.Fuzz(func(t *testing.T, s string) {
		typ, ok := types.ByName(s)
		if !ok {
			return
		}
		if back, ok := types.ByName(typ.String()); !ok || back.String() != typ.String() {
			t.Fatalf("%q is %v, which is %v, %t", s, typ, back, ok)
		}
	})
}

//go:build clients

package types_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/types"
)

// TestPostgresOrder compares the order of pairs of values.
func TestPostgresOrder(t *testing.T) {
	conn := connect(t, "UTC")
	samples := map[string][]string{
		"jsonb": {"null", `"a"`, `"b"`, `""`, "1", "1.0", "2", "-1", "true", "false", "[]", "[1]", "[1,2]", "[2]",
			"[[]]", "{}",
			`{"a":1}`, `{"a":2}`, `{"b":1}`, `{"aa":1}`, `{"a":1,"b":2}`, `{"a":[]}`, "[null]", `["a"]`, "[true]", "[{}]"},
		"interval": {"1 mon", "30 days", "31 days", "720 hours", "-1 mon", "1 year", "360 days", "12 mons", "0",
			"1 day -24:00:00",
			"178956970 years", "-178956970 years", "2147483647 days", "-2562047788 hours"},
		"int[]":  {"{}", "{1}", "{1,2}", "{2}", "{NULL}", "{1,NULL}", "{1,3}"},
		"float8": {"NaN", "Infinity", "-Infinity", "0", "-0", "1", "-1"},
		"numeric": {"NaN", "Infinity", "-Infinity", "0", "0.00", "1", "1.0", "-1", "1e20", "1e-20",
			"99999999999999999999.9"},
		"char(3)":   {"a", "a  ", "ab", "b", "", "abc"},
		"bytea":     {`\x`, `\x00`, `\x0000`, `\xff`, `\x01`},
		"timestamp": {"infinity", "-infinity", "epoch", "0044-03-15 BC", "2024-01-01"},
	}
	for name, texts := range samples {
		typ, _ := types.ByName(name)
		quoted := "'" + strings.Join(texts, "', '") + "'"
		sql := fmt.Sprintf(`SELECT a.n, b.n, CASE WHEN a.v::%[1]s < b.v::%[1]s THEN -1
			WHEN a.v::%[1]s = b.v::%[1]s THEN 0 ELSE 1 END
			FROM unnest(ARRAY[%[2]s]) WITH ORDINALITY a(v, n), unnest(ARRAY[%[2]s]) WITH ORDINALITY b(v, n)`, name, quoted)
		results, err := conn.Exec(context.Background(), sql).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range results[0].Rows {
			var i, j, want int
			if _, err := fmt.Sscan(string(bytes.Join(row, []byte(" "))), &i, &j, &want); err != nil {
				t.Fatal(err)
			}
			a, err1 := types.Parse(typ, texts[i-1], types.Env{})
			b, err2 := types.Parse(typ, texts[j-1], types.Env{})
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if got := types.Compare(a, b); got != want {
				t.Errorf("%s: %s and %s compare %d, want %d", name, texts[i-1], texts[j-1], got, want)
			}
		}
	}
}

// TestPostgresRecords compares the text and the binary form of records and of arrays of arrays.
func TestPostgresRecords(t *testing.T) {
	conn := connect(t, "UTC")
	rng := rand.New(rand.NewPCG(7, 8))
	sql := "SELECT ROW($1::text, $2::int, $1::text[]), ARRAY[ARRAY[$2::int, 1], ARRAY[2, NULL]]"
	sql = strings.Replace(sql, "$1::text[]", "ARRAY[$1::text, NULL]", 1)
	if _, err := conn.Prepare(context.Background(), "rec", sql, []uint32{25, 23}); err != nil {
		t.Fatal(err)
	}
	typ := types.StructOf(types.Field{Name: "f1", Type: types.Text}, types.Field{Name: "f2", Type: types.Int4},
		types.Field{Name: "f3", Type: types.ArrayOf(types.Text)})
	matrix := types.ArrayOf(types.ArrayOf(types.Int4))
	for range 200 {
		s, n := randomText(rng), rng.Int32N(2000)-1000
		args := [][]byte{[]byte(s), types.AppendInt(nil, int64(n))}
		text := conn.ExecPrepared(context.Background(), "rec", args, nil, []int16{0, 0}).Read()
		bin := conn.ExecPrepared(context.Background(), "rec", args, nil, []int16{1, 1}).Read()
		if text.Err != nil || bin.Err != nil {
			t.Fatal(text.Err, bin.Err)
		}
		for k, typ := range []types.Type{typ, matrix} {
			v, err := types.ParseBinary(typ, bin.Rows[0][k])
			if got := v.String(); err != nil || got != string(text.Rows[0][k]) {
				t.Errorf("%s, want %s (%v)", got, text.Rows[0][k], err)
			}
			if got := types.AppendBinary(nil, v); !bytes.Equal(got, bin.Rows[0][k]) {
				t.Errorf("%x, want %x", got, bin.Rows[0][k])
			}
			w, err := types.Parse(typ, string(text.Rows[0][k]), types.Env{})
			if err != nil || types.Compare(v, w) != 0 {
				t.Errorf("%s reads as %v, %v", text.Rows[0][k], w, err)
			}
		}
	}
}

// TestPostgresTypes compares identifiers, lengths and names.
func TestPostgresTypes(t *testing.T) {
	conn := connect(t, "UTC")
	for _, name := range []string{"bool", "int2", "int4", "int8", "float4", "float8", "numeric", "numeric(10,2)",
		"numeric(5,-2)", "text",
		"varchar", "varchar(7)", "char", "character(3)", "bpchar", "name", `"char"`, "bytea", "date", "time",
		"time(3)", "timestamp",
		"timestamp(0)", "timestamptz", "timestamp(3) with time zone", "interval", "interval(3)", "uuid", "json",
		"jsonb", "oid",
		"regclass", "regtype", "regproc", "regnamespace", "regrole", "double precision", "decimal(4)", "char varying(3)",
		"time without time zone", "float(10)", "float(30)", "integer[]", "text[]", "timestamptz[]", "_int4"} {
		typ, ok := types.ByName(name)
		if !ok {
			t.Errorf("no type %s", name)
			continue
		}
		r := conn.ExecParams(context.Background(), "SELECT NULL::"+name, nil, nil, nil, nil).Read()
		if r.Err != nil {
			t.Fatal(name, r.Err)
		}
		f := r.FieldDescriptions[0]
		if typ.OID() != f.DataTypeOID || typ.Len() != f.DataTypeSize || typ.PgMod() != f.TypeModifier {
			t.Errorf("%s: %d %d %d, want %d %d %d", name, typ.OID(), typ.Len(), typ.PgMod(),
				f.DataTypeOID, f.DataTypeSize, f.TypeModifier)
		}
		back, ok := types.FromOID(f.DataTypeOID, f.TypeModifier)
		if !ok || back != typ {
			t.Errorf("FromOID(%d, %d) is %v, want %v", f.DataTypeOID, f.TypeModifier, back, typ)
		}
		sql := fmt.Sprintf("SELECT format_type(%d, %d)", f.DataTypeOID, f.TypeModifier)
		res, err := conn.Exec(context.Background(), sql).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want := string(res[0].Rows[0][0])
		if want == "bpchar" {
			want = "character" // as in messages, where types go without modifiers
		}
		if typ.String() != want {
			t.Errorf("%s is named %s, want %s", name, typ, want)
		}
	}
}

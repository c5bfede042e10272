package format

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

func TestJSONValues(t *testing.T) {
	point := types.StructOf(types.Field{Name: "x", Type: types.Int4}, types.Field{Name: "why", Type: types.Text})
	for _, c := range []struct {
		typ  types.Type
		json string
		want string // after "error: " and the usual beginning when it starts with "!"
	}{
		{types.Int4, `66`, "66"}, {types.Int4, `-0`, "0"}, {types.Int4, `null`, "NULL"}, {types.Int4, `"12"`, "12"},
		{types.Int4, `1.0`, "1"}, {types.Int4, `1.5e1`, "15"}, {types.Int4, `2147483647`, "2147483647"},
		{types.Int4, `2147483648`, "!2147483648"}, {types.Int4, `1.9`, "!1.9"}, {types.Int4, `true`, "!true"},
		{types.Int4, `"abc"`, `!"abc"`}, {types.Int4, `[1]`, "![1]"}, {types.Int4, `1e99`, "!1e99"},
		{types.Int8, `-9223372036854775808`, "-9223372036854775808"},
		{types.Int8, `9223372036854775807`, "9223372036854775807"},
		{types.Int8, `9223372036854775808`, "!9223372036854775808"},
		{types.Int8, `123456789012345678`, "123456789012345678"}, {types.Int8, `1700000000000`, "1700000000000"},
		{types.Int2, `32768`, "!32768"},
		{types.Float8, `1.5`, "1.5"}, {types.Float8, `-0.0`, "-0"}, {types.Float8, `1e400`, "!1e400"},
		{types.Float8, `123456789.123456789123456789`, "123456789.12345679"}, {types.Float8, `"NaN"`, "NaN"},
		{types.Float8, `"-Infinity"`, "-Infinity"}, {types.Float8, `4.9E-324`, "5e-324"}, {types.Float8, `"x"`, `!"x"`},
		{types.Float4, `0.1`, "0.1"}, {types.Float4, `1e39`, "!1e39"},
		{types.Numeric, `1.50`, "1.50"}, {types.Numeric, `1e3`, "1000"}, {types.Numeric, `1.5e-3`, "0.0015"},
		{types.Numeric, `123456789012345678901234567890.5`, "123456789012345678901234567890.5"},
		{types.Numeric, `"2.50"`, "2.50"}, {types.Numeric, `"NaN"`, "NaN"}, {types.Numeric, `false`, "!false"},
		{types.Numeric, `0.00000000000000000000000000012`, "0.00000000000000000000000000012"},
		{types.NumericOf(5, 2), `1.5`, "1.50"}, {types.NumericOf(5, 2), `"1.500"`, "1.50"},
		{types.NumericOf(5, 2), `1.234`, "!1.234"}, {types.NumericOf(5, 2), `1234`, "!1234"},
		{types.NumericOf(5, 2), `1.23e2`, "123.00"}, {types.NumericOf(5, 2), `"0.001"`, `!"0.001"`},
		{types.NumericOf(30, 2), `123456789012345678901234567.8`, "123456789012345678901234567.80"},
		{types.Bool, `true`, "t"}, {types.Bool, `false`, "f"}, {types.Bool, `"true"`, "t"}, {types.Bool, `1`, "!1"},
		{types.Text, `"plain"`, "plain"}, {types.Text, `"a\"\\\/\b\f\n\r\tb"`, "a\"\\/\b\f\n\r\tb"},
		{types.Text, `"\u00e9\ud83d\ude00!"`, "é😀!"}, {types.Text, `1.50`, "1.50"}, {types.Text, `true`, "true"},
		{types.Text, `{"a": [1]}`, `{"a": [1]}`}, {types.Text, `""`, ""}, {types.Text, `[ ]`, "[ ]"},
		{types.Varchar.WithMod(7), `"abc"`, "abc"}, {types.Varchar.WithMod(7), `"abcd"`, `!"abcd"`},
		{types.Varchar.WithMod(7), `true`, `!true`}, {types.Varchar.WithMod(7), `12`, "12"},
		{types.Bytea, `"AAH/"`, `\x0001ff`}, {types.Bytea, `"\\x00ff"`, `\x00ff`}, {types.Bytea, `"!"`, `!"!"`},
		{types.Bytea, `5`, `!5`},
		{types.Date, `11323`, "2001-01-01"}, {types.Date, `"2001/01/01"`, "2001-01-01"}, {types.Date, `"x"`, `!"x"`},
		{types.Date, `99999999999`, "!99999999999"}, {types.Date, `"11323"`, "2001-01-01"},
		{types.Time, `2820000`, "00:47:00"}, {types.Time, `"00:47:05.25"`, "00:47:05.25"}, {types.Time, `-1`, "!-1"},
		{types.Timestamp, `978310020000`, "2001-01-01 00:47:00"},
		{types.Timestamp, `"2001/01/01 00:47"`, "2001-01-01 00:47:00"},
		{types.Timestamp, `"2001-01-01T00:47:00.123456"`, "2001-01-01 00:47:00.123456"},
		{types.Timestamp, `"infinity"`, "infinity"}, {types.Timestamp, `1.5`, "!1.5"},
		{types.Timestamp, `"2001/13/01 00:47"`, `!"2001/13/01 00:47"`},
		{types.Timestamp, `9223372036854775807`, "!9223372036854775807"},
		{types.Timestamp.WithMod(0), `978310020600`, "2001-01-01 00:47:01"},
		{types.TimestampTZ, `"2001-01-01T00:47:00+02:00"`, "2000-12-31 22:47:00+00"},
		{types.TimestampTZ, `978310020000`, "2001-01-01 00:47:00+00"},
		{types.IntervalType, `"1 day 02:03:04"`, "1 day 02:03:04"}, {types.IntervalType, `5`, "!5"},
		{types.UUID, `"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"`, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{types.JSON, `{"a": [1, "x"]}`, `{"a": [1, "x"]}`}, {types.JSON, `"x"`, `"x"`}, {types.JSON, `1.0`, `1.0`},
		{types.JSONB, `{"b":1,"a":true}`, `{"a": true, "b": 1}`},
		{types.ArrayOf(types.Int4), `[1, null ,3]`, "{1,NULL,3}"}, {types.ArrayOf(types.Int4), `[ ]`, "{}"},
		{types.ArrayOf(types.ArrayOf(types.Int4)), `[[1],[2]]`, "{{1},{2}}"},
		{types.ArrayOf(types.Int4), `{"a":1}`, `!{"a":1}`}, {types.ArrayOf(types.Int4), `"x"`, `!"x"`},
		{point, `{"why":"b", "x":1, "z":{}}`, "(1,b)"}, {point, `{}`, "(,)"}, {point, `[1]`, "![1]"},
		{types.MapOf(types.Text, types.Int4), `{"a":1,"b":null}`, `{"a": 1, "b": null}`},
		{types.MapOf(types.Text, types.Int4), `{"a":1,"b":2,"a":3}`, `{"b": 2, "a": 3}`},
		{types.MapOf(types.Text, types.Int4), `{}`, `{}`}, {types.MapOf(types.Text, types.Int4), `[]`, `![]`},
	} {
		want := c.want
		if strings.HasPrefix(want, "!") {
			want = fmt.Sprintf("error: cannot read field \"v\" as %s: %s", c.typ, want[1:])
		}
		got := decode(t, JSON, one(c.typ), Options{}, `{"v":`+c.json+`}`)[0]
		check(t, c.typ.String()+" "+c.json, got, want)
		bare := decode(t, JSON, one(c.typ), Options{Unwrapped: true}, " "+c.json+" ")[0]
		check(t, "bare "+c.typ.String()+" "+c.json, bare, strings.Replace(want, `field "v"`, "the value", 1))
	}
}

func TestJSONErrors(t *testing.T) {
	point := types.StructOf(types.Field{Name: "x", Type: types.ArrayOf(types.Int4)})
	s := Schema{
		Names: []string{"delay", "origin", "at", "tags"},
		Types: []types.Type{types.Int4, types.Text, types.ArrayOf(point), types.MapOf(types.Text, types.Int4)},
	}
	for record, want := range map[string]string{
		``:                                 "invalid JSON: it ends too early, at byte 0",
		`{"delay":66`:                      "invalid JSON: it ends too early, at byte 11",
		`{"delay":66,}`:                    `invalid JSON at byte 12: "}" is not expected`,
		`{"delay":66} x`:                   `invalid JSON at byte 13: "x" is not expected`,
		`{"delay":066}`:                    `invalid JSON at byte 10: "6" is not expected`,
		`{"delay":+6}`:                     `invalid JSON at byte 9: "+" is not expected`,
		`{"delay":1.}`:                     `invalid JSON at byte 11: "}" is not expected`,
		`{"delay":tru}`:                    `invalid JSON at byte 12: "}" is not expected`,
		`{"x":tru}`:                        `invalid JSON at byte 8: "}" is not expected`,
		"{\"origin\":\"a\nb\"}":            `invalid JSON at byte 12: '\n' is not expected`,
		"{\"origin\":\"a\xff\"}":           "invalid JSON at byte 12: the bytes are not UTF-8",
		"{\"x\":\"a\xc3\"}":                "invalid JSON at byte 7: the bytes are not UTF-8",
		`{"origin":"\x"}`:                  `invalid JSON at byte 12: "x" is not expected`,
		`{"origin":"\ud800"}`:              "invalid JSON at byte 11: the escape stands for no character that text can hold",
		`{"origin":"a\u0000"}`:             "invalid JSON at byte 12: the escape stands for no character that text can hold",
		`{"origin" "a"}`:                   `invalid JSON at byte 10: "\"" is not expected`,
		`{delay:1}`:                        `invalid JSON at byte 1: "d" is not expected`,
		`{"delay":ä}`:                      `invalid JSON at byte 9: "ä" is not expected`,
		`[1,2]`:                            "the record is not a JSON object: [1,2]",
		`null`:                             "the record is not a JSON object: null",
		`"x"`:                              `the record is not a JSON object: "x"`,
		`hello`:                            `invalid JSON at byte 0: "h" is not expected`,
		`{"delay":"abc"}`:                  `cannot read field "delay" as integer: "abc"`,
		`{"at":[{"x":[1]},{"x":[1,"y"]}]}`: `cannot read field "at[2].x[2]" as integer: "y"`,
		`{"tags":{"a":1,"b":[]}}`:          `cannot read field "tags.b" as integer: []`,
		`{"delay":"` + strings.Repeat("é", 40) + `"}`: `cannot read field "delay" as integer: "` +
			strings.Repeat("é", 29) + "…",
		strings.Repeat(`{"x":`, 1001) + "1" + strings.Repeat("}", 1001): "invalid JSON: nested more than 1000 levels deep",
	} {
		check(t, record, decode(t, JSON, s, Options{}, record)[0], "error: "+want)
	}
}

func TestJSONMembers(t *testing.T) {
	s := Schema{Names: []string{"a", "Big", "c"}, Types: []types.Type{types.Int4, types.Text, types.ArrayOf(types.Int4)}}
	records := []struct{ json, want string }{
		{`{"a":1,"Big":"x","c":[1]}`, "1|x|{1}"},
		{` { "a" : 1 , "Big" : "x" , "c" : [ 1 ] } `, "1|x|{1}"},
		{`{"c":[1],"Big":"x","a":1}`, "1|x|{1}"},
		{`{}`, "NULL|NULL|NULL"},
		{`{ }`, "NULL|NULL|NULL"},
		{`{"other":{"a":2},"a":1}`, "1|NULL|NULL"},
		{`{"A":1,"BIG":"y","C":[2,3]}`, "1|y|{2,3}"}, // another case will do
		{`{"A":1,"a":2}`, "2|NULL|NULL"},             // but the exact name goes first
		{`{"a":2,"A":1}`, "2|NULL|NULL"},
		{`{"a":1,"a":2,"c":[1],"c":[2,3]}`, "2|NULL|{2,3}"}, // the last of the same name counts
		{`{"a":1,"a":null}`, "NULL|NULL|NULL"},
		{`{"\u0061":7,"B\u0069g":"z"}`, "7|z|NULL"},
		{`{"a":1,"":0,"Bıg":"dotless","ÄÖ":1}`, "1|NULL|NULL"},
		{`{"a\u0000":1,"\ud800":2,"a":3}`, "3|NULL|NULL"},
	}
	var in, want []string
	for range 2 { // the second time the order of names is remembered
		for _, r := range records {
			in, want = append(in, r.json), append(want, r.want)
		}
	}
	for i, got := range decode(t, JSON, s, Options{}, in...) {
		check(t, in[i], got, want[i])
	}
}

// Names that are no columns are remembered, but not without bound.
func TestJSONManyNames(t *testing.T) {
	var in []string
	for i := range 2 * maxUnknownKeys {
		in = append(in, fmt.Sprintf(`{"k%d":%d,"V":%d,"other%d":1}`, i, i, i, i))
	}
	for i, got := range decode(t, JSON, one(types.Int4), Options{}, in...) {
		check(t, in[i], got, fmt.Sprint(i))
	}
}

func TestJSONEncode(t *testing.T) {
	for _, c := range []struct {
		typ        types.Type
		text, want string
	}{
		{types.Int8, "-5", "-5"}, {types.Bool, "t", "true"}, {types.Text, "a\"\\\n\x01é\u007f", `"a\"\\\n\u0001é` + "\u007f\""},
		{types.Float8, "1", "1.0"}, {types.Float8, "1e10", "1.0E10"}, {types.Float8, "12345678.9", "1.23456789E7"},
		{types.Float8, "1234567.5", "1234567.5"}, {types.Float8, "0.001", "0.001"}, {types.Float8, "-0.0001", "-1.0E-4"},
		{types.Float8, "NaN", `"NaN"`}, {types.Float8, "-Infinity", `"-Infinity"`}, {types.Float8, "-0", "-0.0"},
		{types.Float4, "0.1", "0.1"}, {types.Float8, "4.9e-324", "4.9E-324"},
		{types.NumericOf(10, 4), "10", "10.0000"}, {types.Numeric, "NaN", `"NaN"`}, {types.Numeric, "1e30", "1" + strings.Repeat("0", 30)},
		{types.Bytea, `\x0001ff`, `"AAH/"`}, {types.Date, "2001-01-01", "11323"}, {types.Date, "infinity", `"infinity"`},
		{types.Time, "00:47:00", "2820000"}, {types.Time, "00:00:00.000001", `"00:00:00.000001"`},
		{types.Timestamp, "2001-01-01 00:47:00", "978310020000"},
		{types.Timestamp, "2001-01-01 00:47:00.000001", `"2001-01-01T00:47:00.000001"`},
		{types.TimestampTZ, "2001-01-01 00:47:00.000001+00", `"2001-01-01T00:47:00.000001+00"`},
		{types.Timestamp, "0044-03-15 12:00:00.000001 BC", `"0044-03-15 12:00:00.000001 BC"`},
		{types.IntervalType, "1 day", `"1 day"`}, {types.JSON, `{"a": 1}`, `{"a": 1}`},
		{types.ArrayOf(types.Text), `{a,NULL,"b c"}`, `["a",null,"b c"]`}, {types.ArrayOf(types.Text), `{}`, `[]`},
	} {
		col := vec.NewColumn(c.typ)
		if err := col.ParseAppend([]byte(c.text), types.Env{}); err != nil {
			t.Fatal(c.text, err)
		}
		e, err := NewEncoder(JSON, one(c.typ), Options{})
		if err != nil {
			t.Fatal(err)
		}
		cols := []*vec.Column{col}
		check(t, c.text, string(e.AppendRecord(nil, cols, 0)), `{"v":`+c.want+"}")
		col.Const = true
		check(t, "constant "+c.text, string(e.AppendRecord(nil, cols, 3)), `{"v":`+c.want+"}")
	}
}

// A record is good exactly when encoding/json finds it valid, it is UTF-8 and an object; a bad one leaves no trace.
func FuzzJSONDecode(f *testing.F) {
	for _, seed := range []string{
		`{"delay":66,"origin":"DTW","x":[1,{"y":null}]}`, `{"a":1e5,"A":-0.5,"t":"2001/01/01 00:47"}`, `{"m":{"a":"\ud83d\ude00"}}`,
		`{"s":{"x":1,"x":[2]},"l":[[1],[]]}`, ` { "delay" : "12" } `, `{"a":1]`, "{\"origin\":\"\x01\"}",
	} {
		f.Add([]byte(seed))
	}
	s := Schema{Names: []string{"delay", "origin", "a", "t", "m", "s", "l"}, Types: []types.Type{
		types.Int4, types.Text, types.Numeric, types.Timestamp, types.MapOf(types.Text, types.Text),
		types.StructOf(types.Field{Name: "x", Type: types.ArrayOf(types.Float8)}), types.ArrayOf(types.ArrayOf(types.Int8)),
	}}
	f.Fuzz(func(t *testing.T, record []byte) {
		d, _ := NewDecoder(JSON, s, Options{})
		var object map[string]json.RawMessage
		valid := utf8.Valid(record) && json.Unmarshal(record, &object) == nil && object != nil
		for range 2 {
			good := true
			d.Decode([][]byte{record}, make([]*vec.Column, len(s.Names)), func(int, error) { good = false })
			if good != valid {
				t.Fatalf("%q: good is %v", record, good)
			}
		}
		stable(t, JSON, s, Options{}, record)
	})
}

// stable checks that what is decoded from a record survives encoding and decoding.
func stable(t *testing.T, name string, s Schema, o Options, record []byte) {
	t.Helper()
	d, _ := NewDecoder(name, s, o)
	e, _ := NewEncoder(name, s, o)
	cols := newColumns(s)
	d.Decode([][]byte{record}, cols, func(int, error) {})
	n := cols[0].Len()
	for _, c := range cols {
		if c.Len() != n || n > 1 {
			t.Fatalf("%q: columns of %d and %d rows", record, n, c.Len())
		}
	}
	if n == 0 {
		return
	}
	again := newColumns(s)
	first := e.AppendRecord(nil, cols, 0)
	d.Decode([][]byte{first}, again, func(_ int, err error) { t.Fatalf("%q became %q: %v", record, first, err) })
	if got, want := rowText(again, 0), rowText(cols, 0); got != want {
		t.Fatalf("%q became %q: %s, not %s", record, first, got, want)
	}
	if second := e.AppendRecord(nil, again, 0); string(second) != string(first) {
		t.Fatalf("%q became %q, then %q", record, first, second)
	}
}

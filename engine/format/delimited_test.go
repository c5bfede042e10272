package format

import (
	"testing"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

func TestDelimited(t *testing.T) {
	s := Schema{
		Names: []string{"id", "name", "at", "price", "raw"},
		Types: []types.Type{types.Int4, types.Text, types.Timestamp, types.NumericOf(6, 2), types.Bytea},
	}
	for record, want := range map[string]string{
		`1,foo,0,1.50,AAH/`:          `1|foo|1970-01-01 00:00:00|1.50|\x0001ff`,
		`1,foo,0,1.50,AAH/` + "\r\n": `1|foo|1970-01-01 00:00:00|1.50|\x0001ff`,
		`"1","a ""b"", c",,,`:        `1|a "b", c|NULL|NULL|NULL`,
		`,"",2001/01/01 00:47,1,""`:  `NULL||2001-01-01 00:47:00|1.00|\x`,
		`"",x,,,`:                    `NULL|x|NULL|NULL|NULL`,
		`1, a ,,,`:                   `1| a |NULL|NULL|NULL`,
		"1,\"a\nb\",,,":              "1|a\nb|NULL|NULL|NULL",
		`x,foo,0,1.50,`:              `error: cannot read field "id" as integer: x`,
		`1,foo,later,1.50,`:          `error: cannot read field "at" as timestamp without time zone: later`,
		`1,foo,0,12345,`:             `error: cannot read field "price" as numeric(6,2): 12345`,
		`1,foo,0,1.501,`:             `error: cannot read field "price" as numeric(6,2): 1.501`,
		`1,foo,0,1,abc`:              `error: cannot read field "raw" as bytea: abc`,
		`1,foo,0,1.50`:               "error: the record has 4 fields, not 5",
		`1,foo,0,1.50,,`:             "error: the record has 6 fields, not 5",
		``:                           "error: the record has 1 fields, not 5",
		`1,"foo,0,1.50,`:             "error: the quote at byte 2 is not closed",
		`1,"foo"x,0,1.50,`:           "error: byte 7: a quoted field ends before the delimiter",
		"1,a\xff,0,1.50,":            `error: invalid byte sequence for encoding "UTF8": 0xff`,
		"1,a\x00,0,1.50,":            `error: invalid byte sequence for encoding "UTF8": 0x00`,
	} {
		check(t, record, decode(t, Delimited, s, Options{}, record)[0], want)
	}
}

func TestDelimitedDelimiters(t *testing.T) {
	s := Schema{Names: []string{"a", "b"}, Types: []types.Type{types.Text, types.Int4}}
	for d, record := range map[byte]string{'\t': "x,y\t5", ' ': `"x y" 5`, '|': "x|5", '$': `"$"$5`} {
		got := decode(t, Delimited, s, Options{Delimiter: d}, record)[0]
		want := map[byte]string{'\t': "x,y|5", ' ': "x y|5", '|': "x|5", '$': "$|5"}[d]
		check(t, record, got, want)
		cols := newColumns(s)
		dec, _ := NewDecoder(Delimited, s, Options{Delimiter: d})
		dec.Decode([][]byte{[]byte(record)}, cols, func(_ int, err error) { t.Error(err) })
		e, _ := NewEncoder(Delimited, s, Options{Delimiter: d})
		check(t, "encoded", string(e.AppendRecord(nil, cols, 0)), record)
	}
}

// What is put in quotes is what Apache Commons CSV 1.4 puts there.
func TestDelimitedEncode(t *testing.T) {
	s := Schema{Names: []string{"a", "b", "c"}, Types: []types.Type{types.Text, types.Text, types.Float8}}
	for _, c := range []struct {
		a, b *string
		c    float64
		want string
	}{
		{ptr("x"), ptr("y"), 1, "x,y,1.0"},
		{nil, ptr(""), 1e10, `,"",1.0E10`},
		{ptr("-5"), ptr("-5"), -5, `"-5",-5,-5.0`},
		{ptr("!"), ptr("!"), 0.5, `"!","!",0.5`},
		{ptr("x "), ptr("y "), 0.5, `"x ","y ",0.5`},
		{ptr("a,b"), ptr(`a"b`), 0.5, `"a,b","a""b",0.5`},
		{ptr("é"), ptr("é"), 0.5, `"é",é,0.5`},
		{ptr("a\nb"), nil, 0.5, "\"a\nb\",,0.5"},
	} {
		cols := newColumns(s)
		for k, v := range []*string{c.a, c.b} {
			if v == nil {
				cols[k].AppendNull()
			} else {
				cols[k].AppendString(*v)
			}
		}
		cols[2].AppendFloat(c.c)
		e, _ := NewEncoder(Delimited, s, Options{})
		out, ends := e.AppendRecords(nil, nil, cols, 0, 1)
		check(t, "record", string(out), c.want)
		if len(ends) != 1 || ends[0] != len(out) {
			t.Error(ends)
		}
	}
}

func ptr(s string) *string { return &s }

func TestKafka(t *testing.T) {
	for _, c := range []struct {
		typ          types.Type
		record, want string
	}{
		{types.Int2, "\xff\xfe", "-2"}, {types.Int4, "\xff\xff\xff\xfe", "-2"},
		{types.Int8, "\x00\x00\x00\x00\x00\x00\x01\x00", "256"}, {types.Float4, "\x3f\xc0\x00\x00", "1.5"},
		{types.Float8, "\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5"}, {types.Text, "é", "é"}, {types.Text, "", ""},
		{types.Bytea, "\x00\xff", `\x00ff`}, {types.Varchar.WithMod(6), "ab", "ab"},
		{types.Int4, "abc", `error: cannot read field "v" as integer: it has 3 bytes, not 4`},
		{types.Text, "a\xff", "error: cannot read field \"v\" as text: a\xff"},
		{types.Varchar.WithMod(6), "abc", `error: cannot read field "v" as character varying(2): abc`},
	} {
		got := decode(t, Kafka, one(c.typ), Options{}, c.record)[0]
		check(t, c.typ.String(), got, c.want)
	}
	e, _ := NewEncoder(Kafka, one(types.Int4), Options{})
	null := vec.ConstColumn(types.NullOf(types.Int4))
	if out := e.AppendRecord(nil, []*vec.Column{null}, 5); len(out) != 0 {
		t.Errorf("NULL has bytes: %q", out)
	}
}

func FuzzDelimited(f *testing.F) {
	f.Add("1,foo,0,1.50,AAH/", byte(','))
	f.Add("\"a \"\"b\"\"\"\tx\t\"\"\t\t1", byte('\t'))
	s := Schema{
		Names: []string{"id", "name", "at", "price", "raw"},
		Types: []types.Type{types.Int4, types.Text, types.Timestamp, types.Float8, types.Bytea},
	}
	f.Fuzz(func(t *testing.T, record string, delimiter byte) {
		o := Options{Delimiter: delimiter}
		if Check(Delimited, s, o) == nil {
			stable(t, Delimited, s, o, []byte(record))
		}
	})
}

func FuzzKafka(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, typ := range []types.Type{types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Text, types.Bytea} {
			stable(t, Kafka, one(typ), Options{}, record)
		}
	})
}

package format

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// one returns the schema of a single column v.
func one(t types.Type) Schema { return Schema{Names: []string{"v"}, Types: []types.Type{t}} }

// decode reads records and returns what each became: the row's columns as text, separated by |, or its error.
func decode(t testing.TB, name string, s Schema, o Options, records ...string) []string {
	t.Helper()
	d, err := NewDecoder(name, s, o)
	if err != nil {
		t.Fatal(err)
	}
	cols := newColumns(s)
	var values [][]byte
	for _, r := range records {
		values = append(values, []byte(r))
	}
	out := make([]string, len(records))
	d.Decode(values, cols, func(i int, err error) {
		if _, ok := err.(*sqlerr.Error); !ok {
			t.Errorf("record %d: %T is no *sqlerr.Error", i, err)
		}
		out[i] = "error: " + err.Error()
	})
	row := 0
	for i := range out {
		if out[i] != "" {
			continue
		}
		out[i] = rowText(cols, row)
		row++
	}
	for k, c := range cols {
		if c.Len() != row {
			t.Errorf("column %d has %d rows, not %d", k, c.Len(), row)
		}
	}
	return out
}

func rowText(cols []*vec.Column, row int) string {
	var fields []string
	for _, c := range cols {
		if c.IsNull(row) {
			fields = append(fields, "NULL")
			continue
		}
		fields = append(fields, string(c.AppendText(nil, row, types.Env{})))
	}
	return strings.Join(fields, "|")
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

func TestUnknownFormatAndTypes(t *testing.T) {
	nested := types.ArrayOf(types.Int4)
	for _, c := range []struct {
		name   string
		schema Schema
		o      Options
		want   string
	}{
		{"XML", one(types.Text), Options{}, `unknown format "XML" (Known formats are DELIMITED, JSON, KAFKA, NONE.)`},
		{"json", one(types.MapOf(types.Int4, types.Text)), Options{}, "keys of maps must be text, not integer"},
		{"json", one(types.ArrayOf(types.Void)), Options{}, "no format can hold type void"},
		{"json", flightSchema, Options{Unwrapped: true}, "a bare JSON value holds one column, not 5"},
		{"delimited", one(nested), Options{}, "format DELIMITED does not support type integer[]"},
		{"delimited", one(types.Text), Options{Delimiter: '"'}, "\"\\\"\" is no delimiter"},
		{"kafka", one(types.Bool), Options{}, "format KAFKA does not support type boolean"},
		{"kafka", flightSchema, Options{}, "format KAFKA holds one column, not 5 (Use JSON or DELIMITED.)"},
		{"none", one(types.Int4), Options{}, "format NONE holds no columns"},
		{"none", Schema{}, Options{}, "<nil>"},
	} {
		_, err := NewDecoder(c.name, c.schema, c.o)
		if !strings.HasPrefix(fmt.Sprint(err), c.want) {
			t.Errorf("%s %v: got %v, want %s", c.name, c.schema.Types, err, c.want)
		}
		if _, err := NewEncoder(c.name, c.schema, c.o); !strings.HasPrefix(fmt.Sprint(err), c.want) {
			t.Errorf("%s %v: got %v, want %s", c.name, c.schema.Types, err, c.want)
		}
	}
}

func TestParseDelimiter(t *testing.T) {
	for s, want := range map[string]byte{",": ',', "TAB": '\t', "tab": '\t', "Space": ' ', "|": '|', "$": '$'} {
		if got, err := ParseDelimiter(s); err != nil || got != want {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "ab", "\"", "\n", "ä"} {
		if got, err := ParseDelimiter(s); err == nil {
			t.Errorf("%q: got %q", s, got)
		}
	}
}

// Decoders append: columns that hold rows already keep them, whatever comes.
func TestDecodeAppends(t *testing.T) {
	cols := newColumns(flightSchema)
	cols[0], cols[2] = nil, nil // not wanted
	d, err := NewDecoder(JSON, flightSchema, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var bad []int
	note := func(i int, _ error) { bad = append(bad, i) }
	d.Decode([][]byte{[]byte(`{"delay":1,"origin":"A","destination":"B"}`)}, cols, note)
	d.Decode([][]byte{[]byte(`{"delay":2,"origin":"C","destination":"D"`), []byte(`{"origin":"E","date":[1,{}]}`)}, cols, note)
	check(t, "bad", fmt.Sprint(bad), "[0]")
	for row, want := range []string{"1|A|B", "NULL|E|NULL"} {
		check(t, "row", rowText([]*vec.Column{cols[1], cols[3], cols[4]}, row), want)
	}
}

func TestNone(t *testing.T) {
	d, err := NewDecoder(None, Schema{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.Decode([][]byte{[]byte("anything")}, nil, func(i int, err error) { t.Error(err) })
	e, _ := NewEncoder(None, Schema{}, Options{})
	if out, ends := e.AppendRecords(nil, nil, nil, 0, 2); len(out) != 0 || len(ends) != 2 {
		t.Error(out, ends)
	}
}

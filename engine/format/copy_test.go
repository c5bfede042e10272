package format

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

var copySchema = Schema{
	Names: []string{"id", "name", "at"},
	Types: []types.Type{types.Int4, types.Text, types.Timestamp},
}

// copyOptions reads "csv header delimiter=; null=nil quote='".
func copyOptions(t *testing.T, text string) CopyOptions {
	words := strings.Fields(text)
	o := CopyOptions{Format: words[0]}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "header":
			o.Header, o.Match = true, value == "match"
		case "delimiter":
			o.Delimiter = value[0]
		case "null":
			o.Null = &value
		case "quote":
			o.Quote = value[0]
		case "escape":
			o.Escape = value[0]
		default:
			t.Fatalf("unknown option %q", w)
		}
	}
	return o
}

// readAll feeds a stream in chunks of n bytes and prints what came out.
func readAll(o CopyOptions, stream []byte, n int) string {
	r, err := NewCopyReader("flights", copySchema, o)
	if err != nil {
		return describe(err)
	}
	cols := newColumns(copySchema)
	var lines []int
	chunk := make([]byte, n)
	for len(stream) > 0 && err == nil {
		k := copy(chunk, stream) // the same memory each time, as a connection has it
		lines, err = r.Write(chunk[:k], cols, lines)
		stream = stream[k:]
	}
	if err == nil {
		lines, err = r.Close(cols, lines)
	}
	var out strings.Builder
	for row, line := range lines {
		fmt.Fprintf(&out, "%d: %q\n", line, rowText(cols, row))
	}
	if err != nil {
		out.WriteString(describe(err))
	}
	return out.String()
}

func describe(err error) string {
	e := sqlerr.From(err)
	out := fmt.Sprintf("ERROR %s: %s\n", e.Code, e.Message)
	if e.Hint != "" {
		out += "HINT: " + e.Hint + "\n"
	}
	if e.Where != "" {
		out += "CONTEXT: " + e.Where + "\n"
	}
	return out
}

// The first line of a case holds the options, the others are the stream.
func TestCopyReader(t *testing.T) {
	golden.Run(t, "./testdata/copy.txt", func(t *testing.T, c *golden.Case) string {
		first, stream, _ := strings.Cut(c.Input, "\n")
		o := copyOptions(t, first)
		if stream != "" {
			stream += "\n"
		}
		in := []byte(stream)
		want := readAll(o, in, max(len(in), 1))
		for _, n := range []int{1, 2, 3, 7} {
			check(t, fmt.Sprintf("chunks of %d", n), readAll(o, in, n), want)
		}
		if stream != "" && !strings.Contains(want, "unterminated") {
			check(t, "without the last line end", readAll(o, in[:len(in)-1], len(in)), want)
		}
		crlf := bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n"))
		if !strings.Contains(stream, `"`) && !strings.Contains(stream, "\\\n") {
			check(t, "with carriage returns", readAll(o, crlf, 5), want)
		}
		return want
	})
}

func TestCopyOptions(t *testing.T) {
	for _, c := range []struct {
		o    CopyOptions
		want string
	}{
		{CopyOptions{Format: "xml"}, `COPY format "xml" not recognized`},
		{CopyOptions{Delimiter: 'a'}, `COPY delimiter cannot be "a"`},
		{CopyOptions{Delimiter: '\n'}, "COPY delimiter cannot be newline or carriage return"},
		{CopyOptions{Delimiter: 0xe9}, "COPY delimiter must be a single one-byte character"},
		{CopyOptions{Null: ptr("a\n")}, "COPY null representation cannot use newline or carriage return"},
		{CopyOptions{Null: ptr("a\tb")}, "COPY delimiter must not appear in the NULL specification"},
		{CopyOptions{Quote: '"'}, "COPY quote available only in CSV mode"},
		{CopyOptions{Escape: '"'}, "COPY escape available only in CSV mode"},
		{CopyOptions{Format: CopyCSV, Quote: ','}, "COPY delimiter and quote must be different"},
		{CopyOptions{Format: CopyCSV, Quote: 0xff}, "COPY quote must be a single one-byte character"},
		{CopyOptions{Format: CopyCSV, Escape: '\n'}, "COPY escape must be a single one-byte character"},
		{CopyOptions{Format: CopyCSV, Null: ptr(`"`)}, "CSV quote character must not appear in the NULL specification"},
		{CopyOptions{Format: CopyJSON, Header: true}, "COPY format json takes no further options"},
		{CopyOptions{Format: "CSV", Header: true}, "<nil>"},
	} {
		if _, err := NewCopyWriter(copySchema, c.o); fmt.Sprint(err) != c.want {
			t.Errorf("%+v: got %v, want %s", c.o, err, c.want)
		}
	}
	if _, err := NewCopyReader("r", copySchema, CopyOptions{Format: CopyJSON}); err == nil {
		t.Error("json has a column reader")
	}
}

func TestCopyWriter(t *testing.T) {
	cols := newColumns(copySchema)
	for _, row := range []string{`{"id":1,"name":"a\tb\\ \"c\", d","at":0}`, `{}`, `{"name":""}`, `{"name":"\\N"}`} {
		d, _ := NewDecoder(JSON, copySchema, Options{})
		d.Decode([][]byte{[]byte(row)}, cols, func(_ int, err error) { t.Fatal(err) })
	}
	for _, c := range []struct {
		o    CopyOptions
		want string
	}{
		{CopyOptions{}, "1\ta\\tb\\\\ \"c\", d\t1970-01-01 00:00:00\n\\N\t\\N\t\\N\n\\N\t\t\\N\n\\N\t\\\\N\t\\N\n"},
		{CopyOptions{Format: CopyCSV, Header: true},
			"id,name,at\n1,\"a\tb\\ \"\"c\"\", d\",1970-01-01 00:00:00\n,,\n,\"\",\n,\\N,\n"},
		{CopyOptions{Format: CopyJSON}, `{"id":1,"name":"a\tb\\ \"c\", d","at":0}` + "\n" +
			`{"id":null,"name":null,"at":null}` + "\n" + `{"id":null,"name":"","at":null}` + "\n" +
			`{"id":null,"name":"\\N","at":null}` + "\n"},
	} {
		w, err := NewCopyWriter(copySchema, c.o)
		if err != nil {
			t.Fatal(err)
		}
		out := w.AppendHeader(nil)
		for i := range cols[0].Len() {
			out = w.AppendRow(out, cols, i)
		}
		check(t, c.o.Format, string(out), c.want)
	}
}

// splitAll feeds a stream in chunks of n bytes and prints the values with their lines.
func splitAll(stream string, n int) string {
	s := NewJSONSplitter("flights")
	var out strings.Builder
	var values [][]byte
	var lines []int
	var err error
	note := func() {
		for i, v := range values {
			fmt.Fprintf(&out, "%d: %s\n", lines[i], v)
		}
	}
	chunk := make([]byte, n)
	for len(stream) > 0 && err == nil {
		k := copy(chunk, stream)
		values, lines, err = s.Write(chunk[:k], values[:0], lines[:0])
		note()
		stream = stream[k:]
	}
	if err == nil {
		values, lines, err = s.Close(values[:0], lines[:0])
		note()
	}
	if err != nil {
		out.WriteString(describe(err))
	}
	return out.String()
}

func TestJSONSplitter(t *testing.T) {
	for _, c := range []struct{ stream, want string }{
		{"", ""},
		{" \n\n", ""},
		{"{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", "1: {\"a\":1}\n2: {\"a\":2}\n4: {\"a\":3}\n"},
		{`{"a":"}"}{"b":"\"{"} {"c":{}}`, "1: {\"a\":\"}\"}\n1: {\"b\":\"\\\"{\"}\n1: {\"c\":{}}\n"},
		{"{\n \"a\": {\"b\":1}\n,\"c\":[\n2]}\n{}", "1: {\n \"a\": {\"b\":1}\n,\"c\":[\n2]}\n5: {}\n"},
		{"{\"a\": {\"b\":1}\n,\"c\":2}\n{}", "1: {\"a\": {\"b\":1}\n,\"c\":2}\n3: {}\n"},
		{"[{\"a\":1}, {\"a\":2},\n{\"a\":[3]}\n]\n{\"b\":1}\n[]", "1: {\"a\":1}\n1: {\"a\":2}\n2: {\"a\":[3]}\n4: {\"b\":1}\n"},
		{"[[1,2], 3, \"x,]\"]", "1: [1,2]\n1: 3\n1: \"x,]\"\n"},
		{"garbage, more\n{\"a\":1}\n}\n", "1: garbage,\n1: more\n2: {\"a\":1}\n3: }\n"},
		{"{\"a\":1}\n{\"a\":", "1: {\"a\":1}\n2: {\"a\":\n"},
		{"{\"a\": {\"b\":1}\n{\"a\":2}\n", "1: {\"a\": {\"b\":1}\n2: {\"a\":2}\n"}, // a faulty line stays alone
		{"{\"a\": \"b}\n{\"a\":2}\n{a\":\\\n{}", "1: {\"a\": \"b}\n2: {\"a\":2}\n3: {a\":\\\n4: {}\n"},
		{"[{}\n{}]", "1: {}\nERROR 22P04: a comma is missing in the JSON array\nCONTEXT: COPY flights, line 2\n"},
		{"\n[{},", "2: {}\nERROR 22P04: the JSON array is not closed\nCONTEXT: COPY flights, line 2\n"},
		{"\"a b\\\" c\" 12 true", "1: \"a b\\\" c\"\n1: 12\n1: true\n"},
	} {
		for _, n := range []int{1, 2, 3, 5, 1000} {
			check(t, fmt.Sprintf("%q in chunks of %d", c.stream, n), splitAll(c.stream, n), c.want)
		}
	}
}

func TestCopyRecordTooLong(t *testing.T) {
	chunk := bytes.Repeat([]byte{'['}, 1<<20)
	s := NewJSONSplitter("r")
	r, _ := NewCopyReader("r", copySchema, CopyOptions{})
	var err1, err2 error
	for range maxCopyRecord>>20 + 2 {
		if err1 == nil {
			_, _, err1 = s.Write(chunk, nil, nil)
		}
		if err2 == nil {
			_, err2 = r.Write(chunk, newColumns(copySchema), nil)
		}
	}
	for _, err := range []error{err1, err2} {
		if sqlerr.From(err) == nil || sqlerr.From(err).Code != sqlerr.ProgramLimitExceeded {
			t.Errorf("got %v", err)
		}
	}
}

// The reader takes any stream, and how it is cut into chunks changes nothing.
func FuzzCopyReader(f *testing.F) {
	f.Add("1\ta\\tb\t2001/01/01 00:47\n\\N\t\\N\t\\N\n\\.\n", 3, byte(0), byte(0), byte(0))
	f.Add("1,\"a\n\"\"b\",\n,,\n", 2, byte(1), byte(0), byte(0))
	f.Add("1;'a\\'b';\n", 2, byte(1), byte(';'), byte('\\'))
	f.Fuzz(func(t *testing.T, stream string, n int, format, delimiter, escape byte) {
		o := CopyOptions{Format: CopyText, Delimiter: delimiter}
		if format%2 == 1 {
			o = CopyOptions{Format: CopyCSV, Delimiter: delimiter, Escape: escape}
		}
		n = 1 + max(n, -n, 0)%64
		whole := readAll(o, []byte(stream), max(len(stream), 1))
		if got := readAll(o, []byte(stream), n); got != whole {
			t.Fatalf("%q in chunks of %d:\n%s\nnot\n%s", stream, n, got, whole)
		}
	})
}

// The splitter takes any stream, loses nothing but white space, and does not care for chunks.
func FuzzJSONSplitter(f *testing.F) {
	f.Add("{\"a\":1}\n{\"a\":{}} [1,{\"b\":\"}\\\"\"}] x\n", 3)
	f.Fuzz(func(t *testing.T, stream string, n int) {
		n = 1 + max(n, -n, 0)%64
		whole := splitAll(stream, max(len(stream), 1))
		if got := splitAll(stream, n); got != whole {
			t.Fatalf("%q in chunks of %d:\n%s\nnot\n%s", stream, n, got, whole)
		}
	})
}

func TestCopyKeepsColumnsOnError(t *testing.T) {
	cols := newColumns(copySchema)
	r, _ := NewCopyReader("flights", copySchema, CopyOptions{})
	lines, err := r.Write([]byte("1\ta\t\\N\n2\tb\tx\n"), cols, nil)
	if err == nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	for k, c := range cols {
		if c.Len() != 1 {
			t.Errorf("column %d has %d rows", k, c.Len())
		}
	}
}

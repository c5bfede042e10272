package format

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// scalars are the types of which every value must survive, in every format that has them.
var scalars = []types.Type{
	types.Bool, types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric, types.NumericOf(12, 3),
	types.Text, types.Varchar, types.Bytea, types.Date, types.Time, types.Timestamp, types.TimestampTZ,
	types.IntervalType, types.UUID, types.JSON, types.JSONB, types.OID, types.Varchar.WithMod(24), types.Name,
}

func drawType(t *rapid.T, depth int, scalarOnly bool) types.Type {
	n := rapid.IntRange(0, 9).Draw(t, "shape")
	switch {
	case scalarOnly || depth == 0 || n < 7:
		return rapid.SampledFrom(scalars).Draw(t, "type")
	case n == 7:
		return types.ArrayOf(drawType(t, depth-1, false))
	case n == 8:
		return types.MapOf(types.Text, drawType(t, depth-1, false))
	}
	var fields []types.Field
	for i := range rapid.IntRange(1, 3).Draw(t, "fields") {
		name := fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"f", "F", "ä\"\\", "a b"}).Draw(t, "name"), i)
		fields = append(fields, types.Field{Name: name, Type: drawType(t, depth-1, false)})
	}
	return types.StructOf(fields...)
}

var textRunes = []rune("aZ09 ,;\t\"'\\{}[]()|\n\r\b\f\v\x01\x7féß漢😀\u2028N.%-#")

func drawText(t *rapid.T) string {
	return rapid.StringOfN(rapid.SampledFrom(textRunes), 0, 12, -1).Draw(t, "text")
}

// drawValue returns a value of the type, NULL included.
func drawValue(t *rapid.T, typ types.Type) types.Value {
	v := types.Value{Type: typ}
	if rapid.IntRange(0, 5).Draw(t, "null") == 0 {
		return types.NullOf(typ)
	}
	switch typ.Kind {
	case types.KindBool:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case types.KindInt2:
		v.Int = int64(rapid.Int16().Draw(t, "int"))
	case types.KindInt4:
		v.Int = int64(rapid.Int32().Draw(t, "int"))
	case types.KindInt8:
		v.Int = rapid.Int64().Draw(t, "int")
	case types.KindOID:
		v.Int = int64(rapid.Uint32().Draw(t, "int"))
	case types.KindFloat4:
		v.Float = float64(rapid.OneOf(rapid.Float32(), rapid.SampledFrom([]float32{float32(math.NaN()),
			float32(math.Inf(1)), float32(math.Inf(-1)), 1e-45, 1e10})).Draw(t, "float"))
	case types.KindFloat8:
		v.Float = rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1),
			5e-324, 1e23, 9007199254740993, 0.001, 1e7})).Draw(t, "float")
	case types.KindNumeric:
		v.Dec = drawDecimal(t, typ)
	case types.KindDate:
		v.Int = int64(rapid.OneOf(rapid.IntRange(-2440588, 2145042905), rapid.IntRange(-100000, 100000),
			rapid.SampledFrom([]int{math.MaxInt64, math.MinInt64})).Draw(t, "date"))
	case types.KindTime:
		v.Int = int64(rapid.IntRange(0, 86400_000_000).Draw(t, "time"))
	case types.KindTimestamp, types.KindTimestampTZ:
		v.Int = int64(rapid.OneOf(rapid.IntRange(minTimestamp, 8e18), rapid.IntRange(-5e15, 5e15),
			rapid.SampledFrom([]int{math.MaxInt64, math.MinInt64, 0, 978310020_000_000})).Draw(t, "timestamp"))
	case types.KindInterval:
		v.Ivl = types.Interval{
			Months: rapid.Int32Range(-1e6, 1e6).Draw(t, "months"), Days: rapid.Int32Range(-1e6, 1e6).Draw(t, "days"),
			Micros: rapid.Int64Range(-1e15, 1e15).Draw(t, "micros"),
		}
	case types.KindBytea:
		v.Str = string(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes"))
	case types.KindUUID:
		v.Str = string(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
	case types.KindJSON, types.KindJSONB:
		v.Str = rapid.SampledFrom([]string{`{"a": 1, "b": [true, null]}`, `"x, \"y\""`, `1.50`, `[]`}).Draw(t, "json")
	case types.KindArray:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			v.List = append(v.List, drawValue(t, typ.Elem()))
		}
	case types.KindMap:
		var keys []string
		for i := range rapid.IntRange(0, 3).Draw(t, "length") {
			keys = append(keys, fmt.Sprint(drawText(t), i))
		}
		slices.SortFunc(keys, func(a, b string) int { // as the text of a map is sorted
			return cmp.Or(len(a)-len(b), strings.Compare(a, b))
		})
		for _, key := range keys {
			v.List = append(v.List, types.Value{Type: types.Text, Str: key}, drawValue(t, typ.Elem()))
		}
	case types.KindStruct:
		for _, f := range typ.Fields() {
			v.List = append(v.List, drawValue(t, f.Type))
		}
	default:
		v.Str = drawText(t)
	}
	if v.Float != v.Float {
		v.Float = math.NaN() // one of the many
	}
	return v
}

func drawDecimal(t *rapid.T, typ types.Type) types.Decimal {
	if typ.Mod >= 4 {
		return types.Decimal{Coef: rapid.Int64Range(-999999999999, 999999999999).Draw(t, "coef"), Scale: 3}
	}
	text := rapid.OneOf(rapid.StringMatching(`-?[1-9][0-9]{0,40}(\.[0-9]{0,30})?`),
		rapid.StringMatching(`-?0?\.[0-9]{1,25}`), rapid.SampledFrom([]string{"NaN", "Infinity", "-Infinity", "0.00"}),
	).Draw(t, "numeric")
	d, err := types.ParseDecimal(text)
	if err != nil {
		t.Fatal(text, err)
	}
	return d
}

func drawSchema(t *rapid.T, scalarOnly bool) Schema {
	var s Schema
	for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
		s.Names = append(s.Names, fmt.Sprintf("c%d", i))
		s.Types = append(s.Types, drawType(t, 3, scalarOnly))
	}
	return s
}

func drawRows(t *rapid.T, s Schema) []*vec.Column {
	cols := newColumns(s)
	for range rapid.IntRange(0, 6).Draw(t, "rows") {
		for k, c := range cols {
			c.AppendValue(drawValue(t, s.Types[k]))
		}
	}
	return cols
}

func sameColumns(t *rapid.T, got, want []*vec.Column, n int) {
	for k, c := range got {
		if c.Len() != n {
			t.Fatalf("column %d has %d rows, not %d", k, c.Len(), n)
		}
	}
	for row := range n {
		g, w := vec.AppendRow(nil, got, row), vec.AppendRow(nil, want, row)
		if !bytes.Equal(g, w) {
			t.Fatalf("row %d: got %s, want %s", row, rowText(got, row), rowText(want, row))
		}
	}
}

// Every row survives every format that can hold it, exactly.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{JSON, JSON, Delimited, Kafka}).Draw(t, "format")
		s := drawSchema(t, name != JSON)
		o := Options{Delimiter: rapid.SampledFrom([]byte{0, '\t', ' ', '|', 'a'}).Draw(t, "delimiter")}
		if name != Delimited {
			o.Delimiter = 0
		}
		o.Unwrapped = name == JSON && len(s.Names) == 1 && rapid.Bool().Draw(t, "bare")
		e, err := NewEncoder(name, s, o)
		if err != nil {
			return // the format does not have the type
		}
		d, err := NewDecoder(name, s, o)
		if err != nil {
			t.Fatal(err)
		}
		cols := drawRows(t, s)
		n := cols[0].Len()
		out, ends := e.AppendRecords(nil, nil, cols, 0, n)
		var records [][]byte
		for i, start := 0, 0; i < n; i, start = i+1, ends[i] {
			if name != Kafka || !cols[0].IsNull(i) { // NULL is a null record there, which is the caller's
				records = append(records, out[start:ends[i]])
			}
		}
		if name == Kafka {
			cols = dropNulls(cols)
		}
		got := newColumns(s)
		d.Decode(records, got, func(i int, err error) { t.Fatalf("%s: %v", records[i], err) })
		sameColumns(t, got, cols, len(records))
	})
}

func dropNulls(cols []*vec.Column) []*vec.Column {
	var keep []int32
	for i := range cols[0].Len() {
		if !cols[0].IsNull(i) {
			keep = append(keep, int32(i))
		}
	}
	c := vec.NewColumn(cols[0].Type)
	c.Gather(cols[0], keep)
	return []*vec.Column{c}
}

// What COPY TO prints COPY FROM reads, wherever the chunks end.
func TestCopyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchema(t, rapid.Bool().Draw(t, "scalars"))
		o := CopyOptions{Format: rapid.SampledFrom([]string{CopyText, CopyCSV, CopyJSON}).Draw(t, "format")}
		if o.Format != CopyJSON {
			o.Header = rapid.Bool().Draw(t, "header")
			o.Match = o.Header
			o.Delimiter = rapid.SampledFrom([]byte{0, '|', ';'}).Draw(t, "delimiter")
			o.Null = rapid.SampledFrom([]*string{nil, ptr("nil"), ptr("")}).Draw(t, "null")
		}
		if o.Format == CopyText && o.Null != nil {
			o.Null = ptr("\x02")
		}
		if o.Format == CopyCSV {
			o.Quote = rapid.SampledFrom([]byte{0, '\''}).Draw(t, "quote")
			o.Escape = rapid.SampledFrom([]byte{0, '\\'}).Draw(t, "escape")
		}
		cols := drawRows(t, s)
		w, err := NewCopyWriter(s, o)
		if err != nil {
			t.Fatal(err)
		}
		out := w.AppendHeader(nil)
		for i := range cols[0].Len() {
			out = w.AppendRow(out, cols, i)
		}
		var chunks [][]byte
		for rest := out; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		got := newColumns(s)
		if o.Format == CopyJSON {
			readJSON(t, s, chunks, got)
		} else {
			readCopy(t, s, o, chunks, got)
		}
		sameColumns(t, got, cols, cols[0].Len())
	})
}

func readCopy(t *rapid.T, s Schema, o CopyOptions, chunks [][]byte, cols []*vec.Column) {
	r, err := NewCopyReader("r", s, o)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, c := range chunks {
		if lines, err = r.Write(c, cols, lines); err != nil {
			t.Fatalf("%q: %v", c, err)
		}
	}
	if lines, err = r.Close(cols, lines); err != nil {
		t.Fatal(err)
	}
	if len(lines) != cols[0].Len() {
		t.Fatal(lines)
	}
}

func readJSON(t *rapid.T, s Schema, chunks [][]byte, cols []*vec.Column) {
	d, _ := NewDecoder(JSON, s, Options{})
	j := NewJSONSplitter("r")
	bad := func(_ int, err error) { t.Fatal(err) }
	for _, c := range chunks {
		values, _, err := j.Write(append([]byte(nil), c...), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.Decode(values, cols, bad)
	}
	values, _, err := j.Close(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Decode(values, cols, bad)
}

// Java's spelling of a float is read back as the same float.
func TestAppendFloat(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", -1.5: "-1.5", 1e7: "1.0E7", 9999999: "9999999.0", 0.001: "0.001", 0.0009: "9.0E-4",
		4.6116860184273879e18: "4.611686018427388E18", 1e100: "1.0E100", -1e-10: "-1.0E-10", 123456789: "1.23456789E8",
		5e-324: "4.9E-324", 1e23: "1.0E23", 2e-323: "2.0E-323",
	} {
		if got := string(appendFloat(nil, v, 64)); !strings.EqualFold(got, want) {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

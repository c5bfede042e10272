package vec

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/sql/types"
)

// scalarTypes are the types without elements that columns are tested with.
var scalarTypes = []types.Type{
	types.Bool, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric, types.IntervalType, types.Text,
	types.Char, types.Bytea, types.UUID, types.JSONB, types.Date, types.Time, types.TimestampTZ,
}

func drawType(t *rapid.T, depth int) types.Type {
	n := rapid.IntRange(0, len(scalarTypes)+2).Draw(t, "type")
	switch {
	case n < len(scalarTypes):
		return scalarTypes[n]
	case depth == 0:
		return types.Int8
	case n == len(scalarTypes):
		return types.ArrayOf(drawType(t, depth-1))
	case n == len(scalarTypes)+1:
		return types.MapOf(types.Text, drawType(t, depth-1))
	default:
		return types.StructOf(types.Field{Name: "a", Type: drawType(t, depth-1)}, types.Field{Name: "b", Type: types.Text})
	}
}

func drawText(t *rapid.T) string { return rapid.StringMatching(`[ab\x00 ]{0,4}`).Draw(t, "text") }

// drawValue draws values of which many are equal or near.
func drawValue(t *rapid.T, typ types.Type) types.Value {
	if rapid.IntRange(0, 7).Draw(t, "null") == 0 {
		return types.NullOf(typ)
	}
	v := types.Value{Type: typ}
	switch typ.Class() {
	case types.ClassBool:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case types.ClassInt:
		v.Int = rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(0, 1e9), rapid.Int64()).Draw(t, "int")
		if typ.Kind == types.KindTime {
			v.Int = max(0, v.Int%86400e6)
		}
	case types.ClassFloat:
		v.Float = rapid.OneOf(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1),
			math.Inf(-1)}),
			rapid.Float64()).Draw(t, "float")
	case types.ClassDecimal:
		text := rapid.StringMatching(`-?([0-9]{1,2}|[0-9]{17,22})(\.[0-9]{0,3}0{0,2})?|NaN|-?Infinity`).Draw(t, "numeric")
		d, err := types.ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		v.Dec = d
	case types.ClassInterval:
		v.Ivl = types.Interval{
			Months: rapid.OneOf(rapid.Int32Range(-2, 2), rapid.Int32()).Draw(t, "months"),
			Days:   rapid.OneOf(rapid.Int32Range(-60, 60), rapid.Int32()).Draw(t, "days"),
			Micros: rapid.OneOf(rapid.Just(int64(86400e6)), rapid.Just(int64(0)), rapid.Int64()).Draw(t, "micros"),
		}
	case types.ClassBytes:
		switch v.Str = drawText(t); typ.Kind {
		case types.KindUUID:
			v.Str = string(append(make([]byte, 15), rapid.Byte().Draw(t, "byte")))
		case types.KindJSONB:
			v.Str = rapid.SampledFrom([]string{"1", "1.0", "null", "[]", "{}", `"a"`, `{"a": [1, 2]}`,
				`[true]`}).Draw(t, "json")
		}
	case types.ClassList:
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			v.List = append(v.List, drawValue(t, typ.Elem()))
		}
	case types.ClassMap:
		for _, k := range []string{"a", "b"}[:rapid.IntRange(0, 2).Draw(t, "len")] {
			v.List = append(v.List, types.Value{Type: types.Text, Str: k}, drawValue(t, typ.Elem()))
		}
	case types.ClassStruct:
		for _, f := range typ.Fields() {
			v.List = append(v.List, drawValue(t, f.Type))
		}
	}
	return v
}

func drawColumn(t *rapid.T, typ types.Type, n int) *Column {
	c := NewColumn(typ)
	for range n {
		c.AppendValue(drawValue(t, typ))
	}
	return c
}

// sameRow reports whether two rows hold the same, bit by bit.
func sameRow(a *Column, i int, b *Column, j int) bool {
	return bytes.Equal(AppendRow(nil, []*Column{a}, i), AppendRow(nil, []*Column{b}, j))
}

func TestKeysOrderAsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := drawType(t, 2)
		c := drawColumn(t, typ, 2)
		desc, first := rapid.Bool().Draw(t, "desc"), rapid.Bool().Draw(t, "first")
		x := AppendKey(nil, c, 0, desc, first)
		y := AppendKey(nil, c, 1, desc, first)
		want := 0
		switch a, b := c.IsNull(0), c.IsNull(1); {
		case a || b:
			if want = compareBool(a, b); first {
				want = -want
			}
		default:
			if want = Compare(c, 0, c, 1); desc {
				want = -want
			}
		}
		if got := bytes.Compare(x, y); got != want {
			t.Fatalf("%v: %v and %v: keys compare %d, values %d", typ, c.Value(0), c.Value(1), got, want)
		}
		if want != 0 && (bytes.HasPrefix(x, y) || bytes.HasPrefix(y, x)) {
			t.Fatalf("%v: the key of %v is a prefix of that of %v or the other way", typ, c.Value(0), c.Value(1))
		}
		h := Hash([]*Column{c}, 2, nil)
		if want == 0 && h[0] != h[1] {
			t.Fatalf("%v: %v and %v are equal, their hashes are not", typ, c.Value(0), c.Value(1))
		}
		if got := AppendKeyValue(nil, c.Value(1), desc, first); !bytes.Equal(got, y) {
			t.Fatalf("%v: AppendKeyValue(%v) = %x, want %x", typ, c.Value(1), got, y)
		}
		if got := HashValue(c.Value(1)); got != h[1] {
			t.Fatalf("%v: HashValue(%v) = %x, want %x", typ, c.Value(1), got, h[1])
		}
		if !c.IsNull(0) && !c.IsNull(1) && typ.Class() != types.ClassMap {
			if got, want := types.Compare(c.Value(0), c.Value(1)), Compare(c, 0, c, 1); got != want {
				t.Fatalf("%v: types.Compare(%v, %v) = %d, want %d", typ, c.Value(0), c.Value(1), got, want)
			}
		}
	})
}

func TestCopiesAreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := drawType(t, 2)
		n := rapid.IntRange(0, 6).Draw(t, "n")
		src := drawColumn(t, typ, n)
		before := rapid.IntRange(0, 2).Draw(t, "before")
		check := func(what string, got *Column, rows []int32) {
			if got.Len() != before+len(rows) {
				t.Fatalf("%s: %d rows, want %d", what, got.Len(), before+len(rows))
			}
			for k, i := range rows {
				if !sameRow(got, before+k, src, int(i)) {
					t.Fatalf("%s: row %d is %v, want %v", what, k, got.Value(before+k), src.Value(int(i)))
				}
			}
		}
		start := func() *Column { return drawColumn(t, typ, before) }
		var sel, all []int32
		for i := range n {
			all = append(all, int32(i))
			for range rapid.IntRange(0, 2).Draw(t, "times") {
				sel = append(sel, int32(i))
			}
		}
		c := start()
		c.Gather(src, sel)
		check("Gather", c, sel)
		c = start()
		c.AppendRange(src, 0, n)
		check("AppendRange", c, all)
		c = start()
		for _, i := range sel {
			c.AppendFrom(src, int(i))
		}
		check("AppendFrom", c, sel)
		lo := rapid.IntRange(0, n).Draw(t, "lo")
		hi := rapid.IntRange(lo, n).Draw(t, "hi")
		c = start()
		c.AppendRange(src.Slice(lo, hi), 0, hi-lo)
		check("Slice", c, all[lo:hi])
		view := src.Slice(lo, hi)
		view.AppendFrom(drawColumn(t, typ, 1), 0)
		c.Truncate(before)
		c.AppendRange(src, 0, n)
		check("the column under a slice appended to", c, all)
		before = 0
		check("Clone", src.Clone(), all)
		c = src.Clone()
		c.Truncate(lo)
		check("Truncate", c, all[:lo])
		c.Reset()
		c.AppendRange(src, 0, n)
		check("Reset", c, all)
	})
}

func TestConstColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := drawType(t, 2)
		v := drawValue(t, typ)
		c := ConstColumn(v)
		flat := c.Flat(3)
		if c.Len() != 1 || flat.Const || flat.Len() != 3 {
			t.Fatalf("Flat gave %d rows", flat.Len())
		}
		gathered := NewColumn(typ)
		gathered.Gather(c, []int32{2, 0})
		for _, got := range []*Column{flat, gathered} {
			for i := range got.Len() {
				if !sameRow(got, i, c, 5) {
					t.Fatalf("%v became %v", v, got.Value(i))
				}
			}
		}
		a, b := Hash([]*Column{c}, 3, nil), Hash([]*Column{flat}, 3, nil)
		if a[2] != b[2] {
			t.Fatalf("%v hashes differently as a constant", v)
		}
	})
}

func TestRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cols, out, skip []*Column
		for range rapid.IntRange(0, 6).Draw(t, "cols") {
			typ := drawType(t, 2)
			c := drawColumn(t, typ, 1)
			cols, out = append(cols, c), append(out, NewColumn(typ))
			if skip = append(skip, nil); rapid.Bool().Draw(t, "wanted") {
				skip[len(skip)-1] = NewColumn(typ)
			}
		}
		row := AppendRow([]byte("x"), cols, 0)[1:]
		for _, dst := range [][]*Column{out, skip} {
			rest, err := DecodeRow(append(row, 'y'), dst)
			if err != nil || string(rest) != "y" {
				t.Fatalf("%q, %v", rest, err)
			}
			for k, c := range dst {
				if c != nil && !sameRow(c, 0, cols[k], 0) {
					t.Fatalf("%v: %v became %v", c.Type, cols[k].Value(0), c.Value(0))
				}
			}
		}
		for cut := range row { // no part of a row is a row, unless what is left out is empty
			if _, err := DecodeRow(row[:cut], out); err != nil {
				for k, c := range out {
					if c.Len() != 1 || !sameRow(c, 0, cols[k], 0) {
						t.Fatalf("a corrupt row changed column %d", k)
					}
				}
			} else {
				t.Fatalf("%d bytes of %d are a row", cut, len(row))
			}
		}
	})
}

func TestTextAndBinaryAsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawColumn(t, drawType(t, 2), 1)
		if c.IsNull(0) {
			return
		}
		v := c.Value(0)
		if got, want := c.AppendText(nil, 0, types.Env{}), types.AppendText(nil, v, types.Env{}); !bytes.Equal(got, want) {
			t.Fatalf("text %q, want %q", got, want)
		}
		if got, want := c.AppendBinary(nil, 0), types.AppendBinary(nil, v); !bytes.Equal(got, want) {
			t.Fatalf("binary %x, want %x", got, want)
		}
		if got, want := c.AppendJSON(nil, 0, types.Env{}), types.AppendJSON(nil, v, types.Env{}); !bytes.Equal(got, want) {
			t.Fatalf("JSON %s, want %s", got, want)
		}
	})
}

func TestParseAppend(t *testing.T) {
	for _, x := range []struct{ typ, text, want string }{
		{"bool", "yes", "t"}, {"int2", "-5", "-5"}, {"bigint", "7", "7"}, {"real", "1.5", "1.5"},
		{"numeric(4,1)", "1.25", "1.3"},
		{"date", "2024-02-29", "2024-02-29"}, {"time(0)", "10:00:00.5", "10:00:01"},
		{"timestamp(3)", "2024-02-29T10:00:00.0005", "2024-02-29 10:00:00.001"},
		{"timestamptz", "2024-02-29 10:00:00+01", "2024-02-29 09:00:00+00"}, {"text", "a b", "a b"}, {"varchar", "x", "x"},
		{"varchar(2)", "ab ", "ab"}, {"char(3)", "a", "a  "}, {"bytea", `\x61`, `\x61`}, {"int[]", "{1,NULL}", "{1,NULL}"},
		{"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"interval", "P1D", "1 day"}, {"jsonb", `{"a":1}`, `{"a": 1}`}, {"map<text,bigint>", `{"k":2}`, `{"k": 2}`},
	} {
		typ, ok := types.ByName(x.typ)
		if !ok {
			t.Fatal(x.typ)
		}
		c := NewColumn(typ)
		if err := c.ParseAppend([]byte(x.text), types.Env{}); err != nil ||
			string(c.AppendText(nil, 0, types.Env{})) != x.want {
			t.Errorf("%s %q: %v", x.typ, x.text, err)
		}
		if err := c.ParseAppend([]byte("\x00"), types.Env{}); err == nil && typ.Kind != types.KindBytea ||
			typ.Kind != types.KindBytea && c.Len() != 1 {
			t.Errorf("%s: a zero byte gave %v and %d rows", x.typ, err, c.Len())
		}
	}
}

func FuzzDecodeRow(f *testing.F) {
	typs := []types.Type{
		types.Int8, types.Text, types.Numeric, types.IntervalType, types.Bool, types.Float8,
		types.ArrayOf(types.Numeric), types.MapOf(types.Text, types.Int4),
		types.StructOf(types.Field{Name: "a", Type: types.Int4}, types.Field{Name: "b", Type: types.ArrayOf(types.Text)}),
	}
	b := NewBatch(typs)
	for i, text := range []string{"-5", "abc", "1.50", "1 mon", "t", "1.5", "{1,NULL,1e30}", `{"a":1}`, `(1,"{x,y}")`} {
		if err := b.Cols[i].ParseAppend([]byte(text), types.Env{}); err != nil {
			f.Fatal(err)
		}
		b.Cols[i].AppendNull()
	}
	f.Add(AppendRow(nil, b.Cols, 0))
	f.Add(AppendRow(nil, b.Cols, 1))
	f.Fuzz(func(t *testing.T, src []byte) {
		b := NewBatch(typs)
		rest, err := DecodeRow(src, b.Cols)
		n := 1
		if err != nil {
			n = 0
		}
		for _, c := range b.Cols {
			if c.Len() != n {
				t.Fatalf("%v has %d rows", c.Type, c.Len())
			}
			if n == 1 {
				c.AppendText(nil, 0, types.Env{})
			}
		}
		skipped, err2 := DecodeRow(src, make([]*Column, len(typs)))
		if err == nil && (err2 != nil || !bytes.Equal(skipped, rest)) {
			t.Fatalf("passing over the row gave %q, %v, reading it %q", skipped, err2, rest)
		}
	})
}

package catalog

import (
	"reflect"
	"testing"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

func sample() *Relation {
	return &Relation{
		ID: 7, Schema: "public", Name: "flights", Kind: Stream, Key: []int{1}, Topic: "flights", Partitions: 3,
		KeyFormat: "KAFKA", ValueFormat: "JSON", Delimiter: ",", TimeColumn: 2, TimeFormat: "yyyy", Windowed: true,
		Query: "SELECT 1", Statement: "CREATE …", QueryID: "Q_1", Reads: []uint32{3, 4},
		Settings: map[string]string{"timezone": "UTC"}, Target: 5, Terminated: true, Paused: true, OwnsTopic: true, Created: 1,
		Owner: "ada",
		Columns: []Column{
			{Name: "a", Type: types.Int4}, {Name: "b", Type: types.NumericOf(10, 2), NotNull: true},
			{Name: "c", Type: types.Timestamp.WithMod(3)}, {Name: "d", Type: types.Varchar.WithMod(14)},
			{Name: "e", Type: types.NumericOf(3, -2)}, {Name: "f", Type: types.TimestampTZ},
			{Name: "g", Type: types.ArrayOf(types.ArrayOf(types.Varchar.WithMod(9)))},
			{Name: "h", Type: types.MapOf(types.Text, types.StructOf(
				types.Field{Name: "odd, name> \"x\"", Type: types.Int8},
				types.Field{Name: "", Type: types.ArrayOf(types.NumericOf(4, 1))}))},
			{Name: "i", Type: types.StructOf()}, {Name: "j", Type: types.CharByte}, {Name: "k", Type: types.IntervalType},
		},
	}
}

func TestDocumentRoundTrip(t *testing.T) {
	want := sample()
	doc, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(doc)
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryTypeRoundTrips(t *testing.T) {
	for name, typ := range simpleTypes {
		r := &Relation{TimeColumn: -1, Columns: []Column{{Name: name, Type: typ}, {Name: "l", Type: types.ArrayOf(typ)}}}
		doc, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(doc)
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, doc := range []string{
		``, `{}`, `{"v":2}`, `{"v":1,"key":[0]}`, `{"v":1,"time_column":0}`, `{"v":1,"time_column":-2}`,
		`{"v":1,"columns":[{"name":"a","type":"nope"}]}`, `{"v":1,"columns":[{"name":"a","type":{}}]}`,
		`{"v":1,"columns":[{"name":"a","type":"numeric(1"}]}`, `{"v":1,"columns":[{"name":"a","type":"integer(1,2)"}]}`,
	} {
		_, err := Decode([]byte(doc))
		if err == nil {
			t.Errorf("%s: no error", doc)
		} else if sqlerr.From(err).Code != sqlerr.DataCorrupted {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	doc, err := Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`{"v":1,"columns":[{"name":"a","type":{"map":["text",{"struct":[]}]}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := Decode(doc)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
	})
}

func TestResolve(t *testing.T) {
	a := &Relation{ID: 1, Schema: "public", Name: "flights"}
	b := &Relation{ID: 2, Schema: "other", Name: "flights", Reads: []uint32{1}}
	c := &Relation{ID: 3, Schema: "public", Name: "delays", Reads: []uint32{2, 1}}
	s := New(9, []*Relation{a, b, c})
	for _, tc := range []struct {
		path, name []string
		want       *Relation
		hint       string
	}{
		{[]string{"public"}, []string{"flights"}, a, ""},
		{[]string{"other", "public"}, []string{"flights"}, b, ""},
		{[]string{"other", "public"}, []string{"delays"}, c, ""},
		{[]string{"public"}, []string{"other", "flights"}, b, ""},
		{[]string{"public"}, []string{"leat", "other", "flights"}, b, ""},
		{[]string{"public"}, []string{"flihgts"}, nil, `Perhaps you meant to reference the relation "flights".`},
		{[]string{"public"}, []string{"zzz"}, nil, ""},
		{[]string{"other"}, []string{"delays"}, nil, ""},
	} {
		got, err := s.Resolve(tc.path, tc.name)
		if got != tc.want {
			t.Errorf("%v in %v: got %v, %v", tc.name, tc.path, got, err)
		}
		if tc.want == nil {
			if e := sqlerr.From(err); e == nil || e.Code != sqlerr.UndefinedTable || e.Hint != tc.hint {
				t.Errorf("%v in %v: %v", tc.name, tc.path, err)
			}
		}
	}
	if got, ok := s.ByID(2); !ok || got != b || s.Version() != 9 {
		t.Errorf("ByID: %v", got)
	}
	if got := s.Dependants(1); len(got) != 2 || got[0] != c || got[1] != b {
		t.Errorf("Dependants: %v", got)
	}
	if got := s.Relations(); len(got) != 3 || got[0] != c || got[1] != b || got[2] != a {
		t.Errorf("Relations: %v", got)
	}
}

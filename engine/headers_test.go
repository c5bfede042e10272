package engine

import (
	"testing"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

func TestHeadersBecomeColumns(t *testing.T) {
	pair := types.StructOf(types.Field{Name: "key", Type: types.Text}, types.Field{Name: "value", Type: types.Bytea})
	rel := &catalog.Relation{Name: "s", Kind: catalog.Stream, KeyFormat: "NONE", ValueFormat: "JSON", TimeColumn: -1,
		Columns: []catalog.Column{
			{Name: "trace", Type: types.Bytea, Headers: true, Header: "trace"},
			{Name: "a", Type: types.Int4},
			{Name: "heads", Type: types.ArrayOf(pair), Headers: true},
		}}
	d, err := newDecoder(rel, []bool{true, true, true}, false)
	if err != nil {
		t.Fatal(err)
	}
	var b log.Builder
	b.Append(nil, []byte(`{"a": 1}`), 0, []log.RecordHeader{
		{Key: []byte("trace"), Value: []byte("old")}, {Key: []byte("other")}, {Key: []byte("trace"), Value: []byte("new")}})
	b.Append(nil, []byte(`broken`), 0, []log.RecordHeader{{Key: []byte("trace"), Value: []byte("lost")}})
	b.Append(nil, []byte(`{"a": 2}`), 0, nil)
	c := d.newChunk(0)
	if _, err := d.decode(c, b.Finish(), 0, 3, nil); err != nil {
		t.Fatal(err)
	}
	if c.n != 2 || len(c.bad) != 1 {
		t.Fatalf("%d rows and %d errors", c.n, len(c.bad))
	}
	for i, want := range []string{
		`\x6e6577 {"(trace,\"\\\\x6f6c64\")","(other,)","(trace,\"\\\\x6e6577\")"}`, `NULL {}`,
	} {
		got := "NULL"
		if !c.cols[0].IsNull(i) {
			got = c.cols[0].Value(i).String()
		}
		if got += " " + c.cols[2].Value(i).String(); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
}

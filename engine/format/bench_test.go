package format

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

var flightSchema = Schema{
	Names: []string{"date", "delay", "distance", "origin", "destination"},
	Types: []types.Type{types.Text, types.Int4, types.Int4, types.Text, types.Text},
}

// flights returns n records as the sample data has them.
func flights(n int) [][]byte {
	airports := []string{"DTW", "LAS", "HNL", "SFO", "BWI"}
	var out [][]byte
	for i := range n {
		out = append(out, fmt.Appendf(nil,
			`{"date":"2001/01/%02d %02d:%02d","delay":%d,"distance":%d,"origin":"%s","destination":"%s"}`,
			1+i%31, i%24, i%60, i%120-20, 100+i%3000, airports[i%5], airports[(i+1)%5]))
	}
	return out
}

func newColumns(s Schema) []*vec.Column {
	var cols []*vec.Column
	for _, t := range s.Types {
		cols = append(cols, vec.NewColumn(t))
	}
	return cols
}

func reportRows(b *testing.B, n int) {
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkJSONDecode(b *testing.B) {
	const n = 4096
	records := flights(n)
	timed := Schema{Names: flightSchema.Names, Types: append([]types.Type(nil), flightSchema.Types...)}
	timed.Types[0] = types.Timestamp
	for _, bench := range []struct {
		name   string
		schema Schema
		wanted []int
	}{
		{"three", flightSchema, []int{1, 3, 4}},
		{"all", flightSchema, []int{0, 1, 2, 3, 4}},
		{"timestamp", timed, []int{0, 1, 3}},
		{"none", flightSchema, nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			d, err := NewDecoder(JSON, bench.schema, Options{})
			if err != nil {
				b.Fatal(err)
			}
			all := newColumns(bench.schema)
			cols := make([]*vec.Column, len(all))
			for _, k := range bench.wanted {
				cols[k] = all[k]
			}
			bad := func(i int, err error) { b.Fatal(i, err) }
			b.SetBytes(int64(len(bytes.Join(records, nil))))
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range all {
					c.Reset()
				}
				d.Decode(records, cols, bad)
			}
			reportRows(b, n)
		})
	}
}

func BenchmarkJSONEncode(b *testing.B) {
	const n = 4096
	d, _ := NewDecoder(JSON, flightSchema, Options{})
	cols := newColumns(flightSchema)
	d.Decode(flights(n), cols, func(i int, err error) { b.Fatal(i, err) })
	e, err := NewEncoder(JSON, flightSchema, Options{})
	if err != nil {
		b.Fatal(err)
	}
	var out []byte
	var ends []int
	b.ReportAllocs()
	for b.Loop() {
		out, ends = e.AppendRecords(out[:0], ends[:0], cols, 0, n)
	}
	b.SetBytes(int64(len(out)))
	reportRows(b, n)
}

func BenchmarkCopyJSON(b *testing.B) {
	const n = 4096
	b.Run("lines", func(b *testing.B) { splitStream(b, append(bytes.Join(flights(n), newline), '\n'), n) })
	b.Run("array", func(b *testing.B) {
		splitStream(b, fmt.Appendf(nil, "[%s]", bytes.Join(flights(n), []byte{','})), n)
	})
}

func splitStream(b *testing.B, stream []byte, n int) {
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	var values [][]byte
	var lines []int
	for b.Loop() {
		s := NewJSONSplitter("flights")
		total := 0
		for at := 0; at < len(stream); at += 64 << 10 {
			values, lines, _ = s.Write(stream[at:min(at+64<<10, len(stream))], values[:0], lines[:0])
			total += len(values)
		}
		values, lines, _ = s.Close(values[:0], lines[:0])
		if total += len(values); total != n {
			b.Fatal(total)
		}
	}
	reportRows(b, n)
}

func BenchmarkCopyCSV(b *testing.B) {
	const n = 4096
	var stream []byte
	for i := range n {
		stream = fmt.Appendf(stream, "00M,Thigpen %d,\"Bay, Springs\",MS,USA,%d.95376472,-89.23450472\n", i, i%90)
	}
	s := Schema{
		Names: []string{"iata", "name", "city", "state", "country", "latitude", "longitude"},
		Types: []types.Type{types.Text, types.Text, types.Text, types.Text, types.Text, types.Float8, types.Float8},
	}
	cols := newColumns(s)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	var lines []int
	for b.Loop() {
		r, err := NewCopyReader("airports", s, CopyOptions{Format: CopyCSV})
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range cols {
			c.Reset()
		}
		for at := 0; at < len(stream); at += 64 << 10 {
			if lines, err = r.Write(stream[at:min(at+64<<10, len(stream))], cols, lines[:0]); err != nil {
				b.Fatal(err)
			}
		}
	}
	reportRows(b, n)
}

package log_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/log"
)

// sample is a record as a test means it.
type sample struct {
	key, value []byte
	timestamp  int64
	headers    []log.RecordHeader
}

func randomBytes(random *rand.Rand, most int) []byte {
	if random.IntN(5) == 0 {
		return nil
	}
	b := make([]byte, random.IntN(most))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func randomSamples(random *rand.Rand, n int) []sample {
	samples := make([]sample, n)
	for i := range samples {
		s := sample{key: randomBytes(random, 20), value: randomBytes(random, 300)}
		s.timestamp = 1_700_000_000_000 + random.Int64N(1<<uint(random.IntN(40))) - 1000
		for range max(0, random.IntN(8)-5) {
			h := log.RecordHeader{Key: append([]byte{}, randomBytes(random, 9)...), Value: randomBytes(random, 70)}
			s.headers = append(s.headers, h)
		}
		samples[i] = s
	}
	return samples
}

func build(b *log.Builder, samples []sample) []byte {
	b.Reset()
	for _, s := range samples {
		b.Append(s.key, s.value, s.timestamp, s.headers)
	}
	return b.Finish()
}

func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func TestBuilderAgainstKmsg(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var b log.Builder
	for range 200 {
		samples := randomSamples(random, 1+random.IntN(200))
		batch := build(&b, samples)
		if b.Len() != len(samples) || b.Size() != len(batch) {
			t.Fatalf("Len %d, Size %d of %d records in %d bytes", b.Len(), b.Size(), len(samples), len(batch))
		}
		var rb kmsg.RecordBatch
		if err := rb.ReadFrom(batch); err != nil {
			t.Fatal(err)
		}
		if int(rb.NumRecords) != len(samples) || int(rb.LastOffsetDelta) != len(samples)-1 || rb.ProducerID != -1 {
			t.Fatalf("kmsg reads %+v", rb)
		}
		if !bytes.Equal(rb.AppendTo(nil), batch) {
			t.Fatal("kmsg writes the batch differently")
		}
		rest, newest := rb.Records, int64(math.MinInt64)
		for i, s := range samples {
			var r kmsg.Record
			if err := r.ReadFrom(rest); err != nil {
				t.Fatal(err)
			}
			head := binary.AppendVarint(nil, int64(r.Length))
			rest = rest[len(head)+int(r.Length):]
			if !same(r.Key, s.key) || !same(r.Value, s.value) || rb.FirstTimestamp+r.TimestampDelta64 != s.timestamp {
				t.Fatalf("kmsg reads record %d as %+v, want %+v", i, r, s)
			}
			if len(r.Headers) != len(s.headers) {
				t.Fatalf("%d headers, want %d", len(r.Headers), len(s.headers))
			}
			for j, h := range r.Headers {
				if h.Key != string(s.headers[j].Key) || !same(h.Value, s.headers[j].Value) {
					t.Fatalf("header %q=%q, want %q", h.Key, h.Value, s.headers[j])
				}
			}
			newest = max(newest, s.timestamp)
		}
		if len(rest) != 0 || rb.MaxTimestamp != newest {
			t.Fatalf("%d bytes left, newest %d, want %d", len(rest), rb.MaxTimestamp, newest)
		}
	}
}

func TestReaderRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	var b log.Builder
	var r log.Reader
	var rs log.Records
	for range 200 {
		samples := randomSamples(random, 1+random.IntN(100))
		batch := bytes.Clone(build(&b, samples))
		log.PutOffsetEpoch(batch, 1000, 7)
		h, n, err := log.Check(append(batch, "tail"...))
		if err != nil || n != len(batch) || h.BaseOffset != 1000 || h.LeaderEpoch != 7 {
			t.Fatalf("Check: %+v, %d, %v", h, n, err)
		}
		if err := r.Reset(batch); err != nil {
			t.Fatal(err)
		}
		rs.Reset()
		if err := rs.Append(batch, 0); err != nil || rs.Len() != len(samples) {
			t.Fatalf("%d records, %v", rs.Len(), err)
		}
		var rec log.Record
		for i, s := range samples {
			if !r.Next(&rec) {
				t.Fatal(i, r.Err())
			}
			placed := rec.Offset == 1000+int64(i) && rec.Timestamp == s.timestamp
			if !placed || !same(rec.Key, s.key) || !same(rec.Value, s.value) {
				t.Fatalf("record %d is %+v, want %+v", i, rec, s)
			}
			headers := rec.AppendHeaders(nil)
			if len(headers) != len(s.headers) {
				t.Fatalf("%d headers, want %d", len(headers), len(s.headers))
			}
			for j, h := range headers {
				if !same(h.Key, s.headers[j].Key) || !same(h.Value, s.headers[j].Value) {
					t.Fatalf("header %d is %q, want %q", j, h, s.headers[j])
				}
			}
			if rs.Offsets[i] != rec.Offset || rs.Timestamps[i] != rec.Timestamp || !same(rs.Values[i], rec.Value) {
				t.Fatalf("Records differ at %d", i)
			}
		}
		if r.Next(&rec) || r.Err() != nil {
			t.Fatalf("after the last record: %+v, %v", rec, r.Err())
		}
	}
}

func TestBuilderAttributes(t *testing.T) {
	var b log.Builder
	if b.Finish() != nil || b.Size() != log.HeaderLen {
		t.Fatal("an empty builder made a batch")
	}
	b.Reset()
	b.SetAttributes(log.AttrControl | log.AttrTransactional | int16(log.CodecZstd))
	b.SetProducer(42, 3, 17)
	b.Append([]byte{0, 0, 0, 1}, []byte{0, 0, 0, 0, 0, 9}, 5, nil)
	h, _, err := log.Check(b.Finish())
	if err != nil || !h.Control() || h.Codec() != log.CodecNone {
		t.Fatalf("%+v, %v", h, err)
	}
	if h.ProducerID != 42 || h.ProducerEpoch != 3 || h.BaseSequence != 17 {
		t.Fatalf("%+v, %v", h, err)
	}
	var rs log.Records
	if err := rs.Append(b.Finish(), 0); err != nil || rs.Len() != 0 {
		t.Fatalf("a control batch gave %d records, %v", rs.Len(), err)
	}
	b.Reset()
	b.Append(nil, nil, -5, nil)
	if h, _, err = log.Check(b.Finish()); err != nil || h.Control() || h.ProducerID != -1 || h.BaseTimestamp != -5 {
		t.Fatalf("after Reset: %+v, %v", h, err)
	}
}

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// seal makes the CRC of a batch right again.
func seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[17:], crc(b[21:]))
	return b
}

func TestCheckRefuses(t *testing.T) {
	var b log.Builder
	good := bytes.Clone(build(&b, []sample{{value: []byte("one")}, {value: []byte("two")}}))
	at := func(off int, v byte) []byte {
		c := bytes.Clone(good)
		c[off] = v
		return c
	}
	cases := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"nothing", nil, log.ErrShort},
		{"part of the header", good[:60], log.ErrShort},
		{"part of the records", good[:len(good)-1], log.ErrShort},
		{"magic 1", at(16, 1), log.ErrMagic},
		{"a flipped bit", at(len(good)-1, 0xff), log.ErrCorrupt},
		{"a flipped bit in the CRC", at(17, good[17]^1), log.ErrCorrupt},
		{"negative length", at(8, 0x80), log.ErrCorrupt},
		{"length of less than a header", at(11, 48), log.ErrCorrupt},
		{"negative last offset", seal(at(23, 0x80)), log.ErrCorrupt},
		{"more records than offsets", seal(at(60, 3)), log.ErrCorrupt},
		{"more records than bytes", func() []byte {
			c := at(26, 99)
			c[60] = 99
			return seal(c)
		}(), log.ErrCorrupt},
		{"a last offset that the CRC does not know", at(26, 9), log.ErrCorrupt},
		{"negative base offset", at(0, 0x80), log.ErrCorrupt},
	}
	for _, c := range cases {
		if _, n, err := log.Check(c.bytes); !errors.Is(err, c.want) || n != 0 {
			t.Errorf("%s: n %d, error %v, want %v", c.name, n, err, c.want)
		}
	}
	if _, n, err := log.Check(good); err != nil || n != len(good) {
		t.Errorf("the good batch: %d, %v", n, err)
	}
}

func TestReaderRefuses(t *testing.T) {
	var b log.Builder
	good := bytes.Clone(build(&b, []sample{{value: []byte("one")}, {value: []byte("two"), timestamp: 1}}))
	const record = 10 // bytes of each record: length, attributes, time, offset, key, value, headers
	if len(good) != log.HeaderLen+2*record {
		t.Fatalf("a batch of %d bytes", len(good))
	}
	edit := func(off int, v byte) []byte {
		c := bytes.Clone(good)
		c[off] = v
		return c
	}
	longer := append(bytes.Clone(good), 0)
	binary.BigEndian.PutUint32(longer[8:], uint32(len(longer)-12))
	cases := []struct {
		name  string
		batch []byte
		whole int // records in front
	}{
		{"bytes behind the last record", longer, 2},
		{"second record too long", edit(log.HeaderLen+record, 20), 1},
		{"second record too short", edit(log.HeaderLen+record, 10), 1},
		{"offset does not rise", edit(log.HeaderLen+record+3, 0), 1},
		{"offset behind the batch", edit(log.HeaderLen+record+3, 4), 1},
		{"value longer than the record", edit(log.HeaderLen+5, 8), 0},
		{"key length -2", edit(log.HeaderLen+4, 3), 0},
		{"header count without headers", edit(log.HeaderLen+9, 2), 0},
		{"header count negative", edit(log.HeaderLen+9, 1), 0},
	}
	for _, c := range cases {
		var r log.Reader
		if err := r.Reset(c.batch); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		n, rec := 0, log.Record{}
		for r.Next(&rec) {
			n++
		}
		if n != c.whole || !errors.Is(r.Err(), log.ErrCorrupt) || r.Next(&rec) {
			t.Errorf("%s: %d records, then %v; want %d", c.name, n, r.Err(), c.whole)
		}
	}
}

func TestLogAppendTime(t *testing.T) {
	var b log.Builder
	batch := bytes.Clone(build(&b, []sample{{timestamp: 5}, {timestamp: 9}}))
	binary.BigEndian.PutUint16(batch[21:], uint16(log.AttrLogAppendTime))
	binary.BigEndian.PutUint64(batch[35:], 77)
	var rs log.Records
	if err := rs.Append(seal(batch), 0); err != nil || rs.Timestamps[0] != 77 || rs.Timestamps[1] != 77 {
		t.Fatalf("timestamps %v, %v", rs.Timestamps, err)
	}
}

func TestRecordsRange(t *testing.T) {
	var b log.Builder
	var run []byte
	for i := range 5 {
		batch := bytes.Clone(build(&b, []sample{{value: []byte("a")}, {value: []byte("b")}, {value: []byte("c")}}))
		log.PutOffsetEpoch(batch, int64(i*3), 0)
		run = append(run, batch...)
	}
	var rs log.Records
	for from := range int64(15) {
		for to := from; to <= 15; to++ {
			rs.Reset()
			if err := rs.AppendAll(run, from, to); err != nil || int64(rs.Len()) != to-from {
				t.Fatalf("[%d,%d): %v, %v", from, to, rs.Offsets, err)
			}
			if rs.Len() > 0 && (rs.Offsets[0] != from || rs.Offsets[rs.Len()-1] != to-1) {
				t.Fatalf("[%d,%d): %v", from, to, rs.Offsets)
			}
		}
	}
	if err := rs.AppendAll(run[:len(run)-1], 0, 15); !errors.Is(err, log.ErrShort) {
		t.Fatalf("a torn run: %v", err)
	}
}

func TestNoAllocationPerRecord(t *testing.T) {
	var b log.Builder
	var r log.Reader
	var rs log.Records
	value := bytes.Repeat([]byte("v"), 100)
	write := func() {
		b.Reset()
		for i := range 500 {
			b.Append(value[:8], value, int64(i), nil)
		}
	}
	write()
	batch := b.Finish()
	read := func() {
		var rec log.Record
		if err := r.Reset(batch); err != nil {
			t.Fatal(err)
		}
		for r.Next(&rec) {
		}
		rs.Reset()
		if err := rs.Append(batch, 0); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range map[string]func(){"write": write, "read": read} {
		if n := testing.AllocsPerRun(20, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

var fuzzSeed = []sample{
	{value: []byte("one")},
	{key: []byte("k"), headers: []log.RecordHeader{{Key: []byte("h")}}},
}

func FuzzCheck(f *testing.F) {
	var b log.Builder
	f.Add(build(&b, fuzzSeed))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		h, n, err := log.Check(in)
		if err != nil {
			if n != 0 {
				t.Fatalf("n is %d with %v", n, err)
			}
			return
		}
		if n > len(in) || n != h.Size() || n < log.HeaderLen {
			t.Fatalf("n is %d of %d bytes", n, len(in))
		}
		var rb kmsg.RecordBatch
		if err := rb.ReadFrom(in[:n]); err != nil {
			t.Fatalf("kmsg refuses: %v", err)
		}
	})
}

// FuzzReader makes the input the records of a batch, with any codec.
func FuzzReader(f *testing.F) {
	var b log.Builder
	batch := build(&b, fuzzSeed)
	f.Add(batch[log.HeaderLen:], int32(2), int16(0))
	for codec, packed := range pack(f, batch[log.HeaderLen:]) {
		f.Add(packed, int32(2), int16(codec))
	}
	f.Fuzz(func(t *testing.T, records []byte, count int32, attributes int16) {
		batch := make([]byte, log.HeaderLen, log.HeaderLen+len(records))
		batch = append(batch, records...)
		binary.BigEndian.PutUint32(batch[8:], uint32(len(batch)-12))
		batch[16] = 2
		binary.BigEndian.PutUint16(batch[21:], uint16(attributes))
		binary.BigEndian.PutUint32(batch[23:], uint32(count-1))
		binary.BigEndian.PutUint32(batch[57:], uint32(count))
		seal(batch)
		var r log.Reader
		if _, _, err := log.Check(batch); err != nil {
			return
		}
		if err := r.Reset(batch); err != nil {
			return
		}
		var rec log.Record
		last, seen := int64(-1), int32(0)
		for r.Next(&rec) {
			if rec.Offset <= last || len(rec.AppendHeaders(nil)) != rec.HeaderCount {
				t.Fatalf("offset %d after %d, %d headers", rec.Offset, last, rec.HeaderCount)
			}
			last = rec.Offset
			seen++
		}
		if r.Err() == nil && seen != count {
			t.Fatalf("%d records of %d without an error", seen, count)
		}
	})
}

func benchBatch(records int) []byte {
	var b log.Builder
	b.Reset()
	for i := range records {
		b.Append(fmt.Appendf(nil, "key-%d", i), bytes.Repeat([]byte("v"), 136), int64(i), nil)
	}
	return b.Finish()
}

func BenchmarkReader(b *testing.B) {
	for _, records := range []int{10, 1000} {
		batch := benchBatch(records)
		b.Run(fmt.Sprintf("next/records=%d", records), func(b *testing.B) {
			b.ReportAllocs()
			var r log.Reader
			var rec log.Record
			for b.Loop() {
				if err := r.Reset(batch); err != nil {
					b.Fatal(err)
				}
				for r.Next(&rec) {
				}
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds()/1e6, "Mrec/s")
		})
		b.Run(fmt.Sprintf("check+slices/records=%d", records), func(b *testing.B) {
			b.ReportAllocs()
			var rs log.Records
			for b.Loop() {
				rs.Reset()
				if _, _, err := log.Check(batch); err != nil {
					b.Fatal(err)
				}
				if err := rs.Append(batch, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds()/1e6, "Mrec/s")
		})
	}
}

// BenchmarkKmsg is what BenchmarkReader is compared with: it should take at least twice as long as next.
func BenchmarkKmsg(b *testing.B) {
	const records = 1000
	batch := benchBatch(records)
	for b.Loop() {
		var rb kmsg.RecordBatch
		if err := rb.UnsafeReadFrom(batch); err != nil {
			b.Fatal(err)
		}
		rest := rb.Records
		for range records {
			var r kmsg.Record
			n, w := binary.Varint(rest)
			if err := r.UnsafeReadFrom(rest[:w+int(n)]); err != nil {
				b.Fatal(err)
			}
			rest = rest[w+int(n):]
		}
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds()/1e6, "Mrec/s")
}

func BenchmarkBuilder(b *testing.B) {
	const records = 1000
	key, value := []byte("key-123"), bytes.Repeat([]byte("v"), 136)
	b.ReportAllocs()
	var w log.Builder
	for b.Loop() {
		w.Reset()
		for i := range int64(records) {
			w.Append(key, value, i, nil)
		}
		w.Finish()
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds()/1e6, "Mrec/s")
}

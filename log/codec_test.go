package log_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/leatdb/leat/log"
)

// lz4Stored is an LZ4 frame with one stored block.
func lz4Stored(b []byte) []byte {
	frame := []byte{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82}
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(b))|1<<31)
	return binary.LittleEndian.AppendUint32(append(frame, b...), 0)
}

// pack compresses b with every codec.
func pack(t testing.TB, b []byte) map[log.Codec][]byte {
	t.Helper()
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return map[log.Codec][]byte{
		log.CodecGzip:   gz.Bytes(),
		log.CodecSnappy: snappy.Encode(nil, b),
		log.CodecLZ4:    lz4Stored(b),
		log.CodecZstd:   enc.EncodeAll(b, nil),
	}
}

// xerial is the snappy frame of Java clients, in blocks of a few bytes.
func xerial(b []byte) []byte {
	frame := []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
	for len(b) > 0 {
		n := min(100, len(b))
		block := snappy.Encode(nil, b[:n])
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(block)))
		frame = append(frame, block...)
		b = b[n:]
	}
	return frame
}

// compressed is a batch with its records replaced by packed ones.
func compressed(batch []byte, codec log.Codec, packed []byte) []byte {
	c := append(bytes.Clone(batch[:log.HeaderLen]), packed...)
	binary.BigEndian.PutUint32(c[8:], uint32(len(c)-12))
	binary.BigEndian.PutUint16(c[21:], uint16(codec))
	return seal(c)
}

func TestCodecs(t *testing.T) {
	var b log.Builder
	b.Reset()
	for i := range 200 {
		b.Append(nil, fmt.Appendf(nil, "record %d", i), int64(i), nil)
	}
	batch := b.Finish()
	type packing struct {
		codec  log.Codec
		packed []byte
	}
	packings := []packing{{log.CodecSnappy, xerial(batch[log.HeaderLen:])}}
	for codec, packed := range pack(t, batch[log.HeaderLen:]) {
		packings = append(packings, packing{codec, packed})
	}
	var all log.Records
	for round := range 2 {
		all.Reset()
		for n, p := range packings {
			c := compressed(batch, p.codec, p.packed)
			if _, _, err := log.Check(c); err != nil {
				t.Fatal(err)
			}
			if err := all.Append(c, 0); err != nil {
				t.Fatalf("%s: %v", p.codec, err)
			}
			if all.Len() != 200*(n+1) {
				t.Fatalf("%s: %d records", p.codec, all.Len())
			}
		}
		for i, v := range all.Values {
			if want := fmt.Sprintf("record %d", i%200); string(v) != want {
				t.Fatalf("round %d: value %q, want %q", round, v, want)
			}
		}
	}
	for _, p := range packings {
		for cut := range p.packed {
			var r log.Reader
			if err := r.Reset(compressed(batch, p.codec, p.packed[:cut])); err == nil {
				var rec log.Record
				for r.Next(&rec) {
				}
				if r.Err() == nil {
					t.Fatalf("%s cut to %d of %d bytes reads well", p.codec, cut, len(p.packed))
				}
			} else if !errors.Is(err, log.ErrCorrupt) {
				t.Fatalf("%s cut to %d bytes: %v", p.codec, cut, err)
			}
		}
	}
	for codec := log.Codec(5); codec < 8; codec++ {
		var r log.Reader
		if err := r.Reset(compressed(batch, codec, nil)); !errors.Is(err, log.ErrCodec) {
			t.Fatalf("%s: %v", codec, err)
		}
	}
}

// The frames in testdata come from the lz4 command line tool: with linked and with independent blocks, with and
// without checksums and sizes.
func TestLZ4Frames(t *testing.T) {
	var text []byte
	for i := range 6000 {
		text = fmt.Appendf(text, "record %02d: departed %02d:%02d\n", i%40, i/500, i%24)
	}
	for name, want := range map[string][]byte{
		"plain.lz4": text, "linked.lz4": text, "blocks.lz4": text, "short.lz4": text[:100],
	} {
		frame, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := log.Inflate(log.CodecLZ4, frame)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d: %v", name, len(got), len(want), err)
		}
		skippable := append([]byte{0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9}, frame...)
		if got, err := log.Inflate(log.CodecLZ4, append(skippable, frame...)); err != nil || len(got) != 2*len(want) {
			t.Errorf("%s twice behind a skippable frame: %d bytes, %v", name, len(got), err)
		}
		for cut := 1; cut < len(frame); cut += 1 + len(frame)/200 {
			if _, err := log.Inflate(log.CodecLZ4, frame[:cut]); !errors.Is(err, log.ErrCorrupt) {
				t.Errorf("%s cut to %d bytes: %v", name, cut, err)
			}
		}
	}
}

func FuzzLZ4(f *testing.F) {
	frame, err := os.ReadFile(filepath.Join("testdata", "short.lz4"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add(lz4Stored([]byte("stored")))
	f.Fuzz(func(t *testing.T, in []byte) {
		if out, err := log.Inflate(log.CodecLZ4, in); err == nil && len(out) > 300*len(in) {
			t.Fatalf("%d bytes from %d", len(out), len(in))
		}
	})
}

package log

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// ParseCodec finds a codec by its name in Kafka's configuration; "uncompressed" is none.
func ParseCodec(name string) (Codec, error) {
	for c := CodecNone; c <= CodecZstd; c++ {
		if c.String() == name {
			return c, nil
		}
	}
	if name == "uncompressed" {
		return CodecNone, nil
	}
	return 0, fmt.Errorf("%w: %q", ErrCodec, name)
}

// Recompress returns a batch, whose bounds and CRC were checked, with its records compressed by a codec.
func Recompress(batch []byte, codec Codec) ([]byte, error) {
	h, batch, _, err := NextBatch(batch)
	if err != nil || h.Codec() == codec {
		return batch, err
	}
	var f inflater
	var mem []byte
	records, err := f.records(&h, batch, &mem)
	if err != nil {
		return nil, err
	}
	out, attributes := deflate(bytes.Clone(batch[:HeaderLen]), records, h.Attributes&^AttrCodec|int16(codec))
	sealBatch(out, attributes)
	return out, nil
}

// sealBatch completes a header after the attributes or the records of its batch changed.
func sealBatch(batch []byte, attributes int16) {
	be := binary.BigEndian
	be.PutUint32(batch[offLength:], uint32(len(batch)-lengthEnd))
	be.PutUint16(batch[offAttributes:], uint16(attributes))
	be.PutUint32(batch[offCRC:], crc32.Checksum(batch[offAttributes:], castagnoli))
}

// deflate appends records compressed by the codec of the attributes. The same records give the same bytes. The
// attributes returned say what was done: a codec that is not known is none.
func deflate(dst, records []byte, attributes int16) ([]byte, int16) {
	switch Codec(attributes & AttrCodec) {
	case CodecGzip:
		return gzipped(dst, records), attributes
	case CodecSnappy:
		return snapped(dst, records), attributes
	case CodecLZ4:
		return appendLZ4(dst, records), attributes
	case CodecZstd:
		if e, err := zstdEncoder(); err == nil {
			return e.EncodeAll(records, dst), attributes
		}
	}
	return append(dst, records...), attributes &^ AttrCodec
}

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func gzipped(dst, records []byte) []byte {
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	_, _ = w.Write(records) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// snapped writes the frame that Java clients know; see unsnappy.
func snapped(dst, records []byte) []byte {
	const block = 32 << 10
	dst = append(dst, xerialMagic...)
	dst = append(dst, 0, 0, 0, 1, 0, 0, 0, 1)
	for len(records) > 0 {
		n := min(len(records), block)
		one := snappy.Encode(nil, records[:n])
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(one))), one...)
		records = records[n:]
	}
	return dst
}

var zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
})

// lz4Header begins a frame of independent blocks of up to 64 KiB without checksums: magic, flags, block size, and a
// checksum of the two.
var lz4Header = []byte{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82}

// appendLZ4 appends an lz4 frame.
func appendLZ4(dst, records []byte) []byte {
	const block = 64 << 10
	dst = append(dst, lz4Header...)
	le := binary.LittleEndian
	for len(records) > 0 {
		n := min(len(records), block)
		at := len(dst)
		dst = appendLZ4Block(append(dst, 0, 0, 0, 0), records[:n])
		if size := len(dst) - at - 4; size < n {
			le.PutUint32(dst[at:], uint32(size))
		} else {
			const stored = 1 << 31
			le.PutUint32(dst[at:], uint32(n)|stored)
			dst = append(dst[:at+4], records[:n]...)
		}
		records = records[n:]
	}
	return append(dst, 0, 0, 0, 0)
}

// appendLZ4Block compresses a block: it takes the last place where the next four bytes stood, when there is one.
func appendLZ4Block(dst, src []byte) []byte {
	const (
		hashBits  = 13
		endLength = 12 // no match begins in the last bytes,
		lastBytes = 5  // and none reaches into these
	)
	var table [1 << hashBits]int32 // position plus one
	le := binary.LittleEndian
	anchor := 0
	for i := 0; i+endLength < len(src); {
		word := le.Uint32(src[i:])
		slot := &table[word*2654435761>>(32-hashBits)]
		at := int(*slot) - 1
		*slot = int32(i + 1)
		if at < 0 || le.Uint32(src[at:]) != word {
			i++
			continue
		}
		n := 4
		for i+n < len(src)-lastBytes && src[at+n] == src[i+n] {
			n++
		}
		dst = appendLZ4Sequence(dst, src[anchor:i], i-at, n)
		i += n
		anchor = i
	}
	return appendLZ4Sequence(dst, src[anchor:], 0, 0)
}

// appendLZ4Sequence appends literals and a match of at least four bytes; the last sequence has none.
func appendLZ4Sequence(dst, literals []byte, offset, match int) []byte {
	token := min(len(literals), 15) << 4
	if match > 0 {
		token |= min(match-4, 15)
	}
	dst = append(dst, byte(token))
	if len(literals) >= 15 {
		dst = appendLZ4Length(dst, len(literals)-15)
	}
	dst = append(dst, literals...)
	if match > 0 {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(offset))
		if match-4 >= 15 {
			dst = appendLZ4Length(dst, match-4-15)
		}
	}
	return dst
}

func appendLZ4Length(dst []byte, n int) []byte {
	for ; n >= 255; n -= 255 {
		dst = append(dst, 255)
	}
	return append(dst, byte(n))
}

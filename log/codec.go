package log

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Codec is the compression of a batch's records.
type Codec int8

// The codecs of Kafka.
const (
	CodecNone   Codec = 0
	CodecGzip   Codec = 1
	CodecSnappy Codec = 2
	CodecLZ4    Codec = 3
	CodecZstd   Codec = 4
)

// ErrCodec means a compression that is not known.
var ErrCodec = errors.New("log: unknown compression codec")

// maxInflated bounds what one batch may decompress to, against small batches that claim the world.
const maxInflated = 256 << 20

var errInflated = fmt.Errorf("%w: records claim to decompress to more than can be true", ErrCorrupt)

// String is the codec's name in Kafka's configuration.
func (c Codec) String() string {
	switch c {
	case CodecNone:
		return "none"
	case CodecGzip:
		return "gzip"
	case CodecSnappy:
		return "snappy"
	case CodecLZ4:
		return "lz4"
	case CodecZstd:
		return "zstd"
	}
	return fmt.Sprintf("codec %d", int8(c))
}

// inflater decompresses and keeps what can be used again.
type inflater struct {
	src bytes.Reader
	gz  *gzip.Reader
}

// records gives the records of a batch: a view of it, or *mem filled with what they decompress to.
func (f *inflater) records(h *Header, batch []byte, mem *[]byte) ([]byte, error) {
	src := batch[HeaderLen:]
	if h.Codec() == CodecNone {
		return src, nil
	}
	dst := (*mem)[:0]
	var err error
	switch h.Codec() {
	case CodecGzip:
		dst, err = f.gunzip(dst, src)
	case CodecSnappy:
		dst, err = unsnappy(dst, src)
	case CodecLZ4:
		dst, err = unlz4(dst, src)
	case CodecZstd:
		dst, err = unzstd(dst, src)
	default:
		return nil, fmt.Errorf("%w %d in the batch at offset %d", ErrCodec, int8(h.Codec()), h.BaseOffset)
	}
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil, fmt.Errorf("%s records of the batch at offset %d: %w", h.Codec(), h.BaseOffset, err)
	}
	*mem = dst
	return dst, nil
}

func (f *inflater) gunzip(dst, src []byte) ([]byte, error) {
	f.src.Reset(src)
	if f.gz == nil {
		f.gz = new(gzip.Reader)
	}
	if err := f.gz.Reset(&f.src); err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, 4*len(src))
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, len(dst))
		}
		n, err := f.gz.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
		if len(dst) > maxInflated {
			return nil, errInflated
		}
	}
}

var xerialMagic = []byte("\x82SNAPPY\x00")

// unsnappy reads a bare snappy block, or the frame that Java clients write: the magic, two versions of four bytes,
// then blocks behind their big-endian length.
func unsnappy(dst, src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerialMagic) {
		return unsnappyBlock(dst, src)
	}
	if len(src) < len(xerialMagic)+8 {
		return nil, io.ErrUnexpectedEOF
	}
	src = src[len(xerialMagic)+8:]
	for len(src) > 0 {
		if len(src) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := binary.BigEndian.Uint32(src)
		src = src[4:]
		if uint64(n) > uint64(len(src)) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = unsnappyBlock(dst, src[:n]); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return dst, nil
}

// snappyRatio is more than a snappy block can expand to: its best element makes 64 bytes of 3.
const snappyRatio = 24

func unsnappyBlock(dst, src []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if n > maxInflated-len(dst) || n > snappyRatio*len(src) {
		return nil, errInflated
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	if _, err := snappy.Decode(dst[at:], src); err != nil {
		return nil, err
	}
	return dst, nil
}

var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxInflated))
})

func unzstd(dst, src []byte) ([]byte, error) {
	d, err := zstdDecoder()
	if err != nil {
		return nil, err
	}
	return d.DecodeAll(src, dst)
}

package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A batch is Kafka's RecordBatch v2, big-endian, kept as the producer sent it. Only the two fields marked * are
// written here; the CRC does not cover them.
//
//	  0        8      12      16 17      21      23        27
//	  +--------+-------+-------+--+-------+-------+---------+
//	  |*base   |length |*leader|2 | crc   |attri- |last     |
//	  | offset |       | epoch |  |       |butes  |offset Δ |
//	  +--------+-------+-------+--+-------+-------+---------+
//	 27               35               43      51    53       57      61
//	  +----------------+----------------+-------+-----+--------+-------+---------
//	  |base timestamp  |max timestamp   |produ- |epoch|base    |record | records
//	  |                |                |cer id |     |sequence|count  | ...
//	  +----------------+----------------+-------+-----+--------+-------+---------
//
// length counts the bytes after itself; crc is CRC-32C of everything from attributes on.

const (
	// HeaderLen is the size of a batch without records.
	HeaderLen = 61

	// MaxBatchBytes bounds one batch, as Kafka clients do at most.
	MaxBatchBytes = 1 << 30

	offLength       = 8
	offEpoch        = 12
	offMagic        = 16
	offCRC          = 17
	offAttributes   = 21
	offMaxTimestamp = 35
	offProducer     = 43
	offRecords      = 57
	lengthEnd       = 12
	stampLen        = 16
	magicV2         = 2
	minRecordLen    = 7
)

// Attribute bits of a batch.
const (
	// AttrCodec masks the compression codec: one of the Codec constants.
	AttrCodec int16 = 0x07
	// AttrLogAppendTime says that every record's timestamp is the batch's MaxTimestamp.
	AttrLogAppendTime int16 = 0x08
	// AttrTransactional marks a batch of a transaction.
	AttrTransactional int16 = 0x10
	// AttrControl marks a batch that Kafka consumers skip.
	AttrControl int16 = 0x20
	// AttrDeleteHorizon says that BaseTimestamp is the moment from which tombstones may go.
	AttrDeleteHorizon int16 = 0x40
)

// Errors of batches. The ones returned wrap these and say where.
var (
	// ErrShort means that the bytes end before the batch does.
	ErrShort = errors.New("log: batch is incomplete")
	// ErrCorrupt means bytes that no writer of this format leaves behind.
	ErrCorrupt = errors.New("log: corrupt data")
	// ErrMagic means a message format other than RecordBatch v2.
	ErrMagic = errors.New("log: unsupported message format")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is the fixed part of a batch.
type Header struct {
	BaseOffset      int64
	Length          int32 // bytes after this field
	LeaderEpoch     int32
	Magic           int8
	CRC             uint32
	Attributes      int16
	LastOffsetDelta int32
	BaseTimestamp   int64 // milliseconds
	MaxTimestamp    int64 // milliseconds
	ProducerID      int64
	ProducerEpoch   int16
	BaseSequence    int32
	Records         int32
}

// Size is the length of the whole batch in bytes.
func (h *Header) Size() int { return lengthEnd + int(h.Length) }

// LastOffset is the offset of the batch's last record, present or compacted away.
func (h *Header) LastOffset() int64 { return h.BaseOffset + int64(h.LastOffsetDelta) }

// Codec is the compression of the records.
func (h *Header) Codec() Codec { return Codec(h.Attributes & AttrCodec) }

// Control reports whether the batch is for brokers, not for consumers.
func (h *Header) Control() bool { return h.Attributes&AttrControl != 0 }

// Transactional reports whether the batch belongs to a transaction.
func (h *Header) Transactional() bool { return h.Attributes&AttrTransactional != 0 }

// ParseHeader reads the fixed part of the batch that b starts with and checks that its fields can be true. The
// records may lie outside b. The error is ErrShort, ErrMagic or ErrCorrupt.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, fmt.Errorf("%w: %d of %d header bytes", ErrShort, len(b), HeaderLen)
	}
	_ = b[HeaderLen-1]
	h := Header{
		BaseOffset:      int64(binary.BigEndian.Uint64(b)),
		Length:          int32(binary.BigEndian.Uint32(b[offLength:])),
		LeaderEpoch:     int32(binary.BigEndian.Uint32(b[offEpoch:])),
		Magic:           int8(b[offMagic]),
		CRC:             binary.BigEndian.Uint32(b[offCRC:]),
		Attributes:      int16(binary.BigEndian.Uint16(b[offAttributes:])),
		LastOffsetDelta: int32(binary.BigEndian.Uint32(b[23:])),
		BaseTimestamp:   int64(binary.BigEndian.Uint64(b[27:])),
		MaxTimestamp:    int64(binary.BigEndian.Uint64(b[35:])),
		ProducerID:      int64(binary.BigEndian.Uint64(b[offProducer:])),
		ProducerEpoch:   int16(binary.BigEndian.Uint16(b[51:])),
		BaseSequence:    int32(binary.BigEndian.Uint32(b[53:])),
		Records:         int32(binary.BigEndian.Uint32(b[57:])),
	}
	return h, h.validate()
}

func (h *Header) validate() error {
	if h.Magic != magicV2 {
		return fmt.Errorf("%w: magic %d, want %d", ErrMagic, h.Magic, magicV2)
	}
	if h.Length < HeaderLen-lengthEnd || h.Length > MaxBatchBytes-lengthEnd {
		return fmt.Errorf("%w: batch length %d", ErrCorrupt, h.Length)
	}
	if h.LastOffsetDelta < 0 || h.Records < 0 || int64(h.Records) > int64(h.LastOffsetDelta)+1 {
		return fmt.Errorf("%w: %d records over %d offsets", ErrCorrupt, h.Records, int64(h.LastOffsetDelta)+1)
	}
	if h.Codec() == CodecNone && int64(h.Records)*minRecordLen > int64(h.Length) {
		return fmt.Errorf("%w: %d records in %d bytes", ErrCorrupt, h.Records, h.Length)
	}
	if h.BaseOffset < 0 || h.BaseOffset > maxOffset {
		return fmt.Errorf("%w: base offset %d", ErrCorrupt, h.BaseOffset)
	}
	return nil
}

// maxOffset leaves room for arithmetic on offsets without overflow.
const maxOffset = 1<<62 - 1

// Check parses the first batch in b, and verifies that all of it is there and that its CRC is right. n is its size;
// the next batch starts at b[n:].
func Check(b []byte) (h Header, n int, err error) {
	h, err = ParseHeader(b)
	if err != nil {
		return h, 0, err
	}
	n = h.Size()
	if n > len(b) {
		return h, 0, fmt.Errorf("%w: %d of %d bytes", ErrShort, len(b), n)
	}
	if sum := crc32.Checksum(b[offAttributes:n], castagnoli); sum != h.CRC {
		return h, 0, fmt.Errorf("%w: batch at offset %d has CRC %08x, its header says %08x",
			ErrCorrupt, h.BaseOffset, sum, h.CRC)
	}
	return h, n, nil
}

// NextBatch takes the first whole batch off b, by its header alone: the CRC is not looked at. At the end of b, and
// where only a part of a batch is left, the error is ErrShort.
func NextBatch(b []byte) (h Header, batch, rest []byte, err error) {
	h, err = ParseHeader(b)
	if err != nil {
		return h, nil, b, err
	}
	n := h.Size()
	if n > len(b) {
		return h, nil, b, fmt.Errorf("%w: %d of %d bytes", ErrShort, len(b), n)
	}
	return h, b[:n:n], b[n:], nil
}

// PutOffsetEpoch stamps the fields that a partition assigns into dst, a copy of at least the first 16 bytes of a
// batch.
func PutOffsetEpoch(dst []byte, base int64, epoch int32) {
	binary.BigEndian.PutUint64(dst, uint64(base))
	binary.BigEndian.PutUint32(dst[offEpoch:stampLen], uint32(epoch))
}

// StampAppendTime makes ms the timestamp of all records of a whole batch, and its CRC right again.
func StampAppendTime(batch []byte, ms int64) {
	be := binary.BigEndian
	be.PutUint16(batch[offAttributes:], be.Uint16(batch[offAttributes:])|uint16(AttrLogAppendTime))
	be.PutUint64(batch[offMaxTimestamp:], uint64(ms))
	be.PutUint32(batch[offCRC:], crc32.Checksum(batch[offAttributes:], castagnoli))
}

// StampProducer makes a whole batch one of a transaction of a producer, and its CRC right again.
func StampProducer(batch []byte, id int64, epoch int16, sequence int32) {
	be := binary.BigEndian
	be.PutUint16(batch[offAttributes:], be.Uint16(batch[offAttributes:])|uint16(AttrTransactional))
	be.PutUint64(batch[offProducer:], uint64(id))
	be.PutUint16(batch[offProducer+8:], uint16(epoch))
	be.PutUint32(batch[offProducer+10:], uint32(sequence))
	be.PutUint32(batch[offCRC:], crc32.Checksum(batch[offAttributes:], castagnoli))
}

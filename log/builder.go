package log

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// RecordHeader is one header of a record. A nil Value is null.
type RecordHeader struct {
	Key, Value []byte
}

// Builder makes one uncompressed batch. Its memory is reused: after the first few batches, appending does not
// allocate. The zero value is ready.
type Builder struct {
	buf           []byte // HeaderLen bytes of room, then records
	records       int32
	attributes    int16
	baseTimestamp int64
	maxTimestamp  int64
	producer      int64
	epoch         int16
	sequence      int32
}

// Reset empties the builder, and takes back what Finish lent out.
func (b *Builder) Reset() {
	if cap(b.buf) < HeaderLen {
		b.buf = make([]byte, HeaderLen, 4096)
	}
	*b = Builder{buf: b.buf[:HeaderLen], producer: -1, epoch: -1, sequence: -1}
}

// SetAttributes sets attribute bits such as AttrControl. The codec stays none.
func (b *Builder) SetAttributes(bits int16) {
	b.ready()
	b.attributes = bits &^ AttrCodec
}

// SetProducer names an idempotent producer and the sequence number of the first record.
func (b *Builder) SetProducer(id int64, epoch int16, sequence int32) {
	b.ready()
	b.producer, b.epoch, b.sequence = id, epoch, sequence
}

// Len is the number of records so far.
func (b *Builder) Len() int { return int(b.records) }

// Size is what the batch measures so far, in bytes.
func (b *Builder) Size() int { return max(len(b.buf), HeaderLen) }

func (b *Builder) ready() {
	if len(b.buf) == 0 {
		b.Reset()
	}
}

// Append adds a record. A nil key or value is null. Nothing is kept of the arguments.
func (b *Builder) Append(key, value []byte, timestampMs int64, headers []RecordHeader) {
	b.ready()
	if b.records == 0 {
		b.baseTimestamp, b.maxTimestamp = timestampMs, timestampMs
	}
	b.maxTimestamp = max(b.maxTimestamp, timestampMs)
	delta := timestampMs - b.baseTimestamp

	size := 1 + varintLen(delta) + varintLen(int64(b.records)) +
		bytesLen(key) + bytesLen(value) + varintLen(int64(len(headers)))
	for i := range headers {
		size += varintLen(int64(len(headers[i].Key))) + len(headers[i].Key) + bytesLen(headers[i].Value)
	}

	dst := appendVarint(b.buf, int64(size))
	dst = append(dst, 0)
	dst = appendVarint(dst, delta)
	dst = appendVarint(dst, int64(b.records))
	dst = appendBytes(dst, key)
	dst = appendBytes(dst, value)
	dst = appendVarint(dst, int64(len(headers)))
	for i := range headers {
		dst = appendVarint(dst, int64(len(headers[i].Key)))
		dst = append(dst, headers[i].Key...)
		dst = appendBytes(dst, headers[i].Value)
	}
	b.buf = dst
	b.records++
}

// Finish completes the batch and lends it out until the next Reset. It is nil when no record was appended. The base
// offset is 0 and the leader epoch -1: the partition assigns them.
func (b *Builder) Finish() []byte {
	if b.records == 0 {
		return nil
	}
	if len(b.buf) > MaxBatchBytes {
		panic("BUG: log: a batch outgrew MaxBatchBytes; its builder must look at Size")
	}
	h := b.buf
	be := binary.BigEndian
	be.PutUint64(h, 0)
	be.PutUint32(h[offLength:], uint32(len(h)-lengthEnd))
	be.PutUint32(h[offEpoch:], ^uint32(0))
	h[offMagic] = magicV2
	be.PutUint16(h[offAttributes:], uint16(b.attributes))
	be.PutUint32(h[23:], uint32(b.records-1))
	be.PutUint64(h[27:], uint64(b.baseTimestamp))
	be.PutUint64(h[35:], uint64(b.maxTimestamp))
	be.PutUint64(h[43:], uint64(b.producer))
	be.PutUint16(h[51:], uint16(b.epoch))
	be.PutUint32(h[53:], uint32(b.sequence))
	be.PutUint32(h[57:], uint32(b.records))
	be.PutUint32(h[offCRC:], crc32.Checksum(h[offAttributes:], castagnoli))
	return h
}

// varintLen is the size of v as a zigzag varint.
func varintLen(v int64) int {
	z := uint64(v)<<1 ^ uint64(v>>63)
	return (bits.Len64(z|1) + 6) / 7
}

// bytesLen is the size of v behind its length; nil is length -1.
func bytesLen(v []byte) int {
	if v == nil {
		return 1
	}
	return varintLen(int64(len(v))) + len(v)
}

func appendVarint(dst []byte, v int64) []byte {
	z := uint64(v)<<1 ^ uint64(v>>63)
	for z >= 0x80 {
		dst = append(dst, byte(z)|0x80)
		z >>= 7
	}
	return append(dst, byte(z))
}

func appendBytes(dst, v []byte) []byte {
	if v == nil {
		return append(dst, 1)
	}
	dst = appendVarint(dst, int64(len(v)))
	return append(dst, v...)
}

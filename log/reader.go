package log

import (
	"fmt"
	"math"
	"slices"
)

// Record is a view of one record. A nil Key or Value is null. The bytes belong to the batch, or to the Reader's
// memory when the batch is compressed.
type Record struct {
	Offset      int64
	Timestamp   int64 // milliseconds
	Key         []byte
	Value       []byte
	Headers     []byte // HeaderCount headers, encoded; AppendHeaders takes them apart
	HeaderCount int
}

// AppendHeaders appends views of the record's headers to dst.
func (r *Record) AppendHeaders(dst []RecordHeader) []RecordHeader {
	rest := r.Headers
	for range r.HeaderCount {
		var h RecordHeader
		if h, rest = nextHeader(rest); rest == nil {
			return dst
		}
		dst = append(dst, h)
	}
	return dst
}

// Reader walks the records of one batch without allocating per record. Views that Next gives stay valid until the
// next Reset, and as long as the batch does. The zero value is ready for Reset.
type Reader struct {
	header Header
	data   []byte // records, decompressed
	pos    int
	left   int32
	last   int64 // offset delta of the record before, -1 at first
	err    error
	inf    inflater
	mem    []byte // decompressed records, reused
}

// Reset starts on a batch whose bounds were checked (Check, or NextBatch for bytes of our own files). It decompresses
// the records when there is a codec.
func (r *Reader) Reset(batch []byte) error {
	r.data, r.pos, r.left, r.last, r.err = nil, 0, 0, -1, nil
	h, batch, _, err := NextBatch(batch)
	r.header = h
	if err == nil {
		r.data, err = r.inf.records(&h, batch, &r.mem)
	}
	if err != nil {
		r.err = err
		return err
	}
	r.left = h.Records
	return nil
}

// Header is the header of the batch being read.
func (r *Reader) Header() *Header { return &r.header }

// Err says why Next returned false; nil at the proper end of the batch.
func (r *Reader) Err() error { return r.err }

// Next fills rec with the next record. It returns false at the end of the batch, and at the first record that is not
// well formed: see Err.
func (r *Reader) Next(rec *Record) bool {
	if r.left == 0 {
		if r.pos != len(r.data) && r.err == nil {
			r.err = fmt.Errorf("%w: %d bytes behind the last record of the batch at offset %d",
				ErrCorrupt, len(r.data)-r.pos, r.header.BaseOffset)
		}
		return false
	}
	if !r.next(rec) {
		r.left = 0
		r.err = fmt.Errorf("%w: malformed record at byte %d of the batch at offset %d",
			ErrCorrupt, r.pos, r.header.BaseOffset)
		r.pos = len(r.data)
		return false
	}
	r.left--
	return true
}

// next decodes one record:
//
//	varint length | i8 attributes | varint Δtimestamp | varint Δoffset
//	varint n, key | varint n, value | varint n, headers
//
// The one-byte case of every number is written out: it is most of them, and a call each would double the time.
func (r *Reader) next(rec *Record) bool {
	d, p := r.data, r.pos
	var z uint64
	if p < len(d) && d[p] < 0x80 {
		z, p = uint64(d[p]), p+1
	} else if z, p = uvarint(d, p); p < 0 {
		return false
	}
	length := unzigzag(z)
	if length < minRecordLen-1 || length > int64(len(d)-p) {
		return false
	}
	end := p + int(length)
	d = d[:end:end]
	p++ // attributes: none are defined
	if p < len(d) && d[p] < 0x80 {
		z, p = uint64(d[p]), p+1
	} else if z, p = uvarint(d, p); p < 0 {
		return false
	}
	rec.Timestamp = r.header.BaseTimestamp + unzigzag(z)
	if p < len(d) && d[p] < 0x80 {
		z, p = uint64(d[p]), p+1
	} else if z, p = uvarint(d, p); p < 0 {
		return false
	}
	delta := unzigzag(z)
	if delta <= r.last || delta > int64(r.header.LastOffsetDelta) {
		return false
	}
	rec.Offset = r.header.BaseOffset + delta
	if rec.Key, p = field(d, p); p < 0 {
		return false
	}
	if rec.Value, p = field(d, p); p < 0 {
		return false
	}
	if r.header.Attributes&AttrLogAppendTime != 0 {
		rec.Timestamp = r.header.MaxTimestamp
	}
	rec.Headers, rec.HeaderCount = nil, 0
	if p != end-1 || d[p] != 0 {
		if !rec.setHeaders(d, p) {
			return false
		}
	}
	r.last, r.pos = delta, end
	return true
}

// setHeaders takes the headers from d[p:], which must hold nothing else.
func (r *Record) setHeaders(d []byte, p int) bool {
	z, p := uvarint(d, p)
	count := unzigzag(z)
	if p < 0 || count < 0 || count > int64(len(d)-p) || !validHeaders(d[p:], int(count)) {
		return false
	}
	if count > 0 {
		r.Headers, r.HeaderCount = d[p:], int(count)
	}
	return true
}

func unzigzag(z uint64) int64 { return int64(z>>1) ^ -int64(z&1) }

// uvarint reads the zigzag form of a number at d[p:]. The position behind it is negative when there is none.
//
//go:noinline
func uvarint(d []byte, p int) (uint64, int) {
	if p < len(d)-1 && d[p] >= 0x80 && d[p+1] < 0x80 {
		return uint64(d[p]&0x7f) | uint64(d[p+1])<<7, p + 2
	}
	var z uint64
	for shift := uint(0); shift < 64; shift += 7 {
		if p >= len(d) {
			return 0, -1
		}
		c := d[p]
		p++
		z |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if shift == 63 && c > 1 {
				return 0, -1
			}
			return z, p
		}
	}
	return 0, -1
}

// field reads a byte string behind its length, nil for null.
func field(d []byte, p int) ([]byte, int) {
	var z uint64
	if p < len(d) && d[p] < 0x80 {
		z, p = uint64(d[p]), p+1
	} else if z, p = uvarint(d, p); p < 0 {
		return nil, -1
	}
	n := unzigzag(z)
	if n < 0 || n > int64(len(d)-p) {
		if n == -1 {
			return nil, p
		}
		return nil, -1
	}
	end := p + int(n)
	return d[p:end:end], end
}

func validHeaders(d []byte, count int) bool {
	for range count {
		if _, d = nextHeader(d); d == nil {
			return false
		}
	}
	return len(d) == 0
}

// nextHeader takes a header off d. The rest is nil, not merely empty, when d does not start with one.
func nextHeader(d []byte) (RecordHeader, []byte) {
	key, p := field(d, 0)
	if p < 0 || key == nil {
		return RecordHeader{}, nil
	}
	value, p := field(d, p)
	if p < 0 {
		return RecordHeader{}, nil
	}
	return RecordHeader{Key: key, Value: value}, d[p:]
}

// Records is many records as parallel slices, the form that column decoders take. Its memory is reused; its views are
// valid until Reset, and as long as the batches are.
type Records struct {
	Offsets    []int64
	Timestamps []int64 // milliseconds
	Keys       [][]byte
	Values     [][]byte
	// Headers are collected when WithHeaders is set: encoded, with how many they are, as a Record has them.
	WithHeaders  bool
	Headers      [][]byte
	HeaderCounts []int

	reader Reader
	mem    [][]byte // decompressed records, one buffer a compressed batch
	used   int
}

// Len is the number of records held.
func (rs *Records) Len() int { return len(rs.Offsets) }

// Reset drops the records and keeps the memory.
func (rs *Records) Reset() {
	clear(rs.Keys)
	clear(rs.Values)
	rs.Offsets, rs.Timestamps = rs.Offsets[:0], rs.Timestamps[:0]
	rs.Keys, rs.Values = rs.Keys[:0], rs.Values[:0]
	rs.Headers, rs.HeaderCounts = rs.Headers[:0], rs.HeaderCounts[:0]
	rs.used = 0
}

// Cut drops the records with offsets of at least to; they are at the end.
func (rs *Records) Cut(to int64) {
	n := len(rs.Offsets)
	for n > 0 && rs.Offsets[n-1] >= to {
		n--
	}
	rs.Offsets, rs.Timestamps, rs.Keys, rs.Values = rs.Offsets[:n], rs.Timestamps[:n], rs.Keys[:n], rs.Values[:n]
	if rs.WithHeaders {
		rs.Headers, rs.HeaderCounts = rs.Headers[:n], rs.HeaderCounts[:n]
	}
}

// AppendHeaders appends views of the headers of record i to dst.
func (rs *Records) AppendHeaders(dst []RecordHeader, i int) []RecordHeader {
	r := Record{Headers: rs.Headers[i], HeaderCount: rs.HeaderCounts[i]}
	return r.AppendHeaders(dst)
}

// Append adds the records of one batch whose offset is at least from. Control batches add nothing. On an error the
// records in front of the malformed one are there.
func (rs *Records) Append(batch []byte, from int64) error {
	r := &rs.reader
	if rs.used == len(rs.mem) {
		rs.mem = append(rs.mem, nil)
	}
	r.mem = rs.mem[rs.used]
	if err := r.Reset(batch); err != nil {
		return err
	}
	if r.header.Control() {
		return nil
	}
	if r.header.Codec() != CodecNone {
		rs.mem[rs.used] = r.mem
		rs.used++
	}
	n := min(int(r.header.Records), len(r.data)/minRecordLen)
	rs.Offsets, rs.Timestamps = slices.Grow(rs.Offsets, n), slices.Grow(rs.Timestamps, n)
	rs.Keys, rs.Values = slices.Grow(rs.Keys, n), slices.Grow(rs.Values, n)
	var rec Record
	for r.Next(&rec) {
		if rec.Offset < from {
			continue
		}
		rs.Offsets = append(rs.Offsets, rec.Offset)
		rs.Timestamps = append(rs.Timestamps, rec.Timestamp)
		rs.Keys = append(rs.Keys, rec.Key)
		rs.Values = append(rs.Values, rec.Value)
		if rs.WithHeaders {
			rs.Headers = append(rs.Headers, rec.Headers)
			rs.HeaderCounts = append(rs.HeaderCounts, rec.HeaderCount)
		}
	}
	return r.Err()
}

// AppendAll adds the records of a run of whole batches whose offset is in [from, to), as Partition.Read gives them.
func (rs *Records) AppendAll(batches []byte, from, to int64) error {
	for len(batches) > 0 {
		h, batch, rest, err := NextBatch(batches)
		if err != nil {
			return err
		}
		if h.BaseOffset >= to {
			break
		}
		if err := rs.Append(batch, from); err != nil {
			return err
		}
		batches = rest
	}
	rs.cut(to)
	return nil
}

// cut drops the records from offset to on.
func (rs *Records) cut(to int64) {
	if to == math.MaxInt64 {
		return
	}
	n := len(rs.Offsets)
	for n > 0 && rs.Offsets[n-1] >= to {
		n--
	}
	rs.Offsets, rs.Timestamps = rs.Offsets[:n], rs.Timestamps[:n]
	rs.Keys, rs.Values = rs.Keys[:n], rs.Values[:n]
}

package wal

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// frameHeaderBytes is the fixed part of a frame; README.md draws it.
const frameHeaderBytes = 72

// frameAlign is the alignment of frames, so that recovery can look for them without reading every byte as a start.
const frameAlign = 8

const (
	kindSegment = 1 // the first frame of a segment: the state of every group where the segment begins
	kindEntry   = 2 // one raft entry
	kindDelete  = 3 // entries [index, term] of the group are gone
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frame is one record of the log, decoded. Its payload points into the buffer it was decoded from.
type frame struct {
	generation uint64
	sequence   uint64
	batch      uint32
	kind       uint8
	typ        uint8
	group      uint64
	index      uint64
	term       uint64
	at         int64
	extensions uint32
	payload    []byte
}

// frameBytes returns how many bytes a frame with a payload of n bytes takes.
func frameBytes(n int) int {
	return (frameHeaderBytes + n + frameAlign - 1) &^ (frameAlign - 1)
}

// appendFrame appends the encoded frame; the payload is given in two parts so that a raft entry needs no copy before.
func appendFrame(dst []byte, f *frame, part1, part2 []byte) []byte {
	start, n := len(dst), len(part1)+len(part2)
	var h [frameHeaderBytes]byte
	le := binary.LittleEndian
	le.PutUint32(h[4:], uint32(n))
	le.PutUint64(h[8:], f.generation)
	le.PutUint64(h[16:], f.sequence)
	le.PutUint32(h[24:], f.batch)
	h[28], h[29] = f.kind, f.typ
	le.PutUint64(h[32:], f.group)
	le.PutUint64(h[40:], f.index)
	le.PutUint64(h[48:], f.term)
	le.PutUint64(h[56:], uint64(f.at))
	le.PutUint32(h[64:], uint32(len(part2)))
	dst = append(dst, h[:]...)
	dst = append(dst, part1...)
	dst = append(dst, part2...)
	le.PutUint32(dst[start:], crc32.Checksum(dst[start+4:], castagnoli))
	for len(dst)-start < frameBytes(n) {
		dst = append(dst, 0)
	}
	return dst
}

// frameLen reads the payload's length from a header; the caller checks it against what may follow.
func frameLen(h []byte) int64 { return int64(binary.LittleEndian.Uint32(h[4:])) }

// decodeFrame decodes the frame at the start of b. It reports false when there is none: too short, or a wrong sum.
func decodeFrame(b []byte) (frame, bool) {
	if len(b) < frameHeaderBytes {
		return frame{}, false
	}
	n := frameLen(b)
	if n > int64(len(b)-frameHeaderBytes) {
		return frame{}, false
	}
	le := binary.LittleEndian
	if le.Uint32(b) != crc32.Checksum(b[4:frameHeaderBytes+n], castagnoli) {
		return frame{}, false
	}
	f := frame{
		generation: le.Uint64(b[8:]),
		sequence:   le.Uint64(b[16:]),
		batch:      le.Uint32(b[24:]),
		kind:       b[28],
		typ:        b[29],
		group:      le.Uint64(b[32:]),
		index:      le.Uint64(b[40:]),
		term:       le.Uint64(b[48:]),
		at:         int64(le.Uint64(b[56:])),
		extensions: le.Uint32(b[64:]),
		payload:    b[frameHeaderBytes : frameHeaderBytes+n],
	}
	return f, f.kind >= kindSegment && f.kind <= kindDelete && int64(f.extensions) <= n
}

// log fills l with the raft entry in f. The entry's bytes are those of the frame.
func (f *frame) log(l *raft.Log) {
	cut := len(f.payload) - int(f.extensions)
	*l = raft.Log{Index: f.index, Term: f.term, Type: raft.LogType(f.typ)}
	if cut > 0 {
		l.Data = f.payload[:cut:cut]
	}
	if f.extensions > 0 {
		l.Extensions = f.payload[cut:]
	}
	if f.at != 0 {
		l.AppendedAt = time.Unix(0, f.at)
	}
}

// A span is the state of one group as the first frame of a segment lists it: entries [first, last], or none when both
// are 0.
type span struct{ group, first, last uint64 }

// appendSpans encodes the payload of a segment's first frame: where the segment before it ended, and the groups.
func appendSpans(dst []byte, previousEnd int64, spans []span) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(previousEnd))
	for _, s := range spans {
		dst = binary.LittleEndian.AppendUint64(dst, s.group)
		dst = binary.LittleEndian.AppendUint64(dst, s.first)
		dst = binary.LittleEndian.AppendUint64(dst, s.last)
	}
	return dst
}

// decodeSpans is the inverse of appendSpans.
func decodeSpans(b []byte) (previousEnd int64, spans []span, ok bool) {
	if len(b) < 8 || (len(b)-8)%24 != 0 {
		return 0, nil, false
	}
	le := binary.LittleEndian
	previousEnd = int64(le.Uint64(b))
	for b = b[8:]; len(b) > 0; b = b[24:] {
		s := span{le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:])}
		if s.first > s.last || (s.first == 0) != (s.last == 0) {
			return 0, nil, false
		}
		spans = append(spans, s)
	}
	return previousEnd, spans, previousEnd >= 0
}

package kafka

import (
	"encoding/binary"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// fetchResponse writes the response of Fetch. kmsg would do it too, but compares every partition with an empty one by
// reflection.
type fetchResponse struct {
	version int16
	code    code.Code
	topics  []fetchTopic
	named   []broker // nodes that partitions name as their leaders
	// holes are where AppendTo has left records out.
	holes []hole
}

// holeBytes is how long records must be not to be copied into the response.
const holeBytes = 8 << 10

// Key implements response.
func (r *fetchResponse) Key() int16 { return int16(kmsg.Fetch) }

// IsFlexible implements response.
func (r *fetchResponse) IsFlexible() bool { return r.version >= 12 }

// AppendTo implements response.
func (r *fetchResponse) AppendTo(b []byte) []byte {
	r.holes = r.holes[:0]
	flexible := r.IsFlexible()
	b = binary.BigEndian.AppendUint32(b, 0) // no throttling
	if r.version >= 7 {
		b = binary.BigEndian.AppendUint16(b, uint16(r.code))
		b = binary.BigEndian.AppendUint32(b, 0) // no session
	}
	b = appendLen(b, len(r.topics), flexible)
	for i := range r.topics {
		t := &r.topics[i]
		if r.version >= 13 {
			b = append(b, t.id[:]...)
		} else {
			b = appendString(b, t.name, flexible)
		}
		b = appendLen(b, len(t.parts), flexible)
		for j := range t.parts {
			b = r.appendPart(b, &t.parts[j], flexible)
		}
		if flexible {
			b = append(b, 0) // no tagged fields
		}
	}
	if flexible {
		b = r.appendNamed(b)
	}
	return b
}

// appendNamed appends the tagged fields of the response: field 0 says where nodes are.
func (r *fetchResponse) appendNamed(b []byte) []byte {
	if len(r.named) == 0 || r.version < 16 {
		return append(b, 0)
	}
	field := appendLen(nil, len(r.named), true)
	for _, at := range r.named {
		field = binary.BigEndian.AppendUint32(field, uint32(at.id))
		field = appendString(field, at.host, true)
		field = binary.BigEndian.AppendUint32(field, uint32(at.port))
		field = append(field, 0, 0) // no rack, no tagged fields
	}
	b = append(b, 1, 0)
	b = binary.AppendUvarint(b, uint64(len(field)))
	return append(b, field...)
}

// A hole is a place in a response where records belong that are not copied there.
type hole struct {
	at   int
	part *fetchPart
}

// size is how long the records of the part are.
func (p *fetchPart) size() int {
	if p.file != nil {
		return int(p.file.Size())
	}
	return len(p.data)
}

// send sends the response: what is in frame, with the records in the holes.
func (r *fetchResponse) send(c *conn, frame []byte) error {
	from := 0
	var pieces net.Buffers
	flush := func() error {
		err := c.arm()
		if err == nil && len(pieces) > 0 {
			_, err = pieces.WriteTo(c.net)
		}
		pieces = nil
		return err
	}
	for _, h := range r.holes {
		pieces = append(pieces, frame[from:h.at])
		from = h.at
		if h.part.file == nil {
			pieces = append(pieces, h.part.data)
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if _, err := h.part.file.WriteTo(c.net); err != nil {
			return err
		}
	}
	pieces = append(pieces, frame[from:])
	return flush()
}

// release gives back what the records were read into.
func (r *fetchResponse) release() {
	for i := range r.topics {
		for j := range r.topics[i].parts {
			p := &r.topics[i].parts[j]
			if p.file != nil {
				_ = p.file.Close() // it was only read
			}
			if b := p.data; cap(b) > 0 && cap(b) <= maxKeptBytes {
				p.data = nil
				buffers.Put(&b) // and not &p.data, which would keep the whole request
			}
		}
	}
}

func (r *fetchResponse) appendPart(b []byte, p *fetchPart, flexible bool) []byte {
	be := binary.BigEndian
	bounds := p.bounds
	if p.code != code.None && p.code != code.OffsetOutOfRange {
		bounds = Bounds{Start: -1, Stable: -1, Next: -1}
	}
	b = be.AppendUint32(b, uint32(p.in.Partition))
	b = be.AppendUint16(b, uint16(p.code))
	b = be.AppendUint64(b, uint64(bounds.Next))
	b = be.AppendUint64(b, uint64(bounds.Stable))
	if r.version >= 5 {
		b = be.AppendUint64(b, uint64(bounds.Start))
	}
	b = appendLen(b, len(p.aborted), flexible)
	for _, t := range p.aborted {
		b = be.AppendUint64(b, uint64(t.Producer))
		b = be.AppendUint64(b, uint64(t.FirstOffset))
		if flexible {
			b = append(b, 0)
		}
	}
	if r.version >= 11 {
		b = be.AppendUint32(b, 1<<32-1) // no preferred replica
	}
	n := p.size()
	if flexible {
		b = binary.AppendUvarint(b, uint64(n)+1)
	} else {
		b = be.AppendUint32(b, uint32(n))
	}
	if n >= holeBytes || p.file != nil {
		r.holes = append(r.holes, hole{len(b), p})
	} else {
		b = append(b, p.data...)
	}
	switch {
	case flexible && p.leader.id >= 0:
		b = append(b, 1, 1, 9) // field 1 has 9 bytes
		b = be.AppendUint32(b, uint32(p.leader.id))
		b = be.AppendUint32(b, uint32(p.leader.epoch))
		b = append(b, 0)
	case flexible:
		b = append(b, 0)
	}
	return b
}

// appendLen appends the length of an array.
func appendLen(b []byte, n int, flexible bool) []byte {
	if flexible {
		return binary.AppendUvarint(b, uint64(n)+1)
	}
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func appendString(b []byte, s string, flexible bool) []byte {
	if flexible {
		b = binary.AppendUvarint(b, uint64(len(s))+1)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	}
	return append(b, s...)
}

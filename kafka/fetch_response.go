package kafka

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// fetchResponse writes the response of Fetch. kmsg would do it too, but compares every partition with an empty one by
// reflection.
type fetchResponse struct {
	version int16
	code    code.Code
	topics  []fetchTopic
}

// Key implements response.
func (r *fetchResponse) Key() int16 { return int16(kmsg.Fetch) }

// IsFlexible implements response.
func (r *fetchResponse) IsFlexible() bool { return r.version >= 12 }

// AppendTo implements response.
func (r *fetchResponse) AppendTo(b []byte) []byte {
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
		b = append(b, 0)
	}
	return b
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
	if flexible {
		b = binary.AppendUvarint(b, uint64(len(p.data))+1)
	} else {
		b = be.AppendUint32(b, uint32(len(p.data)))
	}
	b = append(b, p.data...)
	if flexible {
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

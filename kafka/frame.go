package kafka

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request's frame, big-endian. Flexible versions have tagged fields behind the client's name; they carry nothing that
// brokers need.
//
//	+----------+-------+----------+----------------+-----------+--------+------
//	|length i32|key i16|version   |correlation i32 |client     |(tagged |body …
//	|          |       |i16       |                |i16, bytes |fields) |
//	+----------+-------+----------+----------------+-----------+--------+------
//
// A response's is the length, the correlation, in flexible versions a zero for no tagged fields, and the body.
type requestHeader struct {
	key, version int16
	correlation  int32
	client       string // what it calls itself
}

// errFrame means bytes that are no request of Kafka's protocol. The connection is closed for it, as Kafka does.
var errFrame = errors.New("kafka: not a request")

const (
	// firstBytes is how much memory a frame gets before it has come: a length alone is worth no more.
	firstBytes = 1 << 20
	// maxKeptBytes is the largest buffer that is kept for the next request.
	maxKeptBytes = 2 << 20
)

// frames are buffers of requests, to be used again.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// readFrame reads a frame without its length.
func readFrame(r *bufio.Reader, maxBytes int) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(int32(binary.BigEndian.Uint32(length[:])))
	if n < 8 || n > maxBytes {
		return nil, fmt.Errorf("%w: a frame of %d bytes, 8 to %d are possible", errFrame, n, maxBytes)
	}
	f := (*frames.Get().(*[]byte))[:0]
	for len(f) < n {
		part := min(n-len(f), max(firstBytes, len(f)))
		f = slices.Grow(f, part)
		got, err := io.ReadFull(r, f[len(f):len(f)+part])
		f = f[:len(f)+got]
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return f, nil
}

// recycle takes back what an answered call was read into. Only a Produce leaves nothing behind that points there.
func recycle(k *call) {
	if k.header.key == int16(kmsg.Produce) && cap(k.frame) <= maxKeptBytes {
		f := k.frame
		*k = call{}
		frames.Put(&f)
	}
}

// parseCall takes a frame apart.
func parseCall(f []byte) (*call, error) {
	h := requestHeader{
		key:         int16(binary.BigEndian.Uint16(f)),
		version:     int16(binary.BigEndian.Uint16(f[2:])),
		correlation: int32(binary.BigEndian.Uint32(f[4:])),
	}
	k := &call{header: h, frame: f}
	a, ok := apiOf(h.key)
	if !ok {
		return nil, fmt.Errorf("%w: API key %d is not known", errFrame, h.key)
	}
	k.api = a
	k.req = kmsg.RequestForKey(h.key)
	if h.key == int16(kmsg.ApiVersions) && h.version > a.max {
		// A client may be newer than we are. It is told so in the oldest version; what else it says we cannot read.
		k.req.SetVersion(h.version)
		return k, nil
	}
	if h.version < a.min || h.version > a.max {
		return nil, fmt.Errorf("%w: %s version %d, %d to %d are possible", errFrame, kmsg.NameForKey(h.key), h.version,
			a.min, a.max)
	}
	k.req.SetVersion(h.version)
	body, ok := k.header.readClient(f[8:], k.req.IsFlexible())
	if !ok {
		return nil, fmt.Errorf("%w: header of %s", errFrame, kmsg.NameForKey(h.key))
	}
	if h.key != int16(kmsg.Produce) && len(body) > maxPlainBytes {
		return nil, fmt.Errorf("%w: %s of %d bytes, %d are possible", errFrame, kmsg.NameForKey(h.key), len(body),
			maxPlainBytes)
	}
	if err := checkTags(k.req, body); err != nil {
		return nil, err
	}
	if err := k.req.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%w: %s version %d: %w", errFrame, kmsg.NameForKey(h.key), h.version, err)
	}
	return k, nil
}

// readClient reads the client's name, and passes over the tagged fields of a header.
func (h *requestHeader) readClient(b []byte, flexible bool) (body []byte, ok bool) {
	if len(b) < 2 {
		return nil, false
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	if b = b[2:]; n > len(b) {
		return nil, false
	}
	h.client = string(b[:max(n, 0)])
	b = b[max(n, 0):]
	if !flexible {
		return b, true
	}
	tags, b, ok := uvarint(b)
	for ; ok && tags > 0; tags-- {
		var size uint32
		if _, b, ok = uvarint(b); !ok {
			break
		}
		if size, b, ok = uvarint(b); ok {
			if ok = int64(size) <= int64(len(b)); ok {
				b = b[size:]
			}
		}
	}
	return b, ok
}

func uvarint(b []byte) (v uint32, rest []byte, ok bool) {
	x, n := binary.Uvarint(b)
	if n <= 0 || x > 1<<32-1 {
		return 0, nil, false
	}
	return uint32(x), b[n:], true
}

// A response is what goes behind a response's header. Every kmsg.Response is one.
type response interface {
	Key() int16
	IsFlexible() bool
	AppendTo([]byte) []byte
}

// appendResponse appends a response's frame to dst, which is empty.
func appendResponse(dst []byte, correlation int32, r response) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlation))
	if r.IsFlexible() && r.Key() != int16(kmsg.ApiVersions) { // which clients can read without knowing its version
		dst = append(dst, 0)
	}
	dst = r.AppendTo(dst)
	binary.BigEndian.PutUint32(dst, uint32(len(dst)-4))
	return dst
}

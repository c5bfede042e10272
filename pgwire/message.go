package pgwire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"sync"

	"github.com/leatdb/leat/sql/charset"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

const (
	// readBytes is the buffer a connection always has: a client that waits costs little.
	readBytes = 4 << 10
	// wideBytes is the buffer it has during COPY FROM STDIN.
	wideBytes = 256 << 10
	// keepBytes is the largest buffer of a message's body, or of output, that an idle connection keeps.
	keepBytes = 4 << 10
	// maxSmall is the longest message of a type that carries a name at most.
	maxSmall = 10000
)

var wideReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, wideBytes) }}

// widen gives the connection the large buffer for reading. What the small one holds is read first.
func (c *conn) widen() {
	if c.wide == nil {
		c.wide = wideReaders.Get().(*bufio.Reader)
		c.wide.Reset(c.small)
		c.in = c.wide
	}
}

// narrow takes the large buffer away as soon as it is empty.
func (c *conn) narrow() {
	if c.wide != nil && c.wide.Buffered() == 0 {
		c.wide.Reset(nil)
		wideReaders.Put(c.wide)
		c.wide, c.in = nil, c.small
	}
}

// header reads the type of the next message and the length of its body. Errors of the protocol are *sqlerr.Error,
// others the connection's.
func (c *conn) header() (kind byte, size int, err error) {
	c.watch.stop()
	c.narrow()
	head, err := c.in.Peek(5)
	if err != nil {
		return 0, 0, err
	}
	kind = head[0]
	n := int64(binary.BigEndian.Uint32(head[1:])) - 4
	c.in.Discard(5) // they are there
	if c.relay != nil {
		c.relay.dealt++
	}
	limit := int64(c.server.cfg.MaxMessageBytes)
	switch kind {
	case 'Q', 'P', 'B', 'd', 'f', 'F':
	case 'D', 'E', 'C', 'H', 'S', 'X', 'c':
		if limit = min(limit, maxSmall); n > limit {
			return 0, 0, sqlerr.New(sqlerr.ProtocolViolation, "invalid message length")
		}
	default:
		return 0, 0, sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", kind)
	}
	switch {
	case n < 0:
		return 0, 0, sqlerr.New(sqlerr.ProtocolViolation, "invalid message length")
	case n > limit:
		return 0, 0, sqlerr.New(sqlerr.ProgramLimitExceeded, "a message of %d bytes is longer than the limit of %d", n, limit)
	}
	return kind, int(n), nil
}

// readBody reads a body of n bytes, valid until the next call. Large ones are read in pieces, so that memory grows only
// with what really comes.
func (c *conn) readBody(n int) ([]byte, error) {
	const piece = 1 << 20
	body := c.body[:0]
	for len(body) < n {
		step := min(n-len(body), piece)
		if cap(body)-len(body) < step {
			grown := make([]byte, len(body), max(len(body)+step, min(2*cap(body), n)))
			copy(grown, body)
			body = grown
		}
		at := len(body)
		body = body[:at+step]
		if got, err := io.ReadFull(c.in, body[at:]); err != nil {
			c.body = body[:at+got]
			return nil, err
		}
	}
	c.body = body
	return body, nil
}

// fields reads the fields of a message's body in turn. After a field that is not there everything else is empty, and
// end tells.
type fields struct {
	rest []byte
	set  *charset.Charset // of its strings
	err  error
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = sqlerr.New(sqlerr.ProtocolViolation, "%s", what)
	}
	f.rest = nil
}

// text reads a string that ends in NUL.
func (f *fields) text() string {
	i := bytes.IndexByte(f.rest, 0)
	if i < 0 {
		f.fail("invalid string in message")
		return ""
	}
	s, err := f.set.Decode(f.rest[:i])
	if f.set == nil {
		err = types.CheckText(s)
	}
	if err != nil && f.err == nil {
		f.err = err
	}
	f.rest = f.rest[i+1:]
	return string(s)
}

// bytes reads n bytes; they belong to the body.
func (f *fields) bytes(n int) []byte {
	if n < 0 || n > len(f.rest) {
		f.fail("insufficient data left in message")
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) byte() byte {
	if len(f.rest) == 0 {
		f.fail("no data left in message")
		return 0
	}
	return f.bytes(1)[0]
}

func (f *fields) int16() int16 {
	if b := f.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (f *fields) int32() int32 {
	if b := f.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// count reads a number of items that take at least size bytes each.
func (f *fields) count(size int) int {
	n := int(uint16(f.int16()))
	if n*size > len(f.rest) {
		f.fail("insufficient data left in message")
		return 0
	}
	return n
}

// codes reads a list of format codes.
func (f *fields) codes() []int16 {
	codes := make([]int16, f.count(2))
	for i := range codes {
		codes[i] = f.int16()
	}
	return codes
}

// end returns what was wrong with the message, if anything was.
func (f *fields) end() error {
	if f.err == nil && len(f.rest) > 0 {
		f.fail("invalid message format")
	}
	return f.err
}

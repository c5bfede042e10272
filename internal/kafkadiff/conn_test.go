//go:build clients

package kafkadiff

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A conn is one client connection: requests at exactly the versions that were set, one at a time.
type conn struct {
	t    *testing.T
	c    net.Conn
	fmt  *kmsg.RequestFormatter
	next int32
}

func dial(t *testing.T, addr string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &conn{t: t, c: c, fmt: kmsg.NewRequestFormatter(kmsg.FormatterClientID("kafkadiff"))}
}

// send writes a request and returns what waits for its answer.
func (c *conn) send(req kmsg.Request) (await func() kmsg.Response) {
	c.t.Helper()
	c.next++
	frame := c.fmt.AppendRequest(nil, req, c.next)
	if err := c.c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.c.Write(frame); err != nil {
		c.t.Fatalf("%s: %v", kmsg.NameForKey(req.Key()), err)
	}
	return func() kmsg.Response { return c.receive(req) }
}

// call sends a request and waits for its answer.
func (c *conn) call(req kmsg.Request) kmsg.Response {
	c.t.Helper()
	return c.send(req)()
}

func (c *conn) receive(req kmsg.Request) kmsg.Response {
	c.t.Helper()
	name := kmsg.NameForKey(req.Key())
	var size [4]byte
	if _, err := io.ReadFull(c.c, size[:]); err != nil {
		c.t.Fatalf("%s v%d: no answer: %v", name, req.GetVersion(), err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c.c, body); err != nil {
		c.t.Fatalf("%s v%d: %v", name, req.GetVersion(), err)
	}
	body = body[4:] // the correlation number
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		body = body[1:] // no tags in the header
	}
	if err := resp.ReadFrom(body); err != nil {
		c.t.Fatalf("%s v%d: malformed answer: %v", name, req.GetVersion(), err)
	}
	return resp
}

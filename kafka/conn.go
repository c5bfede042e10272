package kafka

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxPipelined is how many requests of a connection may wait for their turn.
	maxPipelined = 64
	// maxPipelinedBytes is how long they may be together, unless it is one.
	maxPipelinedBytes = 32 << 20
	// writeTimeout is how long a client may take to take a part of a response.
	writeTimeout = time.Minute
)

// A conn is one client's connection.
type conn struct {
	srv  *Server
	net  net.Conn
	in   *bufio.Reader
	host string // what the client is told to connect to
	port int32
	// plain says that what is written to net goes to the client as it is, so that files can be sent without reading.
	plain bool
	// secure says that the client speaks TLS.
	secure bool

	queue chan *call    // from the reader to the worker
	taken chan struct{} // a signal after the worker has answered

	// calls counts those in the queue and at work, bytes is their length. others are those among them that the reader
	// has not begun.
	calls, bytes, others atomic.Int64

	ctx  context.Context // ends when the connection is cut
	stop context.CancelFunc
	// live ends when nobody waits for news any more: the client has hung up, or the server closes.
	live   context.Context
	hangUp context.CancelFunc

	out      []byte // the worker's: the response that is being made
	clientID string // the worker's: what the client calls itself in the request at work

	user string // who the client is; set by login, before there is a worker
	// vouched says that another node has let the client in, which also sees to clients that are silent for too long.
	vouched bool
	way     *way // the worker's: to the leader of the cluster

	// answered is set when the client has been sent a response, but to what it introduces itself with.
	answered atomic.Bool
}

// A call is a request on its way.
type call struct {
	header requestHeader
	api    *api
	frame  []byte // what the request was read from, and still points into
	req    kmsg.Request
	// produce is set by the reader when the appends of a Produce have begun.
	produce *produce
}

// begun says whether the reader has begun the call, so that others of its kind need not wait for it.
func (k *call) begun() bool { return k.produce != nil }

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		srv: s, net: nc, in: bufio.NewReaderSize(nc, 16<<10),
		queue: make(chan *call, maxPipelined), taken: make(chan struct{}, 1),
	}
	addr := s.cfg.Advertised
	if addr == "" {
		addr = nc.LocalAddr().String()
	}
	_, c.plain = nc.(*net.TCPConn)
	_, c.secure = nc.(*tls.Conn)
	if v, ok := nc.(Vouched); ok {
		of := v.Client()
		c.vouched, c.user, c.secure = true, of.User, of.Secure
	}
	var err error
	if c.host, c.port, err = splitAddr(addr); err != nil {
		c.host, c.port = addr, 0 // no address of the internet, in tests
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.live, c.hangUp = context.WithCancel(c.ctx)
	return c
}

// clientHost is where the client is, as groups show it.
func (c *conn) clientHost() string {
	host, _, err := net.SplitHostPort(c.net.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return "/" + host
}

func splitAddr(addr string) (host string, port int32, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("kafka: address %q: %w", addr, err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("kafka: address %q needs a host and a port", addr)
	}
	return host, int32(n), nil
}

// serve serves the client until it hangs up, breaks the protocol, or the server closes.
func (c *conn) serve() {
	defer c.stop()
	if c.leaves() {
		return
	}
	defer c.end()
	if !c.encrypted() {
		return
	}
	first, err := c.login()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			c.srv.cfg.Logger.Debug("a Kafka client was not let in", "client", c.net.RemoteAddr().String(), "error", err)
		}
		return
	}
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		defer func() { c.way.close() }()
		c.work()
	}()
	err = c.read(first)
	c.hangUp()
	close(c.queue)
	<-worked
	if err != nil && c.srv.draining.Err() == nil {
		c.srv.cfg.Logger.Debug("a Kafka client's connection ended", "client", c.net.RemoteAddr().String(), "error", err)
	}
}

// leaves waits for the client's first byte, and reports that none is to be served: the client is surrendered when the
// server closes before that. The handshake of TLS cannot be waited for without beginning it.
func (c *conn) leaves() bool {
	if c.srv.cfg.Surrender == nil || c.secure || c.vouched || c.net.SetReadDeadline(time.Now().Add(c.patience())) != nil {
		return false
	}
	if c.live.Err() == nil { // else drain may have set its deadline before ours
		if _, err := c.in.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
	}
	if c.srv.draining.Err() == nil { // it was silent for too long
		c.net.Close()
		return true
	}
	c.srv.mu.Lock()
	delete(c.srv.conns, c) // so that nobody cuts it
	c.srv.mu.Unlock()
	return c.net.SetReadDeadline(time.Time{}) == nil && c.srv.surrender(c.net)
}

// encrypted completes the handshake of TLS, where there is one. The client is told to connect to the name by which it
// has, which is the one that it looks for in the certificate.
func (c *conn) encrypted() bool {
	secure, ok := c.net.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(c.ctx, loginTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		c.srv.cfg.Logger.Debug("a TLS handshake failed", "client", c.net.RemoteAddr().String(), "error", err)
		return false
	}
	if name := secure.ConnectionState().ServerName; name != "" && c.srv.cfg.Advertised == "" {
		c.host = name
	}
	return true
}

// end closes the connection. A client that has had no answer when the server closes is reset: clients take it for a
// refusal, of what they speak or of who they are, when the first that they read is the end, and do not try again.
func (c *conn) end() {
	if c.srv.draining.Err() != nil && !c.answered.Load() {
		reset(c.net)
		return
	}
	c.net.Close()
}

// reset closes a connection so that the other side gets an error.
func reset(nc net.Conn) {
	of := nc
	if t, ok := of.(*tls.Conn); ok {
		of = t.NetConn()
	}
	if t, ok := of.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // fails when the connection is gone, which is as well
		of.Close()         // TLS would say goodbye
		return
	}
	nc.Close()
}

// drain takes no more requests; those that have come are answered.
func (c *conn) drain() {
	c.hangUp()
	_ = c.net.SetReadDeadline(time.Now()) // fails when the connection is gone, which is as well
}

// cut ends the connection at once.
func (c *conn) cut() {
	c.stop()
	if !c.answered.Load() {
		reset(c.net)
		return
	}
	c.net.Close()
}

// read takes requests off the connection until it ends, after one that has been read already. The error is nil when
// the client has hung up.
func (c *conn) read(first *call) error {
	for {
		call := first
		if first = nil; call == nil {
			f, err := c.nextFrame()
			if err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			if call, err = parseCall(f); err != nil {
				return err
			}
		}
		// Others are answered in turn before a Produce begins: it may need what they do.
		if p, ok := call.req.(*kmsg.ProduceRequest); ok && c.others.Load() == 0 {
			c.learn(p)
			call.produce = c.beginProduce(p)
		} else {
			c.others.Add(1)
		}
		c.calls.Add(1)
		c.bytes.Add(int64(len(call.frame)))
		select {
		case c.queue <- call:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
		for c.calls.Load() > 1 && c.bytes.Load() > maxPipelinedBytes {
			select {
			case <-c.taken:
			case <-c.ctx.Done():
				return c.ctx.Err()
			}
		}
	}
}

// nextFrame reads the next frame, and gives up when nothing comes for too long and nothing is being answered.
func (c *conn) nextFrame() ([]byte, error) {
	for {
		if err := c.net.SetReadDeadline(time.Now().Add(c.srv.cfg.IdleTimeout)); err != nil {
			return nil, err
		}
		if err := c.live.Err(); err != nil {
			return nil, err // drain may have set its deadline before ours
		}
		_, err := c.in.Peek(4)
		if errors.Is(err, os.ErrDeadlineExceeded) && c.live.Err() == nil && (c.vouched || c.calls.Load() > 0) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return readFrame(c.in, c.srv.cfg.MaxRequestBytes)
	}
}

// work answers requests in the order in which they came.
func (c *conn) work() {
	for call := range c.queue {
		resp := c.handle(call)
		if c.ctx.Err() == nil && resp != nil {
			if err := c.respond(call, resp); err != nil {
				c.cut() // the reader ends too; what is queued is let through without an answer
			}
		}
		if f, ok := resp.(*fetchResponse); ok {
			f.release()
		}
		if !call.begun() {
			c.others.Add(-1)
		}
		c.bytes.Add(-int64(len(call.frame)))
		c.calls.Add(-1)
		select {
		case c.taken <- struct{}{}:
		default:
		}
		recycle(call)
	}
}

// handle answers a request. The response is nil when there is to be none.
func (c *conn) handle(call *call) response {
	c.clientID = call.header.client
	if call.begun() {
		return call.produce.finish(c.ctx)
	}
	if c.passes(call) {
		return c.passOn(call)
	}
	if refused := c.authorize(call.req); refused != nil {
		return refused
	}
	c.learn(call.req)
	return call.api.handle(c, c.ctx, call.req)
}

// respond sends a response.
func (c *conn) respond(call *call, resp response) error {
	switch call.api.key {
	case kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate:
	default:
		c.answered.Store(true)
	}
	c.out = appendResponse(c.out[:0], call.header.correlation, resp)
	defer func() {
		if cap(c.out) > maxKeptBytes {
			c.out = nil
		}
	}()
	if f, ok := resp.(*fetchResponse); ok && len(f.holes) > 0 {
		n := len(c.out) - 4
		for _, h := range f.holes {
			n += h.part.size()
		}
		binary.BigEndian.PutUint32(c.out, uint32(n))
		return f.send(c, c.out)
	}
	if err := c.arm(); err != nil {
		return err
	}
	_, err := c.net.Write(c.out)
	return err
}

// arm gives the client a time to take the next part of a response.
func (c *conn) arm() error { return c.net.SetWriteDeadline(time.Now().Add(writeTimeout)) }

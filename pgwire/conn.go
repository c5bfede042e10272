package pgwire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// message is one message of a client: its type and body.
type message struct {
	kind byte
	body []byte
}

// conn is one client. Its main goroutine (serve) owns everything but what mu guards; a second one (read) takes messages
// off the socket, so that a client that goes away is noticed while a statement runs.
type conn struct {
	server  *Server
	net     net.Conn
	in      *bufio.Reader
	out     []byte // messages not yet written
	werr    error  // why writing failed; nothing is written after it
	pid     int32
	secret  uint32
	crowded bool

	session  Session
	messages chan message
	free     chan []byte   // buffers of messages that have been handled
	gone     chan struct{} // closed when serve ends
	readErr  error         // why read ended; set before messages is closed

	statements map[string]*statement
	portals    map[string]*portal
	skip       bool // an error in the extended protocol: everything up to Sync is passed over
	syncFailed bool

	closing atomic.Bool
	mu      sync.Mutex
	running context.CancelFunc // ends the statement that runs; guarded by mu
}

// maxFree is the largest buffer kept for another message.
const maxFree = 1 << 20

func newConn(s *Server, nc net.Conn) *conn {
	return &conn{
		server: s, net: nc, in: bufio.NewReaderSize(nc, 16<<10), messages: make(chan message, 8),
		free: make(chan []byte, 8), gone: make(chan struct{}),
		statements: map[string]*statement{}, portals: map[string]*portal{},
	}
}

// serve talks to the client until either side has enough.
func (c *conn) serve() {
	var reading sync.WaitGroup
	defer reading.Wait()
	defer c.net.Close() // ends read, should it be waiting
	defer close(c.gone)
	ok, err := c.startup()
	if err != nil {
		c.fatal(err)
	}
	if !ok || err != nil {
		return
	}
	defer c.session.Close()
	defer c.closePortals()
	reading.Add(1)
	go func() {
		defer reading.Done()
		c.read()
	}()
	for m := range c.messages {
		if !c.handle(m) {
			return
		}
		if cap(m.body) <= maxFree {
			select {
			case c.free <- m.body:
			default:
			}
		}
	}
	switch {
	case c.closing.Load():
		c.fatal(sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command"))
	case c.readErr != nil:
		c.fatal(c.readErr)
	}
}

// read takes messages off the socket until it ends; then the statement that runs is of no use to anybody.
func (c *conn) read() {
	defer close(c.messages)
	defer c.cancelStatement()
	for {
		m, err := c.readMessage()
		if err != nil {
			var se *sqlerr.Error
			if errors.As(err, &se) {
				c.readErr = se
			}
			return
		}
		select {
		case c.messages <- m:
		case <-c.gone:
			return
		}
	}
}

// readMessage reads one message. Errors of the protocol are *sqlerr.Error, others are the connection's.
func (c *conn) readMessage() (message, error) {
	var head [5]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return message{}, err
	}
	size := int64(binary.BigEndian.Uint32(head[1:])) - 4
	switch {
	case !knownMessage(head[0]):
		return message{}, sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", head[0])
	case size < 0:
		return message{}, sqlerr.New(sqlerr.ProtocolViolation, "invalid message length")
	case size > int64(c.server.cfg.MaxMessageBytes):
		return message{}, sqlerr.New(sqlerr.ProgramLimitExceeded, "message of %d bytes is longer than the limit of %d",
			size, c.server.cfg.MaxMessageBytes)
	}
	body, err := c.readBody(int(size))
	return message{head[0], body}, err
}

// readBody reads n bytes. Large bodies are read in pieces, so that memory grows only with what really comes.
func (c *conn) readBody(n int) ([]byte, error) {
	var body []byte
	select {
	case body = <-c.free:
	default:
	}
	const piece = 1 << 20
	body = body[:0]
	for len(body) < n {
		step := min(n-len(body), piece)
		if cap(body)-len(body) < step {
			grown := make([]byte, len(body), max(len(body)+step, min(2*cap(body), n)))
			copy(grown, body)
			body = grown
		}
		at := len(body)
		body = body[:at+step]
		if _, err := io.ReadFull(c.in, body[at:]); err != nil {
			return nil, err
		}
	}
	return body, nil
}

func knownMessage(kind byte) bool {
	switch kind {
	case 'Q', 'P', 'B', 'D', 'E', 'C', 'H', 'S', 'X', 'd', 'c', 'f', 'p', 'F':
		return true
	}
	return false
}

// handle does what a message asks for. It reports whether the conversation goes on.
func (c *conn) handle(m message) (more bool) {
	defer func() {
		if p := recover(); p != nil {
			c.server.cfg.Logger.Error("a statement panicked", "panic", p, "stack", string(debug.Stack()))
			c.fatal(sqlerr.New(sqlerr.InternalError, "internal error: %v", p))
			more = false
		}
	}()
	if c.skip && m.kind != 'S' && m.kind != 'X' {
		return true
	}
	switch m.kind {
	case 'Q':
		c.simpleQuery(m.body)
	case 'X':
		return false
	case 'S':
		c.sync()
	case 'H':
		c.flush()
	case 'P', 'B', 'D', 'E', 'C':
		c.extended(m)
	case 'd', 'c', 'f': // left over from a COPY that failed
	case 'F':
		c.sendError(sqlerr.New(sqlerr.FeatureNotSupported, "function call messages are not supported"))
		c.ready()
	default:
		c.fatal(sqlerr.New(sqlerr.ProtocolViolation, "unexpected message type %q", string(m.kind)))
		return false
	}
	return c.werr == nil
}

// begin returns the context of a statement; end must be called after it.
func (c *conn) begin() (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	c.mu.Lock()
	c.running = cancel
	c.mu.Unlock()
	select {
	case <-c.gone:
		cancel()
	default:
	}
	if c.closing.Load() {
		cancel()
	}
	return ctx, func() {
		c.mu.Lock()
		c.running = nil
		c.mu.Unlock()
		cancel()
	}
}

func (c *conn) cancelStatement() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		c.running()
	}
}

// shutdown ends the conversation from the server's side: what runs is cancelled, and no more messages are read.
func (c *conn) shutdown() {
	c.closing.Store(true)
	c.cancelStatement()
	c.net.SetReadDeadline(time.Unix(1, 0)) // an error means that it is closed already
}

// send adds a message to those to be written.
func (c *conn) send(m pgproto3.BackendMessage) {
	out, err := m.Encode(c.out)
	if err != nil { // too long for the protocol's 32-bit length
		c.werr = err
		return
	}
	c.out = out
}

// flush writes what is there.
func (c *conn) flush() {
	if len(c.out) == 0 {
		return
	}
	if c.werr == nil {
		_, c.werr = c.net.Write(c.out)
		if c.werr != nil {
			c.cancelStatement()
		}
	}
	if cap(c.out) > 4*flushBytes {
		c.out = nil
	}
	c.out = c.out[:0]
}

// flushBytes is how much output gathers before it is written.
const flushBytes = 64 << 10

func (c *conn) ready() {
	c.send(&pgproto3.ReadyForQuery{TxStatus: byte(c.session.Status())})
	c.flush()
}

// fatal tells the client why the connection ends.
func (c *conn) fatal(err error) {
	if c.net.SetWriteDeadline(time.Now().Add(5*time.Second)) != nil {
		return
	}
	c.send(errorResponse("FATAL", err, ""))
	c.flush()
}

func (c *conn) outputEnv() types.Env {
	if s, ok := c.session.(interface{ OutputEnv() types.Env }); ok {
		return s.OutputEnv()
	}
	return types.Env{}
}

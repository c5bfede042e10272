package pgwire

import (
	"bufio"
	"context"
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/leatdb/leat/sql/charset"
	"github.com/leatdb/leat/sql/sqlerr"
)

// conn is one client. One goroutine (serve) owns it but for what mu guards. It reads a message, does what the message
// asks for, and reads the next; while a statement runs, watch looks whether the client is still there.
type conn struct {
	server *Server
	net    net.Conn           // guarded by mu where it changes, which is when TLS begins
	raw    net.Conn           // what is below TLS
	cut    context.CancelFunc // ends everything that runs for this client, commits included
	pid    int32
	secret [longSecret]byte // of which protocol 3.0 has room for 4 bytes
	minor  uint32           // of the protocol
	since  time.Time        // when it came
	// admitted means that the connection counts as a session; guarded by the server's mutex.
	admitted bool
	dropped  bool // it had to make room before that; guarded by the server's mutex

	secure  bool   // TLS has begun
	binding []byte // of the channel; nil when it cannot be bound

	in    *bufio.Reader // small, or wide during COPY FROM STDIN
	small *bufio.Reader
	wide  *bufio.Reader
	body  []byte // memory of the message being handled
	watch *watch

	out     []byte // messages not yet written
	broken  error  // why the connection cannot be used any more; nothing is written after it
	ended   bool   // the client was told that the connection ends
	silent  bool   // it is not told: the conversation goes on elsewhere
	params  []reported
	charset *charset.Charset // the client's; nil for UTF-8

	session    Session
	statements map[string]*statement
	portals    map[string]*portal
	kept       int64   // bytes of what is kept from message to message
	made       int     // portals so far
	active     *portal // the one that is being executed
	saves      []save  // the savepoints of the transaction block
	several    bool    // the statement is one of several of a Query message
	skip       bool    // an error in the extended protocol: everything up to Sync is passed over

	mu      sync.Mutex
	running context.CancelFunc // ends the statement that runs; guarded by mu
	live    bool               // that statement is a push query: it does not end by itself; guarded by mu
	closing bool               // the server goes away, or ends this conversation; guarded by mu
	// woken says that there may be notifications, idle that the goroutine waits for a message, interrupted that wake
	// has ended that wait; guarded by mu.
	woken, idle, interrupted bool

	patience time.Duration // tcp_user_timeout of the socket

	turn bool // it is the client's turn: all it sent has been answered

	relay   *relaying // nil: the client has come itself
	offer   *offer    // the statement that runs, where it could be taken up; nil for none
	offered offer     // its memory
	key     []byte    // the part that never changes; nil until it is wanted
	leaving *leaving  // nil: the conversation ends with the server
}

// The time that reads are interrupted with.
var past = time.Unix(1, 0)

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, net: nc, raw: nc, small: bufio.NewReaderSize(nc, readBytes)}
	c.in = c.small
	if r, ok := nc.(Relayed); ok && r.Relayed() {
		c.relay = &relaying{sent: map[string][]byte{}}
	} else if s != nil && s.cfg.Surrender != nil {
		c.leaving = &leaving{}
	}
	c.watch = newWatch(nc, c.interruptReads)
	return c
}

// serve talks to the client until either side has enough. ctx ends when the server does not wait any longer. A
// conversation that goes on elsewhere is surrendered when the session is closed.
func (c *conn) serve(ctx context.Context) {
	var left *Left
	defer func() {
		if left == nil || c.broken != nil && left.Unsent == nil {
			c.net.Close()
			return
		}
		c.server.cfg.Surrender(left)
	}()
	defer c.survive("a connection panicked")
	defer c.closeSession()
	c.converse(ctx)
	left = c.leave()
}

// converse is the conversation.
func (c *conn) converse(ctx context.Context) {
	ok, err := c.startup(ctx)
	if err != nil {
		c.fatal(err)
	}
	for ok && err == nil && c.broken == nil && !c.ended {
		if c.isClosing() && !c.goesOnToSync() {
			c.fatal(errShutdown())
			return
		}
		ok, err = c.next(ctx)
	}
	var se *sqlerr.Error
	switch {
	case c.ended || err == nil || c.session == nil:
	case c.isClosing():
		c.fatal(errShutdown())
	case errors.As(err, &se):
		c.fatal(se)
	}
}

func (c *conn) closeSession() {
	c.watch.stop()
	if c.session != nil {
		defer c.survive("closing a session panicked")
		c.closePortals()
		c.session.Close()
	}
}

// survive is deferred where a panic must not end the server. It ends the connection.
func (c *conn) survive(what string) {
	if p := recover(); p != nil {
		c.server.cfg.Logger.Error(what, "panic", p, "stack", string(debug.Stack()))
		c.fatal(sqlerr.New(sqlerr.InternalError, "internal error: %v", p))
	}
}

// next reads a message and handles it. It reports whether the conversation goes on; an error is the connection's or
// the protocol's.
func (c *conn) next(ctx context.Context) (more bool, err error) {
	c.watch.stop()
	if err := c.idleUntilMessage(); err != nil {
		return false, err
	}
	inBatch := !c.turn
	c.turn = false
	if c.isClosing() && !(inBatch && c.goesOnToSync()) { // a message that has just come does not count
		return false, errShutdown()
	}
	kind, size, err := c.header()
	if err != nil {
		return false, err
	}
	switch {
	case kind == 'X':
		return false, nil
	case kind == 'd' || kind == 'c' || kind == 'f' || c.skip && kind != 'S':
		// Left over from a COPY that failed, or behind an error of the extended protocol.
		if c.skip {
			c.again()()
		}
		if _, err = c.in.Discard(size); err != nil {
			c.leaving.spoil()
		}
		return true, err
	}
	body, err := c.readBody(size)
	if err != nil {
		c.leaving.halfRead(kind, size, c.body)
		return false, err
	}
	c.leaving.note(kind, body)
	if size > 0 && (kind == 'S' || kind == 'H') {
		c.malformed(ctx, kind)
		return true, nil
	}
	c.handle(ctx, kind, body)
	if cap(c.body) > keepBytes {
		c.body = nil
	}
	return true, nil
}

// malformed answers a Sync or Flush that has a body.
func (c *conn) malformed(ctx context.Context, kind byte) {
	defer c.again()()
	c.sendError(sqlerr.New(sqlerr.ProtocolViolation, "invalid message format"))
	if c.skip = true; kind == 'S' {
		c.sync(ctx)
	}
}

// handle does what a message asks for. A panic ends the connection, and nothing else.
func (c *conn) handle(ctx context.Context, kind byte, body []byte) {
	defer c.survive("a statement panicked")
	defer c.again()()
	switch kind {
	case 'Q':
		c.simpleQuery(ctx, body)
	case 'S':
		c.sync(ctx)
	case 'H':
		c.flush()
	case 'F':
		c.sendError(sqlerr.New(sqlerr.FeatureNotSupported, "function call messages are not supported"))
		c.syncSession(ctx, true)
		c.ready()
	default:
		c.extended(ctx, kind, body)
	}
}

// Timed is a Session that says how long a statement may run; 0 is for ever.
type Timed interface{ StatementTimeout() time.Duration }

// begin returns the context of a statement. A cancel request, the client's going away, its time limit and the end of
// the server end it. end must be called after the statement.
func (c *conn) begin(ctx context.Context) (_ context.Context, end func()) {
	var cancel context.CancelFunc
	if s, ok := c.session.(Timed); ok && s.StatementTimeout() > 0 {
		ctx, cancel = context.WithTimeout(ctx, s.StatementTimeout())
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	c.mu.Lock()
	c.running, c.live = cancel, false
	c.mu.Unlock()
	c.watch.start(cancel)
	return ctx, func() {
		c.watch.stop()
		c.mu.Lock()
		c.running, c.live = nil, false
		c.mu.Unlock()
		cancel()
	}
}

// cancelStatement ends the statement that runs, if there is one.
func (c *conn) cancelStatement() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		c.running()
	}
}

// runsLive notes that the statement that runs does not end by itself, so that shutdown does not wait for it.
func (c *conn) runsLive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = true
	if c.closing && c.running != nil {
		c.running()
	}
}

// shutdown asks the conversation to end from the server's side: no more messages are read, and a client that does not
// read has until the deadline. What a push query has not written by then goes on with the rest where the server closes.
func (c *conn) shutdown(deadline time.Time, server bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if c.live && c.running != nil {
		c.running()
	}
	c.net.SetReadDeadline(past) // errors mean that it is closed already
	if server && c.live && c.leaving != nil && c.net == c.raw {
		deadline = past
	}
	c.net.SetWriteDeadline(deadline)
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// interruptReads ends a read that waits, or lets reads wait again.
func (c *conn) interruptReads(now bool) {
	deadline := time.Time{}
	if now {
		deadline = past
	}
	c.readUntil(deadline)
}

// readUntil sets the deadline of reads, unless shutdown has.
func (c *conn) readUntil(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.net.SetReadDeadline(deadline) // errors mean that it is closed already
	}
}

package pgwire

import (
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/charset"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// flushBytes is how much output gathers before it is written.
const flushBytes = 64 << 10

// outBuffers are large buffers for output, which connections have only while they send much.
var outBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, flushBytes+flushBytes/4)
	return &b
}}

// send adds a message to those to be written.
func (c *conn) send(m pgproto3.BackendMessage) {
	out, err := m.Encode(c.out)
	if err != nil { // too long for the protocol's 32-bit length
		c.broken = err
		return
	}
	c.out = out
}

// roomy gives the connection a large buffer for output.
func (c *conn) roomy() {
	if cap(c.out) < flushBytes {
		b := outBuffers.Get().(*[]byte)
		c.out = append((*b)[:0], c.out...)
	}
}

// flush writes what is there.
func (c *conn) flush() {
	if len(c.out) > 0 && c.broken == nil && !c.silent {
		var n int
		if n, c.broken = c.net.Write(c.out); c.broken != nil {
			c.leaving.cutShort(c, n)
			c.cancelStatement()
		}
		if !c.turn {
			c.leaving.show()
		}
	}
	if cap(c.out) > 4*flushBytes {
		c.out = nil
	}
	c.out = c.out[:0]
}

// flushAll writes what is there before a wait, and holds no large buffer meanwhile.
func (c *conn) flushAll() {
	c.flush()
	if cap(c.out) <= keepBytes {
		return
	}
	if cap(c.out) >= flushBytes {
		b := c.out
		outBuffers.Put(&b)
	}
	c.out = nil
}

// ready tells the client that it is its turn.
func (c *conn) ready() {
	if c.ended || c.broken != nil {
		return
	}
	c.sendNotifications()
	c.sendParameters()
	c.sendTurn()
	c.turn = true
	c.leaving.turn(c)
	c.send(&pgproto3.ReadyForQuery{TxStatus: byte(c.session.Status())})
	c.flushAll()
}

// fatal tells the client why the connection ends.
func (c *conn) fatal(err error) {
	if c.ended {
		return
	}
	c.ended = true
	if c.isCarried() && c.server.isClosing() {
		c.silent = true
		return // a relay lets the conversation go on elsewhere
	}
	if !c.isClosing() { // else shutdown has set a deadline
		c.net.SetWriteDeadline(time.Now().Add(5 * time.Second)) // an error means that it is closed already
	}
	c.send(c.encoded(errorResponse("FATAL", translate(err), "")))
	c.flush()
}

// reported is a setting that the client is told of.
type reported struct {
	name, value string
	told        string // the value it knows
	new         bool   // it knows none
}

// report notes the value of a parameter. The client learns of it before the next ReadyForQuery, once, if it changed.
func (c *conn) report(name, value string) {
	if name == "client_encoding" {
		c.charset = charset.Lookup(value)
	}
	for i := range c.params {
		if c.params[i].name == name {
			c.params[i].value = value
			return
		}
	}
	c.params = append(c.params, reported{name: name, value: value, new: true})
}

func (c *conn) sendParameters() {
	for i := range c.params {
		if p := &c.params[i]; p.new || p.value != p.told {
			p.new, p.told = false, p.value
			c.send(&pgproto3.ParameterStatus{Name: plain(p.name), Value: c.charset.EncodeLossy(plain(p.value))})
		}
	}
}

// notice sends a notice, in its place between the other messages of the statement.
func (c *conn) notice(e *sqlerr.Error) {
	severity := "NOTICE"
	if strings.HasPrefix(string(e.Code), "01") || strings.HasPrefix(string(e.Code), "25") {
		severity = "WARNING"
	}
	n := pgproto3.NoticeResponse(*c.encoded(errorResponse(severity, e, "")))
	c.send(&n)
}

// typeOf finds the type that a client means by a number: one of PostgreSQL's, or one that CREATE TYPE made.
func (c *conn) typeOf(oid uint32) (types.Type, bool) {
	if t, ok := types.FromOID(oid, -1); ok {
		return t, true
	}
	if s, ok := c.session.(interface {
		TypeByOID(oid uint32) (types.Type, bool)
	}); ok {
		return s.TypeByOID(oid)
	}
	return types.Unknown, false
}

// outputEnv returns the settings that values are printed and read under.
func (c *conn) outputEnv() types.Env {
	if s, ok := c.session.(interface{ OutputEnv() types.Env }); ok {
		return s.OutputEnv()
	}
	return types.Env{}
}

package pgwire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
)

// The client of a server that closes need not notice: Config.Surrender is given its connection with all that a relay
// knows of a conversation that it has passed on itself, and the conversation goes on by the relay. While the server
// runs nothing stands between it and the client, and nothing is made of what a relay wants: a connection notes what the
// client has sent since its last turn, and which parts of the session are as old.

// Left is a conversation that a server has left, and that goes on elsewhere.
type Left struct {
	Conn net.Conn
	// Startup is the client's startup message; nil for a conversation that has not begun.
	Startup []byte
	Hello   Hello // with the parts and the place
	// Told are the parameters that the client knows.
	Told map[string]string
	// Unsent is what the client lacks of what it is told, Sent what it has sent and nobody has answered, Unread what
	// nobody has looked at.
	Unsent, Sent, Unread []byte
	// Turn says that it is the client's turn.
	Turn bool
}

// maxBatch is how much of what a client has sent is kept until it is answered. What is longer cannot be sent again.
const maxBatch = 4 << 20

// leaving is what a connection notes for the case that its conversation goes on elsewhere. A nil one notes nothing.
type leaving struct {
	startup []byte // the client's startup message
	turns   int    // of the client's, so far
	status  TxStatus
	made    int // portals that there were at the last one

	// Since the client's last turn:
	sent    []byte // messages
	spoiled bool   // something happened that cannot be sent again
	shown   bool   // the client has a part of the answer

	half   []byte   // the part of a message that was read
	unsent []byte   // the part of what was written that the client does not have
	live   *liveEnd // where a push query ended
}

// liveEnd is where a push query ended, and the session as it was then.
type liveEnd struct {
	parts map[string][]byte
	place []byte
}

// note keeps a message until it is answered, unless nothing of what was sent since the turn will be sent again.
func (l *leaving) note(kind byte, body []byte) {
	switch {
	case l == nil || l.spoiled || l.shown:
	case len(l.sent)+len(body) > maxBatch:
		l.spoiled = true
	default:
		l.sent = append(appendHead(l.sent, kind, len(body)), body...)
	}
}

func appendHead(dst []byte, kind byte, size int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, kind), uint32(size+4))
}

// halfRead keeps the part of a message that was read when reading ended.
func (l *leaving) halfRead(kind byte, size int, body []byte) {
	if l != nil {
		l.half = append(appendHead(nil, kind, size), body...)
	}
}

// spoil notes that something happened that cannot happen again elsewhere.
func (l *leaving) spoil() {
	if l != nil {
		l.spoiled = true
	}
}

// show notes that the client has a part of the answer.
func (l *leaving) show() {
	if l != nil {
		l.shown = true
	}
}

// cutShort notes that only n bytes of the output were written.
func (l *leaving) cutShort(c *conn, n int) {
	if l != nil && c.net == c.raw && errors.Is(c.broken, os.ErrDeadlineExceeded) {
		l.unsent = bytes.Clone(c.out[n:])
	}
}

// turn begins anew: it is the client's turn.
func (l *leaving) turn(c *conn) {
	if l == nil {
		return
	}
	l.turns++
	l.status, l.made = c.session.Status(), c.made
	if l.sent = l.sent[:0]; cap(l.sent) > keepBytes {
		l.sent = nil
	}
	l.spoiled, l.shown, l.live = false, false, nil
}

// goesOnToSync reports whether a server that closes deals with one more message: of a batch, of which the client waits
// for the end, and that has come with the message which was dealt with before. What a batch has written is committed
// with its Sync; elsewhere it could not be run again. One that could be goes on there.
func (c *conn) goesOnToSync() bool {
	n := c.in.Buffered()
	if c.turn || n < 5 || c.leaving != nil && !c.leaving.spoiled || !c.server.mayGoOn() {
		return false
	}
	head, _ := c.in.Peek(5) // it is there
	return n > int(binary.BigEndian.Uint32(head[1:]))
}

// isCarried reports whether the conversation can go on elsewhere when the server closes.
func (c *conn) isCarried() bool { return c.relay != nil || c.leaving != nil && c.leaving.turns > 0 }

// Repeater is a Prepared that tells whether it may be executed twice, and leaves the session as it is.
type Repeater interface{ Repeats() bool }

// executes notes that a statement is executed, of a portal that was there at the client's turn or not.
func (l *leaving) executes(p Prepared, old bool) {
	if l == nil || l.spoiled {
		return
	}
	r, ok := p.(Repeater)
	l.spoiled = old || !ok || !r.Repeats()
}

// had reports whether a portal was there at the client's turn.
func (l *leaving) had(p *portal) bool { return l != nil && p.seq <= l.made }

// replaces notes that the client takes away a statement that was there at its turn. One without a name is made again,
// and is needed by what was bound to it before.
func (c *conn) replaces(name string) {
	l := c.leaving
	if l == nil || l.spoiled {
		return
	}
	if st := c.statements[name]; st != nil && st.turn < l.turns {
		l.spoiled = name != "" || c.made > l.made
	}
}

// replacesPortal notes that the client takes away a portal.
func (c *conn) replacesPortal(name string) {
	l := c.leaving
	if p := c.portals[name]; l != nil && p != nil && p.seq <= l.made {
		l.spoiled = true
	}
}

// ended notes where the push query is whose rows have ended with an error, if it goes on elsewhere.
func (f *follower) ended(err error) {
	if f == nil || f.c.leaving == nil {
		return
	}
	c, l := f.c, f.c.leaving
	var e *sqlerr.Error
	if !c.server.isClosing() && !(errors.As(err, &e) && e.Code == sqlerr.AdminShutdown) {
		return
	}
	at, ok := f.of.Place(f.nth)
	if !ok || c.broken != nil && l.unsent == nil {
		return
	}
	whole(f.of)
	p := place{f.rows, f.begun, at}
	l.live = &liveEnd{c.partsOf(f.state, f.ok, c.offer), p.append(nil)}
	l.unsent = append(l.unsent, c.out...)
	c.out = c.out[:0]
}

// flushLive writes what a push query has given. After an error there is no more to be asked for.
func (c *conn) flushLive(f *follower) error {
	if c.flushAll(); c.broken != nil {
		f.ended(c.broken)
	}
	return c.broken
}

// whole lets a portal, and the cursor that it fetches from, be run again although its rows have ended with an error.
func whole(of placed) {
	if p, ok := of.(*portal); ok {
		p.failed = false
		of, _ = p.result.(placed)
	}
	if r, ok := of.(*fetched); ok {
		r.p.failed = false
	}
}

// leave tells what it takes to go on elsewhere; nil for a conversation that ends here.
func (c *conn) leave() *Left {
	l := c.leaving
	if l == nil || !c.silent && (l.unsent == nil || !c.server.isClosing()) {
		return nil
	}
	c.watch.stop()
	left := &Left{Conn: c.net, Startup: l.startup, Told: map[string]string{}, Unsent: l.unsent,
		Hello: Hello{Secure: c.secure, Binding: c.binding, Parts: staying()}}
	for i := range c.params {
		if p := &c.params[i]; !p.new {
			left.Told[plain(p.name)] = string(c.charset.EncodeLossy(plain(p.told)))
		}
	}
	switch {
	case l.live != nil:
		left.Hello.Parts, left.Hello.Place = l.live.parts, l.live.place
	case (c.broken == nil || c.turn && l.unsent != nil) && !l.shown && c.asBefore(): // it may lack the end of an answer
		left.Hello.Parts, left.Sent, left.Turn = c.parts(nil), l.sent, len(l.sent) == 0
	}
	left.Unread = append(append(slices.Clip(l.half), rest(c.wide)...), rest(c.small)...)
	c.net.SetDeadline(time.Time{}) // an error means that it is closed already
	return left
}

// asBefore makes the session what it was at the client's last turn. It reports false where that does not go.
func (c *conn) asBefore() bool {
	l := c.leaving
	if l.spoiled || c.session.Status() != l.status {
		return false
	}
	if l.status == Idle && len(l.sent) > 0 {
		if err := c.session.Sync(context.Background(), true); err != nil {
			return false
		}
	}
	for name, st := range c.statements {
		if st.turn == l.turns {
			c.forget(name)
		}
	}
	for name, p := range c.portals {
		if p.seq > l.made {
			c.dropPortal(name)
		}
	}
	return true
}

// rest is what a reader has read ahead.
func rest(r *bufio.Reader) []byte {
	if r == nil {
		return nil
	}
	b, _ := r.Peek(r.Buffered()) // it is there
	return bytes.Clone(b)
}

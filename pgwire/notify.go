package pgwire

import (
	"errors"
	"os"
	"time"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Listener is a Session that listens on channels.
type Listener interface {
	// Notifications takes what has come since it was called last.
	Notifications() []Notification
}

// Notification is what another session, or this one, has sent to a channel.
type Notification struct {
	PID              int32
	Channel, Payload string
}

// wake has the conversation tell the client of notifications as soon as it is the client's turn and no transaction is
// open. It may be called from any goroutine.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken = true
	if c.idle && !c.closing {
		c.interrupted = true
		c.net.SetReadDeadline(past) // an error means that it is closed already
	}
}

// Idler is a Session that says how long it may wait for its client, in or out of a transaction; 0 is for ever.
type Idler interface{ IdleTimeout() time.Duration }

// idleDeadline is when the client has been silent for too long; the zero time when it may be silent for ever.
func (c *conn) idleDeadline() time.Time {
	if s, ok := c.session.(Idler); ok && c.turn && s.IdleTimeout() > 0 {
		return time.Now().Add(s.IdleTimeout())
	}
	return time.Time{}
}

// errIdle is the error of a client that was silent for too long.
func (c *conn) errIdle() error {
	if c.session.Status() == Idle {
		return sqlerr.New(sqlerr.IdleSessionTimeout, "terminating connection due to idle-session timeout")
	}
	return sqlerr.New(sqlerr.IdleInTransactionTimeout, "terminating connection due to idle-in-transaction timeout")
}

// idleUntilMessage waits for the first byte of the next message, and sends the notifications that come meanwhile. The
// error is that of a client that is silent for too long; others are left for whoever reads the message.
func (c *conn) idleUntilMessage() error {
	silent := c.idleDeadline()
	if !silent.IsZero() {
		c.readUntil(silent)
		defer c.readUntil(time.Time{})
	}
	for c.broken == nil && c.in.Buffered() == 0 {
		c.mu.Lock()
		woken := c.woken && c.turn && c.session.Status() == Idle
		c.idle = !woken
		c.mu.Unlock()
		if woken {
			c.sendNotifications()
			c.flush()
			continue
		}
		_, err := c.in.Peek(1)
		c.mu.Lock()
		c.idle = false
		interrupted := c.interrupted
		if c.interrupted = false; interrupted && !c.closing {
			c.net.SetReadDeadline(silent) // an error means that it is closed already
		}
		closing := c.closing
		c.mu.Unlock()
		late := errors.Is(err, os.ErrDeadlineExceeded)
		switch {
		case late && !interrupted && !closing && !silent.IsZero():
			return c.errIdle()
		case err == nil || !interrupted || !late:
			return nil
		}
	}
	return nil
}

// sendNotifications tells the client what has come for it, unless a transaction is open.
func (c *conn) sendNotifications() {
	l, ok := c.session.(Listener)
	if !ok || c.session.Status() != Idle {
		return
	}
	c.mu.Lock()
	woken := c.woken
	c.woken = false
	c.mu.Unlock()
	if !woken {
		return
	}
	for _, n := range l.Notifications() {
		c.send(&pgproto3.NotificationResponse{PID: uint32(n.PID), Channel: c.charset.EncodeLossy(plain(n.Channel)),
			Payload: c.charset.EncodeLossy(plain(n.Payload))})
	}
}

// terminate ends the conversation from the server's side, as pg_terminate_backend does. It may be called from any
// goroutine.
func (c *conn) terminate() {
	c.shutdown(time.Now().Add(c.server.cfg.Grace), false)
	c.cancelStatement()
}

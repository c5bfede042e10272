package pgwire

import (
	"encoding/binary"
	"errors"
	"net"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/scram"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Authenticator says how users prove who they are.
type Authenticator interface {
	// Trusts reports whether a client need not prove that it is a user.
	Trusts(user string, remote net.Addr) bool
	// Verifier is what is kept of a user's password. A user that is not there, or has none, has one that no password
	// fits.
	Verifier(user string) scram.Verifier
}

const (
	mechanism     = "SCRAM-SHA-256"
	mechanismPlus = "SCRAM-SHA-256-PLUS"
	// maxAuthMessage is the longest message a client may send before it has proved who it is.
	maxAuthMessage = 65535
)

// authenticate lets the client prove who it is. It reports false when the client went away.
func (c *conn) authenticate(user string) (bool, error) {
	auth := c.server.cfg.Auth
	if auth == nil || auth.Trusts(user, c.net.RemoteAddr()) {
		return true, nil
	}
	offered := []string{mechanism}
	if c.binding != nil {
		offered = []string{mechanismPlus, mechanism}
	}
	c.send(&pgproto3.AuthenticationSASL{AuthMechanisms: offered})
	body, err := c.authMessage()
	if body == nil || err != nil {
		return false, err
	}
	f := fields{rest: body}
	chosen := f.text()
	initial := f.bytes(int(f.int32()))
	if err := f.end(); err != nil {
		return false, err
	}
	if chosen != mechanism && (chosen != mechanismPlus || c.binding == nil) {
		return false, sqlerr.New(sqlerr.ProtocolViolation, "client selected an invalid SASL authentication mechanism")
	}
	// Who it is has been said in the startup message; the name in the conversation does not count, as in PostgreSQL.
	talk := scram.Conversation{Binding: c.binding, Plus: chosen == mechanismPlus,
		Lookup: func(string) scram.Verifier { return auth.Verifier(user) }}
	first, err := talk.First(initial)
	if err != nil {
		return false, refused(err, user)
	}
	c.send(&pgproto3.AuthenticationSASLContinue{Data: first})
	if body, err = c.authMessage(); body == nil || err != nil {
		return false, err
	}
	last, err := talk.Final(body)
	if err != nil {
		return false, refused(err, user)
	}
	c.send(&pgproto3.AuthenticationSASLFinal{Data: last})
	return true, nil
}

// refused is what a client is told of an authentication that failed.
func refused(err error, user string) error {
	switch {
	case errors.Is(err, scram.ErrProtocol):
		return sqlerr.New(sqlerr.ProtocolViolation, "malformed SCRAM message")
	case errors.Is(err, scram.ErrBinding):
		return sqlerr.New(sqlerr.InvalidAuthorization, "SCRAM channel binding check failed")
	}
	return sqlerr.New(sqlerr.InvalidPassword, "password authentication failed for user \"%s\"", user)
}

// authMessage reads a message of the authentication; nil when the client went away.
func (c *conn) authMessage() ([]byte, error) {
	if c.flush(); c.broken != nil {
		return nil, nil
	}
	head, err := c.in.Peek(5)
	if err != nil {
		return nil, nil
	}
	n := int64(binary.BigEndian.Uint32(head[1:])) - 4
	if head[0] != 'p' {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "expected SASL response, got message type %d", head[0])
	}
	c.in.Discard(5) // they are there
	if n < 0 || n > maxAuthMessage {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid message length")
	}
	body, err := c.readBody(int(n))
	if err != nil {
		return nil, nil
	}
	return append([]byte{}, body...), nil
}

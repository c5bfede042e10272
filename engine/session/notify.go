package session

import (
	"slices"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// PostgreSQL's limits of NOTIFY.
const (
	maxChannel = 63
	maxPayload = 7999
)

// listening is a LISTEN or UNLISTEN that waits for the transaction's end; channel "" of UNLISTEN stands for all.
type listening struct {
	channel string
	begin   bool
}

// listen runs LISTEN, UNLISTEN and NOTIFY. They count when the transaction commits.
func (s *Session) listen(st *ast.Listen) (Result, error) {
	switch st.Verb {
	case "NOTIFY":
		return done(st.Verb), sqlerr.Locate(s.notify(st.Channel, st.Payload), st.Pos())
	case "LISTEN":
		s.tx.listens = append(s.tx.listens, listening{st.Channel, true})
	default:
		s.tx.listens = append(s.tx.listens, listening{st.Channel, false})
	}
	return done(st.Verb), nil
}

// notify has the transaction send a notification when it commits. One that it sends already is sent once.
func (s *Session) notify(channel, payload string) error {
	switch {
	case channel == "":
		return sqlerr.New(sqlerr.InvalidParameterValue, "channel name cannot be empty")
	case len(channel) > maxChannel:
		return sqlerr.New(sqlerr.InvalidParameterValue, "channel name too long")
	case len(payload) > maxPayload:
		return sqlerr.New(sqlerr.InvalidParameterValue, "payload string too long")
	}
	n := engine.Notification{PID: s.cfg.PID, Channel: channel, Payload: payload}
	if !slices.Contains(s.tx.notes, n) {
		s.tx.notes = append(s.tx.notes, n)
	}
	return nil
}

// mayNotify is asked before the transaction commits.
func (s *Session) mayNotify(tx *transaction) error {
	if len(tx.notes) == 0 {
		return nil
	}
	return s.eng.MayNotify(tx.notes)
}

// announce does what a transaction that has committed wanted of channels.
func (s *Session) announce(tx *transaction) {
	for _, l := range tx.listens {
		s.client.Listen(l.channel, l.begin)
	}
	if len(tx.notes) > 0 {
		s.eng.Notify(tx.notes)
	}
}

// Notifications takes what has come for the client.
func (s *Session) Notifications() []engine.Notification { return s.client.Notifications() }

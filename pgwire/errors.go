package pgwire

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/sqlerr"
)

// maxErrorText is the longest field of an error. Messages may quote what the user sent, which may be long.
const maxErrorText = 16 << 10

func errShutdown() *sqlerr.Error {
	return sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command")
}

// translate gives errors that come without one their SQLSTATE.
func translate(err error) *sqlerr.Error {
	var e *sqlerr.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
	case errors.Is(err, context.DeadlineExceeded):
		return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to statement timeout")
	}
	return sqlerr.From(err)
}

// errorResponse puts an error into the fields of the protocol. text is the statement it may point into.
func errorResponse(severity string, e *sqlerr.Error, text string) *pgproto3.ErrorResponse {
	m := &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity, Code: string(e.Code), Message: plain(e.Message),
		Detail: plain(e.Detail), Hint: plain(e.Hint), Where: plain(e.Where),
		SchemaName: plain(e.Schema), TableName: plain(e.Table), ColumnName: plain(e.Column),
		ConstraintName: plain(e.Constraint),
	}
	if m.Message == "" {
		m.Message = "error " + m.Code // clients want one
	}
	if e.Offset >= 0 && e.Offset <= len(text) && text != "" {
		m.Position = int32(utf8.RuneCountInString(text[:e.Offset])) + 1
	}
	return m
}

// encoded puts the texts of an error into the client's character set, as far as they can be.
func (c *conn) encoded(m *pgproto3.ErrorResponse) *pgproto3.ErrorResponse {
	for _, s := range []*string{&m.Message, &m.Detail, &m.Hint, &m.Where, &m.SchemaName, &m.TableName, &m.ColumnName,
		&m.ConstraintName} {
		*s = c.charset.EncodeLossy(*s)
	}
	return m
}

// plain makes text fit for a field of a message: valid UTF-8 without NUL, which would end the field, and of bounded
// length.
func plain(s string) string {
	if len(s) > maxErrorText {
		n := maxErrorText
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "..."
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// isElsewhere reports whether an error says that the conversation has to go on at another node.
func isElsewhere(err error) bool {
	var e *sqlerr.Error
	return errors.As(err, &e) && !e.Final && (e.Code == sqlerr.AdminShutdown || e.Code == sqlerr.CannotConnectNow)
}

// sendError reports an error that has no place in a text.
func (c *conn) sendError(err error) { c.sendErrorIn(err, "") }

// sendErrorIn reports an error of a statement whose text is given. A statement that the server's end has cancelled ends
// the connection.
func (c *conn) sendErrorIn(err error, text string) {
	if c.broken != nil || c.ended {
		return
	}
	e := translate(err)
	if (e.Code == sqlerr.QueryCanceled || e.Code == sqlerr.AdminShutdown) && c.isClosing() {
		c.fatal(errShutdown())
		return
	}
	if c.isCarried() && e.Code == sqlerr.AdminShutdown {
		if e.Final {
			c.fatal(e)
			return
		}
		c.ended, c.silent = true, true // a relay lets the conversation go on elsewhere
		return
	}
	if e.Code == sqlerr.InternalError {
		c.server.cfg.Logger.Error("internal error", "error", err)
	}
	c.send(c.encoded(errorResponse("ERROR", e, text)))
}

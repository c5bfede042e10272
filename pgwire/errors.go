package pgwire

import (
	"unicode/utf8"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/sqlerr"
)

// errorResponse puts an error into the fields of the protocol. text is the statement it may point into.
func errorResponse(severity string, err error, text string) *pgproto3.ErrorResponse {
	e := sqlerr.From(err)
	m := &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity, Code: string(e.Code), Message: e.Message, Detail: e.Detail,
		Hint: e.Hint, Where: e.Where,
	}
	if e.Offset >= 0 && e.Offset <= len(text) && text != "" {
		m.Position = int32(utf8.RuneCountInString(text[:e.Offset])) + 1
	}
	return m
}

// sendError reports an error that has no place in a text.
func (c *conn) sendError(err error) { c.sendErrorIn(err, "") }

// sendErrorIn reports an error of a statement whose text is given.
func (c *conn) sendErrorIn(err error, text string) {
	if c.closing.Load() {
		err = sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command")
	}
	e := sqlerr.From(err)
	if e.Code == sqlerr.InternalError {
		c.server.cfg.Logger.Error("internal error", "error", err)
	}
	c.send(errorResponse("ERROR", e, text))
}

package pgwire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// simpleQuery runs the statements of a Query message, in one implicit transaction.
func (c *conn) simpleQuery(body []byte) {
	defer c.ready()
	i := bytes.IndexByte(body, 0)
	if i < 0 || i != len(body)-1 {
		c.sendError(sqlerr.New(sqlerr.ProtocolViolation, "invalid string in message"))
		return
	}
	text := string(body[:i])
	c.dropPortal("")
	delete(c.statements, "")
	ctx, end := c.begin()
	defer end()
	stmts, err := parse.Parse(text)
	if err != nil {
		c.sendErrorIn(err, text)
		c.syncSession(ctx, true)
		return
	}
	if len(stmts) == 0 {
		c.send(&pgproto3.EmptyQueryResponse{})
	}
	for k, st := range stmts {
		if err := c.simpleStatement(ctx, st, k == len(stmts)-1); err != nil {
			c.sendErrorIn(err, text)
			c.syncSession(ctx, true)
			return
		}
	}
}

// syncSession ends the implicit transaction where its outcome has been told, or does not matter any more.
func (c *conn) syncSession(ctx context.Context, failed bool) {
	if err := c.session.Sync(context.WithoutCancel(ctx), failed); err != nil {
		c.sendError(err)
	}
}

// simpleStatement runs one statement. The last one of a message commits before it is said to be complete.
func (c *conn) simpleStatement(ctx context.Context, st parse.Statement, last bool) error {
	p, err := c.session.Prepare(ctx, st, nil)
	if err != nil {
		return err
	}
	params, cols := p.Describe()
	if len(params) > 0 {
		return sqlerr.At(st.Start, sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	r, err := p.Execute(ctx, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := c.sendResult(ctx, r, cols)
	if err != nil {
		return err
	}
	if last {
		if err := c.session.Sync(context.WithoutCancel(ctx), false); err != nil {
			return err
		}
	}
	c.complete(r, n)
	return nil
}

// sendResult sends what a statement gives, in text, and returns the number of rows.
func (c *conn) sendResult(ctx context.Context, r Result, cols []catalog.Column) (int, error) {
	switch r := r.(type) {
	case CopyIn:
		return 0, c.copyIn(ctx, r)
	case CopyOut:
		return 0, c.copyOut(ctx, r)
	}
	if cols == nil {
		return 0, nil
	}
	c.rowDescription(cols, nil)
	w := newRowWriter(c, cols, nil)
	n := 0
	for {
		if isLive(r) {
			c.flush()
		}
		b, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if err := w.rows(b, 0, b.N); err != nil {
			return n, err
		}
		n += b.N
	}
}

// isLive reports whether a result is a push query's: its rows must not wait in a buffer.
func isLive(r Result) bool {
	l, ok := r.(interface{ Live() bool })
	return ok && l.Live()
}

// complete sends CommandComplete.
func (c *conn) complete(r Result, n int) {
	tag, count := r.Tag()
	if count {
		tag += " " + strconv.Itoa(n)
	}
	c.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

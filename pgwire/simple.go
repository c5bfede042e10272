package pgwire

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// simpleQuery runs the statements of a Query message, in one implicit transaction.
func (c *conn) simpleQuery(ctx context.Context, body []byte) {
	f := fields{rest: body, set: c.charset}
	text := f.text()
	err := f.end()
	c.dropPortal("")
	c.forget("")
	defer func() { c.several = false }()
	if err != nil {
		c.simpleEnd(ctx, err, "")
		return
	}
	c.simpleText(ctx, text, 0)
}

// simpleText runs the statements of a text from the nth on.
func (c *conn) simpleText(ctx context.Context, text string, nth int) {
	c.simpleEnd(ctx, c.simpleStatements(ctx, text, nth), text)
}

func (c *conn) simpleEnd(ctx context.Context, err error, text string) {
	if err != nil {
		c.sendErrorIn(err, text)
		c.syncSession(ctx, true)
	}
	c.endPortals(err != nil)
	c.ready()
}

func (c *conn) simpleStatements(ctx context.Context, text string, nth int) error {
	stmts, err := c.statementsOf(text)
	if err != nil {
		return err
	}
	if len(stmts) == 0 {
		c.send(&pgproto3.EmptyQueryResponse{})
		c.syncSession(ctx, false)
		return nil
	}
	c.several = len(stmts) > 1
	for k, st := range stmts {
		if k < nth { // it was run elsewhere
			continue
		}
		if c.isCarried() && k == len(stmts)-1 {
			c.offered = offer{Text: text, Nth: k}
			c.offer = &c.offered
			defer func() { c.offer = nil }()
		}
		tag, err := c.simpleStatement(ctx, st)
		if err != nil {
			return err
		}
		if k == len(stmts)-1 { // committed before it is said to be complete
			if err := c.session.Sync(ctx, false); err != nil {
				return err
			}
		}
		c.complete(tag)
		if discardsAll(st) {
			c.discardAll()
		}
	}
	return nil
}

// statementsOf parses a message of the client.
func (c *conn) statementsOf(text string) ([]parse.Statement, error) {
	if limit := c.server.cfg.MaxStatementBytes; len(text) > limit {
		return nil, sqlerr.New(sqlerr.StatementTooComplex, "a statement of %d bytes is longer than the limit of %d",
			len(text), limit).WithHint("Send large values as parameters, or rows by COPY.")
	}
	if p, ok := c.session.(Parser); ok {
		return p.Parse(text)
	}
	return parse.Parse(text)
}

// syncSession ends the implicit transaction where its outcome has been told, or does not matter any more. It reports
// whether that failed.
func (c *conn) syncSession(ctx context.Context, failed bool) bool {
	err := c.session.Sync(ctx, failed)
	if err != nil {
		c.sendError(err)
	}
	return err != nil
}

// simpleStatement runs one statement, sends what it gives, and returns its command tag.
func (c *conn) simpleStatement(ctx context.Context, st parse.Statement) (string, error) {
	ctx, end := c.begin(ctx)
	defer end()
	p, err := c.prepareStmt(ctx, st, nil)
	if err != nil {
		return "", err
	}
	params, cols := p.Describe()
	if len(params) > 0 {
		return "", sqlerr.At(st.Start, sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	c.leaving.executes(p, false)
	r, err := p.Execute(ctx, nil)
	if err != nil {
		return "", err
	}
	defer r.Close()
	n, err := c.sendResult(ctx, r, cols)
	return tagOf(r, n), err
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
	var formats []int16
	if b, ok := r.(interface{ Binary() bool }); ok && b.Binary() {
		formats = slices.Repeat([]int16{1}, len(cols))
	}
	from, f := c.goesOn(), c.follow(r)
	n := from.rows
	f.at(n, from.begun, -1)
	if !from.begun {
		c.rowDescription(cols, formats)
		f.at(n, true, -1)
	}
	live := c.startRows(r)
	w := newRowWriter(c, cols, formats)
	for {
		if live {
			if err := c.flushLive(f); err != nil {
				return n, err
			}
		}
		b, err := nextWithin(ctx, r, f.until())
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err == nil && b != nil {
			err = w.follow(f, b, 0, b.N, n)
			n += b.N
		}
		if err != nil {
			f.ended(err)
			return n, err
		}
		if b == nil {
			f.at(n, true, -1)
		}
	}
}

// nextWithin is Next of a result that gives up at a time, with nil, where it can and there is one.
func nextWithin(ctx context.Context, r Result, deadline time.Time) (*vec.Batch, error) {
	if p, ok := r.(patient); ok && !deadline.IsZero() {
		return p.Within(ctx, deadline)
	}
	return r.Next(ctx)
}

// startRows prepares for the rows of a result. It reports whether the result is a push query's: its rows must not wait
// in a buffer.
func (c *conn) startRows(r Result) bool {
	if isLive(r) {
		c.runsLive()
		return true
	}
	c.roomy()
	return false
}

func isLive(r Result) bool {
	l, ok := r.(interface{ Live() bool })
	return ok && l.Live()
}

// tagOf returns the command tag of a result that gave n rows.
func tagOf(r Result, n int) string {
	tag, count := r.Tag()
	if count {
		tag += " " + strconv.Itoa(n)
	}
	return tag
}

func (c *conn) complete(tag string) {
	c.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

func discardsAll(st parse.Statement) bool {
	d, ok := st.Stmt.(*ast.Discard)
	return ok && d.What == "ALL"
}

// discardAll forgets prepared statements and portals, as DISCARD ALL asks.
func (c *conn) discardAll() {
	for name := range c.statements {
		c.forget(name)
	}
	c.closePortals()
}

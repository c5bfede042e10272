package pgwire

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// portal is a statement with its parameters, perhaps half executed. A cursor is one that SQL names; its rows are taken
// by way of scroll.
type portal struct {
	name    string
	stmt    *statement
	args    []types.Value
	formats []int16
	result  Result     // nil before the first Execute
	batch   *vec.Batch // rows not yet all sent
	next    int        // the first row of batch that is not sent
	done    bool       // all rows were sent
	failed  bool       // it cannot be run any more

	scroll *scroll   // of a cursor
	hold   bool      // outlives its transaction
	held   bool      // has done so
	binary bool      // declared BINARY
	made   time.Time // for pg_cursors
	size   int64     // that the session keeps for it
	bound  []byte    // the message that a relay's client has bound it by
	why    error     // it cannot be taken up
	seq    int       // among the conversation's portals
}

func (c *conn) addPortal(p *portal) {
	c.made++
	p.seq, p.made = c.made, time.Now()
	c.portals[p.name] = p
}

func (c *conn) portal(name string) (*portal, error) {
	if p := c.portals[name]; p != nil {
		return p, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidCursorName, "portal %q does not exist", name)
}

// execute runs a portal, or lets it go on, for at most as many rows as the client wants. It returns the text that
// errors point into.
func (c *conn) execute(ctx context.Context, body []byte) (string, error) {
	f := fields{rest: body, set: c.charset}
	name, limit := f.text(), f.int32()
	if err := f.end(); err != nil {
		return "", err
	}
	return c.textOf(name), c.executePortal(ctx, name, int(limit))
}

// textOf is the text that errors of a portal point into.
func (c *conn) textOf(name string) string {
	if p := c.portals[name]; p != nil {
		return p.stmt.text
	}
	return ""
}

func (c *conn) executePortal(ctx context.Context, name string, limit int) error {
	p, err := c.portal(name)
	if err != nil {
		return err
	}
	if p.why != nil {
		return p.why
	}
	if p.stmt.prepared == nil {
		c.send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	ctx, end := c.begin(ctx)
	c.active = p
	defer func() { c.active = nil; end() }()
	if c.isCarried() {
		c.offered = offer{Portal: &p.name, Limit: limit}
		c.offer = &c.offered
		defer func() { c.offer = nil }()
	}
	c.leaving.executes(p.stmt.prepared, c.leaving.had(p))
	if err := c.runPortal(ctx, p, limit); err != nil {
		p.failed = true
		return err
	}
	if p.stmt.discardsAll {
		c.discardAll()
	}
	return nil
}

// runPortal executes a portal that has not been yet, and sends what it gives.
func (c *conn) runPortal(ctx context.Context, p *portal, limit int) (err error) {
	switch {
	case p.failed || p.done && p.stmt.cols == nil:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "portal %q cannot be run", p.name)
	case p.result == nil:
		if p.result, err = p.stmt.prepared.Execute(ctx, p.args); err != nil {
			p.result = nil
			return err
		}
	case c.session.Status() == FailedTx:
		return errAborted()
	}
	n, suspended := 0, false
	switch r := p.result.(type) {
	case CopyIn:
		err = c.copyIn(ctx, r)
	case CopyOut:
		err = c.copyOut(ctx, r)
	default:
		n, suspended, err = c.portalRows(ctx, p, limit)
	}
	if err != nil {
		return err
	}
	if suspended {
		c.send(&pgproto3.PortalSuspended{})
		return nil
	}
	p.done = true
	tag := tagOf(p.result, n)
	if at := strings.LastIndexByte(tag, ' '); p.stmt.cols != nil && at > 0 && tag[at+1:] != "" && tag[at+1] <= '9' {
		tag = tag[:at+1] + strconv.Itoa(n) // RETURNING counts the rows of its last piece
	}
	c.complete(tag)
	return nil
}

// portalRows sends rows of a portal and returns their number, and whether the limit was reached before the end.
func (c *conn) portalRows(ctx context.Context, p *portal, limit int) (n int, suspended bool, err error) {
	if p.stmt.cols == nil || p.done {
		return 0, false, nil
	}
	for _, f := range p.formats {
		if f != 0 && f != 1 {
			return 0, false, unsupportedFormat(f)
		}
	}
	from, f := c.goesOn(), c.follow(p.result)
	n = from.rows
	if f != nil {
		f.of = p
		f.at(n, true, -1)
	}
	live := c.startRows(p.result)
	w := newRowWriter(c, p.stmt.cols, p.formats)
	for {
		if live && p.batch == nil {
			if err := c.flushLive(f); err != nil {
				return n, false, err
			}
		}
		b, lo, hi, err := p.take(ctx, limit-n, f.until())
		if errors.Is(err, io.EOF) {
			return n, false, nil
		}
		if err == nil && b != nil {
			err = w.follow(f, b, lo, hi, n)
		}
		if err != nil {
			f.ended(err)
			return n, false, err
		}
		if b == nil {
			f.at(n, true, -1)
		}
		if n += hi - lo; limit > 0 && n == limit {
			return n, true, nil
		}
	}
}

// Place implements placed, for the rows of the batch that take has given last.
func (p *portal) Place(n int) (string, bool) {
	of, ok := p.result.(placed)
	if n >= 0 && p.scroll == nil && ok {
		return of.Place(n)
	}
	return p.place()
}

// take returns the next rows of a portal: lo to hi of b, at most limit if that is positive; io.EOF after the last, and
// nothing when a push query has none until the deadline. They are borrowed until the next call.
func (p *portal) take(ctx context.Context, limit int, deadline time.Time) (b *vec.Batch, lo, hi int, err error) {
	if p.scroll != nil {
		if limit <= 0 {
			limit = -1
		}
		b, err := p.scroll.forward(ctx, int64(limit), deadline)
		if b == nil && err == nil && (p.scroll.ended || deadline.IsZero()) {
			err = io.EOF
		}
		if err != nil || b == nil {
			return nil, 0, 0, err
		}
		return b, 0, b.N, nil
	}
	if p.batch == nil {
		b, err := nextWithin(ctx, p.result, deadline)
		if b == nil && err == nil {
			return nil, 0, 0, nil
		}
		if err != nil {
			p.done = errors.Is(err, io.EOF)
			p.failed = !p.done
			return nil, 0, 0, err
		}
		p.batch, p.next = b, 0
	}
	b, lo, hi = p.batch, p.next, p.batch.N
	if limit > 0 {
		hi = min(hi, lo+limit)
	}
	if p.next = hi; hi == b.N {
		p.batch = nil
	}
	return b, lo, hi, nil
}

func (c *conn) dropPortal(name string) {
	if p := c.portals[name]; p != nil {
		delete(c.portals, name)
		if c.kept -= p.size; p.scroll != nil {
			c.kept -= p.scroll.counted
		}
		if p.result != nil {
			p.result.Close()
		}
	}
}

func (c *conn) closePortals() {
	for name := range c.portals {
		c.dropPortal(name)
	}
}

// endPortals drops the portals that end with their transaction; of one that failed no cursor stays.
func (c *conn) endPortals(failed bool) {
	if c.session.Status() != Idle {
		return
	}
	c.saves = c.saves[:0]
	for name, p := range c.portals {
		switch {
		case p.held || p == c.active:
		case p.hold && !failed:
			p.held = true
		default:
			c.dropPortal(name)
		}
	}
}

// save is a savepoint, and the newest portal there was.
type save struct {
	name string
	seq  int
}

// controlling is a statement that ends or divides a transaction, bound: portals go with what is rolled back.
type controlling struct {
	Prepared
	c    *conn
	stmt ast.Stmt
}

// Execute implements Prepared.
func (x *controlling) Execute(ctx context.Context, args []types.Value) (Result, error) {
	r, err := x.Prepared.Execute(ctx, args)
	if err != nil {
		return r, err
	}
	c := x.c
	switch st := x.stmt.(type) {
	case *ast.Savepoint:
		if st.Release {
			c.saves = c.saves[:max(c.savedAt(st.Name), 0)]
		} else {
			c.saves = append(c.saves, save{st.Name, c.made})
		}
	case *ast.Rollback:
		if st.To == "" {
			c.endPortals(true)
		} else if i := c.savedAt(st.To); i >= 0 {
			c.saves = c.saves[:i+1]
			c.dropSince(c.saves[i].seq)
		}
	case *ast.Commit:
		tag, _ := r.Tag()
		c.endPortals(tag == "ROLLBACK")
	}
	return r, nil
}

// savedAt finds the newest savepoint of a name; -1 when there is none.
func (c *conn) savedAt(name string) int {
	i := len(c.saves) - 1
	for i >= 0 && c.saves[i].name != name {
		i--
	}
	return i
}

// dropSince drops the portals that were made after another one.
func (c *conn) dropSince(seq int) {
	for name, p := range c.portals {
		if !p.held && p.seq > seq && p != c.active {
			c.dropPortal(name)
		}
	}
}

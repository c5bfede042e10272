package pgwire

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// prepareStmt has the session bind a statement. Those about cursors are the door's own: a cursor is a portal that SQL
// can name.
func (c *conn) prepareStmt(ctx context.Context, st parse.Statement, params []types.Type) (Prepared, error) {
	var p Prepared
	var err error
	switch st.Stmt.(type) {
	case *ast.DeclareCursor, *ast.Fetch, *ast.CloseCursor:
		if c.session.Status() == FailedTx {
			return nil, errAborted()
		}
	}
	switch x := st.Stmt.(type) {
	case *ast.DeclareCursor:
		p, err = c.prepareDeclare(ctx, st, x, params)
	case *ast.Fetch:
		p, err = c.prepareFetch(x)
	case *ast.CloseCursor:
		p = &closing{c: c, name: x.Name}
	case *ast.Commit, *ast.Rollback, *ast.Savepoint:
		if p, err = c.session.Prepare(ctx, st, params); err != nil {
			return nil, err
		}
		return &controlling{p, c, st.Stmt}, nil
	default:
		return c.session.Prepare(ctx, st, params)
	}
	return p, err
}

// cursors lists the cursors and portals that have a name, in the order they were made.
func (c *conn) cursors() []fn.Cursor {
	var list []fn.Cursor
	for _, p := range slices.SortedFunc(maps.Values(c.portals), func(a, b *portal) int { return a.seq - b.seq }) {
		if p.name != "" {
			list = append(list, fn.Cursor{Name: p.name, Statement: p.stmt.text, Hold: p.hold, Binary: p.binary,
				Scroll: p.scroll != nil && !p.scroll.oneWay, Made: p.made})
		}
	}
	return list
}

func errAborted() error {
	return sqlerr.New(sqlerr.InFailedSQLTransaction,
		"current transaction is aborted, commands ignored until end of transaction block")
}

// declaring is DECLARE, bound: the query of a cursor.
type declaring struct {
	c    *conn
	decl *ast.DeclareCursor
	stmt *statement
}

func (c *conn) prepareDeclare(ctx context.Context, st parse.Statement, x *ast.DeclareCursor,
	params []types.Type) (Prepared, error) {
	scroll := x.Scroll != nil && *x.Scroll
	if len(x.Q.Locking) > 0 && (scroll || x.Hold) {
		what, why := "DECLARE CURSOR WITH HOLD", "Holdable"
		if scroll {
			what, why = "DECLARE SCROLL CURSOR", "Scrollable"
		}
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "%s ... %s is not supported", what,
			x.Q.Locking[0].Strength).
			WithDetail("%s cursors must be READ ONLY.", why)
	}
	if scroll && x.Q.Emit != ast.EmitNone {
		return nil, sqlerr.At(x.Pos(), sqlerr.FeatureNotSupported, "a push query cannot have a SCROLL cursor").
			WithHint("Its rows never end, and those that were fetched are gone.")
	}
	query := st
	query.Stmt = &ast.QueryStmt{P: x.Q.P, Q: x.Q}
	if at := x.Q.Pos(); at > st.Start && at < st.End {
		query.Start, query.Text = at, st.Text[at-st.Start:]
	}
	p, err := c.session.Prepare(ctx, query, params)
	if err != nil {
		return nil, err
	}
	d := &declaring{c: c, decl: x, stmt: &statement{text: st.Text, prepared: p}}
	d.stmt.params, d.stmt.cols = p.Describe()
	return d, nil
}

// Describe implements Prepared.
func (d *declaring) Describe() ([]types.Type, []catalog.Column) { return d.stmt.params, nil }

// Execute implements Prepared. The query starts here: what it reads, or waits for, begins now. A push query needs no
// transaction: its cursor is there until it is closed.
func (d *declaring) Execute(ctx context.Context, args []types.Value) (Result, error) {
	c, push := d.c, d.decl.Q.Emit != ast.EmitNone
	hold := d.decl.Hold || push && c.session.Status() == Idle
	switch {
	case !hold && c.session.Status() == Idle && !c.several:
		return nil, sqlerr.At(d.decl.Pos(), sqlerr.NoActiveSQLTransaction,
			"DECLARE CURSOR can only be used in transaction blocks").WithHint("BEGIN first, or declare the cursor WITH HOLD.")
	case c.portals[d.decl.Name] != nil:
		return nil, sqlerr.New(sqlerr.DuplicateCursor, "cursor %q already exists", d.decl.Name)
	}
	r, err := d.stmt.prepared.Execute(ctx, args)
	if err != nil {
		return nil, err
	}
	scroll := &scroll{result: r, keep: c.keep, must: d.decl.Scroll != nil && *d.decl.Scroll,
		oneWay: push || d.decl.Scroll != nil && !*d.decl.Scroll}
	p := &portal{name: d.decl.Name, stmt: d.stmt, args: args, formats: make([]int16, len(d.stmt.cols)), result: r,
		scroll: scroll, hold: hold, binary: d.decl.Binary}
	c.addPortal(p)
	return tagged("DECLARE CURSOR"), nil
}

// fetching is FETCH or MOVE, bound.
type fetching struct {
	c    *conn
	st   *ast.Fetch
	cols []catalog.Column
}

func (c *conn) cursor(name string) (*portal, error) {
	p := c.portals[name]
	if p == nil {
		return nil, sqlerr.New(sqlerr.InvalidCursorName, "cursor %q does not exist", name)
	}
	return p, nil
}

func (c *conn) prepareFetch(st *ast.Fetch) (Prepared, error) {
	p, err := c.cursor(st.Name)
	if err != nil {
		return nil, err
	}
	return &fetching{c: c, st: st, cols: p.stmt.cols}, nil
}

// Describe implements Prepared.
func (f *fetching) Describe() ([]types.Type, []catalog.Column) {
	if f.st.Move {
		return nil, nil
	}
	return nil, f.cols
}

// Execute implements Prepared.
func (f *fetching) Execute(ctx context.Context, _ []types.Value) (Result, error) {
	p, err := f.c.cursor(f.st.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case f.c.session.Status() == FailedTx:
		return nil, errAborted()
	case p.why != nil:
		return nil, p.why
	case p.failed || p.stmt.prepared == nil:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "portal %q cannot be run", p.name)
	case !slices.Equal(p.stmt.cols, f.cols):
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type")
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	r := &fetched{p: p, deadline: f.c.fetchDeadline()}
	if r.run, err = p.scroll.seek(ctx, f.st, r.deadline); err != nil {
		p.failed = true
		return nil, err
	}
	if rel := f.c.relay; rel != nil && rel.from != nil && r.run.left > 0 { // some have been fetched elsewhere
		r.run.left = max(r.run.left-int64(rel.from.rows), 0)
	}
	if !f.st.Move && r.Live() {
		return r, nil
	}
	if !f.st.Move { // it has run, at least to its first rows, before the client is told of columns, as in PostgreSQL
		r.first, r.firstErr = r.Next(ctx)
		if r.ahead = true; r.firstErr != nil && !errors.Is(r.firstErr, io.EOF) {
			return nil, r.firstErr
		}
		return r, nil
	}
	if isLive(p.result) {
		f.c.runsLive()
	}
	n := 0
	if r.run.stay {
		n = 1
	}
	for {
		b, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return tagged("MOVE " + strconv.Itoa(n)), nil
		}
		if err != nil {
			return nil, err
		}
		n += b.N
	}
}

// start makes a cursor of a portal of the protocol.
func (p *portal) start(ctx context.Context) (err error) {
	if p.result == nil {
		if p.result, err = p.stmt.prepared.Execute(ctx, p.args); err != nil {
			p.result, p.failed = nil, true
			return err
		}
	}
	if p.scroll == nil {
		p.scroll = &scroll{result: p.result, oneWay: true, ended: p.done}
		if p.batch != nil {
			b := p.batch.Slice(p.next, p.batch.N).Clone()
			p.scroll.kept, p.scroll.read = []*vec.Batch{b}, int64(b.N)
			p.batch = nil
		}
	}
	return nil
}

// fetchDeadline is when a FETCH from a push query gives what it has; never when it is the zero time.
func (c *conn) fetchDeadline() time.Time {
	if s, ok := c.session.(interface{ FetchWait() time.Duration }); ok && s.FetchWait() >= 0 {
		return time.Now().Add(s.FetchWait())
	}
	return time.Time{}
}

// fetched is the result of FETCH: rows of a cursor. It leaves the cursor open.
type fetched struct {
	p        *portal
	run      run
	deadline time.Time
	newest   int64 // rows that Next gave last

	ahead    bool // the first rows, or the end, have been read
	first    *vec.Batch
	firstErr error
}

// Next implements Result.
func (r *fetched) Next(ctx context.Context) (*vec.Batch, error) {
	if r.ahead {
		r.ahead = false
		return r.first, r.firstErr
	}
	s := r.p.scroll
	if r.run.left == 0 || r.p.failed {
		return nil, io.EOF
	}
	var b *vec.Batch
	if r.run.back {
		b = s.backward(r.run.left)
	} else {
		var err error
		if b, err = s.forward(ctx, r.run.left, r.deadline); err != nil {
			r.p.failed = true
			return nil, err
		}
	}
	if b == nil {
		r.run.left = 0
		return nil, io.EOF
	}
	if r.run.left > 0 {
		r.run.left -= int64(b.N)
	}
	r.newest = int64(b.N)
	return b, nil
}

// Within is Next that gives up at a time, with nil.
func (r *fetched) Within(ctx context.Context, deadline time.Time) (*vec.Batch, error) {
	if r.run.left == 0 || r.run.back || !r.deadline.IsZero() && !deadline.Before(r.deadline) {
		return r.Next(ctx)
	}
	ready, err := r.p.scroll.ready(ctx, deadline)
	if err != nil {
		r.p.failed = true
	}
	if !ready || err != nil {
		return nil, err
	}
	return r.Next(ctx)
}

// Place implements placed.
func (r *fetched) Place(n int) (string, bool) {
	if n < 0 {
		return r.p.scroll.place(0)
	}
	return r.p.scroll.place(r.newest - int64(n))
}

// Tag implements Result.
func (r *fetched) Tag() (string, bool) { return "FETCH", true }

// Close implements Result.
func (r *fetched) Close() {}

// Live reports whether the cursor's query is a push query.
func (r *fetched) Live() bool { return isLive(r.p.result) }

// Binary reports whether the cursor was declared BINARY.
func (r *fetched) Binary() bool { return r.p.binary }

// closing is CLOSE, bound.
type closing struct {
	c    *conn
	name string // "" for ALL
}

// Describe implements Prepared.
func (x *closing) Describe() ([]types.Type, []catalog.Column) { return nil, nil }

// Execute implements Prepared.
func (x *closing) Execute(context.Context, []types.Value) (Result, error) {
	if x.name == "" {
		for name := range x.c.portals {
			if name != "" {
				x.c.dropPortal(name)
			}
		}
		return tagged("CLOSE CURSOR ALL"), nil
	}
	if _, err := x.c.cursor(x.name); err != nil {
		return nil, err
	}
	x.c.dropPortal(x.name)
	return tagged("CLOSE CURSOR"), nil
}

// tagged is the result of a statement that has been done: its command tag.
type tagged string

// Next implements Result.
func (t tagged) Next(context.Context) (*vec.Batch, error) { return nil, io.EOF }

// Tag implements Result.
func (t tagged) Tag() (string, bool) { return string(t), false }

// Close implements Result.
func (t tagged) Close() {}

package pgwire

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
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
	switch x := st.Stmt.(type) {
	case *ast.DeclareCursor:
		p, err = c.prepareDeclare(ctx, st, x, params)
	case *ast.Fetch:
		p, err = c.prepareFetch(x)
	case *ast.CloseCursor:
		p = &closing{c: c, name: x.Name}
	default:
		return c.session.Prepare(ctx, st, params)
	}
	if err == nil && c.session.Status() == FailedTx {
		err = errAborted()
	}
	return p, err
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
	if x.Binary {
		return nil, sqlerr.At(x.Pos(), sqlerr.FeatureNotSupported, "binary cursors are not supported").
			WithHint("Ask for binary results in the extended protocol.")
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

// Execute implements Prepared. The query starts here: what it reads, or waits for, begins now.
func (d *declaring) Execute(ctx context.Context, args []types.Value) (Result, error) {
	switch {
	case !d.decl.Hold && d.c.session.Status() == Idle:
		return nil, sqlerr.At(d.decl.Pos(), sqlerr.NoActiveSQLTransaction,
			"DECLARE CURSOR can only be used in transaction blocks").WithHint("BEGIN first, or declare the cursor WITH HOLD.")
	case d.c.portals[d.decl.Name] != nil:
		return nil, sqlerr.New(sqlerr.DuplicateCursor, "cursor %q already exists", d.decl.Name)
	}
	r, err := d.stmt.prepared.Execute(ctx, args)
	if err != nil {
		return nil, err
	}
	d.c.portals[d.decl.Name] = &portal{
		name: d.decl.Name, stmt: d.stmt, args: args, formats: make([]int16, len(d.stmt.cols)), result: r,
		declared: true, hold: d.decl.Hold,
	}
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
	if p == nil || p.result == nil {
		return nil, sqlerr.New(sqlerr.InvalidCursorName, "cursor %q does not exist", name)
	}
	return p, nil
}

func (c *conn) prepareFetch(st *ast.Fetch) (Prepared, error) {
	p, err := c.cursor(st.Name)
	if err != nil {
		return nil, err
	}
	if st.Dir != "FORWARD" && st.Dir != "RELATIVE" || st.Count < 0 {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "cursor can only scan forward").
			WithHint("A result is not kept: rows that were fetched are gone.")
	}
	if st.Dir == "RELATIVE" && st.Count != 1 {
		return nil, sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "FETCH RELATIVE is not supported").
			WithHint("FETCH FORWARD n gives the next n rows.")
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
	case p.failed:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "portal %q cannot be run", p.name)
	case !slices.Equal(p.stmt.cols, f.cols):
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type")
	}
	r := &fetched{p: p, left: f.st.Count, all: f.st.All}
	if !f.st.Move {
		return r, nil
	}
	if isLive(p.result) {
		f.c.runsLive()
	}
	n := 0
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

// fetched is the result of FETCH: the next rows of a cursor. It leaves the cursor open.
type fetched struct {
	p    *portal
	left int64
	all  bool
}

// Next implements Result.
func (r *fetched) Next(ctx context.Context) (*vec.Batch, error) {
	if r.p.done || !r.all && r.left == 0 {
		return nil, io.EOF
	}
	limit := 0
	if !r.all {
		limit = int(min(r.left, 1<<30))
	}
	b, lo, hi, err := r.p.take(ctx, limit)
	if err != nil {
		return nil, err
	}
	r.left -= int64(hi - lo)
	if lo == 0 && hi == b.N {
		return b, nil
	}
	return b.Slice(lo, hi), nil
}

// Tag implements Result.
func (r *fetched) Tag() (string, bool) { return "FETCH", true }

// Close implements Result.
func (r *fetched) Close() {}

// Live reports whether the cursor's query is a push query.
func (r *fetched) Live() bool { return isLive(r.p.result) }

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
		for name, p := range x.c.portals {
			if p.declared {
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

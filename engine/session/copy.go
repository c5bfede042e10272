package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/format"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/charset"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// bindCopy binds COPY … FROM STDIN and COPY … TO STDOUT.
func (s *Session) bindCopy(p *Prepared, st *ast.Copy) error {
	opts, err := s.copyOptions(st)
	if err != nil {
		return err
	}
	if st.To {
		return s.bindCopyTo(p, st, opts)
	}
	cp, err := planner.CopyFrom(s.planContext(p), st)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.checkWritable("COPY FROM", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		if err := s.mayWrite(cp.Rel, st.Table.Pos()); err != nil {
			return nil, err
		}
		return s.newCopyIn(cp, opts)
	}
	return nil
}

// copyOptions are the options of a COPY statement, read.
type copyOptions struct {
	format.CopyOptions
	charset *charset.Charset // of the data; nil for UTF-8
	skipBad bool             // ON_ERROR ignore: bad input goes to leat_catalog.errors
}

func (s *Session) copyOptions(st *ast.Copy) (copyOptions, error) {
	o := copyOptions{CopyOptions: format.CopyOptions{Format: format.CopyText, Env: s.OutputEnv()}}
	onError, set := "", s.set.show("client_encoding")
	for _, p := range st.Options {
		value := settingText(p.Val)
		one := func() (byte, error) {
			if len(value) != 1 {
				return 0, sqlerr.At(p.Pos(), sqlerr.FeatureNotSupported, "COPY %s must be a single one-byte character", p.Key)
			}
			return value[0], nil
		}
		var err error
		switch p.Key {
		case "format":
			o.Format = strings.ToLower(value)
		case "delimiter":
			o.Delimiter, err = one()
		case "quote":
			o.Quote, err = one()
		case "escape":
			o.Escape, err = one()
		case "null":
			o.Null = &value
		case "header":
			o.Header, o.Match, err = headerOption(value, p.Pos())
		case "freeze": // tells PostgreSQL how to keep the rows that it stores
			_, err = boolean(value)
		case "on_error":
			onError = strings.ToLower(value)
		case "encoding":
			set, err = encoding(value)
		default:
			err = sqlerr.At(p.Pos(), sqlerr.FeatureNotSupported, "COPY option %q is not supported", p.Key).
				WithHint("There are format, delimiter, null, header, quote, escape, encoding, freeze and on_error.")
		}
		if err != nil {
			return o, sqlerr.Locate(err, p.Pos())
		}
	}
	if o.charset = charset.Lookup(set); o.charset != nil && o.Format == format.CopyBinary {
		return o, sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "COPY format binary is not supported in encoding %s", set).
			WithHint("SET client_encoding = 'UTF8'.")
	}
	switch onError {
	case "":
		o.skipBad = o.Format == format.CopyJSON
	case "ignore":
		o.skipBad = true
	case "stop":
	default:
		return o, sqlerr.At(st.Pos(), sqlerr.InvalidParameterValue, "COPY ON_ERROR %q not recognized", onError).
			WithHint("It is stop or ignore.")
	}
	if o.skipBad && o.Format != format.CopyJSON {
		return o, sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "ON_ERROR ignore is for COPY format json")
	}
	return o, nil
}

func headerOption(value string, pos int) (header, match bool, err error) {
	switch strings.ToLower(value) {
	case "", "true", "on", "1":
		return true, false, nil
	case "match":
		return true, true, nil
	case "false", "off", "0":
		return false, false, nil
	}
	return false, false, sqlerr.At(pos, sqlerr.SyntaxError, "header requires a Boolean value or \"match\"")
}

// maxCopyInBlock is how much a COPY inside a transaction block may bring: it waits in memory for COMMIT.
const maxCopyInBlock = 64 << 20

// copyIn takes the data of COPY FROM STDIN.
type copyIn struct {
	s      *Session
	plan   *planner.CopyPlan
	rel    *catalog.Relation
	opts   copyOptions
	app    *engine.Appender // nil where the rows belong to a transaction
	held   *vec.Batch       // the rows of such a COPY
	size   int
	stored int64 // rows that a transaction has committed

	decoder *charset.Decoder     // nil for UTF-8
	reader  *format.CopyReader   // text, csv and binary
	split   *format.JSONSplitter // json
	dec     format.Decoder       // json that cannot be stored as it is
	batch   []*vec.Column        // the columns that come
	lines   []int
	values  [][]byte

	bad   [][]byte
	badAs []error
	nBad  int64
	n     int64
}

func (s *Session) newCopyIn(cp *planner.CopyPlan, opts copyOptions) (Result, error) {
	rel, cols := cp.Rel, cp.Cols
	c := &copyIn{s: s, plan: cp, rel: rel, opts: opts, decoder: opts.charset.NewDecoder()}
	app, err := s.eng.NewAppender(rel)
	if err != nil {
		return nil, err
	}
	var schema format.Schema
	for _, pos := range cols {
		schema.Names = append(schema.Names, rel.Columns[pos].Name)
		schema.Types = append(schema.Types, rel.Columns[pos].Type)
		c.batch = append(c.batch, vec.NewColumn(rel.Columns[pos].Type))
	}
	if s.tx.explicit || rel.Checked() {
		c.held = vec.NewBatch(relationTypes(rel))
	} else {
		c.app = app
	}
	if opts.Format != format.CopyJSON {
		c.reader, err = format.NewCopyReader(rel.Name, schema, opts.CopyOptions)
		return c, err
	}
	c.split = format.NewJSONSplitter(rel.Name)
	if c.app == nil || !c.app.TakesJSON() || len(cols) != len(rel.Columns) {
		c.dec, err = format.NewDecoder(format.JSON, schema, format.Options{})
	}
	return c, err
}

func relationTypes(rel *catalog.Relation) []types.Type {
	var ts []types.Type
	for _, c := range rel.Columns {
		ts = append(ts, c.Type)
	}
	return ts
}

// Write takes a piece of data.
func (c *copyIn) Write(ctx context.Context, p []byte) error {
	var err error
	if p, err = c.decoder.Next(p, false); err != nil {
		return c.fail(ctx, err)
	}
	c.lines = c.lines[:0]
	if c.reader != nil {
		if c.lines, err = c.reader.Write(p, c.batch, c.lines); err != nil {
			return c.fail(ctx, err)
		}
		return c.fail(ctx, c.columns(ctx))
	}
	if c.values, c.lines, err = c.split.Write(p, c.values[:0], c.lines); err != nil {
		return c.fail(ctx, err)
	}
	return c.fail(ctx, c.json(ctx))
}

// Finish ends the copy.
func (c *copyIn) Finish(ctx context.Context, cause error) error {
	if cause != nil {
		return c.fail(ctx, cause)
	}
	_, err := c.decoder.Next(nil, true)
	if err != nil {
		return c.fail(ctx, err)
	}
	c.lines = c.lines[:0]
	if c.reader != nil {
		if _, err = c.reader.Close(c.batch, c.lines); err == nil {
			err = c.columns(ctx)
		}
	} else {
		if c.values, c.lines, err = c.split.Close(c.values[:0], c.lines); err == nil {
			err = c.json(ctx)
		}
	}
	if err != nil {
		return c.fail(ctx, err)
	}
	return c.fail(ctx, c.end(ctx))
}

// end makes everything durable, or gives it to the transaction block.
func (c *copyIn) end(ctx context.Context) error {
	if c.app == nil {
		c.n = c.stored + int64(c.held.N)
		if err := c.insert(ctx); err != nil {
			return err
		}
	} else {
		n, err := c.app.Finish(ctx)
		if err != nil {
			return err
		}
		c.n = n
	}
	if err := c.report(ctx); err != nil {
		return err
	}
	if c.nBad > 0 {
		c.s.cfg.Notice(sqlerr.New(sqlerr.Warning, "%d input records could not be read and are not in %q", c.nBad, c.rel.Name).
			WithHint("SELECT * FROM leat_catalog.errors shows them, each with its reason."))
	}
	return nil
}

// fail says in err's context what is stored already: a large COPY is committed as it goes.
func (c *copyIn) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	e := *sqlerr.From(err)
	n := c.stored
	if c.app != nil {
		n = c.app.Abandon(context.WithoutCancel(ctx))
	}
	if n > 0 {
		if e.Detail != "" {
			e.Detail += " "
		}
		e.Detail += fmt.Sprintf("%d rows before it are stored: "+
			"a COPY of more than a few megabytes is committed as it goes.", n)
	}
	return c.s.abort(&e)
}

// columns hands the rows in c.batch on.
func (c *copyIn) columns(ctx context.Context) error {
	n := c.batch[0].Len()
	if n == 0 {
		return nil
	}
	rows := &vec.Batch{N: n, Cols: make([]*vec.Column, len(c.rel.Columns))}
	for i, pos := range c.plan.Cols {
		rows.Cols[pos] = c.batch[i]
	}
	for pos, x := range c.plan.Defaults {
		if x != nil {
			col, err := engine.EvalRows([]plan.Expr{x}, &vec.Batch{N: n}, c.s.env())
			if err != nil {
				return err
			}
			rows.Cols[pos] = col.Cols[0]
		}
	}
	err := c.rows(ctx, rows)
	for _, col := range c.batch {
		col.Reset()
	}
	return err
}

func (c *copyIn) rows(ctx context.Context, rows *vec.Batch) error {
	if c.app == nil || len(c.plan.Checks) > 0 {
		if _, err := c.s.eng.CheckRows(c.rel, c.plan.Checks, rows, c.s.env()); err != nil {
			return err
		}
	}
	if c.app != nil {
		return c.app.Rows(ctx, rows)
	}
	for _, col := range rows.Cols {
		c.size += len(col.Data) + 8*rows.N
	}
	c.held.AppendBatch(rows)
	switch {
	case c.size > maxCopyInBlock:
		return sqlerr.New(sqlerr.ProgramLimitExceeded,
			"COPY inside a transaction block is limited to %d MiB", maxCopyInBlock>>20).
			WithHint("Run COPY outside of BEGIN … COMMIT.")
	case c.size > copyTransaction && !c.s.tx.explicit:
		n := c.held.N
		if err := c.insert(ctx); err != nil {
			return err
		}
		if err := c.s.flushImplicit(ctx); err != nil {
			return err
		}
		c.stored += int64(n)
	}
	return nil
}

// copyTransaction is how much a COPY into a table with constraints writes in one transaction.
const copyTransaction = 4 << 20

// insert gives the rows held to the transaction.
func (c *copyIn) insert(ctx context.Context) error {
	rows, tx := c.held, c.s.work()
	c.held, c.size = vec.NewBatch(relationTypes(c.rel)), 0
	if !c.rel.Checked() {
		tx.Write(engine.Write{Rel: c.rel, Rows: rows})
		return nil
	}
	return tx.Change(ctx, c.rel, nil, c.s.env(), func(ch *engine.Change) error {
		_, err := ch.Insert(rows, nil, c.plan.Checks)
		return err
	})
}

// json handles the values in c.values: they are stored as they are, or decoded where the relation keeps them
// otherwise.
func (c *copyIn) json(ctx context.Context) error {
	var stop error
	bad := func(i int, err error) {
		e := *sqlerr.From(err)
		e.Where = format.CopyContext(c.rel.Name, c.lines[i])
		if !c.opts.skipBad {
			if stop == nil {
				stop = &e
			}
			return
		}
		c.nBad++
		if len(c.bad) < 1000 {
			c.bad = append(c.bad, append([]byte(nil), c.values[i]...))
			c.badAs = append(c.badAs, &e)
		}
	}
	var err error
	if c.dec == nil {
		err = c.app.Raw(ctx, c.values, bad)
	} else {
		c.dec.Decode(c.values, c.batch, bad)
		if stop == nil {
			err = c.columns(ctx)
		}
	}
	if stop != nil {
		return stop
	}
	if err != nil {
		return err
	}
	if len(c.bad) >= 256 {
		return c.report(ctx)
	}
	return nil
}

// report writes the bad input to leat_catalog.errors.
func (c *copyIn) report(ctx context.Context) error {
	if len(c.bad) == 0 {
		return nil
	}
	err := c.s.eng.ReportInput(ctx, c.rel, c.bad, c.badAs)
	c.bad, c.badAs = c.bad[:0], c.badAs[:0]
	return err
}

func (c *copyIn) Next(context.Context) (*vec.Batch, error) { return nil, eof }
func (c *copyIn) Tag() (string, bool)                      { return fmt.Sprintf("COPY %d", c.n), false }
func (c *copyIn) Close()                                   {}

// copyOut gives the data of COPY TO STDOUT.
type copyOut struct {
	r       Result
	w       *format.CopyWriter
	buf     []byte
	header  bool
	trailer bool
	width   int // columns
	binary  bool
	charset *charset.Charset
	batch   *vec.Batch // rows not all given yet
	next    int
	n       int64
}

func (s *Session) bindCopyTo(p *Prepared, st *ast.Copy, opts copyOptions) error {
	q := st.Q
	if q == nil {
		q = selectAll(st)
	}
	if err := refuseChanges("COPY", &ast.QueryStmt{Q: q}); err != nil {
		return err
	}
	inner := &Prepared{s: s, stmt: p.stmt, params: p.params}
	if err := s.bindQuery(inner, q); err != nil {
		return err
	}
	var schema format.Schema
	for _, c := range inner.cols {
		schema.Names = append(schema.Names, c.Name)
		schema.Types = append(schema.Types, c.Type)
	}
	w, err := format.NewCopyWriter(schema, opts.CopyOptions)
	if err != nil {
		return sqlerr.Locate(err, st.Pos())
	}
	p.params, p.constants = inner.params, inner.constants
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		at := s.resume
		r, err := inner.run(ctx, args)
		if err != nil {
			return nil, err
		}
		out := &copyOut{r: r, w: w, width: len(inner.cols), binary: opts.Format == format.CopyBinary, charset: opts.charset}
		out.goOn(at)
		return out, nil
	}
	return nil
}

// selectAll is the query that COPY table (columns) TO stands for.
func selectAll(st *ast.Copy) *ast.Query {
	sel := &ast.Select{P: st.P, From: []ast.From{&ast.TableRef{P: st.Table.P, Name: st.Table.Parts}}}
	for _, c := range st.Columns {
		sel.Items = append(sel.Items, ast.SelectItem{X: &ast.ColRef{P: c.P, Name: c.Parts}})
	}
	if len(st.Columns) == 0 {
		sel.Items = []ast.SelectItem{{X: &ast.Star{P: st.Table.P}}}
	}
	return &ast.Query{P: st.P, Body: sel}
}

// Read returns the next row: as in PostgreSQL a message holds one.
func (c *copyOut) Read(ctx context.Context) ([]byte, error) { return c.ReadWithin(ctx, time.Time{}) }

// ReadWithin is Read of a push query that waits until a time only, and returns nothing then.
func (c *copyOut) ReadWithin(ctx context.Context, deadline time.Time) ([]byte, error) {
	c.buf = c.buf[:0]
	if !c.header {
		c.header = true
		if c.buf = c.w.AppendHeader(c.buf); len(c.buf) > 0 && !c.binary { // that of a binary file comes with the first row
			return c.charset.Encode(c.buf)
		}
	}
	for c.batch == nil || c.next == c.batch.N {
		b, err := within(ctx, c.r, deadline)
		if errors.Is(err, eof) && !c.trailer {
			if c.trailer, c.buf = true, c.w.AppendTrailer(c.buf); len(c.buf) > 0 {
				return c.buf, nil
			}
		}
		if err != nil || b == nil {
			return nil, err
		}
		c.batch, c.next = b, 0
	}
	c.buf = c.w.AppendRow(c.buf, c.batch.Cols, c.next)
	c.next++
	c.n++
	return c.charset.Encode(c.buf)
}

// Layout tells the door how many columns come, and whether they are binary.
func (c *copyOut) Layout() (columns int, binary bool) { return c.width, c.binary }

// Layout tells the door how many columns are wanted, and whether they are to be binary.
func (c *copyIn) Layout() (columns int, binary bool) {
	return len(c.plan.Cols), c.opts.Format == format.CopyBinary
}

// Live reports whether rows come as they happen, so that a door must not hold them back.
func (c *copyOut) Live() bool { return isLive(c.r) }

func (c *copyOut) Next(context.Context) (*vec.Batch, error) { return nil, eof }
func (c *copyOut) Tag() (string, bool)                      { return fmt.Sprintf("COPY %d", c.n), false }
func (c *copyOut) Close()                                   { c.r.Close() }

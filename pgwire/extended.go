package pgwire

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// statement is a prepared statement. prepared is nil for an empty one.
type statement struct {
	text        string
	expanded    string // text with the values of variables of then; "" where it has none
	prepared    Prepared
	kept        Prepared // what a Keeper keeps of it under its name; nil for nothing
	params      []types.Type
	cols        []catalog.Column // nil when it gives no rows
	discardsAll bool
	endsBlock   bool  // it may run in a block that failed
	size        int64 // that the session keeps for it
	sent        bool  // the client has sent its text, with these types of parameters
	oids        []uint32
	part        []byte // what a relay is told of it; nil until it is
	turn        int    // of the client's, before it was made
	late        bool   // it has not been prepared since the session was restored
}

// extended handles Parse, Bind, Describe, Execute and Close; after an error everything up to Sync is passed over.
func (c *conn) extended(ctx context.Context, kind byte, body []byte) {
	var err error
	var text string
	switch kind {
	case 'P':
		text, err = c.parse(ctx, body)
	case 'B':
		text, err = c.bind(ctx, body)
	case 'D':
		text, err = c.describe(ctx, body)
	case 'E':
		text, err = c.execute(ctx, body)
	case 'C':
		err = c.close(body)
	}
	if err != nil {
		c.sendErrorIn(err, text)
		c.skip = true
		c.flush()
	}
	if len(c.out) >= flushBytes {
		c.flush()
	}
}

// sync ends the implicit transaction of what came since the last Sync.
func (c *conn) sync(ctx context.Context) {
	failed := c.skip
	c.skip = false
	failed = c.syncSession(ctx, failed) || failed
	c.endPortals(failed)
	c.ready()
}

// parse prepares a statement. It returns the text that errors point into.
func (c *conn) parse(ctx context.Context, body []byte) (string, error) {
	f := fields{rest: body, set: c.charset}
	name, text := f.text(), f.text()
	params := make([]types.Type, f.count(4))
	oids := make([]uint32, len(params))
	for i := range oids {
		oids[i] = uint32(f.int32())
	}
	if err := f.end(); err != nil {
		return "", err
	}
	for i, oid := range oids {
		ok := true
		if params[i] = types.Unknown; oid != 0 {
			params[i], ok = c.typeOf(oid)
		}
		if !ok {
			return "", sqlerr.New(sqlerr.UndefinedObject, "type with OID %d does not exist", oid)
		}
	}
	if name == "" {
		c.replaces("")
		c.forget("")
	}
	st, err := c.prepare(ctx, text, params)
	if err != nil {
		return text, err
	}
	if name != "" && c.find(name) != nil {
		return "", sqlerr.New(sqlerr.DuplicatePreparedStatement, "prepared statement %q already exists", name)
	}
	st.size = int64(len(text)) + statementBytes
	if err := c.keep(st.size); err != nil {
		return "", err
	}
	c.keepStatement(name, st, keptStatement{text, oids})
	c.send(&pgproto3.ParseComplete{})
	return "", nil
}

// keepStatement gives a statement its name.
func (c *conn) keepStatement(name string, st *statement, k keptStatement) {
	c.statements[name] = st
	if s, ok := c.session.(Keeper); ok && name != "" {
		if st.kept = sessions(st.prepared); st.kept != nil {
			s.Keep(name, st.kept)
		}
	}
	st.sent, st.oids = true, k.Params
	if c.leaving != nil {
		st.turn = c.leaving.turns
	}
}

func (c *conn) prepare(ctx context.Context, text string, params []types.Type) (*statement, error) {
	st := &statement{text: text, params: params}
	stmts, err := c.statementsOf(text)
	switch {
	case err != nil:
		return nil, err
	case len(stmts) == 0:
		return st, nil
	case len(stmts) > 1:
		return nil, sqlerr.New(sqlerr.SyntaxError, "cannot insert multiple commands into a prepared statement")
	}
	ctx, end := c.begin(ctx)
	defer end()
	if st.prepared, err = c.prepareStmt(ctx, stmts[0], params); err != nil {
		return nil, err
	}
	if strings.Contains(text, "${") && !strings.Contains(stmts[0].Text, "${") {
		st.expanded = stmts[0].Text
	}
	st.params, st.cols = st.prepared.Describe()
	st.discardsAll, st.endsBlock = discardsAll(stmts[0]), endsBlock(stmts[0].Stmt)
	return st, nil
}

// sessions is what the session knows of a statement; nil for those of cursors, which are the door's alone.
func sessions(p Prepared) Prepared {
	switch p := p.(type) {
	case *controlling:
		return p.Prepared
	case *declaring, *fetching, *closing:
		return nil
	}
	return p
}

// find gives the statement of that name, nil when there is none. SQL may have made it, or taken it away.
func (c *conn) find(name string) *statement {
	st := c.statements[name]
	k, ok := c.session.(Keeper)
	if !ok || name == "" || st != nil && st.kept == nil {
		return st
	}
	p, kept := k.Kept(name)
	switch {
	case !kept:
		c.forget(name)
		return nil
	case st == nil || st.kept != p:
		st = &statement{prepared: p, kept: p}
		st.params, st.cols = p.Describe()
		if l, ok := p.(Late); ok {
			st.late = l.Late()
		}
		c.forget(name)
		c.statements[name] = st
	}
	return st
}

func (c *conn) statement(ctx context.Context, name string) (*statement, error) {
	if st := c.find(name); st != nil {
		if st.late {
			return c.catchUp(ctx, name, st)
		}
		return st, nil
	}
	if name == "" {
		return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "prepared statement %q does not exist", name)
}

// endsBlock reports whether a statement ends a transaction block, or goes back to before it failed.
func endsBlock(st ast.Stmt) bool {
	switch st.(type) {
	case *ast.Commit, *ast.Rollback:
		return true
	}
	return false
}

// bind makes a portal of a statement and its parameters. It returns the text that errors point into.
func (c *conn) bind(ctx context.Context, body []byte) (string, error) {
	f := fields{rest: body, set: c.charset}
	p := &portal{name: f.text()}
	name := f.text()
	if f.err != nil {
		return "", f.err
	}
	var err error
	if p.stmt, err = c.statement(ctx, name); err != nil {
		return "", err
	}
	if err := c.readBind(&f, name, p); err != nil {
		return "", err
	}
	if err := c.planned(ctx, p); err != nil {
		return p.stmt.text, err
	}
	c.replacesPortal(p.name)
	c.dropPortal(p.name)
	p.size = int64(len(body)) + statementBytes
	if err := c.keep(p.size); err != nil {
		return "", err
	}
	if c.relay != nil || c.leaving != nil {
		p.bound = bytes.Clone(body)
	}
	c.addPortal(p)
	c.send(&pgproto3.BindComplete{})
	return "", nil
}

// Planner is a Prepared that is planned before it is executed.
type Planner interface {
	// Revise brings the statement up to date with the catalog; an error when that does not go any more.
	Revise(ctx context.Context) error
	// Fault is what is wrong with the statement whatever rows there are, once its parameters are known.
	Fault(args []types.Value) error
}

// planned finds what is wrong with a statement before it is executed.
func (c *conn) planned(ctx context.Context, p *portal) error {
	planner, ok := p.stmt.prepared.(Planner)
	if !ok || p.stmt.endsBlock {
		return nil
	}
	ctx, end := c.begin(ctx)
	defer end()
	if err := planner.Revise(ctx); err != nil {
		return err
	}
	return planner.Fault(p.args)
}

// readBind reads what a Bind message says about parameters and results.
func (c *conn) readBind(f *fields, name string, p *portal) error {
	formats := f.codes()
	raw := make([][]byte, f.count(4))
	for i := range raw {
		if n := f.int32(); n != -1 {
			raw[i] = f.bytes(int(n))
		}
	}
	results := f.codes()
	if err := f.end(); err != nil {
		return err
	}
	if len(formats) > 1 && len(formats) != len(raw) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d parameter formats but %d parameters",
			len(formats), len(raw))
	}
	if len(raw) != len(p.stmt.params) {
		return sqlerr.New(sqlerr.ProtocolViolation,
			"bind message supplies %d parameters, but prepared statement %q requires %d", len(raw), name, len(p.stmt.params))
	}
	if c.session.Status() == FailedTx && (!p.stmt.endsBlock || len(raw) > 0) {
		return errAborted()
	}
	if p.name != "" && c.portals[p.name] != nil {
		return sqlerr.New(sqlerr.DuplicateCursor, "cursor %q already exists", p.name)
	}
	err := c.decodeValues(p.stmt.params, raw, formats)
	if err != nil {
		return err
	}
	if p.args, err = parameters(p.stmt.params, raw, formats, c.outputEnv()); err != nil {
		return err
	}
	if p.stmt.cols != nil {
		p.formats, err = resultFormats(results, len(p.stmt.cols))
	}
	return err
}

// formatOf returns the format code of item i: one code stands for all, none for text.
func formatOf(codes []int16, i int) int16 {
	switch len(codes) {
	case 0:
		return 0
	case 1:
		return codes[0]
	default:
		return codes[i]
	}
}

// decodeValues puts the texts among the values of a Bind message into UTF-8.
func (c *conn) decodeValues(ts []types.Type, raw [][]byte, formats []int16) (err error) {
	for i, b := range raw {
		if c.charset != nil && (formatOf(formats, i) == 0 || textual(ts[i])) {
			if raw[i], err = c.charset.Decode(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// parameters reads the values of a Bind message. They share no memory with it.
func parameters(ts []types.Type, raw [][]byte, formats []int16, env types.Env) ([]types.Value, error) {
	args := make([]types.Value, len(ts))
	for i, b := range raw {
		v, err := parameter(ts[i], b, formatOf(formats, i), env)
		if err != nil {
			e := *translate(err)
			e.Offset = -1 // the value is not in the statement's text
			if t := ts[i].Len(); formatOf(formats, i) == 1 && t > 0 && len(b) > int(t) {
				e.Message = fmt.Sprintf("incorrect binary data format in bind parameter %d", i+1)
			}
			return nil, &e
		}
		args[i] = v
	}
	return args, nil
}

func parameter(t types.Type, raw []byte, format int16, env types.Env) (types.Value, error) {
	switch {
	case format != 0 && format != 1:
		return types.Value{}, unsupportedFormat(format)
	case raw == nil:
		return types.NullOf(t), nil
	case format == 0:
		return types.Parse(t, string(raw), env)
	default:
		return types.ParseBinary(t, raw)
	}
}

func unsupportedFormat(code int16) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", code)
}

func resultFormats(codes []int16, n int) ([]int16, error) {
	if len(codes) > 1 && len(codes) != n {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d result formats but query has %d columns",
			len(codes), n)
	}
	formats := make([]int16, n)
	for i := range formats {
		formats[i] = formatOf(codes, i)
	}
	return formats, nil
}

// describe tells the parameters of a statement and the columns of a statement or portal. It returns the text that
// errors point into.
func (c *conn) describe(ctx context.Context, body []byte) (string, error) {
	f := fields{rest: body, set: c.charset}
	kind, name := f.byte(), f.text()
	if err := f.end(); err != nil {
		return "", err
	}
	switch kind {
	case 'P':
		p, err := c.portal(name)
		if err == nil && c.session.Status() == FailedTx && p.stmt.cols != nil {
			err = errAborted()
		}
		if err != nil {
			return "", err
		}
		c.describeColumns(p.stmt.cols, p.formats)
	case 'S':
		st, err := c.statement(ctx, name)
		if err == nil && c.session.Status() == FailedTx && st.cols != nil {
			err = errAborted()
		}
		if err != nil {
			return "", err
		}
		oids := make([]uint32, len(st.params))
		for i, t := range st.params {
			oids[i] = t.OID()
		}
		c.send(&pgproto3.ParameterDescription{ParameterOIDs: oids})
		if planner, ok := st.prepared.(Planner); ok && st.cols != nil {
			ctx, end := c.begin(ctx)
			defer end()
			if err := planner.Revise(ctx); err != nil {
				return st.text, err
			}
		}
		c.describeColumns(st.cols, nil)
	default:
		return "", sqlerr.New(sqlerr.ProtocolViolation, "invalid DESCRIBE message subtype %d", kind)
	}
	return "", nil
}

func (c *conn) describeColumns(cols []catalog.Column, formats []int16) {
	if cols == nil {
		c.send(&pgproto3.NoData{})
		return
	}
	c.rowDescription(cols, formats)
}

// close forgets a statement or portal. It is not an error when there is none.
func (c *conn) close(body []byte) error {
	f := fields{rest: body, set: c.charset}
	kind, name := f.byte(), f.text()
	if err := f.end(); err != nil {
		return err
	}
	switch kind {
	case 'P':
		c.replacesPortal(name)
		c.dropPortal(name)
	case 'S':
		if c.find(name) != nil {
			c.leaving.spoil()
		}
		if k, ok := c.session.(Keeper); ok && name != "" {
			k.Forget(name)
		}
		c.forget(name)
	default:
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid CLOSE message subtype %d", kind)
	}
	c.send(&pgproto3.CloseComplete{})
	return nil
}

package pgwire

import (
	"context"
	"errors"
	"io"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// statement is a prepared statement. prepared is nil for an empty one.
type statement struct {
	text     string
	prepared Prepared
	params   []types.Type
	cols     []catalog.Column
}

// portal is a statement with its parameters, perhaps half executed.
type portal struct {
	stmt    *statement
	args    []types.Value
	formats []int16
	result  Result     // nil before the first Execute
	batch   *vec.Batch // rows not yet all sent
	next    int        // the first row of batch that is not sent
	rows    int
	done    bool
}

// extended handles Parse, Bind, Describe, Execute and Close; after an error everything up to Sync is passed over.
func (c *conn) extended(m message) {
	var err error
	var text string
	switch m.kind {
	case 'P':
		text, err = c.parse(m.body)
	case 'B':
		err = c.bind(m.body)
	case 'D':
		err = c.describe(m.body)
	case 'E':
		text, err = c.execute(m.body)
	case 'C':
		err = c.close(m.body)
	}
	if err != nil {
		c.sendErrorIn(err, text)
		c.skip, c.syncFailed = true, true
	}
	if len(c.out) >= flushBytes {
		c.flush()
	}
}

// sync ends the implicit transaction of what came since the last Sync.
func (c *conn) sync() {
	ctx, end := c.begin()
	defer end()
	c.syncSession(ctx, c.syncFailed)
	c.skip, c.syncFailed = false, false
	if c.session.Status() == Idle {
		c.closePortals()
	}
	c.ready()
}

func malformed(err error) error {
	return sqlerr.New(sqlerr.ProtocolViolation, "malformed message: %s", err.Error())
}

func (c *conn) parse(body []byte) (string, error) {
	var m pgproto3.Parse
	if err := m.Decode(body); err != nil {
		return "", malformed(err)
	}
	if _, exists := c.statements[m.Name]; exists && m.Name != "" {
		return m.Query, sqlerr.New(sqlerr.DuplicatePreparedStatement, "prepared statement %q already exists", m.Name)
	}
	stmts, err := parse.Parse(m.Query)
	if err != nil {
		return m.Query, err
	}
	st := &statement{text: m.Query}
	switch len(stmts) {
	case 0:
	case 1:
		ctx, end := c.begin()
		defer end()
		params := make([]types.Type, len(m.ParameterOIDs))
		for i, oid := range m.ParameterOIDs {
			t, ok := types.FromOID(oid, -1)
			if oid != 0 && !ok {
				return m.Query, sqlerr.New(sqlerr.UndefinedObject, "type with OID %d does not exist", oid)
			}
			if params[i] = t; oid == 0 {
				params[i] = types.Unknown
			}
		}
		if st.prepared, err = c.session.Prepare(ctx, stmts[0], params); err != nil {
			return m.Query, err
		}
		st.params, st.cols = st.prepared.Describe()
	default:
		return m.Query, sqlerr.New(sqlerr.SyntaxError, "cannot insert multiple commands into a prepared statement")
	}
	c.statements[m.Name] = st
	c.send(&pgproto3.ParseComplete{})
	return "", nil
}

func (c *conn) statement(name string) (*statement, error) {
	if st := c.statements[name]; st != nil {
		return st, nil
	}
	if name == "" {
		return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "prepared statement %q does not exist", name)
}

func (c *conn) bind(body []byte) error {
	var m pgproto3.Bind
	if err := m.Decode(body); err != nil {
		return malformed(err)
	}
	st, err := c.statement(m.PreparedStatement)
	if err != nil {
		return err
	}
	if m.DestinationPortal != "" && c.portals[m.DestinationPortal] != nil {
		return sqlerr.New(sqlerr.DuplicateCursor, "portal %q already exists", m.DestinationPortal)
	}
	if len(m.Parameters) != len(st.params) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message supplies %d parameters, but prepared statement %q requires %d",
			len(m.Parameters), m.PreparedStatement, len(st.params))
	}
	if n := len(m.ParameterFormatCodes); n > 1 && n != len(m.Parameters) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d parameter formats but %d parameters", n, len(m.Parameters))
	}
	p := &portal{stmt: st}
	env := c.outputEnv()
	for i, raw := range m.Parameters {
		v, err := parameter(st.params[i], raw, formatOf(m.ParameterFormatCodes, i), env)
		if err != nil {
			e := *sqlerr.From(err)
			e.Offset = -1
			return &e
		}
		p.args = append(p.args, v)
	}
	if p.formats, err = resultFormats(m.ResultFormatCodes, len(st.cols)); err != nil {
		return err
	}
	c.dropPortal(m.DestinationPortal)
	c.portals[m.DestinationPortal] = p
	c.send(&pgproto3.BindComplete{})
	return nil
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

func parameter(t types.Type, raw []byte, format int16, env types.Env) (types.Value, error) {
	switch {
	case raw == nil:
		return types.NullOf(t), nil
	case format == 0:
		return types.Parse(t, string(raw), env)
	case format == 1:
		return types.ParseBinary(t, raw)
	}
	return types.Value{}, sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", format)
}

func resultFormats(codes []int16, n int) ([]int16, error) {
	if len(codes) > 1 && len(codes) != n {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d result formats but query has %d columns", len(codes), n)
	}
	formats := make([]int16, n)
	for i := range formats {
		formats[i] = formatOf(codes, i)
		if formats[i] != 0 && formats[i] != 1 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", formats[i])
		}
	}
	return formats, nil
}

func (c *conn) describe(body []byte) error {
	var m pgproto3.Describe
	if err := m.Decode(body); err != nil {
		return malformed(err)
	}
	if m.ObjectType == 'P' {
		p, err := c.portal(m.Name)
		if err != nil {
			return err
		}
		c.describeColumns(p.stmt.cols, p.formats)
		return nil
	}
	st, err := c.statement(m.Name)
	if err != nil {
		return err
	}
	oids := make([]uint32, len(st.params))
	for i, t := range st.params {
		oids[i] = t.OID()
	}
	c.send(&pgproto3.ParameterDescription{ParameterOIDs: oids})
	c.describeColumns(st.cols, nil)
	return nil
}

func (c *conn) describeColumns(cols []catalog.Column, formats []int16) {
	if cols == nil {
		c.send(&pgproto3.NoData{})
		return
	}
	c.rowDescription(cols, formats)
}

func (c *conn) portal(name string) (*portal, error) {
	if p := c.portals[name]; p != nil {
		return p, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidCursorName, "portal %q does not exist", name)
}

// execute runs a portal, or lets it go on, for at most as many rows as the client wants.
func (c *conn) execute(body []byte) (string, error) {
	var m pgproto3.Execute
	if err := m.Decode(body); err != nil {
		return "", malformed(err)
	}
	p, err := c.portal(m.Portal)
	if err != nil {
		return "", err
	}
	if p.stmt.prepared == nil {
		c.send(&pgproto3.EmptyQueryResponse{})
		return "", nil
	}
	ctx, end := c.begin()
	defer end()
	if p.result == nil {
		if p.done {
			return "", sqlerr.New(sqlerr.InvalidCursorName, "portal %q cannot be run", m.Portal)
		}
		if p.result, err = p.stmt.prepared.Execute(ctx, p.args); err != nil {
			p.done = true
			return p.stmt.text, err
		}
	}
	return p.stmt.text, c.runPortal(ctx, p, int(m.MaxRows))
}

func (c *conn) runPortal(ctx context.Context, p *portal, limit int) error {
	switch r := p.result.(type) {
	case CopyIn:
		if err := c.copyIn(ctx, r); err != nil {
			return err
		}
	case CopyOut:
		if err := c.copyOut(ctx, r); err != nil {
			return err
		}
	}
	suspended, err := c.portalRows(ctx, p, limit)
	if err != nil {
		return err
	}
	if suspended {
		c.send(&pgproto3.PortalSuspended{})
		return nil
	}
	c.complete(p.result, p.rows)
	return nil
}

// portalRows sends rows of a portal. It reports whether the limit was reached before the end.
func (c *conn) portalRows(ctx context.Context, p *portal, limit int) (suspended bool, err error) {
	p.rows = 0
	if p.stmt.cols == nil || p.done {
		return false, nil
	}
	w := newRowWriter(c, p.stmt.cols, p.formats)
	for {
		if p.batch == nil {
			if isLive(p.result) {
				c.flush()
			}
			b, err := p.result.Next(ctx)
			if errors.Is(err, io.EOF) {
				p.done = true
				return false, nil
			}
			if err != nil {
				p.done = true
				return false, err
			}
			p.batch, p.next = b, 0
		}
		n := p.batch.N - p.next
		if limit > 0 {
			n = min(n, limit-p.rows)
		}
		if err := w.rows(p.batch, p.next, p.next+n); err != nil {
			return false, err
		}
		p.next += n
		p.rows += n
		if p.next == p.batch.N {
			p.batch = nil
		}
		if limit > 0 && p.rows == limit {
			return true, nil
		}
	}
}

func (c *conn) close(body []byte) error {
	var m pgproto3.Close
	if err := m.Decode(body); err != nil {
		return malformed(err)
	}
	if m.ObjectType == 'P' {
		c.dropPortal(m.Name)
	} else {
		delete(c.statements, m.Name)
	}
	c.send(&pgproto3.CloseComplete{})
	return nil
}

func (c *conn) dropPortal(name string) {
	if p := c.portals[name]; p != nil {
		if p.result != nil {
			p.result.Close()
		}
		delete(c.portals, name)
	}
}

func (c *conn) closePortals() {
	for name := range c.portals {
		c.dropPortal(name)
	}
}

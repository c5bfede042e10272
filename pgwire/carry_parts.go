package pgwire

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// The names of parts; those of statements and portals are followed by a name.
const (
	keyPart       = "key"
	statePart     = "state"
	madePart      = "made"
	offerPart     = "runs"
	statementPart = "statement/"
	portalPart    = "portal/"
)

// keptKey is by what a client cancels: it is told once, when it connects.
type keptKey struct {
	PID    int32  `json:"pid"`
	Secret []byte `json:"secret"`
	Minor  uint32 `json:"minor"`
}

// keptStatement is a prepared statement.
type keptStatement struct {
	Text   string   `json:"text"`
	Params []uint32 `json:"params,omitempty"`
}

// keptPortal is a portal that has not begun, is at its end, or runs a push query.
type keptPortal struct {
	Seq    int           `json:"seq"`
	Of     keptStatement `json:"of"`
	Bound  []byte        `json:"bound,omitempty"`  // the body of the Bind message; none for a cursor
	Done   string        `json:"done,omitempty"`   // its command tag
	Failed bool          `json:"failed,omitempty"` // it cannot be run any more
	Place  string        `json:"place,omitempty"`
	At     int64         `json:"at,omitempty"` // the row that the cursor stands on
	Hold   bool          `json:"hold,omitempty"`
	Held   bool          `json:"held,omitempty"`
}

// staying are the parts of a session that cannot be taken along.
func staying() map[string][]byte { return map[string][]byte{StaysPart: {1}} }

func errProtocol(what string) error {
	return sqlerr.New(sqlerr.ProtocolViolation, "%s cannot be read", what)
}

// asPart encodes a part. The types of this file always can be.
func asPart(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return b
}

// parts are what it takes to let the conversation go on elsewhere, with the statement that runs or nil.
func (c *conn) parts(runs *offer) map[string][]byte {
	state, ok := c.state()
	return c.partsOf(state, ok, runs)
}

// state is what the session tells of itself; not ok where it cannot be taken along.
func (c *conn) state() (state []byte, ok bool) {
	s, ok := c.session.(Carried)
	if !ok {
		return nil, false
	}
	return s.State()
}

// partsOf are the parts of a session of which the state is known.
func (c *conn) partsOf(state []byte, ok bool, runs *offer) map[string][]byte {
	if !ok {
		return staying()
	}
	if c.key == nil {
		c.key = asPart(keptKey{c.pid, c.secret[:c.secretBytes()], c.minor})
	}
	parts := map[string][]byte{statePart: state, keyPart: c.key}
	if m, ok := c.session.(Maker); ok {
		if texts := m.Made(); len(texts) > 0 {
			parts[madePart] = asPart(texts)
		}
	}
	if n, ok := c.session.(Nearby); ok && n.Near() {
		parts[NearPart] = []byte{1}
	}
	if runs != nil {
		parts[offerPart] = asPart(runs)
	}
	for name := range c.statements {
		if st := c.find(name); st != nil && st.sent {
			if st.part == nil {
				st.part = asPart(keptStatement{st.lasting(), st.oids})
			}
			parts[statementPart+name] = st.part
		}
	}
	for name, p := range c.portals {
		kept, ok := c.keptPortal(p)
		if !ok {
			return staying()
		}
		parts[portalPart+name] = asPart(kept)
	}
	return parts
}

// lasting is the text that says the same whatever values variables have had since.
func (st *statement) lasting() string { return cmp.Or(st.expanded, st.text) }

// oids are the types of parameters, as the protocol names them.
func oids(ts []types.Type) []uint32 {
	out := make([]uint32, len(ts))
	for i, t := range ts {
		out[i] = t.OID()
	}
	return out
}

// keptPortal is not ok for a portal that has rows of a query that is asked once, which can be asked only once.
func (c *conn) keptPortal(p *portal) (k keptPortal, ok bool) {
	k = keptPortal{Seq: p.seq, Of: keptStatement{p.stmt.lasting(), oids(p.stmt.params)}, Bound: p.bound, Failed: p.failed,
		Hold: p.hold, Held: p.held}
	switch {
	case p.bound == nil && (p.scroll == nil || len(p.args) > 0): // a cursor with parameters
		return k, false
	case p.result == nil || p.failed:
		return k, true
	case p.done && p.scroll == nil:
		k.Done = tagOf(p.result, 0)
		return k, true
	}
	if _, fetches := p.result.(*fetched); fetches {
		return k, p == c.active // it begins anew, and counts what was fetched
	}
	if isLive(p.result) {
		k.Place, ok = p.place()
	}
	if p.scroll != nil {
		k.At = p.scroll.at
	}
	return k, ok
}

// place is where the client of a portal of a push query is.
func (p *portal) place() (string, bool) {
	of, ok := p.result.(placed)
	switch {
	case !ok:
		return "", false
	case p.scroll != nil:
		return p.scroll.place(0)
	case p.batch != nil:
		return of.Place(p.next)
	}
	return of.Place(-1)
}

// place is where the cursor's client is that lacks some of the rows up to where it stands.
func (s *scroll) place(lacks int64) (string, bool) {
	of, ok := s.result.(placed)
	at := s.at - lacks
	switch {
	case !ok || at < s.read-s.newest:
		return "", false
	case at >= s.read:
		return of.Place(-1)
	}
	return of.Place(int(at - (s.read - s.newest)))
}

// isCalled reports whether the connection had the session of a key, of which it has not noticed yet that it moved on.
func (c *conn) isCalled(k *keptKey) bool {
	return c.relay != nil && bytes.Equal(c.secret[:len(k.Secret)], k.Secret)
}

// takeKey gives the connection the number and the secret that its client knows.
func (c *conn) takeKey() error {
	var k keptKey
	if err := json.Unmarshal(c.relay.hello.Parts[keyPart], &k); err != nil || len(k.Secret) > len(c.secret) {
		return errProtocol("a key")
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.conns[k.PID]; other != nil && other != c && !other.isCalled(&k) {
		return sqlerr.New(sqlerr.AdminShutdown, "the node that answered has gone").
			WithHint("Connect again: the number of the session belongs to another one here.")
	}
	delete(s.conns, c.pid)
	s.conns[k.PID] = c
	c.pid = k.PID
	copy(c.secret[:], k.Secret)
	return nil
}

// restore makes the session what its parts say. What cannot be any more fails when the client uses it.
func (c *conn) restore(ctx context.Context) error {
	parts := c.relay.hello.Parts
	s, ok := c.session.(Carried)
	if !ok || parts[statePart] == nil {
		return errProtocol("a session")
	}
	finish, err := s.Restore(parts[statePart])
	if err != nil {
		return err
	}
	defer finish()
	var made []string
	if parts[madePart] != nil && json.Unmarshal(parts[madePart], &made) != nil {
		return errProtocol("a prepared statement")
	}
	for _, text := range made {
		if err := c.remake(ctx, text); err != nil {
			return err
		}
	}
	return c.restoreNamed(ctx, parts)
}

// remake runs a PREPARE statement again. A statement that cannot be prepared now has its name all the same.
func (c *conn) remake(ctx context.Context, text string) error {
	st, err := parse.Parse(text)
	if err != nil || len(st) != 1 {
		return errProtocol("a prepared statement")
	}
	p, err := c.session.Prepare(ctx, st[0], nil)
	if err == nil {
		var r Result
		if r, err = p.Execute(ctx, nil); err == nil {
			r.Close()
			return nil
		}
	}
	made, ok := st[0].Stmt.(*ast.Prepare)
	d, defers := c.session.(Deferrer)
	k, keeps := c.session.(Keeper)
	if isElsewhere(err) || !ok || !defers || !keeps {
		return err
	}
	k.Keep(made.Name, d.Defer(st[0], nil))
	return nil
}

// restoreStatement prepares a statement of the client again, or has that done when it is used.
func (c *conn) restoreStatement(ctx context.Context, name string, k keptStatement) error {
	params := c.typesOf(k.Params)
	st, err := c.prepare(ctx, k.Text, params)
	if isElsewhere(err) {
		return err
	}
	if err != nil {
		stmts, err := c.statementsOf(k.Text)
		if err != nil || len(stmts) != 1 {
			return errProtocol("a prepared statement")
		}
		st = &statement{text: k.Text, params: params, late: true}
		switch stmts[0].Stmt.(type) {
		case *ast.DeclareCursor, *ast.Fetch, *ast.CloseCursor: // the door's alone
		default:
			if d, ok := c.session.(Deferrer); ok {
				st.prepared = d.Defer(stmts[0], params)
			}
		}
	}
	c.keepStatement(name, st, k)
	return nil
}

// catchUp prepares a statement that could not be when the session was restored.
func (c *conn) catchUp(ctx context.Context, name string, st *statement) (*statement, error) {
	if st.sent {
		again, err := c.prepare(ctx, st.text, c.typesOf(st.oids))
		if err == nil {
			c.forget(name)
			c.keepStatement(name, again, keptStatement{st.text, st.oids})
		}
		return again, err
	}
	ctx, end := c.begin(ctx)
	defer end()
	if err := st.prepared.(Planner).Revise(ctx); err != nil {
		return nil, err
	}
	st.params, st.cols = st.prepared.Describe()
	st.late = false
	return st, nil
}

// restoreNamed makes the cursors, the prepared statements, some of which may be of cursors, and the portals.
func (c *conn) restoreNamed(ctx context.Context, parts map[string][]byte) error {
	type named struct {
		name string
		keptPortal
	}
	var portals []named
	statements := map[string]keptStatement{}
	for part, value := range parts {
		var err error
		if name, ok := strings.CutPrefix(part, portalPart); ok {
			k := named{name: name}
			err = json.Unmarshal(value, &k.keptPortal)
			portals = append(portals, k)
		} else if name, ok := strings.CutPrefix(part, statementPart); ok {
			var k keptStatement
			err = json.Unmarshal(value, &k)
			statements[name] = k
		}
		if err != nil {
			return errProtocol(part)
		}
	}
	slices.SortFunc(portals, func(a, b named) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, cursors := range []bool{true, false} {
		for _, k := range portals {
			if (k.Bound == nil) == cursors {
				if err := c.restorePortal(ctx, k.name, &k.keptPortal); err != nil {
					return err
				}
			}
		}
		if !cursors {
			break
		}
		for name, k := range statements {
			if err := c.restoreStatement(ctx, name, k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *conn) typesOf(oids []uint32) []types.Type {
	out := make([]types.Type, len(oids))
	for i, oid := range oids {
		t, ok := c.typeOf(oid)
		if out[i] = t; !ok {
			out[i] = types.Unknown
		}
	}
	return out
}

// restorePortal makes a portal or cursor again. Where that fails it is there, and says why when it is used.
func (c *conn) restorePortal(ctx context.Context, name string, k *keptPortal) error {
	at := k.Place
	if o := c.relay.runs(); o != nil && (o.Portal != nil && *o.Portal == name && at != "" ||
		o.Cursor != nil && *o.Cursor == name) {
		if p, err := parsePlace(string(c.relay.hello.Place)); err == nil {
			at = p.at
		}
	}
	p, err := c.remakePortal(ctx, name, k, at)
	if isElsewhere(err) {
		return err
	}
	if err != nil {
		p = &portal{name: name, stmt: &statement{text: k.Of.Text}, why: err}
	}
	p.hold, p.held, p.failed = k.Hold, k.Held, p.failed || k.Failed
	if p.scroll != nil {
		p.scroll.at, p.scroll.read, p.scroll.first = k.At, k.At, k.At
	}
	c.addPortal(p)
	return nil
}

// declares reports whether a statement declares the cursor of a name.
func declares(st parse.Statement, name string) bool {
	d, ok := st.Stmt.(*ast.DeclareCursor)
	return ok && d.Name == name
}

// runs is the statement that ran at the server before.
func (r *relaying) runs() *offer {
	var o offer
	if len(r.hello.Place) == 0 || json.Unmarshal(r.hello.Parts[offerPart], &o) != nil {
		return nil
	}
	return &o
}

func (c *conn) remakePortal(ctx context.Context, name string, k *keptPortal, at string) (*portal, error) {
	s := c.session.(Carried) // restore has looked
	if k.Bound == nil {
		stmts, err := c.statementsOf(k.Of.Text)
		if err != nil || len(stmts) == 0 {
			return nil, err
		}
		i := slices.IndexFunc(stmts, func(st parse.Statement) bool { return declares(st, name) })
		if i < 0 {
			return nil, errProtocol("a cursor")
		}
		d, err := c.prepareStmt(ctx, stmts[i], nil)
		if err != nil {
			return nil, err
		}
		s.Resume(at)
		defer s.Resume("")
		c.several = true // whether it may be declared here has been asked
		defer func() { c.several = false }()
		if _, err := d.Execute(ctx, nil); err != nil {
			return nil, err
		}
		return c.portals[name], nil
	}
	st, err := c.prepare(ctx, k.Of.Text, c.typesOf(k.Of.Params))
	if err != nil {
		return nil, err
	}
	p := &portal{name: name, stmt: st, bound: k.Bound}
	f := fields{rest: k.Bound, set: c.charset}
	f.text()
	f.text()
	if err := c.readBind(&f, "", p); err != nil {
		return nil, err
	}
	switch {
	case k.Done != "":
		p.result, p.done = tagged(strings.TrimSuffix(k.Done, " 0")), true
	case at != "" && !k.Failed:
		s.Resume(at)
		defer s.Resume("")
		p.result, err = st.prepared.Execute(ctx, p.args)
	}
	return p, err
}

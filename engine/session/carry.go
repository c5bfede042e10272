package session

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// carried is what another session is given to go on as this one.
type carried struct {
	Settings  map[string]string `json:"settings,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
	Drawn     map[uint32]int64  `json:"drawn,omitempty"`
	Last      uint32            `json:"last,omitempty"`
	Block     *block            `json:"block,omitempty"`
	Seen      engine.Position   `json:"seen,omitzero"`
}

// block is a transaction block that has changed nothing, or has failed.
type block struct {
	Failed   bool        `json:"failed,omitempty"`
	ReadOnly bool        `json:"readOnly,omitempty"`
	Started  time.Time   `json:"started"`
	Local    [][2]string `json:"local,omitempty"` // what SET LOCAL and SET replaced
	Set      [][2]string `json:"set,omitempty"`
}

// equal reports whether two sessions would go on as the same one.
func (c *carried) equal(o *carried) bool {
	return c.Last == o.Last && c.Seen == o.Seen && maps.Equal(c.Settings, o.Settings) &&
		maps.Equal(c.Variables, o.Variables) && maps.Equal(c.Drawn, o.Drawn) &&
		(c.Block == o.Block || c.Block != nil && o.Block != nil && c.Block.equal(o.Block))
}

func (b *block) equal(o *block) bool {
	return b.Failed == o.Failed && b.ReadOnly == o.ReadOnly && b.Started.Equal(o.Started) &&
		slices.Equal(b.Local, o.Local) && slices.Equal(b.Set, o.Set)
}

// told is what State has told last. It is asked for after every answer, and has seldom changed.
type told struct {
	of    carried
	state []byte
}

// encode returns the state that c is told as.
func (t *told) encode(c *carried) ([]byte, error) {
	if t.state != nil && c.equal(&t.of) {
		return t.state, nil
	}
	state, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	t.state, t.of = state, *c
	t.of.Settings, t.of.Variables, t.of.Drawn = maps.Clone(c.Settings), maps.Clone(c.Variables), maps.Clone(c.Drawn)
	return state, nil
}

// State tells what another session would have to be given to go on as this one. It is not ok while there is something
// that cannot be given: a transaction that has changed or locked something or sees one moment, temporary relations,
// channels that are listened to, advisory locks, a sequence of random numbers.
func (s *Session) State() (state []byte, ok bool) {
	if s.temp.there || len(s.client.Channels()) > 0 || s.calls.locks.Holds() || s.calls.random.Seeded() {
		return nil, false
	}
	c := carried{Settings: s.set.values, Variables: s.variables, Drawn: s.drawn.by, Last: s.drawn.last}
	if s.Stale() {
		s.seen = s.seen.Later(s.eng.Shown())
		c.Seen = s.seen
	}
	if tx := &s.tx; tx.explicit {
		if len(tx.saves)+len(tx.restarted) > 0 || !tx.failed && !tx.fresh() {
			return nil, false
		}
		c.Block = &block{Failed: tx.failed, ReadOnly: tx.readOnly, Started: tx.started,
			Local: pairs(tx.local), Set: pairs(tx.set)}
	} else if tx.work != nil || len(tx.listens)+len(tx.notes)+len(tx.local) > 0 {
		return nil, false
	}
	state, err := s.told.encode(&c)
	return state, err == nil
}

// fresh reports whether nothing would be lost if the transaction began anew.
func (t *transaction) fresh() bool {
	return len(t.listens)+len(t.notes) == 0 && (t.work == nil || t.work.Fresh())
}

func pairs(list []setting) [][2]string {
	var out [][2]string
	for _, x := range list {
		out = append(out, [2]string{x.name, x.value})
	}
	return out
}

func unpaired(list [][2]string) []setting {
	var out []setting
	for _, x := range list {
		out = append(out, setting{x[0], x[1]})
	}
	return out
}

// Restore makes a session that has just been opened what the state says. finish is called when its prepared statements
// are there: a transaction block that has failed takes none.
func (s *Session) Restore(state []byte) (finish func(), err error) {
	var c carried
	if err := json.Unmarshal(state, &c); err != nil {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "the state of a session cannot be read: %s", err.Error())
	}
	before := s.set.values
	s.set.values = map[string]string{}
	for _, name := range []string{userSetting, roleSetting} { // a role may be gone
		if value, ok := c.Settings[name]; ok {
			if err := s.set.set(name, value, false); err != nil {
				return nil, err
			}
		}
	}
	maps.Copy(s.set.values, c.Settings)
	for _, values := range []map[string]string{before, c.Settings} {
		for name := range values {
			if name != userSetting && name != roleSetting {
				s.set.apply(name)
			}
		}
	}
	maps.Copy(s.variables, c.Variables)
	maps.Copy(s.drawn.by, c.Drawn)
	s.drawn.last, s.seen = c.Last, c.Seen
	if b := c.Block; b != nil {
		s.tx = transaction{explicit: true, readOnly: b.ReadOnly, started: b.Started, local: unpaired(b.Local),
			set: unpaired(b.Set)}
	}
	s.restoring = true
	return func() { s.restoring, s.tx.failed = false, c.Block != nil && c.Block.Failed }, nil
}

// Made lists the texts of the statements that PREPARE has prepared, in the order of their names.
func (s *Session) Made() []string {
	var out []string
	for _, p := range s.preparedStates() {
		if p.FromSQL {
			out = append(out, p.Text)
		}
	}
	return out
}

// Resume has the next push query begin at a place that the result of one of the same text has told.
func (s *Session) Resume(place string) { s.resume = strings.Fields(place) }

// takeResumed returns the place that the push query begins at; nil for its own.
func (s *Session) takeResumed() (*engine.Place, error) {
	at := s.resume
	s.resume = nil
	if len(at) == 0 {
		return nil, nil
	}
	p, err := engine.ParsePlace(strings.Join(at[:min(len(at), 3)], " "))
	return &p, err
}

// Again tells whether the statements that follow may have been run before, by a session that is gone: those that change
// something are refused.
func (s *Session) Again(on bool) { s.again = on }

// errAgain refuses to run a statement twice.
func errAgain() error {
	e := sqlerr.New(sqlerr.AdminShutdown, "the node that answered has gone").
		WithHint("Connect again, to any node: another one takes over. What was acknowledged is there.")
	e.Final = true
	return e
}

// repeatable reports whether a statement may be run twice.
func repeatable(st ast.Stmt) bool {
	switch st := st.(type) {
	case *ast.QueryStmt:
		return refuseChanges("", st) == nil
	case *ast.Copy:
		return st.To
	case *ast.Explain:
		return !st.Analyze
	case *ast.Rollback, *ast.Commit, *ast.Begin, *ast.Savepoint, *ast.Show, *ast.Describe, *ast.Set, *ast.Prepare,
		*ast.Execute, *ast.Deallocate, *ast.Define, *ast.PrintTopic, *ast.Flush:
		return true
	}
	return false
}

// Repeats reports whether the statement may be run twice, and leaves the session as it was.
func (p *Prepared) Repeats() bool {
	switch p.stmt.Stmt.(type) {
	case *ast.QueryStmt, *ast.Copy, *ast.Explain, *ast.Show, *ast.Describe, *ast.PrintTopic:
		return repeatable(p.stmt.Stmt)
	}
	return false
}

// The effects that functions have beyond the session, refused to a statement that is run again.
type (
	sequencesAgain struct{ *drawn }
	callerAgain    struct{ *caller }
	controlAgain   struct{ control }
)

// Next implements fn.Sequences.
func (sequencesAgain) Next(int64) (int64, error) { return 0, errAgain() }

// Set implements fn.Sequences.
func (sequencesAgain) Set(int64, int64, bool) error { return errAgain() }

// Lock implements fn.Caller.
func (callerAgain) Lock(fn.AdvisoryLock) (bool, error) { return false, errAgain() }

// Unlock implements fn.Caller.
func (callerAgain) Unlock(*fn.AdvisoryLock) bool { return false }

// Signal implements fn.Control.
func (controlAgain) Signal(int32, bool) (bool, error) { return false, errAgain() }

// Notify implements fn.Control.
func (controlAgain) Notify(string, string) error { return errAgain() }

// placed is a result that tells how far its client is.
type placed interface{ Place(n int) (string, bool) }

// Place tells where the client is that has n rows of what Next gave last, all when n is negative.
func (r *rows) Place(n int) (string, bool) {
	p, ok := r.r.Place(n)
	if !ok || !r.live {
		return "", false
	}
	return p.String(), true
}

// Place is that of the result.
func (g *guarded) Place(n int) (string, bool) {
	if p, ok := g.Result.(placed); ok {
		return p.Place(n)
	}
	return "", false
}

// Place tells how far the client is with what Read has given.
func (c *copyOut) Place(int) (string, bool) {
	p, ok := c.r.(placed)
	if !ok {
		return "", false
	}
	n := -1
	if c.batch != nil {
		n = c.next
	}
	at, ok := p.Place(n)
	state, err := json.Marshal([]any{c.n, c.header})
	return at + " " + string(state), ok && err == nil
}

// goOn lets the data go on that the client has some of.
func (c *copyOut) goOn(at []string) {
	if i := slices.IndexFunc(at, func(f string) bool { return strings.HasPrefix(f, "[") }); i >= 0 {
		_ = json.Unmarshal([]byte(strings.Join(at[i:], "")), &[]any{&c.n, &c.header}) // Place wrote it
		c.header = c.header && (!c.binary || c.n > 0)
	}
}

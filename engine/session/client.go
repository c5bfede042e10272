package session

import (
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// attach makes the session known to others.
func (s *Session) attach() {
	now := s.cfg.Now()
	s.client = s.eng.Attach(fn.ClientState{PID: s.cfg.PID, User: s.cfg.User, Database: s.cfg.Database,
		Application: s.set.show("application_name"), Address: s.cfg.Address, State: "idle", Started: now, Changed: now},
		s.cfg.Signals)
}

// runs shows others the statement that begins.
func (s *Session) runs(text string) {
	now, began := s.cfg.Now(), s.tx.time(s.cfg.Now)
	s.client.Show(func(c *fn.ClientState) {
		c.State, c.Query, c.Statement, c.Changed, c.Transaction = "active", text, now, now, began
	})
}

// waits shows others that the session waits for its client.
func (s *Session) waits() {
	state, began := "idle", s.tx.started
	switch s.Status() {
	case 'T':
		state = "idle in transaction"
	case 'E':
		state = "idle in transaction (aborted)"
	}
	now, application := s.cfg.Now(), s.set.show("application_name")
	s.client.Show(func(c *fn.ClientState) {
		if c.State == "active" {
			c.State, c.Changed = state, now
		}
		c.Transaction, c.Application = began, application
	})
}

// control is what functions change in the session, and beyond it. It implements fn.Control.
type control struct{ s *Session }

// Configure implements fn.Control.
func (c control) Configure(name string, value *string, local bool) (string, error) {
	name = canonical(name)
	before := c.s.set.now(name)
	change := func() error {
		if value == nil {
			return c.s.set.reset(name)
		}
		return c.s.set.set(name, *value, true)
	}
	if !local || c.s.tx.explicit {
		err := c.s.assign(name, local, change)
		return c.s.set.show(name), err
	}
	err := change() // until the end of the implicit transaction
	if err == nil {
		c.s.tx.local = append(c.s.tx.local, before)
	}
	return c.s.set.show(name), err
}

// Signal implements fn.Control. As in PostgreSQL nobody reaches the sessions of superusers but superusers, and those of
// others only who is a member of their roles.
func (c control) Signal(pid int32, end bool) (sent bool, err error) {
	other, ok := c.s.eng.Client(pid)
	if !ok {
		c.s.warn(sqlerr.Warning, "PID %d is not a PostgreSQL backend process", pid)
		return false, nil
	}
	cat, what := c.s.eng.Catalog(), "query"
	if end {
		what = "process"
	}
	verb := map[bool]string{false: "cancel", true: "terminate"}[end]
	switch role := c.s.role(); {
	case cat.IsSuperuser(other.User) && !cat.IsSuperuser(role):
		return false, sqlerr.New(sqlerr.InsufficientPrivilege, "must be a superuser to %s superuser %s", verb, what)
	case !cat.Has(role, other.User):
		return false, sqlerr.New(sqlerr.InsufficientPrivilege,
			"must be a member of the role whose %s is being %sed or member of pg_signal_backend", what, map[bool]string{
				false: "cancel", true: "terminat"}[end])
	}
	return c.s.eng.Signal(pid, end), nil
}

// Notify implements fn.Control.
func (c control) Notify(channel, payload string) error { return c.s.notify(channel, payload) }

// Channels implements fn.Control.
func (c control) Channels() []string { return c.s.client.Channels() }

// activity lists the sessions as pg_stat_activity shows them: of others' only who may see them sees the statement.
func (s *Session) activity() []fn.ClientState {
	var out []fn.ClientState
	cat, role := s.eng.Catalog(), s.role()
	for _, c := range s.eng.Clients() {
		if !cat.Has(role, c.User) && role != catalog.Bootstrap {
			c.Query, c.State = "<insufficient privilege>", ""
		}
		out = append(out, c)
	}
	return out
}

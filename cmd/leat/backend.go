package main

import (
	"context"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/pgwire"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/types"
)

// backend introduces the Postgres door to the engine's sessions.
type backend struct {
	engine *engine.Engine
	node   *cluster.Node
}

// Open implements pgwire.Backend.
func (b *backend) Open(_ context.Context, st pgwire.Startup) (pgwire.Session, error) {
	s, err := session.New(session.Config{
		Engine: b.engine, User: st.User, Database: st.Database, Params: st.Params, PID: st.PID, Version: version,
		Notice: st.Notice, Report: st.Report, Cursors: st.Cursors, Address: st.Remote.String(),
		Keepalive: func(k session.Keepalive) error { return st.Keepalive(pgwire.Keepalive(k)) },
		Now:       b.node.Now,
		Signals:   engine.Signals{Cancel: st.Cancel, End: st.End, Wake: st.Wake},
	})
	if err != nil {
		return nil, err
	}
	return &pgSession{s, b.engine, b.node}, nil
}

// pgSession is a session as the door sees it.
type pgSession struct {
	*session.Session
	engine *engine.Engine
	node   *cluster.Node
}

// Prepare implements pgwire.Session. A statement that cannot be planned is refused by a node that still leads: the
// catalog of another may be old. One that can is asked about when it runs.
func (s *pgSession) Prepare(ctx context.Context, stmt parse.Statement, params []types.Type) (pgwire.Prepared, error) {
	p, err := s.Session.Prepare(ctx, stmt, params)
	if err != nil {
		if lost := s.confirm(ctx); lost != nil {
			return nil, lost
		}
		return nil, err
	}
	return pgPrepared{p, s}, nil
}

// confirm asks whether this node leads still, for a session that wants to know: at one that follows none does.
func (s *pgSession) confirm(ctx context.Context) error {
	if s.Stale() || s.engine.Follows() {
		return nil
	}
	return engine.Translate(s.node.Confirm(ctx))
}

// Notifications implements pgwire.Listener.
func (s *pgSession) Notifications() []pgwire.Notification {
	var out []pgwire.Notification
	for _, n := range s.Session.Notifications() {
		out = append(out, pgwire.Notification(n))
	}
	return out
}

// Keep implements pgwire.Keeper.
func (s *pgSession) Keep(name string, p pgwire.Prepared) { s.Session.Keep(name, p.(pgPrepared).p) }

// Kept implements pgwire.Keeper.
func (s *pgSession) Kept(name string) (pgwire.Prepared, bool) {
	p, ok := s.Session.Kept(name)
	return pgPrepared{p, s}, ok
}

// Defer implements pgwire.Deferrer.
func (s *pgSession) Defer(stmt parse.Statement, params []types.Type) pgwire.Prepared {
	return pgPrepared{s.Session.Defer(stmt, params), s}
}

// Status implements pgwire.Session.
func (s *pgSession) Status() pgwire.TxStatus { return pgwire.TxStatus(s.Session.Status()) }

// pgPrepared is a prepared statement as the door sees it.
type pgPrepared struct {
	p *session.Prepared
	s *pgSession
}

// Describe implements pgwire.Prepared.
func (p pgPrepared) Describe() ([]types.Type, []catalog.Column) { return p.p.Describe() }

// Late implements pgwire.Late.
func (p pgPrepared) Late() bool { return p.p.Late() }

// Revise implements pgwire.Planner. What cannot be planned is refused as Prepare does.
func (p pgPrepared) Revise(ctx context.Context) error {
	err := p.p.Revise(ctx)
	if err != nil {
		if lost := p.s.confirm(ctx); lost != nil {
			return lost
		}
	}
	return err
}

// Fault implements pgwire.Planner.
func (p pgPrepared) Fault(args []types.Value) error { return p.p.Fault(args) }

// Repeats implements pgwire.Repeater.
func (p pgPrepared) Repeats() bool { return p.p.Repeats() }

// Execute implements pgwire.Prepared. What it reads is everything that was acknowledged before, by whichever node,
// unless the session reads stale.
func (p pgPrepared) Execute(ctx context.Context, args []types.Value) (pgwire.Result, error) {
	if err := p.s.confirm(ctx); err != nil {
		return nil, err
	}
	return p.p.Execute(ctx, args)
}

package session

import (
	"context"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// A session that reads stale reads what the node has that it is connected to, without asking others: the answers over a
// prefix of what came in, and never over a shorter one than it has seen. It runs nothing that writes, waits for others,
// or goes on for ever, wherever it is, so that it can be served by a node that follows (engine.Follow).

// readSetting says whether queries are answered by the node that leads, over all that was acknowledged, or by this one.
const readSetting = "leat.read"

// reachWait is how long a statement waits for a node to have what the session has seen elsewhere.
const reachWait = time.Second

// Stale reports whether the session reads what there is.
func (s *Session) Stale() bool { return s.set.value(readSetting) == "stale" }

// Near reports whether the session may be served by a node that follows.
func (s *Session) Near() bool { return s.Stale() }

// follows reports whether this node follows another one.
func (s *Session) follows() bool { return s.eng.Follows() }

// reach waits until the node has what the session has seen. Where it takes long the session goes elsewhere.
func (s *Session) reach(ctx context.Context) error {
	if !s.follows() {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, reachWait, errBehind)
	defer cancel()
	err := s.eng.Reach(ctx, s.seen)
	if err != nil && context.Cause(ctx) == errBehind {
		return errBehind
	}
	return err
}

var errBehind error = sqlerr.New(sqlerr.AdminShutdown, "this node is behind what the session has seen").
	WithHint("Ask again, or SET leat.read = 'fresh'.")

// checkStale refuses what a session that reads stale does not run, and what one that does no longer runs at a node that
// follows.
func (s *Session) checkStale(p *Prepared) error {
	if !s.Stale() && !s.follows() {
		return nil
	}
	if !s.Stale() {
		if ofSession(p.stmt.Stmt) {
			return nil
		}
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "the session does not read stale any more, and this node follows").
			WithHint("Send SET leat.read by itself: the session is at the node that leads from the next message on.")
	}
	if readsOnly(p.stmt.Stmt) {
		return nil
	}
	err := s.refuseStale(verbOf(p.stmt.Text))
	if at, ok := p.stmt.Stmt.(interface{ Pos() int }); ok {
		return sqlerr.Locate(err, at.Pos())
	}
	return err
}

const staleHint = "SET leat.read = 'fresh' first."

// ofSession reports whether a statement concerns nothing but the session.
func ofSession(st ast.Stmt) bool {
	switch st.(type) {
	case *ast.Set, *ast.Begin, *ast.Commit, *ast.Rollback, *ast.Savepoint, *ast.Deallocate, *ast.CloseCursor,
		*ast.Discard, *ast.Define:
		return true
	}
	return false
}

// readsOnly reports whether a statement is one that a session may run which reads stale. Queries look for themselves
// whether they go on for ever, or lock.
func readsOnly(st ast.Stmt) bool {
	switch st := st.(type) {
	case *ast.QueryStmt:
		return len(changesWith(st)) == 0
	case *ast.Copy:
		return st.To
	case *ast.Explain:
		return true
	case *ast.Show, *ast.Describe, *ast.Prepare, *ast.Execute, *ast.DeclareCursor, *ast.Fetch, *ast.SetConstraints:
		return true
	case *ast.Listen:
		return st.Verb == "UNLISTEN"
	}
	return ofSession(st)
}

// verbOf is how a statement begins.
func verbOf(text string) string {
	words := strings.Fields(text)
	n := 1
	if len(words) > 1 {
		switch strings.ToUpper(words[0]) {
		case "CREATE", "DROP", "ALTER":
			n = 2
		}
	}
	return strings.ToUpper(strings.TrimRight(strings.Join(words[:min(n, len(words))], " "), ";"))
}

// refuseStale is the error of what a session that reads stale does not do.
func (s *Session) refuseStale(what string) error {
	if !s.Stale() {
		return nil
	}
	return sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a session that reads stale", what).
		WithHint(staleHint)
}

// mayMove refuses to change where a session reads while a transaction does.
func (s *Session) mayMove(name string) error {
	if name != readSetting || !s.tx.explicit {
		return nil
	}
	return sqlerr.New(sqlerr.ActiveSQLTransaction, "%s cannot be changed inside a transaction block", readSetting)
}

// The effects that functions have beyond the session, refused to one that reads stale.
type (
	sequencesStale struct{ *drawn }
	callerStale    struct{ *caller }
	controlStale   struct{ control }
)

// Next implements fn.Sequences.
func (q sequencesStale) Next(int64) (int64, error) { return 0, staleFunction("nextval()") }

// Set implements fn.Sequences.
func (q sequencesStale) Set(int64, int64, bool) error { return staleFunction("setval()") }

// Lock implements fn.Caller: locks are those of the node that leads.
func (c callerStale) Lock(fn.AdvisoryLock) (bool, error) {
	return false, staleFunction("pg_advisory_lock()")
}

// Notify implements fn.Control.
func (c controlStale) Notify(string, string) error { return staleFunction("pg_notify()") }

func staleFunction(name string) error {
	return sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a session that reads stale", name).
		WithHint(staleHint)
}

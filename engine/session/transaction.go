package session

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

var eof = io.EOF

// transaction is the state of a transaction, implicit or begun.
type transaction struct {
	explicit bool
	failed   bool
	readOnly bool
	started  time.Time
	work     *engine.Tx // what it reads and changes; nil until a statement needs it
	saves    []savepoint
	local    []setting // what SET LOCAL replaced
	set      []setting // what SET replaced
	listens  []listening
	notes    []engine.Notification
	temps    []uint32 // temporary relations that it made
	// restarted are the sequences that it let begin anew.
	restarted []restarted
}

// savepoint is a place in a transaction block to go back to.
type savepoint struct {
	name       string
	work       *engine.Savepoint // nil when nothing had been done
	local, set int
	// listens and notes are how many there were.
	listens, notes int
	temps          int
	restarted      int
}

// time returns when the transaction began, which is what now() says.
func (t *transaction) time(now func() time.Time) time.Time {
	if t.started.IsZero() {
		t.started = now()
	}
	return t.started
}

// wrote reports whether the transaction has written to a relation.
func (t *transaction) wrote(id uint32) bool { return t.work != nil && t.work.WroteTo(id) }

// work returns the transaction of the engine that statements belong to, and begins it when there is none.
func (s *Session) work() *engine.Tx {
	if s.tx.work == nil {
		level := map[string]engine.Isolation{"repeatable read": engine.RepeatableRead,
			"serializable": engine.Serializable}[s.set.show(isolationSetting)]
		s.tx.work = s.eng.Begin(level)
		s.tx.work.LockTimeout, s.tx.work.PID = s.set.lockTimeout, s.cfg.PID
	}
	return s.tx.work
}

// abort marks a transaction block as failed and returns err. What fails while the session is restored does not.
func (s *Session) abort(err error) error {
	if s.tx.explicit && !s.restoring {
		s.tx.failed = true
	}
	return err
}

func sqlerrOf(err error) *sqlerr.Error {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

func endsTransaction(stmt ast.Stmt) bool {
	switch stmt.(type) {
	case *ast.Commit, *ast.Rollback:
		return true
	}
	return false
}

// Sync ends the implicit transaction of a message: it commits, or with failed rolls back. A transaction block goes on.
func (s *Session) Sync(ctx context.Context, failed bool) error {
	if s.tx.explicit {
		s.tx.failed = s.tx.failed || failed
		s.waits()
		return nil
	}
	defer s.waits()
	var err error
	if !failed {
		err = s.temp.committing(ctx, s)
	}
	tx := s.tx
	s.tx = transaction{}
	s.set.restore(tx.local)
	if failed {
		s.set.restore(tx.set)
	}
	defer s.calls.locks.Release(true)
	if err == nil {
		err = s.mayNotify(&tx)
	}
	defer func() { s.temp.transactionEnded(s, tx.temps, !failed && err == nil) }()
	if failed || err != nil {
		s.takeBack(tx.restarted)
		if tx.work != nil {
			tx.work.Rollback()
		}
		return err
	}
	if tx.work != nil {
		if err = tx.work.Commit(ctx); err != nil {
			s.takeBack(tx.restarted)
			return err
		}
	}
	s.announce(&tx)
	return nil
}

// flushImplicit commits what an implicit transaction has written before a statement that is not a write.
func (s *Session) flushImplicit(ctx context.Context) error {
	if s.tx.explicit || s.tx.work == nil {
		return nil
	}
	work := s.tx.work
	s.tx.work = nil
	return work.Commit(ctx)
}

// control runs BEGIN, COMMIT, ROLLBACK and the statements of savepoints.
func (s *Session) control(ctx context.Context, stmt ast.Stmt) (Result, error) {
	switch st := stmt.(type) {
	case *ast.Begin:
		return s.begin(st)
	case *ast.Commit:
		return s.commit(ctx)
	case *ast.Savepoint:
		return s.savepoint(st)
	case *ast.Rollback:
		if st.To != "" {
			return s.rollbackTo(st)
		}
		if !s.tx.explicit {
			s.warn(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress")
		}
		s.endTransaction(false)
		return done("ROLLBACK"), nil
	}
	panic("BUG: not a statement of transaction control")
}

func (s *Session) commit(ctx context.Context) (Result, error) {
	if !s.tx.explicit {
		s.warn(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress")
		return done("COMMIT"), s.Sync(ctx, false) // of what the same message did before
	}
	if s.tx.failed {
		s.endTransaction(false)
		return done("ROLLBACK"), nil
	}
	err := s.temp.committing(ctx, s)
	tx := s.tx
	if err == nil {
		err = s.mayNotify(&tx)
	}
	if err != nil {
		s.endTransaction(false)
		return nil, err
	}
	s.tx.temps = nil
	s.tx.work = nil
	s.endTransaction(true)
	if tx.work != nil {
		err = tx.work.Commit(ctx)
	}
	s.temp.transactionEnded(s, tx.temps, err == nil)
	if err != nil {
		s.takeBack(tx.restarted)
		return nil, err
	}
	s.announce(&tx)
	return done("COMMIT"), nil
}

func (s *Session) begin(st *ast.Begin) (Result, error) {
	tag := "BEGIN"
	if st.Start {
		tag = "START TRANSACTION"
	}
	if s.tx.explicit {
		s.warn(sqlerr.ActiveSQLTransaction, "there is already a transaction in progress")
		return done(tag), nil
	}
	if st.Isolation != "" && s.tx.work != nil {
		return nil, sqlerr.At(st.Pos(), sqlerr.ActiveSQLTransaction,
			"SET TRANSACTION ISOLATION LEVEL must be called before any query")
	}
	s.tx.explicit = true // what the same message did before belongs to the block
	s.tx.readOnly = s.set.show("default_transaction_read_only") == "on"
	if st.ReadOnly != nil {
		s.tx.readOnly = *st.ReadOnly
	}
	if st.Isolation != "" {
		s.tx.local = append(s.tx.local, s.set.now(isolationSetting))
		if err := s.set.set(isolationSetting, st.Isolation, true); err != nil {
			return nil, sqlerr.Locate(err, st.Pos())
		}
	}
	return done(tag), nil
}

// savepoint runs SAVEPOINT and RELEASE.
func (s *Session) savepoint(st *ast.Savepoint) (Result, error) {
	if st.Release {
		i, err := s.findSavepoint("RELEASE SAVEPOINT", st.Name, st.Pos())
		if err != nil {
			return nil, err
		}
		s.tx.saves = s.tx.saves[:i]
		return done("RELEASE"), nil
	}
	if !s.tx.explicit {
		return nil, sqlerr.At(st.Pos(), sqlerr.NoActiveSQLTransaction, "SAVEPOINT can only be used in transaction blocks")
	}
	p := savepoint{name: st.Name, local: len(s.tx.local), set: len(s.tx.set), listens: len(s.tx.listens),
		notes: len(s.tx.notes), temps: len(s.tx.temps), restarted: len(s.tx.restarted)}
	if s.tx.work != nil {
		w := s.tx.work.Savepoint()
		p.work = &w
	}
	s.tx.saves = append(s.tx.saves, p)
	return done("SAVEPOINT"), nil
}

// findSavepoint finds the newest savepoint of a name.
func (s *Session) findSavepoint(verb, name string, pos int) (int, error) {
	if !s.tx.explicit {
		return 0, sqlerr.At(pos, sqlerr.NoActiveSQLTransaction, "%s can only be used in transaction blocks", verb)
	}
	for i := len(s.tx.saves) - 1; i >= 0; i-- {
		if s.tx.saves[i].name == name {
			return i, nil
		}
	}
	return 0, sqlerr.At(pos, sqlerr.InvalidSavepoint, "savepoint %q does not exist", name)
}

// rollbackTo takes back what was done since a savepoint, errors too.
func (s *Session) rollbackTo(st *ast.Rollback) (Result, error) {
	i, err := s.findSavepoint("ROLLBACK TO SAVEPOINT", st.To, st.Pos())
	if err != nil {
		return nil, err
	}
	p := s.tx.saves[i]
	s.tx.saves, s.tx.failed = s.tx.saves[:i+1], false
	if s.tx.work != nil {
		if p.work == nil {
			s.tx.work.RollbackTo(engine.Savepoint{})
		} else {
			s.tx.work.RollbackTo(*p.work)
		}
	}
	s.set.restore(s.tx.set[p.set:])
	s.set.restore(s.tx.local[p.local:])
	s.tx.set, s.tx.local = s.tx.set[:p.set], s.tx.local[:p.local]
	s.tx.listens, s.tx.notes = s.tx.listens[:p.listens], s.tx.notes[:p.notes]
	s.takeBack(s.tx.restarted[p.restarted:])
	s.tx.restarted = s.tx.restarted[:p.restarted]
	made := s.tx.temps[p.temps:]
	s.tx.temps = s.tx.temps[:p.temps]
	s.temp.rolledBack(s, made)
	return done("ROLLBACK"), nil
}

// endTransaction leaves the block: what SET LOCAL changed goes back, and without commit what SET changed too.
func (s *Session) endTransaction(commit bool) {
	tx := s.tx
	s.tx = transaction{}
	if tx.work != nil {
		tx.work.Rollback()
	}
	s.calls.locks.Release(true)
	s.set.restore(tx.local)
	if !commit {
		s.takeBack(tx.restarted)
		s.set.restore(tx.set)
		s.temp.transactionEnded(s, tx.temps, false)
	}
}

// checkWritable refuses a statement that writes in a transaction that was said only to read.
func (s *Session) checkWritable(verb string, pos int) error {
	readOnly := s.tx.readOnly
	if !s.tx.explicit {
		readOnly = s.set.show("default_transaction_read_only") == "on"
	}
	if err := s.refuseStale(verb); err != nil {
		return sqlerr.Locate(err, pos)
	}
	if readOnly || s.set.show("transaction_read_only") == "on" {
		return sqlerr.At(pos, sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", verb)
	}
	return nil
}

// checkReadable refuses a query that goes on for ever over what the transaction has written itself: it would not see
// it.
func (s *Session) checkReadable(rels []*catalog.Relation) error {
	cat := s.eng.Catalog()
	var visit func(r *catalog.Relation) error
	visit = func(r *catalog.Relation) error {
		if s.tx.wrote(r.ID) {
			return sqlerr.New(sqlerr.FeatureNotSupported, "cannot follow %q in the transaction that wrote to it", r.Name).
				WithHint("COMMIT first: a query then sees everything that was written.")
		}
		for _, id := range r.Reads {
			if below, ok := cat.ByID(id); ok {
				if err := visit(below); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, r := range rels {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// noteDDL tells users of a transaction block that DDL does not wait for its end.
func (s *Session) noteDDL() {
	if s.tx.explicit {
		s.warn(sqlerr.Warning, "DDL takes effect at once: ROLLBACK does not undo it")
	}
}

func (s *Session) warn(code sqlerr.Code, format string, args ...any) {
	s.cfg.Notice(sqlerr.New(code, format, args...))
}

// verb names a statement by its first words.
func verb(stmt parse.Statement) string {
	if o, ok := stmt.Stmt.(*ast.Other); ok {
		return o.Verb
	}
	text := strings.TrimSpace(stmt.Text)
	if i := strings.IndexAny(text, " \t\n("); i > 0 {
		text = text[:i]
	}
	return strings.ToUpper(text)
}

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

// transaction is the state of a transaction, implicit or begun. Writes wait in it until it commits, and then become one
// entry of the log.
type transaction struct {
	explicit bool
	failed   bool
	readOnly bool
	started  time.Time
	writes   []engine.Write
	local    []setting // what SET LOCAL replaced
	set      []setting // what SET replaced
}

// time returns when the transaction began, which is what now() says.
func (t *transaction) time(now func() time.Time) time.Time {
	if t.started.IsZero() {
		t.started = now()
	}
	return t.started
}

// wrote reports whether the transaction has written to a relation.
func (t *transaction) wrote(id uint32) bool {
	for _, w := range t.writes {
		if w.Rel.ID == id {
			return true
		}
	}
	return false
}

// abort marks a transaction block as failed and returns err.
func (s *Session) abort(err error) error {
	if s.tx.explicit {
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
		return nil
	}
	writes := s.tx.writes
	s.tx = transaction{}
	if failed || len(writes) == 0 {
		return nil
	}
	return s.eng.Insert(ctx, writes...)
}

// flushImplicit commits what an implicit transaction has written before a statement that is not a write.
func (s *Session) flushImplicit(ctx context.Context) error {
	if s.tx.explicit || len(s.tx.writes) == 0 {
		return nil
	}
	writes := s.tx.writes
	s.tx.writes = nil
	return s.eng.Insert(ctx, writes...)
}

// control runs BEGIN, COMMIT and ROLLBACK.
func (s *Session) control(ctx context.Context, stmt ast.Stmt) (Result, error) {
	switch st := stmt.(type) {
	case *ast.Begin:
		if s.tx.explicit {
			s.warn(sqlerr.ActiveSQLTransaction, "there is already a transaction in progress")
			return done("BEGIN"), nil
		}
		if err := s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		s.tx.explicit = true
		s.tx.readOnly = s.set.show("default_transaction_read_only") == "on"
		if st.ReadOnly != nil {
			s.tx.readOnly = *st.ReadOnly
		}
		return done("BEGIN"), nil
	case *ast.Commit:
		return s.commit(ctx)
	case *ast.Rollback:
		if st.To != "" {
			return nil, sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "savepoints are not supported yet")
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
		return done("COMMIT"), nil
	}
	failed, writes := s.tx.failed, s.tx.writes
	s.endTransaction(!failed)
	if failed {
		return done("ROLLBACK"), nil
	}
	if err := s.eng.Insert(ctx, writes...); err != nil {
		return nil, err
	}
	return done("COMMIT"), nil
}

// endTransaction leaves the block: what SET LOCAL changed goes back, and without commit what SET changed too.
func (s *Session) endTransaction(commit bool) {
	tx := s.tx
	s.tx = transaction{}
	s.set.restore(tx.local)
	if !commit {
		s.set.restore(tx.set)
	}
}

// checkWritable refuses a statement that writes in a transaction that was said only to read.
func (s *Session) checkWritable(verb string, pos int) error {
	readOnly := s.tx.readOnly
	if !s.tx.explicit {
		readOnly = s.set.show("default_transaction_read_only") == "on"
	}
	if readOnly || s.set.show("transaction_read_only") == "on" {
		return sqlerr.At(pos, sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", verb)
	}
	return nil
}

// write adds rows to the transaction.
func (s *Session) write(w engine.Write, pos int) error {
	if err := s.checkWritable("INSERT", pos); err != nil {
		return err
	}
	s.tx.writes = append(s.tx.writes, w)
	return nil
}

// checkReadable refuses to read what the transaction has written itself: it would not see it.
func (s *Session) checkReadable(rels []*catalog.Relation) error {
	cat := s.eng.Catalog()
	var visit func(r *catalog.Relation) error
	visit = func(r *catalog.Relation) error {
		if s.tx.wrote(r.ID) {
			return sqlerr.New(sqlerr.FeatureNotSupported, "cannot read %q in the transaction that wrote to it", r.Name).
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

package session

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// cursor is a query whose rows are fetched some at a time.
type cursor struct {
	result Result
	cols   []catalog.Column
	hold   bool
	batch  *vec.Batch // rows not all fetched yet
	next   int
	done   bool
}

// fetchWaitSetting is how long FETCH waits for rows of a push query: 0 until there are as many as it asks for.
const fetchWaitSetting = "leat.fetch_wait"

// bindDeclare binds DECLARE … CURSOR FOR.
func (s *Session) bindDeclare(p *Prepared, st *ast.DeclareCursor) error {
	switch {
	case st.Scroll != nil && *st.Scroll:
		return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "SCROLL cursors are not supported yet").
			WithHint("A cursor without SCROLL goes forward.")
	case st.Binary:
		return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "BINARY cursors are not supported yet")
	}
	inner := &Prepared{s: s, stmt: p.stmt, params: p.params}
	if err := s.bindQuery(inner, st.Q); err != nil {
		return err
	}
	p.params = inner.params
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		if !s.tx.explicit && !st.Hold {
			return nil, sqlerr.At(st.Pos(), sqlerr.NoActiveSQLTransaction,
				"DECLARE CURSOR can only be used in transaction blocks").
				WithHint("BEGIN first, or declare it WITH HOLD.")
		}
		if s.cursors[st.Name] != nil {
			return nil, sqlerr.At(st.Pos(), sqlerr.DuplicateCursor, "cursor %q already exists", st.Name)
		}
		r, err := inner.run(ctx, args)
		if err != nil {
			return nil, err
		}
		s.cursors[st.Name] = &cursor{result: r, cols: inner.cols, hold: st.Hold}
		return done("DECLARE CURSOR"), nil
	}
	return nil
}

func (s *Session) cursor(name string, pos int) (*cursor, error) {
	if c := s.cursors[name]; c != nil {
		return c, nil
	}
	return nil, sqlerr.At(pos, sqlerr.InvalidCursorName, "cursor %q does not exist", name)
}

// bindFetch binds FETCH and MOVE.
func (s *Session) bindFetch(p *Prepared, st *ast.Fetch) error {
	c, err := s.cursor(st.Name, st.Pos())
	if err != nil {
		return err
	}
	want := st.Count
	if st.All {
		want = math.MaxInt64
	}
	if st.Dir != "FORWARD" || want < 0 {
		return sqlerr.At(st.Pos(), sqlerr.ObjectNotInPrerequisite, "cursor can only scan forward").
			WithHint("Declare it with SCROLL option to enable backward scan.")
	}
	if !st.Move {
		p.cols = c.cols
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		rows, err := c.fetch(ctx, want, s.fetchWait())
		if err != nil {
			return nil, err
		}
		if st.Move {
			return done(fmt.Sprintf("MOVE %d", rows.N)), nil
		}
		return &lines{tag: fmt.Sprintf("FETCH %d", rows.N), rows: rows}, nil
	}
	return nil
}

func (s *Session) fetchWait() time.Duration {
	d, err := time.ParseDuration(s.set.show(fetchWaitSetting))
	if err != nil {
		return 0
	}
	return d
}

// fetch returns the next rows: as many as are wanted, fewer at the end, and of a push query what came within wait if
// that is set.
func (c *cursor) fetch(ctx context.Context, want int64, wait time.Duration) (*vec.Batch, error) {
	ts := make([]types.Type, len(c.cols))
	for i, col := range c.cols {
		ts[i] = col.Type
	}
	out := vec.NewBatch(ts)
	limited := ctx
	if isLive(c.result) && wait > 0 {
		var cancel func()
		limited, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	for int64(out.N) < want && !c.done {
		if c.batch == nil {
			b, err := c.result.Next(limited)
			switch {
			case err == eof:
				c.done = true
				continue
			case err != nil && limited.Err() != nil && ctx.Err() == nil:
				return out, nil // the wait is over
			case err != nil:
				return nil, err
			}
			c.batch, c.next = b.Clone(), 0
		}
		n := int(min(int64(c.batch.N-c.next), want-int64(out.N)))
		out.AppendBatch(c.batch.Slice(c.next, c.next+n))
		if c.next += n; c.next == c.batch.N {
			c.batch = nil
		}
	}
	return out, nil
}

// closeCursor runs CLOSE.
func (s *Session) closeCursor(st *ast.CloseCursor) (Result, error) {
	if st.Name == "" {
		s.closeCursors(true)
		return done("CLOSE CURSOR ALL"), nil
	}
	c, err := s.cursor(st.Name, st.Pos())
	if err != nil {
		return nil, err
	}
	c.result.Close()
	delete(s.cursors, st.Name)
	return done("CLOSE CURSOR"), nil
}

// closeCursors closes the cursors that end with their transaction, or all.
func (s *Session) closeCursors(all bool) {
	for name, c := range s.cursors {
		if all || !c.hold {
			c.result.Close()
			delete(s.cursors, name)
		}
	}
}

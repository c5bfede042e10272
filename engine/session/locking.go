package session

import (
	"context"
	"strconv"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// bindLocking binds SELECT … FOR UPDATE and its kin: nobody else changes the rows that it gives until the transaction
// ends.
func (s *Session) bindLocking(p *Prepared, q *ast.Query) error {
	lp, err := planner.Locking(s.planContext(p), q)
	if err != nil {
		return err
	}
	for _, t := range lp.Targets {
		if err := engine.CanChange(t.Rel); err != nil {
			return err
		}
	}
	cols := resultColumns(lp.Rows)
	p.params, p.cols = lp.Rows.Params, cols[:len(cols)-len(lp.Targets)]
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		if err := s.checkWritable("SELECT "+q.Locking[0].Strength, q.Pos()); err != nil {
			return nil, err
		}
		bound := *lp
		bound.Rows = engine.BindParams(lp.Rows, args)
		limit, offset, err := s.bounds(ctx, lp, args)
		if err != nil {
			return nil, err
		}
		out, err := s.lockRows(ctx, &bound, limit, offset)
		if err != nil {
			return nil, err
		}
		return &returned{rows: out, completed: completed{"SELECT " + strconv.Itoa(out.N)}}, nil
	}
	return nil
}

// bounds gives LIMIT, -1 for none, and OFFSET.
func (s *Session) bounds(ctx context.Context, lp *planner.LockPlan, args []types.Value) (limit, offset int, err error) {
	if lp.Bounds == nil {
		return -1, 0, nil
	}
	r, err := s.pull(ctx, lp.Bounds, args)
	if err != nil {
		return 0, 0, err
	}
	b, err := readAll(ctx, r, sourceTypes(lp.Bounds))
	if err != nil {
		return 0, 0, err
	}
	limit = -1
	if c := b.Cols[0]; !c.IsNull(0) {
		if limit = int(c.Int[c.At(0)]); limit < 0 {
			return 0, 0, sqlerr.New(sqlerr.InvalidLimit, "LIMIT must not be negative")
		}
	}
	if c := b.Cols[1]; !c.IsNull(0) {
		if offset = int(c.Int[c.At(0)]); offset < 0 {
			return 0, 0, sqlerr.New(sqlerr.InvalidOffset, "OFFSET must not be negative")
		}
	}
	return limit, offset, nil
}

// lockRows locks rows in their order until there are as many as are asked for, and returns them. The rows that OFFSET
// passes over are locked too.
func (s *Session) lockRows(ctx context.Context, lp *planner.LockPlan, limit, offset int) (*vec.Batch, error) {
	ts := sourceTypes(lp.Rows)
	visible := len(ts) - len(lp.Targets)
	var out *vec.Batch
	err := s.work().Locking(ctx, lp.Rows, s.env(), func(c *engine.Change) error {
		out = vec.NewBatch(ts)
		all, err := pullAll(ctx, c, lp.Rows)
		if err != nil {
			return err
		}
		var locked []int32
		for i := 0; i < all.N && (limit < 0 || len(locked)-offset < limit); i++ {
			got, err := lockRow(c, lp, all, i, visible)
			if err != nil {
				return err
			}
			if got {
				locked = append(locked, int32(i))
			}
		}
		out = all.Gather(locked[min(offset, len(locked)):])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &vec.Batch{Cols: out.Cols[:visible], N: out.N}, nil
}

// lockRow locks the rows of tables that row i of b is made of; it is false when one of them is to be passed over.
func lockRow(c *engine.Change, lp *planner.LockPlan, b *vec.Batch, i, first int) (bool, error) {
	for k, t := range lp.Targets {
		col := b.Cols[first+k]
		if col.IsNull(i) {
			continue
		}
		got, err := c.LockRow(t, col.Bytes(col.At(i)))
		if err != nil || !got {
			return false, err
		}
	}
	return true, nil
}

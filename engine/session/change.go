package session

import (
	"context"
	"strconv"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// bindChange binds UPDATE, DELETE and TRUNCATE.
func (s *Session) bindChange(p *Prepared) error {
	var cp *planner.ChangePlan
	var err error
	tag := "UPDATE"
	var remove func(*engine.Change, [][]byte) error
	switch st := p.stmt.Stmt.(type) {
	case *ast.Update:
		cp, err = planner.Update(s.planContext(p), st)
	case *ast.Delete:
		tag, remove = "DELETE", (*engine.Change).Delete
		cp, err = planner.Delete(s.planContext(p), st)
	case *ast.Truncate:
		return s.bindTruncate(p, st)
	}
	if err != nil {
		return err
	}
	if err := engine.CanChange(cp.Rel); err != nil {
		return err
	}
	p.params = cp.Source.Params
	if cp.Returning != nil {
		p.cols = cp.Returning.Cols
	}
	pos := p.stmt.Start
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		if err := s.checkWritable(tag, pos); err != nil {
			return nil, err
		}
		if err := s.mayWrite(cp.Rel, pos); err != nil {
			return nil, err
		}
		env := s.env()
		rows, err := s.change(ctx, cp.Bind(args), remove, env)
		if err != nil {
			return nil, err
		}
		return changed(tag, rows, cp.Bind(args).Returning, env)
	}
	return nil
}

// change runs an UPDATE, or what remove does with the keys of the rows. It returns the rows, and behind each what else
// RETURNING may name.
func (s *Session) change(ctx context.Context, cp *planner.ChangePlan, remove func(*engine.Change, [][]byte) error,
	env *fn.Env) (*vec.Batch, error) {
	var out *vec.Batch
	err := s.work().Change(ctx, cp.Rel, cp.Source, env, func(c *engine.Change) error {
		all, err := pullAll(ctx, c, cp.Source)
		if err != nil {
			return err
		}
		all, keys := oncePerRow(all)
		out = &vec.Batch{Cols: all.Cols[1:], N: all.N}
		if remove != nil {
			return remove(c, keys)
		}
		rows := &vec.Batch{Cols: out.Cols[:len(cp.Rel.Columns)], N: out.N}
		if _, err := s.eng.CheckRows(cp.Rel, cp.Checks, rows, env); err != nil {
			return err
		}
		return c.Update(keys, rows)
	})
	return out, err
}

// sourceTypes are the types of the columns that a query gives.
func sourceTypes(q *plan.Query) []types.Type {
	var ts []types.Type
	for _, c := range q.Root.Schema().Cols[:q.Visible] {
		ts = append(ts, c.Type)
	}
	return ts
}

// oncePerRow keeps the first of the rows that have one key, which is the first column: a row that meets several
// others is changed once.
func oncePerRow(b *vec.Batch) (*vec.Batch, [][]byte) {
	seen := make(map[string]bool, b.N)
	sel := make([]int32, 0, b.N)
	var keys [][]byte
	for i := range b.N {
		if key := b.Cols[0].Bytes(i); !seen[string(key)] {
			seen[string(key)] = true
			sel = append(sel, int32(i))
			keys = append(keys, key)
		}
	}
	if len(sel) < b.N {
		b = b.Gather(sel)
	}
	return b, keys
}

// bindTruncate binds TRUNCATE, which deletes all rows of tables.
func (s *Session) bindTruncate(p *Prepared, st *ast.Truncate) error {
	var plans []*planner.ChangePlan
	rels, names, err := s.truncated(st)
	if err != nil {
		return err
	}
	for _, name := range names {
		cp, err := planner.Delete(s.planContext(p), &ast.Delete{P: st.P, Table: name})
		if err != nil {
			return err
		}
		if err := engine.CanChange(cp.Rel); err != nil {
			return err
		}
		plans = append(plans, cp)
	}
	for i := range s.needs { // planned as DELETE
		s.needs[i].Can = catalog.MayTruncate
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.checkWritable("TRUNCATE TABLE", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.unchecked(rels...); err != nil {
			return nil, err
		}
		for i, cp := range plans {
			if err := s.mayWrite(cp.Rel, names[i].Pos()); err != nil {
				return nil, err
			}
		}
		s.cascadesTo(st, names)
		for _, cp := range plans {
			if _, err := s.change(ctx, cp, (*engine.Change).Truncate, s.env()); err != nil {
				return nil, err
			}
			if st.Restart {
				if err := s.restartIdentity(ctx, cp.Rel); err != nil {
					return nil, err
				}
			}
		}
		return done("TRUNCATE TABLE"), nil
	}
	return nil
}

// changed is the result of a statement that changed rows: how many, and what RETURNING asks of them.
func changed(tag string, rows *vec.Batch, returning *planner.Returning, env *fn.Env) (Result, error) {
	tag += " " + strconv.Itoa(rows.N)
	if returning == nil {
		return done(tag), nil
	}
	out, err := engine.EvalRows(returning.Exprs, rows, env)
	if err != nil {
		return nil, err
	}
	return &returned{rows: out, completed: completed{tag}}, nil
}

// returned is the Result of a statement with RETURNING.
type returned struct {
	completed
	rows *vec.Batch // nil when they have been given
}

// Next implements Result.
func (r *returned) Next(context.Context) (*vec.Batch, error) {
	if r.rows == nil || r.rows.N == 0 {
		return nil, eof
	}
	b := r.rows
	r.rows = nil
	return b, nil
}

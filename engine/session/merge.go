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

// bindMerge binds MERGE.
func (s *Session) bindMerge(p *Prepared, st *ast.Merge) error {
	mp, err := planner.Merge(s.planContext(p), st)
	if err != nil {
		return err
	}
	if err := engine.CanChange(mp.Rel); err != nil {
		return err
	}
	p.params = mp.Source.Params
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		if err := s.checkWritable("MERGE", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.mayWrite(mp.Rel, st.Pos()); err != nil {
			return nil, err
		}
		n, err := s.merge(ctx, mp.Bind(args))
		if err != nil {
			return nil, err
		}
		return done("MERGE " + strconv.Itoa(n)), nil
	}
	return nil
}

// merge runs a MERGE and returns how many rows it has changed.
func (s *Session) merge(ctx context.Context, mp *planner.MergePlan) (int, error) {
	env, n := s.env(), 0
	err := s.work().Change(ctx, mp.Rel, mp.Source, env, func(c *engine.Change) error {
		all, err := pullAll(ctx, c, mp.Source)
		if err != nil {
			return err
		}
		by, keys, err := sortedActions(all)
		if err != nil {
			return err
		}
		rows := &vec.Batch{Cols: all.Cols[2:], N: all.N}
		m := engine.Merged{Deleted: keys[planner.MergeDelete], Updated: keys[planner.MergeUpdate],
			To: rows.Gather(by[planner.MergeUpdate]), Inserted: rows.Gather(by[planner.MergeInsert])}
		for _, checked := range []*vec.Batch{m.To, m.Inserted} {
			if _, err := s.eng.CheckRows(mp.Rel, mp.Checks, checked, env); err != nil {
				return err
			}
		}
		n = len(m.Deleted) + len(m.Updated) + m.Inserted.N
		return c.Merge(m)
	})
	return n, err
}

// sortedActions gives the rows of each action, and the keys of the table's rows. None may be changed twice.
func sortedActions(all *vec.Batch) (by [3][]int32, keys [3][][]byte, err error) {
	seen := map[string]bool{}
	for i := range all.N {
		action := all.Cols[1].Int[i]
		if action < 0 {
			continue
		}
		by[action] = append(by[action], int32(i))
		if action == planner.MergeInsert {
			continue
		}
		key := all.Cols[0].Bytes(i)
		if seen[string(key)] {
			return by, keys, sqlerr.New(sqlerr.CardinalityViolation, "MERGE command cannot affect row a second time").
				WithHint("Ensure that not more than one source row matches any one target row.")
		}
		seen[string(key)] = true
		keys[action] = append(keys[action], key)
	}
	return by, keys, nil
}

package session

import (
	"context"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// bindInsert binds INSERT of values or of a query, which is run once.
func (s *Session) bindInsert(p *Prepared, st *ast.Insert) error {
	ip, err := planner.Insert(s.planContext(p), st)
	if err != nil {
		return err
	}
	if ip.Continuous {
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.insertForever(ctx, p, st, ip) }
		return nil
	}
	p.params = ip.Source.Params
	if ip.Returning != nil {
		p.cols = ip.Returning.Cols
	}
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		if err := s.checkWritable("INSERT", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.mayWrite(ip.Rel, st.Table.Pos()); err != nil {
			return nil, err
		}
		return s.insert(ctx, ip.Bind(args))
	}
	return nil
}

// mayWrite refuses to write to a relation, named at pos, what cannot be written together with what the transaction has
// changed.
func (s *Session) mayWrite(rel *catalog.Relation, pos int) error {
	if s.tx.work == nil {
		return nil
	}
	if err := s.tx.work.MayWrite(rel); err != nil {
		return sqlerr.Locate(err, pos)
	}
	return nil
}

// insertForever begins an INSERT whose query stays.
func (s *Session) insertForever(ctx context.Context, p *Prepared, st *ast.Insert,
	ip *planner.InsertPlan) (Result, error) {
	if err := s.beginDDL(ctx, "INSERT", st.Pos()); err != nil {
		return nil, err
	}
	rel := &catalog.Relation{Schema: catalog.Public, Kind: catalog.Insert, TimeColumn: -1, Target: ip.Rel.ID,
		Query: st.Q.Text, Statement: p.stmt.Text, QueryID: ip.QueryID, Uses: ip.Source.Uses, Settings: s.keptSettings(),
		Owner: s.role()}
	for _, r := range ip.Source.Reads {
		rel.Reads = append(rel.Reads, r.ID)
	}
	id, err := s.eng.InsertForever(ctx, rel)
	if err != nil {
		return nil, sqlerr.Locate(err, st.Table.Pos())
	}
	s.warn(sqlerr.SuccessfulCompletion, "query %s goes on inserting into %q; TERMINATE %s ends it", id, ip.Rel.Name, id)
	return &completed{"INSERT 0 0"}, nil
}

// keptSettings are the settings that a query which stays is planned and begun under.
func (s *Session) keptSettings() map[string]string {
	kept := s.set.kept()
	if s.set.chosen(resetSetting) {
		kept[resetSetting] = s.set.show(resetSetting)
	}
	return kept
}

func (s *Session) insert(ctx context.Context, ip *planner.InsertPlan) (Result, error) {
	env, tx := s.env(), s.work()
	var rows *vec.Batch
	if !ip.Rel.Checked() && ip.Conflict == nil {
		r, err := tx.Pull(ctx, ip.Source, env)
		if err != nil {
			return nil, err
		}
		if rows, err = insertRows(ctx, ip, r); err != nil {
			return nil, err
		}
		if _, err := s.eng.CheckRows(ip.Rel, ip.Checks, rows, env); err != nil {
			return nil, err
		}
		tx.Write(engine.Write{Rel: ip.Rel, Rows: rows})
		return changed("INSERT 0", rows, ip.Returning, env)
	}
	err := tx.Change(ctx, ip.Rel, ip.Source, env, func(c *engine.Change) error {
		r, err := c.Pull(ip.Source)
		if err != nil {
			return err
		}
		given, err := insertRows(ctx, ip, r)
		if err != nil {
			return err
		}
		if bad, failure := s.eng.CheckRows(ip.Rel, ip.Checks, given, env); failure != nil {
			// What is wrong with the rows before it is told first.
			if _, err := c.Insert(given.Slice(0, bad), ip.Conflict, ip.Checks); err != nil {
				return err
			}
			return failure
		}
		rows, err = c.Insert(given, ip.Conflict, ip.Checks)
		return err
	})
	if err != nil {
		return nil, err
	}
	return changed("INSERT 0", rows, ip.Returning, env)
}

// insertRows reads what an INSERT is to insert.
func insertRows(ctx context.Context, ip *planner.InsertPlan, r *engine.Rows) (*vec.Batch, error) {
	ts := relationTypes(ip.Rel)
	if ip.RowTime >= 0 {
		ts = append(ts, types.Int8)
	}
	all, err := readAll(ctx, r, ts)
	if err != nil {
		return nil, err
	}
	if ip.RowTime >= 0 {
		takeRowTime(all, ip.RowTime)
	}
	return all, nil
}

// batches is what rows come from: those of a query, or a Result.
type batches interface {
	Next(ctx context.Context) (*vec.Batch, error)
	Close()
}

// pullAll reads the rows of a query that a change is about.
func pullAll(ctx context.Context, c *engine.Change, q *plan.Query) (*vec.Batch, error) {
	r, err := c.Pull(q)
	if err != nil {
		return nil, err
	}
	return readAll(ctx, r, sourceTypes(q))
}

// readAll reads rows to the end.
func readAll(ctx context.Context, r batches, ts []types.Type) (*vec.Batch, error) {
	defer r.Close()
	all := vec.NewBatch(ts)
	for {
		b, err := r.Next(ctx)
		if err == eof {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all.AppendBatch(b)
	}
}

// takeRowTime makes the column of event times the batch's own.
func takeRowTime(b *vec.Batch, pos int) {
	col := b.Cols[pos]
	b.Cols = b.Cols[:pos]
	b.Time = make([]int64, b.N)
	for i := range b.N {
		if b.Time[i] = engine.NoTime; !col.IsNull(i) {
			b.Time[i] = col.Int[i]
		}
	}
}

package session

import (
	"context"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
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
		return sqlerr.At(ip.Pos, sqlerr.FeatureNotSupported, "an INSERT of a query that never ends cannot be run yet").
			WithHint("CREATE STREAM … AS makes a stream of what a query emits.")
	}
	if err := engine.Runnable(ip.Source.Root); err != nil {
		return err
	}
	p.params = ip.Source.Params
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		return s.insert(ctx, ip, args, st.Pos())
	}
	return nil
}

func (s *Session) insert(ctx context.Context, ip *planner.InsertPlan, args []types.Value, pos int) (Result, error) {
	if err := s.checkReadable(ip.Source.Reads); err != nil {
		return nil, err
	}
	r, err := s.eng.Pull(ctx, engine.BindParams(ip.Source, args), s.env())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var ts []types.Type
	for _, c := range ip.Rel.Columns {
		ts = append(ts, c.Type)
	}
	if ip.RowTime >= 0 {
		ts = append(ts, types.Int8)
	}
	all := vec.NewBatch(ts)
	for {
		b, err := r.Next(ctx)
		if err == eof {
			break
		}
		if err != nil {
			return nil, err
		}
		all.AppendBatch(b)
	}
	if ip.RowTime >= 0 {
		takeRowTime(all, ip.RowTime)
	}
	if err := s.eng.CheckRows(ip.Rel, all); err != nil {
		return nil, err
	}
	if err := s.write(engine.Write{Rel: ip.Rel, Rows: all}, pos); err != nil {
		return nil, err
	}
	return done(insertTag(all.N)), nil
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

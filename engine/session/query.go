package session

import (
	"context"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// bindQuery plans a SELECT, pull or push.
func (s *Session) bindQuery(p *Prepared, q *ast.Query) error {
	if len(q.Locking) > 0 {
		return s.bindLocking(p, q)
	}
	pq, err := planner.Query(s.planContext(p), q)
	if err != nil {
		return err
	}
	p.params = pq.Params
	p.cols = resultColumns(pq)
	if pq.Emit == ast.EmitNone {
		point := engine.PointOf(pq)
		p.constants = planner.Constants(pq)
		p.run = func(ctx context.Context, args []types.Value) (Result, error) {
			if point != nil && s.plain() {
				return s.point(ctx, point, args)
			}
			return s.pull(ctx, pq, args)
		}
		return nil
	}
	shape := shapeOf(pq)
	p.cols = shape.columns(p.cols)
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		return s.push(ctx, pq, shape, p.stmt.Text, args)
	}
	return nil
}

func resultColumns(q *plan.Query) []catalog.Column {
	cols := []catalog.Column{}
	for i, c := range q.Root.Schema().Cols[:q.Visible] {
		col := catalog.Column{Name: c.Name, Type: c.Type}
		if i < len(q.Origins) {
			col.Table, col.Number = q.Origins[i].Relation, q.Origins[i].Column
		}
		cols = append(cols, col)
	}
	return cols
}

// rows is a Result of a query.
type rows struct {
	r    *engine.Rows
	live bool // of a push query
}

// plain reports whether a query sees what anybody would.
func (s *Session) plain() bool {
	if s.tx.work != nil {
		return s.tx.work.Plain()
	}
	return s.set.show(isolationSetting) == "read committed"
}

// point answers a query for one row by its key.
func (s *Session) point(ctx context.Context, q *engine.Point, args []types.Value) (Result, error) {
	r, err := s.eng.PullPoint(ctx, q, args)
	if err != nil {
		return nil, err
	}
	return &rows{r: r}, nil
}

func (s *Session) pull(ctx context.Context, q *plan.Query, args []types.Value) (Result, error) {
	q, env := engine.BindParams(q, args), s.env()
	if q.Follow != nil {
		return s.pullPast(ctx, q, env)
	}
	var r *engine.Rows
	var err error
	if tx := s.work(); tx.Plain() {
		r, err = s.eng.Pull(ctx, q, env)
	} else {
		r, err = tx.Pull(ctx, q, env)
	}
	if err != nil {
		return nil, err
	}
	return &rows{r: r}, nil
}

// pullPast runs a query over its relations as they were: AS OF.
func (s *Session) pullPast(ctx context.Context, q *plan.Query, env *fn.Env) (Result, error) {
	if s.Stale() { // what was last at a time is for the node that leads to say
		return nil, sqlerr.At(q.Follow.AtPos, sqlerr.FeatureNotSupported, "AS OF cannot be read stale").WithHint(staleHint)
	}
	var o engine.PushOptions
	if err := s.since(q.Follow, env, &o); err != nil {
		return nil, err
	}
	if o.Since != nil {
		t, err := s.eng.TokenAt(ctx, q.Reads, *o.Since)
		if err != nil {
			return nil, sqlerr.Locate(err, q.Follow.AtPos)
		}
		o.After = &t
	}
	r, err := s.eng.PullAt(ctx, q, env, *o.After)
	if err != nil {
		return nil, sqlerr.Locate(err, q.Follow.AtPos)
	}
	return &rows{r: r}, nil
}

// Next implements Result.
func (r *rows) Next(ctx context.Context) (*vec.Batch, error) { return r.r.Next(ctx) }

// Within is Next of a push query that waits until a time only, and returns nil then.
func (r *rows) Within(ctx context.Context, deadline time.Time) (*vec.Batch, error) {
	return r.r.Within(ctx, deadline)
}

// Tag implements Result.
func (r *rows) Tag() (string, bool) { return "SELECT", true }

// Close implements Result.
func (r *rows) Close() { r.r.Close() }

// Live reports whether rows come as they happen, so that a door must not hold them back.
func (r *rows) Live() bool { return r.live }

package engine

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
)

// MeasureRunning returns the plan of a continuous query, and what its operators have done since the server started; the
// meter is nil when it does not run.
func (e *Engine) MeasureRunning(ctx context.Context, id string) (*plan.Query, *Meter, error) {
	r := e.continuous(id)
	if r == nil {
		return nil, nil, noQuery(id)
	}
	var q *plan.Query
	var m *Meter
	err := e.flow.do(ctx, func() error {
		for _, v := range e.flow.views {
			if v.id == r.StateID() && !v.differs() {
				q, m = v.query, v.measure()
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, translate(err)
	}
	if q == nil {
		q, err = e.planView(r)
	}
	return q, m, err
}

// continuous finds the relation of a continuous query by the query's name.
func (e *Engine) continuous(id string) *catalog.Relation {
	for _, r := range e.Catalog().Relations() {
		if r.QueryID != "" && strings.EqualFold(r.QueryID, id) {
			return r
		}
	}
	return nil
}

// newRunningMeter measures the operators of a continuous query.
func newRunningMeter() *Meter { return &Meter{now: time.Now, nodes: map[plan.Node]*Measure{}} }

// measure copies what was measured of the view, with what its operators keep now.
func (v *view) measure() *Meter {
	m := &Meter{nodes: maps.Clone(v.meter.nodes)}
	for n, of := range m.nodes {
		one := *of
		m.nodes[n] = &one
	}
	for _, in := range v.inputs {
		if of := m.nodes[in.scan]; of != nil {
			of.Passed = in.passed
		}
		if p := v.flow.viewOf(in.scan.Rel.ID); in.scan.Part != nil && p != nil {
			maps.Copy(m.nodes, p.measure().nodes)
			m.nodes[in.scan].Parts = in.src.partQueries()
		}
	}
	for _, n := range v.graph.nodes {
		of := m.nodes[n.of]
		if of == nil {
			continue
		}
		of.State = v.state.HeldBy(n.id)
		if c, ok := n.op.(state.Cached); ok {
			bytes, _ := c.Held()
			of.State += bytes
		}
		if x := finding(n.op); x != nil {
			src := v.flow.sources[x.Scan.Rel.ID]
			of.Joined = len(src.joinsBy(x))
			if i := src.rows.indexed(x.By); i != nil && !x.Own {
				of.Index = i.rows.Bytes()
			}
		}
		if a, ok := n.op.(*aggregateOp); ok && a.table.users > 1 {
			of.Shared = a.table.users
		}
	}
	return m
}

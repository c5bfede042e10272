package engine

import (
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
)

// Aggregations of several queries that have the same groups share one table of their keys: each keeps its own
// accumulators, by the numbers that the table gives the groups. A group is in the table as long as one of them has it.
// The table says nothing of what a query has seen, so queries may be at different places of their inputs, fail, be
// dropped and restored each on its own.

// sharedKeys are the tables of a flow, by what the rows are grouped by. The flow's goroutine owns them.
type sharedKeys struct{ tables map[string]*groupTable }

// table returns the table of an aggregation, which has to release it.
func (s *sharedKeys) table(n *plan.Aggregate, ts []types.Type) *groupTable {
	if s == nil || n.Sets != nil || len(ts) == 0 || !exactKeys(ts) {
		return newGroupTable(ts)
	}
	name := planner.Fingerprint(n)
	t := s.tables[name]
	if t == nil {
		t = newGroupTable(ts)
		t.gone = func() { delete(s.tables, name) }
		if s.tables == nil {
			s.tables = map[string]*groupTable{}
		}
		s.tables[name] = t
	}
	t.users++
	return t
}

// exactKeys tells that keys of these types that are equal are the same, so that it does not matter whose came first.
func exactKeys(ts []types.Type) bool {
	for _, t := range ts {
		if !exactKey(t) {
			return false
		}
	}
	return true
}

func exactKey(t types.Type) bool {
	return t.Class() == types.ClassInt ||
		t.Class() == types.ClassBytes && t.Kind != types.KindChar && t.Kind != types.KindJSONB
}

// hold notes that the aggregation has the groups of rows.
func (a *aggregateOp) hold(groups []int32) {
	for _, g := range groups {
		if m := &a.meta[g]; !m.held {
			m.held = true
			a.table.refs[g]++
			a.held++
			if a.watch {
				a.fresh = append(a.fresh, g)
			}
		}
	}
}

// release gives a group back, whose number is used again when nobody has it.
func (t *groupTable) release(g int32) {
	if t.refs[g]--; t.refs[g] == 0 && len(t.keys) > 0 {
		t.remove(g)
	}
}

// leave gives all groups back: the query is gone.
func (a *aggregateOp) leave() {
	for g := range a.meta {
		if a.meta[g].held {
			a.meta[g].held = false
			a.table.release(int32(g))
		}
	}
	a.held = 0
	if a.table.users--; a.table.users == 0 && a.table.gone != nil {
		a.table.gone()
	}
}

// leave gives back what the operators of the graph share with others.
func (g *Graph) leave() {
	if g == nil {
		return
	}
	for i := range g.nodes {
		if a, ok := g.nodes[i].op.(*aggregateOp); ok {
			a.leave()
		}
	}
}

package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

// carry lets what a record has beside its columns reach the stream that is made of it row by row: its headers, as they
// are, and, where nothing filters, that its value is null. That is what ksqlDB does. The query's root gets one more,
// hidden column.
func carry(q *plan.Query) {
	root, nulls, ok := carried(q.Root)
	if !ok {
		return
	}
	q.Root, q.Carries = root, true
	scanBelow(root).NullRows = nulls
}

// carried returns n with the envelope of its rows as its last column. nulls tells that every row comes through. Nodes
// are copied: n stays as it is.
func carried(n plan.Node) (out plan.Node, nulls, ok bool) {
	switch n := n.(type) {
	case *plan.Scan:
		if n.Rel.Kind != catalog.Stream {
			return nil, false, false
		}
		c := *n
		c.Cols = append(slices.Clone(n.Cols), plan.Envelope)
		c.Sch.Cols = append(slices.Clone(n.Sch.Cols), plan.Column{Name: plan.EnvelopeName, Type: types.Bytea})
		return &c, true, true
	case *plan.Filter:
		in, _, ok := carried(n.In)
		return &plan.Filter{In: in, Cond: n.Cond}, false, ok
	case *plan.Project:
		in, nulls, ok := carried(n.In)
		if !ok {
			return nil, false, false
		}
		c := *n
		last := len(in.Schema().Cols) - 1
		c.In, c.Exprs = in, append(slices.Clone(n.Exprs), colOf(in, last))
		c.Sch.Cols = append(slices.Clone(n.Sch.Cols), in.Schema().Cols[last])
		return &c, nulls, true
	}
	return nil, false, false
}

// scanBelow finds the scan below nodes that carried has passed.
func scanBelow(n plan.Node) *plan.Scan {
	for {
		if s, ok := n.(*plan.Scan); ok {
			return s
		}
		n = n.Inputs()[0]
	}
}

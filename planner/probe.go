package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
)

const (
	// probeMost is how many rows are looked up one by one at most, probePart the part of the other side's rows below
	// which that is cheaper than to read all of them.
	probeMost = 20_000
	probePart = 1.0 / 20
)

// probes lets joins of few rows with a large table find its rows by their key, or by an index, in place of reading it
// through.
func (b *binder) probes(n plan.Node) plan.Node {
	replaceInputs(n, b.probes)
	j, ok := n.(*plan.Join)
	if !ok || j.Lookup || j.Within != nil || j.Kind == plan.Full || j.Kind == plan.Right || b.ctx.Sample == nil {
		return n
	}
	s, at := probedScan(j.Right)
	if s == nil {
		return n
	}
	p := probeOf(j, s, at)
	if p == nil {
		return n
	}
	of := b.ctx.Sample(s.Rel)
	if of == nil {
		return n
	}
	few := b.estimate(j.Left).rows
	if few <= probeMost && few <= float64(of.Count)*probePart || b.cheapJoin() == 0 {
		j.Probe = p
	}
	return n
}

// probedScan is the scan of a table behind filters and projections, and where its columns are in what they give: at[i]
// is the column of the scan that column i of n is, -1 for none.
func probedScan(n plan.Node) (s *plan.Scan, at []int) {
	switch n := n.(type) {
	case *plan.Scan:
		if n.Rel.Kind != catalog.Table && n.Rel.Kind != catalog.View || len(n.Lookup) > 0 || len(n.Among) > 0 {
			return nil, nil
		}
		return n, identity(len(n.Cols))
	case *plan.Filter:
		return probedScan(n.In)
	case *plan.Project:
		s, below := probedScan(n.In)
		if s == nil {
			return nil, nil
		}
		at = make([]int, len(n.Exprs))
		for i, e := range n.Exprs {
			at[i] = -1
			if c, ok := relabelled(e).(*plan.Col); ok {
				at[i] = below[c.Index]
			}
		}
		return s, at
	}
	return nil, nil
}

// probeOf finds the key or index of the scan that the keys of the join fix most columns of; nil for none.
func probeOf(j *plan.Join, s *plan.Scan, at []int) *plan.Probe {
	pair := func(column int) int { // which keys of the join fix a column of the relation
		for i, k := range j.RightKeys {
			c, ok := relabelled(k).(*plan.Col)
			if ok && at[c.Index] >= 0 && s.Cols[at[c.Index]] == column && !j.NullSafeAt(i) &&
				sameBytes(k.Type(), s.Rel.Columns[column].Type) {
				return i
			}
		}
		return -1
	}
	var best *plan.Probe
	try := func(index string, columns []int, whole bool) {
		p := &plan.Probe{Index: index}
		for _, c := range columns {
			k := pair(c)
			if k < 0 {
				break
			}
			p.By, p.Keys = append(p.By, c), append(p.Keys, k)
		}
		if len(p.By) > 0 && (!whole || len(p.By) == len(columns)) && (best == nil || len(p.By) > len(best.By)) {
			best = p
		}
	}
	try("", s.Rel.Key, false)
	for _, u := range s.Rel.Uniques {
		try(u.Name, u.Columns, true)
	}
	for _, x := range s.Rel.Indexes {
		if x.Plain() {
			try(x.Name, x.Columns, false)
		}
	}
	return best
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
)

// bindDistinctOn resolves DISTINCT ON, as ORDER BY is resolved; keys are those of the ORDER BY of the query, which must
// begin with the same expressions.
func (s *selection) bindDistinctOn(keys []sortItem) error {
	cols := s.columns()
	for _, e := range s.sel.DistinctOn {
		at, err := outputColumn(cols, e, "DISTINCT ON")
		if err != nil {
			return err
		}
		if at < 0 {
			if at, err = s.orderKey(e); err != nil {
				return err
			}
		}
		s.on = append(s.on, at)
	}
	for i, k := range keys {
		if i < len(s.on) && len(union([]int{k.col}, s.on)) > len(s.on) {
			return sqlerr.At(k.item.X.Pos(), sqlerr.InvalidColumnReference,
				"SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
		}
	}
	return nil
}

// firstRows keeps the first row, by keys, of those that have the same DISTINCT ON.
func (b *binder) firstRows(q *boundQuery, keys []sortItem) {
	d := &plan.Distinct{In: q.node}
	for _, at := range q.on {
		d.On = append(d.On, colOf(q.node, at))
	}
	for _, k := range keys {
		first := k.item.Desc
		if k.item.NullsFirst != nil {
			first = *k.item.NullsFirst
		}
		d.By = append(d.By, plan.SortKey{X: colOf(q.node, k.col), Desc: k.item.Desc, NullsFirst: first})
	}
	q.node = d
}

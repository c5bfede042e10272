package planner

import (
	"github.com/leatdb/leat/planner/plan"
)

// among finds a list of values that conds leave to the first column of the scan's key or of one of its indexes.
func among(s *plan.Scan, conds []plan.Expr) {
	try := func(name string, columns []int, whole bool) bool {
		if len(columns) == 0 || whole && len(columns) > 1 {
			return false
		}
		for _, c := range conds {
			in, ok := c.(*plan.In)
			if !ok || in.Not || !isColumn(s, in.X, columns[0]) || !sameBytes(in.X.Type(), s.Rel.Columns[columns[0]].Type) {
				continue
			}
			for _, v := range in.List {
				if !v.Null { // which equals nothing
					s.Among = append(s.Among, v)
				}
			}
			if len(s.Among) > 0 {
				s.Index, s.By = name, columns[:1]
				return true
			}
		}
		return false
	}
	if try("", s.Rel.Key, false) {
		return
	}
	for _, u := range s.Rel.Uniques {
		if try(u.Name, u.Columns, true) {
			return
		}
	}
	for _, x := range s.Rel.Indexes {
		if try(x.Name, x.Columns, false) {
			return
		}
	}
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
)

// among finds a list of values that conds leave to the first column of the scan's key or of one of its indexes.
func among(s *plan.Scan, conds []plan.Expr) {
	try := func(name string, fields []plan.Column, is func(plan.Expr, int) bool, whole bool) bool {
		if len(fields) == 0 || whole && len(fields) > 1 {
			return false
		}
		for _, c := range conds {
			in, ok := c.(*plan.In)
			if !ok || in.Not || !is(in.X, 0) || !sameBytes(in.X.Type(), fields[0].Type) {
				continue
			}
			for _, v := range in.List {
				if !v.Null { // which equals nothing
					s.Among = append(s.Among, v)
				}
			}
			if len(s.Among) > 0 {
				s.Index, s.By = name, fields[:1]
				return true
			}
		}
		return false
	}
	columns := func(name string, at []int, whole bool) bool {
		return try(name, fieldsOf(s.Rel, at), func(e plan.Expr, i int) bool { return isColumn(s, e, at[i]) }, whole)
	}
	if columns("", s.Rel.Key, false) {
		return
	}
	for _, u := range s.Rel.Uniques {
		if columns(u.Name, u.Columns, true) {
			return
		}
	}
	for i := range s.Rel.Indexes {
		if x := indexFields(s, i, conds); x != nil && try(x.index.Name, x.fields, x.is, false) {
			return
		}
	}
}

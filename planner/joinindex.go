package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
)

// joinIndexes lets the joins of a continuous query find the rows of a table where the table has them, in place of
// keeping a copy: by the table's key, or by an index that all queries share which join the table by the same columns.
// What is within a recursive query is left alone: it is computed anew.
func (b *binder) joinIndexes(n plan.Node) plan.Node {
	if _, ok := n.(*plan.Recursive); ok {
		return n
	}
	replaceInputs(n, b.joinIndexes)
	j, ok := n.(*plan.Join)
	if !ok || j.Within != nil || len(j.LeftKeys) == 0 || j.Kind == plan.Full {
		return n
	}
	var found []*plan.JoinIndex
	if j.Kind != plan.Right {
		found = append(found, indexOf(j.Right, j.RightKeys, true))
	}
	if !j.Lookup && (j.Kind == plan.Inner || j.Kind == plan.Right) {
		found = append(found, indexOf(j.Left, j.LeftKeys, false))
	}
	// A row costs more to find by an index than by its key.
	for _, own := range []bool{true, false} {
		for _, x := range found {
			if j.Index == nil && x != nil && x.Own == own {
				j.Index = x
			}
		}
	}
	return n
}

// indexOf says how a side of a join with these keys finds its rows in the relation that they are of; nil when it
// cannot.
func indexOf(n plan.Node, keys []plan.Expr, right bool) *plan.JoinIndex {
	s, at := probedScan(n)
	computed := func(i int) bool { return i < 0 }
	if s == nil || !s.Rel.Stored() || slices.ContainsFunc(at, computed) || slices.ContainsFunc(s.Cols, computed) {
		return nil
	}
	used := map[int]bool{}
	for i, k := range at {
		if used[k] || n.Schema().Cols[i].Type != s.Rel.Columns[s.Cols[k]].Type {
			return nil
		}
		used[k] = true
	}
	x := &plan.JoinIndex{Right: right, Scan: s, At: at}
	for i, k := range keys {
		c, ok := relabelled(k).(*plan.Col)
		if !ok {
			return nil
		}
		pos := s.Cols[at[c.Index]]
		if slices.Contains(x.By, pos) || !sameBytes(k.Type(), s.Rel.Columns[pos].Type) {
			return nil
		}
		x.By, x.Keys = append(x.By, pos), append(x.Keys, i)
	}
	if x.Where = conjunction(filters(n)); x.Where != nil && !harmless(x.Where) {
		return nil
	}
	first := s.Rel.Key
	if len(first) >= len(x.By) {
		first = first[:len(x.By)]
	}
	if x.Own = sortedSame(first, x.By); !x.Own {
		if x.Where != nil { // a copy of those rows may be much less
			return nil
		}
		first = slices.Sorted(slices.Values(x.By))
	}
	order := make([]int, len(first))
	for i, pos := range first {
		order[i] = x.Keys[slices.Index(x.By, pos)]
	}
	x.By, x.Keys = slices.Clone(first), order
	return x
}

func sortedSame(a, b []int) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// filters lists the conditions that a chain of filters and projections makes, over the columns of its scan.
func filters(n plan.Node) []plan.Expr {
	switch n := n.(type) {
	case *plan.Filter:
		return append(filters(n.In), substituted(conjuncts(n.Cond, nil), n.In)...)
	case *plan.Project:
		return filters(n.In)
	}
	return nil
}

// substituted makes conditions over a chain of filters and projections conditions over its scan.
func substituted(conds []plan.Expr, n plan.Node) []plan.Expr {
	switch n := n.(type) {
	case *plan.Filter:
		return substituted(conds, n.In)
	case *plan.Project:
		return substituted(mapExprs(conds, func(e plan.Expr) plan.Expr { return substitute(e, n.Exprs) }), n.In)
	}
	return conds
}

// Harmless reports whether an expression cannot fail and is always the same for a row.
func Harmless(e plan.Expr) bool { return harmless(e) }

// harmless reports whether a condition cannot fail and is always the same for a row, so that it may be evaluated when
// the row is wanted, and not when it comes.
func harmless(e plan.Expr) bool {
	p, err := eval.Compile(e)
	return err == nil && p.Total() && !volatile(e)
}

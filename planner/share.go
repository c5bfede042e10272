package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
)

// sharer finds parts of a plan that are equal.
type sharer struct {
	seen   map[string][]plan.Node
	ids    map[plan.Node]int // those that are there more than once
	shared int
}

// share computes once what stands in a plan more than once and is more than a scan: a WITH query that is named twice, a
// subquery that repeats. What is within a recursive query is left alone.
func share(n plan.Node) plan.Node {
	if !repeats(n, map[uint32]bool{}) {
		return n
	}
	s := &sharer{seen: map[string][]plan.Node{}, ids: map[plan.Node]int{}}
	n = s.find(n)
	if s.shared == 0 {
		return n
	}
	return s.mark(n)
}

// repeats reports whether a relation is read more than once in n.
func repeats(n plan.Node, seen map[uint32]bool) bool {
	if s, ok := n.(*plan.Scan); ok {
		had := seen[s.Rel.ID]
		seen[s.Rel.ID] = true
		return had
	}
	for _, in := range n.Inputs() {
		if repeats(in, seen) {
			return true
		}
	}
	return false
}

// find replaces what is equal to something before it.
func (s *sharer) find(n plan.Node) plan.Node {
	if _, ok := n.(*plan.Recursive); ok {
		return n
	}
	if laborious(n) {
		name := describe(n)
		for _, had := range s.seen[name] {
			if !sameNode(had, n) {
				continue
			}
			if s.ids[had] == 0 {
				s.shared++
				s.ids[had] = s.shared
			}
			return &plan.SharedScan{ID: s.ids[had], Sch: *n.Schema()}
		}
		s.seen[name] = append(s.seen[name], n)
	}
	replaceInputs(n, s.find)
	return n
}

// mark puts a Shared above what SharedScans are of.
func (s *sharer) mark(n plan.Node) plan.Node {
	if _, ok := n.(*plan.Recursive); ok {
		return n
	}
	replaceInputs(n, s.mark)
	if id := s.ids[n]; id > 0 {
		return &plan.Shared{In: n, ID: id}
	}
	return n
}

// laborious reports whether there is more to do for n than to read rows, filter them and compute columns, and whether
// that can be done once for several.
func laborious(n plan.Node) bool {
	switch n.(type) {
	case *plan.Recursive, *plan.RecursiveScan, *plan.Apply:
		return false
	}
	pure := true
	eachExpr(n, func(e plan.Expr) { pure = pure && !volatile(e) })
	some := false
	switch n.(type) {
	case *plan.Aggregate, *plan.Join, *plan.Distinct, *plan.WindowAgg, *plan.GroupTop, *plan.SetOp, *plan.Sort,
		*plan.TableFunc:
		some = true
	}
	for _, in := range n.Inputs() {
		some = laborious(in) || some
	}
	return pure && some
}

// sameNode reports whether two finished plans give the same rows.
func sameNode(a, b plan.Node) bool {
	if x, ok := a.(*plan.Scan); ok {
		y, ok := b.(*plan.Scan)
		return ok && x.Rel == y.Rel && x.NullRows == y.NullRows && slices.Equal(x.Cols, y.Cols) &&
			equalAll(x.Lookup, y.Lookup) && slices.EqualFunc(x.Among, y.Among, equalValue)
	}
	if x, ok := a.(*plan.SharedScan); ok {
		y, ok := b.(*plan.SharedScan)
		return ok && x.ID == y.ID
	}
	if describe(a) != describe(b) || !slices.Equal(a.Schema().Cols, b.Schema().Cols) {
		return false
	}
	var xs, ys []plan.Expr
	eachExpr(a, func(e plan.Expr) { xs = append(xs, e) })
	eachExpr(b, func(e plan.Expr) { ys = append(ys, e) })
	return equalAll(xs, ys) && slices.EqualFunc(a.Inputs(), b.Inputs(), sameNode)
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// maxSets is how many grouping sets a query may have: PostgreSQL's limit.
const maxSets = 4096

// groupingRef stands for grouping(x, …) until the Aggregate node is built. No finished plan holds one.
type groupingRef struct {
	keys []plan.Expr // over FROM
	pos  int
}

// Type implements plan.Expr.
func (g *groupingRef) Type() types.Type { return types.Int4 }

// bindSets binds a GROUP BY that has ROLLUP, CUBE or GROUPING SETS: the sets are all combinations of one set of each
// item.
func (s *selection) bindSets() error {
	sets := [][]int{{}}
	for _, g := range s.sel.Group {
		item, err := s.groupSets(g)
		if err != nil {
			return err
		}
		if len(sets)*len(item) > maxSets {
			return sqlerr.At(g.Pos(), sqlerr.StatementTooComplex, "too many grouping sets present (maximum %d)", maxSets)
		}
		var product [][]int
		for _, l := range sets {
			for _, r := range item {
				product = append(product, union(l, r))
			}
		}
		sets = product
	}
	s.sets = sets
	return nil
}

// union is the set of what is in l or r, in order.
func union(l, r []int) []int {
	out := append([]int{}, l...)
next:
	for _, x := range r {
		for _, had := range l {
			if had == x {
				continue next
			}
		}
		out = append(out, x)
	}
	return out
}

// groupSets gives the sets of one item of GROUP BY, as positions in s.keys.
func (s *selection) groupSets(g ast.Expr) ([][]int, error) {
	set, ok := g.(*ast.GroupSet)
	if !ok {
		one, err := s.setKeys(g)
		return [][]int{one}, err
	}
	if set.Kind == "SETS" {
		var out [][]int
		for _, e := range set.Elems {
			sets, err := s.groupSets(e)
			if err != nil {
				return nil, err
			}
			out = append(out, sets...)
		}
		return out, nil
	}
	var parts [][]int
	for _, e := range set.Elems {
		part, err := s.setKeys(e)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	switch set.Kind {
	case "ROLLUP":
		out := [][]int{{}}
		for _, p := range parts {
			out = append(out, union(out[len(out)-1], p))
		}
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
		return out, nil
	case "CUBE":
		if len(parts) > 12 {
			return nil, sqlerr.At(g.Pos(), sqlerr.StatementTooComplex, "CUBE is limited to 12 elements")
		}
		var out [][]int
		for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
			one := []int{}
			for i, p := range parts {
				if mask>>(len(parts)-1-i)&1 == 1 {
					one = union(one, p)
				}
			}
			out = append(out, one)
		}
		return out, nil
	}
	return [][]int{{}}, nil
}

// setKeys binds an element of a grouping set, which may be a list in parentheses.
func (s *selection) setKeys(g ast.Expr) ([]int, error) {
	es := []ast.Expr{g}
	if row, ok := g.(*ast.Row); ok {
		es = row.Elems
	}
	out := []int{}
	for _, e := range es {
		x, err := s.oneKey(e)
		if err != nil {
			return nil, err
		}
		for i, k := range s.keys {
			if equal(k, x) {
				out = union(out, []int{i})
			}
		}
	}
	return out, nil
}

// oneKey binds a grouping expression and adds it to the keys.
func (s *selection) oneKey(e ast.Expr) (plan.Expr, error) {
	x, err := s.groupKey(e)
	if err != nil {
		return nil, err
	}
	if err := comparable(x.Type(), leftmost(e)); err != nil {
		return nil, err
	}
	s.addKey(x)
	return x, nil
}

// hasSets reports whether GROUP BY is more than a list of expressions.
func hasSets(group []ast.Expr) bool {
	for _, g := range group {
		if _, ok := g.(*ast.GroupSet); ok {
			return true
		}
	}
	return false
}

// groupingCall binds grouping(x, …).
func (b *binder) groupingCall(sc *scope, e *ast.Call) (plan.Expr, error) {
	if sc.aggs == nil {
		return nil, sqlerr.At(e.Pos(), sqlerr.GroupingError, "grouping operations are not allowed in %s", sc.clauseName())
	}
	if len(e.Args) > 31 {
		return nil, sqlerr.At(e.Pos(), sqlerr.SyntaxError, "GROUPING must have fewer than 32 arguments")
	}
	sc.aggs.grouping = true
	g := &groupingRef{pos: e.Pos()}
	for _, a := range e.Args {
		x, err := b.known(&scope{src: sc.src, clause: "GROUPING"}, a)
		if err != nil {
			return nil, err
		}
		g.keys = append(g.keys, x)
	}
	return g, nil
}

// groupingValue gives grouping(x, …) over the Aggregate: a bit for every argument, set where the set has not got it.
func (s *selection) groupingValue(g *groupingRef, agg *plan.Aggregate) plan.Expr {
	at := make([]int, len(g.keys))
	for i, x := range g.keys {
		for k, key := range s.keys {
			if equal(key, x) {
				at[i] = k
			}
		}
	}
	value := func(set []int) plan.Expr {
		bits := int64(0)
		for _, k := range at {
			bits <<= 1
			if set != nil && len(union([]int{k}, set)) > len(set) {
				bits |= 1
			}
		}
		return &plan.Const{Value: types.Value{Type: types.Int4, Int: bits}}
	}
	if agg.Sets == nil {
		return value(nil)
	}
	c := &plan.Case{Typ: types.Int4, Else: value(agg.Sets[0])}
	for i, set := range agg.Sets[1:] {
		is, err := s.b.operator("=", []plan.Expr{colOf(agg, len(agg.Sch.Cols)-1),
			&plan.Const{Value: types.Value{Type: types.Int4, Int: int64(i + 1)}}}, nil, g.pos)
		if err == nil {
			c.When = append(c.When, plan.When{Cond: is, Then: value(set)})
		}
	}
	return c
}

// groupingArgs checks that the arguments of grouping are grouped by.
func (s *selection) groupingArgs(g *groupingRef) error {
next:
	for _, x := range g.keys {
		for _, k := range s.keys[:s.given] {
			if equal(k, x) {
				continue next
			}
		}
		return sqlerr.At(g.pos, sqlerr.GroupingError,
			"arguments to GROUPING must be grouping expressions of the associated query level")
	}
	return nil
}

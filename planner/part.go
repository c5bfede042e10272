package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
)

// Part is what continuous queries may have in common: an aggregation of the rows of one relation. Queries whose parts
// have the same name compute the same there.
type Part struct {
	Name string
	// node is what the part computes: what the query has, but with its aggregates in the order of their text. cols are
	// the columns of it that those of the query's are.
	node *plan.Aggregate
	cols []int
	sch  plan.Schema // of the query's
	// put puts another node in the place of the part; nil where the query reads its rows already.
	put func(plan.Node)
}

// PartOf finds the part of a query; nil when it has none. What depends on the clock, or on how far event time has come,
// has none.
func PartOf(q *plan.Query) *Part {
	if timely(q.Root) {
		return nil
	}
	p := findPart(q.Root, func(n plan.Node) { q.Root = n })
	if p == nil {
		return nil
	}
	p.order()
	var b strings.Builder
	b.WriteString(nodeString(p.node))
	for n := plan.Node(p.node); n != nil; n = firstInput(n) {
		if s, ok := n.(*plan.Scan); ok {
			fmt.Fprintf(&b, "of %d %v %v", s.Rel.ID, s.Cols, s.NullRows)
		}
	}
	p.Name = b.String()
	return p
}

// order gives the part its aggregates in an order of their own.
func (p *Part) order() {
	n := *p.node
	text := func(i int) string {
		return describeAggregate(&plan.Aggregate{In: n.In, Aggs: n.Aggs[i : i+1]})
	}
	by := identity(len(n.Aggs))
	slices.SortStableFunc(by, func(a, b int) int { return strings.Compare(text(a), text(b)) })
	keys := len(n.Keys)
	p.sch, p.cols = n.Sch, identity(len(n.Sch.Cols))
	n.Aggs, n.Sch.Cols = make([]plan.Agg, len(by)), slices.Clone(n.Sch.Cols)
	for to, from := range by {
		n.Aggs[to], n.Sch.Cols[keys+to] = p.node.Aggs[from], p.sch.Cols[keys+from]
		p.cols[keys+from] = keys + to
	}
	p.node = &n
}

func firstInput(n plan.Node) plan.Node {
	if in := n.Inputs(); len(in) > 0 {
		return in[0]
	}
	return nil
}

func findPart(n plan.Node, put func(plan.Node)) *Part {
	switch n := n.(type) {
	case *plan.Aggregate:
		if sharable(n) {
			return &Part{node: n, put: put}
		}
	case *plan.Scan:
		if n.Part != nil {
			return &Part{node: n.Part}
		}
	}
	for _, in := range n.Inputs() {
		p := findPart(in, func(to plan.Node) {
			replaceInputs(n, func(old plan.Node) plan.Node {
				if old == in {
					return to
				}
				return old
			})
		})
		if p != nil {
			return p
		}
	}
	return nil
}

// timely reports whether something in n depends on time.
func timely(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Window, *plan.ClockFilter, *plan.Final, *plan.Recursive, *plan.Apply:
		return true
	case *plan.Join:
		if n.Within != nil {
			return true
		}
	}
	return slices.ContainsFunc(n.Inputs(), timely)
}

// sharable reports whether an aggregation groups rows of one relation, by something, and nothing of it can fail.
func sharable(n *plan.Aggregate) bool {
	if n.Global || n.Sets != nil || n.Closes != nil || len(n.Keys) == 0 {
		return false
	}
	ok := true
	check := func(n plan.Node) { eachExpr(n, func(e plan.Expr) { ok = ok && harmless(e) }) }
	check(n)
	for in := n.In; ; in = firstInput(in) {
		check(in)
		switch s := in.(type) {
		case *plan.Filter, *plan.Project:
		case *plan.Scan:
			pseudo := func(col int) bool { return col < 0 }
			return ok && s.Rel.Stored() && !slices.ContainsFunc(s.Cols, pseudo)
		default:
			return false
		}
	}
}

// Relation is the relation that the rows of the part are in, for a query that makes rel.
func (p *Part) Relation(rel *catalog.Relation, id uint32) *catalog.Relation {
	r := &catalog.Relation{ID: id, Part: id, Kind: catalog.View, Schema: rel.Schema, Name: fmt.Sprintf("part_%d", id),
		KeyFormat: "JSON", ValueFormat: "JSON", TimeColumn: -1, Query: rel.Query, Statement: rel.Statement,
		QueryID: fmt.Sprintf("PART_%d", id), Reads: rel.Reads, Uses: rel.Uses, Settings: rel.Settings, Created: rel.Created}
	for i, c := range p.node.Sch.Cols {
		r.Columns = append(r.Columns, catalog.Column{Name: fmt.Sprintf("%s_%d", c.Name, i+1), Type: c.Type})
	}
	for i := range p.node.Keys {
		r.Key = append(r.Key, i)
	}
	return r
}

// Query is the query of the part itself.
func (p *Part) Query(of *plan.Query) *plan.Query {
	return &plan.Query{Root: p.node, Emit: of.Emit, Visible: len(p.node.Sch.Cols), Reads: of.Reads, Uses: of.Uses}
}

// Replace lets the query read the part's rows from a relation.
func (p *Part) Replace(rel *catalog.Relation) {
	p.put(&plan.Scan{Rel: rel, Cols: p.cols, Sch: p.sch, Part: p.node})
}

// SharesParts reports whether a query made under a value of RulesSetting shares a part with others.
func SharesParts(value string) bool { return ruleOn(value, ruleParts) }

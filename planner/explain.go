package planner

import (
	"fmt"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
)

// Explain prints a plan as a tree: a node a line, its inputs below it and further in. What a node gives follows it in
// brackets: its columns with the key marked by a star, and "+" when rows only ever come.
func Explain(q *plan.Query) string { return ExplainWith(q, nil) }

// ExplainWith is Explain with a note behind each node; note may be nil.
func ExplainWith(q *plan.Query, note func(plan.Node) string) string {
	var b strings.Builder
	if q.Logical != "" {
		b.WriteString("Logical\n" + q.Logical)
		if len(q.Rules) > 0 {
			b.WriteString("Rules: " + strings.Join(q.Rules, ", ") + "\n")
		}
	}
	switch {
	case q.Emit != ast.EmitNone:
		b.WriteString("Push\n")
	default:
		b.WriteString("Pull\n")
	}
	explain(&b, q.Root, 1, note)
	if hidden := len(q.Root.Schema().Cols) - q.Visible; hidden > 0 && !q.Carries {
		fmt.Fprintf(&b, "Hidden columns: %d\n", hidden)
	}
	if len(q.Params) > 0 {
		ts := make([]string, len(q.Params))
		for i, t := range q.Params {
			ts[i] = fmt.Sprintf("$%d %s", i+1, t)
		}
		fmt.Fprintf(&b, "Parameters: %s\n", strings.Join(ts, ", "))
	}
	return b.String()
}

// nodeString prints a tree, with the queries within its expressions.
func nodeString(n plan.Node) string {
	var b strings.Builder
	explain(&b, n, 1, nil)
	return b.String()
}

func explain(b *strings.Builder, n plan.Node, depth int, note func(plan.Node) string) {
	b.WriteString(strings.Repeat("  ", depth))
	b.WriteString("-> ")
	b.WriteString(describe(n))
	b.WriteByte(' ')
	b.WriteString(schemaString(n.Schema()))
	if note != nil {
		b.WriteString(note(n))
	}
	b.WriteByte('\n')
	eachExpr(n, func(e plan.Expr) {
		visit(e, func(e plan.Expr) bool {
			if s, ok := e.(*plan.Subquery); ok {
				b.WriteString(strings.Repeat("  ", depth+1) + "query:\n")
				explain(b, s.Query, depth+2, note)
			}
			return true
		})
	})
	for _, in := range n.Inputs() {
		explain(b, in, depth+1, note)
	}
	if s, ok := n.(*plan.Scan); ok && s.Part != nil {
		explain(b, s.Part, depth+1, note)
	}
}

// describe says what a node does.
func describe(n plan.Node) string {
	switch n := n.(type) {
	case *plan.Scan:
		return describeScan(n)
	case *plan.Values:
		rows := make([]string, 0, len(n.Rows))
		for i, r := range n.Rows {
			if i == 3 {
				rows = append(rows, fmt.Sprintf("… %d rows", len(n.Rows)))
				break
			}
			rows = append(rows, "("+exprList(r, nil)+")")
		}
		return "Values " + strings.Join(rows, ", ")
	case *plan.Filter:
		return "Filter " + ExprString(n.Cond, n.In.Schema())
	case *plan.Project:
		shown := n.Exprs
		if last := len(shown) - 1; last >= 0 && n.Sch.Cols[last].Name == plan.EnvelopeName {
			shown = shown[:last]
		}
		return "Project " + exprList(shown, n.In.Schema())
	case *plan.Window:
		return describeWindow(n)
	case *plan.Aggregate:
		return describeAggregate(n)
	case *plan.Join:
		return describeJoin(n)
	case *plan.Distinct:
		if n.On == nil {
			return "Distinct"
		}
		return "Distinct on " + exprList(n.On, n.In.Schema()) + sortString(n.By, n.In.Schema())
	case *plan.Sort:
		return describeSort(n)
	case *plan.Union:
		return "Union"
	}
	return describeMore(n)
}

// byName names a field of the index that a scan uses: a column, or an expression.
func byName(n *plan.Scan, i int) string {
	if name := n.By[i].Name; n.Rel.ColumnIndex(name) < 0 {
		return name
	}
	return identifier(n.By[i].Name)
}

func describeScan(n *plan.Scan) string {
	if n.Part != nil {
		return fmt.Sprintf("Shared part %d", n.Rel.ID)
	}
	kind := "table"
	switch n.Rel.Kind {
	case catalog.Stream:
		kind = "stream"
	case catalog.View:
		kind = "view"
	case catalog.System:
		kind = "system table"
	case catalog.Sequence:
		kind = "sequence"
	}
	s := "Scan " + kind + " " + identifiers(n.Rel.QualifiedName())
	if len(n.Among) > 0 {
		x := &plan.In{X: &plan.Col{Typ: n.Among[0].Type}, List: n.Among}
		s += " lookup "
		if n.Index != "" {
			s += "by " + identifier(n.Index) + " "
		}
		s += ExprString(x, &plan.Schema{Cols: n.By[:1]})
	}
	if len(n.Lookup) > 0 {
		keys := make([]string, len(n.Lookup))
		for i, x := range n.Lookup {
			keys[i] = byName(n, i) + " = " + ExprString(x, nil)
		}
		s += " lookup "
		if n.Index != "" {
			s += "by " + identifier(n.Index) + " "
		}
		s += strings.Join(keys, ", ")
	}
	return s
}

func describeWindow(n *plan.Window) string {
	s := fmt.Sprintf("Window %s size %s", strings.ToLower(n.Kind), duration(n.Size))
	if n.Kind == "SESSION" {
		s = "Window session gap " + duration(n.Size)
		if len(n.By) > 0 {
			s += " by " + exprList(n.By, n.In.Schema())
		}
	} else if n.Advance != n.Size {
		s += " advance " + duration(n.Advance)
	}
	if n.Grace >= 0 {
		s += " grace " + duration(n.Grace)
	}
	if n.Retention > 0 {
		s += " retention " + duration(n.Retention)
	}
	return s + " of " + n.In.Schema().Cols[n.Time].Name
}

// duration spells milliseconds in the largest unit that divides them.
func duration(ms int64) string {
	for _, u := range []struct {
		name string
		ms   int64
	}{{"d", 86_400_000}, {"h", 3_600_000}, {"min", 60_000}, {"s", 1000}} {
		if ms != 0 && ms%u.ms == 0 {
			return fmt.Sprintf("%d %s", ms/u.ms, u.name)
		}
	}
	return fmt.Sprintf("%d ms", ms)
}

func describeAggregate(n *plan.Aggregate) string {
	in := n.In.Schema()
	s := "Aggregate"
	switch {
	case n.Global:
		s += " global"
	case n.Sets != nil:
		s += " by sets " + setsString(n)
	default:
		s += " by " + exprList(n.Keys, in)
	}
	for i, a := range n.Aggs {
		if i == 0 {
			s += ":"
		} else {
			s += ","
		}
		args := exprList(a.Args, in)
		if len(a.Args) == 0 {
			args = "*"
		}
		if a.Distinct {
			args = "DISTINCT " + args
		}
		args += sortString(a.Order, in)
		s += " " + a.Fn.Name + "(" + args + ")"
		if a.Filter != nil {
			s += " FILTER (WHERE " + ExprString(a.Filter, in) + ")"
		}
	}
	return s
}

func describeJoin(n *plan.Join) string {
	s := [...]string{"inner", "left", "right", "full", "semi", "anti"}[n.Kind]
	s = "Join " + s
	if w := n.Within; w != nil {
		s += " within " + duration(w.Before)
		if w.After != w.Before {
			s += " before and " + duration(w.After) + " after"
		}
		if w.Grace >= 0 {
			s += " grace " + duration(w.Grace)
		}
	}
	if n.Lookup {
		s = "Lookup join " + strings.TrimPrefix(s, "Join ")
	}
	if n.Probe != nil && n.Probe.Index == "" {
		s += " by key"
	} else if n.Probe != nil {
		s += " by " + identifier(n.Probe.Index)
	}
	for i := range n.LeftKeys {
		if i == 0 {
			s += " on "
		} else {
			s += ", "
		}
		equals := " = "
		if n.NullSafeAt(i) {
			equals = " IS NOT DISTINCT FROM "
		}
		s += ExprString(n.LeftKeys[i], n.Left.Schema()) + equals + ExprString(n.RightKeys[i], n.Right.Schema())
	}
	if x := n.Index; x != nil {
		s += describeIndex(x)
	}
	if n.On != nil {
		both := append(append([]plan.Column(nil), n.Left.Schema().Cols...), n.Right.Schema().Cols...)
		s += " where " + ExprString(n.On, &plan.Schema{Cols: both})
	}
	return s
}

func describeSort(n *plan.Sort) string {
	s := "Sort"
	if len(n.By) == 0 {
		s = "Limit"
	}
	s += sortString(n.By, n.In.Schema())
	if n.Limit != nil {
		s += " limit " + ExprString(n.Limit, nil)
	}
	if n.Offset != nil {
		s += " offset " + ExprString(n.Offset, nil)
	}
	if n.WithTies {
		s += " with ties"
	}
	if len(n.Per) > 0 {
		s += " per " + exprList(n.Per, n.In.Schema())
	}
	return s
}

// schemaString prints the columns of a schema: [*id bigint, name text] +.
func schemaString(s *plan.Schema) string {
	isKey := make([]bool, len(s.Cols))
	for _, k := range s.Key {
		isKey[k] = true
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, c := range s.Cols {
		if c.Name == plan.EnvelopeName {
			continue
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if isKey[i] {
			b.WriteByte('*')
		}
		b.WriteString(identifier(c.Name) + " " + c.Type.String())
	}
	b.WriteByte(']')
	if s.Key != nil && len(s.Key) == 0 {
		b.WriteString(" one row")
	}
	if s.AppendOnly {
		b.WriteString(" +")
	}
	return b.String()
}

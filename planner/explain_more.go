package planner

import (
	"fmt"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
)

// describeMore says what the nodes do that describe leaves to it.
func describeMore(n plan.Node) string {
	switch n := n.(type) {
	case *plan.Apply:
		return describeApply(n)
	case *plan.TableFunc:
		return describeTableFunc(n)
	case *plan.WindowAgg:
		fs := make([]string, len(n.Funcs))
		for i := range n.Funcs {
			fs[i] = windowFuncString(&n.Funcs[i], n.In.Schema())
		}
		return "Window functions " + strings.Join(fs, ", ")
	case *plan.GroupTop:
		return describeGroupTop(n)
	case *plan.SetOp:
		s := "Intersect"
		if n.Except {
			s = "Except"
		}
		if n.All {
			s += " all"
		}
		return s
	case *plan.Recursive:
		s := fmt.Sprintf("Recursive #%d", n.ID)
		if n.Distinct {
			s += " distinct"
		}
		return s
	case *plan.RecursiveScan:
		return fmt.Sprintf("Last round of #%d %s", n.ID, identifier(n.Name))
	case *plan.ClockFilter:
		op := map[[2]bool]string{{true, false}: " > ", {true, true}: " >= ", {false, false}: " < ", {false, true}: " <= "}
		return "Clock filter " + ExprString(n.X, n.In.Schema()) + op[[2]bool{n.Above, n.Equal}] + ExprString(n.Bound, nil)
	case *plan.Shared:
		return fmt.Sprintf("Shared #%d", n.ID)
	case *plan.SharedScan:
		return fmt.Sprintf("Rows of shared #%d", n.ID)
	case *plan.Final:
		return "Final by " + identifier(n.In.Schema().Cols[n.Closes.Key].Name) + " and " + duration(n.Closes.After)
	}
	return fmt.Sprintf("%T", n)
}

func describeGroupTop(n *plan.GroupTop) string {
	in := n.In.Schema()
	s := fmt.Sprintf("Top %d by %s", n.Limit, [...]string{"row number", "rank", "dense rank"}[n.Rank])
	if len(n.By) > 0 {
		s += " of each " + exprList(n.By, in)
	}
	s += sortString(n.Order, in)
	if n.Number {
		s += " numbered"
	}
	return s
}

func describeApply(n *plan.Apply) string {
	in := n.In.Schema()
	s := "Apply " + [...]string{"scalar", "exists", "test", "array", "rows", "left", "semi", "anti"}[n.Kind]
	if len(n.Args) > 0 {
		s += " with " + exprList(n.Args, in)
	}
	if n.Test != nil {
		test := &plan.Schema{}
		for _, x := range n.Left {
			test.Cols = append(test.Cols, colType(ExprString(x, in), x.Type()))
		}
		test.Cols = append(test.Cols, n.Query.Schema().Cols...)
		word := " any "
		if n.All {
			word = " all "
		}
		s += word + ExprString(n.Test, test)
	}
	if n.On != nil {
		s += " on " + ExprString(n.On, &n.Sch)
	}
	return s
}

func describeTableFunc(n *plan.TableFunc) string {
	calls := make([]string, len(n.Calls))
	for i, c := range n.Calls {
		calls[i] = c.Fn.Name + "(" + exprList(c.Args, n.In.Schema()) + ")"
	}
	s := "Table function " + strings.Join(calls, ", ")
	if n.Ordinality {
		s += " with ordinality"
	}
	if n.Left {
		s += " left"
	}
	if n.On != nil {
		s += " on " + ExprString(n.On, &n.Sch)
	}
	return s
}

// windowFuncString prints a call with OVER.
func windowFuncString(f *plan.WindowFunc, in *plan.Schema) string {
	args := exprList(f.Args, in)
	name := ""
	if f.Fn != nil {
		name = f.Fn.Name
	} else if name = f.Agg.Name; len(f.Args) == 0 {
		args = "*"
	}
	s := name + "(" + args + ")"
	if f.Filter != nil {
		s += " FILTER (WHERE " + ExprString(f.Filter, in) + ")"
	}
	if f.IgnoreNulls {
		s += " IGNORE NULLS"
	}
	var parts []string
	if len(f.Partition) > 0 {
		parts = append(parts, "partition by "+exprList(f.Partition, in))
	}
	if len(f.Order) > 0 {
		parts = append(parts, "order"+sortString(f.Order, in))
	}
	if fr := f.Frame; fr.Unit != "RANGE" || fr.Lo.Kind != "UNBOUNDED PRECEDING" || fr.Hi.Kind != "CURRENT ROW" ||
		fr.Exclude != fn.ExcludeNothing {
		parts = append(parts, strings.ToLower(fr.Unit)+" "+boundString(fr.Lo)+" to "+boundString(fr.Hi)+
			[...]string{"", " exclude current row", " exclude group", " exclude ties"}[fr.Exclude])
	}
	return s + " over (" + strings.Join(parts, " ") + ")"
}

func boundString(b plan.Bound) string {
	s := strings.ToLower(b.Kind)
	if b.X != nil {
		s = ExprString(b.X, nil) + " " + s
	}
	return s
}

// sortString prints the keys of an order: " by a, b DESC".
func sortString(keys []plan.SortKey, in *plan.Schema) string {
	s := ""
	for i, k := range keys {
		if i == 0 {
			s += " by "
		} else {
			s += ", "
		}
		s += ExprString(k.X, in)
		if k.Desc {
			s += " DESC"
		}
		if k.NullsFirst != k.Desc {
			s += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[k.NullsFirst]
		}
	}
	return s
}

// setsString prints grouping sets: (a, b), (a), ().
func setsString(n *plan.Aggregate) string {
	sets := make([]string, len(n.Sets))
	for i, set := range n.Sets {
		var keys []plan.Expr
		for _, k := range set {
			keys = append(keys, n.Keys[k])
		}
		sets[i] = "(" + exprList(keys, n.In.Schema()) + ")"
	}
	return strings.Join(sets, ", ")
}

// describeIndex says where a join finds the rows of a side that it does not keep.
func describeIndex(x *plan.JoinIndex) string {
	rel := x.Scan.Rel
	side := "left"
	if x.Right {
		side = "right"
	}
	s := " (" + side + " rows in " + identifiers(rel.QualifiedName()) + " by "
	if x.Own {
		s += "key "
	}
	for i, pos := range x.By {
		if i > 0 {
			s += ", "
		}
		s += identifier(rel.Columns[pos].Name)
	}
	return s + ")"
}

package planner

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
)

// A Document is a plan for programs: named values in an order, lists and further documents among them. It has the names
// that PostgreSQL's EXPLAIN has for the same.
type Document []DocumentField

// DocumentField is one value of a document: a string, a number, a bool, a list of strings or of documents, a document.
type DocumentField struct {
	Name  string
	Value any
}

// ExplainDocument describes a plan. Output lists the columns of every node; note may add what was measured of one.
func ExplainDocument(q *plan.Query, output bool, note func(plan.Node) Document) Document {
	return nodeDocument(q.Root, "", output, note)
}

// ExplainChange describes what a statement does to the rows of a relation: Insert, Update or Delete.
func ExplainChange(operation string, rel *catalog.Relation, source *plan.Query, output bool) Document {
	return Document{{"Node Type", "ModifyTable"}, {"Operation", operation}, {"Parallel Aware", false},
		{"Async Capable", false}, {"Relation Name", rel.Name}, {"Schema", rel.Schema}, {"Alias", rel.Name},
		{"Plans", []Document{nodeDocument(source.Root, "Outer", output, nil)}}}
}

func nodeDocument(n plan.Node, parent string, output bool, note func(plan.Node) Document) Document {
	d := Document{{"Node Type", nodeType(n)}}
	add := func(name string, v any) { d = append(d, DocumentField{name, v}) }
	if parent != "" {
		add("Parent Relationship", parent)
	}
	add("Parallel Aware", false)
	add("Async Capable", false)
	switch n := n.(type) {
	case *plan.Scan:
		if n.Index != "" {
			add("Index Name", n.Index)
		}
		add("Relation Name", n.Rel.Name)
		add("Schema", n.Rel.Schema)
		add("Alias", n.Rel.Name)
	case *plan.Join:
		add("Join Type", [...]string{"Inner", "Left", "Right", "Full", "Semi", "Anti"}[n.Kind])
	case *plan.Aggregate:
		strategy := "Hashed"
		if n.Global {
			strategy = "Plain"
		}
		add("Strategy", strategy)
	}
	add("Detail", describe(n))
	if note != nil {
		d = append(d, note(n)...)
	}
	if output {
		names := []string{}
		for _, c := range n.Schema().Cols {
			names = append(names, c.Name)
		}
		add("Output", names)
	}
	var plans []Document
	for i, in := range n.Inputs() {
		relationship := "Outer"
		if i > 0 {
			relationship = "Inner"
		}
		if _, isUnion := n.(*plan.Union); isUnion {
			relationship = "Member"
		}
		plans = append(plans, nodeDocument(in, relationship, output, note))
	}
	eachExpr(n, func(e plan.Expr) {
		visit(e, func(e plan.Expr) bool {
			if s, ok := e.(*plan.Subquery); ok {
				plans = append(plans, nodeDocument(s.Query, "SubPlan", output, note))
			}
			return true
		})
	})
	if plans != nil {
		add("Plans", plans)
	}
	return d
}

// nodeType is PostgreSQL's name for a node, where it has one.
func nodeType(n plan.Node) string {
	switch n := n.(type) {
	case *plan.Scan:
		if len(n.Lookup) > 0 || len(n.Among) > 0 {
			return "Index Scan"
		}
		return "Seq Scan"
	case *plan.Values:
		return "Values Scan"
	case *plan.Filter, *plan.Project:
		return "Result"
	case *plan.Join:
		if n.Probe != nil || len(n.LeftKeys) == 0 {
			return "Nested Loop"
		}
		return "Hash Join"
	case *plan.Sort:
		if len(n.By) == 0 {
			return "Limit"
		}
		return "Sort"
	case *plan.Distinct:
		return "Unique"
	case *plan.Union:
		return "Append"
	case *plan.TableFunc:
		return "Function Scan"
	case *plan.RecursiveScan:
		return "WorkTable Scan"
	case *plan.Recursive:
		return "Recursive Union"
	case *plan.SharedScan:
		return "CTE Scan"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", n), "*plan.")
}

// JSON prints the document as PostgreSQL does, indented by two spaces a level from depth on.
func (d Document) JSON(depth int) string {
	indent := strings.Repeat("  ", depth)
	lines := make([]string, len(d))
	for i, f := range d {
		lines[i] = indent + "  " + jsonText(f.Name) + ": " + jsonValue(f.Value, depth+1)
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n" + indent + "}"
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: a plan with a value that JSON has not: " + err.Error())
	}
	return string(b)
}

func jsonValue(v any, depth int) string {
	indent := strings.Repeat("  ", depth)
	switch v := v.(type) {
	case Document:
		return v.JSON(depth)
	case []Document:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = indent + "  " + item.JSON(depth+1)
		}
		return "[\n" + strings.Join(items, ",\n") + "\n" + indent + "]"
	case []string:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = jsonText(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return jsonText(v)
}

// YAML prints the document, its fields indented by depth levels.
func (d Document) YAML(depth int) string {
	indent := strings.Repeat("  ", depth)
	var b strings.Builder
	for i, f := range d {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(f.Name + ":")
		switch v := f.Value.(type) {
		case Document:
			b.WriteString("\n" + indent + "  " + v.YAML(depth+1))
		case []Document:
			for _, item := range v {
				b.WriteString("\n" + indent + "  - " + strings.TrimRight(item.YAML(depth+2), "\n"))
			}
			b.WriteString("\n")
		case []string:
			for _, item := range v {
				b.WriteString("\n" + indent + "  - " + jsonText(item))
			}
			b.WriteString("\n")
		default:
			b.WriteString(" " + jsonText(v) + "\n")
		}
	}
	return b.String()
}

// XML prints the document's elements, indented by depth levels.
func (d Document) XML(depth int) string {
	indent := strings.Repeat("  ", depth)
	var b strings.Builder
	for _, f := range d {
		name := strings.ReplaceAll(f.Name, " ", "-")
		b.WriteString(indent + "<" + name + ">")
		switch v := f.Value.(type) {
		case Document:
			b.WriteString("\n" + v.XML(depth+1) + indent)
		case []Document:
			b.WriteString("\n")
			for _, item := range v {
				b.WriteString(indent + "  <Plan>\n" + item.XML(depth+2) + indent + "  </Plan>\n")
			}
			b.WriteString(indent)
		case []string:
			b.WriteString("\n")
			for _, item := range v {
				b.WriteString(indent + "  <Item>" + escaped(item) + "</Item>\n")
			}
			b.WriteString(indent)
		default:
			b.WriteString(escaped(fmt.Sprint(v)))
		}
		b.WriteString("</" + name + ">\n")
	}
	return b.String()
}

func escaped(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic("BUG: text that cannot be written to memory")
	}
	return b.String()
}

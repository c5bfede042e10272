package planner

import "github.com/leatdb/leat/sql/ast"

// nameless is what PostgreSQL calls a column that has no better name.
const nameless = "?column?"

// columnName is the name of a select item's column when there is no alias.
func columnName(e ast.Expr) string {
	if name, _ := figureName(e); name != "" {
		return name
	}
	return nameless
}

// figureName is PostgreSQL's FigureColname: a name, and how good it is (2 for a name the user chose, 1 for one that
// says what is done).
func figureName(e ast.Expr) (string, int) {
	switch e := e.(type) {
	case *ast.ColRef:
		return e.Name[len(e.Name)-1], 2
	case *ast.Field:
		return e.Name, 2
	case *ast.Index:
		return figureName(e.X)
	case *ast.Slice:
		return figureName(e.X)
	case *ast.Collate:
		return figureName(e.X)
	case *ast.Call:
		return callName(e), 2
	case *ast.AtTimeZone:
		return "timezone", 2
	case *ast.Cast:
		if name, good := figureName(e.X); good > 1 {
			return name, good
		}
		return typeColumnName(e.Type), 1
	case *ast.Case:
		if e.Else != nil {
			if name, good := figureName(e.Else); good == 2 {
				return name, good
			}
		}
		return "case", 1
	case *ast.Array, *ast.ArrayQuery:
		return "array", 2
	case *ast.Row:
		return "row", 2
	case *ast.Map:
		return "map", 2
	case *ast.Struct:
		return "struct", 2
	case *ast.Exists:
		return "exists", 2
	case *ast.Subquery:
		if sel, ok := e.Q.Body.(*ast.Select); ok && len(sel.Items) == 1 {
			if sel.Items[0].Alias != "" {
				return sel.Items[0].Alias, 2
			}
			return figureName(sel.Items[0].X)
		}
	}
	return "", 0
}

// callName is the name of a call's column: for the SQL forms that of the function they stand for.
func callName(e *ast.Call) string {
	switch e.Form {
	case "TRIM", "TRIM BOTH":
		return "btrim"
	case "TRIM LEADING":
		return "ltrim"
	case "TRIM TRAILING":
		return "rtrim"
	}
	return e.Name[len(e.Name)-1]
}

// typeColumnName is what a column is called that is nothing but a cast to t.
func typeColumnName(t *ast.Type) string {
	for t.Elem != nil && t.Name[len(t.Name)-1] == "array" {
		t = t.Elem
	}
	got, err := (*Context)(nil).resolveType(t)
	if err == nil {
		if name, ok := internalNames[got.Kind]; ok {
			return name
		}
	}
	return t.Name[len(t.Name)-1]
}

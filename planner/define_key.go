package planner

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
)

// KeyDefinition is a key as CREATE TABLE has it.
func KeyDefinition(k catalog.Key) string {
	if k.Primary {
		return "PRIMARY KEY (" + keyColumns(k) + ")"
	}
	return "UNIQUE (" + keyColumns(k) + ")"
}

// IndexDefinition is the statement that would make the index of a key.
func IndexDefinition(k catalog.Key) string {
	unique := ""
	if k.Unique {
		unique = "UNIQUE "
	}
	return "CREATE " + unique + "INDEX " + fn.QuoteIdent(k.Name) + " ON " + fn.QuoteIdent(k.Rel.Schema) + "." +
		fn.QuoteIdent(k.Rel.Name) + " USING btree (" + keyColumns(k) + ")" + included(k) + partial(k)
}

func partial(k catalog.Key) string {
	if k.Where == "" {
		return ""
	}
	return " WHERE (" + k.Where + ")"
}

func included(k catalog.Key) string {
	if len(k.Include) == 0 {
		return ""
	}
	k.Columns, k.Orders = k.Include, nil
	return " INCLUDE (" + keyColumns(k) + ")"
}

// keyColumn is a column as the definition of its index has it: expressions that are not calls in parentheses.
func keyColumn(k catalog.Key, i int) string {
	if at := k.Columns[i]; at >= 0 {
		return fn.QuoteIdent(k.Rel.Columns[at].Name)
	}
	x := k.Exprs[i]
	if e, err := storedExpr(x.Text); err == nil {
		if _, isCall := e.(*ast.Call); isCall {
			return x.Text
		}
	}
	return "(" + x.Text + ")"
}

func keyColumns(k catalog.Key) string {
	names := make([]string, len(k.Columns))
	for i := range k.Columns {
		names[i] = keyColumn(k, i)
		if k.Orders != nil && k.Orders[i] != "" {
			names[i] += " " + k.Orders[i]
		}
	}
	return strings.Join(names, ", ")
}

// constraint is the definition of a constraint by its number.
func (o objects) constraint(id uint32) (string, bool) {
	if k, ok := o.ctx.Catalog.KeyByID(id); ok {
		return KeyDefinition(k), true
	}
	for _, r := range o.ctx.Catalog.Relations() {
		for i := range r.Foreign {
			if of, ok := o.ctx.Catalog.ByID(r.Foreign[i].Table); ok && r.ForeignID(i) == id {
				return ForeignDefinition(r, of, &r.Foreign[i]), true
			}
		}
		for i, c := range r.AllChecks() {
			if r.CheckID(i) == id {
				return "CHECK (" + c.Text + ")", true
			}
		}
	}
	return "", false
}

// index is the definition of an index, or the name of its column'th column.
func (o objects) index(id uint32, column int) (string, bool) {
	k, ok := o.ctx.Catalog.KeyByID(id)
	switch {
	case !ok:
		return "", false
	case column == 0:
		return IndexDefinition(k), true
	case column < 0 || column > len(k.Columns):
		return "", true
	}
	return keyColumn(k, column-1), true
}

package planner

import (
	"slices"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
)

// Reference is a place in a statement where it names a relation, or a column of one.
type Reference struct {
	Pos int
	// Range is the name of the range that a column is of; "" for a relation, and for a column of USING.
	Range string
	// Nameless tells that what stands there is called after it: a relation without an alias, an item of a select list
	// without one.
	Nameless bool
}

// References collects where a query names a relation or, with a Column, that column of it.
type References struct {
	Rel    uint32
	Column string
	list   []Reference
	items  []int
}

// List gives the references, each place once.
func (r *References) List() []Reference {
	for i := range r.list {
		if ref := &r.list[i]; r.Column != "" {
			ref.Nameless = slices.Contains(r.items, ref.Pos)
		}
	}
	slices.SortFunc(r.list, func(a, b Reference) int { return a.Pos - b.Pos })
	return slices.CompactFunc(r.list, func(a, b Reference) bool { return a.Pos == b.Pos })
}

func (r *References) table(rel *catalog.Relation, ref *ast.TableRef) {
	if r != nil && r.Column == "" && rel.ID == r.Rel {
		r.list = append(r.list, Reference{Pos: ref.Pos(), Nameless: ref.Alias.Name == ""})
	}
}

func (r *References) column(c *scopeColumn, pos int) {
	if r != nil && c.rel != nil && c.rel.ID == r.Rel && c.origin.Relation == r.Rel && c.name == r.Column {
		r.list = append(r.list, Reference{Pos: pos, Range: c.table})
	}
}

// item notes an item of a select list that has no name of its own.
func (r *References) item(it ast.SelectItem) {
	if e, is := it.X.(*ast.ColRef); r != nil && is && it.Alias == "" {
		r.items = append(r.items, e.Pos())
	}
}

package planner

import (
	"slices"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// unreferred checks that no foreign key needs that columns of the relation are unique. With cascade those that do go.
func (p *AlterPlan) unreferred(ctx *Context, columns []int, what, on string, cascade bool) error {
	r := p.Rel
	for _, child := range ctx.Catalog.Referring(r.ID) {
		for i := range child.Foreign {
			f := &child.Foreign[i]
			if f.Table != r.ID || !sameNames(r, columns, f.Refs) {
				continue
			}
			if !cascade {
				return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it", what).
					WithDetail("constraint %s on table %s depends on %s", f.Name, child.Name, on).
					WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
			}
			p.Notices = append(p.Notices, "drop cascades to constraint "+f.Name+" on table "+child.Name)
			p.loosened(child, f.Name)
		}
	}
	return nil
}

// sameNames reports whether columns are those that a foreign key refers to.
func sameNames(r *catalog.Relation, columns []int, names []string) bool {
	return len(columns) == len(names) && !slices.ContainsFunc(columns, func(pos int) bool {
		return !slices.Contains(names, r.Columns[pos].Name)
	})
}

// other gives another relation as it is to be with this one.
func (p *AlterPlan) other(r *catalog.Relation) *catalog.Relation {
	if r.ID == p.Rel.ID {
		return p.Rel
	}
	for _, o := range p.Others {
		if o.ID == r.ID {
			return o
		}
	}
	now := *r
	now.Foreign = slices.Clone(r.Foreign)
	p.Others = append(p.Others, &now)
	return &now
}

// loosened takes a foreign key from a relation.
func (p *AlterPlan) loosened(r *catalog.Relation, name string) {
	now := p.other(r)
	now.Foreign = slices.DeleteFunc(now.Foreign, func(f catalog.Foreign) bool { return f.Name == name })
}

// renameReferred lets foreign keys follow the name of a column that they refer to.
func (p *AlterPlan) renameReferred(ctx *Context, from, to string) {
	for _, child := range ctx.Catalog.Referring(p.Rel.ID) {
		now := p.other(child)
		for i := range now.Foreign {
			f := &now.Foreign[i]
			if at := slices.Index(f.Refs, from); f.Table == p.Rel.ID && at >= 0 {
				f.Refs = slices.Clone(f.Refs)
				f.Refs[at] = to
			}
		}
	}
}

// dropReferring takes the foreign keys away that column i is of, and refuses to drop one that others refer to.
func (p *AlterPlan) dropReferring(ctx *Context, i int, a *ast.AlterAction) error {
	r := p.Rel
	for _, child := range ctx.Catalog.Referring(r.ID) {
		for k := range child.Foreign {
			f := &child.Foreign[k]
			if f.Table != r.ID || !slices.Contains(f.Refs, r.Columns[i].Name) ||
				child.ID == r.ID && slices.Contains(f.Columns, i) {
				continue
			}
			what := "column " + r.Columns[i].Name + " of table " + r.Name
			if err := p.unreferred(ctx, r.ColumnIndexes(f.Refs), what, what, a.Cascade); err != nil {
				return err
			}
		}
	}
	r.Foreign = slices.DeleteFunc(r.Foreign, func(f catalog.Foreign) bool { return slices.Contains(f.Columns, i) })
	return nil
}

// validate plans that the rows which are there are checked against a foreign key that was added without.
func (p *AlterPlan) validate(a *ast.AlterAction) error {
	for i := range p.Rel.Foreign {
		if f := &p.Rel.Foreign[i]; f.Name == a.To {
			if f.NotValid {
				f.NotValid = false
				p.Validate = append(p.Validate, f.Name)
			}
			return nil
		}
	}
	if constraintNamed(p.Rel, a.To) {
		return nil
	}
	return sqlerr.At(a.Pos(), sqlerr.UndefinedObject, "constraint \"%s\" of relation \"%s\" does not exist", a.To,
		p.Rel.Name)
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// checkGenerated checks the expressions of the generated columns among defs, when rel has all its columns.
func (ctx *Context) checkGenerated(rel *catalog.Relation, defs []ast.ColumnDef) error {
	for i := range defs {
		d := &defs[i]
		if !d.Generated || d.Like != nil {
			continue
		}
		if rel.Ksql {
			return refuse(d.Pos(), "a generated column of a relation over a topic").
				WithHint("Producers write to the topic as they like; a table without kafka_topic can have generated columns.")
		}
		if err := ctx.checkExpression(rel, d); err != nil {
			return err
		}
	}
	return nil
}

// checkExpression checks the expression of one generated column.
func (ctx *Context) checkExpression(rel *catalog.Relation, d *ast.ColumnDef) error {
	b := newBinder(ctx, modePull)
	x, err := b.bind(&scope{src: rowSource(rel), clause: "GENERATED"}, d.Default)
	if err != nil {
		return err
	}
	pos := d.Default.Pos()
	if err := plainExpr(x, pos, "column generation expression"); err != nil {
		return err
	}
	visit(x, func(e plan.Expr) bool {
		switch e := e.(type) {
		case *plan.Col:
			if of := rel.Columns[e.Index]; of.Generated != "" {
				err = sqlerr.At(pos, sqlerr.InvalidObjectDefinition,
					"cannot use generated column \"%s\" in column generation expression", of.Name).
					WithDetail("A generated column cannot reference another generated column.")
			}
		case *plan.Call:
			if e.Fn.Volatile || e.Fn.Stable {
				err = sqlerr.At(pos, sqlerr.InvalidObjectDefinition, "generation expression is not immutable")
			}
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	in := &inserter{b: b, rel: rel}
	_, err = in.assign(x, rel.ColumnIndex(d.Name), pos)
	return err
}

// generated binds the expressions of the generated columns of a relation, in the order of the columns.
func (b *binder) generated(rel *catalog.Relation) ([]plan.Expr, error) {
	var out []plan.Expr
	for _, c := range rel.Columns {
		if c.Generated == "" {
			continue
		}
		x, err := b.kept(&scope{src: rowSource(rel), clause: "GENERATED"}, c.Generated)
		if err != nil {
			return nil, err
		}
		if x, err = b.coerce(x, c.Type, fn.Assignment, 0); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// generatedOnly is the error of a value for a generated column.
func generatedOnly(pos int, format, name string) error {
	return sqlerr.At(pos, sqlerr.GeneratedAlways, format, name).WithDetail("Column \"%s\" is a generated column.", name)
}

// computed reports whether a generated column is computed from column i.
func (p *AlterPlan) computed(i int) (of string, is bool) {
	for k, c := range p.Rel.Columns {
		if k != i && c.Generated != "" && namesColumn(p.Rel, c.Generated, i) {
			return c.Name, true
		}
	}
	return "", false
}

// dropExpression makes a generated column an ordinary one, which keeps its values.
func (p *AlterPlan) dropExpression(c *catalog.Column, a *ast.AlterAction) error {
	switch {
	case c.Generated == "" && a.Unless:
		p.Notices = append(p.Notices, "column \""+c.Name+"\" of relation \""+p.Rel.Name+
			"\" is not a stored generated column, skipping")
	case c.Generated == "":
		return sqlerr.At(a.Pos(), sqlerr.ObjectNotInPrerequisite,
			"column \"%s\" of relation \"%s\" is not a stored generated column", c.Name, p.Rel.Name)
	}
	c.Generated = ""
	return nil
}

// generate plans what new generated columns hold in the rows that are there.
func (p *AlterPlan) generate(ctx *Context) error {
	b := newBinder(ctx, modePull)
	exprs, err := b.generated(p.Rel)
	if err != nil || len(exprs) == 0 {
		return err
	}
	p.Generate = make([]plan.Expr, len(p.Rel.Columns))
	next := 0
	for i, c := range p.Rel.Columns {
		if c.Generated == "" {
			continue
		}
		if p.From[i] < 0 {
			p.Generate[i] = exprs[next]
		}
		next++
	}
	return nil
}

// copied leaves generated columns out of those that COPY is about, and refuses those that are named.
func copied(rel *catalog.Relation, cols []int, named []ast.Name) ([]int, error) {
	var out []int
	for i, pos := range cols {
		switch {
		case rel.Columns[pos].Generated == "":
			out = append(out, pos)
		case len(named) > 0:
			return nil, sqlerr.At(named[i].Pos(), sqlerr.InvalidColumnReference, "column \"%s\" is a generated column",
				rel.Columns[pos].Name).WithDetail("Generated columns cannot be used in COPY.")
		}
	}
	return out, nil
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// sequence gives a sequence of the relation as it is to be, to be changed further.
func (p *AlterPlan) sequence(q *catalog.Relation) *catalog.Relation {
	for _, s := range p.Sequences {
		if s.ID == q.ID {
			return s
		}
	}
	now, n := *q, *q.Numbers
	now.Numbers = &n
	p.Sequences = append(p.Sequences, &now)
	return &now
}

// draws reports whether an expression draws numbers.
func draws(x plan.Expr) bool {
	return x != nil && !visit(x, func(e plan.Expr) bool {
		c, ok := e.(*plan.Call)
		return !ok || c.Fn.Name != "nextval" && c.Fn.Name != "setval"
	})
}

// drawnBy is the sequence that the default of a column draws from, one that is made with the relation too.
func (ctx *Context) drawnBy(r *catalog.Relation, c *catalog.Column) *catalog.Relation {
	for _, q := range append(r.Own[:len(r.Own):len(r.Own)], ctx.Catalog.Relations()...) {
		if q.Kind == catalog.Sequence && c.Draws(q) && wholeNumber(c.Type) {
			return q
		}
	}
	return nil
}

func wholeNumber(t types.Type) bool {
	return t.Kind == types.KindInt2 || t.Kind == types.KindInt4 || t.Kind == types.KindInt8
}

// identity makes a column an identity column, changes how it counts, or makes it an ordinary one.
func (p *AlterPlan) identity(ctx *Context, c *catalog.Column, a *ast.AlterAction) error {
	r := p.Rel
	wrong := func(format string) error {
		return sqlerr.At(a.Pos(), sqlerr.ObjectNotInPrerequisite, format, c.Name, r.Name)
	}
	if a.Do == "ADD IDENTITY" {
		switch {
		case !c.NotNull:
			return wrong("column \"%s\" of relation \"%s\" must be declared NOT NULL before identity can be added")
		case c.Identity != "":
			return wrong("column \"%s\" of relation \"%s\" is already an identity column")
		case c.Default != "":
			return wrong("column \"%s\" of relation \"%s\" already has a default value")
		case !wholeNumber(c.Type):
			return sqlerr.At(a.Pos(), sqlerr.InvalidParameterValue, "identity column type must be smallint, integer, or bigint")
		}
		c.Identity = a.Def.Identity
		return ctx.identity(r, a.Def, c, c.Type)
	}
	q, owns := ctx.Catalog.SequenceOf(r.ID, c.Name)
	switch {
	case c.Identity == "" && a.Unless:
		p.Notices = append(p.Notices, "column \""+c.Name+"\" of relation \""+r.Name+"\" is not an identity column, skipping")
		return nil
	case c.Identity == "":
		return wrong("column \"%s\" of relation \"%s\" is not an identity column")
	case !owns:
		return sqlerr.At(a.Pos(), sqlerr.ObjectNotInPrerequisite, "no owned sequence found")
	case a.Do == "DROP IDENTITY":
		c.Identity, c.Default = "", ""
		p.Unowned = append(p.Unowned, q)
		return nil
	}
	if a.Def.Identity != "" {
		c.Identity = a.Def.Identity
	}
	now := p.sequence(q)
	altered, restart, err := AlterSequence(ctx, now, a.Def.Numbers)
	if err != nil {
		return err
	}
	*now = *altered
	if restart != nil {
		if p.Restart == nil {
			p.Restart = map[uint32]int64{}
		}
		p.Restart[now.ID] = *restart
	}
	return nil
}

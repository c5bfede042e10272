package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// constrain adds a constraint, which the rows that are there must fulfil.
func (p *AlterPlan) constrain(ctx *Context, a *ast.AlterAction) error {
	r := p.Rel
	switch {
	case r.Kind != catalog.Table || r.Ksql:
		return refuse(a.Pos(), "a constraint of a relation over a topic").
			WithHint("Producers write to the topic as they like; a table without kafka_topic can have constraints.")
	case a.New.PrimaryKey != nil:
		return p.primary(a)
	}
	for _, u := range a.New.Uniques {
		if err := addUnique(r, u); err != nil {
			return err
		}
		r.Layout++ // its index is made with the rows
	}
	for _, f := range a.New.Foreign {
		if err := ctx.addForeign(r, f); err != nil {
			return err
		}
		if added := &r.Foreign[len(r.Foreign)-1]; !added.NotValid {
			p.Validate = append(p.Validate, added.Name)
		}
	}
	for _, c := range a.New.Checks {
		if err := ctx.addCheck(r, c); err != nil {
			return err
		}
		x, err := newBinder(ctx, modePull).condition(&scope{src: rowSource(r), clause: "CHECK"}, c.X, "CHECK")
		if err != nil {
			return err
		}
		if p.Conditions == nil {
			p.Conditions = map[string]plan.Expr{}
		}
		p.Conditions[r.Checks[len(r.Checks)-1].Name] = x
	}
	return nil
}

// primary gives a table that was made without one a primary key.
func (p *AlterPlan) primary(a *ast.AlterAction) error {
	r := p.Rel
	if len(r.Key) > 0 || slices.ContainsFunc(r.Uniques, func(u catalog.Unique) bool { return u.Primary }) {
		return sqlerr.At(a.Pos(), sqlerr.InvalidTableDefinition,
			"multiple primary keys for table \"%s\" are not allowed", r.Name)
	}
	name := a.New.KeyName
	if name == "" {
		name = freeName(r, r.Name+"_pkey")
	}
	if err := addUnique(r, ast.Unique{P: a.P, Name: name, Columns: a.New.PrimaryKey}); err != nil {
		return err
	}
	key := &r.Uniques[len(r.Uniques)-1]
	key.Primary = true
	for _, i := range key.Columns {
		r.Columns[i].NotNull = true
		p.Required = append(p.Required, i)
	}
	r.Layout++
	return nil
}

// loosen takes a constraint away.
func (p *AlterPlan) loosen(ctx *Context, a *ast.AlterAction) error {
	r := p.Rel
	if len(r.Key) > 0 && r.KeyName == a.To {
		return refuse(a.Pos(), "DROP CONSTRAINT of the primary key that a table was made with").
			WithHint("Its records have the key in them.")
	}
	checks, uniques := len(r.Checks), len(r.Uniques)
	r.Checks = slices.DeleteFunc(r.Checks, func(c catalog.Check) bool { return c.Name == a.To })
	for _, u := range r.Uniques {
		if u.Name == a.To {
			err := p.unreferred(ctx, u.Columns, "constraint "+u.Name+" on table "+r.Name, "index "+u.Name, a.Cascade)
			if err != nil {
				return err
			}
		}
	}
	r.Uniques = slices.DeleteFunc(r.Uniques, func(u catalog.Unique) bool { return u.Name == a.To })
	foreign := len(r.Foreign)
	r.Foreign = slices.DeleteFunc(r.Foreign, func(f catalog.Foreign) bool { return f.Name == a.To })
	switch {
	case len(r.Foreign) < foreign:
	case len(r.Uniques) < uniques:
		r.Layout++
	case len(r.Checks) == checks && a.Unless:
		p.Notices = append(p.Notices, "constraint \""+a.To+"\" of relation \""+r.Name+"\" does not exist, skipping")
	case len(r.Checks) == checks:
		return sqlerr.At(a.Pos(), sqlerr.UndefinedObject, "constraint \"%s\" of relation \"%s\" does not exist", a.To, r.Name)
	}
	return nil
}

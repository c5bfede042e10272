package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// A domain is a type of CREATE DOMAIN: another one whose values have to fulfil conditions. Values have the other type
// everywhere; what makes one a domain's, a cast or a column that it is stored in, checks it.

// domainValue is what a condition of a domain calls the value.
const domainValue = "value"

// CreateDomain gives the catalog's entry for CREATE DOMAIN.
func CreateDomain(ctx *Context, st *ast.CreateDomain) (*catalog.Relation, error) {
	name := st.Name.Last()
	schema := schemaOfName(ctx, st.Name)
	_, system := typeNames[name]
	if _, taken := ctx.Catalog.Relation(schema, name); taken || system {
		return nil, sqlerr.New(sqlerr.DuplicateObject, "type \"%s\" already exists", name)
	}
	t, parent, err := ctx.domainType(st.Def.Type)
	if err != nil {
		return nil, err
	}
	if kind := t.Kind; kind == types.KindUnknown || kind == types.KindVoid {
		return nil, sqlerr.At(st.Def.Type.Pos(), sqlerr.DatatypeMismatch, "\"%s\" is not a valid base type for a domain", t)
	}
	rel := &catalog.Relation{Schema: schema, Name: name, Kind: catalog.Type, TimeColumn: -1,
		Columns: []catalog.Column{{Name: name, Type: t}}, Domain: &catalog.Domain{NotNull: st.Def.NotNull}}
	if parent != nil {
		rel.Columns[0].Domain = parent.ID
		rel.Uses = []uint32{parent.ID}
	}
	switch d := st.Def; {
	case d.PrimaryKey:
		return nil, sqlerr.New(sqlerr.SyntaxError, "primary key constraints not possible for domains")
	case len(st.New.Uniques) > 0:
		return nil, sqlerr.New(sqlerr.SyntaxError, "unique constraints not possible for domains")
	case len(st.New.Foreign) > 0:
		return nil, sqlerr.New(sqlerr.SyntaxError, "foreign key constraints not possible for domains")
	case d.Generated || d.Identity != "" || d.Key || d.Headers || d.Header != "":
		return nil, sqlerr.At(d.Pos(), sqlerr.SyntaxError, "a domain has no keys, headers or generated values")
	case d.Default == nil && parent != nil:
		rel.Domain.Default = parent.Domain.Default
	case d.Default != nil:
		if rel.Domain.Default, err = ctx.defaultOf(name, t, d.Default, d.DefaultText); err != nil {
			return nil, err
		}
	}
	for _, c := range st.New.Checks {
		if err := ctx.addDomainCheck(rel, c); err != nil {
			return nil, err
		}
	}
	return rel, nil
}

// addDomainCheck adds a condition of VALUE to a domain.
func (ctx *Context) addDomainCheck(rel *catalog.Relation, c *ast.Check) error {
	b := newBinder(ctx, modePull)
	x, err := b.aboutValue(rel.Columns[0].Type, func() (plan.Expr, error) {
		return b.condition(&scope{clause: "CHECK"}, c.X, "CHECK")
	})
	if err != nil {
		return err
	}
	if err := plainExpr(x.Body, c.X.Pos(), "CHECK"); err != nil {
		return err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(rel.Domain.Checks, func(k catalog.Check) bool { return k.Name == name })
	}
	name := c.Name
	if name == "" {
		name = rel.Name + "_check"
		for n := 1; has(name); n++ {
			name = fmt.Sprintf("%s_check%d", rel.Name, n)
		}
	}
	if has(name) {
		return sqlerr.New(sqlerr.DuplicateObject, "constraint \"%s\" for domain \"%s\" already exists", name, rel.Name)
	}
	rel.Domain.Checks = append(rel.Domain.Checks, catalog.Check{Name: name, Text: c.Text})
	return nil
}

// aboutValue binds a condition of a value of type t as a lambda.
func (b *binder) aboutValue(t types.Type, bind func() (plan.Expr, error)) (*plan.Lambda, error) {
	defer b.elsewhere(strings.Join(b.ctx.path(), ", "))()
	first := len(b.vars)
	b.vars = append(b.vars, &plan.Var{N: first, Typ: t, Name: domainValue})
	body, err := bind()
	return &plan.Lambda{First: first, Params: []types.Type{t}, Names: []string{domainValue}, Body: body}, err
}

// toDomain brings a value, which has the base type, into a domain.
func (b *binder) toDomain(x plan.Expr, d *catalog.Relation) (plan.Expr, error) {
	return b.inDomain(x, d, d.Name)
}

// inDomain makes the checks of a domain of which another one, that errors name, may be a domain.
func (b *binder) inDomain(x plan.Expr, d *catalog.Relation, name string) (plan.Expr, error) {
	if parent, ok := b.ctx.Catalog.ByID(d.Columns[0].Domain); ok {
		var err error
		if x, err = b.inDomain(x, parent, name); err != nil {
			return nil, err
		}
	}
	base := d.Columns[0].Type
	var names []string
	args := []plan.Expr{x}
	for _, k := range catalog.ByName(d.Domain.Checks) {
		c := d.Domain.Checks[k]
		l, err := b.aboutValue(base, func() (plan.Expr, error) {
			cond, err := b.kept(&scope{clause: "CHECK"}, c.Text)
			if err != nil {
				return nil, err
			}
			return b.coerce(cond, types.Bool, fn.Implicit, 0)
		})
		if err != nil {
			return nil, err
		}
		names, args = append(names, c.Name), append(args, l)
	}
	if len(names) == 0 && !d.Domain.NotNull {
		return x, nil
	}
	return &plan.Call{Fn: fn.Domain(d.Schema, name, base, d.Domain.NotNull, names), Args: args, Typ: base, Pos: -1}, nil
}

// domains gives for each column that has one the values as its domain has them, which fails where that has them not.
func (b *binder) domains(rel *catalog.Relation) ([]plan.Expr, error) {
	var out []plan.Expr
	for i, c := range rel.Columns {
		d, ok := b.ctx.Catalog.ByID(c.Domain)
		if c.Domain == 0 || !ok {
			continue
		}
		x, err := b.toDomain(&plan.Col{Index: i, Typ: c.Type, Name: c.Name}, d)
		if err != nil {
			return nil, err
		}
		if _, free := x.(*plan.Col); !free {
			out = append(out, x)
		}
	}
	return out, nil
}

// defaultText is the text of the default that a column has, or that its domain has for it.
func (ctx *Context) defaultText(c *catalog.Column) string {
	if d, ok := ctx.Catalog.ByID(c.Domain); ok && c.Default == "" && d.Domain != nil {
		return d.Domain.Default
	}
	return c.Default
}

// filled checks the value that a new column of a domain has in the rows that are there.
func (ctx *Context) filled(c *catalog.Column, fill plan.Expr) error {
	d, ok := ctx.Catalog.ByID(c.Domain)
	if !ok || d.Domain == nil {
		return nil
	}
	if fill == nil {
		fill = &plan.Const{Value: types.NullOf(c.Type)}
	}
	b := newBinder(ctx, modePull)
	x, err := b.toDomain(fill, d)
	if err == nil {
		_, err = b.evaluate(x, -1)
	}
	return err
}

// domainType is resolveType where a domain may be named, which it gives too.
func (c *Context) domainType(t *ast.Type) (types.Type, *catalog.Relation, error) {
	if r, ok := c.namedType(t); ok && r.Domain != nil {
		return r.Columns[0].Type, r, nil
	}
	got, err := c.resolveType(t)
	return got, nil, err
}

// AlterDomain gives a domain as ALTER DOMAIN makes it.
func AlterDomain(ctx *Context, now *catalog.Relation, a *ast.AlterAction) (*catalog.Relation, error) {
	r := *now
	d := *now.Domain
	d.Checks = slices.Clone(d.Checks)
	r.Domain = &d
	var err error
	switch a.Do {
	case "SET DEFAULT":
		d.Default, err = ctx.defaultOf(r.Name, r.Columns[0].Type, a.Def.Default, a.Def.DefaultText)
	case "DROP DEFAULT":
		d.Default = ""
	case "SET NOT NULL":
		d.NotNull = true
	case "DROP NOT NULL":
		d.NotNull = false
	case "ADD CONSTRAINT":
		if len(a.New.Checks) != 1 {
			return nil, sqlerr.At(a.Pos(), sqlerr.SyntaxError, "a domain has CHECK constraints only")
		}
		err = ctx.addDomainCheck(&r, a.New.Checks[0])
	case "DROP CONSTRAINT":
		had := len(d.Checks)
		d.Checks = slices.DeleteFunc(d.Checks, func(k catalog.Check) bool { return k.Name == a.To })
		if len(d.Checks) == had && !a.Unless {
			err = sqlerr.New(sqlerr.UndefinedObject, "constraint \"%s\" of domain \"%s\" does not exist", a.To, r.Name)
		}
	case "RENAME":
		r.Name = a.To
		r.Columns = slices.Clone(r.Columns)
		r.Columns[0].Name = a.To
	default:
		err = refuse(a.Pos(), "%s of ALTER DOMAIN", a.Do)
	}
	return &r, err
}

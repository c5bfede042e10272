package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// AlterPlan is a planned ALTER TABLE or ALTER STREAM.
type AlterPlan struct {
	Rel *catalog.Relation // as it is to be
	// From gives for each of its columns the position before, -1 for one that is new; Fill what a new one holds in the
	// rows that are there.
	From []int
	Fill []plan.Expr
	// Others are tables whose foreign keys change with the relation, Validate the names of those of its own that the rows
	// which are there must fulfil.
	Others   []*catalog.Relation
	Validate []string
	// Generate gives for a new generated column what it is computed from, over the other columns of Rel.
	Generate []plan.Expr
	// Draw gives for a new column the sequence that numbers it in the rows that are there.
	Draw []*catalog.Relation
	// Sequences are those that change with the relation, as they are to be, and Unowned those that go. Restart are the
	// numbers that sequences go on with.
	Sequences, Unowned []*catalog.Relation
	Restart            map[uint32]int64
	// Conditions are the CHECK constraints that the rows that are there must fulfil, by name.
	Conditions map[string]plan.Expr
	// Required are the columns that may not be NULL in the rows that are there.
	Required []int
	// Renamed and Dropped say that something that queries may name has gone. RenamedColumn is the column whose name is
	// another, as it was and as it is, where that is all that is done.
	Renamed, Dropped bool
	RenamedColumn    [2]string
	OnlyRenames      bool
	// Cascade tells that what needs the columns that go goes too; DroppedColumn names the last of them.
	Cascade       bool
	DroppedColumn string
	Gone          []string // filled when it is done
	Notices       []string
}

// Alter plans ALTER of rel.
func Alter(ctx *Context, rel *catalog.Relation, st *ast.Alter) (*AlterPlan, error) {
	r := *rel
	r.Columns, r.Uniques, r.Checks = slices.Clone(r.Columns), slices.Clone(r.Uniques), slices.Clone(r.Checks)
	r.Key, r.Foreign = slices.Clone(r.Key), slices.Clone(r.Foreign)
	p := &AlterPlan{Rel: &r, OnlyRenames: len(st.Actions) == 1}
	for i := range r.Columns {
		p.From, p.Fill, p.Draw = append(p.From, i), append(p.Fill, nil), append(p.Draw, nil)
	}
	for _, a := range st.Actions {
		if err := p.action(ctx, a); err != nil {
			return nil, err
		}
	}
	if err := p.generate(ctx); err != nil {
		return nil, err
	}
	if !slices.Equal(p.From, identity(len(rel.Columns))) {
		if r.ValueFormat != "JSON" {
			return nil, refuse(st.Pos(), "ALTER of the columns of a relation with the format %s", r.ValueFormat)
		}
		r.Layout++
	}
	return p, nil
}

func (p *AlterPlan) action(ctx *Context, a *ast.AlterAction) error {
	r := p.Rel
	i := r.ColumnIndex(a.Column)
	switch {
	case a.Do == "OWNER":
		return refuse(a.Pos(), "OWNER TO beside other actions")
	case a.Do == "SET ON ERROR":
		return refuse(a.Pos(), "SET ON ERROR beside other actions")
	case a.Do == "RENAME":
		r.Name, p.Renamed = a.To, true
		return nil
	case a.Do == "ADD COLUMN":
		return p.add(ctx, a)
	case a.Do == "ADD CONSTRAINT":
		return p.constrain(ctx, a)
	case a.Do == "DROP CONSTRAINT":
		return p.loosen(ctx, a)
	case a.Do == "VALIDATE CONSTRAINT":
		return p.validate(a)
	case i < 0 && a.Unless:
		p.Notices = append(p.Notices, "column \""+a.Column+"\" of relation \""+r.Name+"\" does not exist, skipping")
		return nil
	case i < 0:
		return undefinedTarget(r, ast.Name{P: a.P, Parts: []string{a.Column}})
	}
	c := &r.Columns[i]
	switch a.Do {
	case "DROP COLUMN":
		if q, ok := ctx.Catalog.SequenceOf(r.ID, c.Name); ok {
			p.Unowned = append(p.Unowned, q)
		}
		if err := p.dropReferring(ctx, i, a); err != nil {
			return err
		}
		return p.drop(i, a)
	case "RENAME COLUMN":
		return p.rename(ctx, i, a)
	case "SET DEFAULT", "DROP DEFAULT":
		return ctx.alterDefault(r, c, a)
	case "DROP EXPRESSION":
		return p.dropExpression(c, a)
	case "ADD IDENTITY", "SET IDENTITY", "DROP IDENTITY":
		return p.identity(ctx, c, a)
	case "SET NOT NULL":
		c.NotNull = true
		p.Required = append(p.Required, i)
	case "DROP NOT NULL":
		if r.IsKey(i) && r.Kind == catalog.Table {
			return sqlerr.At(a.Pos(), sqlerr.InvalidTableDefinition, "column \"%s\" is in a primary key", c.Name)
		}
		c.NotNull = false
	case "TYPE":
		return ctx.sameType(c, a)
	}
	return nil
}

// rename gives column i another name.
func (p *AlterPlan) rename(ctx *Context, i int, a *ast.AlterAction) error {
	r := p.Rel
	c := &r.Columns[i]
	if r.ColumnIndex(a.To) >= 0 {
		return sqlerr.At(a.Pos(), sqlerr.DuplicateColumn, "column \"%s\" of relation \"%s\" already exists", a.To, r.Name)
	}
	if slices.ContainsFunc(r.Checks, func(k catalog.Check) bool { return namesColumn(r, k.Text, i) }) {
		return refuse(a.Pos(), "RENAME of a column that a CHECK constraint names")
	}
	if slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool { return namesIndexed(r, &x, i) }) {
		return refuse(a.Pos(), "RENAME of a column that an expression of an index names").WithHint("DROP the index first.")
	}
	if of, is := p.computed(i); is {
		return refuse(a.Pos(), "RENAME of a column that generated column %s is computed from", of)
	}
	if c.Field == "" {
		c.Field = c.Name
	}
	if q, ok := ctx.Catalog.SequenceOf(r.ID, c.Name); ok {
		p.sequence(q).Numbers.Column = a.To
	}
	p.renameReferred(ctx, c.Name, a.To)
	p.RenamedColumn = [2]string{c.Name, a.To}
	c.Name, p.Renamed = a.To, true
	return nil
}

// alterDefault gives a column another default, or none.
func (ctx *Context) alterDefault(r *catalog.Relation, c *catalog.Column, a *ast.AlterAction) (err error) {
	if c.Identity != "" || c.Generated != "" {
		what := "an identity"
		if c.Generated != "" {
			what = "a generated"
		}
		return sqlerr.At(a.Pos(), sqlerr.SyntaxError, "column \"%s\" of relation \"%s\" is %s column", c.Name, r.Name, what)
	}
	if c.Default = ""; a.Do == "SET DEFAULT" {
		c.Default, err = ctx.defaultOf(c.Name, c.Type, a.Def.Default, a.Def.DefaultText)
	}
	return err
}

// add adds a column.
func (p *AlterPlan) add(ctx *Context, a *ast.AlterAction) error {
	r, d := p.Rel, a.Def
	if r.ColumnIndex(d.Name) >= 0 {
		if a.Unless {
			p.Notices = append(p.Notices, "column \""+d.Name+"\" of relation \""+r.Name+"\" already exists, skipping")
			return nil
		}
		return sqlerr.At(d.Pos(), sqlerr.DuplicateColumn, "column \"%s\" of relation \"%s\" already exists", d.Name, r.Name)
	}
	if d.PrimaryKey || d.Key || len(a.New.Uniques) > 0 {
		return refuse(d.Pos(), "ADD COLUMN of a key")
	}
	if err := ctx.addColumn(r, d); err != nil {
		return err
	}
	if err := ctx.checkGenerated(r, []ast.ColumnDef{*d}); err != nil {
		return err
	}
	c := &r.Columns[len(r.Columns)-1]
	for slices.ContainsFunc(r.Columns[:len(r.Columns)-1], func(o catalog.Column) bool { return o.Field == c.Name }) {
		c.Field += c.Name + "_" // the name in records of a column that was renamed
		break
	}
	var fill plan.Expr
	draw := ctx.drawnBy(r, c)
	if ctx.defaultText(c) != "" && draw == nil {
		in := &inserter{b: newBinder(ctx, modePull), rel: r}
		var err error
		if fill, err = in.standard(len(r.Columns) - 1); err != nil {
			return err
		}
		if draws(fill) {
			return refuse(d.Pos(), "ADD COLUMN with a DEFAULT that computes with the numbers of a sequence")
		}
	}
	if err := ctx.filled(c, fill); err != nil {
		return err
	}
	p.From, p.Fill, p.Draw = append(p.From, -1), append(p.Fill, fill), append(p.Draw, draw)
	if c.NotNull {
		p.Required = append(p.Required, len(r.Columns)-1)
	}
	for _, f := range a.New.Foreign {
		if err := ctx.addForeign(r, f); err != nil {
			return err
		}
		if added := &r.Foreign[len(r.Foreign)-1]; !added.NotValid && (fill != nil || draw != nil) {
			p.Validate = append(p.Validate, added.Name)
		}
	}
	for _, k := range a.New.Checks {
		if fill != nil || draw != nil {
			return refuse(k.Pos(), "ADD COLUMN with DEFAULT and CHECK")
		}
		if err := ctx.addCheck(r, k); err != nil {
			return err
		}
	}
	return nil
}

// drop takes column i away, with the constraints that are about it.
func (p *AlterPlan) drop(i int, a *ast.AlterAction) error {
	r := p.Rel
	switch {
	case r.Kind != catalog.Table:
		return refuse(a.Pos(), "DROP COLUMN of a stream")
	case r.IsKey(i):
		return refuse(a.Pos(), "DROP COLUMN of a column of the primary key")
	case r.TimeColumn == i:
		return refuse(a.Pos(), "DROP COLUMN of the column of the event time")
	case len(r.Columns) == len(r.Key)+1:
		return refuse(a.Pos(), "DROP COLUMN of the last column")
	}
	if of, is := p.computed(i); is {
		return sqlerr.At(a.Pos(), sqlerr.DependentObjectsStillExist,
			"cannot drop column %s of table %s because other objects depend on it", r.Columns[i].Name, r.Name).
			WithDetail("column %s of table %s depends on column %s of table %s", of, r.Name, r.Columns[i].Name, r.Name).
			WithHint("DROP the generated column first.")
	}
	r.Checks = slices.DeleteFunc(r.Checks, func(k catalog.Check) bool { return namesColumn(r, k.Text, i) })
	r.Uniques = slices.DeleteFunc(r.Uniques, func(u catalog.Unique) bool { return slices.Contains(u.Columns, i) })
	after := func(positions []int) []int {
		out := slices.Clone(positions)
		for k := range out {
			if out[k] > i {
				out[k]--
			}
		}
		return out
	}
	for k := range r.Uniques {
		r.Uniques[k].Columns = after(r.Uniques[k].Columns)
	}
	for k := range r.Foreign {
		r.Foreign[k].Columns, r.Foreign[k].Clear = after(r.Foreign[k].Columns), after(r.Foreign[k].Clear)
	}
	r.Indexes = slices.DeleteFunc(slices.Clone(r.Indexes), func(x catalog.Index) bool {
		return slices.Contains(x.Columns, i) || slices.Contains(x.Include, i) || namesIndexed(r, &x, i)
	})
	for k := range r.Indexes {
		r.Indexes[k].Columns, r.Indexes[k].Include = after(r.Indexes[k].Columns), after(r.Indexes[k].Include)
	}
	r.Key, p.Required = after(r.Key), after(slices.DeleteFunc(p.Required, func(k int) bool { return k == i }))
	if r.TimeColumn > i {
		r.TimeColumn--
	}
	r.Columns, p.From = slices.Delete(r.Columns, i, i+1), slices.Delete(p.From, i, i+1)
	p.Fill, p.Draw = slices.Delete(p.Fill, i, i+1), slices.Delete(p.Draw, i, i+1)
	p.Dropped, p.Cascade, p.DroppedColumn = true, p.Cascade || a.Cascade, a.Column
	return nil
}

// namesColumn reports whether the text of a CHECK constraint is about column i.
func namesColumn(r *catalog.Relation, text string, i int) bool {
	b := newBinder(&Context{Catalog: catalog.New(0, nil)}, modePull)
	x, err := b.kept(&scope{src: rowSource(r), clause: "CHECK"}, text)
	if err != nil {
		return true
	}
	return !visit(x, func(e plan.Expr) bool {
		c, ok := e.(*plan.Col)
		return !ok || c.Index != i
	})
}

// SameColumns reports whether the query that a relation was made by gives the same columns still.
func SameColumns(ctx *Context, rel *catalog.Relation, create *ast.Create) error {
	_, now, err := CreateAs(ctx, create)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(now.Columns, rel.Columns, func(a, b catalog.Column) bool {
		return a.Name == b.Name && a.Type == b.Type
	})
	if !same {
		return sqlerr.New(sqlerr.FeatureNotSupported, "the columns of %s %s would change", strings.ToLower(string(rel.Kind)),
			rel.Name).WithHint("It selects *: DROP it first, and name its columns.")
	}
	return nil
}

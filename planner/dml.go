package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// ChangePlan is a planned UPDATE or DELETE. The columns of Source are what a row is known by (plan.RowID), those of
// the row, for an UPDATE as they are to be, and those of the other relations that RETURNING may name.
type ChangePlan struct {
	Rel       *catalog.Relation
	Source    *plan.Query
	Checks    []plan.Expr
	Returning *Returning
}

// Returning is what RETURNING asks for: expressions over the columns of the row and those behind it.
type Returning struct {
	Cols  []catalog.Column
	Exprs []plan.Expr
}

// Conflict is ON CONFLICT. Set and Where are over the columns of the row that is there and, behind them, of the row
// that was to be inserted.
type Conflict struct {
	constraint int // -1 for the primary key, else the number of a UNIQUE constraint
	any        bool
	Set        []plan.Expr // the whole row; nil for DO NOTHING
	Where      plan.Expr
}

// Covers reports whether the clause is about a constraint: -1 for the primary key, else the number of a UNIQUE one.
func (c *Conflict) Covers(constraint int) bool { return c.any || c.constraint == constraint }

// Bind returns the plan with its parameters replaced by values.
func (p *InsertPlan) Bind(args []types.Value) *InsertPlan {
	if len(args) == 0 {
		return p
	}
	out := *p
	out.Source, out.Returning = BindParams(p.Source, args), p.Returning.bind(args)
	if c := p.Conflict; c != nil {
		bound := *c
		bound.Set, bound.Where = bindAll(c.Set, args), bindOne(c.Where, args)
		out.Conflict = &bound
	}
	return &out
}

// Bind returns the plan with its parameters replaced by values.
func (p *ChangePlan) Bind(args []types.Value) *ChangePlan {
	if len(args) == 0 {
		return p
	}
	out := *p
	out.Source, out.Returning = BindParams(p.Source, args), p.Returning.bind(args)
	return &out
}

func (r *Returning) bind(args []types.Value) *Returning {
	if r == nil {
		return nil
	}
	return &Returning{r.Cols, bindAll(r.Exprs, args)}
}

func bindAll(es []plan.Expr, args []types.Value) []plan.Expr {
	var out []plan.Expr
	for _, e := range es {
		out = append(out, bindOne(e, args))
	}
	return out
}

func bindOne(e plan.Expr, args []types.Value) plan.Expr {
	if e == nil {
		return nil
	}
	return eval.BindParams(e, args)
}

// change binds an UPDATE or DELETE.
type change struct {
	b    *binder
	rel  *catalog.Relation
	src  *source // the target and, joined to it, the others
	id   plan.Expr
	cond plan.Expr
}

// Update plans UPDATE.
func Update(ctx *Context, st *ast.Update) (*ChangePlan, error) {
	b := newBinder(ctx, modePull)
	if err := b.withOf(st.With); err != nil {
		return nil, err
	}
	c, err := b.change("update", st.Table, st.Alias, st.From, st.Where)
	if err != nil {
		return nil, err
	}
	b.need(c.rel, catalog.MayUpdate)
	if st.Where != nil || st.Returning != nil || slices.ContainsFunc(st.Sets, looks) {
		b.need(c.rel, catalog.MaySelect)
	}
	row := make([]plan.Expr, len(c.rel.Columns))
	for i := range row {
		row[i] = colOf(c.src.node, i)
	}
	if err := c.assignments(st.Sets, row, &scope{src: c.src, clause: "UPDATE"}); err != nil {
		return nil, err
	}
	return c.finish(row, st.Returning)
}

// looks reports whether an assignment may look at columns: whether it is more than a constant.
func looks(a ast.Assign) bool {
	switch a.X.(type) {
	case *ast.Lit, *ast.Param, *ast.Default:
		return false
	}
	return true
}

// Delete plans DELETE.
func Delete(ctx *Context, st *ast.Delete) (*ChangePlan, error) {
	b := newBinder(ctx, modePull)
	if err := b.withOf(st.With); err != nil {
		return nil, err
	}
	c, err := b.change("delete from", st.Table, st.Alias, st.Using, st.Where)
	if err != nil {
		return nil, err
	}
	b.need(c.rel, catalog.MayDelete)
	if st.Where != nil || st.Returning != nil {
		b.need(c.rel, catalog.MaySelect)
	}
	row := make([]plan.Expr, len(c.rel.Columns))
	for i := range row {
		row[i] = colOf(c.src.node, i)
	}
	return c.finish(row, st.Returning)
}

// change finds the rows that a statement is about.
func (b *binder) change(verb string, table ast.Name, alias string, others []ast.From, where ast.Expr) (*change, error) {
	rel, err := b.written(verb, table)
	if err != nil {
		return nil, err
	}
	if rel.Kind != catalog.Table {
		return nil, sqlerr.At(table.Pos(), sqlerr.WrongObjectType, "cannot %s stream \"%s\"", verb, rel.Name).
			WithHint("A stream only grows; the rows of a table can be changed.")
	}
	b.note(rel)
	c := &change{b: b, rel: rel, src: scan(rel)}
	s := c.src.node.(*plan.Scan)
	s.Cols = append(s.Cols, plan.RowID)
	s.Sch.Cols = append(s.Sch.Cols, colType("rowid", types.Bytea))
	c.id = colOf(s, len(s.Cols)-1)
	if c.src, err = renamed(c.src, ast.Alias{P: table.P, Name: alias}, table.Pos()); err != nil {
		return nil, err
	}
	if len(others) > 0 {
		from, err := b.from(others)
		if err != nil {
			return nil, err
		}
		if err := distinctNames(c.src, from, others[0].Pos()); err != nil {
			return nil, err
		}
		c.src = b.joined(plan.Inner, c.src, from)
	}
	if where != nil {
		cond, err := b.condition(&scope{src: c.src, clause: "WHERE"}, where, "WHERE")
		if err != nil {
			return nil, err
		}
		c.src.node = &plan.Filter{In: c.src.node, Cond: cond}
	}
	return c, nil
}

// assignments puts what SET says into row.
func (c *change) assignments(sets []ast.Assign, row []plan.Expr, sc *scope) error {
	in := &inserter{b: c.b, rel: c.rel}
	seen := map[int]bool{}
	for _, a := range sets {
		values, err := assignedValues(&a)
		if err != nil {
			return err
		}
		for k, name := range a.Columns {
			i := c.rel.ColumnIndex(name)
			if i < 0 {
				return undefinedTarget(c.rel, ast.Name{P: a.P, Parts: []string{name}})
			}
			if seen[i] {
				return sqlerr.At(a.Pos(), sqlerr.SyntaxError, "multiple assignments to same column \"%s\"", name)
			}
			seen[i] = true
			x, err := c.assigned(in, sc, i, values[k])
			if err != nil {
				return err
			}
			row[i] = x
		}
	}
	return nil
}

// assignedValues gives the expression of each column of an assignment. A query of several columns is asked for each.
func assignedValues(a *ast.Assign) ([]ast.Expr, error) {
	if len(a.Columns) == 1 {
		return []ast.Expr{a.X}, nil
	}
	switch x := a.X.(type) {
	case *ast.Row:
		if len(x.Elems) != len(a.Columns) {
			return nil, sqlerr.At(x.Pos(), sqlerr.SyntaxError, "number of columns does not match number of values")
		}
		return x.Elems, nil
	case *ast.Subquery:
		var names []string
		for i := range a.Columns {
			names = append(names, ordinalName("value", i+1))
		}
		var out []ast.Expr
		for _, name := range names {
			sel := &ast.Select{P: x.P, Items: []ast.SelectItem{{X: &ast.ColRef{P: x.P, Name: []string{name}}}},
				From: []ast.From{&ast.SubqueryRef{P: x.P, Q: x.Q, Alias: ast.Alias{P: x.P, Name: "assigned", Cols: names}}}}
			out = append(out, &ast.Subquery{P: x.P, Q: &ast.Query{P: x.P, Body: sel}})
		}
		return out, nil
	}
	return nil, sqlerr.At(a.X.Pos(), sqlerr.FeatureNotSupported,
		"source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression")
}

func (c *change) assigned(in *inserter, sc *scope, i int, e ast.Expr) (plan.Expr, error) {
	if _, ok := e.(*ast.Default); ok {
		return in.standard(i)
	}
	if c.rel.Columns[i].Generated != "" {
		return nil, generatedOnly(e.Pos(), "column \"%s\" can only be updated to DEFAULT", c.rel.Columns[i].Name)
	}
	if c.rel.Columns[i].Identity == "ALWAYS" {
		return nil, sqlerr.At(e.Pos(), sqlerr.GeneratedAlways, "column \"%s\" can only be updated to DEFAULT",
			c.rel.Columns[i].Name).
			WithDetail("Column \"%s\" is an identity column defined as GENERATED ALWAYS.", c.rel.Columns[i].Name)
	}
	x, err := c.b.bind(sc, e)
	if err != nil {
		return nil, err
	}
	return in.assign(x, i, leftmost(e))
}

// finish completes the plan; row gives the columns of the target.
func (c *change) finish(row []plan.Expr, returning []ast.SelectItem) (*ChangePlan, error) {
	p := &plan.Project{In: c.src.node, Exprs: append([]plan.Expr{c.id}, row...)}
	p.Sch.Cols = append(p.Sch.Cols, colType("rowid", types.Bytea))
	for _, col := range c.rel.Columns {
		p.Sch.Cols = append(p.Sch.Cols, colType(col.Name, col.Type))
	}
	out := &ChangePlan{Rel: c.rel}
	var err error
	if len(returning) > 0 {
		// What RETURNING may name: the row as it is then, and the rest of what was selected from.
		seen := *c.src
		seen.cols = append([]scopeColumn(nil), c.src.cols...)
		target := len(c.rel.Columns)
		for i := range seen.cols {
			sc := &seen.cols[i]
			col, isCol := sc.expr.(*plan.Col)
			if isCol && col.Index < target {
				sc.expr = &plan.Col{Index: col.Index, Typ: col.Typ, Name: col.Name}
				continue
			}
			sc.expr = &plan.Col{Index: len(p.Exprs) - 1, Typ: sc.expr.Type(), Name: sc.name}
			p.Exprs = append(p.Exprs, c.src.cols[i].expr)
			p.Sch.Cols = append(p.Sch.Cols, colType(sc.name, sc.expr.Type()))
		}
		if out.Returning, err = c.b.returning(&seen, returning); err != nil {
			return nil, err
		}
	}
	if out.Checks, err = c.b.checks(c.rel); err != nil {
		return nil, err
	}
	if err := c.b.unusedWith(0); err != nil {
		return nil, err
	}
	out.Source, err = c.b.finish(&boundQuery{node: p, cols: p.Sch.Cols}, ast.EmitNone)
	return out, err
}

// returning binds RETURNING over a source whose expressions are over the rows that come back.
func (b *binder) returning(src *source, items []ast.SelectItem) (*Returning, error) {
	s := &selection{b: b, sel: &ast.Select{P: ast.P(items[0].X.Pos()), Items: items}, src: src,
		sc: &scope{src: src, clause: "RETURNING"}}
	if err := s.bindItems(); err != nil {
		return nil, err
	}
	out := &Returning{}
	for _, it := range s.items {
		if err := plainExpr(it.x, it.pos, "RETURNING"); err != nil {
			return nil, err
		}
		x := it.x
		if x.Type() == types.Unknown {
			var err error
			if x, err = b.coerce(x, types.Text, fn.Implicit, it.pos); err != nil {
				return nil, err
			}
		}
		out.Exprs = append(out.Exprs, x)
		out.Cols = append(out.Cols, catalog.Column{Name: it.name, Type: x.Type()})
	}
	return out, nil
}

// plainExpr refuses what cannot be computed of one row alone.
func plainExpr(x plan.Expr, pos int, clause string) error {
	what := ""
	visit(x, func(e plan.Expr) bool {
		switch e.(type) {
		case *plan.Subquery:
			what = "a subquery"
		case *winRef:
			what = "a window function"
		case *srfRef:
			what = "a set-returning function"
		}
		return what == ""
	})
	if what == "" {
		return nil
	}
	return refuse(pos, "%s in %s", what, clause)
}

// conflict binds ON CONFLICT of an INSERT.
func (b *binder) conflict(rel *catalog.Relation, st *ast.Insert) (*Conflict, error) {
	c := st.Conflict
	if rel.Kind != catalog.Table {
		return nil, sqlerr.At(c.Pos(), sqlerr.WrongObjectType, "ON CONFLICT is not possible for %s \"%s\"",
			strings.ToLower(string(rel.Kind)), rel.Name).WithHint("Only tables have keys.")
	}
	out := &Conflict{}
	if err := out.infer(rel, c); err != nil || c.Update == nil {
		return out, err
	}
	src := &source{}
	name := st.Alias
	if name == "" {
		name = rel.Name
	}
	for k, table := range []string{name, "excluded"} {
		for i, col := range rel.Columns {
			src.cols = append(src.cols, scopeColumn{table: table, name: col.Name, rel: rel,
				expr: &plan.Col{Index: k*len(rel.Columns) + i, Typ: col.Type, Name: col.Name}})
		}
	}
	for i := range rel.Columns {
		out.Set = append(out.Set, src.cols[i].expr)
	}
	sc := &scope{src: src, clause: "ON CONFLICT DO UPDATE"}
	ch := &change{b: b, rel: rel, src: src}
	if err := ch.assignments(c.Update, out.Set, sc); err != nil {
		return nil, err
	}
	for i := range out.Set {
		if err := plainExpr(out.Set[i], c.Pos(), "ON CONFLICT"); err != nil {
			return nil, err
		}
	}
	if c.Where != nil {
		var err error
		if out.Where, err = b.condition(sc, c.Where, "WHERE"); err != nil {
			return nil, err
		}
		return out, plainExpr(out.Where, c.Pos(), "ON CONFLICT")
	}
	return out, nil
}

// infer finds the constraint that a conflict target means.
func (c *Conflict) infer(rel *catalog.Relation, clause *ast.Conflict) error {
	if clause.Constraint != "" {
		return c.named(rel, clause)
	}
	if len(clause.Target) == 0 {
		if clause.Update != nil {
			return sqlerr.At(clause.Pos(), sqlerr.SyntaxError,
				"ON CONFLICT DO UPDATE requires inference specification or constraint name").
				WithHint("For example, ON CONFLICT (column_name).")
		}
		c.any = true
		return nil
	}
	want := map[int]bool{}
	for _, name := range clause.Target {
		i := rel.ColumnIndex(name)
		if i < 0 {
			return sqlerr.At(clause.Pos(), sqlerr.UndefinedColumn, "column \"%s\" does not exist", name)
		}
		want[i] = true
	}
	same := func(cols []int) bool {
		for _, i := range cols {
			if !want[i] {
				return false
			}
		}
		return len(cols) == len(want)
	}
	if len(rel.Key) > 0 && same(rel.Key) {
		c.constraint = -1
		return nil
	}
	for n, u := range rel.Uniques {
		if same(u.Columns) {
			c.constraint = n
			return nil
		}
	}
	return sqlerr.At(clause.Pos(), sqlerr.InvalidColumnReference,
		"there is no unique or exclusion constraint matching the ON CONFLICT specification")
}

// named finds the constraint that a conflict target names.
func (c *Conflict) named(rel *catalog.Relation, clause *ast.Conflict) error {
	if len(rel.Key) > 0 && clause.Constraint == rel.PrimaryKey() {
		c.constraint = -1
		return nil
	}
	for n, u := range rel.Uniques {
		if clause.Constraint == u.Name {
			c.constraint = n
			return nil
		}
	}
	return sqlerr.At(clause.Pos(), sqlerr.UndefinedObject, "constraint \"%s\" for table \"%s\" does not exist",
		clause.Constraint, rel.Name)
}

// checks binds the CHECK constraints of a relation over its columns, behind them what its generated columns are
// computed from, and behind that the columns as their domains have them.
func (b *binder) checks(rel *catalog.Relation) ([]plan.Expr, error) {
	sc := &scope{src: rowSource(rel), clause: "CHECK"}
	var out []plan.Expr
	for _, c := range rel.Checks {
		x, err := b.kept(sc, c.Text)
		if err != nil {
			return nil, err
		}
		if x, err = b.coerce(x, types.Bool, fn.Implicit, 0); err != nil {
			return nil, sqlerr.New(sqlerr.From(err).Code, "constraint \"%s\": %s", c.Name, sqlerr.From(err).Message)
		}
		out = append(out, x)
	}
	generated, err := b.generated(rel)
	if err != nil {
		return nil, err
	}
	domains, err := b.domains(rel)
	return append(append(out, generated...), domains...), err
}

// rowSource is a source of one relation's columns.
func rowSource(rel *catalog.Relation) *source {
	src := &source{}
	for i, col := range rel.Columns {
		src.cols = append(src.cols, scopeColumn{table: rel.Name, schema: rel.Schema, name: col.Name, rel: rel,
			expr: &plan.Col{Index: i, Typ: col.Type, Name: col.Name}})
	}
	return src
}

// kept binds the text of an expression that the catalog keeps. Errors have no place in the user's text.
func (b *binder) kept(sc *scope, text string) (plan.Expr, error) {
	e, err := storedExpr(text)
	if err != nil {
		return nil, err
	}
	x, err := b.bind(sc, e)
	if err != nil {
		e := *sqlerr.From(err)
		e.Offset = -1
		return nil, &e
	}
	return x, nil
}

func storedExpr(text string) (ast.Expr, error) {
	q, err := parse.Query("SELECT " + text)
	if err == nil {
		if sel, ok := q.Body.(*ast.Select); ok && len(sel.Items) == 1 {
			return sel.Items[0].X, nil
		}
	}
	return nil, sqlerr.New(sqlerr.DataCorrupted, "an expression of the catalog cannot be read: %s", text)
}

// Checks gives the CHECK constraints of a relation as conditions over its columns, and behind them the expressions of
// its generated columns.
func Checks(ctx *Context, rel *catalog.Relation) ([]plan.Expr, error) {
	return newBinder(ctx, modePull).checks(rel)
}

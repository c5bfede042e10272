package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// LockPlan is a planned SELECT … FOR UPDATE, FOR SHARE and their kin. Rows gives the rows in their order without LIMIT
// and OFFSET, which come after the locking, and behind what was selected what each locked row is known by (plan.RowID).
type LockPlan struct {
	Rows *plan.Query
	// Bounds gives one row: LIMIT and OFFSET, either of which may be NULL; nil where there is neither.
	Bounds  *plan.Query
	Targets []LockTarget
}

// LockTarget is a table whose rows are locked. Shared locks stand beside others that are shared.
type LockTarget struct {
	Rel          *catalog.Relation
	Shared       bool
	NoWait, Skip bool
}

// locker collects the tables whose rows a query locks.
type locker struct {
	ctx      *Context
	q        *ast.Query
	names    map[*ast.TableRef]string // what the column is called that a row is known by
	refs     []*ast.TableRef
	plan     *LockPlan
	nullable map[*ast.TableRef]bool
}

// Locking plans a query with FOR UPDATE and its kin.
func Locking(ctx *Context, q *ast.Query) (*LockPlan, error) {
	sel, err := lockable(q)
	if err != nil {
		return nil, err
	}
	l := &locker{ctx: ctx, q: q, names: map[*ast.TableRef]string{}, plan: &LockPlan{}, nullable: map[*ast.TableRef]bool{}}
	var tables []*ast.TableRef
	for _, item := range sel.From {
		tables = l.collect(tables, item, false)
	}
	for _, clause := range q.Locking {
		if err := l.clause(clause, tables, sel); err != nil {
			return nil, err
		}
	}
	return l.finish(sel)
}

// lockable gives the SELECT whose rows are locked, and refuses what has no rows of tables.
func lockable(q *ast.Query) (*ast.Select, error) {
	what := q.Locking[0].Strength
	not := func(clause string) error {
		return sqlerr.New(sqlerr.FeatureNotSupported, "%s is not allowed with %s", what, clause)
	}
	sel, ok := q.Body.(*ast.Select)
	if !ok {
		if _, values := q.Body.(*ast.Values); values {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "%s cannot be applied to VALUES", what)
		}
		return nil, not("UNION/INTERSECT/EXCEPT")
	}
	switch {
	case sel.Distinct || sel.DistinctOn != nil:
		return nil, not("DISTINCT clause")
	case len(sel.Group) > 0:
		return nil, not("GROUP BY clause")
	case sel.Having != nil:
		return nil, not("HAVING clause")
	case q.Emit != ast.EmitNone || q.Follow != nil || sel.Window != nil || len(sel.PartitionBy) > 0 || q.WithTies:
		return nil, refuse(q.Pos(), "%s of a query of this kind", what)
	}
	return sel, nil
}

// collect lists the tables of an item of FROM. Those on the side of an outer join that may be without a row are noted.
func (l *locker) collect(tables []*ast.TableRef, item ast.From, nullable bool) []*ast.TableRef {
	switch item := item.(type) {
	case *ast.TableRef:
		l.nullable[item] = nullable
		return append(tables, item)
	case *ast.Join:
		tables = l.collect(tables, item.L, nullable || item.Kind == "RIGHT" || item.Kind == "FULL")
		return l.collect(tables, item.R, nullable || item.Kind == "LEFT" || item.Kind == "FULL")
	}
	return tables
}

func refName(ref *ast.TableRef) string {
	if ref.Alias.Name != "" {
		return ref.Alias.Name
	}
	return ref.Name[len(ref.Name)-1]
}

// clause adds what one FOR … locks: the tables behind OF, or all.
func (l *locker) clause(c ast.Locking, tables []*ast.TableRef, sel *ast.Select) error {
	for _, name := range c.Of {
		if len(name.Parts) > 1 {
			return sqlerr.At(name.Pos(), sqlerr.SyntaxError, "%s must specify unqualified relation names", c.Strength)
		}
		at := slices.IndexFunc(tables, func(r *ast.TableRef) bool { return refName(r) == name.Last() })
		if at < 0 {
			return sqlerr.At(name.Pos(), sqlerr.UndefinedTable, "relation \"%s\" in %s clause not found in FROM clause",
				name.Last(), c.Strength)
		}
		if l.isWith(tables[at]) {
			return sqlerr.At(name.Pos(), sqlerr.FeatureNotSupported, "%s cannot be applied to a WITH query", c.Strength)
		}
		if err := l.add(c, tables[at], name.Pos()); err != nil {
			return err
		}
	}
	if len(c.Of) > 0 {
		return nil
	}
	for _, item := range sel.From {
		if sub := subqueryIn(item); sub != nil {
			return refuse(sub.Pos(), "%s of a subquery", c.Strength).WithHint("Name the tables with OF.")
		}
	}
	for _, ref := range tables {
		if l.isWith(ref) {
			continue
		}
		if err := l.add(c, ref, ref.Pos()); err != nil {
			return err
		}
	}
	return nil
}

func subqueryIn(item ast.From) ast.From {
	switch item := item.(type) {
	case *ast.SubqueryRef:
		return item
	case *ast.Join:
		if sub := subqueryIn(item.L); sub != nil {
			return sub
		}
		return subqueryIn(item.R)
	}
	return nil
}

func (l *locker) isWith(ref *ast.TableRef) bool {
	return len(ref.Name) == 1 && slices.ContainsFunc(l.q.With, func(c ast.CTE) bool { return c.Name == ref.Name[0] })
}

// add locks the rows of a table, by the strongest of the clauses that are about it.
func (l *locker) add(c ast.Locking, ref *ast.TableRef, pos int) error {
	rel, err := newBinder(l.ctx, modePull).relation(ref.Name, ref.Pos())
	switch {
	case err != nil:
		return err
	case l.nullable[ref]:
		return sqlerr.New(sqlerr.FeatureNotSupported,
			"%s cannot be applied to the nullable side of an outer join", c.Strength)
	case rel.Kind == catalog.PlainView:
		return refuse(pos, "%s of a view", c.Strength)
	case rel.Kind == catalog.View:
		return sqlerr.New(sqlerr.WrongObjectType, "cannot lock rows in materialized view \"%s\"", rel.Name)
	case rel.Computed(): // nobody changes its rows
		return nil
	case rel.Kind != catalog.Table:
		return sqlerr.New(sqlerr.WrongObjectType, "cannot lock rows in %s \"%s\"", strings.ToLower(string(rel.Kind)),
			rel.Name)
	}
	shared := c.Strength == "FOR SHARE" || c.Strength == "FOR KEY SHARE"
	if at := slices.Index(l.refs, ref); at >= 0 {
		t := &l.plan.Targets[at]
		t.Shared, t.NoWait, t.Skip = t.Shared && shared, t.NoWait || c.NoWait, t.Skip || c.Skip
		return nil
	}
	l.names[ref] = ordinalName("rowid ", len(l.refs))
	l.refs = append(l.refs, ref)
	l.plan.Targets = append(l.plan.Targets, LockTarget{rel, shared, c.NoWait, c.Skip && !c.NoWait})
	newBinder(l.ctx, modePull).need(rel, catalog.MayUpdate)
	return nil
}

// finish plans the query with the columns that the locked rows are known by.
func (l *locker) finish(sel *ast.Select) (*LockPlan, error) {
	rows, items := *l.q, *sel
	items.Items = slices.Clone(sel.Items)
	for _, ref := range l.refs {
		id := &ast.ColRef{P: ref.P, Name: []string{refName(ref), l.names[ref]}}
		items.Items = append(items.Items, ast.SelectItem{X: id})
	}
	rows.Body, rows.Locking, rows.Limit, rows.Offset = &items, nil, nil, nil
	ctx := *l.ctx
	ctx.rowIDs = l.names
	var err error
	if l.plan.Rows, err = Query(&ctx, &rows); err != nil {
		if sqlerr.From(err).Code == sqlerr.GroupingError && len(l.refs) > 0 {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "%s is not allowed with aggregate functions",
				l.q.Locking[0].Strength)
		}
		return nil, err
	}
	if l.q.Limit == nil && l.q.Offset == nil {
		return l.plan, nil
	}
	typed := *l.ctx
	typed.Params = l.plan.Rows.Params
	count := func(x ast.Expr) ast.SelectItem {
		if x == nil {
			x = &ast.Lit{P: l.q.P, Kind: ast.LitNull, Text: "NULL"}
		}
		at := ast.P(x.Pos())
		return ast.SelectItem{X: &ast.Cast{P: at, X: x, Type: &ast.Type{P: at, Name: []string{"int8"}}}}
	}
	l.plan.Bounds, err = Query(&typed, &ast.Query{P: l.q.P,
		Body: &ast.Select{P: l.q.P, Items: []ast.SelectItem{count(l.q.Limit), count(l.q.Offset)}}})
	if err == nil {
		l.plan.Rows.Params = l.plan.Bounds.Params
	}
	return l.plan, err
}

// withRowID adds to the source of a table what its rows are known by, where a query locks them.
func (b *binder) withRowID(src *source, rel *catalog.Relation, ref *ast.TableRef) {
	name, ok := b.ctx.rowIDs[ref]
	if !ok {
		return
	}
	s := src.node.(*plan.Scan)
	s.Cols = append(s.Cols, plan.RowID)
	s.Sch.Cols = append(s.Sch.Cols, colType(name, types.Bytea))
	src.cols = append(src.cols, scopeColumn{table: rel.Name, schema: rel.Schema, name: name, rel: rel, hidden: true,
		expr: colOf(s, len(s.Cols)-1)})
}

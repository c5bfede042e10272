package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// MergePlan is a planned MERGE. The columns of Source are what the row of the table is known by (plan.RowID), which is
// NULL for one that is to be inserted, the number of the action, and the columns of the row as it is to be.
type MergePlan struct {
	Rel    *catalog.Relation
	Source *plan.Query
	Checks []plan.Expr
}

// The actions of a MergePlan.
const (
	MergeUpdate = iota
	MergeDelete
	MergeInsert
)

// Bind returns the plan with its parameters replaced by values.
func (p *MergePlan) Bind(args []types.Value) *MergePlan {
	if len(args) == 0 {
		return p
	}
	out := *p
	out.Source = BindParams(p.Source, args)
	return &out
}

// merger binds a MERGE: the rows of the source are joined with those of the table, and the first clause that applies to
// what comes of it says what is done.
type merger struct {
	*change
	name   string  // what the table is called
	join   *source // both sides
	source *source
	// both and unmatched are what the clauses may name.
	both, unmatched *scope
	clauses         []mergeClause
}

// mergeClause is one WHEN: what it is of, what is done, and what the row is then.
type mergeClause struct {
	cond   plan.Expr
	action int // -1 for nothing
	row    []plan.Expr
}

// Merge plans MERGE.
func Merge(ctx *Context, st *ast.Merge) (*MergePlan, error) {
	b := newBinder(ctx, modePull)
	if err := b.withOf(st.With); err != nil {
		return nil, err
	}
	if err := reachable(st); err != nil {
		return nil, err
	}
	m, err := b.merger(st)
	if err != nil {
		return nil, err
	}
	for _, w := range st.When {
		if err := m.clause(w); err != nil {
			return nil, err
		}
	}
	return m.plan()
}

// reachable refuses a clause behind one of its kind that always applies.
func reachable(st *ast.Merge) error {
	var always [2]bool
	for _, w := range st.When {
		kind := 0
		if w.Matched {
			kind = 1
		}
		if always[kind] {
			return sqlerr.New(sqlerr.SyntaxError, "unreachable WHEN clause specified after unconditional WHEN clause")
		}
		always[kind] = w.Cond == nil
	}
	return nil
}

// merger joins the source with the table.
func (b *binder) merger(st *ast.Merge) (*merger, error) {
	c, err := b.change("merge into", st.Table, st.Alias, nil, nil)
	if err != nil {
		return nil, err
	}
	b.need(c.rel, catalog.MaySelect)
	m := &merger{change: c}
	if m.source, err = b.fromItem(st.Using); err != nil {
		return nil, err
	}
	m.name = st.Alias
	if m.name == "" {
		m.name = c.rel.Name
	}
	if err := distinctNames(m.source, c.src, st.Using.Pos()); err != nil {
		return nil, sqlerr.New(sqlerr.DuplicateAlias, "name \"%s\" specified more than once", m.name).
			WithDetail("The name is used both as MERGE target table and data source.")
	}
	kind := plan.Inner
	for _, w := range st.When {
		if !w.Matched {
			kind = plan.Left
		}
	}
	m.join = b.joined(kind, m.source, c.src)
	width := len(m.source.node.Schema().Cols)
	m.id = shift(c.id, width)
	m.both = &scope{src: m.join, clause: "MERGE"}
	m.unmatched = &scope{src: m.source, clause: "MERGE"}
	on, err := b.condition(&scope{src: m.join, clause: "JOIN/ON"}, st.On, "JOIN/ON")
	if err != nil {
		return nil, err
	}
	j := m.join.node.(*plan.Join)
	j.On, j.Pos = on, st.On.Pos()
	return m, nil
}

// clause binds a WHEN.
func (m *merger) clause(w *ast.MergeWhen) error {
	err := m.when(w)
	missing := "missing FROM-clause entry for table \"" + m.name + "\""
	if e := sqlerr.From(err); err != nil && !w.Matched && e.Message == missing {
		return sqlerr.At(e.Offset, e.Code, "invalid reference to FROM-clause entry for table \"%s\"", m.name).
			WithHint("There is an entry for table \"%s\", but it cannot be referenced from this part of the query.", m.name)
	}
	return err
}

func (m *merger) when(w *ast.MergeWhen) error {
	sc := m.unmatched
	if w.Matched {
		sc = m.both
	}
	var out mergeClause
	cond := plan.Expr(&plan.IsNull{X: m.id, Not: w.Matched})
	if w.Cond != nil {
		x, err := m.b.condition(sc, w.Cond, "WHEN")
		if err != nil {
			return err
		}
		cond = &plan.And{Args: []plan.Expr{cond, x}}
	}
	out.cond, out.row = cond, m.there()
	var err error
	switch w.Do {
	case "NOTHING":
		out.action = -1
	case "DELETE":
		m.b.need(m.rel, catalog.MayDelete)
		out.action = MergeDelete
	case "UPDATE":
		m.b.need(m.rel, catalog.MayUpdate)
		out.action, err = MergeUpdate, m.assignments(w.Sets, out.row, sc)
	case "INSERT":
		m.b.need(m.rel, catalog.MayInsert)
		out.action = MergeInsert
		out.row, err = m.inserted(w, sc)
	}
	m.clauses = append(m.clauses, out)
	return err
}

// there is the row of the table.
func (m *merger) there() []plan.Expr {
	first := len(m.source.node.Schema().Cols)
	row := make([]plan.Expr, len(m.rel.Columns))
	for i := range row {
		row[i] = colOf(m.join.node, first+i)
	}
	return row
}

// inserted is the row of an INSERT.
func (m *merger) inserted(w *ast.MergeWhen, sc *scope) ([]plan.Expr, error) {
	targets, err := m.b.targets(m.rel, w.Columns, false)
	if err != nil {
		return nil, err
	}
	in := &inserter{b: m.b, rel: m.rel, targets: targets, named: w.Columns, pos: w.Pos()}
	row, _, err := in.blank()
	if err != nil || w.Values == nil {
		return row, err
	}
	if err := in.checkWidth(len(w.Values), func(i int) int { return leftmost(w.Values[i]) }); err != nil {
		return nil, err
	}
	for i, e := range w.Values {
		if _, ok := e.(*ast.Default); ok {
			continue
		}
		t := targets[i]
		if err := in.given(t, e.Pos()); err != nil {
			return nil, err
		}
		x, err := m.b.bindAs(sc, e, m.rel.Columns[t].Type, fn.Assignment)
		if err != nil {
			return nil, err
		}
		if row[t], err = in.assign(x, t, leftmost(e)); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// plan makes the query: below, which clause applies to a row of the join; above it, what the row is by that clause.
func (m *merger) plan() (*MergePlan, error) {
	cols := m.join.node.Schema().Cols
	which := &plan.Case{Typ: types.Int4, Else: number(-1)}
	for k, c := range m.clauses {
		which.When = append(which.When, plan.When{Cond: c.cond, Then: number(k)})
	}
	chosen := &plan.Project{In: m.join.node}
	for i := range cols {
		chosen.Exprs = append(chosen.Exprs, colOf(m.join.node, i))
	}
	chosen.Exprs = append(chosen.Exprs, which)
	chosen.Sch.Cols = append(append([]plan.Column(nil), cols...), colType("clause", types.Int4))
	clause := colOf(chosen, len(cols))
	is := func(k int) plan.Expr {
		x, err := m.b.operator("=", []plan.Expr{clause, number(k)}, []ast.Expr{nil, nil}, 0)
		if err != nil {
			panic("BUG: integers cannot be compared: " + err.Error())
		}
		return x
	}
	action := &plan.Case{Typ: types.Int4, Else: number(-1)}
	row := make([]plan.Expr, len(m.rel.Columns))
	for i, c := range m.rel.Columns {
		row[i] = &plan.Case{Typ: c.Type, Else: &plan.Const{Value: types.NullOf(c.Type)}}
	}
	for k, c := range m.clauses {
		action.When = append(action.When, plan.When{Cond: is(k), Then: number(c.action)})
		for i := range row {
			value := row[i].(*plan.Case)
			value.When = append(value.When, plan.When{Cond: is(k), Then: c.row[i]})
		}
	}
	p := &plan.Project{In: chosen, Exprs: append([]plan.Expr{m.id, action}, row...)}
	p.Sch.Cols = append(p.Sch.Cols, colType("rowid", types.Bytea), colType("action", types.Int4))
	for _, c := range m.rel.Columns {
		p.Sch.Cols = append(p.Sch.Cols, colType(c.Name, c.Type))
	}
	out := &MergePlan{Rel: m.rel}
	var err error
	if out.Checks, err = m.b.checks(m.rel); err != nil {
		return nil, err
	}
	if err := m.b.unusedWith(0); err != nil {
		return nil, err
	}
	out.Source, err = m.b.finish(&boundQuery{node: p, cols: p.Sch.Cols}, ast.EmitNone)
	return out, err
}

func number(n int) plan.Expr {
	return &plan.Const{Value: types.Value{Type: types.Int4, Int: int64(n)}}
}

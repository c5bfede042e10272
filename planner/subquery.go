package planner

import (
	"errors"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// outerFrame is the scope around a query that may refer to it. What it refers to, directly or in queries of its own,
// is handed in as args, so that an expression never reaches further than one query out.
type outerFrame struct {
	sc   *scope
	args []plan.Expr // over the row of sc
}

// fromOuter finds a column that the innermost query does not have in the scopes around it; nil when none has it.
func (b *binder) fromOuter(level int, e *ast.ColRef) (plan.Expr, error) {
	if level == 0 {
		return nil, nil
	}
	f := b.outer[level-1]
	var x plan.Expr
	c, err := f.sc.find(e.Name, e.Pos())
	switch {
	case err == nil:
		x = b.refer(c, e.Pos())
	case undefined(err):
		if x, err = b.fromOuter(level-1, e); x == nil || err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	out := &plan.Outer{Index: len(f.args), Typ: x.Type(), Name: e.Name[len(e.Name)-1]}
	b.refs[out] = reference{pos: e.Pos(), name: b.refs[x].name, millis: b.refs[x].millis}
	for i, had := range f.args {
		if equal(had, x) {
			out.Index = i
			return out, nil
		}
	}
	f.args = append(f.args, x)
	return out, nil
}

// undefined reports whether err says that a name is not in scope.
func undefined(err error) bool {
	var e *sqlerr.Error
	return errors.As(err, &e) && (e.Code == sqlerr.UndefinedColumn || e.Code == sqlerr.UndefinedTable)
}

// within binds a query that may refer to sc, and returns what it refers to.
func (b *binder) inner(sc *scope, q *ast.Query) (*boundQuery, []plan.Expr, error) {
	f := &outerFrame{sc: sc}
	b.outer = append(b.outer, f)
	final := b.final
	out, err := b.query(q, true)
	b.outer, b.final = b.outer[:len(b.outer)-1], final
	return out, f.args, err
}

// subquery binds a query within an expression.
func (b *binder) subquery(sc *scope, kind plan.ApplyKind, q *ast.Query, pos int) (*plan.Subquery, *boundQuery, error) {
	bound, args, err := b.inner(sc, q)
	if err != nil {
		return nil, nil, err
	}
	s := &plan.Subquery{Kind: kind, Query: visible(bound), Args: args, Typ: types.Bool, Pos: pos}
	if kind == plan.ApplyScalar || kind == plan.ApplyArray {
		if len(bound.cols) != 1 {
			return nil, nil, sqlerr.At(pos, sqlerr.SyntaxError, "subquery must return only one column")
		}
		s.Typ = bound.cols[0].Type
		if kind == plan.ApplyArray {
			s.Typ = types.ArrayOf(s.Typ.Base())
		}
	}
	return s, bound, nil
}

// testQuery binds x op ANY|ALL (query), of which IN is a case; x may be a row.
func (b *binder) testQuery(sc *scope, l ast.Expr, op string, all bool, q *ast.Query, pos int) (plan.Expr, error) {
	es := []ast.Expr{l}
	if row, ok := l.(*ast.Row); ok {
		es = row.Elems
	}
	xs, _, err := b.bindAll(sc, es)
	if err != nil {
		return nil, err
	}
	s, bound, err := b.subquery(sc, plan.ApplyTest, q, pos)
	if err != nil {
		return nil, err
	}
	switch {
	case len(bound.cols) > len(xs):
		return nil, sqlerr.At(pos, sqlerr.SyntaxError, "subquery has too many columns")
	case len(bound.cols) < len(xs):
		return nil, sqlerr.At(pos, sqlerr.SyntaxError, "subquery has too few columns")
	case len(xs) > 1 && op != "=" && op != "<>":
		return nil, refuse(pos, "row %s ANY|ALL (query)", op)
	}
	var tests []plan.Expr
	for i, x := range xs {
		if x.Type() == types.Unknown {
			if x, err = b.coerce(x, bound.cols[i].Type, fn.Implicit, leftmost(es[i])); err != nil {
				return nil, err
			}
		}
		s.Left = append(s.Left, x)
		pair := []plan.Expr{&plan.Col{Index: i, Typ: x.Type(), Name: columnName(es[i])},
			&plan.Col{Index: len(xs) + i, Typ: bound.cols[i].Type, Name: bound.cols[i].Name}}
		test, err := b.operator(op, pair, []ast.Expr{es[i], nil}, pos)
		if err != nil {
			return nil, err
		}
		if test.Type() != types.Bool {
			return nil, sqlerr.At(pos, sqlerr.DatatypeMismatch, "row comparison operator must yield type boolean, not type %s",
				test.Type())
		}
		tests = append(tests, test)
	}
	s.All, s.Test = all, tests[0]
	if len(tests) > 1 && op == "=" {
		s.Test = &plan.And{Args: tests}
	} else if len(tests) > 1 {
		s.Test = &plan.Or{Args: tests}
	}
	return s, nil
}

// lateralQuery binds LATERAL (query): it may refer to what stands before it in FROM.
func (b *binder) lateralQuery(l *source, item *ast.SubqueryRef) (*source, error) {
	bound, args, err := b.inner(&scope{src: l, clause: "LATERAL"}, item.Q)
	if err != nil {
		return nil, err
	}
	lw := len(l.node.Schema().Cols)
	a := &plan.Apply{In: l.node, Query: bound.node, Kind: plan.ApplyRows, Args: args, Pos: item.Pos()}
	a.Sch.Cols = append(append(a.Sch.Cols, l.node.Schema().Cols...), bound.node.Schema().Cols...)
	r, err := b.derived(bound, item.Alias, item.Pos())
	if err != nil {
		return nil, err
	}
	for i := range r.cols {
		r.cols[i].expr = shift(r.cols[i].expr, lw)
	}
	r.node, r.rowTime, r.streamTime, r.key = a, nil, nil, nil
	return r, nil
}

// lift turns the subqueries within expressions into Apply nodes below the node that has them.
func (b *binder) lift(n plan.Node) (plan.Node, error) {
	var err error
	replaceInputs(n, func(in plan.Node) plan.Node {
		out, e := b.lift(in)
		if e != nil {
			err = e
			return in
		}
		return out
	})
	if err != nil || !hasSubquery(n) {
		return n, err
	}
	switch n := n.(type) {
	case *plan.Values:
		return b.liftValues(n)
	case *plan.Join:
		return b.liftJoin(n)
	}
	in := n.Inputs()[0]
	l := lifter{b: b, node: in}
	mapNodeExprs(n, l.lift)
	if l.err != nil {
		return nil, l.err
	}
	replaceFirst(n, l.node)
	cols := n.Schema().Cols
	switch n := n.(type) {
	case *plan.Filter:
		return narrowed(n, len(in.Schema().Cols)), nil
	case *plan.Project, *plan.Aggregate:
		return n, nil
	case *plan.Distinct:
		n.Sch = plan.Schema{}
		return narrowed(n, len(in.Schema().Cols)), nil
	default: // what appends its columns to those of its input
		_ = cols
		return nil, refuse(l.pos, "a subquery here").WithHint("Compute it in a subquery in FROM.")
	}
}

// narrowed gives the first width columns of n.
func narrowed(n plan.Node, width int) plan.Node {
	p := &plan.Project{In: n}
	for i, c := range n.Schema().Cols[:width] {
		p.Exprs = append(p.Exprs, colOf(n, i))
		p.Sch.Cols = append(p.Sch.Cols, c)
	}
	return p
}

// lifter puts an Apply upon node for every subquery it meets.
type lifter struct {
	b    *binder
	node plan.Node
	pos  int
	err  error
}

func (l *lifter) lift(e plan.Expr) plan.Expr {
	return rewrite(e, func(e plan.Expr) plan.Expr {
		s, ok := e.(*plan.Subquery)
		if !ok {
			return nil
		}
		l.pos = s.Pos
		args, left := make([]plan.Expr, len(s.Args)), make([]plan.Expr, len(s.Left))
		for i, x := range s.Args {
			args[i] = l.lift(x)
		}
		for i, x := range s.Left {
			left[i] = l.lift(x)
		}
		q, err := l.b.lift(s.Query)
		if err != nil {
			l.err = err
			return s
		}
		a := &plan.Apply{In: l.node, Query: q, Kind: s.Kind, Args: args, Left: left, Test: s.Test, All: s.All, Pos: s.Pos}
		a.Sch.Cols = append(append(a.Sch.Cols, l.node.Schema().Cols...), colType(applyNames[s.Kind], s.Typ))
		l.node = a
		return colOf(a, len(a.Sch.Cols)-1)
	})
}

// applyNames are what the column of an Apply is called.
var applyNames = map[plan.ApplyKind]string{plan.ApplyScalar: "value", plan.ApplyExists: "exists",
	plan.ApplyTest: "test", plan.ApplyArray: "array"}

// hasSubquery reports whether an expression of n holds a query.
func hasSubquery(n plan.Node) bool {
	found := false
	eachExpr(n, func(e plan.Expr) {
		found = found || !visit(e, func(e plan.Expr) bool {
			_, is := e.(*plan.Subquery)
			return !is
		})
	})
	return found
}

// liftValues makes rows that hold subqueries ones that are computed.
func (b *binder) liftValues(n *plan.Values) (plan.Node, error) {
	u := &plan.Union{Sch: plan.Schema{Cols: n.Sch.Cols}}
	for _, row := range n.Rows {
		one := &plan.Values{Rows: [][]plan.Expr{{}}, Sch: plan.Schema{Key: []int{}, AppendOnly: true}}
		p, err := b.lift(&plan.Project{In: one, Exprs: row, Sch: plan.Schema{Cols: n.Sch.Cols}})
		if err != nil {
			return nil, err
		}
		u.Ins = append(u.Ins, p)
	}
	if len(u.Ins) == 1 {
		return u.Ins[0], nil
	}
	return u, nil
}

// liftJoin puts the conditions of an inner join that hold subqueries above it.
func (b *binder) liftJoin(n *plan.Join) (plan.Node, error) {
	var on, above []plan.Expr
	for _, c := range conjuncts(n.On, nil) {
		if hasSubquery(&plan.Filter{In: n, Cond: c}) {
			above = append(above, c)
		} else {
			on = append(on, c)
		}
	}
	if n.Kind != plan.Inner {
		return nil, refuse(n.Pos, "a subquery in the condition of an outer join").
			WithHint("Compute it in a subquery in FROM.")
	}
	n.On = conjunction(on)
	return b.lift(&plan.Filter{In: n, Cond: conjunction(above)})
}

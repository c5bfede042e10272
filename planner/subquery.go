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
	// lateral marks what stands before a join in FROM, which only what is LATERAL in the join may refer to.
	lateral bool
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
		if _, constant := c.expr.(*plan.Const); constant { // an argument of a function
			return c.expr, nil
		}
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
	}
	var tests, pairs []plan.Expr
	for i, x := range xs {
		if x.Type() == types.Unknown {
			if x, err = b.coerce(x, bound.cols[i].Type, fn.Implicit, leftmost(es[i])); err != nil {
				return nil, err
			}
		}
		s.Left = append(s.Left, x)
		pair := []plan.Expr{&plan.Col{Index: i, Typ: x.Type(), Name: columnName(es[i])},
			&plan.Col{Index: len(xs) + i, Typ: bound.cols[i].Type, Name: bound.cols[i].Name}}
		pairs = append(pairs, pair...)
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
	s.All = all
	s.Test, err = b.rowTest(op, tests, pairs, pos)
	return s, err
}

// rowTest compares two rows, of which pairs are the columns and tests compare each pair.
func (b *binder) rowTest(op string, tests, pairs []plan.Expr, pos int) (plan.Expr, error) {
	switch {
	case len(tests) == 1:
		return tests[0], nil
	case op == "=":
		return &plan.And{Args: tests}, nil
	case op == "<>":
		return &plan.Or{Args: tests}, nil
	case op != "<" && op != "<=" && op != ">" && op != ">=":
		return nil, sqlerr.At(pos, sqlerr.FeatureNotSupported,
			"could not determine interpretation of row comparison operator %s", op)
	}
	x := tests[len(tests)-1]
	for i := len(tests) - 2; i >= 0; i-- {
		less, err := b.operator(op[:1], pairs[2*i:2*i+2], nil, pos)
		if err != nil {
			return nil, err
		}
		same, err := b.operator("=", pairs[2*i:2*i+2], nil, pos)
		if err != nil {
			return nil, err
		}
		x = &plan.Or{Args: []plan.Expr{less, &plan.And{Args: []plan.Expr{same, x}}}}
	}
	return x, nil
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

// aggregatesOuter reports whether the arguments of an aggregate refer to the query around only: then it is one of that
// query, as SQL has it.
func (b *binder) aggregatesOuter(sc *scope, e *ast.Call) bool {
	if len(b.outer) == 0 || len(e.Args) == 0 {
		return false
	}
	params, uses := append([]types.Type(nil), b.params...), len(b.paramUses)
	had := make([]int, len(b.outer))
	for i, f := range b.outer {
		had[i] = len(f.args)
	}
	xs, _, err := b.bindAll(&scope{src: sc.src, clause: aggregateClause}, e.Args)
	for i, f := range b.outer {
		f.args = f.args[:had[i]]
	}
	b.params, b.paramUses = params, b.paramUses[:uses]
	outer := false
	for _, x := range xs {
		local := !visit(x, func(e plan.Expr) bool {
			switch e.(type) {
			case *plan.Outer:
				outer = true
			case *plan.Col, *plan.Subquery, *aggRef, *winRef, *srfRef:
				return false
			}
			return true
		})
		if local {
			return false
		}
	}
	return outer && err == nil
}

// outerAggregate binds an aggregate of the query around, whose value is handed in.
func (b *binder) outerAggregate(e *ast.Call, name string) (plan.Expr, error) {
	all := b.outer
	f := all[len(all)-1]
	b.outer = all[:len(all)-1]
	x, err := b.aggregate(f.sc, e, name)
	b.outer = all
	if err != nil {
		return nil, err
	}
	f.args = append(f.args, x)
	return &plan.Outer{Index: len(f.args) - 1, Typ: x.Type(), Name: name}, nil
}

package planner

import (
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// negate wraps x in NOT when not is set.
func (b *binder) negate(x plan.Expr, not bool, err error) (plan.Expr, error) {
	if err != nil || !not {
		return x, err
	}
	if in, ok := x.(*plan.In); ok {
		return &plan.In{X: in.X, List: in.List, Not: !in.Not}, nil
	}
	return b.fold(&plan.Not{X: x}), nil
}

// likeOperators are the operators behind LIKE and ILIKE, plain and negated.
var likeOperators = map[string][2]string{"LIKE": {"~~", "!~~"}, "ILIKE": {"~~*", "!~~*"}}

// like binds LIKE, ILIKE and SIMILAR TO. With ESCAPE they are functions of three arguments.
func (b *binder) like(sc *scope, e *ast.Like) (plan.Expr, error) {
	es := []ast.Expr{e.X, e.Pat}
	if e.Esc != nil {
		es = append(es, e.Esc)
	}
	xs, _, err := b.bindAll(sc, es)
	if err != nil {
		return nil, err
	}
	op, isLike := likeOperators[e.Op]
	switch {
	case !isLike:
		x, err := b.scalar("similar_to", xs, es, e.Pos())
		return b.negate(x, e.Not, err)
	case e.Esc != nil:
		x, err := b.scalar(strings.ToLower(e.Op), xs, es, e.Pos())
		return b.negate(x, e.Not, err)
	case e.Not:
		return b.operator(op[1], xs, es, e.Pos())
	}
	return b.operator(op[0], xs, es, e.Pos())
}

// overlaps binds (a, b) OVERLAPS (c, d).
func (b *binder) overlaps(sc *scope, e *ast.Binary) (plan.Expr, error) {
	var args []ast.Expr
	for k, x := range []ast.Expr{e.L, e.R} {
		row, ok := x.(*ast.Row)
		if !ok || len(row.Elems) != 2 {
			return nil, sqlerr.At(x.Pos(), sqlerr.SyntaxError, "wrong number of parameters on %s side of OVERLAPS expression",
				[]string{"left", "right"}[k])
		}
		args = append(args, row.Elems...)
	}
	return b.function(sc, "overlaps", args, e.Pos())
}

// between binds x BETWEEN lo AND hi as two comparisons.
func (b *binder) between(sc *scope, e *ast.Between) (plan.Expr, error) {
	ge := &ast.Binary{P: e.P, Op: ">=", L: e.X, R: e.Lo}
	le := &ast.Binary{P: e.P, Op: "<=", L: e.X, R: e.Hi}
	var x ast.Expr = &ast.Binary{P: e.P, Op: "AND", L: ge, R: le}
	if e.Sym {
		back := &ast.Binary{P: e.P, Op: "AND",
			L: &ast.Binary{P: e.P, Op: ">=", L: e.X, R: e.Hi}, R: &ast.Binary{P: e.P, Op: "<=", L: e.X, R: e.Lo}}
		x = &ast.Binary{P: e.P, Op: "OR", L: x, R: back}
	}
	y, err := b.bind(sc, x)
	return b.negate(y, e.Not, err)
}

// in binds x IN (list).
func (b *binder) in(sc *scope, e *ast.In) (plan.Expr, error) {
	if e.Sub != nil {
		x, err := b.testQuery(sc, e.X, "=", false, e.Sub, e.Pos())
		return b.negate(x, e.Not, err)
	}
	if row, ok := e.X.(*ast.Row); ok {
		x, err := b.rowIn(sc, row, e)
		return b.negate(x, e.Not, err)
	}
	all := append([]ast.Expr{e.X}, e.List...)
	xs, err := b.inOperands(sc, all)
	if err != nil {
		return nil, err
	}
	if b.refs[xs[0]].millis {
		for i := 1; i < len(xs); i++ {
			if xs[i], err = b.instant(xs[i], all[i].Pos()); err != nil {
				return nil, err
			}
		}
	}
	x, err := b.oneOf(xs, all, e.Pos())
	return b.negate(x, e.Not, err)
}

// inOperands binds the sides of x IN (list). Constructors in the list are made as x's type wants them, but for arrays
// in PostgreSQL's queries, where an integer[] never equals a bigint[].
func (b *binder) inOperands(sc *scope, all []ast.Expr) ([]plan.Expr, error) {
	xs := make([]plan.Expr, len(all))
	var err error
	if xs[0], err = b.bind(sc, all[0]); err != nil {
		return nil, err
	}
	want := xs[0].Type()
	fit := want.Kind == types.KindMap || want.Kind == types.KindStruct ||
		want.Kind == types.KindArray && b.lookupJoins()
	for i, e := range all[1:] {
		if !fit {
			xs[i+1], err = b.bind(sc, e)
		} else {
			xs[i+1], err = b.bindAs(sc, e, want, fn.Implicit)
		}
		if err != nil {
			return nil, err
		}
	}
	b.fitLiterals(xs, all)
	return xs, nil
}

// rowIn binds (a, b) IN (rows).
func (b *binder) rowIn(sc *scope, row *ast.Row, e *ast.In) (plan.Expr, error) {
	var args []plan.Expr
	for _, one := range e.List {
		other, ok := one.(*ast.Row)
		if !ok {
			return nil, refuse(one.Pos(), "comparison of a row with what is not one")
		}
		x, err := b.compareRows(sc, "=", row, other, e.Pos())
		if err != nil {
			return nil, err
		}
		args = append(args, x)
	}
	if len(args) == 1 {
		return args[0], nil
	}
	return b.fold(&plan.Or{Args: args}), nil
}

// oneOf compares the first expression with each of the others.
func (b *binder) oneOf(xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	ts := make([]types.Type, len(xs))
	for i, x := range xs {
		ts[i] = x.Type()
	}
	if _, err := fn.CommonType(ts, "IN"); err != nil {
		return b.anyEqual(xs, es, pos)
	}
	t, err := b.common(xs, es, "IN", pos)
	if err != nil {
		return nil, err
	}
	if _, _, _, err := fn.ResolveOperator("=", []types.Type{t, t}); err != nil {
		return nil, sqlerr.Locate(err, pos)
	}
	var list []types.Value
	for _, x := range xs[1:] {
		c, ok := x.(*plan.Const)
		if !ok {
			return b.anyEqual(xs, es, pos)
		}
		list = append(list, c.Value)
	}
	if len(list) == 1 {
		return b.operator("=", xs, es, pos)
	}
	return b.fold(&plan.In{X: xs[0], List: list}), nil
}

// anyEqual is the chain x = a OR x = b …
func (b *binder) anyEqual(xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	var args []plan.Expr
	for i := 1; i < len(xs); i++ {
		eq, err := b.operator("=", []plan.Expr{xs[0], xs[i]}, []ast.Expr{es[0], es[i]}, pos)
		if err != nil {
			return nil, err
		}
		args = append(args, eq)
	}
	if len(args) == 1 {
		return args[0], nil
	}
	return b.fold(&plan.Or{Args: args}), nil
}

// quantified binds x op ANY|ALL (array).
func (b *binder) quantified(sc *scope, e *ast.Quant) (plan.Expr, error) {
	if like, ok := likeOperators[strings.TrimPrefix(e.Op, "NOT ")]; ok {
		plain := *e
		if plain.Op = like[0]; strings.HasPrefix(e.Op, "NOT ") {
			plain.Op = like[1]
		}
		e = &plain
	}
	if e.Sub != nil {
		return b.testQuery(sc, e.L, e.Op, e.All, e.Sub, e.Pos())
	}
	x, err := b.bind(sc, e.L)
	if err != nil {
		return nil, err
	}
	if arr, ok := e.Arr.(*ast.Array); ok {
		return b.quantifiedList(sc, e, x, arr.Elems)
	}
	arr, err := b.bind(sc, e.Arr)
	if err != nil {
		return nil, err
	}
	if arr.Type() == types.Unknown {
		elem := x.Type().Base()
		if elem == types.Unknown {
			elem = types.Text
		}
		if arr, err = b.coerce(arr, types.ArrayOf(elem), fn.Implicit, e.Arr.Pos()); err != nil {
			return nil, err
		}
	}
	if arr.Type().Kind != types.KindArray {
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "op ANY/ALL (array) requires array on right side")
	}
	if c, ok := arr.(*plan.Const); ok && !c.Value.Null {
		return b.quantifiedConst(e, x, c.Value)
	}
	f, params, ret, err := fn.ResolveOperator(e.Op, []types.Type{x.Type(), arr.Type().Elem()})
	if err != nil {
		return nil, sqlerr.Locate(err, e.Pos())
	}
	if ret != types.Bool {
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "op ANY/ALL (array) requires operator to yield boolean")
	}
	params = []types.Type{params[0], types.ArrayOf(params[1])}
	return b.apply(fn.Quantified(e.Op, f, e.All), params, ret, []plan.Expr{x, arr}, []ast.Expr{e.L, e.Arr}, e.Pos())
}

// quantifiedList is quantified over ARRAY[…].
func (b *binder) quantifiedList(sc *scope, e *ast.Quant, x plan.Expr, elems []ast.Expr) (plan.Expr, error) {
	xs, _, err := b.bindAll(sc, elems)
	if err != nil {
		return nil, err
	}
	if len(xs) == 0 {
		return boolean(e.All), nil
	}
	if _, err = b.common(xs, elems, "ARRAY", e.Pos()); err != nil {
		return nil, err
	}
	return b.quantifiedEach(e, x, xs)
}

// quantifiedConst is quantified over a constant array.
func (b *binder) quantifiedConst(e *ast.Quant, x plan.Expr, arr types.Value) (plan.Expr, error) {
	if len(arr.List) == 0 {
		return boolean(e.All), nil
	}
	xs := make([]plan.Expr, len(arr.List))
	for i, v := range arr.List {
		xs[i] = &plan.Const{Value: v}
	}
	return b.quantifiedEach(e, x, xs)
}

// quantifiedEach compares x with every one of xs, which have one type.
func (b *binder) quantifiedEach(e *ast.Quant, x plan.Expr, xs []plan.Expr) (plan.Expr, error) {
	es := make([]ast.Expr, len(xs)+1)
	es[0] = e.L
	if e.Op == "=" && !e.All || e.Op == "<>" && e.All {
		y, err := b.oneOf(append([]plan.Expr{x}, xs...), es, e.Pos())
		return b.negate(y, e.All, err)
	}
	var args []plan.Expr
	for i := range xs {
		y, err := b.operator(e.Op, []plan.Expr{x, xs[i]}, []ast.Expr{e.L, nil}, e.Pos())
		if err != nil {
			return nil, err
		}
		if y, err = b.coerce(y, types.Bool, fn.Implicit, e.Pos()); err != nil {
			return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "op ANY/ALL (array) requires operator to yield boolean")
		}
		args = append(args, y)
	}
	if e.All {
		return b.fold(&plan.And{Args: args}), nil
	}
	return b.fold(&plan.Or{Args: args}), nil
}

func boolean(v bool) plan.Expr {
	return &plan.Const{Value: types.Value{Type: types.Bool, Bool: v}}
}

// is binds the IS tests.
func (b *binder) is(sc *scope, e *ast.Is) (plan.Expr, error) {
	switch e.What {
	case "TRUE", "FALSE", "UNKNOWN":
		x, err := b.condition(sc, e.X, "IS "+e.What)
		if err != nil {
			return nil, err
		}
		if e.What == "UNKNOWN" {
			return b.fold(&plan.IsNull{X: x, Not: e.Not}), nil
		}
		return b.fold(&plan.IsBool{X: x, Want: e.What == "TRUE", Not: e.Not}), nil
	case "DISTINCT":
		return b.distinctFrom(sc, e)
	case "NORMALIZED":
		x, err := b.bind(sc, &ast.Call{P: e.P, Name: []string{"is_normalized"}, Args: []ast.Expr{e.X, e.Y}})
		if err == nil && e.Not {
			x = b.fold(&plan.Not{X: x})
		}
		return x, err
	}
	if row, ok := e.X.(*ast.Row); ok && len(row.Elems) > 0 {
		and := &plan.And{}
		for _, one := range row.Elems {
			x, err := b.known(sc, one)
			if err != nil {
				return nil, err
			}
			and.Args = append(and.Args, b.fold(&plan.IsNull{X: x, Not: e.Not}))
		}
		return b.fold(and), nil
	}
	x, err := b.known(sc, e.X)
	if err != nil {
		return nil, err
	}
	return b.fold(&plan.IsNull{X: x, Not: e.Not}), nil
}

// distinctFrom binds x IS [NOT] DISTINCT FROM y through what it means: NULL is a value like others.
func (b *binder) distinctFrom(sc *scope, e *ast.Is) (plan.Expr, error) {
	x, err := b.bind(sc, e.X)
	if err != nil {
		return nil, err
	}
	y, err := b.bind(sc, e.Y)
	if err != nil {
		return nil, err
	}
	op := "<>"
	if e.Not {
		op = "="
	}
	differ, err := b.operator(op, []plan.Expr{x, y}, []ast.Expr{e.X, e.Y}, e.Pos())
	if err != nil {
		return nil, err
	}
	if call, ok := differ.(*plan.Call); ok {
		x, y = call.Args[0], call.Args[1]
	} else if x, y, err = b.knownPair(x, y, e); err != nil {
		return nil, err
	}
	return b.fold(&plan.Case{Typ: types.Bool, Else: differ, When: []plan.When{
		{Cond: b.fold(&plan.IsNull{X: x}), Then: b.fold(&plan.IsNull{X: y, Not: !e.Not})},
		{Cond: b.fold(&plan.IsNull{X: y}), Then: boolean(!e.Not)},
	}}), nil
}

// knownPair gives types to the sides of a comparison that was folded.
func (b *binder) knownPair(x, y plan.Expr, e *ast.Is) (plan.Expr, plan.Expr, error) {
	xs := []plan.Expr{x, y}
	_, err := b.common(xs, []ast.Expr{e.X, e.Y}, "IS DISTINCT FROM", e.Pos())
	return xs[0], xs[1], err
}

// compareRows binds a comparison of two rows of the same length.
func (b *binder) compareRows(sc *scope, op string, l, r *ast.Row, pos int) (plan.Expr, error) {
	if len(l.Elems) != len(r.Elems) {
		return nil, sqlerr.At(pos, sqlerr.SyntaxError, "unequal number of entries in row expressions")
	}
	if len(l.Elems) == 0 {
		return nil, sqlerr.At(pos, sqlerr.FeatureNotSupported, "cannot compare rows of zero length")
	}
	each := func(op string, i int) (plan.Expr, error) {
		x, err := b.bind(sc, &ast.Binary{P: ast.P(pos), Op: op, L: l.Elems[i], R: r.Elems[i]})
		if err == nil && x.Type() != types.Bool {
			err = sqlerr.At(pos, sqlerr.DatatypeMismatch,
				"row comparison operator must yield type boolean, not type %s", x.Type())
		}
		return x, err
	}
	n := len(l.Elems)
	switch op {
	case "=", "<>":
		var args []plan.Expr
		for i := range n {
			x, err := each(op, i)
			if err != nil {
				return nil, err
			}
			args = append(args, x)
		}
		if op == "=" {
			return b.fold(&plan.And{Args: args}), nil
		}
		return b.fold(&plan.Or{Args: args}), nil
	case "<", "<=", ">", ">=":
	default:
		return nil, sqlerr.At(pos, sqlerr.FeatureNotSupported,
			"could not determine interpretation of row comparison operator %s", op)
	}
	x, err := each(op, n-1)
	for i := n - 2; i >= 0 && err == nil; i-- {
		var less, same plan.Expr
		if less, err = each(op[:1], i); err == nil {
			if same, err = each("=", i); err == nil {
				x = b.fold(&plan.Or{Args: []plan.Expr{less, b.fold(&plan.And{Args: []plan.Expr{same, x}})}})
			}
		}
	}
	return x, err
}

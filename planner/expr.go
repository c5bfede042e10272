package planner

import (
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bind gives the typed form of e. Its type is Unknown for a bare string literal, NULL and an untyped parameter.
func (b *binder) bind(sc *scope, e ast.Expr) (plan.Expr, error) {
	switch e := e.(type) {
	case *ast.ColRef:
		return b.column(sc, e)
	case *ast.Lit:
		return b.literal(e)
	case *ast.Param:
		if b.calls > 0 {
			return b.column(sc, &ast.ColRef{P: e.P, Name: []string{ordinalName("$", e.N)}})
		}
		return b.param(e)
	case *ast.Unary:
		return b.unary(sc, e)
	case *ast.Binary:
		return b.binary(sc, e)
	case *ast.Like:
		return b.like(sc, e)
	case *ast.Between:
		return b.between(sc, e)
	case *ast.In:
		return b.in(sc, e)
	case *ast.Quant:
		return b.quantified(sc, e)
	case *ast.Is:
		return b.is(sc, e)
	case *ast.Case:
		return b.caseExpr(sc, e)
	case *ast.Cast:
		return b.cast(sc, e)
	case *ast.Call:
		return b.call(sc, e)
	case *ast.Array, *ast.Map, *ast.Struct, *ast.Row, *ast.Index, *ast.Slice, *ast.Field:
		return b.nested(sc, e)
	case *ast.AtTimeZone:
		return b.function(sc, "timezone", []ast.Expr{e.Zone, e.X}, e.Pos())
	case *ast.Collate:
		return b.collate(sc, e)
	case *ast.Star:
		return b.star(sc, e)
	case *ast.Subquery:
		s, _, err := b.subquery(sc, plan.ApplyScalar, e.Q, e.Pos())
		return orNil(s, err)
	case *ast.ArrayQuery:
		s, _, err := b.subquery(sc, plan.ApplyArray, e.Q, e.Pos())
		return orNil(s, err)
	case *ast.Exists:
		s, _, err := b.subquery(sc, plan.ApplyExists, e.Q, e.Pos())
		return orNil(s, err)
	}
	return nil, b.refuseExpr(e)
}

func orNil(s *plan.Subquery, err error) (plan.Expr, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// refuseExpr names what an expression is that cannot stand where it does.
func (b *binder) refuseExpr(e ast.Expr) error {
	pos := e.Pos()
	switch e := e.(type) {
	case *ast.Star:
		return sqlerr.At(pos, sqlerr.SyntaxError, "\"*\" is only allowed in a select list")
	case *ast.Default:
		return sqlerr.At(pos, sqlerr.SyntaxError, "DEFAULT is not allowed in this context")
	case *ast.NamedArg:
		return refuse(pos, "argument \"%s\" by name", e.Name)
	case *ast.Lambda:
		return refuse(pos, "a lambda function")
	case *ast.GroupSet:
		return sqlerr.At(pos, sqlerr.SyntaxError, "grouping sets are only allowed in GROUP BY")
	}
	return refuse(pos, "this expression")
}

// known is bind for places that need a type of their own: what is still Unknown becomes text.
func (b *binder) known(sc *scope, e ast.Expr) (plan.Expr, error) {
	x, err := b.bind(sc, e)
	if err != nil || x.Type() != types.Unknown {
		return x, err
	}
	return b.coerce(x, types.Text, fn.Implicit, e.Pos())
}

// condition binds a boolean; clause names its place in errors: "WHERE".
func (b *binder) condition(sc *scope, e ast.Expr, clause string) (plan.Expr, error) {
	x, err := b.bind(sc, e)
	if err != nil {
		return nil, err
	}
	if t := x.Type(); t != types.Bool && t != types.Unknown {
		return nil, sqlerr.At(leftmost(e), sqlerr.DatatypeMismatch,
			"argument of %s must be type boolean, not type %s", clause, t)
	}
	return b.coerce(x, types.Bool, fn.Implicit, leftmost(e))
}

// bindAll binds a list and returns the types too.
func (b *binder) bindAll(sc *scope, es []ast.Expr) ([]plan.Expr, []types.Type, error) {
	xs, ts := make([]plan.Expr, len(es)), make([]types.Type, len(es))
	for i, e := range es {
		x, err := b.bind(sc, e)
		if err != nil {
			return nil, nil, err
		}
		xs[i], ts[i] = x, x.Type()
	}
	return xs, ts, nil
}

// leftmost is the place of an expression's first character: where PostgreSQL points for what is wrong with it as a
// whole.
func leftmost(e ast.Expr) int {
	pos := e.Pos()
	var left ast.Expr
	switch e := e.(type) {
	case *ast.Binary:
		left = e.L
	case *ast.Like:
		left = e.X
	case *ast.Between:
		left = e.X
	case *ast.In:
		left = e.X
	case *ast.Quant:
		left = e.L
	case *ast.Is:
		left = e.X
	case *ast.Cast:
		left = e.X
	case *ast.Index:
		left = e.X
	case *ast.Slice:
		left = e.X
	case *ast.Field:
		left = e.X
	case *ast.AtTimeZone:
		left = e.X
	case *ast.Collate:
		left = e.X
	}
	if left != nil {
		pos = min(pos, leftmost(left))
	}
	return pos
}

// literal binds a literal.
func (b *binder) literal(e *ast.Lit) (plan.Expr, error) {
	switch e.Kind {
	case ast.LitNull:
		return &plan.Const{Value: types.NullOf(types.Unknown)}, nil
	case ast.LitBool:
		return &plan.Const{Value: types.Value{Type: types.Bool, Bool: e.Text == "true"}}, nil
	case ast.LitString:
		return &plan.Const{Value: types.Value{Type: types.Unknown, Str: e.Text}}, nil
	case ast.LitInt:
		if v, ok := parseInt(e.Text); ok {
			t := types.Int8
			if int64(int32(v)) == v {
				t = types.Int4
			}
			return &plan.Const{Value: types.Value{Type: t, Int: v}}, nil
		}
	case ast.LitBits:
		return nil, refuse(e.Pos(), "type bit")
	}
	if x, err := b.ksqlNumber(e); x != nil || err != nil {
		return x, err
	}
	return b.parseLiteral(e.Text, types.Numeric, e.Pos())
}

// parseInt reads decimal digits with a sign; ok is false when the number does not fit.
func parseInt(s string) (v int64, ok bool) {
	neg := strings.HasPrefix(s, "-")
	digits := strings.TrimPrefix(s, "-")
	if digits == "" {
		return 0, false
	}
	for i := 0; i < len(digits); i++ {
		d := int64(digits[i] - '0')
		if d < 0 || d > 9 || v < (-1<<63+d)/10 {
			return 0, false
		}
		v = v*10 - d
	}
	if neg {
		return v, true
	}
	return -v, v != -1<<63
}

// unary binds a prefix operator.
func (b *binder) unary(sc *scope, e *ast.Unary) (plan.Expr, error) {
	if e.Op == "NOT" {
		x, err := b.condition(sc, e.X, "NOT")
		if err != nil {
			return nil, err
		}
		return b.fold(&plan.Not{X: x}), nil
	}
	x, err := b.bind(sc, e.X)
	if err != nil {
		return nil, err
	}
	return b.operator(e.Op, []plan.Expr{x}, []ast.Expr{e.X}, e.Pos())
}

// binary binds an infix operator.
func (b *binder) binary(sc *scope, e *ast.Binary) (plan.Expr, error) {
	if e.Op == "AND" || e.Op == "OR" {
		return b.logic(sc, e)
	}
	if e.Schema != "" && e.Schema != systemSchema {
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "operator does not exist: %s.%s", e.Schema, e.Op)
	}
	if e.Op == "OVERLAPS" {
		return b.overlaps(sc, e)
	}
	if lrow, ok := e.L.(*ast.Row); ok {
		if rrow, ok := e.R.(*ast.Row); ok {
			return b.compareRows(sc, e.Op, lrow, rrow, e.Pos())
		}
		if sub, ok := e.R.(*ast.Subquery); ok {
			return b.testQuery(sc, e.L, e.Op, false, sub.Q, e.Pos())
		}
		return nil, refuse(lrow.Pos(), "comparison of a row with what is not one")
	}
	l, err := b.bind(sc, e.L)
	if err != nil {
		return nil, err
	}
	r, err := b.bind(sc, e.R)
	if err != nil {
		return nil, err
	}
	if err := b.compared(e, l, r); err != nil {
		return nil, err
	}
	if err := b.calculable(e, l, r); err != nil {
		return nil, err
	}
	if l, r, err = b.instants(e.Op, l, r, e); err != nil {
		return nil, err
	}
	return b.operator(e.Op, []plan.Expr{l, r}, []ast.Expr{e.L, e.R}, e.Pos())
}

// logic binds AND and OR; a chain of one of them becomes one node.
func (b *binder) logic(sc *scope, e *ast.Binary) (plan.Expr, error) {
	var operands []ast.Expr
	var x ast.Expr = e
	for {
		bin, ok := x.(*ast.Binary)
		if !ok || bin.Op != e.Op {
			break
		}
		operands = append(operands, bin.R)
		x = bin.L
	}
	operands = append(operands, x)
	var args []plan.Expr
	for i := len(operands) - 1; i >= 0; i-- {
		a, err := b.condition(sc, operands[i], e.Op)
		if err != nil {
			return nil, err
		}
		switch a := a.(type) {
		case *plan.And:
			if e.Op == "AND" {
				args = append(args, a.Args...)
				continue
			}
		case *plan.Or:
			if e.Op == "OR" {
				args = append(args, a.Args...)
				continue
			}
		}
		args = append(args, a)
	}
	if e.Op == "AND" {
		return b.fold(&plan.And{Args: args}), nil
	}
	return b.fold(&plan.Or{Args: args}), nil
}

// instants lets a time in milliseconds be compared with a timestamp written as a string, as ksqlDB does for ROWTIME.
func (b *binder) instants(op string, l, r plan.Expr, e *ast.Binary) (plan.Expr, plan.Expr, error) {
	switch op {
	case "=", "<>", "<", "<=", ">", ">=":
	default:
		return l, r, nil
	}
	var err error
	if b.refs[l].millis {
		r, err = b.instant(r, e.R.Pos())
	} else if b.refs[r].millis {
		l, err = b.instant(l, e.L.Pos())
	}
	return l, r, err
}

// instant gives an untyped literal that is not a number as milliseconds since 1970.
func (b *binder) instant(x plan.Expr, pos int) (plan.Expr, error) {
	c, ok := x.(*plan.Const)
	if !ok || c.Value.Type != types.Unknown || c.Value.Null {
		return x, nil
	}
	text := strings.TrimSpace(c.Value.Str)
	if _, isInt := parseInt(text); isInt && len(text) != len("2024") {
		return x, nil
	}
	at, err := b.parseLiteral(completed(text), types.TimestampTZ, pos)
	if err != nil {
		return nil, err
	}
	v := at.(*plan.Const).Value.Int
	if v != -1<<63 && v != 1<<63-1 {
		v = floorDiv(v, 1000)
	}
	return &plan.Const{Value: types.Value{Type: types.Int8, Int: v}}, nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// operator resolves an operator over bound operands.
func (b *binder) operator(op string, xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	ts := make([]types.Type, len(xs))
	for i, x := range xs {
		ts[i] = x.Type()
	}
	if len(xs) == 2 && b.nestedPair(op, ts) {
		to := 0 // the side that both are given the type of
		if !fn.CanCast(ts[1], ts[0], fn.Implicit) {
			to = 1
		}
		if !fn.CanCast(ts[1-to], ts[to], fn.Implicit) {
			return nil, sqlerr.At(pos, sqlerr.UndefinedFunction, "operator does not exist: %s %s %s", ts[0], op, ts[1]).
				WithHint("No operator matches the given name and argument types. You might need to add explicit type casts.")
		}
		x, err := b.coerce(xs[1-to], ts[to], fn.Implicit, pos)
		if err != nil {
			return nil, err
		}
		xs[1-to], ts[1-to] = x, ts[to]
	}
	f, params, ret, err := fn.ResolveOperator(op, ts)
	if err != nil && op == "+" && len(ts) == 2 && concatenable(ts[0]) && concatenable(ts[1]) {
		f, params, ret, err = fn.ResolveOperator("||", ts) // ksqlDB's spelling
	}
	if err != nil {
		return nil, sqlerr.Locate(err, pos)
	}
	return b.apply(f, params, ret, xs, es, pos)
}

// nestedPair reports whether two maps or structs of different types are compared, or, in the statements of ksqlDB, two
// such arrays.
func (b *binder) nestedPair(op string, ts []types.Type) bool {
	switch op {
	case "=", "<>", "<", "<=", ">", ">=":
	default:
		return false
	}
	l, r := ts[0], ts[1]
	if l.Kind != r.Kind || l.Base() == r.Base() {
		return false
	}
	return l.Kind == types.KindMap || l.Kind == types.KindStruct || l.Kind == types.KindArray && b.lookupJoins()
}

func concatenable(t types.Type) bool { return t.IsString() || t == types.Unknown }

// apply converts the arguments and makes the call.
func (b *binder) apply(f *fn.Scalar, params []types.Type, ret types.Type, xs []plan.Expr, es []ast.Expr,
	pos int) (plan.Expr, error) {
	for i := range xs {
		at := pos
		if i < len(es) && es[i] != nil {
			at = leftmost(es[i])
		}
		x, err := b.coerceArg(xs[i], params[i], at)
		if err != nil {
			return nil, err
		}
		xs[i] = x
	}
	if b.maintained() && f.Volatile {
		return nil, sqlerr.At(pos, sqlerr.FeatureNotSupported,
			"function %s cannot be used in a query that is kept up to date", f.Name).
			WithHint("Its value changes from one evaluation to the next.")
	}
	return b.fold(&plan.Call{Fn: f, Args: xs, Typ: ret, Pos: pos}), nil
}

// scalar calls a function by name over bound arguments.
func (b *binder) scalar(name string, xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	ts := make([]types.Type, len(xs))
	for i, x := range xs {
		ts[i] = x.Type()
	}
	f, params, ret, err := fn.ResolveScalar(name, ts)
	if err != nil {
		return nil, sqlerr.Locate(err, pos)
	}
	return b.apply(f, params, ret, xs, es, pos)
}

// function calls a scalar function by name.
func (b *binder) function(sc *scope, name string, args []ast.Expr, pos int) (plan.Expr, error) {
	xs, _, err := b.bindAll(sc, args)
	if err != nil {
		return nil, err
	}
	return b.scalar(name, xs, args, pos)
}

// collate accepts the collations that order by bytes, which is the only order there is.
func (b *binder) collate(sc *scope, e *ast.Collate) (plan.Expr, error) {
	switch name := e.Name[len(e.Name)-1]; name {
	case "C", "POSIX", "default", "ucs_basic", "c", "posix":
	default:
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedObject,
			"collation \"%s\" for encoding \"UTF8\" does not exist", name)
	}
	x, err := b.known(sc, e.X)
	if err != nil {
		return nil, err
	}
	if !x.Type().IsString() {
		return nil, sqlerr.At(e.Pos(), sqlerr.DatatypeMismatch, "collations are not supported by type %s", x.Type())
	}
	return x, nil
}

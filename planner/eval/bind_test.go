package eval_test

import (
	"fmt"
	"strings"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// This is a binder of constant expressions, enough for tests of functions.

func bindType(t *ast.Type) types.Type {
	name := strings.Join(t.Name, ".")
	if name == "array" {
		return types.ArrayOf(bindType(t.Elem))
	}
	typ, ok := types.ByName(name)
	if !ok {
		panic(fmt.Sprintf("test: no type %q", name))
	}
	switch {
	case len(t.Args) == 0:
	case typ.Kind == types.KindNumeric:
		scale := 0
		if len(t.Args) == 2 {
			scale = t.Args[1]
		}
		return types.NumericOf(t.Args[0], scale)
	case typ.IsString():
		return typ.WithMod(int32(t.Args[0] + 4))
	default:
		return typ.WithMod(int32(t.Args[0]))
	}
	return typ
}

func convert(e plan.Expr, t types.Type, explicit bool) plan.Expr {
	if e.Type() == t {
		return e
	}
	return &plan.Cast{X: e, Typ: t, Explicit: explicit}
}

func literalConst(t types.Type, s string) *plan.Const {
	v, err := types.Parse(t, s, types.Env{})
	if err != nil {
		panic(err)
	}
	return &plan.Const{Value: v}
}

func bindLit(e *ast.Lit) plan.Expr {
	switch e.Kind {
	case ast.LitNull:
		return &plan.Const{Value: types.NullOf(types.Unknown)}
	case ast.LitBool:
		return literalConst(types.Bool, e.Text)
	case ast.LitInt:
		for _, t := range []types.Type{types.Int4, types.Int8} {
			if v, err := types.Parse(t, e.Text, types.Env{}); err == nil {
				return &plan.Const{Value: v}
			}
		}
		return literalConst(types.Numeric, e.Text)
	case ast.LitNumber:
		return literalConst(types.Numeric, e.Text)
	default:
		return &plan.Const{Value: types.Value{Type: types.Unknown, Str: e.Text}}
	}
}

type bindError struct{ error }

func check(err error) {
	if err != nil {
		panic(bindError{err})
	}
}

func bindAll(es ...ast.Expr) (out []plan.Expr, ts []types.Type) {
	for _, e := range es {
		x := bindExpr(e)
		out, ts = append(out, x), append(ts, x.Type())
	}
	return out, ts
}

func makeCall(f *fn.Scalar, params []types.Type, ret types.Type, args []plan.Expr) plan.Expr {
	for i := range args {
		args[i] = convert(args[i], params[i], false)
	}
	return &plan.Call{Fn: f, Args: args, Typ: ret, Pos: -1}
}

func operator(op string, es ...ast.Expr) plan.Expr {
	args, ts := bindAll(es...)
	f, params, ret, err := fn.ResolveOperator(op, ts)
	check(err)
	return makeCall(f, params, ret, args)
}

func function(name string, es ...ast.Expr) plan.Expr {
	args, ts := bindAll(es...)
	f, params, ret, err := fn.ResolveScalar(name, ts)
	check(err)
	return makeCall(f, params, ret, args)
}

func common(what string, es []plan.Expr) types.Type {
	ts := make([]types.Type, len(es))
	for i, e := range es {
		ts[i] = e.Type()
	}
	t, err := fn.CommonType(ts, what)
	check(err)
	for i := range es {
		es[i] = convert(es[i], t, false)
	}
	return t
}

func bindExpr(e ast.Expr) plan.Expr {
	switch e := e.(type) {
	case *ast.Lit:
		return bindLit(e)
	case *ast.Unary:
		if e.Op == "NOT" {
			return &plan.Not{X: convert(bindExpr(e.X), types.Bool, false)}
		}
		return operator(e.Op, e.X)
	case *ast.Binary:
		if e.Op == "AND" || e.Op == "OR" {
			args, _ := bindAll(e.L, e.R)
			for i := range args {
				args[i] = convert(args[i], types.Bool, false)
			}
			if e.Op == "AND" {
				return &plan.And{Args: args}
			}
			return &plan.Or{Args: args}
		}
		return operator(e.Op, e.L, e.R)
	case *ast.Cast:
		x, t := bindExpr(e.X), bindType(e.Type)
		if !fn.CanCast(x.Type(), t, fn.Explicit) {
			check(sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", x.Type(), t))
		}
		return convert(x, t, true)
	case *ast.Call:
		switch name := e.Name[len(e.Name)-1]; {
		case name == "coalesce":
			args, _ := bindAll(e.Args...)
			return &plan.Coalesce{Args: args, Typ: common("COALESCE", args)}
		case fn.TakesLambda(name):
			return lambdaCall(name, e.Args)
		case e.Form == "TRIM LEADING":
			return function("ltrim", e.Args...)
		case e.Form == "TRIM TRAILING":
			return function("rtrim", e.Args...)
		case e.Form == "TRIM BOTH":
			return function("btrim", e.Args...)
		default:
			return function(name, e.Args...)
		}
	case *ast.Array:
		args, _ := bindAll(e.Elems...)
		return &plan.Array{Elems: args, Typ: types.ArrayOf(common("ARRAY", args))}
	case *ast.Map:
		keys, _ := bindAll(e.Keys...)
		vals, _ := bindAll(e.Vals...)
		return &plan.Map{Keys: keys, Vals: vals, Typ: types.MapOf(common("MAP", keys), common("MAP", vals))}
	case *ast.ColRef:
		for i := len(vars) - 1; i >= 0; i-- {
			if vars[i].Name == e.Name[0] {
				return vars[i]
			}
		}
	case *ast.Is:
		return bindIs(e)
	case *ast.Like:
		return bindLike(e)
	case *ast.AtTimeZone:
		return function("timezone", e.Zone, e.X)
	case *ast.Index:
		return function("subscript", e.X, e.I)
	case *ast.Quant:
		args, _ := bindAll(e.L, e.Arr)
		f, params, ret, err := fn.ResolveAny(e.Op, e.All, args[0].Type(), args[1].Type())
		check(err)
		return makeCall(f, params, ret, args)
	case *ast.Case:
		return bindCase(e)
	}
	panic(fmt.Sprintf("test: no binding of %T", e))
}

// vars are the parameters of the lambdas that are being bound.
var vars []*plan.Var

// lambdaCall binds a function whose last arguments are lambdas.
func lambdaCall(name string, es []ast.Expr) plan.Expr {
	plain := len(es)
	params := func(e ast.Expr) ([]string, ast.Expr) {
		switch e := e.(type) {
		case *ast.Lambda:
			return e.Params, e.Body
		case *ast.NamedArg:
			return []string{e.Name}, e.X
		}
		return nil, nil
	}
	for plain > 0 {
		if _, body := params(es[plain-1]); body == nil {
			break
		}
		plain--
	}
	args, ts := bindAll(es[:plain]...)
	if plain == len(es) {
		check(sqlerr.New(sqlerr.UndefinedFunction, "function %s(%s) does not exist", name, fn.Signature(ts)))
	}
	names, _ := params(es[plain])
	f, paramTypes, err := fn.ResolveLambda(name, ts, len(es)-plain, len(names))
	check(err)
	for _, e := range es[plain:] {
		names, body := params(e)
		first := len(vars)
		for k, n := range names {
			vars = append(vars, &plan.Var{N: first + k, Typ: paramTypes[k], Name: n})
		}
		l := &plan.Lambda{First: first, Params: paramTypes, Names: names, Body: bindExpr(body)}
		vars = vars[:first]
		args, ts = append(args, l), append(ts, l.Type())
	}
	_, ret, ok := f.Resolve(ts)
	if !ok {
		check(sqlerr.New(sqlerr.DatatypeMismatch, "lambda"))
	}
	return &plan.Call{Fn: f, Args: args, Typ: ret, Pos: -1}
}

func bindIs(e *ast.Is) plan.Expr {
	x := bindExpr(e.X)
	switch e.What {
	case "NULL", "UNKNOWN":
		return &plan.IsNull{X: x, Not: e.Not}
	default:
		return &plan.IsBool{X: convert(x, types.Bool, false), Want: e.What == "TRUE", Not: e.Not}
	}
}

func bindLike(e *ast.Like) plan.Expr {
	name := map[string]string{"LIKE": "like", "ILIKE": "ilike", "SIMILAR": "similar_to"}[e.Op]
	if e.Not {
		name = "not_" + name
	}
	args := []ast.Expr{e.X, e.Pat}
	if e.Esc != nil {
		args = append(args, e.Esc)
	}
	return function(name, args...)
}

func bindCase(e *ast.Case) plan.Expr {
	c := &plan.Case{}
	var vals []plan.Expr
	for _, w := range e.When {
		cond := bindExpr(w.Cond)
		if e.X != nil {
			cond = operator("=", e.X, w.Cond)
		}
		c.When = append(c.When, plan.When{Cond: cond})
		vals = append(vals, bindExpr(w.Then))
	}
	vals = append(vals, bindLit(&ast.Lit{}))
	if e.Else != nil {
		vals[len(vals)-1] = bindExpr(e.Else)
	}
	c.Typ = common("CASE", vals)
	for i := range c.When {
		c.When[i].Then = vals[i]
	}
	c.Else = vals[len(vals)-1]
	return c
}

// now is the time of all tests.
const now = 1_700_000_000_000_000

func testEnv() *fn.Env {
	return &fn.Env{Now: now, Setting: func(name string) string {
		return map[string]string{"timezone": "UTC", "user": "leat"}[name]
	}}
}

// bindText parses and binds an expression.
func bindText(text string) (e plan.Expr, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, ok := p.(bindError)
			if !ok {
				panic(p)
			}
			err = b.error
		}
	}()
	x, err := parse.Expr(text)
	if err != nil {
		return nil, err
	}
	e = bindExpr(x)
	if e.Type() == types.Unknown {
		e = convert(e, types.Text, false)
	}
	return e, nil
}

// evaluate computes a constant expression.
func evaluate(text string) (types.Value, error) {
	e, err := bindText(text)
	if err != nil {
		return types.Value{}, err
	}
	return eval.EvalConst(testEnv(), e)
}

// show prints a value as a query's output; NULL as nothing.
func show(v types.Value) string {
	if v.Null {
		return ""
	}
	return string(types.AppendText(nil, v, types.Env{}))
}

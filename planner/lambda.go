package planner

import (
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// lambdaOf returns an argument as a lambda: (x, y) => body, or x => body, which looks like an argument by name.
func lambdaOf(e ast.Expr) *ast.Lambda {
	switch e := e.(type) {
	case *ast.Lambda:
		return e
	case *ast.NamedArg:
		return &ast.Lambda{P: e.P, Params: []string{e.Name}, Body: e.X}
	}
	return nil
}

// lambdaCall binds a call of a function that takes lambdas, which are its last arguments.
func (b *binder) lambdaCall(sc *scope, e *ast.Call, name string) (plan.Expr, error) {
	plain := len(e.Args)
	for plain > 0 && lambdaOf(e.Args[plain-1]) != nil {
		plain--
	}
	xs, ts, err := b.bindAll(sc, e.Args[:plain])
	if err != nil {
		return nil, err
	}
	if len(e.Args) == plain {
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s(%s) does not exist", name, fn.Signature(ts)).
			WithHint("The last arguments of %s are lambdas: x => …", name)
	}
	for i, x := range xs { // a bare literal is text, unless the lambda makes more of it
		if x.Type() == types.Unknown {
			if xs[i], err = b.coerce(x, types.Text, fn.Implicit, leftmost(e.Args[i])); err != nil {
				return nil, err
			}
			ts[i] = types.Text
		}
	}
	f, params, err := fn.ResolveLambda(name, ts, len(e.Args)-plain, len(lambdaOf(e.Args[plain]).Params))
	if err != nil {
		return nil, sqlerr.Locate(err, e.Pos())
	}
	lambdas, err := b.lambdas(sc, e.Args[plain:], params)
	if err != nil {
		return nil, err
	}
	all := func() (out []types.Type) {
		out = append(out, ts...)
		for _, l := range lambdas {
			out = append(out, l.Type())
		}
		return out
	}
	want, ret, ok := f.Resolve(all())
	if ok && want[plain-1] != ts[plain-1] { // the result needs a wider type than it begins with
		ts[plain-1] = want[plain-1]
		if params, ok = f.LambdaParams(ts); ok {
			if lambdas, err = b.lambdas(sc, e.Args[plain:], params); err != nil {
				return nil, err
			}
			want, ret, ok = f.Resolve(all())
		}
	}
	if !ok {
		return nil, sqlerr.At(e.Pos(), sqlerr.DatatypeMismatch,
			"function %s(%s) cannot take a lambda of type %s", name, fn.Signature(ts), lambdas[0].Type())
	}
	for i, l := range lambdas {
		if l.Body, err = b.coerceArg(l.Body, want[plain+i], leftmost(lambdaOf(e.Args[plain+i]).Body)); err != nil {
			return nil, err
		}
		xs = append(xs, l)
	}
	return b.apply(f, want, ret, xs, e.Args, e.Pos())
}

// lambdas binds the bodies of lambdas whose parameters have these types.
func (b *binder) lambdas(sc *scope, es []ast.Expr, params []types.Type) ([]*plan.Lambda, error) {
	var out []*plan.Lambda
	for _, e := range es {
		l := lambdaOf(e)
		if len(l.Params) != len(params) {
			return nil, sqlerr.At(l.Pos(), sqlerr.SyntaxError, "lambda has %d parameters, not %d", len(l.Params), len(params))
		}
		first := len(b.vars)
		for k, name := range l.Params {
			b.vars = append(b.vars, &plan.Var{N: first + k, Typ: params[k], Name: name})
		}
		body, err := b.known(sc, l.Body)
		b.vars = b.vars[:first]
		if err != nil {
			return nil, err
		}
		out = append(out, &plan.Lambda{First: first, Params: params, Names: l.Params, Body: body})
	}
	return out, nil
}

// variable finds the parameter of a lambda around it that a name means; nil when there is none.
func (b *binder) variable(e *ast.ColRef) plan.Expr {
	if len(e.Name) == 1 {
		for i := len(b.vars) - 1; i >= 0; i-- {
			if b.vars[i].Name == e.Name[0] {
				v := *b.vars[i]
				return &v
			}
		}
	}
	return nil
}

// callArgs binds the arguments of a function. Where one takes a unit of time, its word may stand as it is: DAYS.
func (b *binder) callArgs(sc *scope, name string, es []ast.Expr) ([]plan.Expr, []types.Type, error) {
	if len(es) > 0 && fn.TakesUnit(name) {
		if c, ok := es[0].(*ast.ColRef); ok && len(c.Name) == 1 && fn.IsUnit(c.Name[0]) && !sc.has(c.Name[0]) {
			es = append([]ast.Expr{&ast.Lit{P: c.P, Kind: ast.LitString, Text: strings.ToLower(c.Name[0])}}, es[1:]...)
		}
	}
	return b.bindAll(sc, es)
}

package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// call binds a function call: a scalar function, an aggregate, or one of the forms that are not functions.
func (b *binder) call(sc *scope, e *ast.Call) (plan.Expr, error) {
	name := e.Name[len(e.Name)-1]
	if e.NoParens && sc.has(name) {
		return b.column(sc, &ast.ColRef{P: e.P, Name: e.Name})
	}
	switch {
	case b.made(e.Name):
		return b.madeCall(sc, e)
	case e.Over != nil:
		return b.over(sc, e, name)
	case fn.IsTable(name) && (!fn.IsScalar(name) || sc.srfs && !b.lookupJoins()): // ksqlDB's generate_series is an array
		return b.setReturning(sc, e, name)
	case fn.IsWindow(name) && e.Within == nil && !fn.IsScalar(name):
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "window function %s requires an OVER clause", name)
	case e.Within != nil && !fn.IsAggregate(name):
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "WITHIN GROUP is for aggregates, and %s is none", name)
	case e.Variadic && (fn.IsAggregate(name) || fn.IsWindow(name) || fn.TakesLambda(name)):
		return nil, refuse(e.Pos(), "VARIADIC")
	case e.Nulls != "":
		return nil, refuse(e.Pos(), "%s NULLS", e.Nulls)
	case !systemName(e.Name):
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s does not exist", strings.Join(e.Name, "."))
	}
	if name == "grouping" && len(e.Args) > 0 && !fn.IsScalar(name) {
		return b.groupingCall(sc, e)
	}
	if fn.IsAggregate(name) && !fn.IsScalar(name) {
		return b.aggregate(sc, e, name)
	}
	if err := plainCall(e, name); err != nil {
		return nil, err
	}
	switch name {
	case "coalesce", "ifnull":
		if name == "coalesce" || len(e.Args) == 2 {
			return b.coalesce(sc, e, name)
		}
	case "nullif":
		if len(e.Args) == 2 {
			return b.nullif(sc, e)
		}
	}
	if fn.TakesLambda(name) {
		return b.lambdaCall(sc, e, name)
	}
	e, err := positional(e, name)
	if err != nil {
		return nil, err
	}
	xs, _, err := b.callArgs(sc, name, e.Args)
	if err != nil {
		return nil, err
	}
	if x, err := b.ksqlFunction(name, xs, e.Args, e.Pos()); x != nil || err != nil {
		return x, err
	}
	if e.Variadic {
		return b.variadic(name, xs, e)
	}
	if f := b.formName(e, name); f != name {
		name = f
	} else if x, ok, err := b.functionalCast(name, xs, e); ok {
		return x, err
	}
	x, err := b.scalar(name, xs, e.Args, e.Pos())
	if err != nil && sqlerr.From(err).Code == sqlerr.UndefinedFunction && b.functions(e.Name) != nil {
		return b.madeCall(sc, e)
	}
	return x, err
}

// systemName reports whether a name may be that of a function of the server.
func systemName(name []string) bool {
	last := len(name) - 1
	return last == 0 || name[last-1] == systemSchema ||
		name[last-1] == "information_schema" && strings.HasPrefix(name[last], "_pg_")
}

// positional puts the arguments that are given by name in their places.
func positional(e *ast.Call, name string) (*ast.Call, error) {
	params, otherwise := fn.Parameters(name)
	if params == nil {
		return e, nil
	}
	var args []ast.Expr
	for i, x := range e.Args {
		named, ok := x.(*ast.NamedArg)
		switch {
		case !ok && len(args) > i || !ok && i > 0 && isNamed(e.Args[i-1]):
			return nil, sqlerr.At(x.Pos(), sqlerr.SyntaxError, "positional argument cannot follow named argument")
		case !ok:
			args = append(args, x)
			continue
		}
		at := slices.Index(params, named.Name)
		if at < 0 {
			return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s with an argument %s does not exist", name,
				named.Name).WithHint("No function matches the given name and argument types. " +
				"You might need to add explicit type casts.")
		}
		for len(args) <= at {
			args = append(args, nil)
		}
		if args[at] != nil {
			return nil, sqlerr.At(x.Pos(), sqlerr.SyntaxError, "argument name \"%s\" used more than once", named.Name)
		}
		args[at] = named.X
	}
	for i, x := range args {
		if x != nil {
			continue
		}
		var err error
		if args[i], err = parse.Expr(otherwise); err != nil {
			return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s needs argument %s", name, params[i])
		}
	}
	plain := *e
	plain.Args = args
	return &plain, nil
}

func isNamed(x ast.Expr) bool {
	_, ok := x.(*ast.NamedArg)
	return ok
}

// variadic binds a call whose last argument is an array of arguments.
func (b *binder) variadic(name string, xs []plan.Expr, e *ast.Call) (plan.Expr, error) {
	ts := make([]types.Type, len(xs))
	for i, x := range xs {
		ts[i] = x.Type()
	}
	f, params, ret, err := fn.ResolveVariadic(name, ts)
	if err != nil {
		return nil, sqlerr.Locate(err, e.Pos())
	}
	return b.apply(f, params, ret, xs, e.Args, e.Pos())
}

// plainCall refuses what only aggregates take.
func plainCall(e *ast.Call, name string) error {
	what := ""
	switch {
	case e.Star && !fn.IsScalar(name):
		return sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s() does not exist", name)
	case e.Star:
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "%s(*) specified, but %s is not an aggregate function", name, name)
	case e.Distinct:
		what = "DISTINCT"
	case len(e.Order) > 0:
		what = "ORDER BY"
	case e.Filter != nil:
		what = "FILTER"
	}
	if what == "" || !fn.IsScalar(name) {
		return nil
	}
	return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "%s specified, but %s is not an aggregate function", what, name)
}

// formName is the function behind an SQL form such as TRIM(LEADING a FROM b).
func (b *binder) formName(e *ast.Call, name string) string {
	switch e.Form {
	case "TRIM", "TRIM BOTH":
		return "btrim"
	case "TRIM LEADING":
		return "ltrim"
	case "TRIM TRAILING":
		return "rtrim"
	}
	return name
}

// functionalCast reads type(x) as a cast, as PostgreSQL does, unless a function of that name is for what x is:
// int4('5'), date(ts), but text(inet).
func (b *binder) functionalCast(name string, xs []plan.Expr, e *ast.Call) (plan.Expr, bool, error) {
	if len(xs) != 1 || e.Form != "" {
		return nil, false, nil
	}
	t, ok := typeNames[name]
	if !ok || t.Kind == types.KindArray {
		return nil, false, nil
	}
	from := xs[0].Type()
	literal := from == types.Unknown && isConst(xs[0])
	if fn.IsScalar(name) && !literal && (fn.Takes(name, from) || !fn.CanCast(from, t, fn.Explicit)) {
		return nil, false, nil
	}
	x, err := b.coerce(xs[0], t, fn.Explicit, e.Pos())
	return x, true, err
}

// coalesce binds COALESCE and ksqlDB's IFNULL.
func (b *binder) coalesce(sc *scope, e *ast.Call, name string) (plan.Expr, error) {
	xs, _, err := b.bindAll(sc, e.Args)
	if err != nil {
		return nil, err
	}
	if len(xs) == 0 {
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s() does not exist", name)
	}
	t, err := b.common(xs, e.Args, strings.ToUpper(name), e.Pos())
	if err != nil {
		return nil, err
	}
	if len(xs) == 1 {
		return xs[0], nil
	}
	return b.fold(&plan.Coalesce{Args: xs, Typ: t}), nil
}

// nullif binds NULLIF(x, y): NULL where they are equal, else x.
func (b *binder) nullif(sc *scope, e *ast.Call) (plan.Expr, error) {
	xs, _, err := b.bindAll(sc, e.Args)
	if err != nil {
		return nil, err
	}
	if xs[0].Type() == types.Unknown {
		if _, err = b.common(xs, e.Args, "NULLIF", e.Pos()); err != nil {
			return nil, err
		}
	}
	_, params, _, err := fn.ResolveOperator("=", []types.Type{xs[0].Type(), xs[1].Type()})
	if err != nil {
		return nil, sqlerr.Locate(err, e.Pos())
	}
	eq, err := b.operator("=", xs, e.Args, e.Pos())
	if err != nil {
		return nil, err
	}
	x := xs[0] // of the type that it is compared in
	if t := params[0].Base(); t != x.Type().Base() {
		if x, err = b.coerce(x, t, fn.Implicit, e.Args[0].Pos()); err != nil {
			return nil, err
		}
	}
	return b.fold(&plan.Case{
		When: []plan.When{{Cond: eq, Then: &plan.Const{Value: types.NullOf(x.Type())}}}, Else: x, Typ: x.Type(),
	}), nil
}

// caseExpr binds both forms of CASE.
func (b *binder) caseExpr(sc *scope, e *ast.Case) (plan.Expr, error) {
	var operand plan.Expr
	var err error
	if e.X != nil {
		if operand, err = b.known(sc, e.X); err != nil {
			return nil, err
		}
	}
	n := len(e.When)
	conds := make([]plan.Expr, n)
	results, resultExprs := make([]plan.Expr, n+1), make([]ast.Expr, n+1)
	for i, w := range e.When {
		if operand == nil {
			conds[i], err = b.condition(sc, w.Cond, "CASE/WHEN")
		} else {
			var v plan.Expr
			if v, err = b.bind(sc, w.Cond); err == nil {
				conds[i], err = b.operator("=", []plan.Expr{operand, v}, []ast.Expr{e.X, w.Cond}, w.Cond.Pos())
			}
		}
		if err != nil {
			return nil, err
		}
		if results[i], err = b.bind(sc, w.Then); err != nil {
			return nil, err
		}
		resultExprs[i] = w.Then
	}
	results[n] = &plan.Const{Value: types.NullOf(types.Unknown)}
	if e.Else != nil {
		if results[n], err = b.bind(sc, e.Else); err != nil {
			return nil, err
		}
		resultExprs[n] = e.Else
	}
	// PostgreSQL looks at ELSE first, which matters where types convert to each other.
	order := slices.Concat(results[n:], results[:n])
	t, err := b.common(order, slices.Concat(resultExprs[n:], resultExprs[:n]), "CASE", e.Pos())
	if err != nil {
		return nil, err
	}
	results = slices.Concat(order[1:], order[:1])
	c := &plan.Case{Typ: t, Else: results[n]}
	for i := range conds {
		c.When = append(c.When, plan.When{Cond: conds[i], Then: results[i]})
	}
	return b.fold(c), nil
}

// cast binds CAST, TRY_CAST, :: and typed literals.
func (b *binder) cast(sc *scope, e *ast.Cast) (plan.Expr, error) {
	if lit, ok := e.X.(*ast.Lit); ok && lit.Kind == ast.LitString && e.Type.Interval != "" {
		return b.intervalFields(e, lit)
	}
	t, domain, err := b.ctx.domainType(e.Type)
	if err != nil {
		return nil, err
	}
	if domain != nil {
		return b.castToDomain(sc, e, domain)
	}
	for _, enum := range t.Enums() {
		b.use(enum.OID())
	}
	if arr, ok := e.X.(*ast.Array); ok && len(arr.Elems) == 0 && t.Kind == types.KindArray {
		return b.fold(&plan.Array{Typ: t}), nil
	}
	x, err := b.bind(sc, e.X)
	if err != nil {
		return nil, err
	}
	if e.Try {
		if x, err = b.known(sc, e.X); err != nil {
			return nil, err
		}
		if !fn.CanCast(x.Type(), t, fn.Explicit) {
			return nil, sqlerr.At(e.Pos(), sqlerr.CannotCoerce, "cannot cast type %s to %s", x.Type().Base(), t.Base())
		}
		return b.fold(&plan.Cast{X: x, Typ: t, Explicit: true, Try: true}), nil
	}
	if err := b.castable(x.Type(), t, e.Pos()); err != nil {
		return nil, err
	}
	at := e.Pos()
	if x.Type() == types.Unknown {
		at = e.X.Pos()
	}
	return b.coerce(x, t, fn.Explicit, at)
}

// castToDomain binds a cast to a domain: one to what it is a domain of, and its checks.
func (b *binder) castToDomain(sc *scope, e *ast.Cast, d *catalog.Relation) (plan.Expr, error) {
	if e.Try {
		return nil, refuse(e.Pos(), "TRY_CAST to a domain")
	}
	b.use(d.ID)
	base := d.Columns[0].Type
	x, err := b.bindAs(sc, e.X, base, fn.Explicit)
	if err != nil {
		return nil, err
	}
	at := e.Pos()
	if x.Type() == types.Unknown {
		at = e.X.Pos()
	}
	if x, err = b.coerce(x, base, fn.Explicit, at); err != nil {
		return nil, err
	}
	return b.foldOr(b.toDomain(x, d))
}

// intervalFields binds INTERVAL '3' MONTH and its like.
func (b *binder) intervalFields(e *ast.Cast, lit *ast.Lit) (plan.Expr, error) {
	plain := *e.Type
	plain.Interval = ""
	t, err := b.ctx.resolveType(&plain)
	if err != nil {
		return nil, err
	}
	v, err := types.ParseIntervalFields(lit.Text, e.Type.Interval)
	if err != nil {
		return nil, sqlerr.Locate(err, lit.Pos())
	}
	return b.coerce(&plan.Const{Value: types.Value{Type: types.IntervalType, Ivl: v}}, t, fn.Explicit, e.Pos())
}

package planner

import (
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// CreateFunction checks CREATE FUNCTION … LANGUAGE SQL and gives the function it would make; ID and times are the
// caller's to fill in.
func CreateFunction(ctx *Context, st *ast.CreateFunction) (*catalog.Function, error) {
	f := &catalog.Function{Schema: schemaOfName(ctx, st.Name), Name: st.Name.Last(), Body: st.Body, Strict: st.Strict,
		Path: strings.Join(ctx.path(), ", ")}
	for _, p := range st.Params {
		t, err := ctx.resolveType(p.Type)
		if err != nil {
			return nil, err
		}
		for _, had := range f.Params {
			if had.Name == p.Name && p.Name != "" {
				return nil, sqlerr.At(p.Pos(), sqlerr.InvalidFunctionDefinition,
					"parameter name \"%s\" used more than once", p.Name)
			}
		}
		if n := len(f.Params); p.Default == "" && n > 0 && f.Params[n-1].Default != "" {
			return nil, sqlerr.At(p.Pos(), sqlerr.InvalidFunctionDefinition,
				"input parameters after one with a default value must also have defaults")
		}
		f.Params = append(f.Params, catalog.Parameter{Name: p.Name, Type: t.Base(), Default: p.Default})
	}
	if err := functionResult(ctx, st, f); err != nil {
		return nil, err
	}
	if err := checkBody(ctx, st, f); err != nil {
		return nil, err
	}
	return f, checkSignature(ctx, st, f)
}

// functionResult resolves RETURNS.
func functionResult(ctx *Context, st *ast.CreateFunction, f *catalog.Function) error {
	for _, d := range st.Table {
		t, err := ctx.resolveType(d.Type)
		if err != nil {
			return err
		}
		f.Columns = append(f.Columns, catalog.Column{Name: d.Name, Type: t.Base()})
	}
	if st.Returns == nil {
		f.Returns = types.Void
		return nil
	}
	t, err := ctx.resolveType(st.Returns)
	if err != nil {
		return err
	}
	if t.Kind == types.KindVoid {
		return refuse(st.Returns.Pos(), "a function that gives void")
	}
	if f.Returns = t.Base(); st.SetOf {
		f.Columns = []catalog.Column{{Name: f.Name, Type: t.Base()}}
	}
	return nil
}

// checkBody binds the body over parameters of the declared types.
func checkBody(ctx *Context, st *ast.CreateFunction, f *catalog.Function) error {
	b := newBinder(ctx, modePull)
	v := &plan.Values{Rows: [][]plan.Expr{{}}}
	args := make([]plan.Expr, len(f.Params))
	for i, p := range f.Params {
		if p.Default != "" {
			if _, err := b.defaultOf(p, st.Params[i].Pos()); err != nil {
				return err
			}
		}
		v.Rows[0] = append(v.Rows[0], &plan.Const{Value: types.NullOf(p.Type)})
		v.Sch.Cols = append(v.Sch.Cols, colType(p.Name, p.Type))
		args[i] = &plan.Col{Index: i, Typ: p.Type, Name: p.Name}
	}
	q, err := parse.InlinedQuery(f.Body, st.BodyPos.Pos())
	if err != nil {
		e := *sqlerr.From(err)
		e.Offset = st.BodyPos.Pos()
		return &e
	}
	if q.Emit != ast.EmitNone {
		return sqlerr.At(st.BodyPos.Pos(), sqlerr.InvalidFunctionDefinition, "the query of a function cannot have EMIT")
	}
	call := &ast.Call{P: st.BodyPos, Name: []string{f.Name}}
	if f.Columns != nil {
		_, _, err = b.functionRows(&source{node: v}, f, q, args, st.BodyPos.Pos())
	} else {
		_, err = b.inline(&scope{src: &source{node: v}, clause: "a function"}, call, f, q, args)
	}
	return err
}

// checkSignature refuses a function there is already, or that would give another type than the one it replaces.
func checkSignature(ctx *Context, st *ast.CreateFunction, f *catalog.Function) error {
	for _, had := range ctx.Catalog.Functions(f.Schema, f.Name) {
		switch {
		case had.Signature() != f.Signature():
		case !st.OrReplace:
			return sqlerr.At(st.Name.Pos(), sqlerr.DuplicateFunction,
				"function \"%s\" already exists with same argument types", f.Name)
		case had.Returns != f.Returns || len(had.Columns) != len(f.Columns):
			return sqlerr.At(st.Name.Pos(), sqlerr.InvalidFunctionDefinition,
				"cannot change return type of existing function").WithHint("Use DROP FUNCTION %s first.", had.Signature())
		}
	}
	return nil
}

// functions lists the functions that a name means.
func (b *binder) functions(name []string) []*catalog.Function {
	last := name[len(name)-1]
	path := b.ctx.path()
	if len(name) > 1 {
		path = name[len(name)-2 : len(name)-1]
	}
	for _, schema := range path {
		if fs := b.ctx.Catalog.Functions(schema, last); fs != nil {
			return fs
		}
	}
	return nil
}

// made reports whether a name is one of a function that users have made, and of no other.
func (b *binder) made(name []string) bool {
	last := name[len(name)-1]
	known := len(name) == 1 && (fn.IsScalar(last) || fn.IsAggregate(last) || fn.IsTable(last) || fn.IsWindow(last))
	return !known && b.functions(name) != nil
}

// madeCall binds a call of a function that users have made, where a value stands.
func (b *binder) madeCall(sc *scope, e *ast.Call) (plan.Expr, error) {
	if e.Star || e.Distinct || len(e.Order) > 0 || e.Filter != nil || e.Over != nil || e.Within != nil {
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "%s is not an aggregate function", e.Name[len(e.Name)-1])
	}
	f, args, err := b.madeArgs(sc, e)
	if err != nil {
		return nil, err
	}
	if f.Columns != nil {
		return nil, refuse(e.Pos(), "a set-returning function of CREATE FUNCTION outside of FROM").
			WithHint("SELECT … FROM %s(…).", f.Name)
	}
	q, err := parse.InlinedQuery(f.Body, e.Pos())
	if err != nil {
		return nil, sqlerr.At(e.Pos(), sqlerr.DataCorrupted, "the query of function \"%s\" cannot be read", f.Name)
	}
	b.use(f.ID)
	x, err := b.inline(sc, e, f, q, args)
	return x, b.inFunction(err, f)
}

// inFunction says in which function an error was found.
func (b *binder) inFunction(err error, f *catalog.Function) error {
	if err == nil {
		return nil
	}
	e := *sqlerr.From(err)
	if !strings.HasPrefix(e.Message, "function \"") {
		e.Message = "function \"" + f.Name + "\": " + e.Message
	}
	return &e
}

// madeArgs picks the function that a call means and converts its arguments, those by name and defaults included.
func (b *binder) madeArgs(sc *scope, e *ast.Call) (*catalog.Function, []plan.Expr, error) {
	fs := b.functions(e.Name)
	inner := *sc
	inner.srfs, inner.wins = false, false
	given := make([]plan.Expr, len(e.Args))
	names := make([]string, len(e.Args))
	for i, a := range e.Args {
		if n, ok := a.(*ast.NamedArg); ok {
			names[i], a = n.Name, n.X
		} else if i > 0 && names[i-1] != "" {
			return nil, nil, sqlerr.At(a.Pos(), sqlerr.SyntaxError, "positional argument cannot follow named argument")
		}
		var err error
		if given[i], err = b.bind(&inner, a); err != nil {
			return nil, nil, err
		}
	}
	var fit []*catalog.Function
	var rows [][]plan.Expr
	var want [][]types.Type
	for _, f := range fs {
		if row := arranged(f, given, names); row != nil {
			fit, rows = append(fit, f), append(rows, row)
			want = append(want, f.Types()[:len(row)])
		}
	}
	at, err := b.choose(e, fit, rows, want, given)
	if err != nil {
		return nil, nil, err
	}
	f, row := fit[at], rows[at]
	for i, p := range f.Params {
		if i >= len(row) {
			row = append(row, nil)
		}
		if row[i] == nil {
			if row[i], err = b.defaultOf(p, e.Pos()); err != nil {
				return nil, nil, err
			}
		}
		if row[i], err = b.coerce(row[i], p.Type, fn.Implicit, e.Pos()); err != nil {
			return nil, nil, err
		}
	}
	return f, row, nil
}

// arranged puts arguments in the places of a function's parameters, nil where a default stands; nil when they do not
// fit.
func arranged(f *catalog.Function, given []plan.Expr, names []string) []plan.Expr {
	if len(given) > len(f.Params) {
		return nil
	}
	row := make([]plan.Expr, len(f.Params))
	for i, x := range given {
		at := i
		if names[i] != "" {
			at = -1
			for k, p := range f.Params {
				if p.Name == names[i] {
					at = k
				}
			}
		}
		if at < 0 || row[at] != nil {
			return nil
		}
		row[at] = x
	}
	for i, p := range f.Params {
		if row[i] == nil && p.Default == "" {
			return nil
		}
	}
	return row
}

// choose picks one of several functions by the types of the arguments.
func (b *binder) choose(e *ast.Call, fit []*catalog.Function, rows [][]plan.Expr, want [][]types.Type,
	given []plan.Expr) (int, error) {
	var ts []types.Type
	for _, x := range given {
		ts = append(ts, x.Type())
	}
	lists := make([][]types.Type, len(fit))
	for i, row := range rows {
		for _, x := range given {
			for k, y := range row {
				if x == y {
					lists[i] = append(lists[i], want[i][k])
				}
			}
		}
	}
	at, err := fn.Choose(e.Name[len(e.Name)-1], lists, ts)
	return at, sqlerr.Locate(err, e.Pos())
}

// defaultOf binds the default of a parameter.
func (b *binder) defaultOf(p catalog.Parameter, pos int) (plan.Expr, error) {
	e, err := parse.Expr(p.Default)
	if err != nil {
		return nil, sqlerr.At(pos, sqlerr.DataCorrupted, "the default of parameter \"%s\" cannot be read", p.Name)
	}
	x, err := b.bind(&scope{clause: "DEFAULT"}, e)
	if err != nil {
		x := *sqlerr.From(err)
		x.Offset = pos
		return nil, &x
	}
	return b.coerce(x, p.Type, fn.Assignment, pos)
}

// parameters is the source that the body of a function sees around it: its parameters, by name and by number.
func parameters(f *catalog.Function, node plan.Node, args []plan.Expr) *source {
	src := &source{node: node}
	for i, p := range f.Params {
		c := scopeColumn{table: f.Name, name: ordinalName("$", i+1), expr: args[i], hidden: true, argument: true}
		src.cols = append(src.cols, c)
		if c.name = p.Name; c.name != "" {
			src.cols = append(src.cols, c)
		}
	}
	return src
}

// maxFunctions bounds how deep functions call functions.
const maxFunctions = 32

// inline gives the value of a function, whose query is q, over the row of sc.
func (b *binder) inline(sc *scope, e *ast.Call, f *catalog.Function, q *ast.Query,
	args []plan.Expr) (plan.Expr, error) {
	leave, err := b.enterFunction(f, e.Pos())
	if err != nil {
		return nil, err
	}
	defer leave()
	var node plan.Node
	if sc.src != nil {
		node = sc.src.node
	}
	in := &scope{src: parameters(f, node, args), clause: "a function"}
	var x plan.Expr
	if only := onlyValue(q); only != nil {
		x, err = b.bind(in, only)
	} else {
		x, err = value(b.subquery(in, plan.ApplyScalar, q, e.Pos()))
	}
	if err != nil {
		return nil, err
	}
	if from := x.Type(); from != types.Unknown && !fn.CanCast(from, f.Returns, fn.Assignment) {
		return nil, sqlerr.At(e.Pos(), sqlerr.InvalidFunctionDefinition,
			"return type mismatch in function declared to return %s", f.Returns).
			WithDetail("Actual return type is %s.", from.Base())
	}
	if x, err = b.coerce(x, f.Returns, fn.Assignment, e.Pos()); err != nil || !f.Strict || len(args) == 0 {
		return x, err
	}
	missing := &plan.Or{}
	for _, a := range args {
		missing.Args = append(missing.Args, b.fold(&plan.IsNull{X: a}))
	}
	var cond plan.Expr = missing
	if len(args) == 1 {
		cond = missing.Args[0]
	}
	null := &plan.Const{Value: types.NullOf(f.Returns)}
	return b.fold(&plan.Case{When: []plan.When{{Cond: b.fold(cond), Then: null}}, Else: x, Typ: f.Returns}), nil
}

// value is the subquery of a call to subquery.
func value(s *plan.Subquery, _ *boundQuery, err error) (plan.Expr, error) { return orNil(s, err) }

// enterFunction makes the binder see names as the function's body does.
func (b *binder) enterFunction(f *catalog.Function, pos int) (leave func(), err error) {
	if b.calls++; b.calls > maxFunctions {
		return nil, sqlerr.At(pos, sqlerr.StatementTooComplex, "functions call each other too deeply").
			WithHint("A function of CREATE FUNCTION cannot call itself.")
	}
	restore := b.elsewhere(f.Path)
	return func() { restore(); b.calls-- }, nil
}

// onlyValue returns the expression of a query that is nothing else: SELECT x. Nil for any other query.
func onlyValue(q *ast.Query) ast.Expr {
	sel, ok := q.Body.(*ast.Select)
	if !ok || len(q.With) > 0 || len(q.Order) > 0 || q.Limit != nil || q.Offset != nil || len(sel.Items) != 1 ||
		len(sel.From) > 0 || sel.Where != nil || len(sel.Group) > 0 || sel.Having != nil || sel.Distinct ||
		sel.DistinctOn != nil {
		return nil
	}
	if _, star := sel.Items[0].X.(*ast.Star); star {
		return nil
	}
	return sel.Items[0].X
}

// functionRows binds the query of a set-returning function over the row of l, and gives what it asks of that row.
func (b *binder) functionRows(l *source, f *catalog.Function, q *ast.Query, args []plan.Expr,
	pos int) (*boundQuery, []plan.Expr, error) {
	leave, err := b.enterFunction(f, pos)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	bound, outer, err := b.inner(&scope{src: parameters(f, l.node, args), clause: "a function"}, q)
	if err != nil {
		return nil, nil, err
	}
	if len(bound.cols) != len(f.Columns) {
		return nil, nil, sqlerr.At(pos, sqlerr.InvalidFunctionDefinition,
			"return type mismatch in function declared to return record").
			WithDetail("The query gives %d columns, not %d.", len(bound.cols), len(f.Columns))
	}
	p := &plan.Project{In: bound.node}
	for i, c := range f.Columns {
		if !fn.CanCast(bound.cols[i].Type, c.Type, fn.Assignment) {
			return nil, nil, sqlerr.At(pos, sqlerr.InvalidFunctionDefinition,
				"return type mismatch in function declared to return record").
				WithDetail("Column \"%s\" is of type %s, not %s.", c.Name, bound.cols[i].Type.Base(), c.Type)
		}
		x, err := b.coerce(colOf(bound.node, i), c.Type, fn.Assignment, pos)
		if err != nil {
			return nil, nil, err
		}
		p.Exprs = append(p.Exprs, x)
		p.Sch.Cols = append(p.Sch.Cols, colType(c.Name, c.Type))
	}
	out := &boundQuery{node: p, cols: p.Sch.Cols, millis: make([]bool, len(p.Exprs)), rowTime: -1, streamTime: -1}
	return out, outer, nil
}

// madeInFrom binds a call in FROM of a function that users have made, for every row of l. The columns of the result
// follow l's.
func (b *binder) madeInFrom(l *source, e *ast.FuncRef) (*source, error) {
	c := e.Calls[0]
	if len(e.Calls) > 1 || e.Ordinality {
		return nil, refuse(c.Pos(), "a function of CREATE FUNCTION in ROWS FROM or WITH ORDINALITY")
	}
	f, args, err := b.madeArgs(&scope{src: l, clause: "functions in FROM"}, c)
	if err != nil {
		return nil, err
	}
	if f.Columns == nil {
		return b.scalarInFrom(l, e, &scope{src: l, clause: "functions in FROM"})
	}
	q, err := parse.InlinedQuery(f.Body, c.Pos())
	if err != nil {
		return nil, sqlerr.At(c.Pos(), sqlerr.DataCorrupted, "the query of function \"%s\" cannot be read", f.Name)
	}
	b.use(f.ID)
	bound, outer, err := b.functionRows(l, f, q, args, c.Pos())
	if err != nil {
		return nil, b.inFunction(err, f)
	}
	alias := e.Alias
	switch {
	case alias.Name == "":
		alias.Name = f.Name
	case len(alias.Cols) == 0 && len(f.Columns) == 1 && f.Returns != types.Void: // SETOF type
		alias.Cols = []string{alias.Name}
	}
	r, err := b.derived(bound, alias, e.Pos())
	if err != nil {
		return nil, err
	}
	lw := len(l.node.Schema().Cols)
	switch {
	case len(outer) == 0 && lw == 0:
		return r, nil
	case len(outer) == 0:
		j := b.joined(plan.Inner, l, r)
		return &source{node: j.node, cols: j.cols[len(l.cols):]}, nil
	}
	a := &plan.Apply{In: l.node, Query: bound.node, Kind: plan.ApplyRows, Args: outer, Pos: e.Pos()}
	a.Sch.Cols = append(append(a.Sch.Cols, l.node.Schema().Cols...), bound.node.Schema().Cols...)
	for i := range r.cols {
		r.cols[i].expr = shift(r.cols[i].expr, lw)
	}
	r.node, r.key = a, nil
	return r, nil
}

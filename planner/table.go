package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// srfRef stands for the value of a set-returning function in a select list until its node is built. No finished plan
// holds one.
type srfRef struct {
	fn   *fn.Table
	args []plan.Expr
	cols []types.Field
	pos  int
}

// Type implements plan.Expr: the column, or a struct of the columns when there are several.
func (s *srfRef) Type() types.Type {
	if len(s.cols) == 1 {
		return s.cols[0].Type
	}
	return types.StructOf(s.cols...)
}

// tableCall resolves a call of a set-returning function.
func (b *binder) tableCall(sc *scope, e *ast.Call, name string) (*srfRef, error) {
	if e.Distinct || e.Filter != nil || e.Star || len(e.Order) > 0 || e.Over != nil {
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "%s is a set-returning function, not an aggregate", name)
	}
	inner := *sc
	inner.srfs, inner.clause = false, "the arguments of a set-returning function"
	xs, ts, err := b.bindAll(&inner, e.Args)
	if err != nil {
		return nil, err
	}
	f, params, cols, err := fn.ResolveTable(name, ts)
	if err != nil {
		return nil, sqlerr.Locate(err, e.Pos())
	}
	for i := range xs {
		if xs[i], err = b.coerceArg(xs[i], params[i], leftmost(e.Args[i])); err != nil {
			return nil, err
		}
	}
	if f.Volatile && b.maintained() {
		return nil, sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported,
			"function %s cannot be used in a query that is kept up to date", name)
	}
	return &srfRef{fn: f, args: xs, cols: cols, pos: e.Pos()}, nil
}

// setReturning binds a call of a set-returning function where a value stands.
func (b *binder) setReturning(sc *scope, e *ast.Call, name string) (plan.Expr, error) {
	if !sc.srfs {
		where := sc.clause
		if where == "" {
			where = "this place"
		}
		return nil, sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported,
			"set-returning functions are not allowed in %s", where)
	}
	if fn.TakesRecord(name) {
		return nil, sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported, "could not determine row type for result of %s", name).
			WithHint("Call the function in the FROM clause using a column definition list.")
	}
	return b.tableCall(sc, e, name)
}

// expandRows builds the node that calls the set-returning functions of a select list, and gives exprs over it.
func (s *selection) expandRows(node plan.Node, exprs []plan.Expr) (plan.Node, []plan.Expr, error) {
	var calls []*srfRef
	for _, x := range exprs {
		visit(x, func(e plan.Expr) bool {
			if r, ok := e.(*srfRef); ok {
				calls = append(calls, r)
			}
			return true
		})
	}
	if len(calls) == 0 {
		return node, exprs, nil
	}
	if err := s.rowsPerKey(calls[0].pos); err != nil {
		return nil, nil, err
	}
	t := &plan.TableFunc{In: node, Pos: calls[0].pos}
	t.Sch.Cols = append(t.Sch.Cols, node.Schema().Cols...)
	at := map[*srfRef]int{}
	for _, r := range calls {
		at[r] = len(t.Sch.Cols)
		addCall(t, r)
	}
	out := make([]plan.Expr, len(exprs))
	for i, x := range exprs {
		out[i] = rewrite(x, func(e plan.Expr) plan.Expr {
			r, ok := e.(*srfRef)
			if !ok {
				return nil
			}
			if len(r.cols) == 1 {
				return colOf(t, at[r])
			}
			v := &plan.Struct{Typ: r.Type()}
			for k := range r.cols {
				v.Vals = append(v.Vals, colOf(t, at[r]+k))
			}
			return v
		})
	}
	return t, out, nil
}

// addCall adds a call and its columns to a node.
func addCall(t *plan.TableFunc, r *srfRef) {
	call := plan.TableCall{Fn: r.fn, Args: r.args}
	for _, c := range r.cols {
		name := c.Name
		if name == "" {
			name = r.fn.Name
		}
		call.Cols = append(call.Cols, c.Type)
		t.Sch.Cols = append(t.Sch.Cols, colType(name, c.Type))
	}
	t.Calls = append(t.Calls, call)
}

// tableFunction binds a function in FROM for every row of l, which may be a single row of no columns. The columns of
// the result follow l's.
func (b *binder) tableFunction(l *source, e *ast.FuncRef) (*source, error) {
	if b.made(e.Calls[0].Name) {
		return b.madeInFrom(l, e)
	}
	e, err := described(e)
	if err != nil {
		return nil, err
	}
	calls := e.Calls
	if c := calls[0]; len(calls) == 1 && len(c.Args) > 1 && c.Name[len(c.Name)-1] == "unnest" {
		calls = nil
		for _, a := range c.Args {
			calls = append(calls, &ast.Call{P: c.P, Name: c.Name, Args: []ast.Expr{a}})
		}
	}
	sc := &scope{src: l, clause: "functions in FROM"}
	t := &plan.TableFunc{In: l.node, Ordinality: e.Ordinality, Pos: e.Pos()}
	t.Sch.Cols = append(t.Sch.Cols, l.node.Schema().Cols...)
	name := ""
	for _, c := range calls {
		name = c.Name[len(c.Name)-1]
		if !fn.IsTable(name) {
			return b.scalarInFrom(l, e, sc)
		}
		r, err := b.tableCall(sc, c, name)
		if err != nil {
			return nil, err
		}
		addCall(t, r)
	}
	if e.Ordinality {
		t.Sch.Cols = append(t.Sch.Cols, colType("ordinality", types.Int8))
	}
	return functionColumns(l, t, e, name, len(calls) == 1 && len(t.Calls[0].Cols) == 1 && t.Calls[0].Fn.Value())
}

// described gives a function the row that a column definition list describes, as a NULL before its arguments. No other
// function may have such a list, and those that need one may not stand without.
func described(e *ast.FuncRef) (*ast.FuncRef, error) {
	defs := e.Alias.Defs
	for _, c := range e.Calls {
		switch name := c.Name[len(c.Name)-1]; {
		case fn.TakesRecord(name) && len(defs) == 0:
			return nil, sqlerr.At(c.Pos(), sqlerr.SyntaxError,
				"a column definition list is required for functions returning \"record\"")
		case !fn.TakesRecord(name) && len(defs) > 0:
			return nil, sqlerr.At(defs[0].Pos(), sqlerr.SyntaxError,
				"a column definition list is only allowed for functions returning \"record\"")
		}
	}
	switch {
	case len(defs) == 0:
		return e, nil
	case len(e.Calls) > 1:
		return nil, refuse(defs[0].Pos(), "a column definition list of ROWS FROM")
	case e.Ordinality:
		return nil, sqlerr.At(defs[0].Pos(), sqlerr.SyntaxError,
			"WITH ORDINALITY cannot be used with a column definition list")
	}
	for i, d := range defs {
		for _, had := range defs[:i] {
			if had.Name == d.Name {
				return nil, sqlerr.At(d.Pos(), sqlerr.DuplicateColumn, "column name \"%s\" specified more than once", d.Name)
			}
		}
	}
	out, call := *e, *e.Calls[0]
	row := &ast.Cast{P: call.P, X: &ast.Lit{P: call.P}, Type: &ast.Type{P: call.P, Name: []string{"struct"}, Fields: defs}}
	call.Args = append([]ast.Expr{row}, call.Args...)
	out.Calls, out.Alias.Defs = []*ast.Call{&call}, nil
	return &out, nil
}

// scalarInFrom binds an ordinary function in FROM: one row of its value.
func (b *binder) scalarInFrom(l *source, e *ast.FuncRef, sc *scope) (*source, error) {
	c := e.Calls[0]
	if len(e.Calls) > 1 || e.Ordinality {
		return nil, refuse(c.Pos(), "an ordinary function in ROWS FROM or WITH ORDINALITY")
	}
	x, err := b.known(sc, c)
	if err != nil {
		return nil, err
	}
	cols := l.node.Schema().Cols
	p := &plan.Project{In: l.node, Sch: plan.Schema{Cols: append([]plan.Column(nil), cols...)}}
	for i := range cols {
		p.Exprs = append(p.Exprs, colOf(l.node, i))
	}
	name := c.Name[len(c.Name)-1]
	if t := x.Type(); t.Kind == types.KindStruct {
		for i, f := range t.Fields() {
			p.Exprs = append(p.Exprs, &plan.Field{X: x, Index: i, Typ: f.Type})
			p.Sch.Cols = append(p.Sch.Cols, colType(f.Name, f.Type))
		}
		return functionColumns(l, p, e, name, false)
	}
	p.Exprs = append(p.Exprs, x)
	p.Sch.Cols = append(p.Sch.Cols, colType(name, x.Type()))
	return functionColumns(l, p, e, name, true)
}

// functionColumns gives names to the columns of a function in FROM. A function of one value gives it its alias; a value
// that has a name keeps it and can be called by both.
func functionColumns(l *source, n plan.Node, e *ast.FuncRef, name string, single bool) (*source, error) {
	r := &source{node: n}
	cols := n.Schema().Cols
	for i := len(l.node.Schema().Cols); i < len(cols); i++ {
		r.cols = append(r.cols, scopeColumn{table: name, name: cols[i].Name, expr: colOf(n, i)})
	}
	switch {
	case !single || e.Alias.Name == "":
	case r.cols[0].name == name:
		r.cols[0].name = e.Alias.Name
	default: // the alias is the whole row, which is the value
		r.cols = append(r.cols, scopeColumn{name: e.Alias.Name, expr: r.cols[0].expr, hidden: true})
	}
	return renamed(r, e.Alias, e.Pos())
}

// lateral reports whether an item of FROM may refer to those before it.
func lateral(item ast.From) bool {
	switch item := item.(type) {
	case *ast.SubqueryRef:
		return item.Lateral
	case *ast.FuncRef:
		return !windowFunction(item)
	}
	return false
}

// beside binds an item of FROM for every row of l, and joins it with l: every row, or with left set one of NULLs where
// on, which may be nil, holds for none.
func (b *binder) beside(l *source, item ast.From, left bool, on ast.Expr) (*source, error) {
	var r *source
	var err error
	if f, ok := item.(*ast.FuncRef); ok {
		r, err = b.tableFunction(l, f)
	} else {
		r, err = b.lateralQuery(l, item.(*ast.SubqueryRef))
	}
	if err != nil {
		return nil, err
	}
	if err := distinctNames(l, r, item.Pos()); err != nil {
		return nil, err
	}
	for i := range r.cols {
		r.cols[i].optional = r.cols[i].optional || left
	}
	out := &source{node: r.node, cols: append(append([]scopeColumn(nil), l.cols...), r.cols...), stream: l.stream,
		rowTime: l.rowTime, streamTime: l.streamTime, key: l.key}
	if a, ok := r.node.(*plan.Apply); ok {
		out.stream = l.stream && r.stream
		out.key = nil
		a.Pos = item.Pos()
	}
	var cond plan.Expr
	if on != nil {
		if cond, err = b.condition(&scope{src: out, clause: "JOIN conditions"}, on, "JOIN/ON"); err != nil {
			return nil, err
		}
	}
	switch n := r.node.(type) {
	case *plan.Apply:
		if left {
			n.Kind, n.On = plan.ApplyLeft, cond
			return out, nil
		}
	case *plan.TableFunc:
		if left {
			n.Left, n.On = true, cond
			return out, nil
		}
	}
	if cond != nil {
		out.node = &plan.Filter{In: out.node, Cond: cond}
	}
	return out, nil
}

// lateralWithin reports whether an item of FROM is a join of which a part may refer to what stands before the item.
func lateralWithin(item ast.From) bool {
	j, ok := item.(*ast.Join)
	return ok && (lateralWithin(j.L) || lateral(j.R) || lateralWithin(j.R))
}

// lateralItem binds a join whose parts may refer to l, and joins it with l.
func (b *binder) lateralItem(l *source, item ast.From) (*source, error) {
	f := &outerFrame{sc: &scope{src: l, clause: "LATERAL"}, lateral: true}
	b.outer = append(b.outer, f)
	r, err := b.fromItem(item)
	b.outer = b.outer[:len(b.outer)-1]
	if err != nil {
		return nil, err
	}
	if err := distinctNames(l, r, item.Pos()); err != nil {
		return nil, err
	}
	out := b.joined(plan.Inner, l, r)
	if len(f.args) > 0 {
		out.node = &plan.Apply{In: l.node, Query: r.node, Kind: plan.ApplyRows, Args: f.args, Pos: item.Pos(),
			Sch: *out.node.Schema()}
		out.key = nil
	}
	return out, nil
}

// lateralJoin binds a join whose right side may refer to its left.
func (b *binder) lateralJoin(e *ast.Join, l *source) (*source, error) {
	switch {
	case e.Kind == "RIGHT" || e.Kind == "FULL":
		return nil, sqlerr.At(e.R.Pos(), sqlerr.InvalidColumnReference,
			"the combining JOIN type must be INNER or LEFT for a LATERAL reference")
	case len(e.Using) > 0 || e.Natural:
		return nil, refuse(e.Pos(), "USING or NATURAL with a function or LATERAL")
	}
	return b.beside(l, e.R, e.Kind == "LEFT", e.On)
}

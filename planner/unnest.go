package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// unnest replaces every Apply by joins, so that nothing is run row by row (Neumann and Kemper, Unnesting Arbitrary
// Queries). A query that refers outwards becomes one that gives, as leading columns, the outer values its rows are for,
// and is joined with the rows that have these values. Where the outer values come from, in this order:
//
//   - nowhere: the conditions that refer outwards are taken out of the query and become those of the join (loosen)
//   - the query itself: where they are compared with =, all values of the other side will do (dependent, byQuery)
//   - a domain: the distinct outer values, which are joined through the query (dependent, byDomain)
//
// Queries within queries go first, so none meets an Apply inside.
func (b *binder) unnest(n plan.Node) (plan.Node, error) {
	a, ok := n.(*plan.Apply)
	if !ok {
		var err error
		replaceInputs(n, func(in plan.Node) plan.Node {
			out, e := b.unnest(in)
			if e != nil {
				err = e
				return in
			}
			return out
		})
		return n, err
	}
	u := &unnesting{b: b, a: a, width: len(a.In.Schema().Cols), given: a.In}
	var err error
	if a.Query, err = b.unnest(a.Query); err != nil {
		return nil, err
	}
	u.inline()
	u.given = b.copyTree(u.base())
	if a.In, err = b.unnest(a.In); err != nil {
		return nil, err
	}
	out, err := u.replace()
	if err != nil {
		return nil, err
	}
	return u.restore(out), nil
}

// unnesting replaces one Apply.
type unnesting struct {
	b     *binder
	a     *plan.Apply
	width int       // columns of a.In
	given plan.Node // what the outer values are taken from: a.In as it was, or what it was made of
}

// inline puts arguments that do not depend on the row into the query. Those that refer further out are marked until the
// Apply is gone: their numbers are those of another query.
func (u *unnesting) inline() {
	a := u.a
	var args []plan.Expr
	at := make([]plan.Expr, len(a.Args))
	for i, x := range a.Args {
		if constant(x) && !volatile(x) {
			at[i] = rewrite(x, func(e plan.Expr) plan.Expr {
				if o, ok := e.(*plan.Outer); ok {
					return &plan.Outer{Index: ^o.Index, Typ: o.Typ, Name: o.Name}
				}
				return nil
			})
			continue
		}
		at[i] = &plan.Outer{Index: len(args), Typ: x.Type(), Name: "outer"}
		args = append(args, x)
	}
	if len(args) == len(a.Args) {
		return
	}
	a.Args = args
	mapOuter(a.Query, func(e plan.Expr) plan.Expr {
		if o, ok := e.(*plan.Outer); ok {
			if y, isOuter := at[o.Index].(*plan.Outer); isOuter && y.Index >= 0 {
				return &plan.Outer{Index: y.Index, Typ: o.Typ, Name: o.Name}
			}
			return at[o.Index]
		}
		return nil
	})
}

// restore takes away the marks of inline.
func (u *unnesting) restore(n plan.Node) plan.Node {
	mapOuter(n, func(e plan.Expr) plan.Expr {
		if o, ok := e.(*plan.Outer); ok && o.Index < 0 {
			return &plan.Outer{Index: ^o.Index, Typ: o.Typ, Name: o.Name}
		}
		return nil
	})
	return n
}

// base is the input below what other subqueries added to it, when the arguments are from there.
func (u *unnesting) base() plan.Node {
	n := u.a.In
	for {
		in, ok := n.(*plan.Apply)
		if !ok || in.Kind > plan.ApplyArray && in.Kind != plan.ApplyLeft &&
			!(in.Kind == plan.ApplyRows && givesRow(in.Query)) {
			return n
		}
		width := len(in.In.Schema().Cols)
		for _, x := range append(append([]plan.Expr{u.a.Guard}, u.a.Args...), u.a.Left...) {
			if x != nil && !within(x, 0, width) {
				return n
			}
		}
		n = in.In
	}
}

// givesRow reports whether n has a row whatever it reads.
func givesRow(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Project:
		return givesRow(n.In)
	case *plan.Aggregate:
		return n.Global && n.Sets == nil
	}
	return isUnit(n)
}

// copyTree copies a tree, for nodes are changed in place.
func (b *binder) copyTree(n plan.Node) plan.Node {
	c := copyNode(n)
	if agg, ok := n.(*plan.Aggregate); ok {
		if g, had := b.groups[agg]; had {
			b.groups[c.(*plan.Aggregate)] = g
		}
	}
	replaceInputs(c, b.copyTree)
	return c
}

// hasOuter reports whether e refers outwards.
func hasOuter(e plan.Expr) bool {
	return !visit(e, func(e plan.Expr) bool {
		o, is := e.(*plan.Outer)
		return !is || o.Index < 0
	})
}

// refersOut reports whether an expression of n or below refers outwards.
func refersOut(n plan.Node) bool {
	found := false
	eachExpr(n, func(e plan.Expr) { found = found || hasOuter(e) })
	for _, in := range n.Inputs() {
		found = found || refersOut(in)
	}
	return found
}

// replaceOuter puts the values of by in the place of the Outer expressions of e.
func replaceOuter(e plan.Expr, by []plan.Expr) plan.Expr {
	return rewrite(e, func(e plan.Expr) plan.Expr {
		if o, ok := e.(*plan.Outer); ok && o.Index >= 0 {
			return by[o.Index]
		}
		return nil
	})
}

// replace makes joins of the Apply.
func (u *unnesting) replace() (plan.Node, error) {
	switch u.a.Kind {
	case plan.ApplySemi, plan.ApplyAnti:
		return u.half()
	case plan.ApplyRows, plan.ApplyLeft:
		return u.rows()
	case plan.ApplyTest:
		return u.test()
	case plan.ApplyExists:
		return u.exists()
	case plan.ApplyArray:
		return u.array()
	default:
		return u.scalar()
	}
}

// joined joins In with n; on is over In's columns, then n's.
func (u *unnesting) joined(kind plan.JoinKind, n plan.Node, on []plan.Expr) *plan.Join {
	j := &plan.Join{Left: u.a.In, Right: n, Kind: kind, On: conjunction(on), Pos: u.a.Pos}
	j.Sch.Cols = append(j.Sch.Cols, u.a.In.Schema().Cols...)
	if !j.Halves() {
		j.Sch.Cols = append(j.Sch.Cols, n.Schema().Cols...)
	}
	return j
}

// over projects n, which begins with In's columns, to these and the values.
func (u *unnesting) over(n plan.Node, values ...plan.Expr) plan.Node {
	p := &plan.Project{In: n, Sch: plan.Schema{Cols: u.a.Sch.Cols}}
	for i := range u.width {
		p.Exprs = append(p.Exprs, colOf(n, i))
	}
	p.Exprs = append(p.Exprs, values...)
	return p
}

// half joins In with the query of EXISTS, IN and kin.
func (u *unnesting) half() (plan.Node, error) {
	if left, right, ok := u.notIn(); ok {
		return u.noneEqual(left, right)
	}
	kind := plan.Semi
	if u.a.Kind == plan.ApplyAnti {
		kind = plan.Anti
	}
	if l, ok := loosen(u.a.Query, u.a.Test == nil, true); ok {
		on := make([]plan.Expr, 0, len(l.conds)+1)
		for _, c := range l.conds {
			on = append(on, u.outside(c))
		}
		if u.a.Test != nil {
			on = append(on, u.tested(l.outs))
		}
		return u.joined(kind, l.node, on), nil
	}
	d, err := u.rowsOnly(u.a.Query)
	if err != nil {
		return nil, err
	}
	j := u.joined(kind, d.node, d.matches(u.width))
	if u.a.Test != nil {
		var outs []plan.Expr
		for i := range u.a.Query.Schema().Cols {
			outs = append(outs, colOf(d.node, len(d.keys)+i))
		}
		j.On = conjunction(conjuncts(j.On, []plan.Expr{u.tested(outs)}))
	}
	d.safe(j)
	return j, nil
}

// outside makes e, over the columns of the query's side of a join and Outer values, an expression over the join.
func (u *unnesting) outside(e plan.Expr) plan.Expr {
	return rewrite(e, func(e plan.Expr) plan.Expr {
		switch e := e.(type) {
		case *plan.Outer:
			if e.Index >= 0 {
				return u.a.Args[e.Index]
			}
		case *plan.Col:
			return &plan.Col{Index: e.Index + u.width, Typ: e.Typ, Name: e.Name}
		}
		return nil
	})
}

// tested is the test over a join whose right side gives outs.
func (u *unnesting) tested(outs []plan.Expr) plan.Expr {
	by := append([]plan.Expr(nil), u.a.Left...)
	for _, x := range outs {
		by = append(by, u.outside(x))
	}
	return substitute(u.a.Test, by)
}

// notIn recognises NOT IN with one column: the test that x = y is not false.
func (u *unnesting) notIn() (left, right plan.Expr, ok bool) {
	test, isTest := u.a.Test.(*plan.IsBool)
	if !isTest || test.Want || !test.Not || u.a.Kind != plan.ApplyAnti {
		return nil, nil, false
	}
	return u.equation(test.X)
}

// equation recognises x = y, and returns x over In and y over the query.
func (u *unnesting) equation(e plan.Expr) (left, right plan.Expr, ok bool) {
	eq, ok := e.(*plan.Call)
	if !ok || eq.Fn.Name != "=" || len(u.a.Left) != 1 || len(eq.Args) != 2 {
		return nil, nil, false
	}
	l, r := eq.Args[0], eq.Args[1]
	if !within(l, 0, 1) {
		l, r = r, l
	}
	n := 1 + len(u.a.Query.Schema().Cols)
	if !within(l, 0, 1) || !within(r, 1, n) || constant(l) || constant(r) {
		return nil, nil, false
	}
	return substitute(l, u.a.Left), shift(r, -1), true
}

// noneEqual is NOT IN as three joins that each have keys: there is no row that equals x, none that is NULL, and where x
// is NULL there is none at all.
func (u *unnesting) noneEqual(left, right plan.Expr) (plan.Node, error) {
	a := u.a
	eq := a.Test.(*plan.IsBool).X
	steps := []struct {
		test  plan.Expr
		query plan.Node
		need  bool
	}{
		{eq, a.Query, true},
		{nil, &plan.Filter{In: a.Query, Cond: &plan.IsNull{X: right}}, u.b.nullable(right, a.Query)},
		{&plan.IsNull{X: &plan.Col{Index: 0, Typ: a.Left[0].Type()}}, a.Query, u.b.nullable(left, a.In)},
	}
	for _, s := range steps {
		if !s.need {
			continue
		}
		step := *a
		step.Query, step.Test = u.b.copyTree(s.query), s.test
		one := *u
		one.a = &step
		out, err := one.half()
		if err != nil {
			return nil, err
		}
		a.In = out
	}
	return a.In, nil
}

// exists adds a column that tells whether the query has a row.
func (u *unnesting) exists() (plan.Node, error) {
	query := u.a.Query
	for {
		if p, ok := query.(*plan.Project); ok {
			query = p.In
		} else if d, ok := query.(*plan.Distinct); ok && d.On == nil {
			query = d.In
		} else {
			break
		}
	}
	d, err := u.rowsOnly(query)
	if err != nil {
		return nil, err
	}
	marked := &plan.Project{In: d.node}
	for i := range d.keys {
		marked.Exprs = append(marked.Exprs, colOf(d.node, i))
		marked.Sch.Cols = append(marked.Sch.Cols, d.node.Schema().Cols[i])
	}
	marked.Exprs = append(marked.Exprs, boolean(true))
	marked.Sch.Cols = append(marked.Sch.Cols, colType("marker", types.Bool))
	j := u.joined(plan.Left, &plan.Distinct{In: marked}, d.matches(u.width))
	d.safe(j)
	return u.over(j, &plan.IsNull{X: colOf(j, u.width+len(d.keys)), Not: true}), nil
}

// test adds a column of the value of IN, ANY and ALL.
func (u *unnesting) test() (plan.Node, error) {
	test, all := u.a.Test, u.a.All
	call, _ := test.(*plan.Call)
	if call != nil && call.Fn.Name == "<>" && all {
		eq, err := u.b.operator("=", call.Args, nil, call.Pos)
		if err != nil {
			return nil, err
		}
		test = eq
	} else if all {
		test = nil
	}
	if left, right, ok := u.equation(test); ok && test != nil {
		return u.member(test, left, right, all)
	}
	agg := &plan.Aggregate{In: u.judged()}
	for _, x := range []plan.Expr{colOf(agg.In, 0), &plan.IsNull{X: colOf(agg.In, 0)}} {
		name := "bool_or"
		if all && len(agg.Aggs) == 0 {
			name = "bool_and"
		}
		f, _, _, err := fn.ResolveAggregate(name, []types.Type{types.Bool})
		if err != nil {
			return nil, err
		}
		agg.Aggs = append(agg.Aggs, plan.Agg{Fn: f, Args: []plan.Expr{x}, Type: types.Bool, Pos: u.a.Pos})
		agg.Sch.Cols = append(agg.Sch.Cols, colType("test", types.Bool))
	}
	d, err := u.dependent(agg, true)
	if err != nil {
		return nil, err
	}
	j := u.joined(plan.Left, d.node, d.matches(u.width))
	d.safe(j)
	at := u.width + len(d.keys)
	return u.over(j, &plan.Case{Typ: types.Bool, Else: boolean(all), When: []plan.When{
		{Cond: &plan.IsBool{X: colOf(j, at), Want: !all}, Then: boolean(!all)},
		{Cond: colOf(j, at+1), Then: nullOf(types.Bool)},
	}}), nil
}

func nullOf(t types.Type) plan.Expr { return &plan.Const{Value: types.NullOf(t)} }

// judged is the query with the test of each row as its only column. What the test compares with becomes arguments.
func (u *unnesting) judged() plan.Node {
	a := u.a
	var by []plan.Expr
	for _, x := range a.Left {
		by = append(by, &plan.Outer{Index: len(a.Args), Typ: x.Type(), Name: "left"})
		a.Args = append(a.Args[:len(a.Args):len(a.Args)], x)
	}
	for i := range a.Query.Schema().Cols {
		by = append(by, colOf(a.Query, i))
	}
	return &plan.Project{In: a.Query, Exprs: []plan.Expr{substitute(a.Test, by)},
		Sch: plan.Schema{Cols: []plan.Column{colType("test", types.Bool)}}}
}

// member adds a column of the value of x IN (query), or NOT IN, by asking for a row that equals x, for one that is
// NULL, and for any.
func (u *unnesting) member(test, left, right plan.Expr, not bool) (plan.Node, error) {
	a := u.a
	k := len(a.Args)
	x := &plan.Outer{Index: k, Typ: a.Left[0].Type(), Name: "left"}
	by := []plan.Expr{x}
	for i := range a.Query.Schema().Cols {
		by = append(by, colOf(a.Query, i))
	}
	ask := func(kind plan.ApplyKind, query plan.Node, args []plan.Expr, n int) (plan.Expr, error) {
		e := &plan.Apply{In: a.In, Query: u.b.copyTree(query), Kind: kind, Args: args, Guard: a.Guard, Pos: a.Pos}
		e.Sch.Cols = append(append(e.Sch.Cols, a.In.Schema().Cols...), colType("exists", types.Bool))
		one := *u
		one.a, one.width = e, u.width+n
		out, err := one.exists()
		a.In = out
		return &plan.Col{Index: u.width + n, Typ: types.Bool, Name: "exists"}, err
	}
	args := append(append([]plan.Expr(nil), a.Args...), a.Left[0])
	equals, err := ask(plan.ApplyExists, &plan.Filter{In: a.Query, Cond: substitute(test, by)}, args, 0)
	if err != nil {
		return nil, err
	}
	value := &plan.Case{Typ: types.Bool, Else: boolean(not), When: []plan.When{{Cond: equals, Then: boolean(!not)}}}
	n := 1
	if u.b.nullable(right, a.Query) {
		null, err := ask(plan.ApplyExists, &plan.Filter{In: a.Query, Cond: &plan.IsNull{X: right}}, a.Args, n)
		if err != nil {
			return nil, err
		}
		value.When = append(value.When, plan.When{Cond: null, Then: nullOf(types.Bool)})
		n++
	}
	if u.b.nullable(left, u.given) {
		some, err := ask(plan.ApplyExists, a.Query, a.Args, n)
		if err != nil {
			return nil, err
		}
		value.When = append(value.When, plan.When{Cond: &plan.And{Args: []plan.Expr{&plan.IsNull{X: left}, some}},
			Then: nullOf(types.Bool)})
	}
	return u.over(a.In, value), nil
}

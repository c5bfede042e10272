package planner

import "github.com/leatdb/leat/planner/plan"

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
	if agg, ok := n.(*plan.Aggregate); ok && err == nil {
		inheritOrder(agg)
	}
	if err != nil || !hasSubquery(n) {
		return n, err
	}
	switch n := n.(type) {
	case *plan.Values:
		return b.liftValues(n)
	case *plan.Join:
		return b.liftJoin(n)
	case *plan.Filter:
		return b.liftFilter(n)
	case *plan.Apply:
		return b.liftLeft(n)
	case *plan.Sort:
		if !isLimited(n) {
			break
		}
		return b.liftLimit(n)
	}
	in := n.Inputs()[0]
	width := len(in.Schema().Cols)
	l := lifter{b: b, node: in}
	mapNodeExprs(n, func(e plan.Expr) plan.Expr { return l.lift(e, nil) })
	if l.err != nil {
		return nil, l.err
	}
	added := len(l.node.Schema().Cols) - width
	replaceFirst(n, l.node)
	switch n := n.(type) {
	case *plan.Project, *plan.Aggregate:
		return n, nil
	case *plan.Distinct:
		n.Sch = plan.Schema{}
		return narrowed(n, width), nil
	case *plan.Sort:
		n.Sch = plan.Schema{}
		return narrowed(n, width), nil
	}
	return b.without(n, width, added)
}

// without leaves out the columns that lifting added to the input of a node that appends its own to those.
func (b *binder) without(n plan.Node, width, added int) (plan.Node, error) {
	s := n.Schema()
	own := s.Cols[width:]
	in := n.Inputs()[0].Schema().Cols
	*s = plan.Schema{Cols: append(append([]plan.Column(nil), in...), own...)}
	if t, ok := n.(*plan.TableFunc); ok && t.On != nil {
		t.On = rewrite(t.On, func(e plan.Expr) plan.Expr {
			if c, ok := e.(*plan.Col); ok && c.Index >= width && c.Index < width+len(own) {
				return &plan.Col{Index: c.Index + added, Typ: c.Typ, Name: c.Name}
			}
			return nil
		})
	}
	p := &plan.Project{In: n}
	for i, c := range s.Cols {
		if i < width || i >= width+added {
			p.Exprs = append(p.Exprs, colOf(n, i))
			p.Sch.Cols = append(p.Sch.Cols, c)
		}
	}
	return p, nil
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
	done []lifted
	err  error
}

// lifted is a subquery that has a column already.
type lifted struct {
	s     *plan.Subquery
	guard []plan.Expr
	col   plan.Expr
}

// lift replaces the subqueries of e by columns of Apply nodes. guard are conditions under which e is computed: what
// stands in a branch of CASE must not fail for the rows of another.
func (l *lifter) lift(e plan.Expr, guard []plan.Expr) plan.Expr {
	if e == nil || !containsSubquery(e) {
		return e
	}
	switch e := e.(type) {
	case *plan.Subquery:
		return l.apply(e, guard)
	case *plan.Case:
		c := &plan.Case{Typ: e.Typ}
		for _, w := range e.When {
			cond := l.lift(w.Cond, guard)
			then := l.lift(w.Then, also(guard, cond))
			c.When = append(c.When, plan.When{Cond: cond, Then: then})
			guard = also(guard, &plan.IsBool{X: cond, Want: true, Not: true})
		}
		c.Else = l.lift(e.Else, guard)
		return c
	case *plan.Coalesce:
		c := &plan.Coalesce{Typ: e.Typ}
		for _, x := range e.Args {
			y := l.lift(x, guard)
			c.Args = append(c.Args, y)
			guard = also(guard, &plan.IsNull{X: y})
		}
		return c
	case *plan.And:
		return &plan.And{Args: l.branches(e.Args, false, guard)}
	case *plan.Or:
		return &plan.Or{Args: l.branches(e.Args, true, guard)}
	}
	return rewriteParts(e, func(x plan.Expr) plan.Expr { return l.lift(x, guard) })
}

// branches lifts the arguments of AND or OR, of which decided is the value that leaves no choice to those after it.
func (l *lifter) branches(args []plan.Expr, decided bool, guard []plan.Expr) []plan.Expr {
	out := make([]plan.Expr, len(args))
	for i, x := range args {
		out[i] = l.lift(x, guard)
		guard = also(guard, &plan.IsBool{X: out[i], Want: decided, Not: true})
	}
	return out
}

func also(guard []plan.Expr, c plan.Expr) []plan.Expr {
	return append(guard[:len(guard):len(guard)], c)
}

// apply puts an Apply for s upon the node, and returns its column.
func (l *lifter) apply(s *plan.Subquery, guard []plan.Expr) plan.Expr {
	for _, d := range l.done {
		if n := len(d.guard); n <= len(guard) && equalAll(d.guard, guard[:n]) && equal(d.s, s) {
			return d.col
		}
	}
	a := l.over(s, guard)
	if l.err != nil {
		return s
	}
	a.Sch.Cols = append(append(a.Sch.Cols, l.node.Schema().Cols...), colType(applyNames[s.Kind], s.Typ))
	l.node = a
	col := colOf(a, len(a.Sch.Cols)-1)
	l.done = append(l.done, lifted{s, guard, col})
	return col
}

// over makes the Apply of a subquery; its schema is left to the caller.
func (l *lifter) over(s *plan.Subquery, guard []plan.Expr) *plan.Apply {
	args, left := make([]plan.Expr, len(s.Args)), make([]plan.Expr, len(s.Left))
	for i, x := range s.Args {
		args[i] = l.lift(x, guard)
	}
	for i, x := range s.Left {
		left[i] = l.lift(x, guard)
	}
	q, err := l.b.lift(l.b.copyTree(s.Query)) // an expression may have been written once and stand twice
	if err != nil {
		l.err = err
	}
	return &plan.Apply{In: l.node, Query: q, Kind: s.Kind, Args: args, Left: left, Test: s.Test, All: s.All,
		Guard: conjunction(guard), Pos: s.Pos}
}

// applyNames are what the column of an Apply is called.
var applyNames = map[plan.ApplyKind]string{plan.ApplyScalar: "value", plan.ApplyExists: "exists",
	plan.ApplyTest: "test", plan.ApplyArray: "array"}

func containsSubquery(e plan.Expr) bool {
	return !visit(e, func(e plan.Expr) bool {
		_, is := e.(*plan.Subquery)
		return !is
	})
}

// hasSubquery reports whether an expression of n holds a query.
func hasSubquery(n plan.Node) bool {
	found := false
	eachExpr(n, func(e plan.Expr) { found = found || containsSubquery(e) })
	return found
}

// liftFilter makes a condition that is a subquery, or NOT one, a semi or anti join with it. Conditions without
// subqueries come first, and those that have them elsewhere last.
func (b *binder) liftFilter(n *plan.Filter) (plan.Node, error) {
	width := len(n.In.Schema().Cols)
	var plain, halves, rest []plan.Expr
	for _, c := range conjuncts(n.Cond, nil) {
		_, _, half := asHalf(c)
		switch {
		case half:
			halves = append(halves, c)
		case containsSubquery(c):
			rest = append(rest, c)
		default:
			plain = append(plain, c)
		}
	}
	l := &lifter{b: b, node: filter(n.In, plain)}
	for _, c := range halves {
		s, kind, _ := asHalf(c)
		a := l.over(s, nil)
		if l.err != nil {
			return nil, l.err
		}
		a.Kind, a.All = kind, false
		a.Sch.Cols = l.node.Schema().Cols
		l.node = a
	}
	for i, c := range rest {
		rest[i] = l.lift(c, nil)
	}
	if l.err != nil {
		return nil, l.err
	}
	out := filter(l.node, rest)
	if len(out.Schema().Cols) == width {
		return out, nil
	}
	return narrowed(out, width), nil
}

// asHalf recognises a condition that keeps the rows for which a query has a row, or has none. The query's test is
// changed so that it is true of the rows that count.
func asHalf(c plan.Expr) (*plan.Subquery, plan.ApplyKind, bool) {
	not := false
	for {
		n, ok := c.(*plan.Not)
		if !ok {
			break
		}
		c, not = n.X, !not
	}
	s, ok := c.(*plan.Subquery)
	if !ok {
		return nil, 0, false
	}
	kind := plan.ApplySemi
	switch {
	case s.Kind == plan.ApplyExists && not:
		kind = plan.ApplyAnti
	case s.Kind == plan.ApplyExists:
	case s.Kind != plan.ApplyTest:
		return nil, 0, false
	default:
		half := *s
		switch {
		case s.All && not:
			half.Test = &plan.IsBool{X: s.Test, Want: false}
		case s.All:
			half.Test, kind = &plan.IsBool{X: s.Test, Want: true, Not: true}, plan.ApplyAnti
		case not:
			half.Test, kind = &plan.IsBool{X: s.Test, Want: false, Not: true}, plan.ApplyAnti
		}
		s = &half
	}
	return s, kind, true
}

// liftValues makes rows that hold subqueries ones that are computed.
func (b *binder) liftValues(n *plan.Values) (plan.Node, error) {
	u := &plan.Union{Sch: plan.Schema{Cols: n.Sch.Cols}}
	for _, row := range n.Rows {
		p, err := b.lift(&plan.Project{In: oneRow(), Exprs: row, Sch: plan.Schema{Cols: n.Sch.Cols}})
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

// oneRow is a single row of no columns.
func oneRow() *plan.Values {
	return &plan.Values{Rows: [][]plan.Expr{{}}, Sch: plan.Schema{Key: []int{}, AppendOnly: true}}
}

// liftJoin puts the conditions of an inner join that hold subqueries above it. Those of an outer join that are about
// one side become a column of that side; the others make the join one with a query for every row of the left.
func (b *binder) liftJoin(n *plan.Join) (plan.Node, error) {
	lw := len(n.Left.Schema().Cols)
	width := lw + len(n.Right.Schema().Cols)
	var on, above, left, right []plan.Expr
	for _, c := range conjuncts(n.On, nil) {
		switch {
		case !containsSubquery(c):
			on = append(on, c)
		case n.Kind == plan.Inner:
			above = append(above, c)
		case within(c, 0, lw):
			left = append(left, c)
		case within(c, lw, width):
			right = append(right, shift(c, -lw))
		case n.Kind == plan.Left && n.Within == nil && !n.Lookup:
			return b.lift(b.leftApply(n))
		default:
			return nil, refuse(n.Pos, "a subquery about both sides in the condition of a full join").
				WithHint("Compute it in a subquery in FROM.")
		}
	}
	if n.Kind == plan.Inner {
		n.On = conjunction(on)
		return b.lift(&plan.Filter{In: n, Cond: conjunction(above)})
	}
	l, r := lifter{b: b, node: n.Left}, lifter{b: b, node: n.Right}
	for i, c := range left {
		left[i] = l.lift(c, nil)
	}
	for i, c := range right {
		right[i] = r.lift(c, nil)
	}
	if l.err != nil || r.err != nil {
		return nil, firstOf(l.err, r.err)
	}
	j := *n
	j.Left, j.Right = l.node, r.node
	nl := len(j.Left.Schema().Cols)
	added := nl - lw
	j.Sch = plan.Schema{Cols: append(append([]plan.Column(nil), j.Left.Schema().Cols...), j.Right.Schema().Cols...)}
	for i, c := range on {
		on[i] = rewrite(c, func(e plan.Expr) plan.Expr {
			if c, ok := e.(*plan.Col); ok && c.Index >= lw {
				return &plan.Col{Index: c.Index + added, Typ: c.Typ, Name: c.Name}
			}
			return nil
		})
	}
	for i, c := range right {
		right[i] = shift(c, nl)
	}
	j.On = conjunction(append(append(on, left...), right...))
	p := &plan.Project{In: &j, Sch: n.Sch}
	for i := range width {
		at := i
		if i >= lw {
			at += added
		}
		p.Exprs = append(p.Exprs, colOf(&j, at))
	}
	return p, nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// leftApply makes a left join one with the right rows that meet its condition, for every row of the left.
func (b *binder) leftApply(n *plan.Join) plan.Node {
	lw := len(n.Left.Schema().Cols)
	a := &plan.Apply{In: n.Left, Kind: plan.ApplyLeft, Pos: n.Pos, Sch: n.Sch}
	arg := func(x plan.Expr, name string) plan.Expr {
		out := &plan.Outer{Index: len(a.Args), Typ: x.Type(), Name: name}
		for i, had := range a.Args {
			if equal(had, x) {
				out.Index = i
				return out
			}
		}
		a.Args = append(a.Args, x)
		return out
	}
	outward := func(e plan.Expr) plan.Expr {
		if o, ok := e.(*plan.Outer); ok {
			return arg(o, o.Name)
		}
		return nil
	}
	cond := rewrite(n.On, func(e plan.Expr) plan.Expr {
		c, ok := e.(*plan.Col)
		switch {
		case !ok:
			return outward(e)
		case c.Index >= lw:
			return &plan.Col{Index: c.Index - lw, Typ: c.Typ, Name: c.Name}
		}
		return arg(c, c.Name)
	})
	mapOuter(n.Right, outward)
	a.Query = &plan.Filter{In: n.Right, Cond: cond}
	return a
}

// mapOuter replaces, in the expressions of n and everything below, what f gives an expression for. It leaves alone the
// queries within, whose Outer values are others.
func mapOuter(n plan.Node, f func(plan.Expr) plan.Expr) {
	mapNodeExprs(n, func(e plan.Expr) plan.Expr { return rewrite(e, f) })
	if a, ok := n.(*plan.Apply); ok {
		mapOuter(a.In, f)
		return
	}
	for _, in := range n.Inputs() {
		mapOuter(in, f)
	}
}

// liftLeft moves the condition of a LATERAL left join that holds subqueries into its query.
func (b *binder) liftLeft(n *plan.Apply) (plan.Node, error) {
	none := &plan.Values{} // what the query refers to already stays as it is
	a := b.leftApply(&plan.Join{Left: n.In, Right: none, On: n.On, Pos: n.Pos, Sch: n.Sch}).(*plan.Apply)
	given := len(n.Args)
	f := a.Query.(*plan.Filter)
	f.In = n.Query
	f.Cond = rewrite(f.Cond, func(e plan.Expr) plan.Expr {
		if o, ok := e.(*plan.Outer); ok {
			return &plan.Outer{Index: o.Index + given, Typ: o.Typ, Name: o.Name}
		}
		return nil
	})
	q, err := b.lift(f)
	if err != nil {
		return nil, err
	}
	c := *n
	c.Query, c.On, c.Args = q, nil, append(append([]plan.Expr(nil), n.Args...), a.Args...)
	return &c, nil
}

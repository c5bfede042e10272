package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// dependent is a query that gives, before its columns, the outer values its rows are for: its keys.
type dependent struct {
	u    *unnesting
	node plan.Node
	keys []plan.Column
	// domain says that the keys are those of the domain, and the arguments in their order; else they were found in the
	// query, and equal holds what compares them, over the row of In and with a Col for the key.
	domain bool
	equal  []equality
	// empty are the values that the query has where it has no row for a key, because it aggregates nothing; nil when it
	// has none there either.
	empty  []plan.Expr
	rounds map[int]bool // the recursive queries above, whose rows have keys
}

// equality is outer = key: call with the argument at out replaced.
type equality struct {
	call  *plan.Call
	out   int
	outer plan.Expr // over In
}

// dependent makes n one that has its outer values as columns, which it takes from a domain if it must, or is told to.
func (u *unnesting) dependent(n plan.Node, domain bool) (*dependent, error) {
	if len(u.a.Args) == 0 {
		return &dependent{u: u, node: n}, nil
	}
	if !domain {
		d := &dependent{u: u}
		if node, err := d.push(n); err == nil && node != nil {
			d.node = node
			return d, nil
		}
	}
	d := &dependent{u: u, domain: true, rounds: map[int]bool{}}
	for _, x := range u.a.Args {
		d.keys = append(d.keys, colType("outer", x.Type()))
	}
	var err error
	if d.node, err = d.push(n); err != nil {
		return nil, err
	}
	if d.node == nil {
		return nil, refuse(u.a.Pos, "this query that refers to the rows around it").
			WithHint("Join with the query in FROM instead.")
	}
	return d, nil
}

// rowsOnly is dependent for what asks for rows: those that an aggregation gives of nothing must be there.
func (u *unnesting) rowsOnly(n plan.Node) (*dependent, error) {
	d, err := u.dependent(n, false)
	if err != nil || d.empty == nil {
		return d, err
	}
	return u.dependent(n, true)
}

// matches are the conditions on which rows of In, of so many columns, meet those of a dependent query.
func (d *dependent) matches(width int) []plan.Expr {
	var on []plan.Expr
	for i, e := range d.equal {
		call := *e.call
		call.Args = append([]plan.Expr(nil), call.Args...)
		call.Args[e.out] = e.outer
		call.Args[1-e.out] = &plan.Col{Index: width + i, Typ: d.keys[i].Type, Name: d.keys[i].Name}
		on = append(on, &call)
	}
	return on
}

// safe gives a join with a query over a domain its keys: NULL is a value of the domain like others.
func (d *dependent) safe(j *plan.Join) {
	if !d.domain {
		return
	}
	for i, x := range d.u.a.Args {
		j.LeftKeys, j.RightKeys = append(j.LeftKeys, x), append(j.RightKeys, colOf(d.node, i))
		j.NullSafe = append(j.NullSafe, true)
	}
}

// values makes a new domain: the distinct outer values of the rows for which the query is wanted.
func (d *dependent) values() (plan.Node, error) {
	u := d.u
	if volatileTree(u.given) {
		return nil, refuse(u.a.Pos, "a query of this kind that refers to rows computed with a volatile function").
			WithHint("Store the rows in a table first.")
	}
	in, err := u.b.unnest(u.b.copyTree(u.given))
	if err != nil {
		return nil, err
	}
	if u.a.Guard != nil {
		in = filter(in, conjuncts(u.a.Guard, nil))
	}
	p := &plan.Project{In: in, Exprs: u.a.Args, Sch: plan.Schema{Cols: d.keys}}
	return &plan.Distinct{In: p}, nil
}

// volatileTree reports whether rows of n may differ from one evaluation to the next.
func volatileTree(n plan.Node) bool {
	found := false
	eachExpr(n, func(e plan.Expr) { found = found || volatile(e) })
	return found || slices.ContainsFunc(n.Inputs(), volatileTree)
}

// remap makes e, over the columns of a node and Outer values, one over the keys and those columns.
func (d *dependent) remap(e plan.Expr) plan.Expr { return d.moved(e, 0, len(d.keys)) }

// moved is remap where the keys are columns from keyAt on, and those of the node come after n more columns.
func (d *dependent) moved(e plan.Expr, keyAt, n int) plan.Expr {
	return rewrite(e, func(e plan.Expr) plan.Expr {
		switch e := e.(type) {
		case *plan.Outer:
			if e.Index >= 0 {
				return &plan.Col{Index: keyAt + e.Index, Typ: e.Typ, Name: e.Name}
			}
		case *plan.Col:
			return &plan.Col{Index: e.Index + n, Typ: e.Typ, Name: e.Name}
		}
		return nil
	})
}

func (d *dependent) remapAll(es []plan.Expr) []plan.Expr { return mapExprs(es, d.remap) }

// keyCols are the keys as columns of a node that begins with them.
func (d *dependent) keyCols() []plan.Expr {
	out := make([]plan.Expr, len(d.keys))
	for i, c := range d.keys {
		out[i] = &plan.Col{Index: i, Typ: c.Type, Name: c.Name}
	}
	return out
}

// schema is that of a node with the keys before its columns.
func (d *dependent) schema(cols []plan.Column) plan.Schema {
	return plan.Schema{Cols: append(append([]plan.Column(nil), d.keys...), cols...)}
}

// needs reports whether rows of n depend on the outer values.
func (d *dependent) needs(n plan.Node) bool {
	if s, ok := n.(*plan.RecursiveScan); ok && d.rounds[s.ID] {
		return true
	}
	found := false
	eachExpr(n, func(e plan.Expr) { found = found || hasOuter(e) })
	for _, in := range n.Inputs() {
		found = found || d.needs(in)
	}
	return found
}

// push gives n keys; nil when that is not possible this way.
func (d *dependent) push(n plan.Node) (plan.Node, error) {
	if !d.needs(n) {
		if !d.domain {
			return nil, nil
		}
		return d.crossed(n)
	}
	if !d.domain {
		if l, ok := loosen(n, false, false); ok {
			return d.found(l), nil
		}
		refers := false
		eachExpr(n, func(e plan.Expr) { refers = refers || hasOuter(e) })
		if refers || d.mayFail(n) {
			return nil, nil
		}
	}
	switch n := n.(type) {
	case *plan.Filter:
		in, err := d.push(n.In)
		if in == nil || err != nil {
			return nil, err
		}
		if d.empty != nil {
			c, known := d.u.b.foldAll(substitute(n.Cond, d.empty)).(*plan.Const)
			if !known || !c.Value.Null && c.Value.Bool {
				return nil, nil // no row may mean either
			}
			d.empty = nil
		}
		return &plan.Filter{In: in, Cond: d.remap(n.Cond)}, nil
	case *plan.Project:
		in, err := d.push(n.In)
		if in == nil || err != nil {
			return nil, err
		}
		if d.empty != nil {
			empty := make([]plan.Expr, len(n.Exprs))
			for i, x := range n.Exprs {
				empty[i] = d.u.b.foldAll(substitute(x, d.empty))
			}
			d.empty = empty
		}
		return &plan.Project{In: in, Exprs: append(d.keyCols(), d.remapAll(n.Exprs)...),
			Sch: d.schema(n.Sch.Cols)}, nil
	}
	out, err := d.pushMore(n)
	if d.empty != nil && out != nil {
		if _, isAggregate := n.(*plan.Aggregate); !isAggregate {
			return nil, nil // what comes of the values of no rows is not known any more
		}
	}
	return out, err
}

// crossed joins all of the domain with a node that does not depend on it.
func (d *dependent) crossed(n plan.Node) (plan.Node, error) {
	dom, err := d.values()
	if err != nil || isUnit(n) {
		return dom, err
	}
	return &plan.Join{Left: dom, Right: n, Pos: d.u.a.Pos, Sch: d.schema(n.Schema().Cols)}, nil
}

// found takes the keys from the equations of a loosened query; nil when it has other conditions that refer outwards.
func (d *dependent) found(l *loose) plan.Node {
	p := &plan.Project{In: l.node}
	for _, c := range l.conds {
		eq, ok := c.(*plan.Call)
		if !ok || eq.Fn.Name != "=" || len(eq.Args) != 2 {
			return nil
		}
		out := 0
		if hasOuter(eq.Args[1]) {
			out = 1
		}
		outer, key := eq.Args[out], eq.Args[1-out]
		if hasOuter(key) || constant(key) || !within(outer, 0, 0) {
			return nil
		}
		d.equal = append(d.equal, equality{eq, out, replaceOuter(outer, d.u.a.Args)})
		d.keys = append(d.keys, colType("key", key.Type()))
		p.Exprs = append(p.Exprs, key)
	}
	for i, x := range l.outs {
		if hasOuter(x) {
			return nil
		}
		p.Exprs = append(p.Exprs, x)
		p.Sch.Cols = append(p.Sch.Cols, colType(ordinalName("column", i+1), x.Type()))
	}
	if d.mayFail(p) {
		return nil
	}
	p.Sch = d.schema(p.Sch.Cols)
	return p
}

// sureOperators are operators that fail in no case that is worth a domain.
var sureOperators = map[string]bool{"+": true, "-": true, "*": true, "||": true, "~~": true, "!~~": true}

// mayFail reports whether an expression of n may fail: then it is not computed for outer values that there are not.
func (d *dependent) mayFail(n plan.Node) bool {
	fails := false
	eachExpr(n, func(e plan.Expr) {
		visit(e, func(e plan.Expr) bool {
			switch e := e.(type) {
			case *plan.Call:
				fails = fails || !e.Fn.Total && !sureOperators[e.Fn.Name]
			case *plan.Cast:
				fails = fails || !e.Try && !fn.CanCast(e.X.Type(), e.Typ, fn.Implicit)
			}
			return !fails
		})
	})
	return fails
}

// pushMore is push for nodes that do not work row by row.
func (d *dependent) pushMore(n plan.Node) (plan.Node, error) {
	switch n := n.(type) {
	case *plan.Join:
		return d.pushJoin(n)
	case *plan.Aggregate:
		return d.pushAggregate(n)
	case *plan.Values:
		return d.pushValues(n)
	case *plan.Union:
		return d.pushUnion(n)
	case *plan.SetOp:
		return d.pushBoth(n, func(l, r plan.Node) plan.Node {
			return &plan.SetOp{Left: l, Right: r, Except: n.Except, All: n.All, Pos: n.Pos, Sch: d.schema(n.Sch.Cols)}
		}, n.Left, n.Right)
	case *plan.Recursive:
		if !d.domain {
			return nil, nil
		}
		d.rounds[n.ID] = true
		return d.pushBoth(n, func(l, r plan.Node) plan.Node {
			c := *n
			c.Base, c.Step, c.Sch = l, r, d.schema(n.Sch.Cols)
			return &c
		}, n.Base, n.Step)
	case *plan.RecursiveScan:
		return &plan.RecursiveScan{ID: n.ID, Name: n.Name, Sch: d.schema(n.Sch.Cols)}, nil
	case *plan.Distinct, *plan.Sort, *plan.TableFunc, *plan.WindowAgg, *plan.GroupTop, *plan.Window:
		return d.pushSingle(n)
	}
	return nil, nil
}

// pushSingle gives keys to a node of one input whose columns are those of the input and perhaps its own.
func (d *dependent) pushSingle(n plan.Node) (plan.Node, error) {
	in, err := d.push(n.Inputs()[0])
	if in == nil || err != nil {
		return nil, err
	}
	c := copyNode(n)
	replaceFirst(c, in)
	mapNodeExprs(c, d.remap)
	k := len(d.keys)
	switch c := c.(type) {
	case *plan.Distinct:
		c.Sch = plan.Schema{}
		if c.On != nil {
			c.On = append(d.keyCols(), c.On...)
		}
	case *plan.Sort:
		c.Sch = plan.Schema{}
		if isLimited(c) {
			c.Per = append(d.keyCols(), c.Per...)
		}
	case *plan.TableFunc:
		c.Sch = d.schema(c.Sch.Cols)
	case *plan.WindowAgg:
		c.Sch = d.schema(c.Sch.Cols)
		for i := range c.Funcs {
			c.Funcs[i].Partition = append(d.keyCols(), c.Funcs[i].Partition...)
		}
	case *plan.GroupTop:
		c.Sch = d.schema(c.Sch.Cols)
		c.By = append(d.keyCols(), c.By...)
	case *plan.Window:
		c.Sch = d.schema(c.Sch.Cols)
		c.Time += k
		if c.StreamTime >= 0 {
			c.StreamTime += k
		}
		if c.Kind == "SESSION" {
			c.By = append(d.keyCols(), c.By...)
		}
	}
	return c, nil
}

func isLimited(n *plan.Sort) bool { return n.Limit != nil || n.Offset != nil }

// pushed is push, or a cross join with the domain for what does not depend on it.
func (d *dependent) pushBoth(n plan.Node, make func(l, r plan.Node) plan.Node, l, r plan.Node) (plan.Node, error) {
	if !d.domain {
		return nil, nil
	}
	left, err := d.push(l)
	if left == nil || err != nil {
		return nil, err
	}
	right, err := d.push(r)
	if right == nil || err != nil {
		return nil, err
	}
	return make(left, right), nil
}

func (d *dependent) pushUnion(n *plan.Union) (plan.Node, error) {
	if !d.domain {
		return nil, nil
	}
	u := &plan.Union{Sch: d.schema(n.Sch.Cols)}
	for _, in := range n.Ins {
		out, err := d.push(in)
		if out == nil || err != nil {
			return nil, err
		}
		u.Ins = append(u.Ins, out)
	}
	return u, nil
}

// pushValues computes rows that hold outer values for all of the domain.
func (d *dependent) pushValues(n *plan.Values) (plan.Node, error) {
	if !d.domain {
		return nil, nil
	}
	u := &plan.Union{Sch: d.schema(n.Sch.Cols)}
	for _, row := range n.Rows {
		dom, err := d.values()
		if err != nil {
			return nil, err
		}
		u.Ins = append(u.Ins, &plan.Project{In: dom, Exprs: append(d.keyCols(), d.remapAll(row)...), Sch: u.Sch})
	}
	if len(u.Ins) == 1 {
		return u.Ins[0], nil
	}
	return u, nil
}

// pushAggregate groups by the keys, too. Without keys of its own an aggregate has a row where there are none to
// aggregate: over a domain each of its rows is there once more, and not counted.
func (d *dependent) pushAggregate(n *plan.Aggregate) (plan.Node, error) {
	whole := slices.ContainsFunc(n.Sets, func(set []int) bool { return len(set) == 0 }) // a set of all rows
	if whole && !d.domain {
		return nil, nil
	}
	in, err := d.push(n.In)
	if in == nil || err != nil || d.empty != nil {
		return nil, err
	}
	c := *n
	c.In, c.Global, c.Sch = in, false, d.schema(n.Sch.Cols)
	c.Closes = nil // an outer value may come, or go, when the window is long closed
	if d.domain && n.Global {
		return d.groupAll(&c)
	}
	if whole {
		return d.groupSets(n, &c)
	}
	if n.Global {
		if d.empty, err = d.u.b.emptyResults(n); err != nil {
			return nil, err
		}
	}
	mapNodeExprs(&c, d.remap)
	c.Keys = append(d.keyCols(), c.Keys...)
	c.Sets = d.setsWithin(n.Sets)
	return &c, nil
}

// setsWithin are grouping sets within the rows for each key.
func (d *dependent) setsWithin(sets [][]int) (out [][]int) {
	k := len(d.keys)
	for _, set := range sets {
		moved := identity(k)
		for _, i := range set {
			moved = append(moved, i+k)
		}
		out = append(out, moved)
	}
	return out
}

// groupSets is groupAll for grouping sets of which some are of all rows: of the other sets the groups that only the
// rows added for the domain make do not count.
func (d *dependent) groupSets(n, c *plan.Aggregate) (plan.Node, error) {
	f, _, _, err := fn.ResolveAggregate("bool_or", []types.Type{types.Bool})
	if err != nil {
		return nil, err
	}
	width := len(c.Sch.Cols)
	set := c.Sch.Cols[width-1]
	there := plan.Agg{Fn: f, Args: []plan.Expr{boolean(true)}, Type: types.Bool}
	c.Aggs = append(append([]plan.Agg(nil), c.Aggs...), there)
	c.Sch.Cols = append(append([]plan.Column(nil), c.Sch.Cols[:width-1]...), colType("there", types.Bool), set)
	if _, err := d.groupAll(c); err != nil {
		return nil, err
	}
	c.Sets = d.setsWithin(n.Sets)
	counts := []plan.Expr{&plan.IsNull{X: colOf(c, width-1), Not: true}}
	for i, set := range n.Sets {
		if len(set) > 0 {
			continue
		}
		number := &plan.Const{Value: types.Value{Type: types.Int4, Int: int64(i)}}
		eq, err := d.u.b.operator("=", []plan.Expr{colOf(c, width), number}, nil, n.Pos)
		if err != nil {
			return nil, err
		}
		counts = append(counts, eq)
	}
	p := &plan.Project{In: &plan.Filter{In: c, Cond: &plan.Or{Args: counts}}}
	for i, col := range c.Sch.Cols {
		if i != width-1 {
			p.Exprs = append(p.Exprs, colOf(c, i))
			p.Sch.Cols = append(p.Sch.Cols, col)
		}
	}
	return p, nil
}

// groupAll gives c, whose input has the keys, a group for every row of the domain.
func (d *dependent) groupAll(c *plan.Aggregate) (plan.Node, error) {
	dom, err := d.values()
	if err != nil {
		return nil, err
	}
	k := len(d.keys)
	cols := c.In.Schema().Cols
	marked := &plan.Project{In: c.In}
	for i := range cols {
		marked.Exprs = append(marked.Exprs, colOf(c.In, i))
	}
	marked.Exprs = append(marked.Exprs, boolean(true))
	marked.Sch.Cols = append(append(marked.Sch.Cols, cols...), colType("marker", types.Bool))
	j := &plan.Join{Left: dom, Right: marked, Kind: plan.Left, LeftKeys: d.keyCols(), RightKeys: d.keyCols(),
		Pos: c.Pos, Sch: d.schema(marked.Sch.Cols)}
	for range k {
		j.NullSafe = append(j.NullSafe, true)
	}
	c.In = j
	mapNodeExprs(c, func(e plan.Expr) plan.Expr { return d.moved(e, 0, 2*k) })
	there := &plan.IsNull{X: colOf(j, len(j.Sch.Cols)-1), Not: true}
	for i := range c.Aggs {
		c.Aggs[i].Filter = conjunction(conjuncts(c.Aggs[i].Filter, []plan.Expr{there}))
	}
	c.Keys = append(d.keyCols(), c.Keys...)
	return c, nil
}

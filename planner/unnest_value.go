package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// scalar adds the value of a query of one column and at most one row.
func (u *unnesting) scalar() (plan.Node, error) {
	t := u.a.Query.Schema().Cols[0].Type
	if l, ok := loosen(u.a.Query, false, false); ok && isUnit(l.node) {
		value := replaceOuter(l.outs[0], u.a.Args)
		if len(l.conds) > 0 {
			value = &plan.Case{Typ: t, Else: nullOf(t), When: []plan.When{
				{Cond: replaceOuter(conjunction(l.conds), u.a.Args), Then: value}}}
		}
		return u.over(u.a.In, value), nil
	}
	d, err := u.dependent(u.a.Query, false)
	if err != nil {
		return nil, err
	}
	one, err := d.one()
	if err != nil {
		return nil, err
	}
	if !one && u.a.Guard != nil && len(u.a.Args) == 0 {
		// The query runs for no row if none wants it: that there is one is all that it depends on.
		u.a.Args = []plan.Expr{u.a.Guard}
		if d, err = u.dependent(u.a.Query, true); err != nil {
			return nil, err
		}
	}
	k := len(d.keys)
	if !one {
		if d.node, err = u.collected(d); err != nil {
			return nil, err
		}
	}
	j, value := u.withDefaults(d)
	v := value(k)
	if !one {
		v = &plan.Call{Fn: fn.SingleRow, Args: []plan.Expr{v}, Typ: t, Pos: u.a.Pos}
		if u.a.Guard != nil {
			v = &plan.Case{Typ: t, When: []plan.When{{Cond: u.a.Guard, Then: v}}, Else: nullOf(t)}
		}
	}
	return u.over(j, v), nil
}

// one reports whether there is at most one row for each key.
func (d *dependent) one() (bool, error) {
	n, err := d.u.b.push(d.node, nil)
	if err != nil {
		return false, err
	}
	d.node = n
	fixed := make([]bool, len(n.Schema().Cols))
	for i := range d.keys {
		fixed[i] = true
	}
	return d.u.b.atMostOne(n, fixed), nil
}

// atMostOne reports whether no two rows of n have the same values in the fixed columns.
func (b *binder) atMostOne(n plan.Node, fixed []bool) bool {
	switch n := n.(type) {
	case *plan.Project:
		in := make([]bool, len(n.In.Schema().Cols))
		for i, x := range n.Exprs {
			if c, ok := relabelled(x).(*plan.Col); ok && fixed[i] {
				in[c.Index] = true
			}
		}
		return b.atMostOne(n.In, in)
	case *plan.Filter:
		fixed = append([]bool(nil), fixed...)
		for _, c := range conjuncts(n.Cond, nil) {
			eq, ok := c.(*plan.Call)
			if !ok || eq.Fn.Name != "=" || len(eq.Args) != 2 {
				continue
			}
			for i, x := range eq.Args {
				if col, ok := relabelled(x).(*plan.Col); ok && constant(eq.Args[1-i]) {
					fixed[col.Index] = true
				}
			}
		}
		return b.atMostOne(n.In, fixed)
	case *plan.Sort:
		if c, ok := n.Limit.(*plan.Const); ok && c.Value.Int <= 1 {
			per := true
			for _, x := range n.Per {
				col, ok := x.(*plan.Col)
				per = per && ok && fixed[col.Index]
			}
			if per {
				return true
			}
		}
		return b.atMostOne(n.In, fixed)
	}
next:
	for _, key := range b.derive(n) {
		for _, k := range key {
			if !fixed[k] {
				continue next
			}
		}
		return true
	}
	return false
}

// collected gathers the values of each key in an array of records: what holds more than one is refused when it is
// looked at.
func (u *unnesting) collected(d *dependent) (plan.Node, error) {
	k := len(d.keys)
	x := colOf(d.node, k)
	row := &plan.Struct{Vals: []plan.Expr{x}, Typ: types.StructOf(types.Field{Name: "value", Type: x.Typ})}
	f, _, ret, err := fn.ResolveAggregate("array_agg", []types.Type{row.Typ})
	if err != nil {
		return nil, sqlerr.Locate(err, u.a.Pos)
	}
	agg := &plan.Aggregate{In: d.node, Keys: d.keyCols(), Pos: u.a.Pos,
		Aggs: []plan.Agg{{Fn: f, Args: []plan.Expr{row}, Type: ret, Pos: u.a.Pos}}}
	agg.Sch = d.schema([]plan.Column{colType("values", ret)})
	return agg, nil
}

// withDefaults joins In with a dependent query, left. The result gives column i of the query's side where it has a row,
// and where it has none what its aggregates give of none.
func (u *unnesting) withDefaults(d *dependent) (*plan.Join, func(i int) plan.Expr) {
	k := len(d.keys)
	marker := -1
	for _, x := range d.empty {
		if c, ok := x.(*plan.Const); !ok || !c.Value.Null {
			marker = len(d.node.Schema().Cols)
		}
	}
	if marker >= 0 {
		p := &plan.Project{In: d.node}
		for i, c := range d.node.Schema().Cols {
			p.Exprs = append(p.Exprs, colOf(d.node, i))
			p.Sch.Cols = append(p.Sch.Cols, c)
		}
		p.Exprs = append(p.Exprs, boolean(true))
		p.Sch.Cols = append(p.Sch.Cols, colType("marker", types.Bool))
		d.node = p
	}
	j := u.joined(plan.Left, d.node, d.matches(u.width))
	d.safe(j)
	return j, func(i int) plan.Expr {
		x := colOf(j, u.width+i)
		if i >= k && i-k < len(d.empty) && marker >= 0 {
			if c, ok := d.empty[i-k].(*plan.Const); !ok || !c.Value.Null {
				none := &plan.IsNull{X: colOf(j, u.width+marker)}
				return &plan.Case{Typ: x.Typ, When: []plan.When{{Cond: none, Then: d.empty[i-k]}}, Else: x}
			}
		}
		return x
	}
}

// emptyResults are the values of a row of an aggregation without keys of no rows.
func (b *binder) emptyResults(n *plan.Aggregate) ([]plan.Expr, error) {
	var out []plan.Expr
	for i, a := range n.Aggs {
		ts := make([]types.Type, len(a.Args))
		for k, x := range a.Args {
			ts[k] = x.Type()
		}
		c := vec.NewColumn(a.Type)
		a.Fn.New(ts, a.Type, true).Result([]int32{0}, c)
		if c.Len() != 1 {
			return nil, refuse(n.Pos, "aggregate %s in a query that refers to the rows around it", n.Sch.Cols[i].Name)
		}
		out = append(out, &plan.Const{Value: c.Value(0)})
	}
	return out, nil
}

// foldAll folds what has become constant, from the inside outwards.
func (b *binder) foldAll(e plan.Expr) plan.Expr {
	return b.fold(rewriteParts(e, b.foldAll))
}

// array adds the array of a query's values, in its order.
func (u *unnesting) array() (plan.Node, error) {
	query := u.a.Query
	var x plan.Expr = colOf(query, 0)
	var order []plan.SortKey
	for {
		if p, ok := query.(*plan.Project); ok && order == nil {
			if s, sorted := p.In.(*plan.Sort); sorted {
				x = substitute(x, p.Exprs)
				query = s
				continue
			}
		}
		s, ok := query.(*plan.Sort)
		if !ok || len(s.By) == 0 || order != nil {
			break
		}
		order = s.By
		if !isLimited(s) {
			query = s.In
		}
	}
	f, _, ret, err := fn.ResolveAggregate("array_agg", []types.Type{x.Type()})
	if err != nil {
		return nil, refuse(u.a.Pos, "ARRAY(query) of values of type %s", x.Type())
	}
	agg := &plan.Aggregate{In: query, Pos: u.a.Pos,
		Aggs: []plan.Agg{{Fn: f, Args: []plan.Expr{x}, Order: order, Type: ret, Pos: u.a.Pos}},
		Sch:  plan.Schema{Cols: []plan.Column{colType("array", ret)}}}
	d, err := u.dependent(agg, false)
	if err != nil {
		return nil, err
	}
	j := u.joined(plan.Left, d.node, d.matches(u.width))
	d.safe(j)
	none := &plan.Const{Value: types.Value{Type: ret}}
	return u.over(j, &plan.Coalesce{Args: []plan.Expr{colOf(j, u.width+len(d.keys)), none}, Typ: ret}), nil
}

// rows joins In with every row of a LATERAL query.
func (u *unnesting) rows() (plan.Node, error) {
	left := u.a.Kind == plan.ApplyLeft
	if l, ok := loosen(u.a.Query, false, false); ok {
		if n, ok := u.beside(l, left); ok {
			return n, nil
		}
	}
	if !left {
		if n, ok := u.graft(u.a.Query); ok {
			var values []plan.Expr
			for i := u.width; i < len(n.Schema().Cols); i++ {
				values = append(values, colOf(n, i))
			}
			return u.over(n, values...), nil
		}
	}
	on := conjuncts(u.a.On, nil)
	d, err := u.dependent(u.a.Query, false)
	if err != nil {
		return nil, err
	}
	if left && d.empty != nil && len(on) > 0 {
		if d, err = u.dependent(u.a.Query, true); err != nil {
			return nil, err
		}
	}
	k := len(d.keys)
	var out plan.Node
	var value func(i int) plan.Expr
	if d.empty != nil {
		j, v := u.withDefaults(d)
		out, value = j, v
	} else {
		kind := plan.Inner
		if left {
			kind = plan.Left
		}
		j := u.joined(kind, d.node, d.matches(u.width))
		for _, c := range on {
			moved := rewrite(c, func(e plan.Expr) plan.Expr {
				if c, ok := e.(*plan.Col); ok && c.Index >= u.width {
					return &plan.Col{Index: c.Index + k, Typ: c.Typ, Name: c.Name}
				}
				return nil
			})
			j.On = conjunction(conjuncts(moved, conjuncts(j.On, nil)))
		}
		d.safe(j)
		out, value = j, func(i int) plan.Expr { return colOf(j, u.width+i) }
	}
	var values []plan.Expr
	for i := range u.a.Query.Schema().Cols {
		values = append(values, value(k+i))
	}
	return u.over(out, values...), nil
}

// beside joins In with a loosened query. In a left join columns that are computed must be NULL where nothing matches.
func (u *unnesting) beside(l *loose, left bool) (plan.Node, bool) {
	var on, values []plan.Expr
	for _, c := range l.conds {
		on = append(on, u.outside(c))
	}
	outs := make([]plan.Expr, len(l.outs))
	computed := false
	for i, x := range l.outs {
		outs[i] = u.outside(x)
		if _, ok := x.(*plan.Col); !ok {
			computed = true
		}
	}
	if !left {
		if isUnit(l.node) {
			return u.over(filter(u.a.In, on), outs...), true
		}
		return u.over(u.joined(plan.Inner, l.node, on), outs...), true
	}
	by := make([]plan.Expr, 0, u.width+len(outs))
	for i := range u.width {
		by = append(by, colOf(u.a.In, i))
	}
	by = append(by, outs...)
	for _, c := range conjuncts(u.a.On, nil) {
		on = append(on, substitute(c, by))
	}
	node := l.node
	if computed {
		p := &plan.Project{In: node}
		for i, c := range node.Schema().Cols {
			p.Exprs = append(p.Exprs, colOf(node, i))
			p.Sch.Cols = append(p.Sch.Cols, c)
		}
		p.Exprs = append(p.Exprs, boolean(true))
		p.Sch.Cols = append(p.Sch.Cols, colType("marker", types.Bool))
		node = p
	}
	j := u.joined(plan.Left, node, on)
	for i, x := range outs {
		if _, ok := l.outs[i].(*plan.Col); !ok {
			there := &plan.IsNull{X: colOf(j, len(j.Sch.Cols)-1), Not: true}
			x = &plan.Case{Typ: x.Type(), When: []plan.When{{Cond: there, Then: x}}, Else: nullOf(x.Type())}
		}
		values = append(values, x)
	}
	return u.over(j, values...), true
}

// graft runs a query that works row by row upon In itself: its columns follow In's.
func (u *unnesting) graft(n plan.Node) (plan.Node, bool) {
	if !refersOut(n) {
		if isUnit(n) {
			return u.a.In, true
		}
		return u.joined(plan.Inner, n, nil), true
	}
	remap := func(e plan.Expr) plan.Expr { return u.outside(e) }
	switch n := n.(type) {
	case *plan.Filter:
		in, ok := u.graft(n.In)
		if !ok {
			return nil, false
		}
		return &plan.Filter{In: in, Cond: remap(n.Cond)}, true
	case *plan.Project:
		in, ok := u.graft(n.In)
		if !ok {
			return nil, false
		}
		p := &plan.Project{In: in}
		for i := range u.width {
			p.Exprs = append(p.Exprs, colOf(in, i))
		}
		p.Exprs = append(p.Exprs, mapExprs(n.Exprs, remap)...)
		p.Sch.Cols = append(append(p.Sch.Cols, u.a.In.Schema().Cols...), n.Sch.Cols...)
		return p, true
	case *plan.TableFunc:
		in, ok := u.graft(n.In)
		if !ok {
			return nil, false
		}
		c := copyNode(n).(*plan.TableFunc)
		own := n.Sch.Cols[len(n.In.Schema().Cols):]
		c.In = in
		mapNodeExprs(c, remap)
		c.Sch = plan.Schema{Cols: append(append([]plan.Column(nil), in.Schema().Cols...), own...)}
		return c, true
	}
	return nil, false
}

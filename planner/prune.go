package planner

import "github.com/leatdb/leat/planner/plan"

// prune drops the columns of n's inputs, and of n, that nobody needs. It may keep more than asked for. The second
// result says where each of n's old columns is now: -1 when it is gone. When all are needed they all keep their places.
func prune(n plan.Node, need []bool) (plan.Node, []int) {
	switch n := n.(type) {
	case *plan.Scan:
		return pruneScan(n, need)
	case *plan.Values:
		return pruneValues(n, need)
	case *plan.Filter:
		in, at := prune(n.In, needed(need, n.Cond))
		return &plan.Filter{In: in, Cond: moved(n.Cond, at)}, at
	case *plan.Project:
		return pruneProject(n, need)
	case *plan.Window:
		return pruneWindow(n, need)
	case *plan.Aggregate:
		return pruneAggregate(n, need)
	case *plan.Join:
		return pruneJoin(n, need)
	case *plan.Distinct:
		if n.On != nil {
			return pruneFirst(n, need)
		}
		n.In, n.Sch = pruneExactly(n.In, allOf(n.In)), plan.Schema{}
		return n, identity(len(need))
	case *plan.Apply:
		return pruneApply(n, need)
	case *plan.GroupTop:
		return pruneGroupTop(n, need)
	case *plan.TableFunc, *plan.WindowAgg:
		return pruneAppending(n, need)
	case *plan.Final:
		need = append([]bool(nil), need...)
		need[n.Closes.Key] = true
		in, at := prune(n.In, need)
		n.In, n.Closes.Key = in, at[n.Closes.Key]
		return n, at
	case *plan.Sort:
		for _, k := range n.By {
			need = needed(need, k.X)
		}
		in, at := prune(n.In, needed(need, n.Per...))
		n.In, n.Per, n.Sch = in, movedAll(n.Per, at), plan.Schema{}
		n.By = mapKeys(n.By, func(e plan.Expr) plan.Expr { return moved(e, at) })
		return n, at
	case *plan.Union:
		return pruneUnion(n, need)
	}
	replaceInputs(n, func(in plan.Node) plan.Node { return pruneExactly(in, allOf(in)) })
	return n, identity(len(need))
}

// pruneExactly prunes n to just the columns that are needed.
func pruneExactly(n plan.Node, need []bool) plan.Node {
	out, _ := pruneSide(n, need, true)
	return out
}

// needed returns need with the columns of es added.
func needed(need []bool, es ...plan.Expr) []bool {
	out := append([]bool(nil), need...)
	for _, e := range es {
		visit(e, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Col); ok {
				out[c.Index] = true
			}
			return true
		})
	}
	return out
}

// moved returns e over the columns where they are now.
func moved(e plan.Expr, at []int) plan.Expr {
	return rewrite(e, func(e plan.Expr) plan.Expr {
		if c, ok := e.(*plan.Col); ok {
			if at[c.Index] == c.Index {
				return c
			}
			return &plan.Col{Index: at[c.Index], Typ: c.Typ, Name: c.Name}
		}
		return nil
	})
}

func movedAll(es []plan.Expr, at []int) []plan.Expr {
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		out[i] = moved(e, at)
	}
	return out
}

func identity(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}

func allOf(n plan.Node) []bool {
	need := make([]bool, len(n.Schema().Cols))
	for i := range need {
		need[i] = true
	}
	return need
}

// kept numbers the needed columns.
func kept(need []bool) (at []int, n int) {
	at = make([]int, len(need))
	for i := range need {
		at[i] = -1
		if need[i] {
			at[i] = n
			n++
		}
	}
	return at, n
}

func keptColumns(cols []plan.Column, need []bool) []plan.Column {
	out := make([]plan.Column, 0, len(cols))
	for i, c := range cols {
		if need[i] {
			out = append(out, c)
		}
	}
	return out
}

func pruneScan(n *plan.Scan, need []bool) (plan.Node, []int) {
	at, width := kept(need)
	cols := make([]int, 0, width)
	for i, c := range n.Cols {
		if need[i] {
			cols = append(cols, c)
		}
	}
	return &plan.Scan{Rel: n.Rel, Cols: cols, Sch: plan.Schema{Cols: keptColumns(n.Sch.Cols, need)}}, at
}

func pruneValues(n *plan.Values, need []bool) (plan.Node, []int) {
	at, width := kept(need)
	out := &plan.Values{Sch: plan.Schema{Cols: keptColumns(n.Sch.Cols, need)}}
	for _, row := range n.Rows {
		r := make([]plan.Expr, 0, width)
		for i, x := range row {
			if need[i] {
				r = append(r, x)
			}
		}
		out.Rows = append(out.Rows, r)
	}
	return out, at
}

func pruneProject(n *plan.Project, need []bool) (plan.Node, []int) {
	at, _ := kept(need)
	below := make([]bool, len(n.In.Schema().Cols))
	out := &plan.Project{Sch: plan.Schema{Cols: keptColumns(n.Sch.Cols, need)}}
	for i, e := range n.Exprs {
		if need[i] {
			out.Exprs = append(out.Exprs, e)
		}
	}
	below = needed(below, out.Exprs...)
	in, where := prune(n.In, below)
	out.In, out.Exprs = in, movedAll(out.Exprs, where)
	if trivial(out) {
		return in, at
	}
	return out, at
}

// trivial reports whether p gives what it takes.
func trivial(p *plan.Project) bool {
	in := p.In.Schema().Cols
	if len(in) != len(p.Exprs) {
		return false
	}
	for i, e := range p.Exprs {
		if c, ok := e.(*plan.Col); !ok || c.Index != i || in[i] != p.Sch.Cols[i] {
			return false
		}
	}
	return true
}

// pruneFirst prunes below DISTINCT ON, which looks at no more than it sorts by.
func pruneFirst(n *plan.Distinct, need []bool) (plan.Node, []int) {
	need = needed(need, n.On...)
	for _, k := range n.By {
		need = needed(need, k.X)
	}
	in, at := pruneSide(n.In, need, true)
	by := mapKeys(n.By, func(e plan.Expr) plan.Expr { return moved(e, at) })
	return &plan.Distinct{In: in, On: movedAll(n.On, at), By: by, Pos: n.Pos}, at
}

func pruneWindow(n *plan.Window, need []bool) (plan.Node, []int) {
	width := len(n.In.Schema().Cols)
	below := append([]bool(nil), need[:width]...)
	below[n.Time] = true
	if n.StreamTime >= 0 {
		below[n.StreamTime] = true
	}
	in, at := prune(n.In, needed(below, n.By...))
	w := *n
	w.In, w.Time, w.By = in, at[n.Time], movedAll(n.By, at)
	if n.StreamTime >= 0 {
		w.StreamTime = at[n.StreamTime]
	}
	inCols := in.Schema().Cols
	w.Sch = plan.Schema{Cols: append(append([]plan.Column(nil), inCols...), n.Sch.Cols[width:]...)}
	return &w, append(append([]int(nil), at...), len(inCols), len(inCols)+1)
}

func pruneAggregate(n *plan.Aggregate, need []bool) (plan.Node, []int) {
	need = append([]bool(nil), need...)
	for i := range n.Keys {
		need[i] = true
	}
	if n.Sets != nil {
		need[len(need)-1] = true
	}
	at, _ := kept(need)
	n.Sch.Cols = keptColumns(n.Sch.Cols, need)
	var aggs []plan.Agg
	below := needed(make([]bool, len(n.In.Schema().Cols)), n.Keys...)
	for i, a := range n.Aggs {
		if need[len(n.Keys)+i] {
			aggs = append(aggs, a)
			below = needed(needed(below, a.Args...), a.Filter)
			for _, k := range a.Order {
				below = needed(below, k.X)
			}
		}
	}
	in, where := prune(n.In, below)
	n.In, n.Keys, n.Aggs = in, movedAll(n.Keys, where), aggs
	for i := range n.Aggs {
		n.Aggs[i].Args = movedAll(n.Aggs[i].Args, where)
		n.Aggs[i].Filter = moved(n.Aggs[i].Filter, where)
		n.Aggs[i].Order = mapKeys(n.Aggs[i].Order, func(e plan.Expr) plan.Expr { return moved(e, where) })
	}
	return n, at
}

func pruneJoin(n *plan.Join, need []bool) (plan.Node, []int) {
	lw := len(n.Left.Schema().Cols)
	if n.Halves() {
		need = append(append([]bool(nil), need...), make([]bool, len(n.Right.Schema().Cols))...)
	}
	need = needed(need, n.On)
	if w := n.Within; w != nil {
		need[w.LeftTime], need[lw+w.RightTime], need[w.LeftStream], need[lw+w.RightStream] = true, true, true, true
	}
	left, lat := pruneSide(n.Left, needed(need[:lw], n.LeftKeys...), !n.Lookup)
	right, rat := pruneSide(n.Right, needed(need[lw:], n.RightKeys...), true)
	at := append([]int(nil), lat...)
	nl := len(left.Schema().Cols)
	for _, r := range rat {
		if r >= 0 {
			r += nl
		}
		at = append(at, r)
	}
	n.Left, n.Right = left, right
	if w := n.Within; w != nil {
		moved := *w
		moved.LeftTime, moved.RightTime = lat[w.LeftTime], rat[w.RightTime]
		moved.LeftStream, moved.RightStream = lat[w.LeftStream], rat[w.RightStream]
		n.Within = &moved
	}
	n.LeftKeys, n.RightKeys = movedAll(n.LeftKeys, lat), movedAll(n.RightKeys, rat)
	n.On = moved(n.On, at)
	n.Sch = plan.Schema{Cols: append([]plan.Column(nil), left.Schema().Cols...)}
	if n.Halves() {
		return n, lat
	}
	n.Sch.Cols = append(n.Sch.Cols, right.Schema().Cols...)
	return n, at
}

// pruneAppending prunes below a node whose columns are those of its input and some of its own, which all stay.
func pruneAppending(n plan.Node, need []bool) (plan.Node, []int) {
	in := n.Inputs()[0]
	width := len(in.Schema().Cols)
	below := append([]bool(nil), need[:width]...)
	all := append([]bool(nil), need...)
	eachExpr(n, func(e plan.Expr) { all = needed(all, e) })
	copy(below, all[:width])
	_, rowWise := n.(*plan.TableFunc)
	got, at := pruneSide(in, below, !rowWise)
	out := copyNode(n)
	replaceFirst(out, got)
	own := n.Schema().Cols[width:]
	nw := len(got.Schema().Cols)
	cols := append(append([]plan.Column(nil), got.Schema().Cols...), own...)
	for i := range own {
		at = append(at[:len(at):len(at)], nw+i)
	}
	mapNodeExprs(out, func(e plan.Expr) plan.Expr { return moved(e, at) })
	*out.Schema() = plan.Schema{Cols: cols}
	return out, at
}

// pruneApply prunes the input of an Apply; its query keeps its columns.
func pruneApply(n *plan.Apply, need []bool) (plan.Node, []int) {
	query, _ := prune(n.Query, allOf(n.Query))
	test := n.Test
	c := *n
	c.Query, c.Test = query, nil
	out, at := pruneAppending(&c, need)
	out.(*plan.Apply).Test = test
	return out, at
}

// pruneSide prunes an input of a join. A side that the join keeps in its state gets exactly what is needed.
func pruneSide(n plan.Node, need []bool, stored bool) (plan.Node, []int) {
	got, where := prune(n, need)
	at, width := kept(need)
	if !stored || len(got.Schema().Cols) == width {
		return got, where
	}
	p := &plan.Project{In: got}
	for i, w := range where {
		if need[i] {
			p.Exprs = append(p.Exprs, colOf(got, w))
			p.Sch.Cols = append(p.Sch.Cols, got.Schema().Cols[w])
		}
	}
	return p, at
}

func pruneUnion(n *plan.Union, need []bool) (plan.Node, []int) {
	at, width := kept(need)
	cols := keptColumns(n.Sch.Cols, need)
	for k, in := range n.Ins {
		got, where := prune(in, need)
		exact := len(got.Schema().Cols) == width
		p := &plan.Project{In: got, Sch: plan.Schema{Cols: cols}}
		for i, w := range where {
			if need[i] {
				exact = exact && w == at[i]
				p.Exprs = append(p.Exprs, colOf(got, w))
			}
		}
		if !exact {
			got = p
		}
		n.Ins[k] = got
	}
	n.Sch = plan.Schema{Cols: cols}
	return n, at
}

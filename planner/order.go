package planner

import "github.com/leatdb/leat/planner/plan"

// joinTree is a tree of inner joins taken apart: what is joined, and on what. Expressions are over the columns of all
// leaves, one after the other.
type joinTree struct {
	b      *binder
	leaves []joinLeaf
	width  int
	pairs  []joinPair
	conds  []plan.Expr
	loose  bool // some join has no keys
	pos    int
}

// joinLeaf is something that is joined.
type joinLeaf struct {
	node plan.Node
	at   int // where its columns begin
	// half is set for the right side of a semi or anti join, which is a filter of what it needs: its keys and condition
	// are there, over the columns of all leaves and of the node. It has no columns among those of the leaves.
	half *plan.Join
	need leafSet
}

// leafSet is a set of leaves by their numbers.
type leafSet uint32

func (s leafSet) has(i int) bool { return s&(1<<i) != 0 }

// joinPair is a pair of keys.
type joinPair struct {
	l, r plan.Expr
	safe bool
	// left and right are the leaves that l and r are over.
	left, right leafSet
}

// maxLeaves bounds how many leaves a leafSet is of.
const maxLeaves = 30

// joinOrder is an order to join in: a leaf, or a join of two.
type joinOrder struct {
	leaf        int
	left, right *joinOrder // nil for a leaf
}

// reorder gives trees of inner joins another order. A query that is asked once is joined in the cheapest order by what
// the tables hold, where that is known. For others, and where it is not, the items of FROM that are joined with nothing
// yet go behind those that join them: a cross product is made only where no order avoids it. That looks at the query
// alone, so that a query that is kept up to date has the same plan after every start.
func (b *binder) reorder(n plan.Node) plan.Node {
	if j, ok := n.(*plan.Join); ok && (plainInner(j) || b.filters(j)) {
		t := &joinTree{b: b, pos: j.Pos}
		t.take(j)
		if order := t.order(); order != nil {
			for i := range t.leaves {
				t.leaves[i].node = b.reorder(t.leaves[i].node)
			}
			return t.build(order)
		}
	}
	replaceInputs(n, b.reorder)
	return n
}

func plainInner(j *plan.Join) bool { return j.Kind == plan.Inner && !j.Lookup && j.Within == nil }

// filters reports whether a join filters the joins on its left, and may be moved among them.
func (b *binder) filters(j *plan.Join) bool {
	in, ok := j.Left.(*plan.Join)
	return ok && b.ctx.Sample != nil && b.mode == modePull && j.Halves() && (plainInner(in) || b.filters(in))
}

// take adds the leaves and conditions of n.
func (t *joinTree) take(n plan.Node) {
	j, ok := n.(*plan.Join)
	switch {
	case ok && plainInner(j):
		left := t.width
		t.take(j.Left)
		right := t.width
		t.take(j.Right)
		t.loose = t.loose || len(j.LeftKeys) == 0
		for i := range j.LeftKeys {
			l, r := shift(j.LeftKeys[i], left), shift(j.RightKeys[i], right)
			t.pairs = append(t.pairs, joinPair{l, r, j.NullSafeAt(i), t.leavesOf(l), t.leavesOf(r)})
		}
		for _, c := range conjuncts(j.On, nil) {
			t.conds = append(t.conds, shift(c, left))
		}
	case ok && t.b.filters(j):
		left := t.width
		t.take(j.Left)
		leaf := joinLeaf{node: j.Right, at: t.width, half: j}
		for _, k := range j.LeftKeys {
			leaf.need |= t.leavesOf(shift(k, left))
		}
		lw := len(j.Left.Schema().Cols)
		visit(j.On, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Col); ok && c.Index < lw {
				leaf.need |= t.leavesOf(shift(c, left))
			}
			return true
		})
		half := *j
		half.LeftKeys = mapExprs(j.LeftKeys, func(e plan.Expr) plan.Expr { return shift(e, left) })
		half.On = rewrite(j.On, func(e plan.Expr) plan.Expr { // left's columns where they are, right's from -1 down
			c, ok := e.(*plan.Col)
			if !ok {
				return nil
			}
			at := c.Index + left
			if c.Index >= lw {
				at = lw - 1 - c.Index
			}
			return &plan.Col{Index: at, Typ: c.Typ, Name: c.Name}
		})
		leaf.half = &half
		t.leaves = append(t.leaves, leaf)
	default:
		t.leaves = append(t.leaves, joinLeaf{node: n, at: t.width})
		t.width += len(n.Schema().Cols)
	}
}

// leavesOf are the leaves that e is over.
func (t *joinTree) leavesOf(e plan.Expr) (s leafSet) {
	visit(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Col); ok {
			for i, l := range t.leaves {
				if l.half == nil && c.Index >= l.at && c.Index < l.at+len(l.node.Schema().Cols) {
					s |= 1 << i
				}
			}
		}
		return true
	})
	return s
}

// order decides how to join; nil leaves all as it is.
func (t *joinTree) order() *joinOrder {
	if len(t.leaves) > maxLeaves {
		return nil
	}
	if t.b.mode == modePull && t.b.ctx.Sample != nil {
		return t.cheapest()
	}
	if !t.loose || len(t.leaves) < 3 || len(t.pairs) == 0 {
		return nil
	}
	return t.connected()
}

// connected is the order in which the items come, but those first that a pair of keys connects with what is joined; nil
// when that is the order they are in.
func (t *joinTree) connected() *joinOrder {
	have, out, sorted := leafSet(1), &joinOrder{}, true
	for n := 1; n < len(t.leaves); n++ {
		next := -1
		for i := range t.leaves {
			if have.has(i) {
				continue
			}
			if next < 0 {
				next = i
			}
			if t.connects(have, 1<<i) {
				next = i
				break
			}
		}
		sorted = sorted && next == n
		have |= 1 << next
		out = &joinOrder{left: out, right: &joinOrder{leaf: next}}
	}
	if sorted {
		return nil
	}
	return out
}

// connects reports whether a pair of keys is over the one and the other.
func (t *joinTree) connects(a, b leafSet) bool {
	for _, p := range t.pairs {
		if p.between(a, b) || p.between(b, a) {
			return true
		}
	}
	return false
}

// between reports whether the left key is over leaves of a, and the right one over leaves of b.
func (p *joinPair) between(a, b leafSet) bool { return p.left&^a == 0 && p.right&^b == 0 }

// build joins the leaves in an order, and gives the columns in the one they had.
func (t *joinTree) build(order *joinOrder) plan.Node {
	at := make([]int, t.width) // where the columns are in what is joined so far
	node, _ := t.assemble(order, at)
	p := &plan.Project{In: node}
	for i := range t.width {
		c := colOf(node, at[i])
		p.Exprs = append(p.Exprs, c)
		p.Sch.Cols = append(p.Sch.Cols, colType(c.Name, c.Typ))
	}
	return p
}

// assemble builds the joins of an order. It sets where the columns of the leaves are, and returns which leaves it has.
func (t *joinTree) assemble(o *joinOrder, at []int) (plan.Node, leafSet) {
	if o.left == nil {
		leaf := &t.leaves[o.leaf]
		if leaf.half == nil {
			for c := range leaf.node.Schema().Cols {
				at[leaf.at+c] = c
			}
		}
		return leaf.node, 1 << o.leaf
	}
	left, mine := t.assemble(o.left, at)
	right, theirs := t.assemble(o.right, at)
	lw := len(left.Schema().Cols)
	if o.right.left == nil && t.leaves[o.right.leaf].half != nil {
		return t.halve(left, t.leaves[o.right.leaf].half, at), mine
	}
	for i, l := range t.leaves {
		if theirs.has(i) && l.half == nil {
			for c := range l.node.Schema().Cols {
				at[l.at+c] += lw
			}
		}
	}
	return t.join(left, right, mine, theirs, at), mine | theirs
}

// halve puts a semi or anti join above what it filters.
func (t *joinTree) halve(left plan.Node, half *plan.Join, at []int) plan.Node {
	j := *half
	j.Left, j.LeftKeys = left, movedAll(half.LeftKeys, at)
	lw := len(left.Schema().Cols)
	j.On = rewrite(half.On, func(e plan.Expr) plan.Expr {
		c, ok := e.(*plan.Col)
		if !ok {
			return nil
		}
		to := lw - 1 - c.Index
		if c.Index >= 0 {
			to = at[c.Index]
		}
		return &plan.Col{Index: to, Typ: c.Typ, Name: c.Name}
	})
	j.Sch = plan.Schema{Cols: left.Schema().Cols}
	return &j
}

// join joins two nodes, with the conditions that are over what is there then.
func (t *joinTree) join(left, right plan.Node, mine, theirs leafSet, at []int) plan.Node {
	lw := len(left.Schema().Cols)
	all := mine | theirs
	j := &plan.Join{Left: left, Right: right, Pos: t.pos}
	j.Sch.Cols = append(append(j.Sch.Cols, left.Schema().Cols...), right.Schema().Cols...)
	var pairs []joinPair
	for _, p := range t.pairs {
		if p.between(theirs, mine) {
			p.l, p.r, p.left, p.right = p.r, p.l, p.right, p.left
		}
		switch {
		case p.between(mine, theirs):
			j.LeftKeys = append(j.LeftKeys, moved(p.l, at))
			j.RightKeys = append(j.RightKeys, shift(moved(p.r, at), -lw))
			j.NullSafe = append(j.NullSafe, p.safe)
		case (p.left|p.right)&^all == 0:
			t.conds = append(t.conds, t.b.same(p))
		default:
			pairs = append(pairs, p)
		}
	}
	t.pairs = pairs
	var on, rest []plan.Expr
	for _, c := range t.conds {
		if t.leavesOf(c)&^all == 0 {
			on = append(on, moved(c, at))
		} else {
			rest = append(rest, c)
		}
	}
	t.conds = rest
	j.On = conjunction(on)
	return j
}

// same is the condition that the keys of a pair, which have one type, are equal.
func (b *binder) same(p joinPair) plan.Expr {
	eq, err := b.operator("=", []plan.Expr{p.l, p.r}, nil, 0)
	if err != nil {
		panic("BUG: keys of a join that cannot be compared")
	}
	if !p.safe {
		return eq
	}
	return &plan.Case{Typ: boolean(true).Type(), Else: eq, When: []plan.When{
		{Cond: &plan.IsNull{X: p.l}, Then: &plan.IsNull{X: p.r}},
		{Cond: &plan.IsNull{X: p.r}, Then: boolean(false)},
	}}
}

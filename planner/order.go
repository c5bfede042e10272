package planner

import "github.com/leatdb/leat/planner/plan"

// joinTree is a tree of inner joins taken apart: what is joined, and on what. Expressions are over the columns of all
// leaves, one after the other.
type joinTree struct {
	b      *binder
	leaves []plan.Node
	at     []int // where the columns of each leaf begin
	width  int
	pairs  []joinPair
	conds  []plan.Expr
	loose  bool // some join has no keys
	pos    int
}

// joinPair is a pair of keys.
type joinPair struct {
	l, r plan.Expr
	safe bool
}

// reorder puts the items of FROM that are joined with nothing yet behind those that join them: a cross product is made
// only where no order avoids it. It looks at the query alone, so that a query that is kept up to date has the same plan
// after every start.
func (b *binder) reorder(n plan.Node) plan.Node {
	if j, ok := n.(*plan.Join); ok && plainInner(j) {
		t := &joinTree{b: b, pos: j.Pos}
		t.take(j)
		if t.loose && len(t.leaves) > 2 && len(t.pairs) > 0 {
			if out := t.build(); out != nil {
				return out
			}
		}
	}
	replaceInputs(n, b.reorder)
	return n
}

func plainInner(j *plan.Join) bool { return j.Kind == plan.Inner && !j.Lookup && j.Within == nil }

// take adds the leaves and conditions of n.
func (t *joinTree) take(n plan.Node) {
	j, ok := n.(*plan.Join)
	if !ok || !plainInner(j) {
		t.leaves, t.at = append(t.leaves, n), append(t.at, t.width)
		t.width += len(n.Schema().Cols)
		return
	}
	left := t.width
	t.take(j.Left)
	right := t.width
	t.take(j.Right)
	t.loose = t.loose || len(j.LeftKeys) == 0
	for i := range j.LeftKeys {
		t.pairs = append(t.pairs, joinPair{shift(j.LeftKeys[i], left), shift(j.RightKeys[i], right), j.NullSafeAt(i)})
	}
	for _, c := range conjuncts(j.On, nil) {
		t.conds = append(t.conds, shift(c, left))
	}
}

// columns tells which columns the leaves of have are.
func (t *joinTree) columns(have []bool) []bool {
	in := make([]bool, t.width)
	for i, ok := range have {
		for c := range t.leaves[i].Schema().Cols {
			in[t.at[i]+c] = ok
		}
	}
	return in
}

// over reports whether e is over the columns in in only.
func over(e plan.Expr, in []bool) bool {
	return visit(e, func(e plan.Expr) bool {
		c, ok := e.(*plan.Col)
		return !ok || in[c.Index]
	})
}

// next picks the leaf to join with those of have: the first that a pair of keys connects with them, else the first.
func (t *joinTree) next(have []bool) int {
	first := -1
	mine := t.columns(have)
	for i := range t.leaves {
		if have[i] {
			continue
		}
		if first < 0 {
			first = i
		}
		theirs := t.columns(only(i, len(t.leaves)))
		for _, p := range t.pairs {
			if over(p.l, mine) && over(p.r, theirs) || over(p.r, mine) && over(p.l, theirs) {
				return i
			}
		}
	}
	return first
}

func only(i, n int) []bool {
	one := make([]bool, n)
	one[i] = true
	return one
}

// build joins the leaves in their new order, and gives the columns in the old one; nil when the order is the old one.
func (t *joinTree) build() plan.Node {
	have := only(0, len(t.leaves))
	order := []int{0}
	sorted := true
	for len(order) < len(t.leaves) {
		i := t.next(have)
		sorted = sorted && i == len(order)
		order = append(order, i)
		have[i] = true
	}
	if sorted {
		return nil
	}
	at := make([]int, t.width) // where the columns are in what is joined so far
	node := t.b.reorder(t.leaves[0])
	for c := range node.Schema().Cols {
		at[c] = c
	}
	have = only(0, len(t.leaves))
	for _, i := range order[1:] {
		node = t.join(node, i, have, at)
	}
	p := &plan.Project{In: node}
	for i := range t.width {
		c := colOf(node, at[i])
		p.Exprs = append(p.Exprs, c)
		p.Sch.Cols = append(p.Sch.Cols, colType(c.Name, c.Typ))
	}
	return p
}

// join adds leaf i to node, with the conditions that are over what is there then.
func (t *joinTree) join(node plan.Node, i int, have []bool, at []int) plan.Node {
	leaf := t.b.reorder(t.leaves[i])
	lw := len(node.Schema().Cols)
	for c := range leaf.Schema().Cols {
		at[t.at[i]+c] = lw + c
	}
	mine, theirs := t.columns(have), t.columns(only(i, len(t.leaves)))
	have[i] = true
	all := t.columns(have)
	j := &plan.Join{Left: node, Right: leaf, Pos: t.pos}
	j.Sch.Cols = append(append(j.Sch.Cols, node.Schema().Cols...), leaf.Schema().Cols...)
	var pairs []joinPair
	for _, p := range t.pairs {
		if over(p.r, mine) && over(p.l, theirs) {
			p.l, p.r = p.r, p.l
		}
		switch {
		case over(p.l, mine) && over(p.r, theirs):
			j.LeftKeys = append(j.LeftKeys, moved(p.l, at))
			j.RightKeys = append(j.RightKeys, shift(moved(p.r, at), -lw))
			j.NullSafe = append(j.NullSafe, p.safe)
		case over(p.l, all) && over(p.r, all):
			t.conds = append(t.conds, t.b.same(p))
		default:
			pairs = append(pairs, p)
		}
	}
	t.pairs = pairs
	var on, rest []plan.Expr
	for _, c := range t.conds {
		if over(c, all) {
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

package planner

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// Sample is what is known of the rows of a relation: how many there are, and some of them from all over it, with all
// columns. Rows may be nil.
type Sample struct {
	Count int64
	Rows  *vec.Batch
}

const (
	// exactLeaves is how many leaves all orders are compared for; of more, the next best is taken step by step.
	exactLeaves = 9
	// guess is the part of the rows that is taken to pass a condition of which nothing is known.
	guess = 1.0 / 3
	// What a row costs that is kept in a hash table, looked up in one, or put out.
	buildCost, probeCost, outputCost = 2.0, 1.0, 1.0
)

// estimate is how many rows a node gives, how many it would give without its conditions, and how many different values
// each of its columns has; 0 where that is not known.
type estimate struct {
	rows   float64
	base   float64
	values []float64
}

// estimate guesses the rows of a node.
func (b *binder) estimate(n plan.Node) estimate {
	switch n := n.(type) {
	case *plan.Scan:
		return b.estimateScan(n, nil)
	case *plan.Filter:
		if s, ok := n.In.(*plan.Scan); ok {
			return b.estimateScan(s, conjuncts(n.Cond, nil))
		}
		return b.estimate(n.In).reduced(guess)
	case *plan.Values:
		return estimate{rows: float64(len(n.Rows)), values: make([]float64, len(n.Sch.Cols))}
	case *plan.Project:
		in := b.estimate(n.In)
		out := estimate{in.rows, in.base, make([]float64, len(n.Exprs))}
		for i, x := range n.Exprs {
			if c, ok := x.(*plan.Col); ok {
				out.values[i] = in.values[c.Index]
			}
		}
		return out
	case *plan.Aggregate:
		in := b.estimate(n.In)
		out := estimate{rows: 1, values: make([]float64, len(n.Sch.Cols))}
		for i, k := range n.Keys {
			out.values[i] = in.distinct(k)
			out.rows *= out.values[i]
		}
		out.rows = math.Min(out.rows, in.rows)
		if len(n.Keys) == 1 { // what there is one row for is different in each
			out.values[0] = out.rows
		}
		return out
	case *plan.Join:
		return b.estimateJoin(n)
	}
	out := estimate{rows: 1000, values: make([]float64, len(n.Schema().Cols))}
	for i, in := range n.Inputs() {
		if rows := b.estimate(in).rows; i == 0 || rows > out.rows {
			out.rows = rows
		}
	}
	return out
}

func (b *binder) estimateJoin(n *plan.Join) estimate {
	l, r := b.estimate(n.Left), b.estimate(n.Right)
	if n.Halves() {
		return l.reduced(halved(n, l, r))
	}
	out := estimate{rows: l.rows * r.rows, values: append(append([]float64(nil), l.values...), r.values...)}
	for i := range n.LeftKeys {
		out.rows /= math.Max(1, math.Max(l.distinct(n.LeftKeys[i]), r.distinct(n.RightKeys[i])))
	}
	if n.Kind != plan.Inner {
		out.rows = math.Max(out.rows, l.rows)
	}
	return out
}

// halved is the part of the rows of l that a semi or anti join keeps.
func halved(j *plan.Join, l, r estimate) float64 {
	part := 1.0
	for i := range j.LeftKeys {
		part = math.Min(part, r.distinct(j.RightKeys[i])/math.Max(1, l.distinct(j.LeftKeys[i])))
	}
	if j.Kind == plan.Anti {
		return math.Max(1-part, 0.1)
	}
	return part
}

// reduced is e for a part of its rows.
func (e estimate) reduced(part float64) estimate {
	out := estimate{math.Max(1, e.rows*part), math.Max(e.base, e.rows), make([]float64, len(e.values))}
	for i, d := range e.values {
		out.values[i] = math.Min(d, out.rows)
	}
	return out
}

// distinct is how many values an expression is taken to have.
func (e estimate) distinct(x plan.Expr) float64 {
	most := 1.0
	visit(x, func(x plan.Expr) bool {
		if c, ok := x.(*plan.Col); ok && c.Index < len(e.values) {
			d := e.values[c.Index]
			if d == 0 {
				d = e.rows / 10
			}
			most = math.Max(most, d)
		}
		return true
	})
	return math.Min(most, math.Max(1, e.rows))
}

// estimateScan evaluates the conditions on a sample.
func (b *binder) estimateScan(n *plan.Scan, conds []plan.Expr) estimate {
	out := estimate{rows: 1000, values: make([]float64, len(n.Cols))}
	if b.ctx.Sample == nil {
		return out
	}
	s := b.ctx.Sample(n.Rel)
	if s == nil {
		return out
	}
	out.rows = math.Max(1, float64(s.Count))
	if k := n.Rel.Key; len(k) > 0 && len(fixedColumns(n, k, conds)) == len(k) {
		return out.reduced(1 / out.rows)
	}
	if s.Rows == nil || s.Rows.N == 0 {
		return out.reduced(math.Pow(guess, float64(len(conds))))
	}
	in := &vec.Batch{N: s.Rows.N, Cols: make([]*vec.Column, len(n.Cols))}
	for i, c := range n.Cols {
		if c >= 0 {
			in.Cols[i] = s.Rows.Cols[c]
			out.values[i] = distinctOf(in.Cols[i], out.rows)
		}
	}
	if n.Rel.Key != nil && len(n.Rel.Key) == 1 {
		for i, c := range n.Cols {
			if c == n.Rel.Key[0] {
				out.values[i] = out.rows
			}
		}
	}
	pass, unknown := b.passing(conds, in)
	part := math.Max(pass, 0.5/float64(in.N)) * math.Pow(guess, float64(unknown))
	return out.reduced(part)
}

// passing is the part of the rows of a sample that pass the conditions, but for those it cannot tell of.
func (b *binder) passing(conds []plan.Expr, in *vec.Batch) (part float64, unknown int) {
	var known []plan.Expr
	for _, c := range conds {
		ok := !volatile(c) && visit(c, func(e plan.Expr) bool {
			switch e := e.(type) {
			case *plan.Param, *plan.Outer, *plan.Subquery:
				return false
			case *plan.Col:
				return in.Cols[e.Index] != nil
			}
			return true
		})
		if ok {
			known = append(known, c)
		} else {
			unknown++
		}
	}
	if len(known) == 0 {
		return 1, unknown
	}
	p, err := eval.Compile(conjunction(known))
	if err != nil {
		return guess, unknown
	}
	sel, _ := p.Select(b.env, in, nil)
	return float64(len(sel)) / float64(in.N), unknown
}

// distinctOf estimates how many values a column of so many rows has, from a sample: by how many come once in it, as
// Haas and Stokes do.
func distinctOf(c *vec.Column, rows float64) float64 {
	n := c.Len()
	if n == 0 {
		return 0
	}
	seen := make(map[uint64]int, n)
	for _, h := range vec.Hash([]*vec.Column{c}, n, nil) {
		seen[h]++
	}
	once := 0
	for _, k := range seen {
		if k == 1 {
			once++
		}
	}
	d, f := float64(len(seen)), float64(once)
	return math.Min(rows, float64(n)*d/(float64(n)-f+f*float64(n)/math.Max(rows, float64(n))))
}

// JoinRowsSetting is the setting that says how many rows are to be joined before it is worth to look for an order.
const JoinRowsSetting = "leat.order_joins_from_rows"

func (b *binder) cheapJoin() float64 {
	if n, err := strconv.Atoi(b.ctx.setting(JoinRowsSetting)); err == nil {
		return float64(n)
	}
	return 20_000
}

// orderer finds the cheapest order of the leaves of a tree.
type orderer struct {
	t    *joinTree
	is   []estimate
	best map[leafSet]*choice
}

// choice is the cheapest way to join a set of leaves.
type choice struct {
	order *joinOrder
	cost  float64
	rows  float64
}

// cheapest is the order that costs least; nil where the one there is costs little.
func (t *joinTree) cheapest() *joinOrder {
	o := &orderer{t: t, best: map[leafSet]*choice{}}
	all := leafSet(1)<<len(t.leaves) - 1
	written := 0.0
	for i := range t.leaves {
		e := t.b.estimate(t.leaves[i].node)
		o.is = append(o.is, e)
		o.best[1<<i] = &choice{order: &joinOrder{leaf: i}, rows: e.rows}
		written += e.rows
	}
	if written < t.b.cheapJoin() && !t.loose {
		return nil
	}
	if len(t.leaves) <= exactLeaves {
		for s := leafSet(1); s <= all; s++ {
			if bits.OnesCount32(uint32(s)) < 2 {
				continue
			}
			for a := (s - 1) & s; a > 0; a = (a - 1) & s {
				o.consider(a, s&^a)
			}
		}
	} else {
		o.greedy()
	}
	if o.best[all] == nil {
		return nil
	}
	return o.best[all].order
}

// consider notes the join of two sets where it is the cheapest of their union.
func (o *orderer) consider(a, b leafSet) bool {
	l, r := o.best[a], o.best[b]
	if l == nil || r == nil || o.t.halfOf(a) {
		return false
	}
	rows := 0.0
	cost := l.cost + r.cost + buildCost*r.rows + probeCost*l.rows
	if o.t.halfOf(b) {
		i := bits.TrailingZeros32(uint32(b))
		leaf := &o.t.leaves[i]
		if leaf.need&^a != 0 {
			return false
		}
		rows = math.Max(1, l.rows*halved(leaf.half, o.over(a, l.rows), o.is[i]))
		if leaf.half.On != nil {
			cost += l.rows
		}
	} else {
		rows = o.joined(a, b, l.rows, r.rows)
		if !o.t.connects(a, b) {
			cost += l.rows * r.rows
		}
	}
	cost += outputCost * rows
	had := o.best[a|b]
	if had != nil && had.cost <= cost {
		return false
	}
	o.best[a|b] = &choice{&joinOrder{left: l.order, right: r.order}, cost, rows}
	return true
}

// halfOf reports whether a set is one leaf that is the right side of a semi or anti join.
func (t *joinTree) halfOf(s leafSet) bool {
	return bits.OnesCount32(uint32(s)) == 1 && t.leaves[bits.TrailingZeros32(uint32(s))].half != nil
}

// over is what is known of the columns of all leaves, in a join of some of them that gives so many rows.
func (o *orderer) over(s leafSet, rows float64) estimate {
	e := estimate{rows: rows, values: make([]float64, o.t.width)}
	for i, l := range o.t.leaves {
		if s.has(i) && l.half == nil {
			copy(e.values[l.at:], o.is[i].values)
		}
	}
	return e
}

// joined is how many rows the join of two sets gives. Several pairs of keys between two leaves are taken to tell rows
// apart no better than the rows of the smaller one are.
func (o *orderer) joined(a, b leafSet, left, right float64) float64 {
	l, r := o.over(a, math.Inf(1)), o.over(b, math.Inf(1))
	parts := map[leafSet]float64{}
	pairs := map[leafSet]int{}
	for _, p := range o.t.pairs {
		if p.between(b, a) {
			p.l, p.r, p.left, p.right = p.r, p.l, p.right, p.left
		} else if !p.between(a, b) {
			continue
		}
		if between := p.left | p.right; pairs[between] == 0 {
			parts[between] = 1
		}
		pairs[p.left|p.right]++
		parts[p.left|p.right] /= math.Max(1, math.Max(l.known(p.l), r.known(p.r)))
	}
	part := 1.0
	for s, p := range parts {
		least := math.Inf(1)
		for i := range o.is {
			if s.has(i) {
				least = math.Min(least, math.Max(o.is[i].base, o.is[i].rows))
			}
		}
		if pairs[s] > 1 {
			p = math.Max(p, 1/least)
		}
		part *= p
	}
	for _, c := range o.t.conds {
		in := o.t.leavesOf(c)
		if in&^(a|b) == 0 && in&^a != 0 && in&^b != 0 {
			part *= guess
		}
	}
	return math.Max(1, left*right*part)
}

// known is distinct for a column of which something is known, else 10.
func (e estimate) known(x plan.Expr) float64 {
	most := 10.0
	if c, ok := x.(*plan.Col); ok && e.values[c.Index] > 0 {
		return e.values[c.Index]
	}
	visit(x, func(x plan.Expr) bool {
		if c, ok := x.(*plan.Col); ok {
			most = math.Max(most, e.values[c.Index])
		}
		return true
	})
	return most
}

// greedy joins the two sets whose join costs least, until there is one.
func (o *orderer) greedy() {
	var sets []leafSet
	for i := range o.t.leaves {
		sets = append(sets, 1<<i)
	}
	for len(sets) > 1 {
		cost, x, y := math.Inf(1), -1, -1
		for i, a := range sets {
			for k, b := range sets {
				if i == k || !o.consider(a, b) && o.best[a|b] == nil {
					continue
				}
				if c := o.best[a|b].cost; c < cost {
					cost, x, y = c, i, k
				}
			}
		}
		if x < 0 {
			return
		}
		sets[x] |= sets[y]
		sets = append(sets[:y], sets[y+1:]...)
	}
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// optimise turns a bound tree into the one that runs. The first width columns of the result are those of n.
func (b *binder) optimise(n plan.Node, width int) (plan.Node, error) {
	n, err := b.lift(n)
	if err != nil {
		return nil, err
	}
	if n, err = b.pushed(b.try(ruleFactor, n, factor)); err != nil {
		return nil, err
	}
	if applies(n) {
		if n, err = b.unnest(n); err != nil {
			return nil, err
		}
		if refersOut(n) {
			panic("BUG: an outer value is left in the plan")
		}
		if n, err = b.pushed(n); err != nil {
			return nil, err
		}
	}
	if b.mode != modePull {
		replaceInputs(n, unordered)
	}
	return b.shrunk(b.try(ruleOrder, n, b.reorder), width)
}

// pushed moves the conditions of a tree down.
func (b *binder) pushed(n plan.Node) (plan.Node, error) {
	before := ""
	if b.ctx.Logical {
		before = nodeString(n)
	}
	out, err := b.push(n, nil) // also when the rule is off: nested filters become one
	if err == nil && b.ctx.Logical && !b.off(rulePush) && nodeString(out) != before {
		b.applied(rulePush)
	}
	return out, err
}

// shrunk is the second half of optimise: conditions are where they stay.
func (b *binder) shrunk(n plan.Node, width int) (plan.Node, error) {
	n = b.try(ruleFold, merge(n), b.folded)
	if b.off(rulePrune) && len(n.Schema().Cols) > width {
		n = narrowed(n, width)
	}
	n = b.try(rulePrune, n, func(n plan.Node) plan.Node {
		need := make([]bool, len(n.Schema().Cols))
		for i := range need {
			need[i] = i < width
		}
		n, _ = prune(n, need)
		return n
	})
	b.derive(n)
	if b.mode == modePull {
		n = b.try(ruleProbe, b.try(ruleLookup, n, lookups), b.probes)
	}
	n, err := b.clocked(n)
	if err != nil {
		return n, err
	}
	if b.maintained() {
		n = b.try(ruleIndex, n, b.joinIndexes)
	}
	if b.mode == modeCreateStream || b.mode == modeCreateTable { // which show each change on its own
		return n, nil
	}
	return b.try(ruleShare, n, share), nil
}

// unordered takes away the order of n, where it does not say which rows there are: changes have none.
func unordered(n plan.Node) plan.Node {
	replaceInputs(n, unordered)
	if s, ok := n.(*plan.Sort); ok && !isLimited(s) {
		return s.In
	}
	return n
}

// applies reports whether there is an Apply in n.
func applies(n plan.Node) bool {
	if _, ok := n.(*plan.Apply); ok {
		return true
	}
	for _, in := range n.Inputs() {
		if applies(in) {
			return true
		}
	}
	return false
}

// filter puts conditions above n.
func filter(n plan.Node, conds []plan.Expr) plan.Node {
	var kept []plan.Expr
	for _, c := range conds {
		if k, ok := c.(*plan.Const); ok && !k.Value.Null && k.Value.Bool {
			continue
		}
		kept = append(kept, c)
	}
	if len(kept) == 0 {
		return n
	}
	return &plan.Filter{In: n, Cond: conjunction(kept)}
}

// push moves conds, which hold of n's rows, down into n as far as they go, and what conditions n has itself.
func (b *binder) push(n plan.Node, conds []plan.Expr) (plan.Node, error) {
	var err error
	switch n := n.(type) {
	case *plan.Filter:
		all := conjuncts(n.Cond, nil)
		for _, c := range conds {
			if volatile(c) || !contains(all, c) {
				all = append(all, c)
			}
		}
		if !b.off(rulePush) {
			return b.push(n.In, all)
		}
		n.In, err = b.push(n.In, nil)
		return filter(n.In, all), err
	case *plan.Project:
		var below, above []plan.Expr
		for _, c := range conds {
			if y := substitute(c, n.Exprs); !volatile(y) && !b.off(rulePush) {
				below = append(below, y)
			} else {
				above = append(above, c)
			}
		}
		n.In, err = b.push(n.In, below)
		return filter(n, above), err
	case *plan.Window:
		// The rows of SESSION(t, …) make its sessions before any condition; WINDOW SESSION comes after WHERE.
		table := n.Kind == "SESSION" && n.StreamTime < 0
		below, above := b.split(conds, func(c plan.Expr) bool { return !table && within(c, 0, len(n.Sch.Cols)-2) })
		n.In, err = b.push(n.In, below)
		return filter(n, above), err
	case *plan.Aggregate:
		whole := n.Global || n.Sets != nil
		below, above := b.split(conds, func(c plan.Expr) bool { return !whole && within(c, 0, len(n.Keys)) })
		for i, c := range below {
			below[i] = substitute(c, n.Keys)
		}
		n.In, err = b.push(n.In, below)
		return filter(n, above), err
	case *plan.Join:
		return b.pushJoin(n, conds)
	case *plan.Distinct:
		below, above := b.split(conds, func(c plan.Expr) bool { return n.On == nil || overColumns(c, n.On) })
		n.In, err = b.push(n.In, below)
		return filter(n, above), err
	case *plan.Sort:
		free := !isLimited(n)
		below, above := b.split(conds, func(plan.Expr) bool { return free })
		n.In, err = b.push(n.In, below)
		return filter(n, above), err
	case *plan.Union:
		below, above := b.split(conds, func(plan.Expr) bool { return true })
		for i := range n.Ins {
			if n.Ins[i], err = b.push(n.Ins[i], below); err != nil {
				return nil, err
			}
		}
		return filter(n, above), nil
	}
	return b.pushMore(n, conds)
}

// pushMore is push for the rest of the nodes.
func (b *binder) pushMore(n plan.Node, conds []plan.Expr) (plan.Node, error) {
	var err error
	switch n := n.(type) {
	case *plan.WindowAgg:
		return b.pushWindow(n, conds)
	case *plan.SetOp:
		below, above := b.split(conds, func(plan.Expr) bool { return true })
		if n.Left, err = b.push(n.Left, below); err != nil {
			return nil, err
		}
		n.Right, err = b.push(n.Right, below)
		return filter(n, above), err
	case *plan.Apply:
		width := len(n.In.Schema().Cols)
		below, above := b.split(conds, func(c plan.Expr) bool { return within(c, 0, width) })
		if n.In, err = b.push(n.In, below); err != nil {
			return nil, err
		}
		n.Query, err = b.push(n.Query, nil)
		return filter(n, above), err
	case *plan.TableFunc:
		width := len(n.In.Schema().Cols)
		below, above := b.split(conds, func(c plan.Expr) bool { return within(c, 0, width) })
		n.In, err = b.push(n.In, below)
		return filter(n, above), err
	}
	replaceInputs(n, func(in plan.Node) plan.Node {
		out, e := b.push(in, nil)
		if e != nil {
			err = e
			return in
		}
		return out
	})
	return filter(n, conds), err
}

// split separates the conditions that may go below an operator from those that stay above it.
func (b *binder) split(conds []plan.Expr, may func(plan.Expr) bool) (below, above []plan.Expr) {
	for _, c := range conds {
		if !b.off(rulePush) && !volatile(c) && may(c) {
			below = append(below, c)
		} else {
			above = append(above, c)
		}
	}
	return below, above
}

// pushJoin gives every condition its place: below the left or the right input, among the keys, in On, or above.
func (b *binder) pushJoin(j *plan.Join, conds []plan.Expr) (plan.Node, error) {
	lw := len(j.Left.Schema().Cols)
	n := lw + len(j.Right.Schema().Cols)
	on := conjuncts(j.On, nil)
	var left, right, rest, above []plan.Expr
	moves := !b.off(rulePush)
	// What holds of pairs holds of the left rows that come out.
	narrows := (j.Kind == plan.Inner || j.Kind == plan.Semi) && moves
	if j.Kind == plan.Inner {
		on = append(on, conds...)
	}
	for _, c := range on {
		if x := implied(c, 0, lw); x != nil && narrows && !within(c, 0, lw) {
			left = append(left, x)
		}
		if x := implied(c, lw, n); x != nil && j.Kind != plan.Full && moves && !within(c, lw, n) {
			right = append(right, shift(x, -lw))
		}
		switch {
		case volatile(c):
			rest = append(rest, c)
		case narrows && within(c, 0, lw):
			left = append(left, c)
		case j.Kind != plan.Full && moves && within(c, lw, n):
			right = append(right, shift(c, -lw))
		case b.joinKey(j, c, lw):
		default:
			rest = append(rest, c)
		}
	}
	switch j.Kind {
	case plan.Inner:
	case plan.Left, plan.Semi, plan.Anti:
		var below []plan.Expr
		below, above = b.split(conds, func(c plan.Expr) bool { return within(c, 0, lw) })
		left = append(left, below...)
	default:
		above = conds
	}
	if len(j.LeftKeys) == 0 && j.Kind != plan.Inner && j.Within == nil {
		rest = leftKeys(j, rest, lw)
	}
	j.On = conjunction(rest)
	var err error
	if j.Left, err = b.push(j.Left, left); err != nil {
		return nil, err
	}
	if j.Right, err = b.push(j.Right, right); err != nil {
		return nil, err
	}
	return filter(j, above), nil
}

// leftKeys makes the conditions of a join without keys that are about its left side a key: rows for which they do not
// hold are then not compared with every row of the right side.
func leftKeys(j *plan.Join, conds []plan.Expr, lw int) (rest []plan.Expr) {
	for _, c := range conds {
		if !within(c, 0, lw) || constant(c) || volatile(c) {
			rest = append(rest, c)
			continue
		}
		holds := &plan.Case{Typ: types.Bool, When: []plan.When{{Cond: c, Then: boolean(true)}}, Else: nullOf(types.Bool)}
		j.LeftKeys, j.RightKeys = append(j.LeftKeys, holds), append(j.RightKeys, boolean(true))
	}
	return rest
}

// joinKey makes c a pair of keys of j when it is an equality between the two sides.
func (b *binder) joinKey(j *plan.Join, c plan.Expr, lw int) bool {
	l, r, safe, ok := sameness(c)
	if !ok {
		return false
	}
	n := lw + len(j.Right.Schema().Cols)
	if within(r, 0, lw) {
		l, r = r, l
	}
	if !within(l, 0, lw) || !within(r, lw, n) || constant(l) || constant(r) {
		return false
	}
	r = shift(r, -lw)
	if lt, rt := l.Type().Base(), r.Type().Base(); lt != rt {
		t, err := fn.CommonType([]types.Type{lt, rt}, "JOIN")
		if err != nil {
			return false
		}
		if l, err = b.coerce(l, t, fn.Implicit, 0); err != nil {
			return false
		}
		if r, err = b.coerce(r, t, fn.Implicit, 0); err != nil {
			return false
		}
	}
	for len(j.NullSafe) < len(j.LeftKeys) {
		j.NullSafe = append(j.NullSafe, false)
	}
	j.LeftKeys, j.RightKeys, j.NullSafe = append(j.LeftKeys, l), append(j.RightKeys, r), append(j.NullSafe, safe)
	return true
}

// sameness recognises x = y and x IS NOT DISTINCT FROM y, of which the latter is safe with NULLs.
func sameness(c plan.Expr) (x, y plan.Expr, safe, ok bool) {
	if is, isCase := c.(*plan.Case); isCase {
		if x, y, _, ok = sameness(is.Else); !ok || len(is.When) != 2 {
			return nil, nil, false, false
		}
		null := func(e plan.Expr) plan.Expr { return &plan.IsNull{X: e} }
		ok = equal(is.When[0].Cond, null(x)) && equal(is.When[0].Then, null(y)) &&
			equal(is.When[1].Cond, null(y)) && equal(is.When[1].Then, boolean(false))
		return x, y, true, ok
	}
	eq, isCall := c.(*plan.Call)
	if !isCall || eq.Fn.Name != "=" || len(eq.Args) != 2 {
		return nil, nil, false, false
	}
	return eq.Args[0], eq.Args[1], false, true
}

// merge makes one Project of two where nothing is computed twice for it.
func merge(n plan.Node) plan.Node {
	replaceInputs(n, merge)
	for {
		p, ok := n.(*plan.Project)
		if !ok {
			return n
		}
		in, ok := p.In.(*plan.Project)
		if !ok || !mergeable(p.Exprs, in.Exprs) {
			return n
		}
		m := &plan.Project{In: in.In, Sch: p.Sch}
		for _, e := range p.Exprs {
			m.Exprs = append(m.Exprs, substitute(e, in.Exprs))
		}
		n = m
	}
}

// mergeable reports whether the expressions below may be put in the place of their columns above.
func mergeable(above, below []plan.Expr) bool {
	uses := make([]int, len(below))
	for _, e := range above {
		visit(e, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Col); ok {
				uses[c.Index]++
			}
			return true
		})
	}
	for i, e := range below {
		switch e.(type) {
		case *plan.Col, *plan.Const, *plan.Param:
		default:
			if uses[i] > 1 || uses[i] == 1 && volatile(e) {
				return false
			}
		}
	}
	return true
}

// lookups gives scans of keyed relations the key that the condition above them fixes.
func lookups(n plan.Node) plan.Node {
	if f, ok := n.(*plan.Filter); ok {
		if s, ok := f.In.(*plan.Scan); ok && (s.Rel.Kind == catalog.Table || s.Rel.Kind == catalog.View) {
			conds := conjuncts(f.Cond, nil)
			s.Lookup, s.By = fixedColumns(s, s.Rel.Key, conds), fieldsOf(s.Rel, s.Rel.Key)
			if indexLookup(s, conds); len(s.Lookup) == 0 {
				among(s, conds)
			}
		}
	}
	replaceInputs(n, lookups)
	return n
}

// fixedColumns finds the one value that conds leave to each of the scanned relation's columns, or to the first of them.
func fixedColumns(s *plan.Scan, columns []int, conds []plan.Expr) []plan.Expr {
	return fixedBy(len(columns), conds, func(e plan.Expr, i int) bool { return isColumn(s, e, columns[i]) },
		func(i int) types.Type { return s.Rel.Columns[columns[i]].Type })
}

// fixedBy finds the one value that conds leave to each of n things, or to the first of them; is tells which they are.
func fixedBy(n int, conds []plan.Expr, is func(plan.Expr, int) bool, typ func(int) types.Type) []plan.Expr {
	var out []plan.Expr
	for k := range n {
		var value plan.Expr
		for _, c := range conds {
			eq, ok := c.(*plan.Call)
			if !ok || eq.Fn.Name != "=" || len(eq.Args) != 2 {
				continue
			}
			for i, side := range eq.Args {
				other := eq.Args[1-i]
				if is(side, k) && literal(other) && sameBytes(other.Type(), typ(k)) {
					value = other
				}
			}
		}
		if value == nil {
			break
		}
		out = append(out, value)
	}
	return out
}

func literal(e plan.Expr) bool {
	switch e.(type) {
	case *plan.Const, *plan.Param:
		return true
	}
	return false
}

// isColumn reports whether e is column k of the scanned relation, perhaps cast from varchar to text.
func isColumn(s *plan.Scan, e plan.Expr, k int) bool {
	c, ok := relabelled(e).(*plan.Col)
	return ok && s.Cols[c.Index] == k
}

// relabelled strips a cast that leaves values as they are: from varchar to text.
func relabelled(e plan.Expr) plan.Expr {
	if c, ok := e.(*plan.Cast); ok && c.Typ == types.Text && c.X.Type().Kind == types.KindVarchar {
		return c.X
	}
	return e
}

// sameBytes reports whether equal values of the two types have the same key bytes.
func sameBytes(a, b types.Type) bool {
	text := func(t types.Type) bool { return t.Kind == types.KindText || t.Kind == types.KindVarchar }
	whole := func(t types.Type) bool {
		return t.Kind == types.KindInt2 || t.Kind == types.KindInt4 || t.Kind == types.KindInt8
	}
	return a.Base() == b.Base() || text(a) && text(b) || whole(a) && whole(b)
}

package planner

import "github.com/leatdb/leat/planner/plan"

// pushJoin gives keys to a join: those of the side that depends on the outer values or, when both do, of the left,
// which meets only rows of the right for the same keys.
func (d *dependent) pushJoin(n *plan.Join) (plan.Node, error) {
	if n.Lookup || n.Within != nil || n.Kind == plan.Right {
		return nil, nil
	}
	left := d.needs(n.Left)
	right := d.needs(n.Right)
	for i := range n.LeftKeys {
		left, right = left || hasOuter(n.LeftKeys[i]), right || hasOuter(n.RightKeys[i])
	}
	switch {
	case n.Kind == plan.Full && !d.domain:
		return nil, nil
	case n.Kind == plan.Full:
		left, right = true, true
	case n.Kind != plan.Inner || !right:
		left = true
	}
	if !d.domain && (left && right || hasOuter(n.On)) {
		return nil, nil
	}
	j := &plan.Join{Left: n.Left, Right: n.Right, Kind: n.Kind, Pos: n.Pos}
	for i := range n.LeftKeys {
		j.NullSafe = append(j.NullSafe, n.NullSafeAt(i))
	}
	var err error
	if left {
		if j.Left, err = d.push(n.Left); j.Left == nil || err != nil {
			return nil, err
		}
	}
	if right {
		if j.Right, err = d.push(n.Right); j.Right == nil || err != nil {
			return nil, err
		}
	}
	return d.finishJoin(n, j, left, right), nil
}

// finishJoin completes j, whose sides have the keys where left and right say, and puts the keys first.
func (d *dependent) finishJoin(n, j *plan.Join, left, right bool) plan.Node {
	k := len(d.keys)
	lw := len(n.Left.Schema().Cols)
	j.Sch.Cols = append(j.Sch.Cols, j.Left.Schema().Cols...)
	if !j.Halves() {
		j.Sch.Cols = append(j.Sch.Cols, j.Right.Schema().Cols...)
	}
	before, between := 0, 0 // columns that came before the left side's, and between the sides
	if left {
		before = k
	}
	if right {
		between = k
	}
	j.LeftKeys = mapExprs(n.LeftKeys, func(e plan.Expr) plan.Expr { return d.moved(e, 0, before) })
	j.RightKeys = mapExprs(n.RightKeys, func(e plan.Expr) plan.Expr { return d.moved(e, 0, between) })
	keyAt := 0
	if !left {
		keyAt = lw
	}
	j.On = rewrite(n.On, func(e plan.Expr) plan.Expr {
		switch e := e.(type) {
		case *plan.Outer:
			if e.Index >= 0 {
				return &plan.Col{Index: keyAt + e.Index, Typ: e.Typ, Name: e.Name}
			}
		case *plan.Col:
			at := e.Index + before
			if e.Index >= lw {
				at += between
			}
			return &plan.Col{Index: at, Typ: e.Typ, Name: e.Name}
		}
		return nil
	})
	if left && right {
		for range len(j.LeftKeys) - len(j.NullSafe) {
			j.NullSafe = append(j.NullSafe, false)
		}
		j.LeftKeys, j.RightKeys = append(j.LeftKeys, d.keyCols()...), append(j.RightKeys, d.keyCols()...)
		for range k {
			j.NullSafe = append(j.NullSafe, true)
		}
	}
	if !right || j.Halves() {
		return j
	}
	p := &plan.Project{In: j, Sch: d.schema(n.Sch.Cols)}
	for i := range k {
		at := i
		if !left {
			at += lw
		}
		var x plan.Expr = colOf(j, at)
		if n.Kind == plan.Full {
			x = &plan.Coalesce{Args: []plan.Expr{x, colOf(j, k+lw+i)}, Typ: d.keys[i].Type}
		}
		p.Exprs = append(p.Exprs, x)
	}
	for i := range n.Sch.Cols {
		at := i + before
		if i >= lw {
			at += between
		}
		p.Exprs = append(p.Exprs, colOf(j, at))
	}
	return p
}

package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
)

// clocked makes conditions about the time of the clock, in a query that is maintained, filters that let rows go and
// come as time passes: a column is compared with what only grows with the clock. A query whose rows only come, and
// which therefore judges each as it comes, is left alone.
func (b *binder) clocked(n plan.Node) (plan.Node, error) {
	switch b.mode {
	case modePull, modeCreateStream:
		return n, nil
	case modePush:
		if n.Schema().AppendOnly {
			return n, nil
		}
	}
	n, err := b.clockedNode(n)
	if err == nil {
		b.derive(n)
	}
	return n, err
}

func (b *binder) clockedNode(n plan.Node) (plan.Node, error) {
	var err error
	grows := true
	replaceInputs(n, func(in plan.Node) plan.Node {
		grows = grows && in.Schema().AppendOnly
		out, e := b.clockedNode(in)
		if e != nil {
			err = e
			return in
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	if r, ok := n.(*plan.Recursive); ok && waits(r.Step, r.ID) {
		return nil, refuse(r.Pos, "a recursive part that depends on the time, in a query that is kept up to date").
			WithHint("Select by the time outside of the recursive part.")
	}
	f, isFilter := n.(*plan.Filter)
	if !isFilter {
		if _, isJoin := n.(*plan.Join); !grows || isJoin {
			eachExpr(n, func(e plan.Expr) {
				if c := clockCall(e); c != nil && err == nil {
					err = refuseClock(c)
				}
			})
		}
		return n, err
	}
	var rest []plan.Expr
	in := f.In
	for _, c := range conjuncts(f.Cond, nil) {
		call := clockCall(c)
		if call == nil {
			rest = append(rest, c)
			continue
		}
		if in, err = b.clockFilter(in, c, call); err != nil {
			return nil, err
		}
	}
	// What needs no clock is asked first: fewer rows wait.
	return under(in, f.In, rest), nil
}

// under puts a filter of conds below the clock filters of n, which stand upon base.
func under(n, base plan.Node, conds []plan.Expr) plan.Node {
	if n == base {
		return filter(base, conds)
	}
	c := n.(*plan.ClockFilter)
	c.In = under(c.In, base, conds)
	return c
}

// clockCall returns a call in e that tells the time; nil when there is none.
func clockCall(e plan.Expr) (call *plan.Call) {
	visit(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Call); ok && c.Fn.Clock {
			call = c
		}
		return call == nil
	})
	return call
}

func refuseClock(c *plan.Call) error {
	return sqlerr.At(c.Pos, sqlerr.FeatureNotSupported, "%s() is not supported here in a query that is kept up to date",
		c.Fn.Name).WithHint("Compare a column with it in WHERE: at > now() - interval '1 hour'.")
}

// clockFilter puts the filter for condition c, in which call tells the time, above n.
func (b *binder) clockFilter(n plan.Node, c plan.Expr, call *plan.Call) (plan.Node, error) {
	cmp, ok := c.(*plan.Call)
	if !ok || len(cmp.Args) != 2 {
		return nil, refuseClock(call)
	}
	x, bound, op := cmp.Args[0], cmp.Args[1], cmp.Fn.Name
	if clockCall(x) != nil {
		x, bound, op = bound, x, map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}[op]
	}
	if since, is := bound.(*plan.Call); is && constant(x) && since.Fn.Name == "-" && len(since.Args) == 2 &&
		!constant(since.Args[1]) && clockCall(since.Args[1]) == nil { // now() - at < interval
		var err error
		if bound, err = b.operator("-", []plan.Expr{since.Args[0], x}, nil, call.Pos); err != nil {
			return nil, err
		}
		x, op = since.Args[1], map[string]string{"<": "<", "<=": "<=", ">": ">", ">=": ">="}[op]
	}
	if clockCall(x) != nil || !growing(bound) || op == "" {
		return nil, refuseClock(call)
	}
	xs := []plan.Expr{x, bound}
	if _, err := b.common(xs, nil, "WHERE", call.Pos); err != nil {
		return nil, err
	}
	sch := plan.Schema{Cols: n.Schema().Cols}
	add := func(above, equal bool) {
		n = &plan.ClockFilter{In: n, X: xs[0], Bound: xs[1], Above: above, Equal: equal, Pos: call.Pos, Sch: sch}
	}
	switch op {
	case ">", ">=":
		add(true, op == ">=")
	case "<", "<=":
		add(false, op == "<=")
	case "=":
		add(true, true)
		add(false, true)
	default:
		return nil, refuseClock(call)
	}
	return n, nil
}

// growing reports whether e has no columns and grows, if it changes, with the clock.
func growing(e plan.Expr) bool {
	fixed := func(e plan.Expr) bool { return constant(e) && clockCall(e) == nil && !hasOuter(e) }
	switch e := e.(type) {
	case *plan.Cast:
		return growing(e.X)
	case *plan.Call:
		switch {
		case e.Fn.Clock:
			return true
		case (e.Fn.Name == "+" || e.Fn.Name == "-") && len(e.Args) == 2 && growing(e.Args[0]):
			return fixed(e.Args[1])
		case e.Fn.Name == "+" && len(e.Args) == 2:
			return fixed(e.Args[0]) && growing(e.Args[1])
		case e.Fn.Name == "date_trunc" || e.Fn.Name == "date_bin" || e.Fn.Name == "timezone":
			for i, a := range e.Args {
				if i == 1 && !growing(a) || i != 1 && !fixed(a) {
					return false
				}
			}
			return len(e.Args) > 1
		}
	}
	return false
}

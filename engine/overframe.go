package engine

import (
	"slices"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// overFunc is one window function.
type overFunc struct {
	ctx    *Context
	fn     *fn.Window
	agg    *fn.Aggregate
	acc    fn.Accumulator // of agg, with one group
	args   []overArg
	filter *overArg
	ret    types.Type

	unit        string // "ROWS", "RANGE", "GROUPS"
	lo, hi      overBound
	exclude     fn.Exclusion
	ignoreNulls bool
	// Of RANGE with a distance: what the rows are ordered by, and how.
	order            overArg
	orderType        types.Type
	desc, nullsFirst bool
	width            int // columns of a stored row
	// shift is how many rows after its own lag and lead look; shifts says that this is one number.
	shift  int
	shifts bool
	// nth is how many rows of the start of a frame are looked at, -1 when that is not one number.
	nth int
}

// overBound is an end of a frame.
type overBound struct {
	unbounded bool
	current   bool // CURRENT ROW
	// n is how many rows or groups of peers after the row it lies.
	n int
	// by is, in RANGE, the distance in the order column's value; before says that it goes back.
	by     *vec.Column
	before bool
}

const (
	// invalidFrameOffset is the SQLSTATE of a frame's negative distance, nullFrameOffset that of one that is NULL.
	invalidFrameOffset sqlerr.Code = "22013"
	nullFrameOffset    sqlerr.Code = "22004"
)

func newOverFunc(n *plan.WindowFunc, ctx *Context, l *overLayout) (*overFunc, error) {
	f := &overFunc{
		ctx: ctx, fn: n.Fn, agg: n.Agg, ret: n.Type, unit: n.Frame.Unit, exclude: n.Frame.Exclude, ignoreNulls: n.IgnoreNulls,
		shift: -1, shifts: true, nth: 1,
	}
	var ts []types.Type
	for _, x := range n.Args {
		f.args, ts = append(f.args, l.arg(x)), append(ts, x.Type())
	}
	if n.Filter != nil {
		a := l.arg(n.Filter)
		f.filter = &a
	}
	if n.Agg != nil {
		f.acc = n.Agg.New(ts, n.Type, f.running(n))
	}
	if len(n.Args) > 1 {
		c, ok := n.Args[1].(*plan.Const)
		if f.shifts = ok && !c.Value.Null; f.shifts {
			f.shift, f.nth = -int(c.Value.Int), int(c.Value.Int)
		} else {
			f.nth = -1
		}
	}
	if n.Fn != nil && n.Fn.Name == "lead" {
		f.shift = -f.shift
	}
	if len(n.Order) > 0 {
		f.desc, f.nullsFirst, f.orderType = n.Order[0].Desc, n.Order[0].NullsFirst, n.Order[0].X.Type()
	}
	if n.Fn != nil && n.Fn.Reach != fn.ReachFrame {
		return f, nil
	}
	for _, end := range []struct {
		from *plan.Bound
		to   *overBound
		name string
	}{{&n.Frame.Lo, &f.lo, "starting"}, {&n.Frame.Hi, &f.hi, "ending"}} {
		if err := f.bound(end.from, end.to, end.name, ctx); err != nil {
			return nil, err
		}
	}
	if f.lo.by != nil || f.hi.by != nil {
		f.order = l.arg(n.Order[0].X)
	}
	return f, nil
}

// running tells whether rows only enter the frame of an aggregate as it moves through the partition.
func (f *overFunc) running(n *plan.WindowFunc) bool {
	return n.Frame.Lo.Kind == "UNBOUNDED PRECEDING" && n.Frame.Exclude == fn.ExcludeNothing
}

// bound evaluates an end of the frame.
func (f *overFunc) bound(from *plan.Bound, to *overBound, name string, ctx *Context) error {
	switch from.Kind {
	case "UNBOUNDED PRECEDING", "UNBOUNDED FOLLOWING":
		to.unbounded = true
		return nil
	case "CURRENT ROW":
		to.current = true
		return nil
	}
	v, err := eval.EvalConst(ctx.Env(), from.X)
	if err != nil {
		return err
	}
	to.before = from.Kind == "PRECEDING"
	switch {
	case v.Null:
		return sqlerr.New(nullFrameOffset, "frame %s offset must not be null", name)
	case f.unit == "RANGE":
		if negativeDistance(v) {
			return sqlerr.New(invalidFrameOffset, "invalid preceding or following size in window function")
		}
		to.by = vec.ConstColumn(v)
		return nil
	case v.Int < 0:
		return sqlerr.New(invalidFrameOffset, "frame %s offset must not be negative", name)
	}
	to.n = int(min(v.Int, 1<<40))
	if to.before {
		to.n = -to.n
	}
	return nil
}

// negativeDistance tells whether a distance of RANGE goes the wrong way.
func negativeDistance(v types.Value) bool {
	c := vec.ConstColumn(v)
	switch v.Type.Class() {
	case types.ClassInt:
		return v.Int < 0
	case types.ClassFloat:
		return !(c.Float[0] >= 0) // NaN too
	case types.ClassDecimal:
		return c.Dec[0].Sign() < 0 || c.Dec[0].IsNaN()
	default:
		return c.Ivl[0].Cmp(types.Interval{}) < 0
	}
}

// peered tells whether it matters to the function which rows are peers.
func (f *overFunc) peered() bool {
	if f.fn != nil && f.fn.Reach != fn.ReachFrame {
		return f.fn.Reach == fn.ReachAll || f.fn.Reach == fn.ReachNumber && f.fn.Name != "row_number"
	}
	return f.unit != "ROWS" || f.exclude == fn.ExcludeGroup || f.exclude == fn.ExcludeTies
}

// nearRows is how many rows between changes are rather computed anew than passed over.
const nearRows = 16

// reach returns the rows whose values the changes may have changed, in order.
func (o *overOp) reach(p *overPartition, changed []overPoint) []span {
	all := span{0, len(p.rows)}
	if len(changed)*8 > len(p.rows) {
		return []span{all}
	}
	spans := make([]span, 0, len(changed))
	for i := 0; i < len(changed); {
		from := changed[i]
		to := from
		for ; i < len(changed) && changed[i].at <= to.at+nearRows; i++ {
			to = changed[i]
		}
		own := span{from.at, to.at + 1}
		for _, f := range o.funcs {
			for _, c := range []overPoint{from, to} { // what lies between reaches no farther
				if s := f.reach(p, c); s.lo < s.hi {
					own = span{min(own.lo, s.lo), max(own.hi, s.hi)}
				}
			}
		}
		spans = append(spans, own.clip(len(p.rows)))
		if own.hi >= len(p.rows) {
			break // what later changes reach begins later
		}
	}
	return joinSpans(spans)
}

// joinSpans puts spans in order and joins those that touch each other, or nearly so.
func joinSpans(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.lo - b.lo })
	joined := spans[:0]
	for _, s := range spans {
		if k := len(joined) - 1; k >= 0 && s.lo <= joined[k].hi+nearRows {
			joined[k].hi = max(joined[k].hi, s.hi)
		} else if s.lo < s.hi {
			joined = append(joined, s)
		}
	}
	return joined
}

// reach returns the rows whose values a change may have changed, beside a row that came.
func (f *overFunc) reach(p *overPartition, c overPoint) span {
	n := len(p.rows)
	if f.fn != nil {
		switch {
		case f.fn.Reach == fn.ReachAll, f.fn.Reach == fn.ReachOffset && (!f.shifts || f.ignoreNulls):
			return span{0, n}
		case f.fn.Reach == fn.ReachNumber && f.peered():
			return span{p.first(c.sort), n}
		case f.fn.Reach == fn.ReachNumber:
			return span{c.at, n}
		case f.fn.Reach == fn.ReachOffset:
			return span{c.at + min(-f.shift, 0), c.at + max(-f.shift, 0) + 1}
		}
	}
	s := span{0, n}
	switch f.unit {
	case "ROWS":
		if !f.hi.unbounded {
			s.lo = min(c.at-f.hi.n-1, c.at) // a frame that ends before a row moves with it
		}
		if !f.lo.unbounded {
			s.hi = max(c.at-f.lo.n+2, c.at+1)
		}
	case "GROUPS":
		if !f.hi.unbounded {
			s.lo = p.moved(p.first(c.sort), min(-f.hi.n, 0)-1)
		}
		if !f.lo.unbounded {
			s.hi = p.moved(p.after(c.sort), max(-f.lo.n, 0)+1)
		}
	default:
		if !f.hi.unbounded {
			s.lo = f.firstReaching(p, p.first(c.sort), c.sort)
		}
		if !f.lo.unbounded {
			s.hi = f.lastReaching(p, p.after(c.sort), c.sort)
		}
	}
	return s
}

// moved returns the row that begins the group of peers so many groups away from the one that begins at row i.
func (p *overPartition) moved(i, groups int) int {
	for ; groups < 0 && i > 0; groups++ {
		i = p.first(p.rows[i-1].sortKey())
	}
	for ; groups > 0 && i < len(p.rows); groups-- {
		i = p.after(p.rows[i].sortKey())
	}
	return i
}

// context returns the rows that the values of the rows of s depend on: those of a span, after skip from the start of
// the partition. For a running aggregate the span begins at a mark.
func (o *overOp) context(f *overFunc, p *overPartition, s span) (ctx span, skip int, err error) {
	all := span{0, len(p.rows)}
	if f.fn != nil {
		switch f.fn.Reach {
		case fn.ReachAll:
			return all, 0, nil
		case fn.ReachNumber:
			if f.peered() {
				s.lo = p.peers(s.lo).lo
			}
			return s, 0, nil
		case fn.ReachOffset:
			if !f.shifts || f.ignoreNulls {
				return all, 0, nil
			}
			return span{s.lo + min(f.shift, 0), s.hi + max(f.shift, 0)}.clip(all.hi), 0, nil
		}
	}
	if ctx, err = o.frames(f, p, s); err != nil {
		return ctx, 0, err
	}
	if !f.lo.unbounded || f.exclude != fn.ExcludeNothing || f.ignoreNulls || !f.begun() {
		return ctx, 0, nil
	}
	// What lies between the start of the partition and these rows is in a mark, or does not matter.
	from := s.lo
	if f.unit == "ROWS" {
		from = max(min(s.lo, s.lo+f.hi.n), 0)
	} else {
		from = p.peers(s.lo).lo
	}
	switch {
	case f.acc != nil:
		ctx.lo = p.markBefore(o.position(f), from)
	case f.nth >= 0 && f.nth < from:
		ctx.lo, skip = from, f.nth
	}
	return ctx, skip, nil
}

// begun tells whether every frame reaches at least to a place that is known without looking for it.
func (f *overFunc) begun() bool {
	return f.unit == "ROWS" || f.hi.current || f.hi.unbounded || !f.hi.before
}

// position returns the place of a function among those of the operator.
func (o *overOp) position(f *overFunc) int { return slices.Index(o.funcs, f) }

// frames returns a span that holds the rows of s, their frames and, where that matters, their peers.
func (o *overOp) frames(f *overFunc, p *overPartition, s span) (span, error) {
	n := len(p.rows)
	ctx := s
	switch f.unit {
	case "ROWS":
		ctx = span{s.lo + min(f.lo.n, 0), s.hi + max(f.hi.n, 0)}.clip(n)
	case "GROUPS":
		ctx.lo = p.moved(p.peers(s.lo).lo, min(f.lo.n, 0))
		ctx.hi = p.moved(p.peers(s.hi-1).hi, max(f.hi.n, 0))
	default:
		if f.lo.by != nil && f.lo.before {
			ctx.lo = f.frameStart(p, s.lo)
		}
		if f.hi.by != nil && !f.hi.before {
			ctx.hi = f.frameEnd(p, s.hi-1)
		}
	}
	if f.lo.unbounded {
		ctx.lo = 0
	}
	if f.hi.unbounded {
		ctx.hi = n
	}
	if f.peered() && n > 0 {
		ctx.lo, ctx.hi = min(ctx.lo, p.peers(ctx.lo).lo), max(ctx.hi, p.peers(ctx.hi-1).hi)
		if s.lo < s.hi {
			ctx.lo, ctx.hi = min(ctx.lo, p.peers(s.lo).lo), max(ctx.hi, p.peers(s.hi-1).hi)
		}
	}
	return ctx, nil
}

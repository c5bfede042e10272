package engine

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// aggInput is one aggregate: its accumulator, and what of a batch goes into it.
type aggInput struct {
	ctx      *Context
	acc      fn.Accumulator
	args     *exprs
	filter   *exprs // nil for none
	distinct bool

	// Of the batch at hand: the rows that pass the filter (nil for all), their arguments, and, for DISTINCT, diffs.
	sel    []int32
	subset bool
	cols   []*vec.Column
	diff   []int32
	groups []int32
	call   fn.Call
}

func newAggInput(n *plan.Agg, ctx *Context, appendOnly bool) (*aggInput, error) {
	xs := n.Args
	if n.Fn.Ordered == nil { // an ordered-set aggregate has what it orders by among its arguments
		for _, k := range n.Order {
			xs = append(xs[:len(xs):len(xs)], k.X)
		}
	}
	args, err := compileExprs(xs)
	if err != nil {
		return nil, err
	}
	if ctx.NullFailed {
		args.nullWhatFails()
	}
	g := &aggInput{ctx: ctx, args: args, distinct: n.Distinct}
	ts, keys := args.types[:len(n.Args)], args.types[len(n.Args):]
	by := make([]fn.Order, len(n.Order))
	for i, k := range n.Order {
		by[i] = fn.Order{Desc: k.Desc, NullsFirst: k.NullsFirst}
	}
	switch {
	case len(n.Order) == 0:
		g.acc = n.Fn.New(ts, n.Type, appendOnly)
	case n.Fn.Ordered != nil:
		g.acc = n.Fn.Ordered(ts, n.Type, by)
	default: // it sees to DISTINCT itself
		g.acc, g.distinct = fn.NewOrdered(ctx.Env(), n.Fn, ts, n.Type, keys, by, n.Distinct), false
	}
	g.call.Ret = n.Type
	if n.Filter != nil {
		g.filter, err = compileExprs([]plan.Expr{n.Filter})
	}
	return g, err
}

// prepare evaluates the filter and, for the rows that pass it, the arguments.
func (g *aggInput) prepare(env *fn.Env, in *vec.Batch) (bad map[int]error) {
	g.subset = false
	if g.filter != nil {
		cond, errs := g.filter.eval(env, in)
		if errs != nil {
			return errs
		}
		g.sel = selectTrue(g.sel[:0], cond[0], in.N)
		if g.subset = len(g.sel) < in.N; g.subset {
			in = in.Gather(g.sel)
		}
	}
	cols, errs := g.args.eval(env, in)
	g.cols = append(g.cols[:0], cols...)
	if g.args.nullFailed {
		g.ctx.report("aggregate", in, errs)
		return nil
	}
	for j, err := range errs {
		bad = addErrs(bad, map[int]error{g.row(j): err})
	}
	return bad
}

// rows returns how many rows there are, row which row of the batch the j-th is.
func (g *aggInput) rows(in *vec.Batch) int {
	if g.subset {
		return len(g.sel)
	}
	return in.N
}

func (g *aggInput) row(j int) int {
	if g.subset {
		return int(g.sel[j])
	}
	return j
}

// narrow keeps the rows of keep, numbers as of row, with other diffs.
func (g *aggInput) narrow(keep, diff []int32) {
	for k, c := range g.cols {
		if !c.Const {
			d := vec.NewColumn(c.Type)
			d.Gather(c, keep)
			g.cols[k] = d
		}
	}
	for i, j := range keep {
		keep[i] = int32(g.row(int(j)))
	}
	g.sel, g.subset, g.diff = keep, true, diff
}

// update adds the rows to the accumulator; groups are those of the whole batch. It returns the rows that failed.
func (g *aggInput) update(env *fn.Env, groups []int32, in *vec.Batch) (bad map[int]error) {
	diff := in.Diff
	if g.subset {
		groups = gatherInts(g.groups, groups, g.sel)
		g.groups = groups
		if g.distinct {
			diff = g.diff
		} else {
			diff = gatherInts(nil, diff, g.sel)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	g.call.N, g.call.Env, g.call.Errs = len(groups), env, nil
	g.acc.Update(&g.call, groups, diff, g.cols)
	for j, err := range g.call.Errs {
		bad = addErrs(bad, map[int]error{g.row(j): err})
	}
	return bad
}

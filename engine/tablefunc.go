package engine

import (
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// tableFuncOp calls set-returning functions for every row, side by side, and repeats the row for each of theirs.
type tableFuncOp struct {
	stateless
	ctx        *Context
	calls      []setCall
	ordinality bool
	left       bool          // a row for which there are none comes once, with NULLs
	on         *eval.Program // of left: which rows count; nil for all
	width      int           // columns of the input
	out        *vec.Batch
	sel        []int32
}

// setCall is one function and the rows it gave for the batch at hand.
type setCall struct {
	fn   *fn.Table
	args *exprs
	rows *fn.Rows
}

func newTableFunc(n *plan.TableFunc, ctx *Context) (Operator, error) {
	t := &tableFuncOp{ctx: ctx, ordinality: n.Ordinality, left: n.Left, width: len(n.In.Schema().Cols),
		out: vec.NewBatch(columnTypes(n))}
	for _, c := range n.Calls {
		args, err := compileExprs(c.Args)
		if err != nil {
			return nil, err
		}
		var cols []types.Field
		for _, t := range c.Cols {
			cols = append(cols, types.Field{Type: t})
		}
		t.calls = append(t.calls, setCall{c.Fn, args, fn.NewRows(cols)})
	}
	var err error
	if n.On != nil {
		t.on, err = eval.Compile(n.On)
	}
	return t, err
}

// Process implements Operator.
func (t *tableFuncOp) Process(_ int, in *vec.Batch, out Emitter) error {
	env := t.ctx.Env()
	var bad map[int]error
	for i := range t.calls {
		c := &t.calls[i]
		args, errs := c.args.eval(env, in)
		bad = addErrs(bad, errs)
		c.rows.Reset()
		call := fn.Call{N: in.N, Env: env}
		c.fn.Run(&call, args, c.rows)
		bad = addErrs(bad, call.Errs)
	}
	if bad != nil {
		good, err := t.ctx.setAside("set-returning function", in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return t.Process(0, in.Gather(good), out)
	}
	t.sel = t.sel[:0]
	for _, c := range t.out.Cols {
		c.Reset()
	}
	for i := range in.N {
		t.expand(i)
	}
	if len(t.sel) == 0 {
		return nil
	}
	for i, c := range in.Cols {
		t.out.Cols[i].Gather(c, t.sel)
	}
	b := &vec.Batch{Cols: t.out.Cols, N: len(t.sel)}
	b.Diff = gatherInts(nil, in.Diff, t.sel)
	b.Time = gatherInts(nil, in.Time, t.sel)
	if t.on != nil {
		return t.emitMatches(in, b, out)
	}
	return out.Emit(b)
}

// emitMatches emits the rows of b that meet the condition of a left join, and the rows of in for which there are none.
func (t *tableFuncOp) emitMatches(in, b *vec.Batch, out Emitter) error {
	ok, bad := t.on.Eval(t.ctx.Env(), b)
	keep := selectTrue(nil, ok, b.N)
	if bad != nil {
		if _, err := t.ctx.setAside("set-returning function", b, bad); err != nil {
			return err
		}
		keep = withoutRows(keep, bad)
	}
	matched := make([]bool, in.N)
	for i := range bad {
		matched[t.sel[i]] = true // set aside as a whole
	}
	for _, i := range keep {
		matched[t.sel[i]] = true
	}
	var alone []int32
	for i, m := range matched {
		if !m {
			alone = append(alone, int32(i))
		}
	}
	all := b.Gather(keep)
	rest := in.Gather(alone)
	for _, c := range all.Cols[len(in.Cols):] {
		none := vec.NewColumn(c.Type)
		for range alone {
			none.AppendNull()
		}
		rest.Cols = append(rest.Cols, none)
	}
	all.AppendBatch(rest)
	if all.N == 0 {
		return nil
	}
	return out.Emit(all)
}

// expand appends the rows of the functions for row i; the shorter ones are filled up with NULLs.
func (t *tableFuncOp) expand(i int) {
	longest := 0
	for k := range t.calls {
		lo, hi := t.calls[k].span(i)
		longest = max(longest, hi-lo)
	}
	if longest == 0 && t.left {
		for _, c := range t.out.Cols[t.width:] {
			c.AppendNull()
		}
		t.sel = append(t.sel, int32(i))
		return
	}
	at := t.width
	for k := range t.calls {
		c := &t.calls[k]
		lo, hi := c.span(i)
		for _, col := range c.rows.Cols {
			t.out.Cols[at].AppendRange(col, lo, hi)
			for n := hi - lo; n < longest; n++ {
				t.out.Cols[at].AppendNull()
			}
			at++
		}
	}
	for n := range longest {
		t.sel = append(t.sel, int32(i))
		if t.ordinality {
			t.out.Cols[at].AppendInt(int64(n) + 1)
		}
	}
}

// span is where the function's rows for row i lie.
func (c *setCall) span(i int) (lo, hi int) {
	if i > 0 {
		lo = c.rows.Ends[i-1]
	}
	return lo, c.rows.Ends[i]
}

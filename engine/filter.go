package engine

import (
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// filterOp keeps the rows for which a condition is true.
type filterOp struct {
	stateless
	ctx  *Context
	cond *eval.Program
	sel  []int32
	out  *vec.Batch
}

func newFilter(n *plan.Filter, ctx *Context) (Operator, error) {
	cond, err := eval.Compile(n.Cond)
	if err != nil {
		return nil, err
	}
	if ctx.NullFailed {
		cond.NullCalls()
	}
	return &filterOp{ctx: ctx, cond: cond, out: vec.NewBatch(columnTypes(n.In))}, nil
}

// Process implements Operator. A batch of which all rows pass is passed on as it is.
func (f *filterOp) Process(_ int, in *vec.Batch, out Emitter) error {
	c, bad := f.cond.Eval(f.ctx.Env(), in)
	f.sel = selectTrue(f.sel[:0], c, in.N)
	f.ctx.report("filter", in, f.cond.Nulled())
	if bad != nil {
		if _, err := f.ctx.setAside("filter", in, bad); err != nil {
			return err
		}
		f.sel = withoutRows(f.sel, bad)
	}
	switch len(f.sel) {
	case 0:
		return nil
	case in.N:
		return out.Emit(in)
	}
	gatherInto(f.out, in, f.sel)
	return out.Emit(f.out)
}

// selectTrue appends the numbers of the rows in which the boolean column c is true.
func selectTrue(sel []int32, c *vec.Column, n int) []int32 {
	switch {
	case c.Const && (c.IsNull(0) || !c.Bool[0]):
		return sel
	case c.Const:
		for i := range n {
			sel = append(sel, int32(i))
		}
		return sel
	}
	if cap(sel) < n {
		sel = make([]int32, 0, n)
	}
	dst, k := sel[:n], 0
	if c.Null == nil {
		for i, ok := range c.Bool[:n] {
			dst[k] = int32(i)
			if ok {
				k++
			}
		}
		return dst[:k]
	}
	for i, ok := range c.Bool[:n] {
		dst[k] = int32(i)
		if ok && !c.Null[i] {
			k++
		}
	}
	return dst[:k]
}

// withoutRows removes the rows of bad from sel.
func withoutRows(sel []int32, bad map[int]error) []int32 {
	kept := sel[:0]
	for _, i := range sel {
		if _, failed := bad[int(i)]; !failed {
			kept = append(kept, i)
		}
	}
	return kept
}

// gatherInto replaces the rows of dst by those of src that sel names.
func gatherInto(dst, src *vec.Batch, sel []int32) {
	for i, c := range dst.Cols {
		c.Reset()
		c.Gather(src.Cols[i], sel)
	}
	dst.Diff = gatherInts(dst.Diff, src.Diff, sel)
	dst.Time = gatherInts(dst.Time, src.Time, sel)
	dst.N = len(sel)
}

// gatherInts picks elements of src into dst's memory; nil stays nil.
func gatherInts[T int32 | int64](dst, src []T, sel []int32) []T {
	if src == nil {
		return nil
	}
	dst = dst[:0]
	for _, i := range sel {
		dst = append(dst, src[i])
	}
	return dst
}

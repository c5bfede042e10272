package engine

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// projectOp computes columns. Plain columns are passed on without copying.
type projectOp struct {
	stateless
	ctx   *Context
	exprs *exprs
	out   vec.Batch
	flat  []*vec.Column // memory for constant results
}

func newProject(n *plan.Project, ctx *Context) (Operator, error) {
	x, err := compileExprs(n.Exprs)
	if err != nil {
		return nil, err
	}
	if ctx.NullFailed {
		x.nullWhatFails()
	}
	k := len(n.Exprs)
	return &projectOp{ctx: ctx, exprs: x, out: vec.Batch{Cols: make([]*vec.Column, k)}, flat: make([]*vec.Column, k)}, nil
}

// Process implements Operator.
func (p *projectOp) Process(_ int, in *vec.Batch, out Emitter) error {
	cols, bad := p.exprs.eval(p.ctx.Env(), in)
	for i, c := range cols {
		if c.Const {
			c = p.spread(i, c, in.N)
		}
		p.out.Cols[i] = c
	}
	p.out.Diff, p.out.Time, p.out.N = in.Diff, in.Time, in.N
	if p.ctx.NullFailed {
		p.ctx.report("project", in, bad)
		bad = nil
	}
	if bad == nil {
		return out.Emit(&p.out)
	}
	good, err := p.ctx.setAside("project", in, bad)
	if err != nil || len(good) == 0 {
		return err
	}
	return out.Emit(p.out.Gather(good))
}

// spread repeats a constant result n times; constant columns do not leave an operator.
func (p *projectOp) spread(i int, c *vec.Column, n int) *vec.Column {
	if p.flat[i] == nil {
		p.flat[i] = vec.NewColumn(c.Type)
	}
	p.flat[i].Reset()
	p.flat[i].AppendRange(c, 0, n)
	return p.flat[i]
}

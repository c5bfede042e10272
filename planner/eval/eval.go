// Package eval runs the expressions of a plan over column batches. Compile turns a plan.Expr into a Program; a Program
// evaluates one batch at a time and reuses its memory from batch to batch.
//
// Errors belong to rows: a row that fails does not stop the others, and the caller decides what becomes of it. A part
// that can fail is evaluated only for the rows that need it: the later arguments of AND, OR and COALESCE, and the
// branches of CASE, see none of the rows decided before them.
package eval

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Program is a compiled expression. One goroutine uses it at a time.
type Program struct {
	root  node
	typ   types.Type
	empty *vec.Column
	run   run
	// nullCalls makes calls of functions that fail NULL.
	nullCalls bool
}

// node is one operation of a Program. eval gives a column of in.N rows, or a constant one, which is valid until the
// node's next eval and may be a column of in.
type node interface {
	eval(x *run, in *vec.Batch) *vec.Column
	// total tells that the operation never fails and is cheap, so that it may see rows that do not need it.
	total() bool
}

// run is one evaluation of a Program over one batch, or over the part of a batch that a branch needs.
type run struct {
	env  *fn.Env
	errs map[int]error
	// nullCalls makes calls of functions that fail NULL; nulled are the rows in which one did.
	nullCalls bool
	nulled    map[int]error
}

// within is a run of a part of the expression over rows of its own.
func (x *run) within() run { return run{env: x.env, nullCalls: x.nullCalls} }

// null records that a call failed in row i and gave NULL.
func (x *run) null(i int, err error) {
	if x.nulled == nil {
		x.nulled = map[int]error{}
	}
	if _, ok := x.nulled[i]; !ok {
		x.nulled[i] = err
	}
}

// fail records that row i failed. The first error of a row is the one reported.
func (x *run) fail(i int, err error) {
	if x.errs == nil {
		x.errs = map[int]error{}
	}
	if _, ok := x.errs[i]; !ok {
		x.errs[i] = err
	}
}

func (x *run) failed(i int) bool {
	if x.errs == nil {
		return false
	}
	_, ok := x.errs[i]
	return ok
}

// Compile prepares an expression. Parameters must have been bound.
func Compile(e plan.Expr) (*Program, error) {
	root, err := compile(e)
	if err != nil {
		return nil, err
	}
	return &Program{root: root, typ: e.Type(), empty: vec.NewColumn(e.Type())}, nil
}

// NullCalls makes a call of a function that fails NULL, as it is in ksqlDB; what else fails, fails the row. Nulled then
// tells of such rows.
func (p *Program) NullCalls() { p.nullCalls = true }

// Nulled returns the rows of the last Eval in which a call failed and gave NULL.
func (p *Program) Nulled() map[int]error { return p.run.nulled }

// Total reports whether the expression cannot fail, and is cheap.
func (p *Program) Total() bool { return p.root.total() }

// Type returns the type of the result.
func (p *Program) Type() types.Type { return p.typ }

// Eval computes the expression for every row of in. out is valid until the next Eval of p and as long as in is; it may
// be a column of in, and it may be constant. errs holds the rows that failed, nil when none did; their value in out
// means nothing.
func (p *Program) Eval(env *fn.Env, in *vec.Batch) (out *vec.Column, errs map[int]error) {
	p.run = run{env: env, nullCalls: p.nullCalls}
	if in.N == 0 {
		p.empty.Reset()
		return p.empty, nil
	}
	out = p.root.eval(&p.run, in)
	return out, p.run.errs
}

// Select appends to sel the rows of in for which the expression, which is boolean, is true.
func (p *Program) Select(env *fn.Env, in *vec.Batch, sel []int32) ([]int32, map[int]error) {
	out, errs := p.Eval(env, in)
	if len(errs) > 0 {
		for i := range in.N {
			if _, bad := errs[i]; !bad && !out.IsNull(i) && out.Bool[out.At(i)] {
				sel = append(sel, int32(i))
			}
		}
		return sel, errs
	}
	return appendTrue(sel, out, in.N), nil
}

// appendTrue appends the rows at which a boolean column is true.
func appendTrue(sel []int32, c *vec.Column, n int) []int32 {
	if n == 0 {
		return sel
	}
	if c.Const {
		if c.Bool[0] && !c.IsNull(0) {
			for i := range n {
				sel = append(sel, int32(i))
			}
		}
		return sel
	}
	start := len(sel)
	if cap(sel)-start < n {
		sel = append(make([]int32, 0, start+n), sel...)
	}
	out := sel[start : start+n]
	k := 0
	if c.Null == nil {
		for i, b := range c.Bool[:n] {
			out[k] = int32(i)
			if b {
				k++
			}
		}
		return sel[:start+k]
	}
	null := c.Null[:n]
	for i, b := range c.Bool[:n] {
		out[k] = int32(i)
		if b && !null[i] {
			k++
		}
	}
	return sel[:start+k]
}

// EvalConst computes an expression that reads no column.
func EvalConst(env *fn.Env, e plan.Expr) (types.Value, error) {
	if c, ok := e.(*plan.Const); ok {
		v := c.Value
		v.Type = e.Type()
		return v, nil
	}
	p, err := Compile(e)
	if err != nil {
		return types.Value{}, err
	}
	out, errs := p.Eval(env, &vec.Batch{N: 1})
	if err := errs[0]; err != nil {
		return types.Value{}, err
	}
	v := out.Value(0)
	v.Type = e.Type()
	return v, nil
}

// colNode is a column of the input.
type colNode struct{ index int }

func (n *colNode) eval(_ *run, in *vec.Batch) *vec.Column {
	if n.index < 0 || n.index >= len(in.Cols) {
		panic("BUG: eval: expression over a column that its input does not have")
	}
	return in.Cols[n.index]
}

func (n *colNode) total() bool { return true }

// constNode is a constant.
type constNode struct{ col *vec.Column }

func (n *constNode) eval(*run, *vec.Batch) *vec.Column { return n.col }
func (n *constNode) total() bool                       { return true }

// part evaluates a node for some rows of a batch. It gathers only the columns that the node reads.
type part struct {
	node  node
	reads []int // columns of the input
	sub   vec.Batch
	cols  []*vec.Column // memory of the gathered columns, by position in reads
}

func newPart(e plan.Expr) (*part, error) {
	n, err := compile(e)
	if err != nil {
		return nil, err
	}
	return &part{node: n, reads: Columns(e)}, nil
}

// eval computes the node for the rows in sel. whole tells that the result covers all rows of in; otherwise it has one
// row for each of sel (or is constant). Rows outside sel get no errors.
func (p *part) eval(x *run, in *vec.Batch, sel []int32) (out *vec.Column, whole bool) {
	if p.node.total() || len(sel) == in.N {
		return p.node.eval(x, in), true
	}
	if len(sel) == 0 {
		return nil, false
	}
	if len(p.sub.Cols) != len(in.Cols) {
		p.sub.Cols = make([]*vec.Column, len(in.Cols))
		p.cols = make([]*vec.Column, len(p.reads))
		for k, c := range p.reads {
			p.cols[k] = vec.NewColumn(in.Cols[c].Type)
		}
	}
	for k, c := range p.reads {
		p.cols[k].Reset()
		p.cols[k].Gather(in.Cols[c], sel)
		p.sub.Cols[c] = p.cols[k]
	}
	p.sub.N = len(sel)
	y := x.within()
	out = p.node.eval(&y, &p.sub)
	for k, err := range y.errs {
		x.fail(int(sel[k]), err)
	}
	for k, err := range y.nulled {
		x.null(int(sel[k]), err)
	}
	return out, false
}

func unboundParam(n int) error {
	return sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", n)
}

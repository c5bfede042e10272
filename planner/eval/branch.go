package eval

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// choice collects, row by row, which of several columns gives the value, and where in it.
type choice struct {
	out  *vec.Column
	from []*vec.Column
	pick []int32 // by row: the column, counted from 1; 0 for a row without value
	at   []int32
}

func (c *choice) begin(rows int) {
	c.from = c.from[:0]
	c.pick = append(c.pick[:0], make([]int32, rows)...)
	c.at = append(c.at[:0], make([]int32, rows)...)
}

// add says that the rows in sel take their values from col, which has one for each of sel, or, when whole, for every
// row of the batch.
func (c *choice) add(col *vec.Column, whole bool, sel []int32) {
	if col == nil || len(sel) == 0 {
		return
	}
	c.from = append(c.from, col)
	for k, i := range sel {
		if c.pick[i], c.at[i] = int32(len(c.from)), int32(k); whole {
			c.at[i] = i
		}
	}
}

// gather builds the result.
func (c *choice) gather() *vec.Column {
	c.out.Reset()
	c.out.Grow(len(c.pick))
	for i, p := range c.pick {
		if p == 0 {
			c.out.AppendNull()
		} else {
			c.out.AppendFrom(c.from[p-1], int(c.at[i]))
		}
	}
	return c.out
}

// caseNode is CASE.
type caseNode struct {
	conds, thens []*part // thens has one more: ELSE
	choice       choice
	open, taken  []int32
	all          bool
}

func newCase(e *plan.Case) (node, error) {
	n := &caseNode{choice: choice{out: vec.NewColumn(e.Typ)}, all: true}
	add := func(list *[]*part, e plan.Expr) error {
		p, err := newPart(e)
		if err == nil {
			*list = append(*list, p)
			n.all = n.all && p.node.total()
		}
		return err
	}
	for _, w := range e.When {
		if err := add(&n.conds, w.Cond); err != nil {
			return nil, err
		}
		if err := add(&n.thens, w.Then); err != nil {
			return nil, err
		}
	}
	otherwise := e.Else
	if otherwise == nil {
		otherwise = &plan.Const{Value: types.NullOf(e.Typ)}
	}
	return n, add(&n.thens, otherwise)
}

func (n *caseNode) total() bool { return n.all }

func (n *caseNode) eval(x *run, in *vec.Batch) *vec.Column {
	n.choice.begin(in.N)
	n.open = allRows(n.open, in.N)
	for k, cond := range n.conds {
		if len(n.open) == 0 {
			break
		}
		col, whole := cond.eval(x, in, n.open)
		n.split(x, col, whole)
		val, valWhole := n.thens[k].eval(x, in, n.taken)
		n.choice.add(val, valWhole, n.taken)
	}
	val, whole := n.thens[len(n.conds)].eval(x, in, n.open)
	n.choice.add(val, whole, n.open)
	return n.choice.gather()
}

// split moves the open rows for which col is true to taken, and drops those that failed.
func (n *caseNode) split(x *run, col *vec.Column, whole bool) {
	n.taken = n.taken[:0]
	kept := n.open[:0]
	for k, i := range n.open {
		at := k
		if whole {
			at = int(i)
		}
		switch {
		case x.failed(int(i)):
		case !col.IsNull(at) && col.Bool[col.At(at)]:
			n.taken = append(n.taken, i)
		default:
			kept = append(kept, i)
		}
	}
	n.open = kept
}

func allRows(sel []int32, n int) []int32 {
	sel = sel[:0]
	for i := range n {
		sel = append(sel, int32(i))
	}
	return sel
}

// coalesceNode is COALESCE.
type coalesceNode struct {
	parts  []*part
	choice choice
	open   []int32
	all    bool
}

func newCoalesce(e *plan.Coalesce) (node, error) {
	n := &coalesceNode{choice: choice{out: vec.NewColumn(e.Typ)}, all: true}
	for _, a := range e.Args {
		p, err := newPart(a)
		if err != nil {
			return nil, err
		}
		n.parts = append(n.parts, p)
		n.all = n.all && p.node.total()
	}
	return n, nil
}

func (n *coalesceNode) total() bool { return n.all }

func (n *coalesceNode) eval(x *run, in *vec.Batch) *vec.Column {
	n.choice.begin(in.N)
	n.open = allRows(n.open, in.N)
	for _, p := range n.parts {
		if len(n.open) == 0 {
			break
		}
		col, whole := p.eval(x, in, n.open)
		n.choice.add(col, whole, n.open)
		kept := n.open[:0]
		for k, i := range n.open {
			at := k
			if whole {
				at = int(i)
			}
			if col.IsNull(at) && !x.failed(int(i)) {
				kept = append(kept, i)
			}
		}
		n.open = kept
	}
	return n.choice.gather()
}

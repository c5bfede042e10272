package eval

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// callNode calls a scalar function.
type callNode struct {
	f    *fn.Scalar
	pos  int
	args []node
	cols []*vec.Column // the arguments' columns of this evaluation
	null []bool        // the rows that a NULL argument makes NULL
	call fn.Call
	out  *vec.Column
	all  bool
	// lambdas are the arguments after the others that are lambdas, and applied what the kernel calls for each.
	lambdas []*lambda
	applied []fn.Lambda
}

func newCall(e *plan.Call) (node, error) {
	plain := len(e.Args)
	if e.Fn.LambdaParams != nil {
		plain = min(e.Fn.LambdaAt, plain)
	}
	args, err := compileAll(e.Args[:plain])
	if err != nil {
		return nil, err
	}
	n := &callNode{f: e.Fn, pos: e.Pos, args: args, cols: make([]*vec.Column, len(args)), out: vec.NewColumn(e.Typ),
		all: e.Fn.Total && allTotal(args)}
	for _, x := range e.Args[plain:] {
		l, err := newLambda(x.(*plan.Lambda))
		if err != nil {
			return nil, err
		}
		n.lambdas, n.applied = append(n.lambdas, l), append(n.applied, l.apply)
	}
	return n, nil
}

func (n *callNode) total() bool { return n.all }

func (n *callNode) eval(x *run, in *vec.Batch) *vec.Column {
	constant := !n.f.Volatile
	for k, a := range n.args {
		n.cols[k] = a.eval(x, in)
		constant = constant && n.cols[k].Const
	}
	for _, l := range n.lambdas {
		l.run, l.in = x.within(), in
		constant = constant && l.closed
	}
	n.call = fn.Call{N: in.N, Env: x.env, Ret: n.out.Type, Lambdas: n.applied}
	c := &n.call
	if constant {
		c.N = 1
	}
	n.out.Reset()
	if n.f.Strict {
		for _, col := range n.cols {
			if col.Const && col.IsNull(0) {
				n.out.AppendNull()
				n.out.Const = true
				return n.out
			}
		}
		c.Null = nullRows(n.null, n.cols, c.N)
	}
	if len(x.errs) > 0 && !constant { // a row that failed already is not looked at again
		if c.Null == nil {
			n.null = append(n.null[:0], make([]bool, in.N)...)
			c.Null = n.null
		}
		for i := range x.errs {
			c.Null[i] = true
		}
	}
	n.f.Kernel(c, n.cols, n.out)
	if c.Null != nil {
		n.null = c.Null
		mergeNulls(n.out, c.Null)
	}
	if x.nullCalls && n.f.Named() {
		n.nullFailed(x, in, constant)
	}
	finish(x, in, c, n.out, constant, n.pos)
	return n.out
}

// nullFailed makes the rows NULL in which the kernel failed.
func (n *callNode) nullFailed(x *run, in *vec.Batch, constant bool) {
	c := &n.call
	for i, err := range c.Errs {
		n.out.SetNull(i)
		if !constant {
			x.null(i, err)
			continue
		}
		for row := range in.N {
			x.null(row, err)
		}
	}
	c.Errs = nil
}

// finish reports the errors of a kernel and marks a constant result. A constant that fails, fails in every row.
func finish(x *run, in *vec.Batch, c *fn.Call, out *vec.Column, constant bool, pos int) {
	if constant && !out.Const {
		out.Const = true
	}
	if len(c.Errs) == 0 {
		return
	}
	locate := func(err error) error {
		if pos < 0 {
			return err
		}
		return sqlerr.Locate(err, pos)
	}
	if !constant {
		for i, err := range c.Errs {
			x.fail(i, locate(err))
		}
		return
	}
	err := locate(c.Errs[0])
	for i := range in.N {
		x.fail(i, err)
	}
}

// nullRows marks the rows in which some column is NULL; nil when there is none. It uses the memory of buf.
func nullRows(buf []bool, cols []*vec.Column, n int) []bool {
	var null []bool
	for _, col := range cols {
		if col.Null == nil || col.Const {
			continue
		}
		if null == nil {
			null = append(buf[:0], col.Null[:n]...)
			continue
		}
		for i, b := range col.Null[:n] {
			null[i] = null[i] || b
		}
	}
	return null
}

// mergeNulls makes the marked rows of c NULL.
func mergeNulls(c *vec.Column, null []bool) {
	for i, b := range null {
		if !b {
			continue
		}
		c.SetNull(i)
		rest := c.Null[i:len(null)]
		for k, b := range null[i:] {
			rest[k] = rest[k] || b
		}
		return
	}
}

// castNode converts to another type.
type castNode struct {
	x        node
	explicit bool
	try      bool
	relabel  bool // the values stay as they are
	view     vec.Column
	call     fn.Call
	out      *vec.Column
}

func newCast(e *plan.Cast, x node) *castNode {
	return &castNode{x: x, explicit: e.Explicit, try: e.Try, relabel: fn.SameValues(e.X.Type(), e.Typ),
		out: vec.NewColumn(e.Typ)}
}

func (n *castNode) total() bool { return n.relabel && n.x.total() }

func (n *castNode) eval(x *run, in *vec.Batch) *vec.Column {
	col := n.x.eval(x, in)
	if n.relabel {
		n.view = *col
		n.view.Type = n.out.Type
		return &n.view
	}
	n.call = fn.Call{N: in.N, Env: x.env, Ret: n.out.Type, Null: col.Null}
	c := &n.call
	if col.Const {
		c.N = 1
	}
	n.out.Reset()
	fn.Cast(c, col, n.out, n.explicit)
	if col.Null != nil {
		mergeNulls(n.out, col.Null[:c.N])
	}
	if n.try && len(c.Errs) > 0 {
		for i := range c.Errs {
			n.out.SetNull(i)
		}
		c.Errs = nil
	}
	finish(x, in, c, n.out, col.Const, -1)
	return n.out
}

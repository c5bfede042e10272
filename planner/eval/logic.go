package eval

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// logicNode is AND, and OR, which is its mirror image: decides is the value that settles a row.
type logicNode struct {
	parts   []*part
	decides bool
	out     *vec.Column
	null    []bool
	open    []int32 // the rows not settled yet
	all     bool
}

func newLogic(args []plan.Expr, decides bool) (node, error) {
	n := &logicNode{decides: decides, out: vec.NewColumn(types.Bool), all: true}
	for _, a := range args {
		p, err := newPart(a)
		if err != nil {
			return nil, err
		}
		n.parts = append(n.parts, p)
		n.all = n.all && p.node.total()
	}
	return n, nil
}

func (n *logicNode) total() bool { return n.all }

func (n *logicNode) eval(x *run, in *vec.Batch) *vec.Column {
	n.out.Reset()
	n.out.SetLen(in.N)
	r := n.out.Bool
	for i := range r {
		r[i] = !n.decides
	}
	n.null = append(n.null[:0], make([]bool, in.N)...)
	n.open = n.open[:0]
	for i := range in.N {
		n.open = append(n.open, int32(i))
	}
	for k, p := range n.parts {
		col, whole := p.eval(x, in, n.open)
		switch {
		case col == nil:
		case whole && n.all:
			n.mergeAll(col, in.N)
		case k == len(n.parts)-1:
			n.merge(col, whole)
		default:
			n.merge(col, whole)
			n.drop(x)
		}
	}
	mergeNulls(n.out, n.null)
	return n.out
}

// mergeAll folds a whole column in when no part can fail: there is nothing to leave out.
func (n *logicNode) mergeAll(col *vec.Column, rows int) {
	r := n.out.Bool
	if col.Null == nil && !col.Const {
		b := col.Bool[:rows]
		if n.decides {
			for i := range r {
				r[i] = r[i] || b[i]
			}
		} else {
			for i := range r {
				r[i] = r[i] && b[i]
			}
		}
		if len(n.null) > 0 {
			for i, v := range r {
				n.null[i] = n.null[i] && v != n.decides
			}
		}
		return
	}
	for i := range r {
		n.mergeRow(i, col, i)
	}
}

// merge folds a column in for the open rows.
func (n *logicNode) merge(col *vec.Column, whole bool) {
	for k, i := range n.open {
		at := k
		if whole {
			at = int(i)
		}
		n.mergeRow(int(i), col, at)
	}
}

func (n *logicNode) mergeRow(i int, col *vec.Column, at int) {
	switch {
	case col.IsNull(at):
		n.null[i] = n.out.Bool[i] != n.decides
	case col.Bool[col.At(at)] == n.decides:
		n.out.Bool[i], n.null[i] = n.decides, false
	}
}

// drop leaves open the rows that neither are settled nor failed.
func (n *logicNode) drop(x *run) {
	kept := n.open[:0]
	for _, i := range n.open {
		if n.out.Bool[i] != n.decides && !x.failed(int(i)) {
			kept = append(kept, i)
		}
	}
	n.open = kept
}

// notNode is NOT.
type notNode struct {
	x   node
	out *vec.Column
}

func (n *notNode) total() bool { return n.x.total() }

func (n *notNode) eval(x *run, in *vec.Batch) *vec.Column {
	col := n.x.eval(x, in)
	rows := prepare(n.out, col, in.N)
	for i, b := range col.Bool[:rows] {
		n.out.Bool[i] = !b
	}
	if col.Null != nil {
		mergeNulls(n.out, col.Null[:rows])
	}
	return n.out
}

// prepare empties out and gives it as many rows as col has, constant when col is.
func prepare(out, col *vec.Column, rows int) int {
	if col.Const {
		rows = 1
	}
	out.Reset()
	out.SetLen(rows)
	out.Const = col.Const
	return rows
}

// isNullNode is IS [NOT] NULL.
type isNullNode struct {
	x   node
	not bool
	out *vec.Column
}

func (n *isNullNode) total() bool { return n.x.total() }

func (n *isNullNode) eval(x *run, in *vec.Batch) *vec.Column {
	col := n.x.eval(x, in)
	rows := prepare(n.out, col, in.N)
	if col.Type.Class() == types.ClassStruct {
		for i := range rows {
			n.out.Bool[i] = rowIs(col, i, !n.not)
		}
		return n.out
	}
	for i := range rows {
		n.out.Bool[i] = n.not
	}
	if col.Null != nil {
		for i, null := range col.Null[:rows] {
			n.out.Bool[i] = null != n.not
		}
	}
	return n.out
}

// rowIs tells whether a struct is NULL, or not NULL, as SQL has it: all its fields must be.
func rowIs(col *vec.Column, i int, null bool) bool {
	if col.IsNull(i) {
		return null
	}
	for _, k := range col.Kids {
		if k.IsNull(col.At(i)) != null {
			return false
		}
	}
	return true
}

// isBoolNode is IS [NOT] TRUE or FALSE.
type isBoolNode struct {
	x         node
	want, not bool
	out       *vec.Column
}

func (n *isBoolNode) total() bool { return n.x.total() }

func (n *isBoolNode) eval(x *run, in *vec.Batch) *vec.Column {
	col := n.x.eval(x, in)
	rows := prepare(n.out, col, in.N)
	for i, b := range col.Bool[:rows] {
		n.out.Bool[i] = (b == n.want) != n.not
	}
	if col.Null != nil {
		for i, null := range col.Null[:rows] {
			if null {
				n.out.Bool[i] = n.not
			}
		}
	}
	return n.out
}

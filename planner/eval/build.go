package eval

import (
	"github.com/leatdb/leat/sql/vec"
)

// arrayNode is ARRAY[…].
type arrayNode struct {
	elems []node
	cols  []*vec.Column
	out   *vec.Column
}

func (n *arrayNode) total() bool { return false }

func (n *arrayNode) eval(x *run, in *vec.Batch) *vec.Column {
	var constant bool
	n.cols, constant = evalAll(n.cols, n.elems, x, in)
	rows := resultRows(n.out, constant, in.N)
	for i := range rows {
		for _, col := range n.cols {
			n.out.Kids[0].AppendFrom(col, i)
		}
		n.out.CloseList()
	}
	return n.out
}

// evalAll evaluates the parts of a constructor; constant tells that all of them are.
func evalAll(cols []*vec.Column, nodes []node, x *run, in *vec.Batch) (_ []*vec.Column, constant bool) {
	cols, constant = cols[:0], true
	for _, e := range nodes {
		col := e.eval(x, in)
		cols = append(cols, col)
		constant = constant && col.Const
	}
	return cols, constant
}

// resultRows empties out and returns how many rows it gets.
func resultRows(out *vec.Column, constant bool, rows int) int {
	out.Reset()
	if constant {
		out.Const = true
		return 1
	}
	return rows
}

// mapNode is MAP(k := v, …). Of equal keys the last wins; a NULL key is left out.
type mapNode struct {
	keys, vals       []node
	keyCols, valCols []*vec.Column
	out              *vec.Column
}

func (n *mapNode) total() bool { return false }

func (n *mapNode) eval(x *run, in *vec.Batch) *vec.Column {
	var constKeys, constVals bool
	n.keyCols, constKeys = evalAll(n.keyCols, n.keys, x, in)
	n.valCols, constVals = evalAll(n.valCols, n.vals, x, in)
	rows := resultRows(n.out, constKeys && constVals, in.N)
	for i := range rows {
		for k, key := range n.keyCols {
			if !key.IsNull(i) && !n.repeated(k, i) {
				n.out.Kids[0].AppendFrom(key, i)
				n.out.Kids[1].AppendFrom(n.valCols[k], i)
			}
		}
		n.out.CloseList()
	}
	return n.out
}

// repeated reports whether a later key equals the k-th.
func (n *mapNode) repeated(k, i int) bool {
	for _, later := range n.keyCols[k+1:] {
		if !later.IsNull(i) && vec.Compare(n.keyCols[k], i, later, i) == 0 {
			return true
		}
	}
	return false
}

// structNode is STRUCT(name := v, …) and ROW(…).
type structNode struct {
	vals []node
	cols []*vec.Column
	out  *vec.Column
}

func (n *structNode) total() bool { return false }

func (n *structNode) eval(x *run, in *vec.Batch) *vec.Column {
	var constant bool
	n.cols, constant = evalAll(n.cols, n.vals, x, in)
	rows := resultRows(n.out, constant, in.N)
	for k, col := range n.cols {
		n.out.Kids[k].AppendRange(col, 0, rows)
	}
	n.out.SetLen(rows)
	return n.out
}

// fieldNode is a field of a struct.
type fieldNode struct {
	x     node
	index int
	view  vec.Column
	null  []bool
}

func (n *fieldNode) total() bool { return n.x.total() }

func (n *fieldNode) eval(x *run, in *vec.Batch) *vec.Column {
	col := n.x.eval(x, in)
	kid := col.Kids[n.index]
	if col.Null == nil && !col.Const {
		return kid
	}
	n.view = *kid
	n.view.Const = col.Const
	if col.Null == nil {
		return &n.view
	}
	rows := in.N
	if col.Const {
		rows = 1
	}
	n.null = append(n.null[:0], col.Null[:rows]...)
	if kid.Null != nil {
		for i, b := range kid.Null[:rows] {
			n.null[i] = n.null[i] || b
		}
	}
	n.view.Null = n.null
	return &n.view
}

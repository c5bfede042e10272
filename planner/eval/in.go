package eval

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// inNode is x [NOT] IN (constants). Integers are looked up as they are, everything else by its key.
type inNode struct {
	x       node
	not     bool
	hasNull bool // the list has a NULL: what is not found is unknown
	ints    map[int64]struct{}
	keys    map[string]struct{}
	key     []byte
	out     *vec.Column
}

func newIn(e *plan.In, x node) *inNode {
	n := &inNode{x: x, not: e.Not, out: vec.NewColumn(types.Bool)}
	byInt := e.X.Type().Class() == types.ClassInt
	n.ints, n.keys = map[int64]struct{}{}, map[string]struct{}{}
	for _, v := range e.List {
		switch {
		case v.Null:
			n.hasNull = true
		case byInt:
			n.ints[v.Int] = struct{}{}
		default:
			n.keys[string(vec.AppendKeyValue(nil, v, false, false))] = struct{}{}
		}
	}
	return n
}

func (n *inNode) total() bool { return n.x.total() }

func (n *inNode) eval(x *run, in *vec.Batch) *vec.Column {
	col := n.x.eval(x, in)
	rows := prepare(n.out, col, in.N)
	found := n.out.Bool
	if col.Type.Class() == types.ClassInt {
		for i, v := range col.Int[:rows] {
			_, found[i] = n.ints[v]
		}
	} else {
		for i := range rows {
			n.key = vec.AppendKey(n.key[:0], col, i, false, false)
			_, found[i] = n.keys[string(n.key)]
		}
	}
	for i := range rows {
		switch {
		case col.IsNull(i) || n.hasNull && !found[i]:
			n.out.SetNull(i)
		default:
			found[i] = found[i] != n.not
		}
	}
	return n.out
}

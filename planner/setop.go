package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// setOp binds UNION, INTERSECT and EXCEPT; of a plain UNION the duplicates are removed above it.
func (b *binder) setOp(e *ast.SetOp) (*boundQuery, error) {
	l, err := b.body(e.L, nil, false, false)
	if err != nil {
		return nil, err
	}
	r, err := b.body(e.R, nil, false, false)
	if err != nil {
		return nil, err
	}
	if len(l.cols) != len(r.cols) {
		return nil, sqlerr.At(e.R.Pos(), sqlerr.SyntaxError, "each %s query must have the same number of columns", e.Op)
	}
	for i := range l.cols {
		t, err := fn.CommonType([]types.Type{l.cols[i].Type, r.cols[i].Type}, e.Op)
		if err != nil {
			return nil, sqlerr.Locate(err, r.itemPos(i, e.R.Pos()))
		}
		if err := b.convert(l, i, t, fn.Implicit, l.itemPos(i, e.L.Pos())); err != nil {
			return nil, err
		}
		if err := b.convert(r, i, t, fn.Implicit, r.itemPos(i, e.R.Pos())); err != nil {
			return nil, err
		}
		if !e.All || e.Op != "UNION" {
			if err := comparable(t, l.itemPos(i, e.L.Pos())); err != nil {
				return nil, err
			}
		}
	}
	if e.Op != "UNION" {
		n := &plan.SetOp{Left: visible(l), Right: visible(r), Except: e.Op == "EXCEPT", All: e.All, Pos: e.Pos(),
			Sch: plan.Schema{Cols: l.cols}}
		return &boundQuery{node: n, cols: l.cols, millis: l.millis, rowTime: -1, streamTime: -1,
			windowAt: [2]int{-1, -1}, items: l.items}, nil
	}
	u := &plan.Union{Sch: plan.Schema{Cols: l.cols}}
	for _, side := range []*boundQuery{l, r} {
		n := visible(side)
		if inner, ok := n.(*plan.Union); ok && side == l {
			u.Ins = append(u.Ins, inner.Ins...)
			continue
		}
		u.Ins = append(u.Ins, n)
	}
	out := &boundQuery{node: u, cols: l.cols, millis: make([]bool, len(l.cols)), rowTime: -1, streamTime: -1,
		stream: l.stream && r.stream, windowAt: [2]int{-1, -1}, items: l.items}
	for i := range out.millis {
		out.millis[i] = l.millis[i] && r.millis[i]
	}
	if !e.All {
		out.node = &plan.Distinct{In: u}
	}
	return out, nil
}

// itemPos is the place of the query's column i.
func (q *boundQuery) itemPos(i, pos int) int {
	if i < len(q.items) && q.items[i] != nil {
		return leftmost(q.items[i])
	}
	return pos
}

// visible gives the query's node without hidden columns.
func visible(q *boundQuery) plan.Node {
	if q.width() == len(q.cols) {
		return q.node
	}
	p := &plan.Project{In: q.node, Sch: plan.Schema{Cols: q.cols}}
	for i := range q.cols {
		p.Exprs = append(p.Exprs, colOf(q.node, i))
	}
	return p
}

// convert gives column i of q the type t.
func (b *binder) convert(q *boundQuery, i int, t types.Type, ctx fn.CastContext, pos int) error {
	if q.cols[i].Type == t {
		return nil
	}
	q.cols = append([]plan.Column(nil), q.cols...)
	switch n := q.node.(type) {
	case *plan.Project:
		x, err := b.coerce(n.Exprs[i], t, ctx, q.itemPos(i, pos))
		if err != nil {
			return err
		}
		n.Exprs[i] = x
		n.Sch.Cols[i].Type = t
		q.cols[i].Type = t
		return nil
	case *plan.Values:
		for _, row := range n.Rows {
			x, err := b.coerce(row[i], t, ctx, pos)
			if err != nil {
				return err
			}
			row[i] = x
		}
		n.Sch.Cols = append([]plan.Column(nil), n.Sch.Cols...)
		n.Sch.Cols[i].Type = t
		q.cols[i].Type = t
		return nil
	}
	p := &plan.Project{In: q.node}
	for k := range q.node.Schema().Cols {
		var x plan.Expr = colOf(q.node, k)
		c := q.node.Schema().Cols[k]
		if k == i {
			var err error
			if x, err = b.coerce(x, t, ctx, pos); err != nil {
				return err
			}
			c.Type = t
		}
		p.Exprs = append(p.Exprs, x)
		p.Sch.Cols = append(p.Sch.Cols, c)
	}
	q.node = p
	q.cols[i].Type = t
	return nil
}

// values binds VALUES.
func (b *binder) values(e *ast.Values) (*boundQuery, error) {
	sc := &scope{clause: "VALUES"}
	n := &plan.Values{}
	width := len(e.Rows[0])
	for _, row := range e.Rows {
		if len(row) != width {
			return nil, sqlerr.At(e.Pos(), sqlerr.SyntaxError, "VALUES lists must all be the same length")
		}
		xs, _, err := b.bindAll(sc, row)
		if err != nil {
			return nil, err
		}
		n.Rows = append(n.Rows, xs)
	}
	out := &boundQuery{node: n, rowTime: -1, streamTime: -1, windowAt: [2]int{-1, -1}, millis: make([]bool, width)}
	for i := 0; i < width; i++ {
		xs, es := make([]plan.Expr, len(n.Rows)), make([]ast.Expr, len(n.Rows))
		unknown := true
		for r := range n.Rows {
			xs[r], es[r] = n.Rows[r][i], e.Rows[r][i]
			unknown = unknown && xs[r].Type() == types.Unknown
		}
		t := types.Unknown
		if !unknown {
			var err error
			if t, err = b.common(xs, es, "VALUES", e.Pos()); err != nil {
				return nil, err
			}
		}
		for r := range n.Rows {
			n.Rows[r][i] = xs[r]
		}
		out.cols = append(out.cols, colType(ordinalName("column", i+1), t))
	}
	n.Sch = plan.Schema{Cols: append([]plan.Column(nil), out.cols...), AppendOnly: true}
	return out, nil
}

package engine

import (
	"context"
	"io"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Point is a query that gives one row of a table or view by its whole key. It is answered without a graph.
type Point struct {
	scan *plan.Scan
	want []int // the columns of the relation that are shown, in order
}

// PointOf returns the query as a Point; nil when it is none.
func PointOf(q *plan.Query) *Point {
	if q.Follow != nil { // AS OF
		return nil
	}
	n := q.Root
	var project *plan.Project
	if x, ok := n.(*plan.Project); ok {
		project, n = x, x.In
	}
	filter, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	scan, ok := filter.In.(*plan.Scan)
	if !ok || len(scan.Lookup) == 0 || len(scan.Lookup) != len(scan.Rel.Key) || !onlyKey(scan, filter.Cond) {
		return nil
	}
	p := &Point{scan: scan}
	for i := range q.Visible {
		at := i
		if project != nil {
			c, ok := project.Exprs[i].(*plan.Col)
			if !ok {
				return nil
			}
			at = c.Index
		}
		if scan.Cols[at] < 0 {
			return nil
		}
		p.want = append(p.want, scan.Cols[at])
	}
	for _, x := range scan.Lookup {
		switch x.(type) {
		case *plan.Param, *plan.Const:
		default:
			return nil
		}
	}
	return p
}

// onlyKey reports whether a condition says nothing but what the look-up does.
func onlyKey(scan *plan.Scan, cond plan.Expr) bool {
	c, ok := cond.(*plan.Call)
	if !ok {
		return false
	}
	if c.Fn.Name == "and" {
		for _, x := range c.Args {
			if !onlyKey(scan, x) {
				return false
			}
		}
		return true
	}
	if c.Fn.Name != "=" || len(c.Args) != 2 {
		return false
	}
	for i, side := range c.Args {
		col, ok := side.(*plan.Col)
		if !ok {
			continue
		}
		for k, pos := range scan.Rel.Key {
			if scan.Cols[col.Index] == pos && scan.Lookup[k] == c.Args[1-i] {
				return true
			}
		}
	}
	return false
}

// PullPoint answers a Point over everything acknowledged before the call.
func (e *Engine) PullPoint(ctx context.Context, p *Point, args []types.Value) (*Rows, error) {
	e.pulls.Add(1)
	e.points.Add(1)
	c, err := e.flow.wait(ctx, []*catalog.Relation{p.scan.Rel})
	if err == nil {
		err = e.flow.sound(p.scan.Rel)
	}
	if err != nil {
		return nil, translate(err)
	}
	s := c.tables[p.scan.Rel.ID]
	if s == nil || movedOn(p.scan.Rel, s.rel) {
		return nil, altered(p.scan.Rel)
	}
	b, err := p.row(s, args)
	if err != nil {
		return nil, err
	}
	return &Rows{close: func() {}, next: func(context.Context) (*vec.Batch, error) {
		out := b
		if b = nil; out == nil {
			return nil, io.EOF
		}
		return out, nil
	}}, nil
}

// row looks the row up in a snapshot; nil when there is none.
func (p *Point) row(s *snapshot, args []types.Value) (*vec.Batch, error) {
	var key []byte
	for i, x := range p.scan.Lookup {
		var v types.Value
		switch x := x.(type) {
		case *plan.Const:
			v = x.Value
		case *plan.Param:
			if x.N < 1 || x.N > len(args) {
				panic("BUG: a parameter of a look-up is not bound")
			}
			v = args[x.N-1]
		}
		if v.Null {
			return nil, nil
		}
		v.Type = p.scan.Rel.Columns[p.scan.Rel.Key[i]].Type
		key = vec.AppendKeyValue(key, v, false, false)
	}
	value, ok := s.rows.Get(key)
	if !ok {
		return nil, nil
	}
	cols := make([]*vec.Column, len(s.types))
	out := &vec.Batch{N: 1, Cols: make([]*vec.Column, len(p.want))}
	for i, pos := range p.want {
		if cols[pos] == nil {
			cols[pos] = vec.NewColumn(s.types[pos])
		}
		out.Cols[i] = cols[pos]
	}
	if _, err := vec.DecodeRow(value[8:], cols); err != nil {
		panic("BUG: a row in state cannot be decoded: " + err.Error())
	}
	return out, nil
}

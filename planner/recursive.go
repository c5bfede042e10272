package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// names reports whether a query reads a relation of that name: for a WITH query under RECURSIVE, whether it is one.
func names(q *ast.Query, name string) bool {
	if q == nil {
		return false
	}
	for i := range q.With {
		if q.With[i].Name == name {
			return false
		}
		if names(q.With[i].Q, name) {
			return true
		}
	}
	return setNames(q.Body, name)
}

func setNames(body ast.SetExpr, name string) bool {
	switch body := body.(type) {
	case *ast.SetOp:
		return setNames(body.L, name) || setNames(body.R, name)
	case *ast.Nested:
		return names(body.Q, name)
	case *ast.Select:
		for _, f := range body.From {
			if fromNames(f, name) {
				return true
			}
		}
	}
	return false
}

func fromNames(f ast.From, name string) bool {
	switch f := f.(type) {
	case *ast.TableRef:
		return len(f.Name) == 1 && f.Name[0] == name
	case *ast.SubqueryRef:
		return names(f.Q, name)
	case *ast.Join:
		return fromNames(f.L, name) || fromNames(f.R, name)
	}
	return false
}

// recursive binds a WITH RECURSIVE query that reads itself: a part that does not, UNION [ALL], and one that does.
func (b *binder) recursive(c *cte) (*boundQuery, error) {
	q := c.def.Q
	op, ok := q.Body.(*ast.SetOp)
	if !ok || op.Op != "UNION" || setNames(op.L, c.def.Name) || len(q.Order) > 0 || q.Limit != nil || q.Offset != nil {
		return nil, sqlerr.At(c.def.Pos(), invalidRecursion,
			"recursive query \"%s\" does not have the form non-recursive-term UNION [ALL] recursive-term", c.def.Name)
	}
	base, err := b.body(op.L, nil, false, true)
	if err != nil {
		return nil, err
	}
	base.node = visible(base)
	if len(c.def.Cols) > 0 {
		if base, err = b.named(base, c.def.Cols, c.def.Name, c.def.Pos()); err != nil {
			return nil, err
		}
	}
	b.recursions++
	c.columns, c.id = base.cols, b.recursions
	b.ctes = append(b.ctes[:len(b.ctes):len(b.ctes)], *c)
	step, err := b.body(op.R, nil, false, true)
	b.ctes = b.ctes[:len(b.ctes)-1]
	if err != nil {
		return nil, err
	}
	if len(step.cols) != len(base.cols) {
		return nil, sqlerr.At(op.R.Pos(), sqlerr.SyntaxError, "each UNION query must have the same number of columns")
	}
	for i, t := range base.cols {
		if step.cols[i].Type != t.Type && !fn.CanCast(step.cols[i].Type, t.Type, fn.Implicit) {
			return nil, sqlerr.At(step.itemPos(i, op.R.Pos()), sqlerr.DatatypeMismatch,
				"recursive query \"%s\" column %d has type %s in non-recursive term but type %s overall", c.def.Name, i+1,
				t.Type.Base(), step.cols[i].Type.Base()).
				WithHint("Cast the output of the non-recursive term to the correct type.")
		}
		if err := b.convert(step, i, t.Type, fn.Implicit, step.itemPos(i, op.R.Pos())); err != nil {
			return nil, err
		}
	}
	n := &plan.Recursive{Base: base.node, Step: visible(step), ID: c.id, Distinct: !op.All, Pos: c.def.Pos(),
		Sch: plan.Schema{Cols: base.cols}}
	return &boundQuery{node: n, cols: base.cols, millis: make([]bool, len(base.cols)), rowTime: -1, streamTime: -1,
		windowAt: [2]int{-1, -1}}, nil
}

// waits reports whether something above a scan of a recursion's rows changes what it gives with the time alone.
func waits(n plan.Node, id int) bool {
	if !recurs(n, id) {
		return false
	}
	switch n.(type) {
	case *plan.ClockFilter, *plan.Window, *plan.Final:
		return true
	}
	return slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return waits(in, id) })
}

// recurs reports whether n reads the rows of a recursion.
func recurs(n plan.Node, id int) bool {
	if s, ok := n.(*plan.RecursiveScan); ok {
		return s.ID == id
	}
	return slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return recurs(in, id) })
}

const invalidRecursion sqlerr.Code = "42P19"

// itself is what the recursive part of a query reads by the query's own name.
func (c *cte) itself() *boundQuery {
	n := &plan.RecursiveScan{ID: c.id, Name: c.def.Name, Sch: plan.Schema{Cols: c.columns}}
	return &boundQuery{node: n, cols: c.columns, millis: make([]bool, len(c.columns)), rowTime: -1, streamTime: -1,
		windowAt: [2]int{-1, -1}}
}

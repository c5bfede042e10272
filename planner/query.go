package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// boundQuery is a query's tree and what its leading columns are called; further columns are hidden.
type boundQuery struct {
	node   plan.Node
	cols   []plan.Column
	millis []bool // which columns are times in milliseconds
	// origins are of the columns; nil where none is one of a relation.
	origins []plan.Origin
	// rowTime and streamTime are positions of hidden columns of node, -1 when rows have no time.
	rowTime, streamTime int
	stream              bool
	// windowed tells that the rows are groups of windows; windowAt are the positions of the bounds among cols, or -1.
	windowed bool
	windowAt [2]int
	// items are the select list's expressions, one per column of cols where there is one.
	items []ast.Expr
	// key are the positions of ksqlDB's key of the rows among cols, nil when they have none.
	key []int
	on  []int // DISTINCT ON: columns of node
}

func (q *boundQuery) width() int { return len(q.node.Schema().Cols) }

// query binds a query with its WITH, ORDER BY and LIMIT. As a sub-query it keeps the event time of its rows.
func (b *binder) query(q *ast.Query, sub bool) (*boundQuery, error) {
	if err := b.checkQuery(q, sub); err != nil {
		return nil, err
	}
	saved := b.ctes
	if err := b.with(q.With, q.Recursive); err != nil {
		return nil, err
	}
	out, err := b.body(q.Body, q.Order, sub, !sub)
	if err == nil {
		err = b.unusedWith(len(saved))
	}
	b.ctes = saved
	if err != nil {
		return nil, err
	}
	return b.limited(out, q, sub)
}

// with brings WITH queries into scope.
func (b *binder) with(queries []ast.CTE, recursive bool) error {
	for i := range queries {
		c := &queries[i]
		if c.Change != nil && b.ctx.Given[c.Name] == nil {
			return sqlerr.At(c.Pos(), sqlerr.FeatureNotSupported,
				"WITH clause containing a data-modifying statement must be at the top level")
		}
		for _, had := range queries[:i] {
			if had.Name == c.Name {
				return sqlerr.At(c.Pos(), sqlerr.DuplicateAlias,
					"WITH query name \"%s\" specified more than once", c.Name)
			}
		}
		b.ctes = append(b.ctes[:len(b.ctes):len(b.ctes)], cte{def: c, outer: len(b.ctes),
			depth: len(b.outer), recursive: recursive && names(c.Q, c.Name)})
	}
	return nil
}

// withOf brings the WITH queries of a statement that changes rows into scope.
func (b *binder) withOf(w *ast.With) error {
	if w == nil {
		return nil
	}
	return b.with(w.Queries, w.Recursive)
}

// checkQuery refuses what is not done yet.
func (b *binder) checkQuery(q *ast.Query, sub bool) error {
	switch {
	case len(q.Locking) > 0:
		return refuse(q.Locking[0].Pos(), "%s here", q.Locking[0].Strength)
	case q.Emit == ast.EmitFinal && !sub:
		b.final = true
	case sub && q.Emit != ast.EmitNone:
		return sqlerr.At(q.Pos(), sqlerr.SyntaxError, "EMIT CHANGES is not allowed in a subquery")
	}
	if q.Follow != nil && q.Follow.AsOf {
		if sub || b.mode != modePull {
			return sqlerr.At(q.Follow.Pos(), sqlerr.FeatureNotSupported, "AS OF is for a whole query that is asked once").
				WithHint("A push query begins at a time or token SINCE it.")
		}
		return nil
	}
	if q.Follow != nil && b.mode != modePush {
		return sqlerr.At(q.Follow.Pos(), sqlerr.FeatureNotSupported, "SINCE and WITH are for EMIT CHANGES to a client").
			WithHint("A relation that a query makes begins as auto.offset.reset says.")
	}
	return nil
}

// unusedWith binds WITH queries that nothing names, for their errors only.
func (b *binder) unusedWith(from int) error {
	for i := from; i < len(b.ctes); i++ {
		if b.ctes[i].used || b.ctes[i].def.Change != nil {
			continue
		}
		all, reads := b.ctes, b.reads
		b.ctes = all[:all[i].outer:all[i].outer]
		_, err := b.cteQuery(&all[i])
		b.ctes, b.reads = all, reads
		if err != nil {
			return err
		}
	}
	return nil
}

// sortItem is one key of ORDER BY as a column of the query's node.
type sortItem struct {
	col  int
	item ast.OrderItem
}

// body binds a query's body and orders it. With settle set, columns that have no type yet become text.
func (b *binder) body(body ast.SetExpr, order []ast.OrderItem, sub, settle bool) (*boundQuery, error) {
	var out *boundQuery
	var keys []sortItem
	var err error
	switch body := body.(type) {
	case *ast.Select:
		out, keys, err = b.selectBody(body, order, sub)
		if err == nil && body.DistinctOn != nil {
			b.firstRows(out, keys)
		}
	case *ast.Nested:
		out, err = b.query(body.Q, true)
	case *ast.Values:
		out, err = b.values(body)
	case *ast.SetOp:
		out, err = b.setOp(body)
	default:
		return nil, refuse(body.Pos(), "this query")
	}
	if err != nil {
		return nil, err
	}
	if _, isSelect := body.(*ast.Select); !isSelect {
		if keys, err = outputKeys(out, order); err != nil {
			return nil, err
		}
	}
	if settle || sub || len(keys) > 0 {
		for i := range out.cols {
			if out.cols[i].Type == types.Unknown {
				if err := b.convert(out, i, types.Text, fn.Implicit, body.Pos()); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(keys) == 0 {
		return out, nil
	}
	s := &plan.Sort{In: out.node}
	for _, k := range keys {
		col := colOf(out.node, k.col)
		if err := ordered(col.Typ, k.item.X.Pos()); err != nil {
			return nil, err
		}
		first := k.item.Desc
		if k.item.NullsFirst != nil {
			first = *k.item.NullsFirst
		}
		s.By = append(s.By, plan.SortKey{X: col, Desc: k.item.Desc, NullsFirst: first})
	}
	out.node = s
	return out, nil
}

// outputKeys resolves ORDER BY of what is not a plain SELECT: by output names and positions only.
func outputKeys(q *boundQuery, order []ast.OrderItem) ([]sortItem, error) {
	var keys []sortItem
	for _, o := range order {
		at, err := outputColumn(q.cols, o.X, "ORDER BY")
		if err != nil {
			return nil, err
		}
		if at == -2 {
			return nil, sqlerr.At(o.X.Pos(), sqlerr.AmbiguousColumn, "ORDER BY \"%s\" is ambiguous",
				o.X.(*ast.ColRef).Name[0])
		}
		if at < 0 {
			return nil, sqlerr.At(o.X.Pos(), sqlerr.FeatureNotSupported,
				"invalid UNION/INTERSECT/EXCEPT ORDER BY clause").
				WithDetail("Only result column names can be used, not expressions or functions.").
				WithHint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
		}
		keys = append(keys, sortItem{at, o})
	}
	return keys, nil
}

// outputColumn finds the output column that a bare name or a position means; -1 for anything else.
func outputColumn(cols []plan.Column, e ast.Expr, clause string) (int, error) {
	switch e := e.(type) {
	case *ast.Lit:
		if e.Kind == ast.LitNull || e.Kind == ast.LitBool {
			return -1, nil
		}
		n, ok := parseInt(e.Text)
		if e.Kind != ast.LitInt || !ok {
			return 0, sqlerr.At(e.Pos(), sqlerr.SyntaxError, "non-integer constant in %s", clause)
		}
		if n < 1 || n > int64(len(cols)) {
			return 0, sqlerr.At(e.Pos(), sqlerr.InvalidColumnReference, "%s position %d is not in select list", clause, n)
		}
		return int(n) - 1, nil
	case *ast.ColRef:
		if len(e.Name) > 1 {
			return -1, nil
		}
		at := -1
		for i, c := range cols {
			if c.Name == e.Name[0] {
				if at >= 0 {
					return -2, nil
				}
				at = i
			}
		}
		return at, nil
	}
	return -1, nil
}

// ordered checks that values of type t can be sorted.
func ordered(t types.Type, pos int) error {
	switch t.Kind {
	case types.KindJSON, types.KindJSONPath, types.KindMap:
		return sqlerr.At(pos, sqlerr.UndefinedFunction, "could not identify an ordering operator for type %s", t).
			WithHint("Use an explicit ordering operator or modify the query.")
	}
	return nil
}

// comparable checks that values of type t can be told apart: what DISTINCT, GROUP BY and UNION need.
func comparable(t types.Type, pos int) error {
	if t.Kind == types.KindJSON || t.Kind == types.KindJSONPath {
		return sqlerr.At(pos, sqlerr.UndefinedFunction, "could not identify an equality operator for type %s", t)
	}
	return nil
}

// limited applies LIMIT and OFFSET.
func (b *binder) limited(out *boundQuery, q *ast.Query, sub bool) (*boundQuery, error) {
	s, sorted := out.node.(*plan.Sort)
	sorted = sorted && len(q.Order) > 0
	if q.Limit == nil && q.Offset == nil {
		if sorted && !sub && b.mode == modePush {
			return nil, sqlerr.At(q.Order[0].X.Pos(), sqlerr.FeatureNotSupported,
				"ORDER BY without LIMIT is not possible with EMIT CHANGES").
				WithHint("A result that never ends has no order; add LIMIT for the first rows, kept up to date.")
		}
		return out, nil
	}
	switch {
	case b.mode == modeCreateStream:
		return nil, sqlerr.At(q.Pos(), sqlerr.FeatureNotSupported, "LIMIT is not possible in CREATE STREAM AS")
	case b.mode == modeCreateTable && len(q.Order) == 0 && !sub:
		return nil, sqlerr.At(q.Pos(), sqlerr.FeatureNotSupported,
			"LIMIT without ORDER BY is not possible in CREATE TABLE AS").
			WithHint("Say with ORDER BY which rows it is to keep, or use CREATE MATERIALIZED VIEW.")
	}
	if !sorted {
		s = &plan.Sort{In: out.node}
		out.node = s
	}
	var err error
	if s.Limit, err = b.rowCount(q.Limit, "LIMIT", sqlerr.InvalidLimit); err != nil {
		return nil, err
	}
	if s.Offset, err = b.rowCount(q.Offset, "OFFSET", sqlerr.InvalidOffset); err != nil {
		return nil, err
	}
	if s.WithTies = q.WithTies; s.WithTies && !sorted {
		return nil, sqlerr.At(q.Pos(), sqlerr.SyntaxError, "WITH TIES cannot be specified without ORDER BY clause")
	}
	s.Pos = q.Pos()
	if s.Limit == nil && s.Offset == nil && len(s.By) == 0 {
		out.node = s.In
	}
	return out, nil
}

// rowCount binds the argument of LIMIT or OFFSET; NULL means none.
func (b *binder) rowCount(e ast.Expr, clause string, code sqlerr.Code) (plan.Expr, error) {
	if e == nil {
		return nil, nil
	}
	if ref, ok := e.(*ast.ColRef); ok {
		return nil, sqlerr.At(ref.Pos(), sqlerr.InvalidColumnReference,
			"argument of %s must not contain variables", clause)
	}
	if err := b.wholeLimit(e, clause); err != nil {
		return nil, err
	}
	x, err := b.bind(&scope{clause: clause}, e)
	if err != nil {
		return nil, err
	}
	if !fn.CanCast(x.Type(), types.Int8, fn.Assignment) || x.Type() == types.Bool {
		return nil, sqlerr.At(leftmost(e), sqlerr.DatatypeMismatch,
			"argument of %s must be type bigint, not type %s", clause, x.Type())
	}
	if x, err = b.coerce(x, types.Int8, fn.Assignment, leftmost(e)); err != nil {
		return nil, err
	}
	if c, ok := x.(*plan.Const); ok {
		if c.Value.Null {
			return nil, nil
		}
		if c.Value.Int < 0 {
			return nil, sqlerr.At(leftmost(e), code, "%s must not be negative", clause)
		}
	}
	return x, nil
}

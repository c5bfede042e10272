package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// item is one column of a select list: its name, where it was written, and its expression over FROM.
type item struct {
	name  string
	e     ast.Expr // nil for a column of *
	pos   int
	x     plan.Expr
	alias bool // the user gave the name
}

// selection binds one SELECT.
type selection struct {
	b       *binder
	sel     *ast.Select
	src     *source
	sc      *scope
	items   []item
	keys    []plan.Expr // GROUP BY, over FROM
	sets    [][]int     // GROUPING SETS, as positions in keys; nil for a plain list
	on      []int       // DISTINCT ON: columns of the projection
	starred bool        // the list has *
	given   int         // how many of keys the user wrote
	aggs    aggregation
	// having is the condition, and order the sort keys that are not in the select list, over FROM.
	having plan.Expr
	order  []plan.Expr
}

// selectBody binds SELECT … HAVING and resolves its ORDER BY.
func (b *binder) selectBody(sel *ast.Select, order []ast.OrderItem, sub bool) (*boundQuery, []sortItem, error) {
	if err := checkSelect(sel); err != nil {
		return nil, nil, err
	}
	src, err := b.from(sel.From)
	if err != nil {
		return nil, nil, err
	}
	if sel.Window != nil {
		if src, err = b.window(src, sel.Window, len(sel.Group) > 0); err != nil {
			return nil, nil, err
		}
	}
	if sel.Where != nil {
		cond, err := b.condition(&scope{src: src, clause: "WHERE"}, sel.Where, "WHERE")
		if err != nil {
			return nil, nil, err
		}
		if b.ksql() {
			if err := (&selection{b: b, sel: sel, src: src}).boundsOnlySelected("WHERE", cond); err != nil {
				return nil, nil, err
			}
		}
		src.node = &plan.Filter{In: src.node, Cond: cond}
	}
	s := &selection{b: b, sel: sel, src: src}
	s.sc = &scope{src: src, aggs: &s.aggs, windows: sel.Windows}
	if err := s.partition(); err != nil {
		return nil, nil, err
	}
	if err := s.bindItems(); err != nil {
		return nil, nil, err
	}
	if err := s.bindGroup(); err != nil {
		return nil, nil, err
	}
	if sel.Having != nil {
		if err := s.bindHaving(); err != nil {
			return nil, nil, err
		}
	}
	keys, err := s.bindOrder(order)
	if err != nil {
		return nil, nil, err
	}
	if err := s.bindDistinctOn(keys); err != nil {
		return nil, nil, err
	}
	out, err := s.finish(sub)
	return out, keys, err
}

// checkSelect refuses what is not done yet.
func checkSelect(sel *ast.Select) error {
	switch {
	case sel.Window != nil && hasSets(sel.Group):
		return refuse(sel.Window.Pos(), "WINDOW with grouping sets")
	}
	for i, w := range sel.Windows {
		for _, had := range sel.Windows[:i] {
			if had.Name == w.Name {
				return sqlerr.At(w.Pos(), windowingError, "window \"%s\" is already defined", w.Name)
			}
		}
	}
	return nil
}

// bindItems binds the select list.
func (s *selection) bindItems() error {
	prefix := (s.b.keyed() || s.b.mode == modePush) && s.src.tables() > 1
	for _, it := range s.sel.Items {
		switch e := it.X.(type) {
		case *ast.Star:
			cols, err := s.sc.star(e)
			if err != nil {
				return err
			}
			s.starred = true
			for _, c := range cols {
				name := c.name
				if prefix && c.table != "" {
					name = c.table + "_" + c.name
				}
				s.items = append(s.items, item{name: name, pos: e.Pos(), x: s.b.refer(c, e.Pos())})
			}
			continue
		case *ast.Field:
			if e.Name == "*" {
				if err := s.bindFields(e); err != nil {
					return err
				}
				continue
			}
		}
		x, err := s.b.bind(s.listScope(), it.X)
		if err != nil {
			return err
		}
		name := it.Alias
		if name == "" {
			name = columnName(it.X)
		}
		s.b.ctx.Found.item(it)
		s.items = append(s.items, item{name: name, e: it.X, pos: leftmost(it.X), x: x, alias: it.Alias != ""})
	}
	s.storedNames()
	return nil
}

// listScope is the scope of the select list and ORDER BY.
func (s *selection) listScope() *scope {
	sc := *s.sc
	sc.srfs, sc.wins = true, true
	return &sc
}

// bindFields expands struct->* and (x).*.
func (s *selection) bindFields(e *ast.Field) error {
	x, err := s.b.known(s.sc, e.X)
	if err != nil {
		return err
	}
	if x.Type().Kind != types.KindStruct {
		return sqlerr.At(leftmost(e), sqlerr.WrongObjectType,
			"type %s is not composite", x.Type().Base())
	}
	for i, f := range x.Type().Fields() {
		s.items = append(s.items, item{name: f.Name, pos: leftmost(e), x: &plan.Field{X: x, Index: i, Typ: f.Type}})
	}
	return nil
}

// bindHaving binds HAVING.
func (s *selection) bindHaving() error {
	selected := len(s.aggs.list)
	var err error
	if s.having, err = s.b.condition(s.sc, s.sel.Having, "HAVING"); err != nil {
		return err
	}
	return s.boundsOnlySelected("HAVING", append(s.aggregateArgs(selected), s.having)...)
}

// columns gives the select list as output columns.
func (s *selection) columns() []plan.Column {
	cols := make([]plan.Column, len(s.items))
	for i, it := range s.items {
		cols[i] = colType(it.name, it.x.Type())
	}
	return cols
}

// bindOrder resolves ORDER BY: output names and positions first, then expressions over FROM. Keys that are not in the
// select list become hidden columns after it.
func (s *selection) bindOrder(order []ast.OrderItem) ([]sortItem, error) {
	if len(order) == 0 {
		return nil, nil
	}
	cols := s.columns()
	var keys []sortItem
	for _, o := range order {
		at, err := outputColumn(cols, o.X, "ORDER BY")
		if err != nil {
			return nil, err
		}
		if at == -2 {
			if at, err = s.sameItems(o.X.(*ast.ColRef)); err != nil {
				return nil, err
			}
		}
		if at < 0 {
			if at, err = s.orderKey(o.X); err != nil {
				return nil, err
			}
		}
		keys = append(keys, sortItem{at, o})
	}
	return keys, nil
}

// sameItems allows a name that several output columns have when they are one expression.
func (s *selection) sameItems(e *ast.ColRef) (int, error) {
	at := -1
	for i, it := range s.items {
		if it.name != e.Name[0] {
			continue
		}
		if at >= 0 && !equal(s.items[at].x, it.x) {
			return 0, sqlerr.At(e.Pos(), sqlerr.AmbiguousColumn, "ORDER BY \"%s\" is ambiguous", e.Name[0])
		}
		if at < 0 {
			at = i
		}
	}
	return at, nil
}

// orderKey finds the expression e in the select list or adds it as a hidden column.
func (s *selection) orderKey(e ast.Expr) (int, error) {
	x, err := s.b.known(s.listScope(), e)
	if err != nil {
		return 0, err
	}
	for i, it := range s.items {
		if equal(it.x, x) {
			return i, nil
		}
	}
	for i, o := range s.order {
		if equal(o, x) {
			return len(s.items) + i, nil
		}
	}
	if s.sel.Distinct {
		return 0, sqlerr.At(leftmost(e), sqlerr.InvalidColumnReference,
			"for SELECT DISTINCT, ORDER BY expressions must appear in select list")
	}
	s.order = append(s.order, x)
	return len(s.items) + len(s.order) - 1, nil
}

// grouped reports whether rows are put into groups.
func (s *selection) grouped() bool {
	return len(s.keys) > 0 || len(s.aggs.list) > 0 || s.having != nil || s.sets != nil || s.aggs.grouping
}

// finish builds the tree above FROM and WHERE.
func (s *selection) finish(sub bool) (*boundQuery, error) {
	out := &boundQuery{rowTime: -1, streamTime: -1, stream: s.src.stream, windowAt: [2]int{-1, -1}}
	if err := s.selectKey(out, sub); err != nil {
		return nil, err
	}
	out.cols = s.columns()
	for _, it := range s.items {
		out.millis = append(out.millis, s.b.refs[it.x].millis)
		out.items = append(out.items, it.e)
		out.origins = append(out.origins, s.b.refs[it.x].origin)
	}
	node := s.src.node
	exprs := make([]plan.Expr, 0, len(s.items)+len(s.order)+2)
	for _, it := range s.items {
		exprs = append(exprs, it.x)
	}
	exprs = append(exprs, s.order...)
	grouped := s.grouped()
	var err error
	if grouped {
		if node, exprs, err = s.group(out, exprs); err != nil {
			return nil, err
		}
		out.stream = false
	}
	node, exprs = s.overRows(node, exprs)
	if node, exprs, err = s.expandRows(node, exprs); err != nil {
		return nil, err
	}
	cols := append([]plan.Column(nil), out.cols...)
	for i := range s.order {
		cols = append(cols, colType(ordinalName("sort", i+1), exprs[len(s.items)+i].Type()))
	}
	if sub && !grouped && !s.sel.Distinct && s.src.rowTime != nil {
		out.rowTime, out.streamTime = len(exprs), len(exprs)+1
		exprs = append(exprs, s.src.rowTime, s.src.streamTime)
		cols = append(cols, colType("rowtime", types.Int8), colType("streamtime", types.Int8))
	}
	out.node = &plan.Project{In: node, Exprs: exprs, Sch: plan.Schema{Cols: cols}}
	out.on = s.on
	if s.sel.Distinct {
		for i, it := range s.items {
			if it.x.Type() == types.Unknown {
				if err := s.b.convert(out, i, types.Text, 0, it.pos); err != nil {
					return nil, err
				}
			}
			if err := comparable(it.x.Type(), it.pos); err != nil {
				return nil, err
			}
		}
		out.node = &plan.Distinct{In: out.node}
	}
	return out, nil
}

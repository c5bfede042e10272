package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// keyPart is one column of the key that ksqlDB gives the records of a source. A part is any of several expressions
// over the source's node, whichever is selected: the two sides of a join.
type keyPart struct {
	exprs []plan.Expr
	// value, when set, is what the part is whichever of exprs is selected: that of the side of a join that is always
	// there.
	value plan.Expr
	// implicit parts are selected if the user does not: the bounds of a window.
	implicit bool
}

// settingKeyless is ksqlDB's setting under which CREATE STREAM … AS may leave out the key.
const settingKeyless = "ksql.new.query.planner.enabled"

// keyed reports whether what is bound becomes a stream or table of ksqlDB, whose rules for keys then hold.
func (b *binder) keyed() bool { return b.mode == modeCreateStream || b.mode == modeCreateTable }

// relationParts are the parts of a relation's key, over its scan, whose leading columns are the relation's.
func relationParts(n plan.Node, rel *catalog.Relation) []keyPart {
	var parts []keyPart
	for i, k := range rel.Key {
		parts = append(parts, keyPart{exprs: []plan.Expr{colOf(n, k)}, implicit: rel.Windowed && i >= len(rel.Key)-2})
	}
	return parts
}

// windowedKey reports whether a source's key ends in the bounds of a window.
func windowedKey(src *source) bool {
	n := len(src.key)
	return n > 2 && src.key[n-1].implicit
}

func shiftParts(parts []keyPart, n int) []keyPart {
	out := make([]keyPart, len(parts))
	for i, p := range parts {
		out[i].implicit = p.implicit
		if p.value != nil {
			out[i].value = shift(p.value, n)
		}
		for _, x := range p.exprs {
			out[i].exprs = append(out[i].exprs, shift(x, n))
		}
	}
	return out
}

// partition binds ksqlDB's PARTITION BY: its expressions are the key of the stream that is made.
func (s *selection) partition() error {
	list := s.sel.PartitionBy
	if len(list) == 0 {
		return nil
	}
	pos := list[0].Pos()
	switch {
	case s.b.mode != modeCreateStream && s.b.mode != modePush:
		return sqlerr.At(pos, sqlerr.WrongObjectType, "PARTITION BY is for streams: CREATE STREAM … AS")
	case !s.src.stream:
		return sqlerr.At(pos, sqlerr.WrongObjectType, "PARTITION BY is for streams, and this is a table").
			WithHint("The key of a table is what tells its rows apart; group by another.")
	case len(s.sel.Group) > 0 || s.sel.Window != nil:
		return sqlerr.At(pos, sqlerr.WrongObjectType, "PARTITION BY and GROUP BY cannot stand together")
	}
	s.src.key = nil
	for _, e := range list {
		if lit, ok := e.(*ast.Lit); ok && lit.Kind == ast.LitNull {
			if len(list) > 1 {
				return sqlerr.At(e.Pos(), sqlerr.InvalidTableDefinition, "PARTITION BY NULL cannot have further columns")
			}
			return nil
		}
		x, err := s.b.known(&scope{src: s.src, clause: "PARTITION BY"}, e)
		if err != nil {
			return err
		}
		if hasMap(x.Type()) {
			return mapKey(leftmost(e), columnName(e), x.Type())
		}
		s.src.key = append(s.src.key, keyPart{exprs: []plan.Expr{x}})
	}
	return nil
}

// selectKey finds the key among the select list. What becomes a stream or table of ksqlDB must have each part once.
func (s *selection) selectKey(out *boundQuery, sub bool) error {
	parts := s.src.key
	if s.grouped() {
		parts = nil
		for _, k := range s.keys[:s.given] {
			parts = append(parts, keyPart{exprs: []plan.Expr{k}})
		}
		if s.sel.Window != nil {
			parts = parts[:max(len(parts)-2, 0)]
		}
	}
	if s.sel.Distinct || s.sel.DistinctOn != nil {
		return nil
	}
	must := s.b.keyed() && !sub
	for i := range parts {
		if parts[i].implicit && must && s.b.ksql() {
			if err := s.copyBounds(&parts[i]); err != nil {
				return err
			}
		}
		at := s.selected(&parts[i])
		if len(at) == 0 && must && s.starred && len(s.sel.PartitionBy) > 0 {
			s.addKeyItem(i, parts[i].exprs[0])
			at = []int{i}
			for k := range out.key {
				if out.key[k] >= i {
					out.key[k]++
				}
			}
		}
		switch {
		case len(at) == 0 && parts[i].implicit && must:
			s.addItem(parts[i].exprs[0], boundNames[2-(len(parts)-i)])
			at = []int{len(s.items) - 1}
		case len(at) == 0 && must && s.b.mode == modeCreateStream && s.b.said(settingKeyless):
			out.key = nil
			return nil
		case len(at) == 0 && must && (s.b.mode == modeCreateStream || s.grouped() || s.src.stream):
			return s.missingPart(parts)
		case len(at) == 0:
			out.key = nil
			return nil
		case len(at) > 1 && must:
			return sqlerr.At(s.items[at[1]].pos, sqlerr.InvalidTableDefinition,
				"columns \"%s\" and \"%s\" are the same key column", s.items[at[0]].name, s.items[at[1]].name).
				WithHint("Select it once; AS_VALUE() makes a copy of it in the value.")
		}
		if v := parts[i].value; v != nil && must && len(at) > 0 && v.Type() == s.items[at[0]].x.Type() {
			s.items[at[0]].x = v
		}
		if parts[i].implicit {
			out.windowed = true
			out.windowAt[2-(len(parts)-i)] = at[0]
		}
		out.key = append(out.key, at[0])
	}
	return nil
}

// boundNames are the columns of a windowed relation that hold the bounds of a row's window.
var boundNames = [2]string{"windowstart", "windowend"}

// copyBounds makes the items that are a bound of the window, and are called otherwise, copies of it: ksqlDB's bounds
// are in the key under their own names, and what is selected is in the value.
func (s *selection) copyBounds(p *keyPart) error {
	for i := range s.items {
		it := &s.items[i]
		bound := slices.ContainsFunc(p.exprs, func(x plan.Expr) bool { return equal(it.x, x) })
		if !bound || it.name == boundNames[0] || it.name == boundNames[1] {
			continue
		}
		x, err := s.b.scalar("as_value", []plan.Expr{it.x}, nil, it.pos)
		if err != nil {
			return err
		}
		it.x = x
	}
	return nil
}

// addItem adds a column that nobody wrote to the select list.
func (s *selection) addItem(x plan.Expr, name string) {
	c := x.(*plan.Col)
	s.items = append(s.items, item{name: name, pos: s.sel.Pos(),
		x: &plan.Col{Index: c.Index, Typ: c.Typ, Name: c.Name}})
}

// addKeyItem puts an expression of PARTITION BY, which * does not have, into the select list.
func (s *selection) addKeyItem(at int, x plan.Expr) {
	it := item{e: s.sel.PartitionBy[at], pos: s.sel.PartitionBy[at].Pos(), x: x}
	if it.name = columnName(it.e); it.name == nameless || reserved[it.name] || s.named(it.name) {
		n := 0
		for it.name = ordinalName("ksql_col_", n); s.named(it.name); it.name = ordinalName("ksql_col_", n) {
			n++
		}
	}
	s.items = append(s.items[:at:at], append([]item{it}, s.items[at:]...)...)
}

// named reports whether a column of the select list has that name.
func (s *selection) named(name string) bool {
	for _, it := range s.items {
		if it.name == name {
			return true
		}
	}
	return false
}

// selected lists the items that are the part, of the first of its expressions that is there at all.
func (s *selection) selected(p *keyPart) []int {
	for _, x := range p.exprs {
		var at []int
		for i, it := range s.items {
			if equal(it.x, x) {
				at = append(at, i)
			}
		}
		if at != nil {
			return at
		}
	}
	return nil
}

// missingPart is the error for a select list without the key.
func (s *selection) missingPart(parts []keyPart) error {
	var names []string
	for i := range parts {
		if len(s.selected(&parts[i])) > 0 || parts[i].implicit {
			continue
		}
		var either []string
		for _, x := range parts[i].exprs {
			name := ExprString(x, s.src.node.Schema())
			if ref, ok := s.b.refs[x]; ok {
				name = ref.name
			}
			either = append(either, name)
		}
		names = append(names, strings.Join(either, " or "))
	}
	return sqlerr.At(s.sel.Pos(), sqlerr.InvalidTableDefinition,
		"the select list must have the key: %s is missing", strings.Join(names, ", ")).
		WithHint("A materialized view needs no key.")
}

// joinParts gives the key of src, a join of l and r, over the join, whose condition is cond. pos is the join's place;
// swapped tells that the user wrote r first.
func (b *binder) joinParts(src, l, r *source, cond plan.Expr, swapped bool, pos int) ([]keyPart, error) {
	j := src.node.(*plan.Join)
	lw := len(j.Left.Schema().Cols)
	n := lw + len(j.Right.Schema().Cols)
	var les, res []plan.Expr
	var parts []keyPart
	for _, c := range conjuncts(cond, nil) {
		eq, ok := c.(*plan.Call)
		if !ok || eq.Fn.Name != "=" || len(eq.Args) != 2 {
			continue
		}
		le, re := eq.Args[0], eq.Args[1]
		if within(re, 0, lw) {
			le, re = re, le
		}
		if constant(le) || constant(re) || !within(le, 0, lw) || !within(re, lw, n) {
			continue
		}
		le, re = relabelled(le), relabelled(re)
		les, res = append(les, le), append(res, re)
		part := keyPart{exprs: []plan.Expr{le, re}}
		if part.value = valueOf(l.key, le); j.Kind == plan.Left && part.value == nil {
			part.value = le
		}
		if j.Kind == plan.Left && swapped {
			part.exprs = []plan.Expr{re, le}
		}
		if j.Kind == plan.Full && le.Type() == re.Type() {
			part.exprs = []plan.Expr{&plan.Coalesce{Args: []plan.Expr{le, re}, Typ: le.Type()}}
		} else {
			part.exprs = append(part.exprs, alike(l.key, le)...)
			part.exprs = append(part.exprs, alike(shiftParts(r.key, lw), re)...)
		}
		parts = append(parts, part)
	}
	lkey, rkey := covered(l.key, les), covered(shiftParts(r.key, lw), res)
	src.joined = true
	if err := b.windowsByKey(l, r, lkey, rkey, pos); err != nil {
		return nil, err
	}
	switch {
	case l.stream && r.stream, l.stream && (rkey || r.key == nil || !b.keyed()):
	case l.stream, !r.stream && b.keyed() && l.key != nil && r.key != nil && !rkey,
		!r.stream && b.keyed() && j.Kind == plan.Full && !lkey:
		return nil, sqlerr.At(pos, sqlerr.InvalidTableDefinition,
			"the join must be on the primary key of its right table").WithHint("A materialized view may join on anything.")
	case rkey && !lkey:
		if b.lookupJoins() && !l.stream {
			if err := foreignWindows(r, pos); err != nil {
				return nil, err
			}
			if err := b.foreignLater(l, r, pos); err != nil {
				return nil, err
			}
		}
		return l.key, nil
	case !rkey:
		return nil, nil
	}
	return parts, nil
}

// valueOf is what a part of a key of which x is one expression always is, where an earlier join knows; else nil.
func valueOf(key []keyPart, x plan.Expr) plan.Expr {
	for _, p := range key {
		for _, e := range p.exprs {
			if equal(e, x) && p.value != nil {
				return p.value
			}
		}
	}
	return nil
}

// alike are the other expressions of the part of a key that x is of: an earlier join made them equal.
func alike(key []keyPart, x plan.Expr) []plan.Expr {
	for _, p := range key {
		for _, e := range p.exprs {
			if equal(e, x) && len(p.exprs) > 1 {
				return p.exprs
			}
		}
	}
	return nil
}

// covered reports whether every part of a key that has one is among the expressions; implicit ones are not asked for.
func covered(key []keyPart, es []plan.Expr) bool {
next:
	for _, p := range key {
		for _, x := range p.exprs {
			for _, e := range es {
				if p.implicit || equal(relabelled(e), x) {
					continue next
				}
			}
		}
		return false
	}
	return len(key) > 0
}

// keyedBy reports whether x is a part of the key.
func (src *source) keyedBy(x plan.Expr) bool {
	return slices.ContainsFunc(src.key, func(p keyPart) bool {
		return slices.ContainsFunc(p.exprs, func(y plan.Expr) bool { return equal(x, y) })
	})
}

// withRowKey adds ksqlDB's ROWKEY, the key of a join that is no column of either side: of a full join, and where both
// sides are computed. Where it is shown, that of an earlier join goes unless it is the key still.
func withRowKey(src *source, full, shown bool) {
	if shown {
		src.cols = slices.DeleteFunc(src.cols, func(c scopeColumn) bool { return c.rowKey && !src.keyedBy(c.expr) })
	}
	if len(src.key) != 1 {
		return
	}
	p := &src.key[0]
	_, left := p.exprs[0].(*plan.Col)
	if !full && (left || len(p.exprs) < 2) {
		return
	}
	if _, right := p.exprs[len(p.exprs)-1].(*plan.Col); !full && right {
		return
	}
	cols := make([]scopeColumn, 1, len(src.cols)+1)
	taken := map[string]bool{}
	for _, c := range src.cols {
		if !c.rowKey {
			cols = append(cols, c)
			taken[c.name] = true
		}
	}
	name := "rowkey"
	for i := 1; taken[name]; i++ {
		name = ordinalName("rowkey_", i)
	}
	cols[0] = scopeColumn{name: name, expr: p.exprs[0], hidden: !shown, rowKey: true}
	src.cols = cols
}

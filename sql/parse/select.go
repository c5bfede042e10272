package parse

import (
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// selectCore reads SELECT … HAVING and the WINDOW clause, in their order.
func (p *parser) selectCore() *ast.Select {
	s := &ast.Select{P: p.pos()}
	into := p.into
	p.into = false
	p.next(1)
	if p.accept("distinct") {
		if p.is("on") && p.at(1).punct("(") {
			p.next(2)
			s.DistinctOn = p.exprList()
			p.expectP(")")
		} else {
			s.Distinct = true
		}
	} else {
		p.accept("all")
	}
	if !p.emptyList() {
		s.Items = p.selectItems()
	}
	if p.is("into") {
		p.selectInto(into)
	}
	if p.accept("from") {
		s.From = p.fromList()
		p.streamWindow(s)
	}
	if p.accept("where") {
		p.exprTo(&s.Where)
	}
	if p.is("window") && s.Window == nil && p.streamWindowAhead() {
		p.fail("WINDOW TUMBLING, HOPPING and SESSION stand right behind FROM, before WHERE.")
	}
	if p.accept("group") {
		p.expect("by")
		if p.is("distinct") || p.is("all") {
			p.groupQuantifier()
		}
		s.Group = p.groupItems()
	}
	if p.accept("partition", "by") {
		s.PartitionBy = p.exprList()
	}
	if p.accept("having") {
		p.exprTo(&s.Having)
	}
	if p.is("window") {
		p.namedWindows(s)
	}
	return s
}

// emptyList reports whether nothing stands between SELECT and what follows the list: PostgreSQL allows that.
func (p *parser) emptyList() bool {
	t := p.cur()
	if t.kind != kWord {
		return p.end() || t.punct(")")
	}
	switch t.val {
	case "from", "where", "group", "having", "order", "limit", "union", "intersect", "except", "into", "offset":
		return true
	}
	return false
}

// selectInto reads INTO [TEMPORARY] [TABLE] name: the rows become a new table, once.
func (p *parser) selectInto(own bool) {
	if !own {
		bail(sqlerr.At(int(p.cur().off), sqlerr.SyntaxError, "SELECT ... INTO is not allowed here"))
	}
	c := &ast.Create{P: p.pos(), What: "TABLE", Once: true}
	p.next(1)
	if p.is("local") || p.is("global") {
		p.next(1)
	}
	if c.Temp = p.accept("temp") || p.accept("temporary"); !c.Temp {
		p.accept("unlogged")
	}
	p.accept("table")
	c.Name = p.name()
	p.intoNew = c
}

// groupQuantifier passes over GROUP BY ALL and refuses GROUP BY DISTINCT.
func (p *parser) groupQuantifier() {
	if n := p.at(1); n.punct(",") || n.punct(".") || n.punct(")") || n.kind == kEOF || n.punct(";") {
		return
	}
	if p.is("distinct") {
		p.unsupported(p.i, "GROUP BY DISTINCT is")
	}
	p.next(1)
}

// selectItems reads the list of SELECT or RETURNING.
func (p *parser) selectItems() []ast.SelectItem {
	l := make([]ast.SelectItem, 0, 4)
	rs := make([]ref, 0, 4)
	for {
		var it ast.SelectItem
		if p.isOp("*") {
			rs = append(rs, ref{node: &ast.Star{P: p.pos()}})
			p.next(1)
		} else {
			rs = append(rs, p.expr(lvAll))
			if p.accept("as") || p.bareAlias() {
				it.Alias = p.ident()
			}
		}
		l = append(l, it)
		if !p.acceptP(",") {
			break
		}
	}
	for i, r := range rs {
		p.bind(r, &l[i].X)
	}
	return l
}

// groupItems reads the list of GROUP BY and of the sets in it.
func (p *parser) groupItems() []ast.Expr {
	var rs []ref
	for {
		rs = append(rs, p.groupItem())
		if !p.acceptP(",") {
			return p.bindList(rs)
		}
	}
}

func (p *parser) groupItem() ref {
	g := &ast.GroupSet{P: p.pos()}
	switch {
	case p.isP("(") && p.at(1).punct(")"):
		g.Kind = "EMPTY"
		p.next(2)
		return ref{node: g}
	case p.at(1).punct("(") && (p.is("rollup") || p.is("cube")):
		g.Kind = upper(p.cur().val)
		p.next(1)
	case p.is("grouping", "sets") && p.at(2).punct("("):
		g.Kind = "SETS"
		p.next(2)
	default:
		return p.expr(lvAll)
	}
	p.enter()
	p.expectP("(")
	g.Elems = p.groupItems()
	p.expectP(")")
	p.leave()
	return ref{node: g}
}

// namedWindows reads WINDOW name AS (spec), ….
func (p *parser) namedWindows(s *ast.Select) {
	if p.streamWindowAhead() {
		p.fail("WINDOW TUMBLING, HOPPING and SESSION stand right behind FROM, before WHERE.")
	}
	p.next(1)
	for {
		w := ast.NamedWindow{P: p.pos()}
		w.Name = p.newName()
		if !p.is("as") {
			p.fail("WINDOW is followed by TUMBLING, HOPPING or SESSION and a parenthesis, or by a name and AS.")
		}
		p.next(1)
		w.Spec = p.windowSpec()
		s.Windows = append(s.Windows, w)
		if !p.acceptP(",") {
			return
		}
	}
}

// windowSpec reads ( [base] [PARTITION BY …] [ORDER BY …] [frame] ).
func (p *parser) windowSpec() *ast.WindowSpec {
	w := &ast.WindowSpec{P: p.pos()}
	p.expectP("(")
	if p.cur().name() && !p.is("partition", "by") && !p.is("order", "by") && !p.frameAhead() {
		w.Base = p.newName()
	}
	if p.accept("partition", "by") {
		w.Partition = p.exprList()
	}
	if p.accept("order", "by") {
		w.Order = p.orderItems()
	}
	if p.frameAhead() {
		w.Frame = p.frame()
	}
	p.expectP(")")
	return w
}

func (p *parser) frameAhead() bool {
	return (p.is("rows") || p.is("range") || p.is("groups")) && !p.at(1).punct(")")
}

func (p *parser) frame() *ast.Frame {
	f := &ast.Frame{Unit: upper(p.ident())}
	if p.accept("between") {
		p.bound(&f.Lo)
		p.expect("and")
		p.bound(&f.Hi)
	} else {
		p.bound(&f.Lo)
		f.Hi.Kind = "CURRENT ROW"
	}
	if p.accept("exclude") {
		switch {
		case p.accept("current", "row"):
			f.Exclude = "CURRENT ROW"
		case p.accept("group"):
			f.Exclude = "GROUP"
		case p.accept("ties"):
			f.Exclude = "TIES"
		default:
			p.expect("no", "others")
		}
	}
	return f
}

func (p *parser) bound(b *ast.Bound) {
	switch {
	case p.accept("unbounded", "preceding"):
		b.Kind = "UNBOUNDED PRECEDING"
	case p.accept("unbounded", "following"):
		b.Kind = "UNBOUNDED FOLLOWING"
	case p.accept("current", "row"):
		b.Kind = "CURRENT ROW"
	default:
		p.bind(p.expr(lvNot), &b.X)
		switch {
		case p.accept("preceding"):
			b.Kind = "PRECEDING"
		case p.accept("following"):
			b.Kind = "FOLLOWING"
		default:
			p.fail("")
		}
	}
}

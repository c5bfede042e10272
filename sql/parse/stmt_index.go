package parse

import "github.com/leatdb/leat/sql/ast"

// createIndex reads CREATE [UNIQUE] INDEX, whose first token is at first.
func (p *parser) createIndex(first int) ast.Stmt {
	s := &ast.CreateIndex{P: p.posAt(&p.toks[first]), Unique: p.accept("unique")}
	p.expect("index")
	p.accept("concurrently") // nobody waits for an index that is made
	if s.IfNotExists = p.ifNotExists(); s.IfNotExists || !p.is("on") {
		s.Name = p.ident()
	}
	p.expect("on")
	p.accept("only")
	s.Table = p.name()
	if p.is("using") {
		p.next(1)
		if !p.is("btree") {
			p.unsupported(p.i, "the index method "+p.cur().val+" is")
		}
		p.next(1)
	}
	p.expectP("(")
	for {
		s.Columns = append(s.Columns, p.indexColumn())
		if !p.acceptP(",") {
			break
		}
	}
	p.expectP(")")
	if p.is("include") {
		p.next(1)
		s.IncludePos = p.pos()
		s.Include = p.identList()
	}
	if p.is("nulls") || p.is("with") || p.is("tablespace") {
		p.unsupported(p.i, upper(p.cur().val)+" in CREATE INDEX is")
	}
	if p.accept("where") {
		first := p.i
		p.exprTo(&s.Where)
		s.WhereText = p.textFrom(first)
	}
	return s
}

// indexColumn reads a column of an index, with its order.
func (p *parser) indexColumn() *ast.IndexColumn {
	c := &ast.IndexColumn{P: p.pos()}
	switch {
	case p.acceptP("("):
		first := p.i
		p.exprTo(&c.X)
		c.Text = p.textFrom(first)
		p.expectP(")")
	case p.at(1).punct("("):
		first := p.i
		p.exprTo(&c.X)
		c.Text = p.textFrom(first)
	default:
		c.Name = p.ident()
	}
	if p.is("collate") {
		p.unsupported(p.i, "COLLATE in CREATE INDEX is")
	}
	if p.cur().kind == kWord && !p.is("asc") && !p.is("desc") && !p.is("nulls") {
		class := p.name()
		c.Class = &class
	}
	desc := p.accept("desc")
	if desc {
		c.Order = "DESC"
	} else {
		p.accept("asc")
	}
	if p.accept("nulls", "first") {
		if !desc {
			c.Order = "NULLS FIRST"
		}
	} else if p.accept("nulls", "last") && desc {
		c.Order = "DESC NULLS LAST"
	}
	return c
}

package parse

import "github.com/leatdb/leat/sql/ast"

// insert reads INSERT INTO table [WITH (…)] [(columns)] VALUES … | query.
func (p *parser) insert() ast.Stmt {
	s := &ast.Insert{P: p.pos()}
	p.next(1)
	p.expect("into")
	s.Table = p.name()
	if p.accept("as") {
		s.Alias = p.ident()
	}
	if p.is("with") && p.at(1).punct("(") {
		p.next(1)
		s.Props = p.props()
	}
	if p.isP("(") && !p.isQuery(p.i) {
		s.Columns = p.columnNames()
	}
	if p.is("overriding") {
		p.unsupported(p.i, "OVERRIDING is")
	}
	switch {
	case p.accept("default", "values"):
		s.Default = true
	case p.is("values") && p.at(1).punct("(") && p.at(2).punct(")"):
		s.Q = &ast.Query{P: p.pos(), Body: &ast.Values{P: p.pos(), Rows: [][]ast.Expr{{}}}}
		p.next(3)
	case p.is("select"), p.is("values"), p.is("with"), p.is("table"), p.isP("("):
		s.Q = p.textQuery()
	default:
		p.fail("")
	}
	if p.is("on", "conflict") {
		s.Conflict = p.conflict()
	}
	s.Returning = p.returning()
	return s
}

// columnNames reads ( a, b ) of INSERT and COPY.
func (p *parser) columnNames() []ast.Name {
	p.expectP("(")
	l := p.names()
	if p.isP("[") {
		p.unsupported(p.i, "a subscript in a column list is")
	}
	p.expectP(")")
	return l
}

func (p *parser) returning() []ast.SelectItem {
	if !p.accept("returning") {
		return nil
	}
	return p.selectItems()
}

// conflict reads ON CONFLICT [(columns) | ON CONSTRAINT name] DO NOTHING | DO UPDATE SET ….
func (p *parser) conflict() *ast.Conflict {
	c := &ast.Conflict{P: p.pos()}
	p.next(2)
	switch {
	case p.accept("on", "constraint"):
		c.Constraint = p.ident()
	case p.isP("("):
		c.Target = p.identList()
		if p.is("where") {
			p.unsupported(p.i, "WHERE of a conflict target is")
		}
	}
	p.expect("do")
	if p.accept("nothing") {
		return c
	}
	p.expect("update", "set")
	c.Update = p.assignments()
	if p.accept("where") {
		p.exprTo(&c.Where)
	}
	return c
}

// assignments reads the list behind SET.
func (p *parser) assignments() []ast.Assign {
	l := make([]ast.Assign, 0, 2) // as in orderItems
	var rs []ref
	for {
		a := ast.Assign{P: p.pos()}
		if p.isP("(") {
			a.Columns = p.identList()
		} else {
			a.Columns = []string{p.newName()}
			if p.isP("[") || p.isP(".") {
				p.unsupported(p.i, "an assignment to a part of a column is")
			}
		}
		p.expectOp("=")
		rs = append(rs, p.expr(lvAll))
		l = append(l, a)
		if !p.acceptP(",") {
			break
		}
	}
	for i, r := range rs {
		p.bind(r, &l[i].X)
	}
	return l
}

// target reads [ONLY] table [*] [[AS] alias] of UPDATE and DELETE.
func (p *parser) target() (table ast.Name, alias string) {
	if p.is("only") && p.at(1).name() {
		p.next(1)
	}
	table = p.name()
	if p.isOp("*") {
		p.next(1)
	}
	if p.accept("as") || p.bareAlias() {
		alias = p.ident()
	}
	return table, alias
}

func (p *parser) update() ast.Stmt {
	s := &ast.Update{P: p.pos()}
	p.next(1)
	s.Table, s.Alias = p.target()
	p.expect("set")
	s.Sets = p.assignments()
	if p.accept("from") {
		s.From = p.fromList()
	}
	p.where(&s.Where)
	s.Returning = p.returning()
	return s
}

func (p *parser) delete() ast.Stmt {
	s := &ast.Delete{P: p.pos()}
	p.next(1)
	p.expect("from")
	s.Table, s.Alias = p.target()
	if p.accept("using") {
		s.Using = p.fromList()
	}
	p.where(&s.Where)
	s.Returning = p.returning()
	return s
}

func (p *parser) where(dst *ast.Expr) {
	if !p.accept("where") {
		return
	}
	if p.is("current", "of") {
		p.unsupported(p.i, "WHERE CURRENT OF is")
	}
	p.exprTo(dst)
}

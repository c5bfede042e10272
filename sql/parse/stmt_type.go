package parse

import "github.com/leatdb/leat/sql/ast"

// createType reads CREATE TYPE name AS type and AS ENUM. PostgreSQL's other forms of it are left to createOther.
func (p *parser) createType(first int) ast.Stmt {
	start := p.i
	p.next(1)
	s := &ast.CreateType{P: p.posAt(&p.toks[first]), IfNotExists: p.ifNotExists(), Name: p.name()}
	if !p.accept("as") || p.is("range") || p.isP("(") {
		p.i = start
		return nil
	}
	if !p.accept("enum") {
		s.Type = p.typeName()
		return s
	}
	p.expectP("(")
	for more := !p.isP(")"); more; more = p.acceptP(",") {
		s.Labels = append(s.Labels, p.label())
	}
	p.expectP(")")
	return s
}

// label reads a label of an enum.
func (p *parser) label() ast.Label {
	t := p.cur()
	if t.kind != kString {
		p.fail("")
	}
	l := ast.Label{P: p.pos(), Text: t.val}
	p.next(1)
	return l
}

// alterType reads ALTER TYPE. Its name and its owner change as those of a table do.
func (p *parser) alterType() ast.Stmt {
	s := &ast.AlterEnum{P: p.pos()}
	p.next(2)
	s.Name = p.name()
	switch {
	case p.accept("add", "value"):
		s.IfNotExists = p.ifNotExists()
		s.Label = p.label()
		if s.Before = p.accept("before"); s.Before || p.accept("after") {
			near := p.label()
			s.Near = &near
		}
	case p.accept("rename", "value"):
		s.Label = p.label()
		p.expect("to")
		to := p.label()
		s.To = &to
	case p.is("rename", "to"), p.is("owner", "to"):
		return &ast.Alter{P: s.P, What: "TYPE", Name: s.Name, Actions: []*ast.AlterAction{p.alterAction(s.Name)}}
	default:
		if p.cur().kind != kWord {
			p.fail("")
		}
		p.unsupported(p.i, upper(p.cur().val)+" of ALTER TYPE is")
	}
	return s
}

package parse

import "github.com/leatdb/leat/sql/ast"

// createDomain reads CREATE DOMAIN name [AS] type with constraints, as those of a column.
func (p *parser) createDomain(first int) ast.Stmt {
	p.next(1)
	s := &ast.CreateDomain{P: p.posAt(&p.toks[first]), Name: p.name()}
	p.accept("as")
	s.New = &ast.Create{P: s.P, Name: s.Name}
	s.Def = &ast.ColumnDef{P: p.pos(), Name: s.Name.Last()}
	def := p.columnRest(s.New, s.Def)
	p.bind(def, &s.Def.Default)
	return s
}

// alterDomain reads ALTER DOMAIN.
func (p *parser) alterDomain() ast.Stmt {
	s := &ast.Alter{P: p.pos(), What: "DOMAIN"}
	p.next(2)
	s.Name = p.name()
	a := &ast.AlterAction{P: p.pos()}
	switch {
	case p.is("set", "default"), p.is("set", "not", "null"), p.is("drop", "default"), p.is("drop", "not", "null"):
		p.alterColumn(a)
	case p.is("add"), p.is("drop", "constraint"), p.is("validate"), p.is("rename", "to"), p.is("owner", "to"):
		if a = p.alterAction(s.Name); a.Do == "ADD COLUMN" {
			p.fail("")
		}
		if p.is("not", "valid") {
			p.unsupported(p.i, "NOT VALID of ALTER DOMAIN is")
		}
	default:
		if p.cur().kind != kWord {
			p.fail("")
		}
		p.unsupported(p.i, upper(p.cur().val)+" "+upper(p.at(1).val)+" of ALTER DOMAIN is")
	}
	s.Actions = []*ast.AlterAction{a}
	return s
}

package parse

import "github.com/leatdb/leat/sql/ast"

// alter reads ALTER TABLE | STREAM | MATERIALIZED VIEW [IF EXISTS] [ONLY] name action, ….
func (p *parser) alter() ast.Stmt {
	s := &ast.Alter{P: p.pos()}
	p.next(1)
	if s.What = "MATERIALIZED VIEW"; !p.accept("materialized", "view") {
		s.What = upper(p.ident())
	}
	s.IfExists = p.accept("if", "exists")
	if p.is("only") && p.at(1).name() {
		p.next(1)
	}
	s.Name = p.name()
	for {
		s.Actions = append(s.Actions, p.alterAction(s.Name))
		if !p.acceptP(",") {
			return s
		}
	}
}

func (p *parser) alterAction(table ast.Name) *ast.AlterAction {
	a := &ast.AlterAction{P: p.pos()}
	switch {
	case p.accept("add"):
		p.alterAdd(a, table)
	case p.accept("drop", "constraint"):
		a.Do, a.Unless, a.To = "DROP CONSTRAINT", p.accept("if", "exists"), p.newName()
		if a.Cascade = p.accept("cascade"); !a.Cascade {
			p.accept("restrict")
		}
	case p.accept("validate", "constraint"):
		a.Do, a.To = "VALIDATE CONSTRAINT", p.newName()
	case p.accept("drop"):
		p.accept("column")
		a.Do, a.Unless, a.Column = "DROP COLUMN", p.accept("if", "exists"), p.newName()
		if a.Cascade = p.accept("cascade"); !a.Cascade {
			p.accept("restrict")
		}
	case p.accept("rename", "to"):
		a.Do, a.To = "RENAME", p.newName()
	case p.accept("owner", "to"):
		owner := p.roleName()
		a.P, a.Do, a.To = owner.P, "OWNER", owner.Name
	case p.accept("rename"):
		if p.is("constraint") {
			p.unsupported(p.i, "RENAME CONSTRAINT is")
		}
		p.accept("column")
		a.Do, a.Column = "RENAME COLUMN", p.newName()
		p.expect("to")
		a.To = p.newName()
	case p.is("set", "on", "error"):
		p.next(1)
		a.Do, a.OnError = "SET ON ERROR", p.onError()
	case p.accept("alter"):
		p.accept("column")
		a.Column = p.newName()
		p.alterColumn(a)
	default:
		if p.cur().kind != kWord {
			p.fail("")
		}
		p.unsupported(p.i, upper(p.cur().val)+" of ALTER is")
	}
	return a
}

// alterAdd reads ADD [COLUMN] definition and ADD of a constraint.
func (p *parser) alterAdd(a *ast.AlterAction, table ast.Name) {
	if p.is("column") || p.is("if") {
		p.accept("column")
	} else {
		a.New = &ast.Create{P: a.P, Name: table}
		if p.tableConstraint(a.New) {
			a.Do = "ADD CONSTRAINT"
			return
		}
	}
	a.Do, a.Unless = "ADD COLUMN", p.ifNotExists()
	a.New = &ast.Create{P: a.P, Name: table}
	d, def := p.column(a.New)
	a.Def, a.Column = &d, d.Name
	p.bind(def, &a.Def.Default)
}

// alterColumn reads what ALTER COLUMN does.
func (p *parser) alterColumn(a *ast.AlterAction) {
	switch {
	case p.accept("set", "default"):
		a.Do, a.Def = "SET DEFAULT", &ast.ColumnDef{P: p.pos(), Name: a.Column}
		first := p.i
		p.exprTo(&a.Def.Default)
		a.Def.DefaultText = p.textFrom(first)
	case p.accept("drop", "default"):
		a.Do = "DROP DEFAULT"
	case p.accept("set", "not", "null"):
		a.Do = "SET NOT NULL"
	case p.accept("drop", "not", "null"):
		a.Do = "DROP NOT NULL"
	case p.is("add", "generated"):
		p.next(2)
		a.Do, a.Def = "ADD IDENTITY", &ast.ColumnDef{P: p.pos(), Name: a.Column}
		p.identity(a.Def)
	case p.accept("drop", "expression"):
		a.Do, a.Unless = "DROP EXPRESSION", p.accept("if", "exists")
	case p.accept("drop", "identity"):
		a.Do, a.Unless = "DROP IDENTITY", p.accept("if", "exists")
	case p.is("restart"), p.is("set", "generated"), p.is("set") && sequenceWords[p.at(1).val] && p.at(1).kind == kWord:
		p.alterIdentity(a)
	case p.accept("type"), p.accept("set", "data", "type"):
		a.Do, a.Def = "TYPE", &ast.ColumnDef{P: p.pos(), Name: a.Column, Type: p.typeName()}
		if p.is("using") {
			p.unsupported(p.i, "USING of ALTER COLUMN TYPE is")
		}
	default:
		if p.cur().kind != kWord {
			p.fail("")
		}
		p.unsupported(p.i, upper(p.cur().val)+" of ALTER COLUMN is")
	}
}

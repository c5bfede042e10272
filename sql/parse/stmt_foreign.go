package parse

import (
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// references reads REFERENCES table [(columns)] and what a foreign key does.
func (p *parser) references(f *ast.Foreign) {
	p.expect("references")
	f.Table = p.name()
	if p.isP("(") {
		f.Refs = p.identList()
	}
	for {
		switch {
		case p.accept("match", "full"):
			f.Full = true
		case p.accept("match", "simple"):
		case p.is("match", "partial"):
			p.unsupported(p.i, "MATCH PARTIAL is")
		case p.accept("on", "delete"):
			f.OnDelete = p.foreignAction()
			if (f.OnDelete == "SET NULL" || f.OnDelete == "SET DEFAULT") && p.isP("(") {
				f.Clear = p.identList()
			}
		case p.accept("on", "update"):
			f.OnUpdate = p.foreignAction()
		case p.accept("not", "valid"):
			f.NotValid = true
		case p.deferrable(f):
		default:
			return
		}
	}
}

// deferrable reads [NOT] DEFERRABLE and INITIALLY.
func (p *parser) deferrable(f *ast.Foreign) bool {
	at := int(p.cur().off)
	switch {
	case p.accept("deferrable"):
		f.Deferrable = true
	case p.accept("not", "deferrable"):
		if f.Deferred {
			bail(sqlerr.At(at, sqlerr.SyntaxError, "constraint declared INITIALLY DEFERRED must be DEFERRABLE"))
		}
		f.Deferrable = false
	case p.accept("initially", "deferred"):
		f.Deferrable, f.Deferred = true, true
	case p.accept("initially", "immediate"):
		f.Deferred = false
	default:
		return false
	}
	return true
}

// foreignAction reads what becomes of rows that refer to one that goes; "" is NO ACTION.
func (p *parser) foreignAction() string {
	switch {
	case p.accept("no", "action"):
		return ""
	case p.is("restrict"), p.is("cascade"):
		return upper(p.ident())
	case p.accept("set", "null"):
		return "SET NULL"
	}
	p.expect("set")
	p.expect("default")
	return "SET DEFAULT"
}

// setConstraints reads SET CONSTRAINTS.
func (p *parser) setConstraints() ast.Stmt {
	s := &ast.SetConstraints{P: p.pos()}
	p.next(2)
	if !p.accept("all") {
		s.Names = p.names()
	}
	if s.Deferred = p.accept("deferred"); !s.Deferred {
		p.expect("immediate")
	}
	return s
}

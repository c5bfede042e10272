package parse

import "github.com/leatdb/leat/sql/ast"

// settingName reads the name of a setting: a.b.c, "a.b.c" or 'a.b.c', in lower case.
func (p *parser) settingName() string {
	t := p.cur()
	if t.kind == kString {
		p.next(1)
		return lower(t.val)
	}
	name := lower(p.newName())
	for p.acceptP(".") {
		name += "." + lower(p.ident())
	}
	return name
}

// set reads SET [SESSION|LOCAL] and the special forms PostgreSQL has for some settings.
func (p *parser) set() ast.Stmt {
	s := &ast.Set{P: p.pos()}
	first := p.i
	p.next(1)
	switch {
	case p.is("constraints"):
		p.i = first
		return p.setConstraints()
	case p.is("xml", "option"):
		p.i = first
		return p.other(2)
	case p.accept("session", "characteristics", "as", "transaction"):
		return p.setTransaction(s, "default_transaction_")
	case p.accept("local"):
		s.Local = true
	case p.is("session", "authorization"):
	case p.is("session") && p.at(1).kind != kPunct && !p.at(1).op("=") && !p.at(1).word("to"):
		p.next(1)
	}
	switch {
	case p.is("transaction", "snapshot"):
		p.unsupported(p.i, "SET TRANSACTION SNAPSHOT is")
	case p.is("transaction") && p.at(1).kind == kWord && !p.at(1).word("to"):
		p.next(1)
		s.Local = true
		return p.setTransaction(s, "transaction_")
	case p.accept("time", "zone"):
		s.Name = "timezone"
		p.zoneValue(s)
		return s
	case p.is("names") && !p.at(1).op("=") && !p.at(1).word("to"):
		p.next(1)
		s.Name = "client_encoding"
		p.setOneValue(s)
		return s
	case p.is("schema") && p.at(1).kind == kString:
		p.next(1)
		s.Name = "search_path"
		p.setOneValue(s)
		return s
	case p.accept("session", "authorization"):
		s.Name = "session_authorization"
		p.setOneValue(s)
		return s
	case p.is("role") && !p.at(1).op("=") && !p.at(1).word("to"):
		p.next(1)
		s.Name = "role"
		p.setOneValue(s)
		return s
	}
	s.Name = p.settingName()
	if p.is("from", "current") {
		p.unsupported(p.i, "SET … FROM CURRENT is")
	}
	if !p.acceptOp("=") {
		p.expect("to")
	}
	p.setValues(s)
	return s
}

// setValues reads DEFAULT or a list of values.
func (p *parser) setValues(s *ast.Set) {
	if p.accept("default") {
		return
	}
	for {
		s.Values = append(s.Values, p.settingValue())
		if !p.acceptP(",") {
			return
		}
	}
}

// setOneValue reads the value of a form without = or TO.
func (p *parser) setOneValue(s *ast.Set) {
	if p.end() || p.accept("default") {
		return
	}
	s.Values = []ast.Expr{p.settingValue()}
}

// settingValue reads a literal; a bare word is a string here, as in PostgreSQL.
func (p *parser) settingValue() ast.Expr {
	t, pos := p.cur(), p.pos()
	if t.name() {
		if !t.word("on") {
			p.newName()
		} else {
			p.next(1)
		}
		return &ast.Lit{P: pos, Kind: ast.LitString, Text: t.val}
	}
	return p.constant()
}

// zoneValue reads what may follow SET TIME ZONE.
func (p *parser) zoneValue(s *ast.Set) {
	switch {
	case p.accept("local"):
	case p.is("interval"):
		e := p.intervalLit(p.pos())
		if e == nil {
			p.fail("")
		}
		s.Values = []ast.Expr{e}
	default:
		p.setOneValue(s)
	}
}

// setTransaction reads transaction modes as settings whose names begin with prefix.
func (p *parser) setTransaction(s *ast.Set, prefix string) ast.Stmt {
	str := func(name, val string) {
		one := &ast.Set{P: s.P, Local: s.Local, Name: prefix + name,
			Values: []ast.Expr{&ast.Lit{P: s.P, Kind: ast.LitString, Text: val}}}
		if s.Name == "" {
			*s = *one
		} else {
			s.Also = append(s.Also, one)
		}
	}
	p.transactionModes(func(isolation string) { str("isolation", isolation) },
		func(readOnly bool) {
			v := "off"
			if readOnly {
				v = "on"
			}
			str("read_only", v)
		})
	if s.Name == "" {
		p.fail("")
	}
	return s
}

// reset reads RESET name | ALL and ksqlDB's UNSET 'name'.
func (p *parser) reset() ast.Stmt {
	s := &ast.Set{P: p.pos(), Reset: true}
	p.next(1)
	switch {
	case p.accept("time", "zone"):
		s.Name = "timezone"
	case p.accept("transaction", "isolation", "level"):
		s.Name = "transaction_isolation"
	case p.accept("session", "authorization"):
		s.Name = "session_authorization"
	default:
		s.Name = p.settingName()
	}
	return s
}

package parse

import "github.com/leatdb/leat/sql/ast"

// drop reads DROP kind [IF EXISTS] names [CASCADE|RESTRICT] [DELETE TOPIC].
func (p *parser) drop() ast.Stmt {
	s := &ast.Drop{P: p.pos()}
	first := p.i
	p.next(1)
	if p.cur().kind != kWord {
		p.fail("")
	}
	switch w := p.cur().val; w {
	case "stream", "table", "view", "type", "domain", "schema", "connector", "index", "sequence", "database", "role",
		"user":
		s.What = upper(w)
		p.next(1)
	case "materialized":
		p.expect("materialized", "view")
		s.What = "MATERIALIZED VIEW"
	case "trigger", "rule", "policy":
		p.next(1)
		s.What = upper(w)
		s.IfExists = p.accept("if", "exists")
		s.Names = p.names()[:1]
		p.expect("on")
		on := p.name()
		s.On = &on
		if !p.accept("cascade") {
			p.accept("restrict")
		}
		return s
	case "collation", "extension", "language", "publication", "server", "statistics", "subscription", "tablespace":
		s.What = upper(w)
		p.next(1)
	case "access", "aggregate", "cast", "conversion", "event", "foreign", "group", "operator", "owned",
		"procedure", "routine", "secret", "sink", "source", "text", "transform":
		p.i = first
		return p.other(2)
	case "function":
		return p.dropFunction(s.P)
	default:
		p.fail("")
	}
	if s.What == "INDEX" {
		p.accept("concurrently")
	}
	s.IfExists = p.accept("if", "exists")
	s.Names = p.names()
	for {
		switch {
		case p.accept("cascade"):
			s.Cascade = true
		case p.accept("restrict"):
		case p.accept("delete", "topic"):
			s.DeleteTopic = true
		default:
			return s
		}
	}
}

// truncate reads TRUNCATE [TABLE] names.
func (p *parser) truncate() ast.Stmt {
	s := &ast.Truncate{P: p.pos()}
	p.next(1)
	if p.is("table") && p.at(1).name() {
		p.next(1)
	}
	p.accept("only")
	s.Names = p.names()
	if s.Restart = p.accept("restart", "identity"); !s.Restart {
		p.accept("continue", "identity")
	}
	if s.Cascade = p.accept("cascade"); !s.Cascade {
		p.accept("restrict")
	}
	return s
}

package parse

import (
	"strconv"

	"github.com/leatdb/leat/sql/ast"
)

// show reads SHOW and LIST: of kinds of objects, ksqlDB's way, and of settings, PostgreSQL's.
func (p *parser) show() ast.Stmt {
	s := &ast.Show{P: p.pos()}
	list := p.is("list")
	first := p.i
	p.next(1)
	if p.is("all", "topics") {
		p.next(1)
	}
	if s.What = p.showKind(); s.What != "" {
		s.Extended = p.accept("extended")
		return s
	}
	if list {
		p.fail("LIST is followed by STREAMS, TABLES, QUERIES, TOPICS or another kind of object.")
	}
	switch {
	case p.accept("create"):
		s.What = "CREATE"
		if p.at(1).name() && !p.accept("materialized", "view") {
			p.ident()
		}
		s.Name = p.name()
		return s
	case p.is("columns", "from"), p.is("columns", "in"):
		p.next(2)
		return &ast.Describe{P: s.P, Name: p.name()}
	case p.is("indexes"), p.is("columns"):
		p.i = first
		return p.other(2)
	}
	s.What = "SETTING"
	switch {
	case p.accept("time", "zone"):
		s.Setting = "timezone"
	case p.accept("transaction", "isolation", "level"):
		s.Setting = "transaction_isolation"
	case p.accept("session", "authorization"):
		s.Setting = "session_authorization"
	default:
		s.Setting = p.settingName()
	}
	return s
}

// showKind reads the kind of object behind SHOW, "" when none ends the statement or stands before EXTENDED.
func (p *parser) showKind() string {
	ends := func(n int) bool {
		t := p.at(n)
		return t.kind == kEOF || t.punct(";") || t.word("extended")
	}
	switch {
	case p.is("materialized", "views") && ends(2), p.is("connector", "plugins") && ends(2),
		p.is("source", "connectors") && ends(2), p.is("sink", "connectors") && ends(2):
		kind := upper(p.cur().val + " " + p.at(1).val)
		p.next(2)
		return kind
	case p.cur().kind != kWord || !ends(1):
		return ""
	}
	switch w := p.cur().val; w {
	case "streams", "tables", "queries", "topics", "functions", "properties", "variables", "types", "connectors", "views",
		"schemas", "databases", "users", "roles", "grants", "indexes", "sources", "sinks":
		p.next(1)
		return upper(w)
	}
	return ""
}

// describe reads DESCRIBE [EXTENDED] name [EXTENDED] and DESCRIBE FUNCTION f.
func (p *parser) describe() ast.Stmt {
	s := &ast.Describe{P: p.pos()}
	first := p.i
	p.next(1)
	if p.is("connector") && p.at(1).name() {
		p.i = first
		return p.other(2)
	}
	if p.is("streams") || p.is("tables") {
		if kind := p.showKind(); kind != "" {
			p.accept("extended")
			return &ast.Show{P: s.P, What: kind, Extended: true}
		}
	}
	if p.is("extended") && p.at(1).name() {
		s.Extended = true
		p.next(1)
	}
	switch {
	case p.is("function") && p.at(1).name():
		s.Function = true
		p.next(1)
	case (p.is("stream") || p.is("table") || p.is("view")) && p.at(1).name() && !p.at(1).word("extended"):
		p.next(1)
	}
	s.Name = p.name()
	if p.accept("extended") {
		s.Extended = true
	}
	return s
}

// explain reads EXPLAIN [ANALYZE] [VERBOSE] [(options)] statement, and EXPLAIN of a query's ID.
func (p *parser) explain() ast.Stmt {
	s := &ast.Explain{P: p.pos()}
	p.next(1)
	if p.isP("(") && !p.isQuery(p.i) {
		s.Options = p.explainOptions()
	} else {
		s.Analyze = p.accept("analyze") || p.accept("analyse")
		if pos := p.pos(); p.accept("verbose") {
			s.Options = []ast.Prop{{P: pos, Key: "verbose", Val: &ast.Lit{P: pos, Kind: ast.LitBool, Text: "true"}}}
		}
	}
	for _, o := range s.Options {
		if l, ok := o.Val.(*ast.Lit); o.Key == "analyze" && ok && l.Text != "false" && l.Text != "0" && l.Text != "off" {
			s.Analyze = true
		}
	}
	if n := p.at(1); n.kind == kEOF || n.punct(";") {
		s.QueryID = p.queryID()
		return s
	}
	p.enter()
	s.Stmt = p.statement()
	p.leave()
	return s
}

// explainOptions reads ( name [value], … ).
func (p *parser) explainOptions() []ast.Prop {
	p.expectP("(")
	var l []ast.Prop
	for {
		o := ast.Prop{P: p.pos(), Key: p.ident()}
		if o.Key == "analyse" {
			o.Key = "analyze"
		}
		if p.isP(",") || p.isP(")") {
			o.Val = &ast.Lit{P: o.P, Kind: ast.LitBool, Text: "true"}
		} else if p.is("on") {
			o.Val = &ast.Lit{P: p.pos(), Kind: ast.LitBool, Text: "true"}
			p.next(1)
		} else if p.is("off") {
			o.Val = &ast.Lit{P: p.pos(), Kind: ast.LitBool, Text: "false"}
			p.next(1)
		} else {
			o.Val = p.constant()
		}
		l = append(l, o)
		if !p.acceptP(",") {
			break
		}
	}
	p.expectP(")")
	return l
}

// queryID reads the ID of a continuous query; it keeps the case it is written in.
func (p *parser) queryID() string {
	t := p.cur()
	switch t.kind {
	case kWord:
		p.next(1)
		return p.src[t.off:t.end]
	case kQuoted, kString:
		p.next(1)
		return t.val
	}
	p.fail("")
	return ""
}

// print reads PRINT topic [FROM BEGINNING] [INTERVAL n | SAMPLE n] [LIMIT n].
func (p *parser) print() ast.Stmt {
	s := &ast.PrintTopic{P: p.pos(), Interval: 1, Limit: -1}
	p.next(1)
	s.TopicPos = p.pos().Pos()
	s.Topic = p.queryID()
	if p.accept("from") {
		p.expect("beginning")
		s.Beginning = true
	}
	if p.accept("interval") || p.accept("sample") {
		s.Interval = p.atLeast(1)
	}
	if p.accept("limit") {
		s.Limit = p.atLeast(0)
	}
	return s
}

// atLeast reads a whole number that is at least low.
func (p *parser) atLeast(low int64) int64 {
	n, err := strconv.ParseInt(p.cur().val, 10, 64)
	if p.cur().kind != kNumber || err != nil || n < low {
		p.fail("")
	}
	p.next(1)
	return n
}

// terminate reads TERMINATE | PAUSE | RESUME id | ALL.
func (p *parser) terminate() ast.Stmt {
	s := &ast.Terminate{P: p.pos(), Verb: upper(p.ident())}
	if p.accept("all") {
		s.All = true
		return s
	}
	if p.is("query") && p.at(1).kind != kEOF && !p.at(1).punct(";") {
		p.next(1)
	}
	s.QueryID = p.queryID()
	return s
}

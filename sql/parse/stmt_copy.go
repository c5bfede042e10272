package parse

import (
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// copy reads COPY table | (query) FROM STDIN | TO STDOUT [options].
func (p *parser) copy() ast.Stmt {
	s := &ast.Copy{P: p.pos()}
	p.next(1)
	binary := p.is("binary") && p.at(1).name() && p.accept("binary")
	if p.isP("(") {
		s.Q = p.copyQuery()
	} else {
		s.Table = p.name()
		if p.isP("(") {
			s.Columns = p.columnNames()
		}
	}
	switch {
	case p.is("to"):
		s.To = true
	case p.is("from") && s.Q == nil:
	default:
		p.fail("")
	}
	p.next(1)
	p.copyEnd(s.To)
	if binary {
		s.Options = append(s.Options, wordOption(s.P, "format", "binary"))
	}
	p.copyDelimiters(s)
	with := p.accept("with")
	switch {
	case p.isP("("):
		s.Options = append(s.Options, p.copyOptions()...)
	case with && p.end():
		p.fail("")
	default:
		p.oldCopyOptions(s)
	}
	if p.is("where") {
		p.unsupported(p.i, "COPY FROM … WHERE is")
	}
	return s
}

// copyQuery reads the query of COPY (query) TO.
func (p *parser) copyQuery() *ast.Query {
	if n := p.at(1); n.word("insert") || n.word("update") || n.word("delete") {
		p.unsupported(p.i+1, "COPY of "+upper(n.val)+" is")
	}
	return p.parenQuery()
}

// copyEnd reads STDIN or STDOUT; PostgreSQL takes either word on either side. Files of the server are out of reach.
func (p *parser) copyEnd(to bool) {
	if p.accept("stdin") || p.accept("stdout") {
		return
	}
	if p.cur().kind != kString && !p.is("program") {
		p.fail("")
	}
	e := sqlerr.At(int(p.cur().off), sqlerr.FeatureNotSupported,
		"COPY from a file or program of the server is not supported")
	if to {
		e.Message = "COPY to a file or program of the server is not supported"
	}
	bail(e.WithHint("Use COPY FROM STDIN and COPY TO STDOUT; psql's \\copy does so with the client's files."))
}

// copyDelimiters reads [USING] DELIMITERS 'x', the oldest form.
func (p *parser) copyDelimiters(s *ast.Copy) {
	pos := p.pos()
	if p.accept("using", "delimiters") || p.accept("delimiters") {
		s.Options = append(s.Options, ast.Prop{P: pos, Key: "delimiter", Val: p.stringLit()})
	}
}

func (p *parser) stringLit() ast.Expr {
	t := p.cur()
	if t.kind != kString {
		p.fail("")
	}
	p.next(1)
	return &ast.Lit{P: p.posAt(t), Kind: ast.LitString, Text: t.val}
}

// wordOption is an option whose value is a word.
func wordOption(pos ast.P, key, val string) ast.Prop {
	return ast.Prop{P: pos, Key: key, Val: &ast.ColRef{P: pos, Name: []string{val}}}
}

// copyOptions reads ( name [value], … ).
func (p *parser) copyOptions() []ast.Prop {
	p.expectP("(")
	var l []ast.Prop
	for {
		o := ast.Prop{P: p.pos(), Key: p.ident()}
		switch {
		case p.isP(",") || p.isP(")"):
			o.Val = &ast.Lit{P: o.P, Kind: ast.LitBool, Text: "true"}
		case p.isP("("):
			o.Val = p.columnRow()
		case p.isOp("*"):
			o.Val = &ast.Star{P: p.pos()}
			p.next(1)
		default:
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

// columnRow reads ( a, b ) as a row of column references.
func (p *parser) columnRow() ast.Expr {
	r := &ast.Row{P: p.pos()}
	for _, n := range p.columnNames() {
		r.Elems = append(r.Elems, &ast.ColRef{P: n.P, Name: n.Parts})
	}
	return r
}

// oldCopyOptions reads the options of PostgreSQL before version 9: words in a row.
func (p *parser) oldCopyOptions(s *ast.Copy) {
	for !p.end() && !p.is("where") {
		o := ast.Prop{P: p.pos()}
		t := p.cur()
		if t.kind != kWord {
			p.fail("")
		}
		p.next(1)
		switch t.val {
		case "csv", "binary":
			o = wordOption(o.P, "format", t.val)
		case "header":
			o.Key, o.Val = t.val, &ast.Lit{P: o.P, Kind: ast.LitBool, Text: "true"}
		case "delimiter", "null", "quote", "escape", "encoding":
			p.accept("as")
			o.Key, o.Val = t.val, p.stringLit()
		case "freeze":
			o.Key, o.Val = t.val, &ast.Lit{P: o.P, Kind: ast.LitBool, Text: "true"}
		case "force":
			o.Key, o.Val = p.oldForce()
		default:
			p.failAt(p.i-1, "")
		}
		s.Options = append(s.Options, o)
	}
}

// oldForce reads QUOTE columns | NULL columns | NOT NULL columns behind FORCE.
func (p *parser) oldForce() (key string, val ast.Expr) {
	switch {
	case p.accept("quote"):
		key = "force_quote"
	case p.accept("not", "null"):
		key = "force_not_null"
	case p.accept("null"):
		key = "force_null"
	default:
		p.fail("")
	}
	pos := p.pos()
	if p.acceptOp("*") {
		return key, &ast.Star{P: pos}
	}
	r := &ast.Row{P: pos}
	for _, n := range p.names() {
		r.Elems = append(r.Elems, &ast.ColRef{P: n.P, Name: n.Parts})
	}
	return key, r
}

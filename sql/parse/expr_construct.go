package parse

import "github.com/leatdb/leat/sql/ast"

// cast reads CAST ( x AS type ).
func (p *parser) cast(pos ast.P, try bool) ast.Expr {
	c := &ast.Cast{P: pos, Try: try}
	p.next(2)
	p.exprTo(&c.X)
	p.expect("as")
	c.Type = p.typeName()
	p.expectP(")")
	return c
}

func (p *parser) caseExpr() ast.Expr {
	c := &ast.Case{P: p.pos()}
	p.next(1)
	if !p.is("when") {
		p.exprTo(&c.X)
	}
	if !p.is("when") {
		p.fail("")
	}
	var rs []ref
	for p.accept("when") {
		rs = append(rs, p.expr(lvAll))
		p.expect("then")
		rs = append(rs, p.expr(lvAll))
	}
	c.When = make([]ast.When, len(rs)/2)
	for i := range c.When {
		p.bind(rs[2*i], &c.When[i].Cond)
		p.bind(rs[2*i+1], &c.When[i].Then)
	}
	if p.accept("else") {
		p.exprTo(&c.Else)
	}
	p.expect("end")
	return c
}

// array reads [ … ]; the lists inside one may leave the word ARRAY out.
func (p *parser) array(pos ast.P) ast.Expr {
	p.enter()
	p.expectP("[")
	var rs []ref
	for more := !p.isP("]"); more; more = p.acceptP(",") {
		if p.isP("[") {
			rs = append(rs, ref{node: p.array(p.pos())})
		} else {
			rs = append(rs, p.expr(lvAll))
		}
	}
	p.expectP("]")
	p.leave()
	return &ast.Array{P: pos, Elems: p.bindList(rs)}
}

// mapAhead tells MAP(k := v) from a call of a function named map: by the := in front of the first comma.
func (p *parser) mapAhead() bool {
	for i := p.i + 2; i < len(p.toks); i++ {
		t := &p.toks[i]
		switch {
		case t.punct(":="):
			return true
		case t.punct(")"):
			return i == p.i+2
		case t.kind == kEOF, t.punct(","), t.punct(";"), t.punct("]"):
			return false
		case t.match >= 0:
			i = int(t.match)
		}
	}
	return false
}

// sliceAhead reports whether a colon ends the expression that starts at token i, within its brackets.
func (p *parser) sliceAhead(i int) bool {
	for ; i < len(p.toks); i++ {
		t := &p.toks[i]
		switch {
		case t.punct(":"):
			return true
		case t.kind == kEOF, t.punct(","), t.punct(";"), t.punct("]"), t.punct(")"):
			return false
		case t.match >= 0:
			i = int(t.match)
		}
	}
	return false
}

func (p *parser) mapExpr(pos ast.P) ast.Expr {
	p.next(2)
	var keys, vals []ref
	for more := !p.isP(")"); more; more = p.acceptP(",") {
		keys = append(keys, p.expr(lvAll))
		p.expectP(":=")
		vals = append(vals, p.expr(lvAll))
	}
	p.expectP(")")
	return &ast.Map{P: pos, Keys: p.bindList(keys), Vals: p.bindList(vals)}
}

func (p *parser) structExpr(pos ast.P) ast.Expr {
	s := &ast.Struct{P: pos}
	p.next(2)
	var rs []ref
	for more := !p.isP(")"); more; more = p.acceptP(",") {
		s.Names = append(s.Names, p.ident())
		p.expectP(":=")
		rs = append(rs, p.expr(lvAll))
	}
	p.expectP(")")
	s.Vals = p.bindList(rs)
	return s
}

// row reads ROW ( … ), which may be empty.
func (p *parser) row(pos ast.P) ast.Expr {
	p.next(2)
	r := &ast.Row{P: pos}
	if !p.isP(")") {
		r.Elems = p.exprList()
	}
	p.expectP(")")
	return r
}

// typedLit reads type 'text' where a name stands, or returns nil with nothing read.
func (p *parser) typedLit(pos ast.P) ast.Expr {
	t := p.cur()
	if t.kind != kWord {
		return nil
	}
	n := p.at(1)
	switch {
	case n.kind == kString:
	case n.punct("(") && n.match >= 0 && p.toks[n.match+1].kind == kString && p.at(2).kind == kNumber:
	case multiWord(t.val):
		end := p.typeEnd()
		if end < 0 || p.toks[end].kind != kString {
			return nil
		}
	default:
		return nil
	}
	return p.typedString(pos, p.typeName())
}

func (p *parser) typedString(pos ast.P, ty *ast.Type) ast.Expr {
	t := p.cur()
	if t.kind != kString {
		p.fail("")
	}
	p.next(1)
	return &ast.Cast{P: pos, X: &ast.Lit{P: p.posAt(t), Kind: ast.LitString, Text: t.val}, Type: ty, Lit: true}
}

// intervalLit reads INTERVAL [(n)] '…' [fields], or returns nil.
func (p *parser) intervalLit(pos ast.P) ast.Expr {
	n := p.at(1)
	if n.kind != kString && !(n.punct("(") && n.match >= 0 && p.toks[n.match+1].kind == kString) {
		return nil
	}
	ty := &ast.Type{P: pos, Name: []string{"interval"}}
	p.next(1)
	if p.isP("(") {
		ty.Args = p.typeArgs()
	}
	e := p.typedString(pos, ty)
	p.intervalFields(ty)
	return e
}

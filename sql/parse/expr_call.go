package parse

import (
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// call reads ( … ) behind a function's name, and all that may hang on a call.
func (p *parser) call(pos ast.P, name []string) ast.Expr {
	c := &ast.Call{P: pos, Name: name}
	p.next(1)
	if c.Star = p.acceptOp("*"); !c.Star && !p.isP(")") {
		p.callArgs(c)
	}
	p.expectP(")")
	if p.is("within", "group") && p.at(2).punct("(") {
		p.next(3)
		p.expect("order", "by")
		c.Within = p.orderItems()
		p.expectP(")")
	}
	if p.is("filter") && p.at(1).punct("(") && p.at(2).word("where") {
		p.next(3)
		p.exprTo(&c.Filter)
		p.expectP(")")
	}
	p.nullTreatment(c)
	if p.is("over") && (p.at(1).punct("(") || p.at(1).name()) {
		p.next(1)
		if p.isP("(") {
			c.Over = p.windowSpec()
		} else {
			c.Over = &ast.WindowSpec{P: p.pos(), Ref: p.ident()}
		}
	}
	return c
}

// callArgs reads what stands between the parentheses of a call.
func (p *parser) callArgs(c *ast.Call) {
	if !p.sqlForm(c) {
		if p.accept("distinct") {
			c.Distinct = true
		} else {
			p.accept("all")
		}
		var rs []ref
		for {
			if p.is("variadic") && !p.at(1).punct(",") && !p.at(1).punct(")") {
				p.next(1)
				c.Variadic = true
			}
			rs = append(rs, p.arg())
			if c.Variadic || !p.acceptP(",") {
				break
			}
		}
		c.Args = p.bindList(rs)
	}
	if p.accept("order", "by") {
		c.Order = p.orderItems()
	}
	p.nullTreatment(c)
}

func (p *parser) nullTreatment(c *ast.Call) {
	if p.is("ignore", "nulls") || p.is("respect", "nulls") {
		c.Nulls = upper(p.cur().val)
		p.next(2)
	}
}

// arg reads an argument: an expression, name => x, name := x, or (a, b) => x.
func (p *parser) arg() ref {
	t, pos := p.cur(), p.pos()
	if t.name() && (p.at(1).op("=>") || p.at(1).punct(":=")) {
		p.next(2)
		a := &ast.NamedArg{P: pos, Name: t.val}
		p.exprTo(&a.X)
		return ref{node: a}
	}
	if t.punct("(") && t.match >= 0 && p.toks[t.match+1].op("=>") {
		l := &ast.Lambda{P: pos, Params: p.identList()}
		p.next(1)
		p.exprTo(&l.Body)
		return ref{node: l}
	}
	return p.expr(lvAll)
}

// sqlForm reads the arguments of the functions that SQL spells with words, in the order PostgreSQL passes them on.
// It returns false with nothing read when the call is an ordinary one.
func (p *parser) sqlForm(c *ast.Call) bool {
	if len(c.Name) > 2 || len(c.Name) == 2 && c.Name[0] != "pg_catalog" {
		return false
	}
	switch c.Name[len(c.Name)-1] {
	case "extract":
		return p.extract(c)
	case "substring":
		return p.substring(c)
	case "position":
		return p.position(c)
	case "overlay":
		return p.overlay(c)
	case "trim":
		return p.trim(c)
	case "normalize":
		return p.normalize(c)
	}
	return false
}

func isNormalForm(t *token) bool {
	return t.word("nfc") || t.word("nfd") || t.word("nfkc") || t.word("nfkd")
}

// normalize reads NORMALIZE ( x, form ), where the form is a word.
func (p *parser) normalize(c *ast.Call) bool {
	for i := p.i; ; i++ {
		t := &p.toks[i]
		switch {
		case t.kind == kEOF, t.punct(")"), t.punct(";"):
			return false
		case t.punct(",") && (!isNormalForm(&p.toks[i+1]) || !p.toks[i+2].punct(")")):
			return false
		case t.punct(","):
			c.Args = make([]ast.Expr, 2)
			p.exprTo(&c.Args[0])
			p.next(1)
			c.Args[1] = &ast.Lit{P: p.pos(), Kind: ast.LitString, Text: p.cur().val}
			p.next(1)
			return true
		case t.match >= 0:
			i = int(t.match)
		}
	}
}

// extract reads EXTRACT ( field FROM x ): the arguments are the field as a string, and x.
func (p *parser) extract(c *ast.Call) bool {
	t := p.cur()
	if !t.name() && t.kind != kString || !p.at(1).word("from") {
		return false
	}
	c.Form = "EXTRACT"
	field := &ast.Lit{P: p.pos(), Kind: ast.LitString, Text: t.val}
	p.next(2)
	c.Args = []ast.Expr{field, nil}
	p.exprTo(&c.Args[1])
	return true
}

// substring reads SUBSTRING ( x FROM a FOR b ) and SUBSTRING ( x SIMILAR a ESCAPE b ).
func (p *parser) substring(c *ast.Call) bool {
	if !p.formAhead("from", "for", "similar") {
		return false
	}
	rs := []ref{p.expr(p.similarLevel())}
	switch {
	case p.is("similar"):
		c.Form = "SUBSTRING SIMILAR"
		p.next(1)
		rs = append(rs, p.expr(lvB))
		p.expect("escape")
		rs = append(rs, p.expr(lvAll))
	case p.accept("from"):
		c.Form = "SUBSTRING"
		rs = append(rs, p.expr(lvAll))
		if p.accept("for") {
			rs = append(rs, p.expr(lvAll))
		}
	default:
		c.Form = "SUBSTRING"
		p.expect("for")
		one := ref{node: &ast.Lit{P: p.pos(), Kind: ast.LitInt, Text: "1"}}
		length := p.expr(lvAll)
		if p.accept("from") {
			one = p.expr(lvAll)
		}
		rs = append(rs, one, length)
	}
	c.Args = p.bindList(rs)
	return true
}

// similarLevel stops the first argument of SUBSTRING at SIMILAR, if that is not SIMILAR TO.
func (p *parser) similarLevel() level {
	for i := p.i; i < len(p.toks); i++ {
		t := &p.toks[i]
		switch {
		case t.word("similar") && !p.toks[i+1].word("to"):
			return lvB
		case t.kind == kEOF, t.punct(")"), t.punct(";"):
			return lvAll
		case t.match >= 0:
			i = int(t.match)
		}
	}
	return lvAll
}

// formAhead reports whether one of the words stands between these parentheses, outside of inner ones.
func (p *parser) formAhead(words ...string) bool {
	for i := p.i; i < len(p.toks); i++ {
		t := &p.toks[i]
		switch {
		case t.kind == kEOF, t.punct(")"), t.punct(";"), t.punct(","):
			return false
		case t.match >= 0:
			i = int(t.match)
		case t.kind == kWord && !(p.toks[i+1].punct(")") || p.toks[i+1].punct(".")):
			for _, w := range words {
				// IS DISTINCT FROM has a FROM of its own.
				if t.val == w && !(w == "from" && p.toks[i-1].word("distinct") && i > p.i) {
					return true
				}
			}
		}
	}
	return false
}

// position reads POSITION ( a IN b ): the arguments are b and a, as of strpos.
func (p *parser) position(c *ast.Call) bool {
	if !p.formAhead("in") {
		return false
	}
	c.Form = "POSITION"
	part := p.expr(lvB)
	p.expect("in")
	c.Args = p.bindList([]ref{p.expr(lvB), part})
	return true
}

// overlay reads OVERLAY ( x PLACING y FROM a FOR b ).
func (p *parser) overlay(c *ast.Call) bool {
	if !p.formAhead("placing") {
		return false
	}
	c.Form = "OVERLAY"
	rs := []ref{p.expr(lvAll)}
	p.expect("placing")
	rs = append(rs, p.expr(lvAll))
	p.expect("from")
	rs = append(rs, p.expr(lvAll))
	if p.accept("for") {
		rs = append(rs, p.expr(lvAll))
	}
	c.Args = p.bindList(rs)
	return true
}

// trim reads TRIM ( [BOTH|LEADING|TRAILING] [chars] [FROM] x ): the arguments are x and the characters.
func (p *parser) trim(c *ast.Call) bool {
	side := "BOTH"
	switch {
	case p.is("both"), p.is("leading"), p.is("trailing"):
		if p.at(1).punct(")") || p.at(1).punct(",") {
			return false
		}
		side = upper(p.cur().val)
		p.next(1)
	case !p.formAhead("from"):
		return false
	}
	c.Form = "TRIM " + side
	if p.accept("from") {
		c.Args = p.exprList()
		return true
	}
	first := p.expr(lvAll)
	switch {
	case p.accept("from"):
		rs := []ref{p.expr(lvAll)}
		for p.acceptP(",") {
			rs = append(rs, p.expr(lvAll))
		}
		c.Args = p.bindList(append(rs, first))
	case p.acceptP(","):
		c.Args = p.bindList([]ref{first, p.expr(lvAll)})
	default:
		c.Args = p.bindList([]ref{first})
	}
	return true
}

// orderItems reads the list behind ORDER BY.
func (p *parser) orderItems() []ast.OrderItem {
	l := make([]ast.OrderItem, 0, 2) // Go 1.26 moves what append alone made when it is returned, and bind points there
	var rs []ref
	for {
		var o ast.OrderItem
		rs = append(rs, p.expr(lvAll))
		switch {
		case p.accept("asc"):
		case p.accept("desc"):
			o.Desc = true
		case p.accept("using"):
			o.Desc = p.orderOperator()
		}
		if p.is("nulls", "first") || p.is("nulls", "last") {
			first := p.at(1).word("first")
			o.NullsFirst = &first
			p.next(2)
		}
		l = append(l, o)
		if !p.acceptP(",") {
			break
		}
	}
	for i, r := range rs {
		p.bind(r, &l[i].X)
	}
	return l
}

// orderOperator reads the operator of ORDER BY x USING and reports whether it sorts downwards.
func (p *parser) orderOperator() bool {
	at, op := p.i, p.cur().val
	if p.is("operator") {
		_, op = p.operatorName()
	} else {
		if p.cur().kind != kOp {
			p.fail("")
		}
		p.next(1)
	}
	if op != "<" && op != ">" {
		bail(sqlerr.At(int(p.toks[at].off), sqlerr.WrongObjectType, "operator %s is not a valid ordering operator", op).
			WithHint("Ordering operators must be \"<\" or \">\" members of btree operator families."))
	}
	return op == ">"
}

package parse

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// operand prints signs, a primary and the COLLATE and AT TIME ZONE behind it.
func (p *parser) operand() {
	base, at := len(p.out), p.i
	p.signs()
	node := p.signedOperand(base)
	for n := 0; ; n++ {
		if n > maxPostfix {
			p.tooComplex()
		}
		pos := p.pos()
		switch {
		case p.is("collate"):
			node = p.collate(base, at, node)
		case p.accept("at", "time", "zone"):
			a := &ast.AtTimeZone{P: pos}
			p.place(base, at, node, &a.X)
			p.zone(&a.Zone)
			node = a
		case p.accept("at", "local"):
			a := &ast.AtTimeZone{P: pos}
			p.place(base, at, node, &a.X)
			a.Zone = &ast.Call{P: pos, Name: []string{"current_setting"},
				Args: []ast.Expr{&ast.Lit{P: pos, Kind: ast.LitString, Text: "timezone"}}}
			node = a
		default:
			if node != nil {
				p.atom(mOperand, at, node)
			}
			return
		}
	}
}

// signs prints the signs in front of an operand.
func (p *parser) signs() {
	for n := 0; p.isOp("-") || p.isOp("+"); n++ {
		if n > maxDepth {
			p.tooComplex()
		}
		w := wPlus
		if p.isOp("-") {
			w = wMinus
		}
		p.emit(w, p.i)
		p.next(1)
	}
}

// signedOperand reads what stands behind the signs that were printed from base on: behind some, a prefix operator too.
func (p *parser) signedOperand(base int) ast.Expr {
	if len(p.out) > base {
		if u := p.prefixed(); u != nil {
			return u
		}
	}
	return p.primary()
}

// zone reads the zone of AT TIME ZONE; only COLLATE binds tighter.
func (p *parser) zone(dst *ast.Expr) {
	base, at := len(p.out), p.i
	p.signs()
	node := p.prefixed()
	if node == nil {
		node = p.primary()
	}
	for p.is("collate") {
		node = p.collate(base, at, node)
	}
	p.place(base, at, node, dst)
}

func (p *parser) collate(base, at int, node ast.Expr) ast.Expr {
	c := &ast.Collate{P: p.pos()}
	p.next(1)
	p.place(base, at, node, &c.X)
	c.Name = p.nameParts()
	return c
}

// place makes dst the place of the operand whose pieces begin at base: node behind them, or the pieces alone.
func (p *parser) place(base, at int, node ast.Expr, dst *ast.Expr) {
	if node != nil && len(p.out) == base {
		*dst = node
		return
	}
	if node != nil {
		p.atom(mOperand, at, node)
	}
	p.bind(p.finish(base), dst)
}

// primary reads an operand without signs, with its casts, subscripts and fields. It returns the tree, or nil when it
// printed an expression in parentheses whose tree is not known yet.
func (p *parser) primary() ast.Expr {
	base, at := len(p.out), p.i
	node := p.head()
	for n := 0; ; n++ {
		if n > maxPostfix {
			p.tooComplex()
		}
		pos := p.pos()
		t := p.cur()
		switch {
		case t.punct("::"):
			c := &ast.Cast{P: pos}
			p.place(base, at, node, &c.X)
			p.next(1)
			c.Type = p.typeName()
			node = c
		case t.punct("["):
			node = p.subscript(base, at, node)
		case t.punct(".") && p.fieldAfterDot(node):
			f := &ast.Field{P: pos, Dot: true}
			p.place(base, at, node, &f.X)
			p.next(1)
			f.Name = p.fieldName()
			node = f
		case t.op("->") && p.fieldAfterArrow():
			f := &ast.Field{P: pos}
			p.place(base, at, node, &f.X)
			p.next(1)
			f.Name = p.fieldName()
			node = f
		case t.op("->*"):
			f := &ast.Field{P: pos, Name: "*"}
			p.place(base, at, node, &f.X)
			p.next(1)
			node = f
		default:
			return node
		}
	}
}

// fieldAfterDot reports whether the dot at the current token selects a field of what is not a plain name.
func (p *parser) fieldAfterDot(node ast.Expr) bool {
	if _, ok := node.(*ast.ColRef); ok {
		return false
	}
	return p.at(1).name() || p.at(1).op("*")
}

// fieldAfterArrow tells ksqlDB's struct field from the JSON operator: a name that no parenthesis follows is a field.
func (p *parser) fieldAfterArrow() bool {
	t := p.at(1)
	switch t.kind {
	case kOp:
		return t.val == "*"
	case kWord:
		if hard(t.val) || t.val == "null" || t.val == "cast" {
			return false
		}
		return !p.at(2).punct("(") && p.at(2).kind != kString
	}
	return t.kind == kQuoted && !p.at(2).punct("(")
}

func (p *parser) fieldName() string {
	if p.acceptOp("*") {
		return "*"
	}
	return p.ident()
}

// subscript reads [i] and [lo:hi] behind an operand.
func (p *parser) subscript(base, at int, node ast.Expr) ast.Expr {
	pos := p.pos()
	p.next(1)
	if !p.sliceAhead(p.i) {
		ix := &ast.Index{P: pos}
		p.place(base, at, node, &ix.X)
		p.exprTo(&ix.I)
		p.expectP("]")
		return ix
	}
	sl := &ast.Slice{P: pos}
	p.place(base, at, node, &sl.X)
	if !p.isP(":") {
		p.exprTo(&sl.Lo)
	}
	p.expectP(":")
	if !p.isP("]") {
		p.exprTo(&sl.Hi)
	}
	p.expectP("]")
	return sl
}

// head reads the first part of a primary. It returns nil when it printed a parenthesised expression.
func (p *parser) head() ast.Expr {
	t, pos := p.cur(), p.pos()
	switch t.kind {
	case kNumber:
		p.next(1)
		return number(pos, t.val)
	case kString:
		p.next(1)
		return &ast.Lit{P: pos, Kind: ast.LitString, Text: t.val}
	case kBits:
		p.next(1)
		return &ast.Lit{P: pos, Kind: ast.LitBits, Text: t.val}
	case kParam:
		return p.param()
	case kQuoted:
		return p.nameExpr()
	case kWord:
		if e := p.construct(t, pos); e != nil {
			return e
		}
		if hard(t.val) {
			p.fail("")
		}
		return p.nameExpr()
	case kPunct:
		if t.val == "(" {
			return p.paren()
		}
	}
	p.fail("")
	return nil
}

// number makes the literal of a number: no underscores, whole numbers in decimal.
func number(pos ast.P, text string) *ast.Lit {
	if strings.IndexByte(text, '_') >= 0 {
		text = strings.ReplaceAll(text, "_", "")
	}
	if len(text) > 1 && text[0] == '0' && !isDigit(text[1]) && text[1] != '.' && text[1]|0x20 != 'e' {
		n, ok := new(big.Int).SetString(text, 0)
		if !ok {
			bail(sqlerr.At(int(pos), sqlerr.SyntaxError, "invalid integer at or near \"%s\"", text))
		}
		return &ast.Lit{P: pos, Kind: ast.LitInt, Text: n.String()}
	}
	if strings.ContainsAny(text, ".eE") {
		return &ast.Lit{P: pos, Kind: ast.LitNumber, Text: text}
	}
	return &ast.Lit{P: pos, Kind: ast.LitInt, Text: text}
}

// maxParam is PostgreSQL's limit: the wire protocol counts parameters in 16 bits.
const maxParam = 65535

func (p *parser) param() ast.Expr {
	t, pos := p.cur(), p.pos()
	n, err := strconv.Atoi(t.val)
	if err != nil || n > maxParam {
		bail(sqlerr.At(int(t.off), sqlerr.SyntaxError, "parameter number too large at or near \"%s\"", p.src[t.off:t.end]))
	}
	if n == 0 {
		bail(sqlerr.At(int(t.off), sqlerr.UndefinedParameter, "there is no parameter $0"))
	}
	p.params = max(p.params, n)
	p.next(1)
	return &ast.Param{P: pos, N: n}
}

// paren reads ( query ), ( row, … ) and ( expression ); the last is printed and nil returned.
func (p *parser) paren() ast.Expr {
	pos, at := p.pos(), p.i
	if p.isQuery(p.i) {
		return &ast.Subquery{P: pos, Q: p.parenQuery()}
	}
	p.emit(wOpen, at)
	base := len(p.out)
	p.next(1)
	p.sequence(lvAll)
	if !p.isP(",") {
		p.expectP(")")
		p.emit(wClose, p.i-1)
		return nil
	}
	rs := []ref{p.finish(base)}
	p.out = p.out[:base-1]
	for p.acceptP(",") {
		rs = append(rs, p.expr(lvAll))
	}
	p.expectP(")")
	return &ast.Row{P: pos, Elems: p.bindList(rs)}
}

// construct reads what an unquoted word begins together with the token behind it, or returns nil.
func (p *parser) construct(t *token, pos ast.P) ast.Expr {
	paren := p.at(1).punct("(")
	switch t.val {
	case "null":
		p.next(1)
		return &ast.Lit{P: pos, Kind: ast.LitNull, Text: "null"}
	case "true", "false":
		p.next(1)
		return &ast.Lit{P: pos, Kind: ast.LitBool, Text: t.val}
	case "default":
		if !paren && !p.at(1).punct(".") {
			p.next(1)
			return &ast.Default{P: pos}
		}
	case "case":
		return p.caseExpr()
	case "cast", "try_cast":
		if paren {
			return p.cast(pos, t.val == "try_cast")
		}
	case "array":
		if p.at(1).punct("[") {
			p.next(1)
			return p.array(pos)
		}
		if paren && p.isQuery(p.i+1) {
			p.next(1)
			return &ast.ArrayQuery{P: pos, Q: p.parenQuery()}
		}
	case "map":
		if paren && p.mapAhead() {
			return p.mapExpr(pos)
		}
	case "struct":
		if paren && (p.at(2).punct(")") || p.at(3).punct(":=")) {
			return p.structExpr(pos)
		}
	case "row":
		if paren {
			return p.row(pos)
		}
	case "exists":
		if paren && p.isQuery(p.i+1) {
			p.next(1)
			return &ast.Exists{P: pos, Q: p.parenQuery()}
		}
	case "any", "some", "all":
		if paren {
			p.fail("ANY and ALL stand alone on the right of an operator.")
		}
	case "interval":
		return p.intervalLit(pos)
	}
	if isNoParens(t.val) && !paren && !p.at(1).punct(".") {
		p.next(1)
		return &ast.Call{P: pos, Name: []string{t.val}, NoParens: true}
	}
	return nil
}

// isNoParens reports whether a word is a function that is called without parentheses.
func isNoParens(word string) bool {
	switch word {
	case "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user",
		"session_user", "current_role", "current_catalog", "current_schema", "user":
		return true
	}
	return false
}

// nameExpr reads a column, t.*, a call, or a typed literal such as DATE '2026-01-01'.
func (p *parser) nameExpr() ast.Expr {
	pos := p.pos()
	if e := p.typedLit(pos); e != nil {
		return e
	}
	name := []string{p.ident()}
	for p.isP(".") {
		if p.at(1).op("*") {
			p.next(2)
			return &ast.Star{P: pos, Qual: name}
		}
		p.next(1)
		name = append(name, p.ident())
	}
	if p.cur().kind == kString {
		return p.typedString(pos, &ast.Type{P: pos, Name: name, Quoted: p.toks[p.i-1].kind == kQuoted})
	}
	if p.isP("(") {
		return p.call(pos, name)
	}
	return &ast.ColRef{P: pos, Name: name}
}

package parse

import (
	"slices"

	"github.com/leatdb/leat/sql/ast"
)

// level says where an expression ends when its delimiters do not.
type level uint8

const (
	lvAll   level = iota // at a word that is no operator
	lvNot                // at AND and OR too
	lvIs                 // and at IS
	lvB                  // and at NOT, IN, LIKE, BETWEEN: PostgreSQL's b_expr
	lvArith              // at all but + - * / % ^
)

// expr reads one expression.
func (p *parser) expr(lv level) ref {
	base := len(p.out)
	p.sequence(lv)
	return p.finish(base)
}

// exprTo reads one expression whose tree goes to dst.
func (p *parser) exprTo(dst *ast.Expr) { p.bind(p.expr(lvAll), dst) }

// exprList reads a comma list of expressions.
func (p *parser) exprList() []ast.Expr {
	rs := make([]ref, 1, 4)
	rs[0] = p.expr(lvAll)
	for p.acceptP(",") {
		rs = append(rs, p.expr(lvAll))
	}
	return p.bindList(rs)
}

// sequence prints operand, operator, operand … as core text. It knows what an operand is and where the expression
// ends; what belongs together it does not.
func (p *parser) sequence(lv level) {
	p.enter()
	base := len(p.out)
	// fresh: nothing, AND, OR or NOT stands in front of the next operand; infix: another operator does.
	fresh, infix := true, false
	for n := 0; ; n++ {
		if n > maxChain {
			p.tooComplex()
		}
		if fresh && lv < lvIs && p.is("not") {
			p.emit(wNot, p.i)
			p.next(1)
			continue
		}
		p.prefixOperand(infix)
		fresh, infix = false, true
		for p.suffixTest(lv, base) {
			n++
		}
		switch p.infix(lv, base) {
		case opNone:
			p.leave()
			return
		case opLogic:
			fresh, infix = true, false
		}
	}
}

// prefixOperand reads an operand that a prefix operator may stand in front of.
func (p *parser) prefixOperand(infix bool) {
	t := p.cur()
	if infix && p.at(1).punct("(") && (t.word("any") || t.word("some") || t.word("all")) {
		p.quantifier()
		return
	}
	at := p.i
	if u := p.prefixed(); u != nil {
		p.atom(mOperand, at, u)
		return
	}
	p.operand()
}

// prefixed reads a prefix operator and its operand, or returns nil. What the operator takes is settled by its level
// alone: it stands in front, so nothing to its left competes for it.
func (p *parser) prefixed() ast.Expr {
	t := p.cur()
	u := &ast.Unary{P: p.pos()}
	lv := lvArith
	switch {
	case t.word("not"):
		u.Op = "NOT"
		lv = lvNot
		p.next(1)
	case t.kind == kOp && isPrefixOp(t.val):
		u.Op = t.val
		p.next(1)
	case t.word("operator") && p.at(1).punct("("):
		u.Schema, u.Op = p.operatorName()
	default:
		return nil
	}
	p.bind(p.expr(lv), &u.X)
	return u
}

// isPrefixOp reports whether op may stand in front of an operand; signs are read elsewhere.
func isPrefixOp(op string) bool {
	switch op {
	case "+", "-", "*", "/", "%", "^", "=", "<", ">", "<=", ">=", "<>", "=>", "->", "->*":
		return false
	}
	return true
}

// operatorName reads OPERATOR ( schema . op ).
func (p *parser) operatorName() (schema, op string) {
	p.next(1)
	p.expectP("(")
	for p.cur().name() {
		if schema != "" {
			schema += "."
		}
		schema += p.ident()
		p.expectP(".")
	}
	if p.cur().kind != kOp {
		p.fail("")
	}
	op = p.cur().val
	p.next(1)
	p.expectP(")")
	return schema, op
}

// quantifier reads ANY ( … ) as the right operand of an operator.
func (p *parser) quantifier() {
	at := p.i
	q := &ast.Quant{P: p.pos(), All: p.is("all")}
	p.next(1)
	if p.isQuery(p.i) {
		q.Sub = p.parenQuery()
	} else {
		p.expectP("(")
		p.exprTo(&q.Arr)
		p.expectP(")")
	}
	p.atom(mQuant, at, q)
}

// opKind is what infix found.
type opKind uint8

const (
	opNone  opKind = iota // no operator of the expression
	opOther               // an operator that wants an operand
	opLogic               // AND or OR: after them NOT is an operator again
)

// plainOps are the operators that TiDB binds as PostgreSQL does, by their own signs.
func plainOp(op string) (w word, arith, ok bool) {
	switch op {
	case "+":
		return wPlus, true, true
	case "-":
		return wMinus, true, true
	case "*":
		return wStar, true, true
	case "/":
		return wSlash, true, true
	case "%":
		return wPercent, true, true
	case "^":
		return wCaret, true, true
	case "=":
		return wEq, false, true
	case "<>":
		return wNe, false, true
	case "<":
		return wLt, false, true
	case ">":
		return wGt, false, true
	case "<=":
		return wLe, false, true
	case ">=":
		return wGe, false, true
	}
	return 0, false, false
}

// infix prints the operator at the current token if it belongs to an expression of the level.
func (p *parser) infix(lv level, base int) opKind {
	t := p.cur()
	if t.kind == kOp {
		return p.infixOp(lv, t.val, base)
	}
	if t.kind != kWord || lv == lvArith {
		return opNone
	}
	switch t.val {
	case "and", "or":
		if lv != lvAll {
			return opNone
		}
		w := wAnd
		if t.val == "or" {
			w = wOr
		}
		p.emit(w, p.i)
		p.next(1)
		return opLogic
	case "operator":
		if !p.at(1).punct("(") {
			return opNone
		}
		p.closeTest(base)
		at, b := p.i, &ast.Binary{P: p.pos()}
		b.Schema, b.Op = p.operatorName()
		p.carry(wOther, mOp, at, b)
		return opOther
	}
	if lv < lvB {
		return p.infixTest(base)
	}
	return opNone
}

// closeTest puts parentheses around a test that has just ended when a tighter operator follows it: x IS NULL || y. The
// test is over, so PostgreSQL takes it whole; TiDB's grammar does not let it be an operand as it stands.
func (p *parser) closeTest(base int) {
	last := len(p.out) - 1
	if p.out[last].word == wClose && p.out[last-1].word == wAtom && p.marks[p.out[last-1].mark].kind == mIn {
		p.closeFrom(base, wEq)
	} else if p.out[last].word == wAtom && p.marks[p.out[last].mark].kind == mIs {
		p.closeFrom(base, wAnd)
	}
}

// closeFrom puts the parentheses from behind the last operator that binds looser than the test: the words from loose
// through NOT.
func (p *parser) closeFrom(base int, loose word) {
	from, depth := len(p.out), 0
	for ; from > base; from-- {
		switch w := p.out[from-1].word; {
		case w == wClose:
			depth++
		case w == wOpen:
			depth--
		case depth == 0 && w >= loose && w <= wNot:
			p.insertParens(from)
			return
		}
	}
	p.insertParens(base)
}

func (p *parser) insertParens(from int) {
	open := piece{word: wOpen, tok: p.out[from].tok}
	p.out = slices.Insert(p.out, from, open)
	p.emit(wClose, p.i-1)
}

func (p *parser) infixOp(lv level, op string, base int) opKind {
	w, arith, plain := plainOp(op)
	switch {
	case op == "=>", lv == lvArith && !arith:
		return opNone
	case plain:
		if arith {
			p.closeTest(base)
		}
		p.emit(w, p.i)
		p.next(1)
	default:
		p.closeTest(base)
		at, b := p.i, &ast.Binary{P: p.pos(), Op: op}
		p.next(1)
		p.carry(wOther, mOp, at, b)
	}
	return opOther
}

// carry prints an operator that TiDB does not have as w atom w.
func (p *parser) carry(w word, k markKind, tok int, node ast.Expr) {
	p.emit(w, tok)
	p.atom(k, tok, node)
	p.emit(w, tok)
}

// infixTest reads LIKE, ILIKE, SIMILAR TO, ESCAPE, OVERLAPS and BETWEEN … AND, with NOT in front of them or not.
func (p *parser) infixTest(base int) opKind {
	at, pos, n := p.i, p.pos(), 0
	if p.is("not") {
		n = 1
	}
	t := p.at(n)
	if t.kind != kWord {
		return opNone
	}
	switch t.val {
	case "like", "ilike", "similar", "overlaps", "between":
		p.closeTest(base)
	}
	switch t.val {
	case "like", "ilike", "similar":
		lk := &ast.Like{P: pos, Not: n == 1}
		switch t.val {
		case "like":
			lk.Op = "LIKE"
		case "ilike":
			lk.Op = "ILIKE"
		default:
			if !p.at(n + 1).word("to") {
				return opNone
			}
			lk.Op = "SIMILAR"
			n++
		}
		p.next(n + 1)
		p.carry(wLike, mLike, at, lk)
	case "overlaps":
		if n == 1 {
			return opNone
		}
		p.next(1)
		p.carry(wLike, mLike, at, &ast.Binary{P: pos, Op: "OVERLAPS"})
	case "escape":
		if n == 1 {
			return opNone
		}
		p.next(1)
		p.carry(wLike, mEscape, at, nil)
	case "between":
		p.next(n + 1)
		b := &ast.Between{P: pos, Not: n == 1, Sym: p.accept("symmetric")}
		if !b.Sym {
			p.accept("asymmetric")
		}
		p.emit(wBetween, at)
		p.bind(p.expr(lvB), &b.Lo)
		p.atom(mBetween, at, b)
		p.emit(wBetweenAnd, p.i)
		p.expect("and")
	default:
		return opNone
	}
	return opOther
}

// suffixTest reads a test that has no right operand for TiDB: IS …, ISNULL, NOTNULL, [NOT] IN.
func (p *parser) suffixTest(lv level, base int) bool {
	t := p.cur()
	if t.kind != kWord {
		return false
	}
	at, pos := p.i, p.pos()
	switch {
	case lv < lvIs && t.val == "is":
		p.next(1)
		p.isTest(at, pos)
	case lv < lvIs && (t.val == "isnull" || t.val == "notnull"):
		p.next(1)
		p.emit(wIs, at)
		p.atom(mIs, at, &ast.Is{P: pos, Not: t.val == "notnull", What: "NULL"})
	case lv < lvB && (t.val == "in" || t.val == "not" && p.at(1).word("in")):
		p.closeTest(base)
		in := &ast.In{P: pos, Not: t.val == "not"}
		if in.Not {
			p.next(1)
		}
		p.next(1)
		p.emit(wIn, at)
		if p.isQuery(p.i) {
			in.Sub = p.parenQuery()
		} else {
			p.expectP("(")
			in.List = p.exprList()
			p.expectP(")")
		}
		p.emit(wOpen, at)
		p.atom(mIn, at, in)
		p.emit(wClose, at)
	default:
		return false
	}
	return true
}

// isTest reads what follows IS.
func (p *parser) isTest(at int, pos ast.P) {
	is := &ast.Is{P: pos, Not: p.accept("not")}
	t := p.cur()
	if t.kind != kWord {
		p.fail("")
	}
	switch t.val {
	case "null", "true", "false", "unknown":
		is.What = upper(t.val)
		p.next(1)
	case "distinct":
		is.What = "DISTINCT"
		p.next(1)
		p.expect("from")
		p.bind(p.expr(lvIs), &is.Y)
		if p.is("is") || p.is("isnull") || p.is("notnull") {
			p.fail("")
		}
	case "normalized", "nfc", "nfd", "nfkc", "nfkd":
		is.What, is.Y = "NORMALIZED", &ast.Lit{P: p.pos(), Kind: ast.LitString, Text: "nfc"}
		if isNormalForm(t) {
			is.Y = &ast.Lit{P: p.pos(), Kind: ast.LitString, Text: t.val}
			p.next(1)
		}
		p.expect("normalized")
	case "document", "json":
		p.unsupported(p.i, "IS "+upper(t.val)+" is")
	default:
		p.fail("")
	}
	p.emit(wIs, at)
	p.atom(mIs, at, is)
}

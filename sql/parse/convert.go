package parse

import (
	"fmt"
	"strconv"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"github.com/leatdb/leat/sql/ast"
)

// converter turns TiDB's tree of one entry into ours. It walks in the order of the text, so the plain operators it
// meets are those of the entry, one after the other: that gives each its place.
type converter struct {
	p   *parser
	ops []piece
}

var wordOf = map[opcode.Op]word{
	opcode.LogicAnd: wAnd, opcode.LogicOr: wOr, opcode.Not: wNot, opcode.Not2: wNot,
	opcode.Plus: wPlus, opcode.Minus: wMinus, opcode.Mul: wStar, opcode.Div: wSlash, opcode.Mod: wPercent,
	opcode.Xor: wCaret,
	opcode.EQ:  wEq, opcode.NE: wNe, opcode.LT: wLt, opcode.GT: wGt, opcode.LE: wLe, opcode.GE: wGe,
}

// op takes the next plain operator, which must be the one TiDB names.
func (c *converter) op(op opcode.Op) piece {
	if len(c.ops) == 0 || c.ops[0].word != wordOf[op] {
		panic(fmt.Sprintf("BUG: operator %v out of place in the core tree", op))
	}
	pc := c.ops[0]
	c.ops = c.ops[1:]
	return pc
}

func (c *converter) expr(e tidb.ExprNode) ast.Expr {
	switch x := e.(type) {
	case *tidb.ParenthesesExpr:
		return c.expr(x.Expr)
	case *tidb.ColumnNameExpr:
		return c.operand(c.mark(x))
	case *tidb.UnaryOperationExpr:
		pc := c.op(x.Op)
		return signOf(pc.word, c.p.posOf(pc.tok), c.expr(x.V))
	case *tidb.BinaryOperationExpr:
		return c.binary(x)
	case *tidb.BetweenExpr:
		return c.between(x)
	case *tidb.PatternInExpr:
		return c.in(x)
	}
	panic(fmt.Sprintf("BUG: %T in the core tree", e))
}

// mark returns what an atom stands for.
func (c *converter) mark(x *tidb.ColumnNameExpr) *mark {
	s := x.Name.Name.O
	k, err := strconv.Atoi(s[1:])
	if err != nil || s[0] != 'a' || k >= len(c.p.marks) {
		panic("BUG: name " + s + " in the core tree")
	}
	return &c.p.marks[k]
}

// carried returns the mark when e is an atom of the kind.
func (c *converter) carried(e tidb.ExprNode, kind markKind) *mark {
	if x, ok := e.(*tidb.ColumnNameExpr); ok {
		if m := c.mark(x); m.kind == kind {
			return m
		}
	}
	return nil
}

func (c *converter) operand(m *mark) ast.Expr {
	switch m.kind {
	case mOperand:
		return m.node
	case mQuant:
		c.p.failAt(int(m.tok), "ANY and ALL stand alone on the right of an operator.")
	}
	c.p.failAt(int(m.tok), "Put parentheses around the test.")
	return nil
}

// signOf builds a prefix operator; a minus in front of a number is part of the number.
func signOf(w word, pos ast.P, x ast.Expr) ast.Expr {
	if l, ok := x.(*ast.Lit); ok && w == wMinus && (l.Kind == ast.LitInt || l.Kind == ast.LitNumber) && l.Text[0] != '-' {
		return &ast.Lit{P: pos, Kind: l.Kind, Text: "-" + l.Text}
	}
	return &ast.Unary{P: pos, Op: coreText[w], X: x}
}

func (c *converter) binary(x *tidb.BinaryOperationExpr) ast.Expr {
	switch x.Op {
	case opcode.LeftShift:
		return c.other(x)
	case opcode.Or:
		return c.like(x)
	case opcode.NullEQ:
		return c.is(x)
	}
	l := c.expr(x.L)
	pc := c.op(x.Op)
	if isComparison(x.Op) {
		if y, ok := x.L.(*tidb.BinaryOperationExpr); ok && isComparison(y.Op) && c.quant(y.R) == nil {
			c.p.failAt(int(pc.tok), "Comparisons cannot be chained.")
		}
	}
	pos := c.p.posOf(pc.tok)
	if q := c.quant(x.R); q != nil {
		return quantify(q, pos, coreText[pc.word], "", l)
	}
	return &ast.Binary{P: pos, Op: coreText[pc.word], L: l, R: c.expr(x.R)}
}

func isComparison(op opcode.Op) bool {
	switch op {
	case opcode.EQ, opcode.NE, opcode.LT, opcode.GT, opcode.LE, opcode.GE:
		return true
	}
	return false
}

// quant returns the quantifier when e is one.
func (c *converter) quant(e tidb.ExprNode) *ast.Quant {
	if m := c.carried(e, mQuant); m != nil {
		return m.node.(*ast.Quant)
	}
	return nil
}

func quantify(q *ast.Quant, pos ast.P, op, schema string, l ast.Expr) *ast.Quant {
	q.P, q.Op, q.Schema, q.L = pos, op, schema, l
	return q
}

// carrier undoes left <op> atom <op> right.
func (c *converter) carrier(x *tidb.BinaryOperationExpr, kind markKind) (*mark, tidb.ExprNode) {
	if l, ok := x.L.(*tidb.BinaryOperationExpr); ok && l.Op == x.Op {
		if m := c.carried(l.R, kind); m != nil {
			return m, l.L
		}
	}
	return nil, nil
}

// other undoes x << aOp << y.
func (c *converter) other(x *tidb.BinaryOperationExpr) ast.Expr {
	m, left := c.carrier(x, mOp)
	if m == nil {
		panic("BUG: an operator without its mark in the core tree")
	}
	b := m.node.(*ast.Binary)
	b.L = c.expr(left)
	if q := c.quant(x.R); q != nil {
		return quantify(q, b.P, b.Op, b.Schema, b.L)
	}
	b.R = c.expr(x.R)
	return b
}

// like undoes x | aLike | pattern and x | aLike | pattern | aEscape | e.
func (c *converter) like(x *tidb.BinaryOperationExpr) ast.Expr {
	right := x.R
	esc, inner := c.carrier(x, mEscape)
	if esc != nil {
		y, ok := inner.(*tidb.BinaryOperationExpr)
		if !ok || y.Op != opcode.Or {
			c.p.failAt(int(esc.tok), "")
		}
		x = y
	}
	m, left := c.carrier(x, mLike)
	if m == nil {
		if e, _ := c.carrier(x, mEscape); e != nil {
			c.p.failAt(int(esc.tok), "")
		}
		panic("BUG: a pattern without its mark in the core tree")
	}
	if isPredicate(left) {
		c.p.failAt(int(m.tok), "Put parentheses around the first test.")
	}
	if b, ok := m.node.(*ast.Binary); ok {
		if esc != nil {
			c.p.failAt(int(esc.tok), "")
		}
		b.L, b.R = c.expr(left), c.expr(x.R)
		return b
	}
	lk := m.node.(*ast.Like)
	lk.X = c.expr(left)
	if q := c.quant(x.R); q != nil {
		if esc != nil {
			c.p.failAt(int(esc.tok), "")
		}
		op := lk.Op
		if lk.Not {
			op = "NOT " + op
		}
		return quantify(q, lk.P, op, "", lk.X)
	}
	lk.Pat = c.expr(x.R)
	if esc != nil {
		lk.Esc = c.expr(right)
	}
	return lk
}

// isPredicate reports whether e is LIKE, IN or BETWEEN without parentheses: they do not chain.
func isPredicate(e tidb.ExprNode) bool {
	switch x := e.(type) {
	case *tidb.BinaryOperationExpr:
		return x.Op == opcode.Or
	case *tidb.BetweenExpr, *tidb.PatternInExpr:
		return true
	}
	return false
}

// is undoes x <=> aIs.
func (c *converter) is(x *tidb.BinaryOperationExpr) ast.Expr {
	m := c.carried(x.R, mIs)
	if m == nil {
		c.expr(x.L)
		c.expr(x.R)
		panic("BUG: IS without its mark in the core tree")
	}
	is := m.node.(*ast.Is)
	is.X = c.expr(x.L)
	return is
}

func (c *converter) between(x *tidb.BetweenExpr) ast.Expr {
	m := c.carried(x.Left, mBetween)
	if m == nil {
		panic("BUG: BETWEEN without its mark in the core tree")
	}
	if isPredicate(x.Expr) {
		c.p.failAt(int(m.tok), "Put parentheses around the first test.")
	}
	b := m.node.(*ast.Between)
	b.X = c.expr(x.Expr)
	if isPredicate(x.Right) {
		c.p.failAt(c.predicateTok(x.Right), "Put parentheses around the first test.")
	}
	b.Hi = c.expr(x.Right)
	return b
}

// predicateTok finds the token of an unparenthesised predicate.
func (c *converter) predicateTok(e tidb.ExprNode) int {
	switch x := e.(type) {
	case *tidb.BetweenExpr:
		if m := c.carried(x.Left, mBetween); m != nil {
			return int(m.tok)
		}
	case *tidb.PatternInExpr:
		if m := c.carried(x.List[0], mIn); m != nil {
			return int(m.tok)
		}
	case *tidb.BinaryOperationExpr:
		if m := c.carried(x.R, mLike); m != nil {
			return int(m.tok)
		}
		return c.predicateTok(x.L)
	}
	panic("BUG: a predicate without its mark in the core tree")
}

func (c *converter) in(x *tidb.PatternInExpr) ast.Expr {
	if len(x.List) != 1 || c.carried(x.List[0], mIn) == nil {
		panic("BUG: IN without its mark in the core tree")
	}
	m := c.carried(x.List[0], mIn)
	if isPredicate(x.Expr) {
		c.p.failAt(int(m.tok), "Put parentheses around the first test.")
	}
	in := m.node.(*ast.In)
	in.X = c.expr(x.Expr)
	return in
}

// Package parse turns the text of a message into the syntax tree of package ast. The dialect is PostgreSQL's with
// ksqlDB's statements, clauses and types in it.
//
// One lexer and a recursive descent of our own read statements, clauses, names, types and what an operand is. How
// operators bind inside an expression the TiDB parser decides: every expression of a statement is printed as a core
// text in which each operand is an atom (a7) that stands for a finished subtree, all of them go to TiDB at once as
// "SELECT e1 , e2 , …", and its tree, with the atoms put back, fills the places left open in ours. No text of the
// user ever reaches TiDB, so nothing of MySQL's grammar can be meant by accident: core.go lists every word it sees.
//
// Invariants:
//
//  1. Positions are byte offsets in the message, of statements, nodes and errors alike.
//  2. An error in any statement of a message refuses the whole message, as in PostgreSQL's simple protocol.
//  3. TiDB's tree is converted before its parser returns to the pool: the next parse writes into old nodes.
//  4. Whatever the text, Parse ends with a tree or an *sqlerr.Error, in time linear in the text's length.
package parse

import (
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// Statement is one statement of a message.
type Statement struct {
	Stmt       ast.Stmt
	Start, End int    // its own text within the message, without the semicolon
	Text       string // that text
	Params     int    // the highest $n in it
}

// Parse parses a message of zero or more statements separated by semicolons.
func Parse(text string) (stmts []Statement, err error) { return parseAll(text, nil) }

// parseAll is Parse of a text whose offsets stand for the places that original, if not nil, gives.
func parseAll(text string, original func(int) int) (stmts []Statement, err error) {
	defer rescue(&err)
	p := newParser(text)
	p.original = original
	for {
		for p.acceptP(";") {
		}
		if p.atEOF() {
			return stmts, nil
		}
		first := p.i
		p.params = 0
		s := p.statement()
		if !p.end() {
			p.fail("")
		}
		p.resolve()
		start, end := p.span(first)
		one := Statement{Stmt: s, Start: start, End: end, Text: text[start:end], Params: p.params}
		if original != nil {
			one.Start, one.End = original(start), original(end)
		}
		stmts = append(stmts, one)
	}
}

// Query parses the text of one query.
func Query(text string) (q *ast.Query, err error) {
	defer rescue(&err)
	p := newParser(text)
	q = p.query()
	p.finishText()
	return q, nil
}

// InlinedQuery parses the text of one query that stands for what is at pos in another text: every node of it has that
// place.
func InlinedQuery(text string, pos int) (q *ast.Query, err error) {
	defer rescue(&err)
	p := newParser(text)
	p.inlined, p.inlinedAt = true, ast.P(pos)
	q = p.query()
	p.finishText()
	return q, nil
}

// Type parses the name of a type.
func Type(text string) (t *ast.Type, err error) {
	defer rescue(&err)
	p := newParser(text)
	t = p.typeName()
	p.finishText()
	return t, nil
}

// Expr parses one expression.
func Expr(text string) (e ast.Expr, err error) {
	defer rescue(&err)
	p := newParser(text)
	p.exprTo(&e)
	p.finishText()
	return e, nil
}

// maxText is the longest message; offsets are 32 bits wide.
const maxText = 1 << 30

// parser reads one message.
type parser struct {
	src     string
	toks    []token
	i       int
	depth   int
	params  int
	into    bool        // the next SELECT is one of a statement, which PostgreSQL lets have an INTO
	intoNew *ast.Create // what that INTO makes
	// inlined is set for a text that is put in at inlinedAt of another.
	inlined   bool
	original  func(int) int // where a byte of the text stands in what the client sent; nil for in the same place
	inlinedAt ast.P
	shaper
}

func newParser(text string) *parser {
	if len(text) > maxText {
		bail(sqlerr.New(sqlerr.ProgramLimitExceeded, "the text is longer than %d bytes", maxText))
	}
	checkEncoding(text)
	return &parser{src: text, toks: lex(text)}
}

// checkEncoding refuses NUL and invalid UTF-8.
func checkEncoding(text string) {
	if i := strings.IndexByte(text, 0); i >= 0 {
		bail(sqlerr.At(i, sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00"))
	}
	if utf8.ValidString(text) {
		return
	}
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
			bail(sqlerr.At(i, sqlerr.CharacterNotInRepertoire, "%s", sqlerr.From(types.CheckText(text[i:])).Message))
		}
	}
}

// finishText ends a text that is one construct.
func (p *parser) finishText() {
	p.acceptP(";")
	if !p.atEOF() {
		p.fail("")
	}
	p.resolve()
}

// span returns the bytes from token first through the one before the current.
func (p *parser) span(first int) (start, end int) {
	return int(p.toks[first].off), int(p.toks[max(first, p.i-1)].end)
}

// textFrom returns the text from token first through the one before the current.
func (p *parser) textFrom(first int) string {
	start, end := p.span(first)
	return p.src[start:end]
}

// cur returns the current token.
func (p *parser) cur() *token { return &p.toks[p.i] }

// at returns the token n after the current one.
func (p *parser) at(n int) *token {
	if p.i+n < len(p.toks) {
		return &p.toks[p.i+n]
	}
	return &p.toks[len(p.toks)-1]
}

// next moves on by n tokens, never past the first EOF.
func (p *parser) next(n int) {
	p.i = min(p.i+n, len(p.toks)-lookAhead)
}

func (p *parser) pos() ast.P { return p.posAt(p.cur()) }

// posAt is where t stands: everything stands in one place in a text that is put in there.
func (p *parser) posAt(t *token) ast.P {
	if p.inlined {
		return p.inlinedAt
	}
	if p.original != nil {
		return ast.P(p.original(int(t.off)))
	}
	return ast.P(t.off)
}

func (p *parser) atEOF() bool { return p.cur().kind == kEOF }

// end reports whether the statement ends here.
func (p *parser) end() bool { return p.atEOF() || p.isP(";") }

func (t *token) word(w string) bool { return t.kind == kWord && t.val == w }

func (t *token) punct(s string) bool { return t.kind == kPunct && t.val == s }

func (t *token) op(s string) bool { return t.kind == kOp && t.val == s }

// name reports whether t can be an identifier where a name is wanted for certain.
func (t *token) name() bool { return t.kind == kWord || t.kind == kQuoted }

// is reports whether the next tokens are these words.
func (p *parser) is(words ...string) bool {
	for n, w := range words {
		if !p.at(n).word(w) {
			return false
		}
	}
	return true
}

func (p *parser) isP(s string) bool { return p.cur().punct(s) }

func (p *parser) isOp(s string) bool { return p.cur().op(s) }

// accept moves past these words if they come next.
func (p *parser) accept(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.next(len(words))
	return true
}

func (p *parser) acceptP(s string) bool {
	if !p.isP(s) {
		return false
	}
	p.next(1)
	return true
}

func (p *parser) acceptOp(s string) bool {
	if !p.isOp(s) {
		return false
	}
	p.next(1)
	return true
}

// expect moves past these words or fails at the first that is not there.
func (p *parser) expect(words ...string) {
	for _, w := range words {
		if !p.cur().word(w) {
			p.fail("")
		}
		p.next(1)
	}
}

func (p *parser) expectP(s string) {
	if !p.acceptP(s) {
		p.fail("")
	}
}

func (p *parser) expectOp(s string) {
	if !p.acceptOp(s) {
		p.fail("")
	}
}

// skipStatement moves to the end of the statement, for those that are known but not done.
func (p *parser) skipStatement() {
	for !p.end() {
		p.next(1)
	}
}

package parse

import (
	"sort"
	"strconv"
	"strings"
	"sync"

	tidbparser "github.com/pingcap/tidb/pkg/parser"
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// word is one word of the core text. The list is all that the TiDB parser is ever shown, besides SELECT and commas.
type word uint8

const (
	wAtom    word = iota // aN: mark N
	wOpen                // (
	wClose               // )
	wPlus                // +
	wMinus               // -
	wStar                // *
	wSlash               // /
	wPercent             // %
	wCaret               // ^
	wEq                  // =
	wNe                  // <>
	wLt                  // <
	wGt                  // >
	wLe                  // <=
	wGe                  // >=
	wAnd
	wOr
	wNot
	wIn
	wBetween
	wBetweenAnd // the AND of BETWEEN
	wOther      // << carries every other operator: x << aOp << y
	wLike       // | carries LIKE and its kin: x | aLike | pattern | aEscape | e
	wIs         // <=> carries IS: x <=> aIs
)

var coreText = [...]string{
	wOpen: "(", wClose: ")", wPlus: "+", wMinus: "-", wStar: "*", wSlash: "/", wPercent: "%", wCaret: "^",
	wEq: "=", wNe: "<>", wLt: "<", wGt: ">", wLe: "<=", wGe: ">=", wAnd: "AND", wOr: "OR", wNot: "NOT",
	wIn: "IN", wBetween: "BETWEEN", wBetweenAnd: "AND", wOther: "<<", wLike: "|", wIs: "<=>",
}

// piece is a word of the core text with the token it stands for.
type piece struct {
	word word
	mark int32 // of an atom
	tok  int32
}

// markKind says what an atom stands for.
type markKind uint8

const (
	mOperand markKind = iota // node is a finished operand
	mQuant                   // node is a *ast.Quant that lacks its operator and left side
	mOp                      // node is a *ast.Binary that lacks its sides
	mLike                    // node is a *ast.Like that lacks its sides
	mEscape                  // stands between a pattern and its escape
	mIs                      // node is an *ast.Is that lacks its left side
	mIn                      // node is an *ast.In that lacks its left side
	mBetween                 // node is an *ast.Between that lacks all but its lower bound
)

// mark is what an atom stands for.
type mark struct {
	kind markKind
	tok  int32
	node ast.Expr
}

// entry is one expression of the core text.
type entry struct {
	dst      *ast.Expr // where its tree goes
	ops, end int32     // its plain operators in shaper.ops
}

// shaper collects what goes to TiDB.
type shaper struct {
	out     []piece // of the expressions being read, the innermost last
	marks   []mark
	entries []entry
	ops     []piece // plain operators of finished entries, in the order of the text
	text    []byte  // the core text
	starts  []start // where pieces begin in it
}

// start is the place of a piece in the core text.
type start struct{ off, tok int32 }

// ref is an expression that was read: its node, or its entry, counted from 1, when TiDB has yet to decide on it.
// The zero ref is no expression.
type ref struct {
	node  ast.Expr
	entry int32
}

func (p *parser) emit(w word, tok int) {
	p.out = append(p.out, piece{word: w, tok: int32(tok)})
}

func (p *parser) atom(k markKind, tok int, node ast.Expr) {
	p.out = append(p.out, piece{word: wAtom, mark: int32(len(p.marks)), tok: int32(tok)})
	p.marks = append(p.marks, mark{kind: k, tok: int32(tok), node: node})
}

// finish takes the pieces from base on as one expression. One operand, with signs or without, has no structure to
// decide; all else becomes an entry.
func (p *parser) finish(base int) ref {
	pcs := p.out[base:]
	p.out = p.out[:base]
	if e := p.signed(pcs); e != nil {
		return ref{node: e}
	}
	if len(p.text) == 0 {
		p.text = append(p.text, "SELECT "...)
	} else {
		p.text = append(p.text, ", "...)
	}
	e := entry{ops: int32(len(p.ops))}
	for _, pc := range pcs {
		p.starts = append(p.starts, start{int32(len(p.text)), pc.tok})
		switch {
		case pc.word == wAtom:
			p.text = append(p.text, 'a')
			p.text = strconv.AppendInt(p.text, int64(pc.mark), 10)
		default:
			p.text = append(p.text, coreText[pc.word]...)
			if pc.word >= wPlus && pc.word <= wNot {
				p.ops = append(p.ops, pc)
			}
		}
		p.text = append(p.text, ' ')
	}
	e.end = int32(len(p.ops))
	p.entries = append(p.entries, e)
	return ref{entry: int32(len(p.entries))}
}

// signed returns the tree of a lone operand behind any number of signs, nil for anything else.
func (p *parser) signed(pcs []piece) ast.Expr {
	last := len(pcs) - 1
	if pcs[last].word != wAtom || p.marks[pcs[last].mark].kind != mOperand {
		return nil
	}
	for _, pc := range pcs[:last] {
		if pc.word != wPlus && pc.word != wMinus {
			return nil
		}
	}
	e := p.marks[pcs[last].mark].node
	for i := last - 1; i >= 0; i-- {
		e = signOf(pcs[i].word, p.posOf(pcs[i].tok), e)
	}
	return e
}

// bind makes dst the place of the expression r.
func (p *parser) bind(r ref, dst *ast.Expr) {
	if r.entry == 0 {
		*dst = r.node
		return
	}
	*dst = pending
	p.entries[r.entry-1].dst = dst
}

// pending fills a place that waits for TiDB's tree, so that it is told from one that stays empty.
var pending ast.Expr = &ast.Default{}

// bindList turns expressions that were read into a list.
func (p *parser) bindList(rs []ref) []ast.Expr {
	l := make([]ast.Expr, len(rs))
	for i, r := range rs {
		p.bind(r, &l[i])
	}
	return l
}

func (p *parser) posOf(tok int32) ast.P { return p.posAt(&p.toks[tok]) }

// parsers holds idle TiDB parsers. They are not safe for use by two goroutines, and a tree is not independent of
// the parser it came from.
var parsers = sync.Pool{New: func() any { return tidbparser.New() }}

// maxPooled is the longest core text after which a parser is kept: its stacks never shrink.
const maxPooled = 64 << 10

// resolve hands the collected expressions to TiDB and puts the trees where they belong.
func (p *parser) resolve() {
	if len(p.entries) > 0 {
		p.resolveEntries()
	}
	clear(p.marks)
	clear(p.entries)
	p.out, p.marks, p.entries = p.out[:0], p.marks[:0], p.entries[:0]
	p.ops, p.text, p.starts = p.ops[:0], p.text[:0], p.starts[:0]
}

func (p *parser) resolveEntries() {
	tp := parsers.Get().(*tidbparser.Parser)
	stmts, _, err := tp.ParseSQL(string(p.text))
	if err != nil {
		p.failCore(err)
	}
	sel, ok := stmts[0].(*tidb.SelectStmt)
	if !ok || len(stmts) != 1 || sel.From != nil || len(sel.Fields.Fields) != len(p.entries) {
		panic("BUG: the core text was not read as a list of expressions")
	}
	for i, f := range sel.Fields.Fields {
		if f.AsName.O != "" || f.Expr == nil {
			panic("BUG: the core text was read with names in it")
		}
		e := &p.entries[i]
		c := converter{p: p, ops: p.ops[e.ops:e.end]}
		*e.dst = c.expr(f.Expr)
	}
	if len(p.text) <= maxPooled {
		parsers.Put(tp)
	}
}

// failCore reports what TiDB refused at the token it stopped at. Its message ends in
// near "<the rest of the text>" [(total length N)]: the length of the rest gives the place.
func (p *parser) failCore(err error) {
	msg, off := err.Error(), -1
	if _, rest, ok := strings.Cut(msg, `near "`); ok {
		if j := strings.LastIndex(rest, "(total length "); j >= 0 {
			if n, e := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest[j+14:]), ")")); e == nil {
				off = len(p.text) - n
			}
		} else if j := strings.LastIndexByte(rest, '"'); j >= 0 {
			off = len(p.text) - j
		}
	}
	if off < 0 {
		panic("BUG: cannot place the error of the expression grammar: " + msg)
	}
	k := sort.Search(len(p.starts), func(i int) bool { return int(p.starts[i].off) > off }) - 1
	if off >= len(p.text) || k < 0 {
		bail(sqlerr.At(len(p.src), sqlerr.SyntaxError, "syntax error at end of input"))
	}
	p.failAt(int(p.starts[k].tok), "Put parentheses around the operand.")
}

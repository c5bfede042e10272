package parse

import (
	"github.com/leatdb/leat/sql/sqlerr"
)

// bailout carries the first error from where it is found to the entry of the package, the only place that recovers
// it. A recursive descent that returned errors would be half checks.
type bailout struct{ err *sqlerr.Error }

// bail gives the text up with err.
func bail(err *sqlerr.Error) { panic(bailout{err}) }

// rescue turns a bailout into the error of an exported function; any other panic passes on.
func rescue(err *error) {
	switch r := recover().(type) {
	case nil:
	case bailout:
		*err = r.err
	default:
		panic(r)
	}
}

// fail reports a syntax error at the current token, with a hint unless it is empty.
func (p *parser) fail(hint string) { p.failAt(p.i, hint) }

// failAt reports a syntax error at token i.
func (p *parser) failAt(i int, hint string) {
	t := &p.toks[i]
	var e *sqlerr.Error
	if t.kind == kEOF {
		e = sqlerr.At(int(t.off), sqlerr.SyntaxError, "syntax error at end of input")
	} else {
		e = sqlerr.At(int(t.off), sqlerr.SyntaxError, "syntax error at or near \"%s\"", p.src[t.off:t.end])
	}
	e.Hint = hint
	bail(e)
}

// unsupported refuses what the grammar knows and Leat does not do, at token i.
func (p *parser) unsupported(i int, what string) {
	bail(sqlerr.At(int(p.toks[i].off), sqlerr.FeatureNotSupported, "%s not supported", what))
}

// maxDepth bounds how deep constructs nest, maxChain how long one left-deep chain of operators, joins or set
// operations may be, maxPostfix how many casts, subscripts and fields hang on one operand: whatever walks the tree
// recurses that deep.
const (
	maxDepth   = 400
	maxChain   = 10000
	maxPostfix = 1000
)

// enter goes one level deeper; every enter has its leave.
func (p *parser) enter() {
	p.depth++
	if p.depth > maxDepth {
		p.tooComplex()
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) tooComplex() {
	bail(sqlerr.At(int(p.cur().off), sqlerr.StatementTooComplex, "stack depth limit exceeded").
		WithHint("The statement is nested too deeply or chains too many operators."))
}

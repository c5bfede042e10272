package parse

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/ast"
)

// The binding powers of PostgreSQL's operators, loosest first. The climber below knows nothing of the core text: it is
// the second opinion on what TiDB made of it.
const (
	bpOr = iota + 1
	bpAnd
	bpNot
	bpIs
	bpCompare
	bpLike
	bpOther
	bpAdd
	bpMul
	bpPow
	bpSign
)

// climber is a precedence-climbing parser over blank-separated tokens that prints the tree as ast.Print does.
type climber struct {
	toks []string
	i    int
}

// refused is what climber panics with on a text that is no expression.
type refused struct{}

func climb(toks []string) (out string, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, is := r.(refused); !is {
				panic(r)
			}
			out, ok = "", false
		}
	}()
	c := &climber{toks: toks}
	out = c.expr(bpOr)
	return out, c.i == len(toks)
}

func (c *climber) cur() string {
	if c.i < len(c.toks) {
		return c.toks[c.i]
	}
	return ""
}

func (c *climber) accept(s string) bool {
	if c.cur() == s {
		c.i++
		return true
	}
	return false
}

func (c *climber) expect(s string) {
	if !c.accept(s) {
		panic(refused{})
	}
}

func (c *climber) prefix() string {
	t := c.cur()
	c.i++
	switch t {
	case "NOT":
		return "(NOT " + c.expr(bpNot) + ")"
	case "@":
		return "(@ " + c.expr(bpOther+1) + ")"
	case "-":
		return c.zone("(- " + c.signed() + ")")
	case "(":
		x := c.expr(bpOr)
		c.expect(")")
		return c.zone(c.cast(x))
	case "a", "b", "c", "d":
		return c.zone(c.cast(t))
	}
	panic(refused{})
}

// signed is what a sign takes: a primary, or another prefix operator.
func (c *climber) signed() string {
	switch t := c.cur(); t {
	case "-":
		c.i++
		return "(- " + c.signed() + ")"
	case "NOT", "@":
		return c.prefix()
	case "(":
		c.i++
		x := c.expr(bpOr)
		c.expect(")")
		return c.cast(x)
	case "a", "b", "c", "d":
		c.i++
		return c.cast(t)
	}
	panic(refused{})
}

func (c *climber) cast(x string) string {
	for c.accept("::int") {
		x = "(Cast x=" + x + " type=int)"
	}
	return x
}

func (c *climber) zone(x string) string {
	for c.accept("COLLATE k") {
		x = "(Collate x=" + x + " name=k)"
	}
	return x
}

var infixPower = map[string]int{
	"OR": bpOr, "AND": bpAnd, "IS NULL": bpIs, "IS DISTINCT FROM": bpIs, "=": bpCompare, "<": bpCompare,
	"LIKE": bpLike, "BETWEEN": bpLike, "IN (a)": bpLike, "||": bpOther, "@>": bpOther, "@": bpOther,
	"+": bpAdd, "-": bpAdd, "*": bpMul, "/": bpMul, "%": bpMul, "^": bpPow,
}

// expr reads an expression whose operators bind at least as tight as floor. open is the power of the operator read
// last when its right operand just ended: operators that do not associate may not meet.
func (c *climber) expr(floor int) string {
	l, open := c.prefix(), 0
	for {
		op := c.cur()
		bp := infixPower[op]
		if bp == 0 || bp < floor {
			return l
		}
		if open == bp && (bp == bpIs || bp == bpCompare || bp == bpLike) {
			panic(refused{})
		}
		c.i++
		open = bp
		switch op {
		case "IS NULL":
			l, open = "(Is what=NULL x="+l+")", 0
		case "IN (a)":
			l, open = "(In x="+l+" list=[a])", 0
		case "IS DISTINCT FROM":
			l = "(Is what=DISTINCT x=" + l + " y=" + c.expr(bp+1) + ")"
		case "LIKE":
			l = "(Like op=LIKE x=" + l + " pat=" + c.expr(bp+1) + ")"
		case "BETWEEN":
			l = "(Between x=" + l + " lo=" + c.low() + " hi="
			c.expect("AND")
			l += c.expr(bp+1) + ")"
		default:
			l = "(" + op + " " + l + " " + c.expr(bp+1) + ")"
		}
	}
}

// low is the lower bound of BETWEEN; the test keeps it to what PostgreSQL's b_expr and a_expr read alike.
func (c *climber) low() string { return c.expr(bpOther) }

func randomExpr(r *rand.Rand) []string {
	operands := []string{"a", "b", "c", "d", "a", "b", "- a", "- - b", "@ c", "NOT d", "- @ a", "a ::int", "- b ::int",
		"c COLLATE~k", "- d COLLATE~k"}
	ops := []string{"OR", "AND", "IS~NULL", "IS~DISTINCT~FROM", "=", "<", "LIKE", "IN~(a)", "||", "@>", "+", "-", "*",
		"/", "%", "^", "AND~NOT", "OR~NOT", "BETWEEN"}
	open := []string{"||", "=", "+", "^", "LIKE", "AND", "IS~DISTINCT~FROM"}
	var b strings.Builder
	depth := 0
	for n := 1 + r.IntN(7); ; n-- {
		if r.IntN(8) == 0 && n > 1 {
			b.WriteString("( ")
			depth++
		}
		b.WriteString(operands[r.IntN(len(operands))] + " ")
		if depth > 0 && r.IntN(3) == 0 {
			b.WriteString(") ")
			depth--
		}
		if n == 0 {
			break
		}
		op := ops[r.IntN(len(ops))]
		switch op {
		case "BETWEEN":
			b.WriteString("BETWEEN a + b AND ")
		case "AND~NOT", "OR~NOT":
			b.WriteString(strings.Replace(op, "~", " ", 1) + " ")
		case "IS~NULL", "IN~(a)":
			b.WriteString(op + " " + open[r.IntN(len(open))] + " ")
		default:
			b.WriteString(op + " ")
		}
	}
	b.WriteString(strings.Repeat(") ", depth))
	toks := strings.Fields(b.String())
	for i := range toks {
		toks[i] = strings.ReplaceAll(toks[i], "~", " ")
	}
	return toks
}

// TestPrecedence compares the trees of random expressions with those of the climber.
func TestPrecedence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 10000 {
		toks := randomExpr(r)
		text := strings.Join(toks, " ")
		want, ok := climb(toks)
		e, err := Expr(text)
		if ok != (err == nil) {
			t.Fatalf("%s\nparse: %v\nclimber accepts: %v", text, err, ok)
		}
		if !ok {
			continue
		}
		accepted++
		if got := strings.ReplaceAll(strings.Join(strings.Fields(ast.Print(e)), " "), "[ ", "["); got != want {
			t.Fatalf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	if accepted < 3000 {
		t.Errorf("only %d of the expressions were accepted", accepted)
	}
}

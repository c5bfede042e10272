package parse

import (
	"maps"
	"sort"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// WithVariables is Parse of a text in which ${name} stands for the value of a variable: what DEFINE in the text itself
// sets holds from there on. Positions are those of text; the texts of statements and queries have the values in them.
func WithVariables(text string, vars map[string]string) (stmts []Statement, err error) {
	if !strings.Contains(text, "${") {
		return Parse(text)
	}
	defer rescue(&err)
	x := &expander{src: text, vars: maps.Clone(vars)}
	if x.vars == nil {
		x.vars = map[string]string{}
	}
	x.run()
	if len(x.puts) == 0 {
		return Parse(text)
	}
	stmts, err = parseAll(x.out.String(), x.original)
	if err != nil {
		e := *sqlerr.From(err)
		e.Offset = x.original(e.Offset)
		return nil, &e
	}
	return stmts, nil
}

// expander puts the values of variables into a text.
type expander struct {
	src   string
	i     int
	out   strings.Builder
	vars  map[string]string
	puts  []put
	start int // of the statement, in out
}

// put is a value that was put in: it stands at [at, end) of what came out, for [off, offEnd) of the text.
type put struct{ at, end, off, offEnd int }

// original gives the place in the text of an offset in what came out.
func (x *expander) original(off int) int {
	n := sort.Search(len(x.puts), func(i int) bool { return x.puts[i].at > off })
	if n == 0 {
		return off
	}
	p := x.puts[n-1]
	if off < p.end {
		return p.off
	}
	return p.offEnd + off - p.end
}

// run copies the text, statement by statement.
func (x *expander) run() {
	for x.i < len(x.src) {
		c := x.src[x.i]
		rest := x.src[x.i:]
		switch {
		case strings.HasPrefix(rest, "--"):
			x.copy(lineEnd(rest))
		case strings.HasPrefix(rest, "/*"):
			x.copy(commentEnd(rest))
		case c == '\'', c == '"', c == '`':
			x.quoted(c)
		case c == '$' && strings.HasPrefix(rest, "${"):
			x.variable(true)
		case c == '$':
			x.copy(dollarEnd(rest))
		case c == ';':
			x.defined()
			x.copy(1)
			x.start = x.out.Len()
		default:
			x.copy(1)
		}
	}
}

func (x *expander) copy(n int) {
	x.out.WriteString(x.src[x.i : x.i+n])
	x.i += n
}

// quoted copies a string or a quoted name; a variable that is defined stands for its value there too.
func (x *expander) quoted(quote byte) {
	x.copy(1)
	for x.i < len(x.src) {
		switch {
		case x.src[x.i] == quote:
			x.copy(1)
			return
		case strings.HasPrefix(x.src[x.i:], "${"):
			x.variable(false)
		default:
			x.copy(1)
		}
	}
}

// variable puts in the value of the variable that is named here. Outside of quotes one that is not defined is an error.
func (x *expander) variable(must bool) {
	end := strings.IndexByte(x.src[x.i:], '}')
	name := ""
	if end > 0 {
		name = lower(strings.TrimSpace(x.src[x.i+2 : x.i+end]))
	}
	value, ok := x.vars[name]
	switch {
	case !ok && must && name != "":
		bail(sqlerr.At(x.i, sqlerr.UndefinedObject, "variable \"%s\" is not defined", name).
			WithHint("DEFINE %s = 'value';", name))
	case !ok:
		x.copy(2)
		return
	}
	at := x.out.Len()
	x.out.WriteString(value)
	x.puts = append(x.puts, put{at, x.out.Len(), x.i, x.i + end + 1})
	x.i += end + 1
}

// defined notes what a DEFINE or UNDEFINE that ends here sets.
func (x *expander) defined() {
	text := strings.TrimSpace(x.out.String()[x.start:])
	if verb := lower(strings.SplitN(text+" ", " ", 2)[0]); verb != "define" && verb != "undefine" {
		return
	}
	stmts, err := Parse(text)
	if err != nil || len(stmts) != 1 {
		return // the error comes when the whole is parsed
	}
	applyDefine(stmts[0], x.vars)
}

func lineEnd(s string) int {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return i
	}
	return len(s)
}

// commentEnd gives the length of a block comment; they nest.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			if depth--; depth == 0 {
				return i + 2
			}
			i++
		}
	}
	return len(s)
}

// dollarEnd gives the length of a dollar-quoted string, or of what else begins with a dollar.
func dollarEnd(s string) int {
	i := 1
	for i < len(s) && isWordPart(s[i]) && s[i] != '$' {
		i++
	}
	if i == len(s) || s[i] != '$' {
		return i
	}
	tag := s[:i+1]
	if n := strings.Index(s[len(tag):], tag); n >= 0 {
		return len(tag) + n + len(tag)
	}
	return len(s)
}

package jsonpath

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// parser reads a path by recursive descent, one token ahead.
type parser struct {
	scanner
	tok    token
	before int // where the token before tok ended
	depth  int
	in     []bool // the filters (true) and subscripts (false) around

	canonical func(number string) (string, error)
}

// maxDepth bounds the nesting of a path.
const maxDepth = 500

// Parse reads a path. number brings a number to its canonical form.
func Parse(text string, number func(string) (string, error)) (*Path, error) {
	p := &parser{scanner: scanner{text: text}, canonical: number}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tEnd {
		return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type jsonpath: \"%s\"", text)
	}
	path := &Path{}
	if p.word("strict") || p.word("lax") {
		path.Strict = p.word("strict")
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	var err error
	if path.Root, err = p.or(); err == nil && p.tok.kind != tEnd {
		err = p.unexpected()
	}
	return path, err
}

func (p *parser) advance() (err error) {
	p.before = p.tok.end
	p.tok, err = p.next()
	return err
}

func (p *parser) unexpected() error {
	return p.fail(strings.TrimLeft(p.text[p.before:p.tok.end], " \t\n\r\f"))
}

func (p *parser) op(text string) bool { return p.tok.kind == tOp && p.tok.text == text }

// word reports whether the token at hand is a keyword.
func (p *parser) word(text string) bool {
	return p.tok.kind == tName && strings.EqualFold(p.tok.text, text)
}

func (p *parser) expect(op string) error {
	if !p.op(op) {
		return p.unexpected()
	}
	return p.advance()
}

func (p *parser) expectWord(word string) error {
	if !p.word(word) {
		return p.unexpected()
	}
	return p.advance()
}

// chain reads operands joined by an operator of conditions.
func (p *parser) chain(op string, kind Kind, operand func() (*Item, error)) (*Item, error) {
	x, err := operand()
	for err == nil && p.op(op) {
		if !x.predicate() {
			return nil, p.unexpected()
		}
		if err = p.advance(); err != nil {
			break
		}
		var y *Item
		if y, err = operand(); err == nil && !y.predicate() {
			err = p.unexpected()
		}
		x = &Item{Kind: kind, Args: []*Item{x, y}}
	}
	return x, err
}

func (p *parser) or() (*Item, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded")
	}
	defer func() { p.depth-- }()
	return p.chain("||", Or, func() (*Item, error) { return p.chain("&&", And, p.condition) })
}

// condition reads a comparison or another test, or what is none: a value.
func (p *parser) condition() (*Item, error) {
	if p.op("!") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.op("(") && !p.word("exists") {
			return nil, p.unexpected()
		}
		x, err := p.sum()
		if err == nil && !x.predicate() {
			err = p.unexpected()
		}
		return &Item{Kind: Not, Args: []*Item{x}}, err
	}
	x, err := p.sum()
	if err != nil || x.predicate() {
		return x, err
	}
	switch {
	case p.tok.kind == tOp && slices.Contains([]string{"==", "!=", "<>", "<", "<=", ">", ">="}, p.tok.text):
		op := p.tok.text
		if op == "<>" {
			op = "!="
		}
		if err = p.advance(); err != nil {
			return nil, err
		}
		y, err := p.sum()
		if err == nil && y.predicate() {
			err = p.unexpected()
		}
		return &Item{Kind: Compare, Text: op, Args: []*Item{x, y}}, err
	case p.word("starts"):
		return p.startsWith(x)
	case p.word("like_regex"):
		return p.likeRegex(x)
	}
	return x, nil
}

func (p *parser) startsWith(x *Item) (*Item, error) {
	err := p.advance()
	if err == nil {
		err = p.expectWord("with")
	}
	y := &Item{Kind: String, Text: p.tok.text}
	switch {
	case err != nil:
		return nil, err
	case p.tok.kind == tVariable:
		y.Kind = Variable
	case p.tok.kind != tString:
		return nil, p.unexpected()
	}
	return &Item{Kind: StartsWith, Args: []*Item{x, y}}, p.advance()
}

func (p *parser) likeRegex(x *Item) (*Item, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	i := &Item{Kind: LikeRegex, Text: p.tok.text, Args: []*Item{x}}
	if p.tok.kind != tString {
		return nil, p.unexpected()
	}
	if err := p.advance(); err != nil || !p.word("flag") {
		return i, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != tString {
		return nil, p.unexpected()
	}
	given := p.tok.text
	for k := range given {
		switch given[k] {
		case 'i', 's', 'm', 'q':
		case 'x':
			if !strings.Contains(given, "q") {
				return nil, sqlerr.New(sqlerr.FeatureNotSupported,
					"XQuery \"x\" flag (expanded regular expressions) is not implemented")
			}
		default:
			return nil, sqlerr.New(sqlerr.SyntaxError, "invalid input syntax for type jsonpath").
				WithDetail("Unrecognized flag character \"%s\" in LIKE_REGEX predicate.", given[k:k+1])
		}
	}
	for _, f := range "ismxq" {
		if strings.ContainsRune(given, f) {
			i.Flags += string(f)
		}
	}
	return i, p.advance()
}

func (p *parser) sum() (*Item, error) {
	return p.arith([]string{"+", "-"}, func() (*Item, error) { return p.arith([]string{"*", "/", "%"}, p.unary) })
}

// arith reads operands joined by operators of numbers.
func (p *parser) arith(ops []string, operand func() (*Item, error)) (*Item, error) {
	x, err := operand()
	for err == nil && p.tok.kind == tOp && slices.Contains(ops, p.tok.text) && !x.predicate() {
		op := p.tok.text
		if err = p.advance(); err != nil {
			break
		}
		var y *Item
		if y, err = operand(); err == nil && y.predicate() {
			err = p.unexpected()
		}
		x = &Item{Kind: Arith, Text: op, Args: []*Item{x, y}}
	}
	return x, err
}

func (p *parser) unary() (*Item, error) {
	if !p.op("+") && !p.op("-") {
		return p.accessors()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded")
	}
	defer func() { p.depth-- }()
	sign := p.tok.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	x, err := p.unary()
	switch {
	case err != nil:
		return nil, err
	case x.predicate():
		return nil, p.unexpected()
	case x.Kind == Number && x.Next == nil && sign == "+":
		return x, nil
	case x.Kind == Number && x.Next == nil:
		if text, ok := strings.CutPrefix(x.Text, "-"); ok {
			x.Text = text
		} else if strings.Trim(x.Text, "0.") != "" {
			x.Text = "-" + x.Text
		}
		return x, nil
	}
	return &Item{Kind: Sign, Text: sign, Args: []*Item{x}}, nil
}

// accessors reads a primary and what is applied to it.
func (p *parser) accessors() (*Item, error) {
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	last := x
	for last.Next != nil {
		last = last.Next
	}
	for {
		var next *Item
		switch {
		case p.op("."):
			next, err = p.member()
		case p.op("["):
			next, err = p.subscripts()
		case p.op("?"):
			next, err = p.filter()
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
		last.Next, last = next, next
	}
}

func (p *parser) primary() (*Item, error) {
	i := &Item{Text: p.tok.text}
	switch {
	case p.op("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		x, err := p.or()
		if err == nil {
			err = p.expect(")")
		}
		if err != nil || !x.predicate() || !p.word("is") {
			return x, err
		}
		if err = p.advance(); err == nil {
			err = p.expectWord("unknown")
		}
		return &Item{Kind: IsUnknown, Args: []*Item{x}}, err
	case p.tok.kind == tString:
		i.Kind = String
	case p.tok.kind == tVariable:
		i.Kind = Variable
	case p.tok.kind == tNumber:
		var err error
		i.Kind = Number
		if i.Text, err = p.canonical(i.Text); err != nil {
			return nil, err
		}
	case p.op("$"):
		i.Kind = Root
	case p.op("@"):
		if !slices.Contains(p.in, true) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "@ is not allowed in root expressions")
		}
		i.Kind = Current
	case p.word("last"):
		if !slices.Contains(p.in, false) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "LAST is allowed only in array subscripts")
		}
		i.Kind = Last
	case p.tok.kind == tName && i.Text == "null":
		i.Kind = Null
	case p.tok.kind == tName && i.Text == "true":
		i.Kind = True
	case p.tok.kind == tName && i.Text == "false":
		i.Kind = False
	case p.word("exists"):
		return p.exists()
	default:
		return nil, p.unexpected()
	}
	return i, p.advance()
}

func (p *parser) exists() (*Item, error) {
	err := p.advance()
	if err == nil {
		err = p.expect("(")
	}
	if err != nil {
		return nil, err
	}
	x, err := p.sum()
	if err == nil && x.predicate() {
		err = p.unexpected()
	}
	if err == nil {
		err = p.expect(")")
	}
	return &Item{Kind: Exists, Args: []*Item{x}}, err
}

// methods are the item methods; that of datetime, which takes a pattern, is refused when it runs.
var methods = []string{"abs", "size", "type", "floor", "double", "ceiling", "keyvalue", "datetime"}

// member reads what follows a point.
func (p *parser) member() (*Item, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	name := p.tok
	switch {
	case p.op("*"):
		return &Item{Kind: AnyKey}, p.advance()
	case p.op("**"):
		return p.anyLevel()
	case name.kind != tName && name.kind != tString:
		return nil, p.unexpected()
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	method := strings.ToLower(name.text)
	if name.kind == tString || !p.op("(") || !slices.Contains(methods, method) {
		return &Item{Kind: Key, Text: name.text}, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	i := &Item{Kind: Method, Text: method}
	if method == "datetime" && p.tok.kind == tString {
		i.Args = []*Item{{Kind: String, Text: p.tok.text}}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	return i, p.expect(")")
}

func (p *parser) anyLevel() (*Item, error) {
	i := &Item{Kind: AnyLevel, To: LastLevel}
	if err := p.advance(); err != nil || !p.op("{") {
		return i, err
	}
	err := p.advance()
	if err == nil {
		i.From, err = p.level()
	}
	if i.To = i.From; err == nil && p.word("to") {
		if err = p.advance(); err == nil {
			i.To, err = p.level()
		}
	}
	if err != nil {
		return nil, err
	}
	return i, p.expect("}")
}

func (p *parser) level() (uint32, error) {
	if p.word("last") {
		return LastLevel, p.advance()
	}
	n, err := strconv.ParseUint(p.tok.text, 10, 31)
	if err != nil || p.tok.kind != tNumber || n > math.MaxInt32 {
		return 0, p.unexpected()
	}
	return uint32(n), p.advance()
}

func (p *parser) subscripts() (*Item, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.op("*") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		return &Item{Kind: AnyElement}, p.expect("]")
	}
	p.in = append(p.in, false)
	defer func() { p.in = p.in[:len(p.in)-1] }()
	i := &Item{Kind: Subscript}
	for {
		from, err := p.sum()
		var to *Item
		if err == nil && p.word("to") {
			if err = p.advance(); err == nil {
				to, err = p.sum()
			}
		}
		switch {
		case err != nil:
			return nil, err
		case from.predicate() || to != nil && to.predicate():
			return nil, p.unexpected()
		}
		i.Subs = append(i.Subs, [2]*Item{from, to})
		if !p.op(",") {
			return i, p.expect("]")
		}
		if err = p.advance(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) filter() (*Item, error) {
	err := p.advance()
	if err == nil {
		err = p.expect("(")
	}
	if err != nil {
		return nil, err
	}
	p.in = append(p.in, true)
	x, err := p.or()
	p.in = p.in[:len(p.in)-1]
	switch {
	case err != nil:
		return nil, err
	case !x.predicate():
		return nil, p.unexpected()
	}
	return &Item{Kind: Filter, Args: []*Item{x}}, p.expect(")")
}

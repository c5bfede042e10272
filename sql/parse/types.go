package parse

import (
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// typeName reads a type: PostgreSQL's names of one or more words with modifiers and [], and ksqlDB's ARRAY<…>, MAP<…>
// and STRUCT<…>.
func (p *parser) typeName() *ast.Type {
	p.enter()
	t := p.typeHead()
	for n := 0; ; n++ {
		if n > maxDepth {
			p.tooComplex()
		}
		switch {
		case p.isP("[") && p.at(1).punct("]"):
			p.next(2)
		case p.isP("[") && p.at(1).kind == kNumber && p.at(2).punct("]"):
			p.next(3)
		case p.is("array"):
			p.next(1)
			if p.isP("[") && p.at(1).kind == kNumber && p.at(2).punct("]") {
				p.next(3)
			}
		default:
			p.leave()
			return t
		}
		t = &ast.Type{P: t.P, Name: []string{"array"}, Elem: t}
	}
}

func (p *parser) typeHead() *ast.Type {
	t := &ast.Type{P: p.pos()}
	if n := p.at(1); n.kind == kOp && n.val[0] == '<' {
		switch {
		case p.accept("array"):
			p.angle('<')
			t.Name, t.Elem = []string{"array"}, p.typeName()
			p.angle('>')
			return t
		case p.accept("map"):
			p.angle('<')
			t.Name, t.Key = []string{"map"}, p.typeName()
			p.expectP(",")
			t.Elem = p.typeName()
			p.angle('>')
			return t
		case p.accept("struct"):
			p.structType(t)
			return t
		}
	}
	c := p.cur()
	if c.kind == kWord && multiWord(c.val) {
		p.multiWordType(t)
		return t
	}
	if c.kind == kWord && (c.val == "setof" && p.at(1).name() || c.val == "null" || c.val == "default") {
		p.fail("")
	}
	t.Name = p.nameParts()
	t.Quoted = p.toks[p.i-1].kind == kQuoted
	if p.isOp("%") && p.at(1).word("type") {
		p.unsupported(p.i, "%TYPE is")
	}
	if p.isP("(") {
		t.Args = p.typeArgs()
	}
	return t
}

// angle takes one < or > off the current token, which may hold more of them: >> closes two types, <> opens and closes.
func (p *parser) angle(c byte) {
	t := p.cur()
	if t.kind != kOp || t.val[0] != c || p.src[t.off] != c {
		p.fail("")
	}
	if len(t.val) == 1 {
		p.next(1)
		return
	}
	t.val = t.val[1:]
	t.off++
}

func (p *parser) structType(t *ast.Type) {
	t.Name = []string{"struct"}
	p.angle('<')
	for !(p.cur().kind == kOp && p.cur().val[0] == '>') {
		f := ast.FieldDef{P: p.pos(), Name: p.ident()}
		p.acceptP(":")
		f.Type = p.typeName()
		t.Fields = append(t.Fields, f)
		if !p.acceptP(",") {
			break
		}
	}
	p.angle('>')
}

// typeArgs reads (10, 2).
func (p *parser) typeArgs() []int {
	p.expectP("(")
	var l []int
	if p.is("string") && p.at(1).punct(")") { // ksqlDB's VARCHAR(STRING) is VARCHAR
		p.next(2)
		return nil
	}
	for {
		sign := 1
		if p.acceptOp("-") {
			sign = -1
		}
		t := p.cur()
		if t.kind != kNumber {
			p.fail("")
		}
		n, err := strconv.Atoi(strings.ReplaceAll(t.val, "_", ""))
		if err != nil {
			bail(sqlerr.At(int(t.off), sqlerr.InvalidParameterValue, "invalid type modifier \"%s\"", t.val))
		}
		l = append(l, sign*n)
		p.next(1)
		if !p.acceptP(",") {
			break
		}
	}
	p.expectP(")")
	return l
}

// multiWord reports whether a word may begin a type's name of several words.
func multiWord(word string) bool {
	switch word {
	case "double", "character", "char", "national", "nchar", "bit", "timestamp", "time", "interval":
		return true
	}
	return false
}

func (p *parser) multiWordType(t *ast.Type) {
	name := p.ident()
	switch name {
	case "double":
		if p.accept("precision") {
			name = "double precision"
		}
	case "national":
		if !p.is("character") && !p.is("char") {
			break
		}
		name = p.ident()
		fallthrough
	case "character", "char", "nchar", "bit":
		if name == "nchar" {
			name = "char"
		}
		if p.accept("varying") {
			name += " varying"
		}
	case "timestamp", "time":
		if p.isP("(") {
			t.Args = p.typeArgs()
		}
		if p.accept("with", "time", "zone") {
			name += " with time zone"
		} else {
			p.accept("without", "time", "zone")
		}
	case "interval":
		if p.isP("(") {
			t.Args = p.typeArgs()
		}
		p.intervalFields(t)
	}
	t.Name = []string{name}
	if t.Args == nil && p.isP("(") {
		t.Args = p.typeArgs()
	}
}

// typeEnd returns the index of the token behind the multi-word type that starts here, -1 when there is none.
func (p *parser) typeEnd() int {
	i := p.i + 1
	skip := func(words ...string) {
		for n, w := range words {
			if !p.toks[i+n].word(w) {
				return
			}
		}
		i += len(words)
	}
	args := func() {
		if t := &p.toks[i]; t.punct("(") && t.match >= 0 {
			i = int(t.match) + 1
		}
	}
	switch p.cur().val {
	case "double":
		skip("precision")
	case "timestamp", "time":
		args()
		skip("with", "time", "zone")
		skip("without", "time", "zone")
	case "interval":
		return -1
	default:
		skip("character")
		skip("char")
		skip("varying")
		args()
	}
	return i
}

// intervalFields reads YEAR, DAY TO SECOND(3) and their like behind INTERVAL.
func (p *parser) intervalFields(t *ast.Type) {
	if !p.intervalField() {
		return
	}
	t.Interval = upper(p.ident())
	if p.accept("to") {
		if !p.intervalField() {
			p.fail("")
		}
		t.Interval += " TO " + upper(p.ident())
	}
	if strings.HasSuffix(t.Interval, "SECOND") && p.isP("(") {
		t.Args = p.typeArgs()
	}
}

func (p *parser) intervalField() bool {
	t := p.cur()
	if t.kind != kWord {
		return false
	}
	switch t.val {
	case "year", "month", "day", "hour", "minute", "second":
		return true
	}
	return false
}

// upper returns a folded word in upper case, for the constants of package ast.
func upper(word string) string { return strings.ToUpper(word) }

package parse

import (
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// createSequence reads CREATE [TEMP] SEQUENCE from its noun on.
func (p *parser) createSequence(first int, temp bool) ast.Stmt {
	s := &ast.CreateSequence{P: p.posAt(&p.toks[first]), Temp: temp}
	p.expect("sequence")
	s.IfNotExists = p.ifNotExists()
	s.Name = p.name()
	p.sequenceOptions(&s.Options)
	return s
}

// alterSequence reads ALTER SEQUENCE. Its name and its owner change as those of a table do.
func (p *parser) alterSequence() ast.Stmt {
	s := &ast.AlterSequence{P: p.pos()}
	p.next(2)
	s.IfExists = p.accept("if", "exists")
	s.Name = p.name()
	if p.is("rename", "to") || p.is("owner", "to") {
		return &ast.Alter{P: s.P, What: "SEQUENCE", IfExists: s.IfExists, Name: s.Name,
			Actions: []*ast.AlterAction{p.alterAction(s.Name)}}
	}
	if p.is("set") {
		p.unsupported(p.i, upper(p.cur().val)+" "+upper(p.at(1).val)+" of ALTER SEQUENCE is")
	}
	if p.end() {
		p.fail("")
	}
	p.sequenceOptions(&s.Options)
	return s
}

// sequenceWords begin the options of a sequence.
var sequenceWords = map[string]bool{"as": true, "increment": true, "minvalue": true, "maxvalue": true, "no": true,
	"start": true, "restart": true, "cache": true, "cycle": true, "owned": true}

// identityOptions reads the options of an identity column in parentheses, if there are any.
func (p *parser) identityOptions() *ast.SequenceOptions {
	if !p.acceptP("(") {
		return nil
	}
	o := &ast.SequenceOptions{P: p.pos()}
	if p.isP(")") {
		p.fail("")
	}
	p.sequenceOptions(o)
	p.expectP(")")
	return o
}

// alterIdentity reads what ALTER COLUMN does to an identity column: SET GENERATED, SET option, RESTART.
func (p *parser) alterIdentity(a *ast.AlterAction) {
	a.Do, a.Def = "SET IDENTITY", &ast.ColumnDef{P: p.pos(), Name: a.Column, Numbers: &ast.SequenceOptions{P: p.pos()}}
	for {
		switch {
		case p.accept("set", "generated"):
			if a.Def.Identity = "ALWAYS"; !p.accept("always") {
				a.Def.Identity = "BY DEFAULT"
				p.expect("by", "default")
			}
		case p.is("restart"):
			p.sequenceOption(a.Def.Numbers)
		case p.is("set") && p.at(1).kind == kWord && sequenceWords[p.at(1).val]:
			p.next(1)
			p.sequenceOption(a.Def.Numbers)
		default:
			return
		}
	}
}

func (p *parser) sequenceOptions(o *ast.SequenceOptions) {
	o.P = p.pos()
	for p.cur().kind == kWord && sequenceWords[p.cur().val] {
		p.sequenceOption(o)
	}
}

// sequenceOption reads one option. One that is given twice is refused.
func (p *parser) sequenceOption(o *ast.SequenceOptions) {
	pos := int(p.cur().off)
	once := func(had bool) {
		if had {
			bail(sqlerr.At(pos, sqlerr.SyntaxError, "conflicting or redundant options"))
		}
	}
	switch {
	case p.accept("as"):
		once(o.Type != nil)
		o.Type = p.typeName()
	case p.accept("increment"):
		once(o.Step != nil)
		p.accept("by")
		o.Step = p.bigint()
	case p.accept("minvalue"):
		once(o.Min != nil || o.NoMin)
		o.Min = p.bigint()
	case p.accept("maxvalue"):
		once(o.Max != nil || o.NoMax)
		o.Max = p.bigint()
	case p.accept("no", "minvalue"):
		once(o.Min != nil || o.NoMin)
		o.NoMin = true
	case p.accept("no", "maxvalue"):
		once(o.Max != nil || o.NoMax)
		o.NoMax = true
	case p.is("cycle"), p.is("no", "cycle"):
		once(o.Cycle != nil)
		cycle := !p.accept("no")
		p.next(1)
		o.Cycle = &cycle
	case p.accept("cache"):
		once(o.Cache != nil)
		o.Cache = p.bigint()
	case p.accept("start"):
		once(o.Start != nil)
		p.accept("with")
		o.Start = p.bigint()
	case p.accept("restart"):
		once(o.Restart)
		o.Restart = true
		if p.accept("with") || p.cur().kind == kNumber || p.isOp("-") || p.isOp("+") {
			o.RestartWith = p.bigint()
		}
	case p.accept("owned", "by"):
		once(o.Owner != nil || o.NoOwner)
		if p.is("none") && !p.at(1).punct(".") {
			p.next(1)
			o.NoOwner = true
			return
		}
		n := p.name()
		o.Owner = &n
	default:
		p.fail("")
	}
}

// bigint reads a number of 8 bytes.
func (p *parser) bigint() *int64 {
	sign := ""
	if p.acceptOp("-") {
		sign = "-"
	} else {
		p.acceptOp("+")
	}
	t := p.cur()
	if t.kind != kNumber {
		p.fail("")
	}
	text := sign + strings.ReplaceAll(t.val, "_", "")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		bail(sqlerr.New(sqlerr.NumericValueOutOfRange, "value \"%s\" is out of range for type bigint", text))
	}
	p.next(1)
	return &n
}

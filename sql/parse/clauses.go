package parse

import (
	"strconv"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// duration reads a count and a unit: 10 SECONDS.
func (p *parser) duration() *ast.Duration {
	d := &ast.Duration{P: p.pos()}
	sign := ""
	if p.acceptOp("-") {
		sign = "-"
	}
	t := p.cur()
	if t.kind != kNumber {
		p.fail("A duration is a number and a unit, such as 10 SECONDS.")
	}
	n, err := strconv.ParseInt(sign+t.val, 10, 64)
	if err != nil {
		bail(sqlerr.At(int(d.P), sqlerr.SyntaxError, "invalid duration at or near \"%s\"", t.val).
			WithHint("A duration is a whole number and a unit, such as 10 SECONDS."))
	}
	d.N = n
	p.next(1)
	if d.Unit = unit(p.cur()); d.Unit == "" {
		p.fail("The units are MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS and YEARS.")
	}
	p.next(1)
	return d
}

// unit returns a unit of time in singular and upper case, "" for another word.
func unit(t *token) string {
	if t.kind != kWord {
		return ""
	}
	switch t.val {
	case "millisecond", "milliseconds":
		return "MILLISECOND"
	case "second", "seconds":
		return "SECOND"
	case "minute", "minutes":
		return "MINUTE"
	case "hour", "hours":
		return "HOUR"
	case "day", "days":
		return "DAY"
	case "week", "weeks":
		return "WEEK"
	case "month", "months":
		return "MONTH"
	case "year", "years":
		return "YEAR"
	}
	return ""
}

// within reads WITHIN d | (before, after) [GRACE PERIOD d].
func (p *parser) within() *ast.Within {
	w := &ast.Within{P: p.pos()}
	p.next(1)
	if p.acceptP("(") {
		w.Before = p.duration()
		p.expectP(",")
		w.After = p.duration()
		p.expectP(")")
	} else {
		w.Before = p.duration()
	}
	if p.accept("grace", "period") {
		w.Grace = p.duration()
	}
	return w
}

// streamWindowAhead reports whether WINDOW [name] TUMBLING | HOPPING | SESSION ( comes.
func (p *parser) streamWindowAhead() bool {
	return p.streamWindowKind() > 0
}

// streamWindowKind returns how far ahead the kind of the window stands, 0 when this is no such clause.
func (p *parser) streamWindowKind() int {
	for n := 1; n <= 2; n++ {
		t := p.at(n)
		if (t.word("tumbling") || t.word("hopping") || t.word("session")) && p.at(n+1).punct("(") {
			return n
		}
		if !t.name() {
			return 0
		}
	}
	return 0
}

// streamWindow reads ksqlDB's WINDOW clause if it comes. A name in front of the kind is allowed and says nothing.
func (p *parser) streamWindow(s *ast.Select) {
	if !p.is("window") || !p.streamWindowAhead() {
		return
	}
	w := &ast.StreamWindow{P: p.pos()}
	n := p.streamWindowKind()
	w.Kind = upper(p.at(n).val)
	p.next(n + 2)
	if w.Kind != "SESSION" {
		if !p.is("size") {
			p.fail("A " + w.Kind + " window begins with SIZE and a duration.")
		}
		p.next(1)
	}
	w.Size = p.duration()
	for p.acceptP(",") {
		switch {
		case p.is("advance", "by") && w.Kind == "HOPPING" && w.Advance == nil:
			p.next(2)
			w.Advance = p.duration()
		case p.is("retention") && w.Retention == nil:
			p.next(1)
			w.Retention = p.duration()
		case p.is("grace", "period") && w.Grace == nil:
			p.next(2)
			w.Grace = p.duration()
		default:
			p.fail("What may follow is ADVANCE BY (of a HOPPING window), RETENTION and GRACE PERIOD, each once.")
		}
	}
	if w.Kind == "HOPPING" && w.Advance == nil {
		p.fail("A HOPPING window needs ADVANCE BY and a duration.")
	}
	p.expectP(")")
	s.Window = w
}

// props reads ( key = value, … ).
func (p *parser) props() []ast.Prop {
	p.expectP("(")
	var l []ast.Prop
	for more := !p.isP(")"); more; more = p.acceptP(",") {
		l = append(l, p.prop())
	}
	p.expectP(")")
	return l
}

func (p *parser) prop() ast.Prop {
	pr := ast.Prop{P: p.pos()}
	if t := p.cur(); t.kind == kString {
		pr.Key = lower(t.val)
		p.next(1)
	} else {
		pr.Key = lower(p.ident())
		for p.acceptP(".") {
			pr.Key += "." + lower(p.ident())
		}
	}
	if p.isP(",") || p.isP(")") {
		pr.Val = &ast.Lit{P: pr.P, Kind: ast.LitBool, Text: "true"}
		return pr
	}
	p.expectOp("=")
	pr.Val = p.constant()
	return pr
}

// constant reads a literal or a bare word.
func (p *parser) constant() ast.Expr {
	t, pos := p.cur(), p.pos()
	switch t.kind {
	case kString:
		p.next(1)
		return &ast.Lit{P: pos, Kind: ast.LitString, Text: t.val}
	case kNumber:
		p.next(1)
		return number(pos, t.val)
	case kQuoted:
		p.next(1)
		return &ast.ColRef{P: pos, Name: []string{t.val}}
	case kWord:
		p.next(1)
		switch t.val {
		case "true", "false":
			return &ast.Lit{P: pos, Kind: ast.LitBool, Text: t.val}
		case "null":
			return &ast.Lit{P: pos, Kind: ast.LitNull, Text: "null"}
		}
		return &ast.ColRef{P: pos, Name: []string{t.val}}
	case kOp:
		if (t.val == "-" || t.val == "+") && p.at(1).kind == kNumber {
			p.next(1)
			l := number(pos, p.cur().val)
			p.next(1)
			if t.val == "-" {
				l.Text = "-" + l.Text
			}
			return l
		}
	}
	p.fail("")
	return nil
}

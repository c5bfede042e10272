package parse

import (
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// begin reads BEGIN [WORK|TRANSACTION] and START TRANSACTION, with modes.
func (p *parser) begin() ast.Stmt {
	s := &ast.Begin{P: p.pos()}
	if s.Start = p.accept("start"); s.Start {
		p.expect("transaction")
	} else {
		p.next(1)
		if !p.accept("work") {
			p.accept("transaction")
		}
	}
	p.transactionModes(func(isolation string) { s.Isolation = upper(isolation) },
		func(readOnly bool) { s.ReadOnly = &readOnly })
	return s
}

// transactionModes reads ISOLATION LEVEL …, READ ONLY, READ WRITE and [NOT] DEFERRABLE, with commas or without.
func (p *parser) transactionModes(isolation func(string), readOnly func(bool)) {
	for comma := false; ; {
		switch {
		case p.accept("isolation"):
			p.expect("level")
			switch {
			case p.accept("serializable"):
				isolation("serializable")
			case p.accept("repeatable"):
				p.expect("read")
				isolation("repeatable read")
			case p.accept("read", "committed"):
				isolation("read committed")
			default:
				p.expect("read", "uncommitted")
				isolation("read uncommitted")
			}
		case p.accept("read", "only"):
			readOnly(true)
		case p.accept("read"):
			p.expect("write")
			readOnly(false)
		case p.accept("deferrable"), p.accept("not", "deferrable"):
		default:
			if comma {
				p.fail("")
			}
			return
		}
		comma = p.acceptP(",")
	}
}

func (p *parser) workWord() {
	if !p.accept("work") {
		p.accept("transaction")
	}
}

// chain reads AND NO CHAIN; AND CHAIN is refused.
func (p *parser) chain() {
	if p.is("and", "chain") {
		p.unsupported(p.i, "AND CHAIN is")
	}
	p.accept("and", "no", "chain")
}

func (p *parser) commit() ast.Stmt {
	s := &ast.Commit{P: p.pos()}
	if p.is("commit", "prepared") {
		return p.other(2)
	}
	p.next(1)
	p.workWord()
	p.chain()
	return s
}

func (p *parser) rollback() ast.Stmt {
	s := &ast.Rollback{P: p.pos()}
	if p.is("rollback", "prepared") {
		return p.other(2)
	}
	to := p.is("rollback")
	p.next(1)
	p.workWord()
	if to && p.accept("to") {
		if p.is("savepoint") && p.at(1).name() {
			p.next(1)
		}
		s.To = p.newName()
		return s
	}
	p.chain()
	return s
}

// savepoint reads SAVEPOINT name and RELEASE [SAVEPOINT] name.
func (p *parser) savepoint() ast.Stmt {
	s := &ast.Savepoint{P: p.pos(), Release: p.is("release")}
	p.next(1)
	if s.Release && p.is("savepoint") && p.at(1).name() {
		p.next(1)
	}
	s.Name = p.newName()
	return s
}

// prepare reads PREPARE name [(types)] AS statement.
func (p *parser) prepare() ast.Stmt {
	s := &ast.Prepare{P: p.pos()}
	if p.is("prepare", "transaction") && p.at(2).kind == kString {
		return p.other(2)
	}
	p.next(1)
	s.Name = p.newName()
	if p.acceptP("(") {
		for {
			s.Types = append(s.Types, p.typeName())
			if !p.acceptP(",") {
				break
			}
		}
		p.expectP(")")
	}
	p.expect("as")
	switch {
	case p.is("select"), p.is("values"), p.is("table"), p.is("with"), p.isP("("), p.is("insert"), p.is("update"),
		p.is("delete"), p.is("merge"):
		s.Stmt = p.statement()
	default:
		p.fail("")
	}
	return s
}

// execute reads EXECUTE name [(arguments)].
func (p *parser) execute() ast.Stmt {
	s := &ast.Execute{P: p.pos()}
	p.next(1)
	s.Name = p.newName()
	if p.acceptP("(") {
		s.Args = p.exprList()
		p.expectP(")")
	}
	return s
}

// deallocate reads DEALLOCATE [PREPARE] name | ALL.
func (p *parser) deallocate() ast.Stmt {
	s := &ast.Deallocate{P: p.pos()}
	p.next(1)
	if p.is("prepare") && p.at(1).name() {
		p.next(1)
	}
	if !p.accept("all") {
		s.Name = p.newName()
	}
	return s
}

// declare reads DECLARE name [options] CURSOR [WITH HOLD] FOR query.
func (p *parser) declare() ast.Stmt {
	s := &ast.DeclareCursor{P: p.pos()}
	p.next(1)
	s.Name = p.newName()
	for !p.is("cursor") {
		yes, no := true, false
		switch {
		case p.accept("binary"):
			s.Binary = true
		case p.accept("insensitive"), p.accept("asensitive"):
		case p.accept("scroll"):
			s.Scroll = &yes
		case p.accept("no", "scroll"):
			s.Scroll = &no
		default:
			p.fail("")
		}
	}
	p.next(1)
	if s.Hold = p.accept("with"); s.Hold || p.accept("without") {
		p.expect("hold")
	}
	p.expect("for")
	s.Q = p.query()
	return s
}

// fetchCursor reads FETCH and MOVE.
func (p *parser) fetchCursor() ast.Stmt {
	s := &ast.Fetch{P: p.pos(), Move: p.is("move"), Dir: "FORWARD", Count: 1}
	p.next(1)
	// A name alone, though it be next or all, is the cursor's.
	if n := p.at(1); p.cur().name() && (n.kind == kEOF || n.punct(";")) {
		s.Name = p.newName()
		return s
	}
	switch {
	case p.accept("next"):
	case p.accept("prior"):
		s.Dir = "BACKWARD"
	case p.is("first"), p.is("last"):
		s.Dir = upper(p.ident())
	case p.is("absolute"), p.is("relative"):
		s.Dir = upper(p.ident())
		s.Count = p.count()
	case p.is("forward"), p.is("backward"):
		s.Dir = upper(p.ident())
		p.fetchCount(s)
	default:
		p.fetchCount(s)
	}
	if !p.accept("from") {
		p.accept("in")
	}
	s.Name = p.newName()
	return s
}

// fetchCount reads ALL, a count or nothing.
func (p *parser) fetchCount(s *ast.Fetch) {
	switch {
	case p.accept("all"):
		s.All = true
	case p.cur().kind == kNumber, p.isOp("-"), p.isOp("+"):
		s.Count = p.count()
	}
}

func (p *parser) count() int64 {
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
	n, err := strconv.ParseInt(sign+strings.ReplaceAll(t.val, "_", ""), 10, 64)
	if err != nil {
		bail(sqlerr.At(int(t.off), sqlerr.SyntaxError, "syntax error at or near \"%s\"", t.val))
	}
	p.next(1)
	return n
}

// closeCursor reads CLOSE name | ALL.
func (p *parser) closeCursor() ast.Stmt {
	s := &ast.CloseCursor{P: p.pos()}
	p.next(1)
	if !p.accept("all") {
		s.Name = p.newName()
	}
	return s
}

func (p *parser) discard() ast.Stmt {
	s := &ast.Discard{P: p.pos()}
	p.next(1)
	switch {
	case p.is("all"), p.is("plans"), p.is("sequences"), p.is("temp"):
		s.What = upper(p.ident())
	case p.accept("temporary"):
		s.What = "TEMP"
	default:
		p.fail("")
	}
	return s
}

// listen reads LISTEN, UNLISTEN and NOTIFY.
func (p *parser) listen() ast.Stmt {
	s := &ast.Listen{P: p.pos(), Verb: upper(p.cur().val)}
	p.next(1)
	if s.Verb == "UNLISTEN" && p.acceptOp("*") {
		return s
	}
	s.Channel = p.newName()
	if s.Verb == "NOTIFY" && p.acceptP(",") {
		if p.cur().kind != kString {
			p.fail("")
		}
		s.Payload = p.cur().val
		p.next(1)
	}
	return s
}

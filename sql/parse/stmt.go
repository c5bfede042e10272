package parse

import (
	"github.com/leatdb/leat/sql/ast"
)

// statement reads one statement, by its first word.
func (p *parser) statement() ast.Stmt {
	t := p.cur()
	if t.kind == kWord {
		for _, read := range []func(string) ast.Stmt{p.dataStmt, p.sessionStmt, p.adminStmt, p.otherStmt} {
			if s := read(t.val); s != nil {
				return s
			}
		}
	} else if t.punct("(") {
		return p.queryStmt()
	}
	p.fail("")
	return nil
}

// dataStmt reads queries, definitions and changes of data.
func (p *parser) dataStmt(verb string) ast.Stmt {
	switch verb {
	case "select", "values", "table", "with":
		return p.queryStmt()
	case "create":
		return p.create()
	case "alter":
		if p.at(1).word("user") || p.at(1).word("role") {
			return p.role()
		}
		if p.at(1).word("table") || p.at(1).word("stream") || p.at(1).word("materialized") && p.at(2).word("view") {
			return p.alter()
		}
		if p.at(1).word("sequence") {
			return p.alterSequence()
		}
		if p.at(1).word("domain") {
			return p.alterDomain()
		}
		if p.at(1).word("type") {
			return p.alterType()
		}
	case "drop":
		return p.drop()
	case "insert":
		return p.insert()
	case "update":
		return p.update()
	case "delete":
		return p.delete()
	case "merge":
		return p.merge()
	case "truncate":
		return p.truncate()
	case "copy":
		return p.copy()
	}
	return nil
}

// sessionStmt reads what concerns the session: settings, transactions, prepared statements and cursors.
func (p *parser) sessionStmt(verb string) ast.Stmt {
	switch verb {
	case "set":
		return p.set()
	case "unset", "reset":
		return p.reset()
	case "begin", "start":
		return p.begin()
	case "commit", "end":
		return p.commit()
	case "rollback", "abort":
		return p.rollback()
	case "savepoint", "release":
		return p.savepoint()
	case "prepare":
		return p.prepare()
	case "execute":
		return p.execute()
	case "deallocate":
		return p.deallocate()
	case "declare":
		return p.declare()
	case "fetch", "move":
		return p.fetchCursor()
	case "close":
		return p.closeCursor()
	case "discard":
		return p.discard()
	}
	return nil
}

// adminStmt reads what shows and steers the database.
func (p *parser) adminStmt(verb string) ast.Stmt {
	switch verb {
	case "show", "list":
		return p.show()
	case "describe", "desc":
		return p.describe()
	case "explain":
		return p.explain()
	case "terminate", "pause", "resume":
		return p.terminate()
	case "print":
		return p.print()
	case "grant", "revoke":
		return p.grant()
	case "comment":
		return p.comment()
	case "define", "undefine":
		return p.define()
	case "assert":
		return p.assert()
	case "backup":
		s := &ast.Backup{P: p.pos()}
		p.next(1)
		if !p.accept("to", "stdout") {
			p.fail("A backup goes to the client: BACKUP TO STDOUT. The command leat backup makes a directory of it.")
		}
		return s
	case "flush":
		s := &ast.Flush{P: p.pos()}
		p.next(1)
		for p.cur().name() {
			s.Names = append(s.Names, p.name())
			if !p.acceptP(",") {
				break
			}
		}
		return s
	}
	return nil
}

// otherStmt recognises the statements that have no node.
func (p *parser) otherStmt(verb string) ast.Stmt {
	switch verb {
	case "listen", "unlisten", "notify":
		return p.listen()
	case "vacuum", "analyze", "refresh":
		if s := p.maintenance(); s != nil {
			return s
		}
		return p.other(2)
	case "alter", "import", "reassign", "security":
		return p.other(2)
	case "call", "checkpoint", "cluster", "do",
		"load", "lock", "reindex", "run":
		return p.other(1)
	}
	return nil
}

// other passes over a statement that is known but not done; its verb is the first n words.
func (p *parser) other(n int) ast.Stmt {
	s := &ast.Other{P: p.pos()}
	for ; n > 0 && p.cur().kind == kWord; n-- {
		if s.Verb != "" {
			s.Verb += " "
		}
		if p.is("materialized", "view") || p.is("foreign", "table") || p.is("foreign", "data") || p.is("event", "trigger") {
			n++
		}
		s.Verb += upper(p.cur().val)
		p.next(1)
	}
	p.skipStatement()
	return s
}

func (p *parser) queryStmt() ast.Stmt {
	s := &ast.QueryStmt{P: p.pos()}
	if p.is("with") && p.changeBehindWith() {
		return p.withChange()
	}
	p.into, p.intoNew = true, nil
	s.Q = p.query()
	p.into = false
	if c := p.intoNew; c != nil {
		c.P, c.As, p.intoNew = s.P, s.Q, nil
		return c
	}
	return s
}

// changeBehindWith reports whether WITH stands in front of INSERT, UPDATE, DELETE or MERGE.
func (p *parser) changeBehindWith() bool {
	for i := p.i + 1; i < len(p.toks); i++ {
		t := &p.toks[i]
		switch {
		case t.kind == kEOF, t.punct(";"), t.word("select"), t.word("values"), t.word("table"):
			return false
		case t.match >= 0:
			i = int(t.match)
		case p.toks[i-1].punct(")") && (t.word("insert") || t.word("update") || t.word("delete") || t.word("merge")):
			return true
		}
	}
	return false
}

// withChange reads WITH … INSERT | UPDATE | DELETE | MERGE.
func (p *parser) withChange() ast.Stmt {
	pos, q := p.pos(), &ast.Query{}
	p.with(q)
	with := &ast.With{Queries: q.With, Recursive: q.Recursive}
	switch {
	case p.is("insert"):
		s := p.insert().(*ast.Insert)
		s.P, s.With = pos, with
		return s
	case p.is("update"):
		s := p.update().(*ast.Update)
		s.P, s.With = pos, with
		return s
	case p.is("delete"):
		s := p.delete().(*ast.Delete)
		s.P, s.With = pos, with
		return s
	case p.is("merge"):
		s := p.merge().(*ast.Merge)
		s.P, s.With = pos, with
		return s
	}
	p.fail("")
	return nil
}

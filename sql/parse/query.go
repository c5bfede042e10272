package parse

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// isQuery reports whether the token i is a parenthesis with a query inside, and not an expression or a join.
// Each parenthesis is asked once and remembers the answer.
func (p *parser) isQuery(i int) bool {
	t := &p.toks[i]
	if !t.punct("(") {
		return false
	}
	if t.query == 0 {
		t.query = -1
		if p.queryInside(i) {
			t.query = 1
		}
	}
	return t.query > 0
}

func (p *parser) queryInside(i int) bool {
	n := &p.toks[i+1]
	if n.kind == kWord {
		switch n.val {
		case "select", "with":
			return true
		case "values":
			return p.toks[i+2].punct("(")
		case "table":
			return p.toks[i+2].name()
		}
		return false
	}
	if !n.punct("(") {
		return false
	}
	// A run of parentheses is decided by what the innermost holds and what follows each.
	depth := 1
	for depth <= maxDepth && p.toks[i+depth].punct("(") {
		depth++
	}
	for k := i + depth - 1; k > i; k-- {
		inner := &p.toks[k]
		if inner.query == 0 {
			inner.query = -1
			if k == i+depth-1 && p.queryInside(k) || k < i+depth-1 && p.queryGoesOn(k) {
				inner.query = 1
			}
		}
	}
	return p.queryGoesOn(i)
}

// queryGoesOn reports whether parenthesis i, which has another right behind it, holds a query: the inner one does, and
// what follows the inner one belongs to a query.
func (p *parser) queryGoesOn(i int) bool {
	inner := &p.toks[i+1]
	if inner.query <= 0 || inner.match < 0 {
		return false
	}
	if inner.match+1 == p.toks[i].match {
		return true
	}
	a := &p.toks[inner.match+1]
	if a.kind != kWord {
		return false
	}
	switch a.val {
	case "union", "intersect", "except", "order", "limit", "offset", "fetch", "for", "emit":
		return true
	}
	return false
}

// parenQuery reads ( query ), with any number of further parentheses around it.
func (p *parser) parenQuery() *ast.Query {
	p.enter()
	p.expectP("(")
	var q *ast.Query
	if inner := p.cur(); inner.match >= 0 && p.isQuery(p.i) && inner.match+1 == p.toks[p.i-1].match {
		q = p.parenQuery()
	} else {
		q = p.query()
	}
	p.expectP(")")
	p.leave()
	return q
}

// query reads a whole query.
func (p *parser) query() *ast.Query {
	p.enter()
	q := &ast.Query{P: p.pos()}
	if p.is("with") {
		p.with(q)
	}
	q.Body = p.setExpr(1)
	if p.accept("order") {
		p.expect("by")
		q.Order = p.orderItems()
	}
	p.tail(q)
	p.leave()
	if n, ok := q.Body.(*ast.Nested); ok && bare(q) {
		return n.Q
	}
	return q
}

// bare reports whether a query is nothing but its body.
func bare(q *ast.Query) bool {
	return len(q.With) == 0 && len(q.Order) == 0 && q.Limit == nil && q.Offset == nil && q.Locking == nil &&
		q.Emit == ast.EmitNone
}

// with reads WITH [RECURSIVE] name (cols) AS (query), ….
func (p *parser) with(q *ast.Query) {
	p.next(1)
	q.Recursive = p.accept("recursive")
	for {
		c := ast.CTE{P: p.pos(), Name: p.newName()}
		if p.isP("(") {
			c.Cols = p.identList()
		}
		p.expect("as")
		yes, no := true, false
		if p.accept("materialized") {
			c.Materialized = &yes
		} else if p.accept("not", "materialized") {
			c.Materialized = &no
		}
		if !p.isP("(") {
			p.fail("")
		}
		if c.Change = p.parenChange(); c.Change == nil {
			c.Q = p.parenQuery()
		}
		if p.is("search") || p.is("cycle") {
			p.unsupported(p.i, upper(p.cur().val)+" is")
		}
		q.With = append(q.With, c)
		if !p.acceptP(",") {
			return
		}
	}
}

// parenChange reads ( INSERT … ), ( UPDATE … ) or ( DELETE … ); it returns nil with nothing read before anything else.
func (p *parser) parenChange() (s ast.Stmt) {
	var read func() ast.Stmt
	switch n := p.at(1); {
	case n.word("insert"):
		read = p.insert
	case n.word("update"):
		read = p.update
	case n.word("delete"):
		read = p.delete
	case n.word("with") && p.deeper(p.changeBehindWith):
		read = p.withChange
	case n.word("merge"):
		p.unsupported(p.i+1, "MERGE is")
	default:
		return nil
	}
	p.next(1)
	s = read()
	p.expectP(")")
	return s
}

// deeper asks behind the parenthesis at hand.
func (p *parser) deeper(ask func() bool) bool {
	p.i++
	defer func() { p.i-- }()
	return ask()
}

// tail reads LIMIT, OFFSET, FETCH, FOR and EMIT, in any order.
func (p *parser) tail(q *ast.Query) {
	var limit, offset bool
	once := func(seen *bool, clause string) {
		if *seen {
			bail(sqlerr.At(int(p.cur().off), sqlerr.SyntaxError, "multiple %s clauses not allowed", clause))
		}
		*seen = true
	}
	for {
		switch {
		case p.is("limit"):
			once(&limit, "LIMIT")
			p.limit(q)
		case p.is("fetch"):
			once(&limit, "LIMIT")
			p.fetch(q)
		case p.is("offset"):
			once(&offset, "OFFSET")
			p.next(1)
			p.exprTo(&q.Offset)
			if !p.accept("rows") {
				p.accept("row")
			}
		case p.is("for"):
			p.locking(q)
		case p.asOf():
			p.next(2)
			q.Follow = &ast.Follow{P: p.pos(), Since: ast.SinceAt, AsOf: true}
			p.exprTo(&q.Follow.At)
		case p.is("emit"):
			emit := q.Emit != ast.EmitNone
			once(&emit, "EMIT")
			p.emitClause(q)
		default:
			return
		}
	}
}

// asOf reports whether AS OF x comes: a moment, not the alias "of".
func (p *parser) asOf() bool {
	if !p.is("as", "of") {
		return false
	}
	switch t := p.at(2); t.kind {
	case kString, kParam:
		return true
	case kWord:
		return p.at(3).punct("(") || p.at(3).kind == kString || t.word("now") || t.word("current_timestamp")
	default:
		return t.punct("(")
	}
}

func (p *parser) emitClause(q *ast.Query) {
	p.next(1)
	switch {
	case p.accept("changes"):
		q.Emit = ast.EmitChanges
	case p.accept("final"):
		q.Emit = ast.EmitFinal
	default:
		p.fail("EMIT is followed by CHANGES or FINAL.")
	}
	if p.is("since") || p.is("with") && p.at(1).punct("(") {
		p.follow(q)
	}
}

// follow reads SINCE … and WITH (…) behind EMIT CHANGES.
func (p *parser) follow(q *ast.Query) {
	f := &ast.Follow{P: p.pos()}
	q.Follow = f
	if p.accept("since") {
		word := !p.at(1).punct("(") && !p.at(1).punct(".")
		switch {
		case word && p.accept("now"):
			f.Since = ast.SinceNow
		case word && p.accept("beginning"):
			f.Since = ast.SinceBeginning
		default:
			f.Since = ast.SinceAt
			p.exprTo(&f.At)
		}
	}
	if !p.accept("with") {
		return
	}
	p.expectP("(")
	for {
		switch {
		case p.accept("op"):
			f.Op = true
		case p.accept("token"):
			f.Token = true
		case p.is("progress"):
			f.Progress = &ast.Lit{P: p.pos(), Kind: ast.LitString, Text: "1s"}
			p.next(1)
			if p.acceptOp("=") || !p.isP(",") && !p.isP(")") {
				p.exprTo(&f.Progress)
			}
		default:
			p.fail("A push query can be asked WITH (OP, TOKEN, PROGRESS [= interval]).")
		}
		if !p.acceptP(",") {
			break
		}
	}
	p.expectP(")")
}

func (p *parser) limit(q *ast.Query) {
	at := p.i
	p.next(1)
	if p.accept("all") {
		return
	}
	p.exprTo(&q.Limit)
	if p.acceptP(",") {
		p.expr(lvAll)
		bail(sqlerr.At(int(p.toks[at].off), sqlerr.SyntaxError, "LIMIT #,# syntax is not supported").
			WithHint("Use separate LIMIT and OFFSET clauses."))
	}
}

// fetch reads FETCH FIRST [n] ROWS ONLY | WITH TIES.
func (p *parser) fetch(q *ast.Query) {
	pos := p.pos()
	p.next(1)
	if !p.accept("first") {
		p.expect("next")
	}
	if p.is("row") || p.is("rows") {
		q.Limit = &ast.Lit{P: pos, Kind: ast.LitInt, Text: "1"}
	} else {
		base := len(p.out)
		p.operand()
		p.bind(p.finish(base), &q.Limit)
	}
	if !p.accept("rows") {
		p.expect("row")
	}
	if p.accept("with", "ties") {
		q.WithTies = true
		return
	}
	p.expect("only")
}

// locking reads FOR UPDATE and its kin.
func (p *parser) locking(q *ast.Query) {
	l := ast.Locking{P: p.pos()}
	first := p.i
	p.next(1)
	switch {
	case p.accept("update"), p.accept("share"), p.accept("no", "key", "update"), p.accept("key", "share"):
	default:
		p.fail("")
	}
	l.Strength = upper(strings.Join(strings.Fields(p.textFrom(first)), " "))
	if p.accept("of") {
		l.Of = p.names()
	}
	if l.NoWait = p.accept("nowait"); !l.NoWait {
		l.Skip = p.accept("skip", "locked")
	}
	q.Locking = append(q.Locking, l)
}

// setExpr reads selects joined by set operators that bind at least as tight as bp: UNION and EXCEPT 1, INTERSECT 2.
func (p *parser) setExpr(bp int) ast.SetExpr {
	l := p.setTerm()
	for n := 0; ; n++ {
		if n > maxChain {
			p.tooComplex()
		}
		own := 0
		switch {
		case p.is("union"), p.is("except"):
			own = 1
		case p.is("intersect"):
			own = 2
		}
		if own == 0 || own < bp {
			return l
		}
		s := &ast.SetOp{P: p.pos(), Op: upper(p.cur().val), L: l}
		p.next(1)
		if p.accept("all") {
			s.All = true
		} else {
			p.accept("distinct")
		}
		s.R = p.setExpr(own + 1)
		l = s
	}
}

func (p *parser) setTerm() ast.SetExpr {
	pos := p.pos()
	switch {
	case p.is("select"):
		return p.selectCore()
	case p.is("values"):
		return p.values()
	case p.accept("table"):
		t := &ast.TableRef{P: p.pos(), Only: p.accept("only"), Name: p.nameParts()}
		return &ast.Select{P: pos, Items: []ast.SelectItem{{X: &ast.Star{P: pos}}}, From: []ast.From{t}}
	case p.isQuery(p.i):
		q := p.parenQuery()
		if bare(q) {
			return q.Body
		}
		return &ast.Nested{P: pos, Q: q}
	}
	p.fail("")
	return nil
}

// values reads VALUES (…), (…).
func (p *parser) values() *ast.Values {
	v := &ast.Values{P: p.pos()}
	p.next(1)
	for {
		p.expectP("(")
		v.Rows = append(v.Rows, p.exprList())
		p.expectP(")")
		if !p.acceptP(",") {
			return v
		}
	}
}

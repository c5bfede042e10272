package parse

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// createFunction reads CREATE FUNCTION, the word FUNCTION being the current one. Other languages than SQL are refused.
func (p *parser) createFunction(first int, orReplace bool) ast.Stmt {
	s := &ast.CreateFunction{P: p.posAt(&p.toks[first]), OrReplace: orReplace}
	p.next(1)
	s.Name = p.name()
	p.expectP("(")
	for more := !p.isP(")"); more; more = p.acceptP(",") {
		s.Params = append(s.Params, p.funcParam())
	}
	p.expectP(")")
	if p.accept("returns") {
		p.returns(s)
	}
	for p.functionOption(s) {
	}
	switch {
	case s.Body == "":
		bail(sqlerr.At(int(p.cur().off), sqlerr.InvalidFunctionDefinition, "no function body specified"))
	case s.Returns == nil && s.Table == nil:
		bail(sqlerr.At(int(p.cur().off), sqlerr.InvalidFunctionDefinition, "function result type must be specified"))
	}
	return s
}

// returns reads what a function gives: TABLE (…), SETOF type or type.
func (p *parser) returns(s *ast.CreateFunction) {
	switch {
	case p.is("table") && p.at(1).punct("("):
		p.next(1)
		s.Table = p.columnTypes()
	case p.is("trigger"), p.is("event_trigger"):
		p.unsupported(p.i, "a trigger function is")
	default:
		s.SetOf = p.accept("setof")
		s.Returns = p.typeName()
	}
}

// funcParam reads [IN] [name] type [DEFAULT x].
func (p *parser) funcParam() ast.FuncParam {
	f := ast.FuncParam{P: p.pos()}
	if p.is("in") {
		p.next(1)
	}
	if p.is("out") || p.is("inout") || p.is("variadic") {
		p.unsupported(p.i, upper(p.cur().val)+" of a parameter is")
	}
	if next := p.at(1); p.cur().name() && (next.name() && !next.word("default") && !typeGoesOn(p.cur(), next)) {
		f.Name = p.ident()
	}
	f.Type = p.typeName()
	if p.accept("default") || p.acceptOp("=") {
		first := p.i
		var x ast.Expr
		p.exprTo(&x)
		f.Default = p.textFrom(first)
	}
	return f
}

// typeGoesOn reports whether a word and the next are the beginning of one type of several words.
func typeGoesOn(t, next *token) bool {
	switch t.val {
	case "double":
		return next.word("precision")
	case "character", "char", "bit":
		return next.word("varying")
	case "national":
		return next.word("character") || next.word("char")
	case "timestamp", "time":
		return next.word("with") || next.word("without")
	}
	return false
}

// functionOption reads one option of CREATE FUNCTION; false when none comes.
func (p *parser) functionOption(s *ast.CreateFunction) bool {
	switch {
	case p.accept("language"):
		if t := p.cur(); lower(t.val) != "sql" {
			p.unsupported(p.i, "a function in the language "+t.val+" is")
		}
		p.next(1)
	case p.accept("immutable"), p.accept("stable"), p.accept("volatile"), p.accept("leakproof"),
		p.accept("not", "leakproof"), p.accept("called", "on", "null", "input"), p.accept("security", "invoker"):
	case p.accept("strict"), p.accept("returns", "null", "on", "null", "input"):
		s.Strict = true
	case p.accept("parallel"):
		p.ident()
	case p.is("cost"), p.is("rows"):
		p.next(2)
	case p.accept("as"):
		t := p.cur()
		if t.kind != kString {
			p.fail("")
		}
		s.Body, s.BodyPos = strings.TrimRight(strings.TrimSpace(t.val), "; \t\r\n"), p.pos()
		p.next(1)
	case p.accept("return"):
		first := p.i
		s.BodyPos = p.pos()
		var x ast.Expr
		p.exprTo(&x)
		s.Body = "SELECT " + p.textFrom(first)
	case p.is("begin", "atomic"):
		p.unsupported(p.i, "BEGIN ATOMIC is")
	case p.is("security", "definer"), p.is("set"), p.is("window"), p.is("support"), p.is("transform"):
		p.unsupported(p.i, upper(p.cur().val)+" of a function is")
	default:
		return false
	}
	return true
}

// funcName reads a function's name and perhaps the types of its parameters.
func (p *parser) funcName() ast.FuncName {
	f := ast.FuncName{P: p.pos(), Parts: p.nameParts()}
	if f.HasArgs = p.acceptP("("); f.HasArgs {
		for more := !p.isP(")"); more; more = p.acceptP(",") {
			f.Args = append(f.Args, p.funcParam().Type)
		}
		p.expectP(")")
	}
	return f
}

// dropFunction reads DROP FUNCTION, the word FUNCTION being the current one.
func (p *parser) dropFunction(pos ast.P) ast.Stmt {
	s := &ast.DropFunction{P: pos}
	p.next(1)
	s.IfExists = p.accept("if", "exists")
	for {
		s.Funcs = append(s.Funcs, p.funcName())
		if !p.acceptP(",") {
			break
		}
	}
	if s.Cascade = p.accept("cascade"); !s.Cascade {
		p.accept("restrict")
	}
	return s
}

// createSchema reads CREATE SCHEMA [IF NOT EXISTS] name, the word SCHEMA being the current one.
func (p *parser) createSchema(first int) ast.Stmt {
	s := &ast.CreateSchema{P: p.posAt(&p.toks[first])}
	p.next(1)
	s.IfNotExists = p.ifNotExists()
	if p.is("authorization") {
		p.unsupported(p.i, "AUTHORIZATION of a schema is")
	}
	s.Name = p.name()
	if !p.end() {
		p.unsupported(p.i, "more than a name in CREATE SCHEMA is")
	}
	return s
}

// comment reads COMMENT ON kind name IS 'text' | NULL.
func (p *parser) comment() ast.Stmt {
	s := &ast.Comment{P: p.pos()}
	p.next(1)
	p.expect("on")
	switch {
	case p.accept("materialized", "view"):
		s.What = "MATERIALIZED VIEW"
	case p.is("table"), p.is("stream"), p.is("view"), p.is("column"), p.is("type"), p.is("domain"), p.is("sequence"),
		p.is("schema"), p.is("function"):
		s.What = upper(p.ident())
	case p.cur().kind == kWord:
		p.unsupported(p.i, "COMMENT ON "+upper(p.cur().val)+" is")
	default:
		p.fail("")
	}
	if s.What == "FUNCTION" {
		s.Name = p.funcName()
	} else {
		s.Name = ast.FuncName{P: p.pos(), Parts: p.nameParts()}
	}
	p.expect("is")
	if !p.accept("null") {
		t := p.cur()
		if t.kind != kString {
			p.fail("")
		}
		s.Text = t.val
		p.next(1)
	}
	return s
}

// define reads DEFINE name = 'value' and UNDEFINE name.
func (p *parser) define() ast.Stmt {
	s := &ast.Define{P: p.pos(), Undo: p.is("undefine")}
	p.next(1)
	s.Name = lower(p.ident())
	if s.Undo {
		return s
	}
	p.expectOp("=")
	t := p.cur()
	if t.kind != kString {
		p.fail("The value of a variable is a string: DEFINE name = 'value'.")
	}
	s.Value = t.val
	p.next(1)
	return s
}

// applyDefine makes a DEFINE or UNDEFINE count in vars.
func applyDefine(st Statement, vars map[string]string) {
	if d, ok := st.Stmt.(*ast.Define); ok && d.Undo {
		delete(vars, d.Name)
	} else if ok {
		vars[d.Name] = d.Value
	}
}

// assert reads ASSERT [NOT EXISTS] TOPIC name [WITH (…)] [TIMEOUT n unit], and ASSERT STREAM | TABLE.
func (p *parser) assert() ast.Stmt {
	s := &ast.Assert{P: p.pos()}
	p.next(1)
	s.Not = p.accept("not", "exists")
	switch {
	case p.is("topic"), p.is("stream"), p.is("table"):
		s.What = upper(p.ident())
	case p.is("schema"), p.is("values"), p.is("null"):
		p.unsupported(p.i, "ASSERT "+upper(p.cur().val)+" is")
	default:
		p.fail("")
	}
	if t := p.cur(); t.kind == kString {
		s.Name = ast.Name{P: p.pos(), Parts: []string{t.val}}
		p.next(1)
	} else {
		s.Name = p.name()
	}
	if s.What != "TOPIC" && p.isP("(") {
		c := &ast.Create{P: s.P, What: s.What, Name: s.Name}
		p.columns(c)
		s.Columns = c.Columns
	}
	if p.accept("with") {
		s.Props = p.props()
	}
	if p.accept("timeout") {
		s.Timeout = p.duration()
	}
	return s
}

// maintenance reads VACUUM, ANALYZE and REFRESH MATERIALIZED VIEW; nil with nothing read for a form of them
// that is not done.
func (p *parser) maintenance() ast.Stmt {
	s := &ast.Maintain{P: p.pos(), Verb: upper(p.cur().val)}
	first := p.i
	p.next(1)
	switch s.Verb {
	case "REFRESH":
		p.expect("materialized", "view")
		s.Verb = "REFRESH MATERIALIZED VIEW"
		p.accept("concurrently")
		s.Names = p.names()[:1]
		p.accept("with", "data")
	default:
		if p.isP("(") { // options that ask for more or less of what there is nothing to do of
			s.Options = p.explainOptions()
		}
		for p.accept("full") || p.accept("freeze") || p.accept("verbose") || p.accept("analyze") {
		}
		for !p.end() {
			s.Names = append(s.Names, p.name())
			if p.isP("(") {
				p.identList()
			}
			if !p.acceptP(",") {
				break
			}
		}
	}
	if !p.end() {
		p.i = first
		return nil
	}
	return s
}

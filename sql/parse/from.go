package parse

import "github.com/leatdb/leat/sql/ast"

// fromList reads the comma list of FROM.
func (p *parser) fromList() []ast.From {
	l := []ast.From{p.fromItem()}
	for p.acceptP(",") {
		l = append(l, p.fromItem())
	}
	return l
}

// fromItem reads a relation and the joins behind it.
func (p *parser) fromItem() ast.From {
	f := p.relation()
	for n := 0; p.joinAhead(); n++ {
		if n > maxChain {
			p.tooComplex()
		}
		f = p.join(f)
	}
	return f
}

func (p *parser) joinAhead() bool {
	t := p.cur()
	if t.kind != kWord {
		return false
	}
	switch t.val {
	case "join", "cross", "natural", "inner", "left", "right", "full":
		return true
	case "asof":
		return p.at(1).word("join") || p.at(1).word("left") || p.at(1).word("inner")
	}
	return false
}

// join reads one join; a join without its condition yet takes further joins into its right side.
func (p *parser) join(l ast.From) ast.From {
	p.enter()
	j := &ast.Join{P: p.pos(), Kind: "INNER", L: l}
	j.Asof = p.accept("asof")
	j.Natural = p.accept("natural")
	switch {
	case p.accept("cross"):
		j.Kind = "CROSS"
	case p.accept("inner"):
	case p.is("left"), p.is("right"), p.is("full"):
		j.Kind = upper(p.ident())
		p.accept("outer")
	}
	if p.accept("asof") {
		j.Asof = true
	}
	p.expect("join")
	j.R = p.relation()
	if j.Kind != "CROSS" && !j.Natural {
		if p.is("within") {
			j.Within = p.within()
		}
		for p.joinAhead() {
			j.R = p.join(j.R)
		}
		p.joinCondition(j)
	}
	p.leave()
	return j
}

func (p *parser) joinCondition(j *ast.Join) {
	switch {
	case p.accept("on"):
		p.exprTo(&j.On)
	case p.is("using") && p.at(1).punct("("):
		p.next(1)
		j.Using = p.identList()
		if p.is("as") {
			p.unsupported(p.i, "an alias of USING is")
		}
	case p.is("within"):
		p.fail("WITHIN stands once, between the joined stream and ON.")
	default:
		p.fail("")
	}
}

// relation reads one item of FROM without joins.
func (p *parser) relation() ast.From {
	pos := p.pos()
	lateral := p.accept("lateral")
	if p.isP("(") {
		return p.parenRelation(pos, lateral)
	}
	if p.is("rows", "from") && p.at(2).punct("(") {
		return p.rowsFrom(pos, lateral)
	}
	only := p.is("only") && (p.at(1).name() || p.at(1).punct("("))
	if only {
		p.next(1)
	}
	paren := only && p.acceptP("(")
	t := p.cur()
	if t.kind == kWord && (t.val == "set" || t.val == "lateral" || t.val == "returning") {
		p.fail("")
	}
	if t.kind == kWord && !only && (isNoParens(t.val) && !p.at(1).punct(".") || t.val == "cast" && p.at(1).punct("(")) {
		return p.specialFunc(pos, lateral)
	}
	name := p.nameParts()
	if paren {
		p.expectP(")")
	}
	if p.isP("(") && !only {
		return p.funcRelation(pos, lateral, name)
	}
	if lateral {
		p.fail("")
	}
	if p.isOp("*") {
		p.next(1)
	}
	r := &ast.TableRef{P: pos, Name: name, Only: only}
	if p.is("for", "system_time", "as", "of") {
		p.next(4)
		p.exprTo(&r.AsOf)
	}
	r.Alias = p.alias(false)
	if p.is("tablesample") {
		p.unsupported(p.i, "TABLESAMPLE is")
	}
	return r
}

// parenRelation reads ( query ) alias and ( a JOIN b … ).
func (p *parser) parenRelation(pos ast.P, lateral bool) ast.From {
	p.enter()
	defer p.leave()
	if p.isQuery(p.i) {
		r := &ast.SubqueryRef{P: pos, Lateral: lateral, Q: p.parenQuery()}
		r.Alias = p.alias(false)
		return r
	}
	if lateral {
		p.next(1)
		p.fail("")
	}
	p.next(1)
	f := p.fromItem()
	p.expectP(")")
	if j, ok := f.(*ast.Join); ok {
		if a := p.alias(false); a.Name != "" {
			j.Alias = a
		}
	}
	return f
}

// rowsFrom reads ROWS FROM ( f(…), g(…) ).
func (p *parser) rowsFrom(pos ast.P, lateral bool) ast.From {
	f := &ast.FuncRef{P: pos, Lateral: lateral}
	p.next(3)
	for {
		at := p.pos()
		name := p.nameParts()
		if !p.isP("(") {
			p.fail("")
		}
		f.Calls = append(f.Calls, p.call(at, name).(*ast.Call))
		if p.is("as") && p.at(1).punct("(") {
			p.unsupported(p.i, "a column definition list inside ROWS FROM is")
		}
		if !p.acceptP(",") {
			break
		}
	}
	p.expectP(")")
	p.funcTail(f)
	return f
}

// specialFunc reads a function with a grammar of its own, such as CURRENT_DATE, as a relation.
func (p *parser) specialFunc(pos ast.P, lateral bool) ast.From {
	at := p.i
	c, ok := p.construct(p.cur(), pos).(*ast.Call)
	if !ok {
		if !p.isP("(") && p.i == at && p.at(1).punct("(") {
			return p.funcRelation(pos, lateral, p.nameParts())
		}
		p.unsupported(at, "an expression in FROM is")
	}
	f := &ast.FuncRef{P: pos, Lateral: lateral, Calls: []*ast.Call{c}}
	p.funcTail(f)
	return f
}

// funcRelation reads the call of a table function, the function's name being behind us.
func (p *parser) funcRelation(pos ast.P, lateral bool, name []string) ast.From {
	f := &ast.FuncRef{P: pos, Lateral: lateral}
	if arg := p.tableArg(name); arg != nil {
		c := &ast.Call{P: pos, Name: name}
		rs := []ref{{node: arg}}
		for p.acceptP(",") {
			rs = append(rs, p.arg())
		}
		c.Args = p.bindList(rs)
		p.expectP(")")
		f.Calls = []*ast.Call{c}
	} else {
		f.Calls = []*ast.Call{p.call(pos, name).(*ast.Call)}
	}
	p.funcTail(f)
	return f
}

// tableArg reads the opening parenthesis and a relation as the first argument: TABLE t anywhere, a bare name for the
// window functions. It returns nil with nothing read when the argument is an expression.
func (p *parser) tableArg(fn []string) *ast.TableArg {
	a := &ast.TableArg{P: p.posAt(p.at(1))}
	switch {
	case p.at(1).word("table") && p.at(2).name():
		p.next(2)
	case len(fn) == 1 && isWindowFunc(fn[0]) && p.nameArgAhead():
		p.next(1)
	default:
		return nil
	}
	a.Name = p.nameParts()
	if p.accept("partition", "by") {
		paren := p.isP("(") && !p.isQuery(p.i)
		if paren {
			p.next(1)
		}
		a.PartitionBy = p.partitionList(paren)
		if paren {
			p.expectP(")")
		}
	}
	return a
}

// partitionList reads names only: outside of parentheses the commas separate arguments.
func (p *parser) partitionList(paren bool) []ast.Expr {
	rs := []ref{p.expr(lvAll)}
	for paren && p.acceptP(",") {
		rs = append(rs, p.expr(lvAll))
	}
	return p.bindList(rs)
}

func isWindowFunc(name string) bool {
	switch name {
	case "tumble", "hop", "session", "cumulate":
		return true
	}
	return false
}

// nameArgAhead reports whether the first argument is a name and nothing else.
func (p *parser) nameArgAhead() bool {
	n := 1
	for p.at(n).name() && !(p.at(n).kind == kWord && hard(p.at(n).val)) {
		t := p.at(n + 1)
		if !t.punct(".") {
			return t.punct(",") || t.punct(")") || t.word("partition")
		}
		n += 2
	}
	return false
}

func (p *parser) funcTail(f *ast.FuncRef) {
	f.Ordinality = p.accept("with", "ordinality")
	f.Alias = p.alias(true)
}

// alias reads [AS] name [(columns)], and for functions AS (column type, …).
func (p *parser) alias(function bool) ast.Alias {
	a := ast.Alias{P: p.pos()}
	switch {
	case p.asOf():
		return ast.Alias{}
	case p.accept("as"):
		if function && p.isP("(") {
			a.Defs = p.columnTypes()
			return a
		}
		a.Name = p.ident()
	case p.bareAlias():
		a.Name = p.ident()
	default:
		return ast.Alias{}
	}
	if !p.isP("(") {
		return a
	}
	if function && p.at(1).name() && !p.at(2).punct(",") && !p.at(2).punct(")") {
		a.Defs = p.columnTypes()
	} else {
		a.Cols = p.identList()
	}
	return a
}

// columnTypes reads ( name type, … ).
func (p *parser) columnTypes() []ast.FieldDef {
	p.expectP("(")
	var l []ast.FieldDef
	for {
		f := ast.FieldDef{P: p.pos(), Name: p.newName()}
		f.Type = p.typeName()
		l = append(l, f)
		if !p.acceptP(",") {
			break
		}
	}
	p.expectP(")")
	return l
}

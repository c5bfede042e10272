package parse

import "github.com/leatdb/leat/sql/ast"

// hard reports whether an unquoted word can be no operand, table or column: only the words that begin or join clauses
// are reserved that far. Every other keyword of PostgreSQL and ksqlDB is a name unless what follows says otherwise.
func hard(word string) bool {
	switch word {
	case "select", "from", "where", "group", "having", "order", "limit", "offset", "fetch", "union", "intersect",
		"except",
		"join", "inner", "cross", "natural", "on", "using", "and", "or", "as", "case", "when", "then", "else", "end",
		"in", "is", "not", "like", "ilike", "between", "into", "for", "with", "create":
		return true
	}
	return false
}

// aliasStop reports whether a word cannot be an alias without AS.
func aliasStop(word string) bool {
	switch word {
	case "left", "right", "full", "isnull", "notnull", "collate", "window", "tablesample", "returning", "similar",
		"overlaps", "escape", "lateral", "set", "asc", "desc", "nulls", "operator":
		return true
	}
	return hard(word)
}

// bareAlias reports whether the current token is an alias without AS. ksqlDB's clauses stop an alias only when
// they really follow, so emit, partition and within are names otherwise.
func (p *parser) bareAlias() bool {
	t := p.cur()
	if t.kind != kWord {
		return t.kind == kQuoted
	}
	switch t.val {
	case "emit":
		return !p.at(1).word("changes") && !p.at(1).word("final")
	case "partition":
		return !p.at(1).word("by")
	case "within":
		return p.at(1).kind != kNumber && !p.at(1).punct("(")
	case "asof":
		return !p.at(1).word("join") && !p.at(1).word("left") && !p.at(1).word("inner")
	case "at":
		return !p.at(1).word("time") && !p.at(1).word("local")
	}
	return !aliasStop(t.val)
}

// ident reads a name where nothing else can stand: any word will do.
func (p *parser) ident() string {
	t := p.cur()
	if !t.name() {
		p.fail("")
	}
	p.next(1)
	return t.val
}

// newName reads a name that must not be a reserved word.
func (p *parser) newName() string {
	if t := p.cur(); t.kind == kWord && hard(t.val) {
		p.fail("")
	}
	return p.ident()
}

// nameParts reads a.b.c.
func (p *parser) nameParts() []string {
	parts := []string{p.newName()}
	for p.acceptP(".") {
		parts = append(parts, p.ident())
	}
	return parts
}

// name reads a possibly qualified name with its place.
func (p *parser) name() ast.Name {
	pos := p.pos()
	return ast.Name{P: pos, Parts: p.nameParts()}
}

// names reads a comma list of names.
func (p *parser) names() []ast.Name {
	l := []ast.Name{p.name()}
	for p.acceptP(",") {
		l = append(l, p.name())
	}
	return l
}

// identList reads ( a, b ).
func (p *parser) identList() []string {
	p.expectP("(")
	l := []string{p.newName()}
	for p.acceptP(",") {
		l = append(l, p.newName())
	}
	p.expectP(")")
	return l
}

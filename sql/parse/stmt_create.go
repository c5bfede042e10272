package parse

import (
	"slices"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// create reads CREATE [OR REPLACE] … of streams, tables and views; the rest of CREATE is known by name only.
func (p *parser) create() ast.Stmt {
	first := p.i
	c := &ast.Create{P: p.pos()}
	p.next(1)
	c.OrReplace = p.accept("or", "replace")
	c.Source = p.is("source") && (p.at(1).word("stream") || p.at(1).word("table")) && p.accept("source")
	if !c.Source {
		if p.is("local") || p.is("global") {
			p.next(1)
		}
		c.Temp = p.accept("temp") || p.accept("temporary")
		if !c.Temp {
			p.accept("unlogged")
		}
	}
	switch {
	case p.is("stream"), p.is("table"):
		c.What = upper(p.ident())
		p.createRelation(c)
	case c.Temp && p.is("sequence"):
		return p.createSequence(first, true)
	case p.accept("view"):
		c.What = "VIEW"
		p.createView(c)
	case p.accept("recursive", "view"):
		p.unsupported(p.i-2, "CREATE RECURSIVE VIEW is")
	case p.accept("materialized", "view"):
		c.What = "MATERIALIZED VIEW"
		p.createView(c)
	default:
		return p.createOther(first, c.OrReplace)
	}
	return c
}

// createOther passes over what Leat does not create.
func (p *parser) createOther(first int, orReplace bool) ast.Stmt {
	if p.cur().kind != kWord {
		p.fail("")
	}
	switch {
	case p.is("type"):
		if s := p.createType(first); s != nil {
			return s
		}
	case p.is("domain"):
		return p.createDomain(first)
	case p.is("function"):
		return p.createFunction(first, orReplace)
	case p.is("schema"):
		return p.createSchema(first)
	case p.is("sequence"):
		return p.createSequence(first, false)
	case (p.is("user") && !p.at(1).word("mapping")) || p.is("role"):
		p.i = first
		return p.role()
	}
	if p.is("index") || p.is("unique", "index") {
		return p.createIndex(first)
	}
	s := &ast.Other{P: p.posAt(&p.toks[first])}
	for p.is("unique") || p.is("source") || p.is("sink") || p.is("trusted") || p.is("procedural") || p.is("constraint") {
		p.next(1)
	}
	switch w := p.cur().val; w {
	case "access", "event", "foreign", "text":
		s.Verb = "CREATE " + upper(w)
		p.next(1)
		if p.cur().kind == kWord {
			s.Verb += " " + upper(p.cur().val)
		}
	case "aggregate", "cast", "collation", "connection", "connector", "conversion", "database", "domain",
		"extension", "function", "group", "language", "operator", "policy", "procedure",
		"publication", "role", "rule", "schema", "secret", "server", "sink", "source",
		"statistics", "subscription", "tablespace", "transform", "trigger", "type", "user":
		s.Verb = "CREATE " + upper(w)
	default:
		p.fail("")
	}
	p.skipStatement()
	return s
}

func (p *parser) ifNotExists() bool { return p.accept("if", "not", "exists") }

// createRelation reads the rest of CREATE STREAM and CREATE TABLE.
func (p *parser) createRelation(c *ast.Create) {
	c.IfNotExists = p.ifNotExists()
	c.Name = p.name()
	colsText := ""
	if p.isP("(") {
		c.HasColumns = true
		first := p.i + 1
		if p.columnNamesAhead() {
			c.HasColumns = false
			c.ColNames = p.identList()
		} else {
			p.columns(c)
			if p.i > first+1 {
				p.i--
				colsText = p.textFrom(first)
				p.i++
			}
		}
	}
	if p.is("partition", "by") || p.is("inherits") || p.is("using") {
		p.unsupported(p.i, upper(p.cur().val)+" in CREATE "+c.What+" is")
	}
	if p.is("with") && p.at(1).punct("(") {
		p.next(1)
		c.Props = p.props()
		if slices.ContainsFunc(c.Props, func(o ast.Prop) bool { return o.Key == "infer" }) {
			c.ColsText = colsText
		}
	}
	p.accept("without", "oids")
	c.OnError = p.onError()
	if p.is("on", "commit") {
		p.onCommit(c)
	}
	if p.is("tablespace") {
		p.unsupported(p.i, "TABLESPACE is")
	}
	if p.is("as") && !c.HasColumns {
		p.createAs(c)
	} else if c.ColNames != nil {
		p.fail("")
	}
}

// onError reads ON ERROR, where it is; nil where it is not.
func (p *parser) onError() *ast.OnError {
	if !p.is("on", "error") {
		return nil
	}
	o := &ast.OnError{P: p.pos()}
	p.next(2)
	switch {
	case p.accept("skip"):
		o.Do = "SKIP"
	case p.accept("fail"):
		o.Do = "FAIL"
	default:
		p.expect("dead", "letter", "into")
		o.Do, o.Into = "DEAD LETTER", p.name()
	}
	return o
}

// onCommit reads ON COMMIT of a temporary table.
func (p *parser) onCommit(c *ast.Create) {
	if !c.Temp {
		bail(sqlerr.At(int(p.cur().off), sqlerr.InvalidTableDefinition, "ON COMMIT can only be used on temporary tables"))
	}
	switch {
	case p.accept("on", "commit", "preserve", "rows"):
	case p.accept("on", "commit", "delete", "rows"):
		c.OnCommit = "DELETE ROWS"
	default:
		p.expect("on", "commit", "drop")
		c.OnCommit = "DROP"
	}
}

// columnNamesAhead tells (a, b) AS query from column definitions.
func (p *parser) columnNamesAhead() bool {
	return p.at(1).name() && (p.at(2).punct(",") || p.at(2).punct(")"))
}

// createAs reads AS query, and keeps the user's text of the query.
func (p *parser) createAs(c *ast.Create) {
	p.next(1)
	c.As = p.textQuery()
	if p.is("with", "no", "data") {
		if c.What != "TABLE" {
			p.unsupported(p.i, "WITH NO DATA is")
		}
		c.NoData = p.accept("with", "no", "data")
	}
	p.accept("with", "data")
}

// textQuery reads a query and sets its text.
func (p *parser) textQuery() *ast.Query {
	first := p.i
	q := p.query()
	q.Text = p.textFrom(first)
	return q
}

func (p *parser) createView(c *ast.Create) {
	c.IfNotExists = p.ifNotExists()
	c.Name = p.name()
	if p.isP("(") {
		c.ColNames = p.identList()
	}
	if p.is("with") && p.at(1).punct("(") {
		p.next(1)
		c.Props = p.props()
	}
	c.OnError = p.onError()
	if !p.is("as") {
		p.fail("")
	}
	p.createAs(c)
	if p.is("with", "check", "option") || p.is("with", "local") || p.is("with", "cascaded") {
		p.unsupported(p.i, "WITH CHECK OPTION is")
	}
}

// columns reads the column definitions and table constraints.
func (p *parser) columns(c *ast.Create) {
	p.expectP("(")
	var defaults []ref
	for !p.isP(")") {
		if !p.tableConstraint(c) {
			d, def := p.column(c)
			c.Columns = append(c.Columns, d)
			defaults = append(defaults, def)
		} else if len(defaults) < len(c.Columns) {
			defaults = append(defaults, ref{})
		}
		if !p.acceptP(",") {
			break
		}
		if p.isP(")") {
			p.fail("")
		}
	}
	p.expectP(")")
	for i, r := range defaults {
		p.bind(r, &c.Columns[i].Default)
	}
}

// tableConstraint reads PRIMARY KEY, UNIQUE, CHECK and FOREIGN KEY of a table, and refuses the others.
func (p *parser) tableConstraint(c *ast.Create) bool {
	at, pos, name := p.i, p.pos(), ""
	if p.is("constraint") && p.at(1).name() && p.at(2).kind == kWord && !p.at(2).punct(",") {
		name = p.at(1).val
		p.next(2)
	}
	switch {
	case p.is("primary", "key") && p.at(2).punct("("):
		if c.PrimaryKey != nil {
			bail(sqlerr.At(int(p.cur().off), sqlerr.InvalidTableDefinition,
				"multiple primary keys for table \"%s\" are not allowed", c.Name.Last()))
		}
		p.next(2)
		c.PrimaryKey, c.KeyName = p.identList(), name
		p.accept("not", "enforced")
		return true
	case p.is("unique") && p.at(1).punct("("):
		p.next(1)
		c.Uniques = append(c.Uniques, ast.Unique{P: pos, Name: name, Columns: p.identList()})
		return true
	case p.is("check") && p.at(1).punct("("):
		p.check(c, name, "")
		return true
	case p.is("foreign", "key") && p.at(2).punct("("):
		p.next(2)
		f := &ast.Foreign{P: pos, Name: name, Columns: p.identList()}
		p.references(f)
		c.Foreign = append(c.Foreign, f)
		return true
	case p.is("exclude") && (p.at(1).word("using") || p.at(1).punct("(")):
		p.unsupported(p.i, upper(p.cur().val)+" constraints are")
	case p.is("like") && p.at(1).name():
		c.Columns = append(c.Columns, ast.ColumnDef{P: pos, Like: p.like()})
		return true
	case p.i != at:
		p.fail("")
	}
	return false
}

// like reads LIKE table {INCLUDING | EXCLUDING} option ….
func (p *parser) like() *ast.LikeTable {
	l := &ast.LikeTable{P: p.pos(), Including: map[string]bool{}}
	p.next(1)
	l.Table = p.name()
	for p.is("including") || p.is("excluding") {
		in := p.is("including")
		p.next(1)
		options := []string{p.cur().val}
		switch p.cur().val {
		case "all":
			options = []string{"defaults", "constraints", "indexes", "identity", "generated"}
		case "defaults", "constraints", "indexes", "identity", "comments", "compression", "generated", "statistics",
			"storage":
		default:
			p.fail("")
		}
		p.next(1)
		for _, o := range options {
			l.Including[o] = in
		}
	}
	return l
}

// check reads CHECK (condition).
func (p *parser) check(c *ast.Create, name, column string) {
	k := &ast.Check{P: p.pos(), Name: name, Column: column}
	p.next(1)
	p.expectP("(")
	first := p.i
	p.exprTo(&k.X)
	k.Text = p.textFrom(first)
	p.expectP(")")
	if p.is("no", "inherit") {
		p.unsupported(p.i, "NO INHERIT is")
	}
	c.Checks = append(c.Checks, k)
}

// column reads one column definition: name, type and constraints. Its DEFAULT is to be bound when the list is whole.
func (p *parser) column(c *ast.Create) (ast.ColumnDef, ref) {
	d := ast.ColumnDef{}
	d.P = p.pos()
	d.Name = p.newName()
	def := p.columnRest(c, &d)
	return d, def
}

// columnRest reads the type and the constraints of a column.
func (p *parser) columnRest(c *ast.Create, d *ast.ColumnDef) (def ref) {
	d.Type = p.typeName()
	for name := ""; ; {
		switch {
		case p.is("constraint") && p.at(1).name():
			name = p.at(1).val
			p.next(2)
			continue
		case p.accept("primary", "key"):
			d.PrimaryKey = true
			if name != "" {
				c.KeyName = name
			}
		case p.accept("unique"):
			c.Uniques = append(c.Uniques, ast.Unique{P: d.P, Name: name, Columns: []string{d.Name}})
		case p.is("check") && p.at(1).punct("("):
			p.check(c, name, d.Name)
		case p.is("default"):
			p.oneDefault(c, d)
			p.next(1)
			first := p.i
			def = p.expr(lvB)
			d.DefaultText = p.textFrom(first)
		case p.is("generated", "always", "as") && p.at(3).punct("("):
			p.oneDefault(c, d)
			p.next(3)
			def = p.generated(d)
		case p.accept("generated"):
			p.identity(d)
		case p.columnWord(d):
		case p.is("references"):
			f := &ast.Foreign{P: p.pos(), Name: name, Columns: []string{d.Name}}
			p.references(f)
			c.Foreign = append(c.Foreign, f)
		case p.is("collate"):
			p.unsupported(p.i, upper(p.cur().val)+" of a column is")
		default:
			return def
		}
		name = ""
	}
}

// columnWord reads the parts of a column definition that have no name or expression.
func (p *parser) columnWord(d *ast.ColumnDef) bool {
	switch {
	case p.accept("key"):
		d.Key = true
	case p.accept("not", "null"):
		d.NotNull = true
	case p.accept("null"):
	case p.accept("headers"):
		d.Headers = true
	case p.is("header") && p.at(1).punct("("):
		p.next(2)
		if p.cur().kind != kString {
			p.fail("")
		}
		d.Header = p.cur().val
		p.next(1)
		p.expectP(")")
	default:
		return false
	}
	return true
}

// oneDefault refuses a second default or generation expression.
func (p *parser) oneDefault(c *ast.Create, d *ast.ColumnDef) {
	if d.DefaultText == "" {
		return
	}
	what := "multiple default values"
	switch generates := p.is("generated"); {
	case d.Generated && generates:
		what = "multiple generation clauses"
	case d.Generated || generates:
		what = "both default and generation expression"
	}
	bail(sqlerr.At(int(p.cur().off), sqlerr.SyntaxError, "%s specified for column \"%s\" of table \"%s\"", what, d.Name,
		c.Name.Last()))
}

// generated reads (expression) STORED of a generated column.
func (p *parser) generated(d *ast.ColumnDef) ref {
	p.expectP("(")
	first := p.i
	x := p.expr(lvB)
	d.Generated, d.DefaultText = true, p.textFrom(first)
	p.expectP(")")
	p.expect("stored")
	return x
}

// identity reads what stands behind GENERATED.
func (p *parser) identity(d *ast.ColumnDef) {
	if d.Identity = "ALWAYS"; !p.accept("always") {
		d.Identity = "BY DEFAULT"
		p.expect("by", "default")
	}
	p.expect("as")
	p.expect("identity")
	d.Numbers = p.identityOptions()
}

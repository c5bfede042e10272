package parse

import "github.com/leatdb/leat/sql/ast"

// merge reads MERGE INTO table USING source ON condition WHEN ….
func (p *parser) merge() ast.Stmt {
	s := &ast.Merge{P: p.pos()}
	p.next(1)
	p.expect("into")
	s.Table, s.Alias = p.target()
	p.expect("using")
	s.Using = p.fromItem()
	p.expect("on")
	p.exprTo(&s.On)
	for p.is("when") {
		s.When = append(s.When, p.mergeWhen())
	}
	if len(s.When) == 0 {
		p.fail("")
	}
	return s
}

// mergeWhen reads WHEN [NOT] MATCHED [AND condition] THEN action.
func (p *parser) mergeWhen() *ast.MergeWhen {
	w := &ast.MergeWhen{P: p.pos()}
	p.next(1)
	w.Matched = !p.accept("not")
	p.expect("matched")
	if p.accept("and") {
		p.exprTo(&w.Cond)
	}
	p.expect("then")
	switch {
	case p.accept("do", "nothing"):
		w.Do = "NOTHING"
	case w.Matched && p.accept("delete"):
		w.Do = "DELETE"
	case w.Matched && p.accept("update"):
		p.expect("set")
		w.Do, w.Sets = "UPDATE", p.assignments()
	case !w.Matched && p.accept("insert"):
		w.Do = "INSERT"
		if p.isP("(") {
			w.Columns = p.columnNames()
		}
		if p.is("overriding") {
			p.unsupported(p.i, "OVERRIDING is")
		}
		if p.accept("default", "values") {
			break
		}
		p.expect("values")
		p.expectP("(")
		w.Values = p.exprList()
		p.expectP(")")
	default:
		p.fail("")
	}
	return w
}

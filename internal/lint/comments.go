package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// packageComments finds packages without a comment. Those of tests alone need none.
func (t *Tree) packageComments() []Finding {
	documented := map[string]bool{}
	first := map[string]*File{}
	for _, f := range t.files {
		if f.Test {
			continue
		}
		if first[f.Dir] == nil {
			first[f.Dir] = f
		}
		if f.Syntax.Doc != nil && strings.TrimSpace(f.Syntax.Doc.Text()) != "" {
			documented[f.Dir] = true
		}
	}
	var out []Finding
	for dir, f := range first {
		if !documented[dir] {
			out = append(out, t.at(f, f.Syntax.Package, "package %s has no comment", f.Syntax.Name.Name))
		}
	}
	return out
}

var note = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// notes finds comments that put work off.
func (t *Tree) notes(f *File) []Finding {
	var out []Finding
	for _, group := range f.Syntax.Comments {
		for _, c := range group.List {
			if m := note.FindString(c.Text); m != "" {
				out = append(out, t.at(f, c.Pos(), "%s: do it or open an issue", m))
			}
		}
	}
	return out
}

// deadCode finds comments inside functions that are statements.
func (t *Tree) deadCode(f *File) []Finding {
	var out []Finding
	for _, decl := range f.Syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		for _, group := range f.Syntax.Comments {
			if group.Pos() < fn.Body.Pos() || group.End() > fn.Body.End() {
				continue
			}
			for _, c := range group.List {
				if isCode(strings.TrimPrefix(c.Text, "//")) {
					out = append(out, t.at(f, c.Pos(), "commented-out code"))
				}
			}
		}
	}
	return out
}

var blockStart = regexp.MustCompile(`^(if|for|switch|func|go func|defer func)\b.*\{$`)

// isCode reports whether a line of comment is a statement of Go rather than prose.
func isCode(line string) bool {
	line = strings.TrimSpace(line)
	if blockStart.MatchString(line) {
		return true
	}
	if !strings.ContainsAny(line, "=(+-,") {
		return false
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+line+"\n}", 0)
	if err != nil {
		return false
	}
	fn, ok := file.Decls[0].(*ast.FuncDecl)
	if !ok || len(file.Decls) != 1 || len(fn.Body.List) != 1 {
		return false
	}
	switch s := fn.Body.List[0].(type) {
	case *ast.AssignStmt:
		_, formula := s.Lhs[0].(*ast.BinaryExpr)
		return s.Tok == token.DEFINE || !formula && strings.ContainsAny(line, ".(")
	case *ast.IncDecStmt, *ast.GoStmt, *ast.DeferStmt, *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
		return true
	case *ast.ReturnStmt:
		return len(s.Results) > 0 && strings.ContainsAny(line, ",(")
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && !strings.HasPrefix(line, "(") && call.Rparen.IsValid() && !strings.Contains(line, " (")
	}
	return false
}

// sleeps finds tests that sleep or skip. In a bubble of testing/synctest sleeping takes no time and is fine.
func (t *Tree) sleeps(f *File) []Finding {
	if !f.Test {
		return nil
	}
	var out []Finding
	var bubble ast.Node
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		on, name := selector(call.Fun)
		switch {
		case on == "synctest" && name == "Test":
			bubble = call
		case on == "time" && name == "Sleep":
			if bubble == nil || call.Pos() > bubble.End() {
				out = append(out, t.at(f, call.Pos(), "tests must not sleep: use testing/synctest"))
			}
		case (on == "t" || on == "b" || on == "f" || on == "tb") && (name == "Skip" || name == "Skipf" || name == "SkipNow"):
			out = append(out, t.at(f, call.Pos(), "tests must not skip"))
		}
		return true
	})
	return out
}

// selector returns x and name of x.name.
func selector(e ast.Expr) (x, name string) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := s.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return id.Name, s.Sel.Name
}

// exported finds exported names without a comment.
func (t *Tree) exported(f *File) []Finding {
	if f.Test {
		return nil
	}
	var out []Finding
	miss := func(id *ast.Ident) {
		if id.IsExported() {
			out = append(out, t.at(f, id.Pos(), "exported %s has no comment", id.Name))
		}
	}
	for _, decl := range f.Syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && (d.Recv == nil || exportedReceiver(d.Recv)) {
				miss(d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Doc == nil && d.Doc == nil && s.Comment == nil {
						miss(s.Name)
					}
				case *ast.ValueSpec:
					if s.Doc == nil && d.Doc == nil && s.Comment == nil {
						for _, name := range s.Names {
							miss(name)
						}
					}
				}
			}
		}
	}
	return out
}

func exportedReceiver(recv *ast.FieldList) bool {
	e := recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

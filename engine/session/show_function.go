package session

import (
	"sort"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// signature is one overload of a function, for people.
type signature struct {
	name, kind, args, result string
	doc                      fn.Doc
}

// signatures lists every function there is by its name and kind: the server's own, without operators, and those that
// users have made.
func (s *Session) signatures() []signature {
	var out []signature
	for _, f := range fn.Scalars() {
		if c := f.Name[0]; c == '_' || c >= 'a' && c <= 'z' {
			if !strings.HasPrefix(f.Name, "prefix ") {
				out = append(out, signature{f.Name, "scalar", argumentList(f.Args, f.Variadic), fn.TypeName(f.Ret), f.Doc})
			}
		}
	}
	for _, f := range fn.Aggregates() {
		out = append(out, signature{f.Name, "aggregate", argumentList(f.Args, false), fn.TypeName(f.Ret), f.Doc})
	}
	for _, f := range fn.Tables() {
		var cols []types.Type
		for _, c := range f.Cols {
			cols = append(cols, c.Type)
		}
		out = append(out, signature{f.Name, "table", argumentList(f.Args, f.Variadic), fn.Signature(cols), f.Doc})
	}
	for _, f := range fn.Windows() {
		out = append(out, signature{f.Name, "window", argumentList(f.Args, false), fn.TypeName(f.Ret), f.Doc})
	}
	for _, f := range s.eng.Catalog().AllFunctions() {
		kind, result := "sql", f.Returns.String()
		var params []string
		for _, p := range f.Params {
			params = append(params, strings.TrimSpace(p.Name+" "+p.Type.String()))
		}
		if f.Columns != nil {
			kind = "sql table"
			var cols []types.Type
			for _, c := range f.Columns {
				cols = append(cols, c.Type)
			}
			result = fn.Signature(cols)
		}
		doc := fn.Doc{Summary: f.Comment, Examples: []fn.Example{{SQL: oneLine(f.Statement)}}}
		out = append(out, signature{f.Name, kind, strings.Join(params, ", "), result, doc})
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

func argumentList(args []types.Type, variadic bool) string {
	list := fn.Signature(args)
	if variadic {
		list += ", ..."
	}
	return list
}

func (s *Session) functionRows() ([][]string, error) {
	var out [][]string
	seen := map[string]bool{}
	for _, f := range s.signatures() {
		if at := f.name + " " + f.kind; !seen[at] {
			seen[at] = true
			out = append(out, []string{f.name, f.kind, f.doc.Category})
		}
	}
	return out, nil
}

// describeFunction answers DESCRIBE FUNCTION: every overload, and what the function does.
func (s *Session) describeFunction(p *Prepared, st *ast.Describe) error {
	name := strings.ToLower(st.Name.Last())
	var found [][]string
	for _, f := range s.signatures() {
		if f.name != name {
			continue
		}
		var examples []string
		for _, e := range f.doc.Examples {
			text := e.SQL
			if e.Want != "" {
				text += " → " + e.Want
			}
			examples = append(examples, text)
		}
		found = append(found, []string{f.name + "(" + f.args + ")", f.result, f.kind, f.doc.Summary,
			strings.Join(examples, "; ")})
	}
	if found == nil {
		return sqlerr.At(st.Name.Pos(), sqlerr.UndefinedFunction, "function \"%s\" does not exist", name).
			WithHint("SHOW FUNCTIONS lists them.")
	}
	p.answer("DESCRIBE", []string{"function", "result", "kind", "description", "examples"},
		func() ([][]string, error) { return found, nil })
	return nil
}

package engine

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
)

// spelled returns a relation that selects * and no more with its columns in the place of the *, so that it keeps them
// when what it reads gets others; nil for another relation.
func spelled(rel *catalog.Relation) *catalog.Relation {
	star := starOf(rel.Statement)
	if star == nil || rel.Windowed {
		return nil
	}
	end := strings.IndexByte(rel.Statement[star.Pos():], '*')
	if end < 0 {
		return nil
	}
	var cols []string
	for _, c := range rel.Columns {
		var name []string
		for _, part := range append(append([]string(nil), star.Qual...), c.Name) {
			name = append(name, fn.QuoteIdent(part))
		}
		cols = append(cols, strings.Join(name, "."))
	}
	r := *rel
	r.Statement = rel.Statement[:star.Pos()] + strings.Join(cols, ", ") + rel.Statement[star.Pos()+end+1:]
	st := createOf(r.Statement)
	if st == nil || st.As == nil {
		return nil
	}
	r.Query = st.As.Text
	return &r
}

// starOf returns the * that is all that the query of a CREATE selects, nil for none.
func starOf(statement string) *ast.Star {
	st := createOf(statement)
	if st == nil || st.As == nil || len(st.ColNames) > 0 {
		return nil
	}
	sel, ok := st.As.Body.(*ast.Select)
	if !ok || len(sel.Items) != 1 {
		return nil
	}
	star, _ := sel.Items[0].X.(*ast.Star)
	return star
}

func createOf(statement string) *ast.Create {
	stmts, err := parse.Parse(statement)
	if err != nil || len(stmts) != 1 {
		return nil
	}
	st, _ := stmts[0].Stmt.(*ast.Create)
	return st
}

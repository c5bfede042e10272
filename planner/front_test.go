package planner

import (
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// frontEnd parses a text and binds what it can of it.
func frontEnd(ctx *Context, text string) error {
	stmts, err := parse.Parse(text)
	for i := 0; i < len(stmts) && err == nil; i++ {
		if t, ok := stmts[i].Stmt.(*ast.CreateType); ok {
			_, err = CreateType(ctx, t)
		} else {
			_, err = explainStatement(ctx, stmts[i].Stmt)
		}
	}
	return err
}

// TestLargeStatements binds statements of a megabyte, and deep ones, or refuses them for what they are.
func TestLargeStatements(t *testing.T) {
	ctx := testContext(t)
	for _, c := range []struct {
		name, text string
		code       sqlerr.Code
	}{
		{"parentheses", "SELECT " + strings.Repeat("(", 10000) + "1" + strings.Repeat(")", 10000), sqlerr.StatementTooComplex},
		{"subqueries", strings.Repeat("SELECT * FROM (", 10000) + "SELECT 1" + strings.Repeat(") x", 10000),
			sqlerr.StatementTooComplex},
		{"functions", "SELECT " + strings.Repeat("abs(", 10000) + "1" + strings.Repeat(")", 10000), sqlerr.StatementTooComplex},
		{"arrays", "SELECT " + strings.Repeat("ARRAY[", 10000) + "1" + strings.Repeat("]", 10000), sqlerr.StatementTooComplex},
		{"cases", "SELECT " + strings.Repeat("CASE WHEN true THEN ", 10000) + "1" + strings.Repeat(" END", 10000),
			sqlerr.StatementTooComplex},
		{"types", "CREATE TYPE t AS " + strings.Repeat("ARRAY<", 10000) + "int" + strings.Repeat(">", 10000),
			sqlerr.StatementTooComplex},
		{"lambdas", "SELECT " + strings.Repeat("transform(tags, x => ", 10000) + "x" + strings.Repeat(")", 10000) +
			" FROM flights", sqlerr.StatementTooComplex},
		{"not", "SELECT " + strings.Repeat("NOT ", 10000) + "true", ""},
		{"a long chain", "SELECT " + strings.Repeat("delay + ", 5000) + "1 FROM flights", ""},
		{"a longer one", "SELECT " + strings.Repeat("delay + ", 50000) + "1 FROM flights", sqlerr.StatementTooComplex},
		{"a list", "SELECT * FROM flights WHERE delay IN (1" + strings.Repeat(", 2", 300000) + ")", ""},
		{"rows", "INSERT INTO seats VALUES ('a', 1, 'b')" + strings.Repeat(", ('a', 1, 'b')", 60000), ""},
		{"a string", "SELECT '" + strings.Repeat("x", 1<<20) + "'", ""},
		{"a condition", "SELECT * FROM flights WHERE delay = 1" + strings.Repeat(" OR delay = 2", 4000), ""},
	} {
		err := frontEnd(ctx, c.text)
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.code != "" && (err == nil || sqlerr.From(err).Code != c.code):
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

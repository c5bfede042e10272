package parse

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

func TestGolden(t *testing.T) {
	golden.Run(t, "parse", func(_ *testing.T, c *golden.Case) string {
		stmts, err := Parse(c.Input)
		if err != nil {
			return render(c.Input, sqlerr.From(err))
		}
		var b strings.Builder
		for _, s := range stmts {
			if s.Params > 0 {
				fmt.Fprintf(&b, "params=%d ", s.Params)
			}
			b.WriteString(ast.Print(s.Stmt) + "\n")
		}
		return b.String()
	})
}

// render prints an error as psql does: the line, and a caret under the place.
func render(text string, e *sqlerr.Error) string {
	s := fmt.Sprintf("ERROR %s: %s\n", e.Code, e.Message)
	if e.Offset >= 0 {
		start := strings.LastIndexByte(text[:e.Offset], '\n') + 1
		line, _, _ := strings.Cut(text[start:], "\n")
		prefix := fmt.Sprintf("LINE %d: ", 1+strings.Count(text[:e.Offset], "\n"))
		caret := len(prefix) + utf8.RuneCountInString(text[start:e.Offset])
		s += prefix + line + "\n" + strings.Repeat(" ", caret) + "^\n"
	}
	if e.Hint != "" {
		s += "HINT: " + e.Hint + "\n"
	}
	return s
}

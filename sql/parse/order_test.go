package parse

import (
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/ast"
)

// Expressions of ORDER BY and SET get their trees, however many there are.
func TestListsOfExpressions(t *testing.T) {
	for n := 1; n < 10; n++ {
		list := strings.Repeat(", a + 1", n)[2:]
		by := "ORDER BY " + list
		q, err := Query("SELECT array_agg(a " + by + "), rank() OVER (" + by + ") FROM t " + by)
		if err != nil {
			t.Fatal(err)
		}
		items := q.Body.(*ast.Select).Items
		orders := [][]ast.OrderItem{q.Order, items[0].X.(*ast.Call).Order, items[1].X.(*ast.Call).Over.Order}
		for _, o := range orders {
			for i := range o {
				if _, ok := o[i].X.(*ast.Default); ok || len(o) != n {
					t.Errorf("item %d of %d is %T", i, n, o[i].X)
				}
			}
		}
		stmts, err := Parse("UPDATE t SET " + strings.ReplaceAll(list, "a +", "a = a +"))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range stmts[0].Stmt.(*ast.Update).Sets {
			if _, ok := s.X.(*ast.Default); ok {
				t.Errorf("assignment %d of %d is %T", i, n, s.X)
			}
		}
	}
}

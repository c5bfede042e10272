package planner

import (
	"testing"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/parse"
)

// BenchmarkPlan parses and plans a statement of every common shape.
func BenchmarkPlan(b *testing.B) {
	ctx := testContext(b)
	for _, c := range []struct{ name, sql string }{
		{"point", "SELECT city FROM airports WHERE iata = $1"},
		{"filter", "SELECT flight_no, delay * 2 AS twice, upper(origin) FROM flights " +
			"WHERE delay > 15 AND dest LIKE 'S%' EMIT CHANGES"},
		{"window", "SELECT origin, windowstart, count(*) AS n, avg(delay) AS mean FROM flights " +
			"WINDOW TUMBLING (SIZE 1 HOUR) WHERE delay IS NOT NULL GROUP BY origin HAVING count(*) > 3 EMIT CHANGES"},
		{"join", "SELECT a.city, count(*), sum(f.delay) FROM flights f JOIN airports a ON f.origin = a.iata " +
			"WHERE a.country = 'US' GROUP BY a.city ORDER BY 2 DESC LIMIT 10"},
		{"insert", "INSERT INTO airports (iata, city, elevation) VALUES ('SEA', 'Seattle', 131), ('PDX', 'Portland', 9)"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stmts, err := parse.Parse(c.sql)
				if err != nil {
					b.Fatal(err)
				}
				switch st := stmts[0].Stmt.(type) {
				case *ast.QueryStmt:
					_, err = Query(ctx, st.Q)
				case *ast.Insert:
					_, err = Insert(ctx, st)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package parse

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// statements are typical texts, for the benchmark, the fuzzer's corpus and the mutation test.
var statements = []string{
	`SELECT id, name FROM users WHERE id = $1`,
	`CREATE STREAM flights (id INT KEY, origin VARCHAR, delay DOUBLE, at TIMESTAMP, tags ARRAY<STRUCT<k VARCHAR, v INT>>)
	   WITH (kafka_topic = 'flights', partitions = 4, value_format = 'JSON', timestamp = 'at')`,
	`CREATE TABLE departures AS SELECT origin, count(*) AS n, avg(delay + 1) AS d FROM flights
	   WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 10 MINUTES) WHERE delay > 0 AND origin IS NOT NULL
	   GROUP BY origin EMIT CHANGES`,
	`INSERT INTO t (a, b) VALUES (1, 'x'), (-2, 'y' || 'z'), ($1, DEFAULT)`,
	`SELECT n.nspname AS "Schema", c.relname, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END AS "Type",
	   pg_catalog.pg_get_userbyid(c.relowner)::text AS "Owner"
	 FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 WHERE c.relkind IN ('r','p','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast'
	   AND pg_catalog.pg_table_is_visible(c.oid) AND c.relname OPERATOR(pg_catalog.~) '^(x)$' COLLATE pg_catalog.default
	 ORDER BY 1, 2 DESC NULLS LAST LIMIT 10 + 1`,
	`WITH a AS (SELECT x FROM t WHERE y BETWEEN 1 AND 2 + 3) SELECT a.x, (SELECT max(b) FROM u WHERE u.k = a.x) FROM a
	   UNION ALL (SELECT ARRAY[1, 2][1], s->f FROM v JOIN w WITHIN 10 SECONDS ON v.i = w.i ORDER BY 1)`,
	`SELECT sum(a) FILTER (WHERE b > 1) OVER (PARTITION BY c ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW),
	   transform(m, (k, v) => k || 'x', (k, v) => v + 1), CAST(a AS MAP<VARCHAR, ARRAY<INT>>), EXTRACT(epoch FROM t),
	   j #>> '{a}' FROM TUMBLE(t, at, INTERVAL '1' HOUR) AS w (p, q) GROUP BY ROLLUP (a, b), GROUPING SETS ((), c)`,
	`COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER true, DELIMITER ',')`,
	`SET 'auto.offset.reset' = 'earliest'; SHOW STREAMS; BEGIN; UPDATE t SET a = a + 1 WHERE k = E'\n'; COMMIT`,
	`EXPLAIN ANALYZE SELECT $$x$$, U&'\0061', 1e5, 0x1F, - -a ^ 2 NOT LIKE ALL (ARRAY['x']) IS DISTINCT FROM NOT b`,
}

func TestStatements(t *testing.T) {
	text := " SELECT 1 ;; /* x */ SELECT $2 + $1 ; "
	got, err := Parse(text)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d statements, %v", len(got), err)
	}
	for i, want := range []Statement{
		{Start: 1, End: 9, Text: "SELECT 1"},
		{Start: 21, End: 35, Text: "SELECT $2 + $1", Params: 2},
	} {
		g := got[i]
		g.Stmt = nil
		if g != want {
			t.Errorf("statement %d is %+v, want %+v", i, g, want)
		}
	}
}

// TestPositions checks that nodes point where PostgreSQL points: at operators, and at the first byte of all else.
func TestPositions(t *testing.T) {
	for text, want := range map[string]int{
		"é.x": 0, "  a + b": 4, "a AND b": 2, "- a": 0, "-1": 0, "a NOT LIKE b": 2, "a BETWEEN b AND c": 2, "a IN (b)": 2,
		"a IS NULL": 2, "a::int": 1, "CAST(a AS int)": 0, "f(a)": 0, "(a + b)": 3, "a OR b AND c": 2, "a AND b OR c": 8,
		"a @> b": 2, "a = ANY (b)": 2, "a AT TIME ZONE b": 2, "a COLLATE b": 2, "DATE 'x'": 0, "NOT a = b": 0,
		"a * b + c": 6, "a[1]": 1, "a -> b": 2, "CASE WHEN a THEN b END": 0, "(SELECT 1)": 0, "a IS NULL || b": 10,
	} {
		e, err := Expr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if e.Pos() != want {
			t.Errorf("%s: position %d, want %d (%s)", text, e.Pos(), want, ast.Print(e))
		}
	}
}

func TestQueryTypeExpr(t *testing.T) {
	q, err := Query("SELECT a + 1 FROM t EMIT CHANGES;")
	if err != nil || q.Emit != ast.EmitChanges {
		t.Errorf("query %v, %v", q, err)
	}
	ty, err := Type("numeric(10,2)[]")
	if err != nil || ty.String() != "array<numeric(10,2)>" {
		t.Errorf("type %v, %v", ty, err)
	}
	for _, err := range []error{
		second(Query("SELECT 1; SELECT 2")), second(Query("")), second(Type("int x")), second(Expr("a b")),
	} {
		var e *sqlerr.Error
		if !errors.As(err, &e) || e.Code != sqlerr.SyntaxError {
			t.Errorf("error %v, want a syntax error", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestEncoding(t *testing.T) {
	for _, text := range []string{"SELECT '\x00'", "SELECT '\xff'", "\xc3", "SELECT E'\\000'"} {
		_, err := Parse(text)
		if e := sqlerr.From(err); e == nil || e.Code != sqlerr.CharacterNotInRepertoire {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLimits: what nests or chains without end is refused with PostgreSQL's code, or parsed; no stack overflows.
func TestLimits(t *testing.T) {
	r := strings.Repeat
	for name, c := range map[string]struct {
		text string
		code sqlerr.Code
	}{
		"parentheses":      {"SELECT " + r("(", 10000) + "1" + r(")", 10000), sqlerr.StatementTooComplex},
		"open parentheses": {"SELECT " + r("(", 1<<20), sqlerr.StatementTooComplex},
		"nested queries":   {r("(", 10000) + "SELECT 1" + r(")", 10000), sqlerr.StatementTooComplex},
		"subqueries":       {r("SELECT (", 10000) + "SELECT 1" + r(")", 10000), sqlerr.StatementTooComplex},
		"calls":            {"SELECT " + r("f(", 10000) + "1" + r(")", 10000), sqlerr.StatementTooComplex},
		"arrays":           {"SELECT ARRAY" + r("[", 10000), sqlerr.StatementTooComplex},
		"signs":            {"SELECT " + r("- ", 10000) + "1", sqlerr.StatementTooComplex},
		"not":              {"SELECT a = " + r("NOT ", 10000) + "1", ""},
		"prefix operators": {"SELECT " + r("@ ", 10000) + "1", sqlerr.StatementTooComplex},
		"casts":            {"SELECT a" + r("::int", 20000), sqlerr.StatementTooComplex},
		"fields":           {"SELECT a" + r("->b", 20000), sqlerr.StatementTooComplex},
		"types":            {"SELECT a::" + r("array<", 10000), sqlerr.StatementTooComplex},
		"dimensions":       {"SELECT a::int" + r("[]", 10000), sqlerr.StatementTooComplex},
		"and":              {"SELECT a" + r(" AND a", 200000), sqlerr.StatementTooComplex},
		"plus":             {"SELECT a" + r(" + a", 5000), ""},
		"is null":          {"SELECT a" + r(" IS NULL || b", 3000), ""},
		"joins":            {"SELECT * FROM a" + r(" CROSS JOIN a", 20000), sqlerr.StatementTooComplex},
		"open joins":       {"SELECT * FROM a" + r(" JOIN a", 20000), sqlerr.StatementTooComplex},
		"unions":           {"SELECT 1" + r(" UNION SELECT 1", 20000), sqlerr.StatementTooComplex},
		"explain":          {r("EXPLAIN ", 10000) + "SELECT 1", sqlerr.StatementTooComplex},
		"grouping sets":    {"SELECT GROUP BY " + r("ROLLUP (", 10000), sqlerr.StatementTooComplex},
		"maps":             {"SELECT " + r("MAP(", 10000) + "1", sqlerr.StatementTooComplex},
		"trims":            {"SELECT " + r("trim(", 10000) + "1", sqlerr.StatementTooComplex},
		"list":             {"SELECT a IN (1" + r(", 1", 300000) + ")", ""},
		"values":           {"INSERT INTO t VALUES (1, 'x')" + r(", (1, -2)", 100000), ""},
		"expressions":      {"SELECT 1" + r(", a + 1", 100000), ""},
		"statements":       {r("SELECT 1;", 100000), ""},
		"comments":         {r("/*", 1<<19), sqlerr.SyntaxError},
		"text":             {"SELECT '" + r("x", 1<<20) + "'", ""},
		"dollars":          {r("$", 1<<20), sqlerr.SyntaxError},
		"brackets":         {r("SELECT a[", 100000), sqlerr.SyntaxError},
	} {
		_, err := Parse(c.text)
		switch e := sqlerr.From(err); {
		case e == nil && c.code != "":
			t.Errorf("%s: accepted", name)
		case e != nil && e.Code != c.code:
			t.Errorf("%s: %v %v", name, e.Code, e.Message)
		}
	}
}

// TestConcurrent parses in many goroutines: trees must not depend on the pooled parsers they came from.
func TestConcurrent(t *testing.T) {
	want := make([]string, len(statements))
	for i, s := range statements {
		want[i] = printed(t, s)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 200 {
				i := (g + n) % len(statements)
				if got := printed(t, statements[i]); got != want[i] {
					t.Errorf("%s\n got %s\nwant %s", statements[i], got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func printed(t *testing.T, text string) string {
	stmts, err := Parse(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
	var b strings.Builder
	for _, s := range stmts {
		b.WriteString(ast.Print(s.Stmt))
	}
	return b.String()
}

// FuzzParse: any text gives a tree or an error in its place, and a tree can be printed.
func FuzzParse(f *testing.F) {
	for _, s := range statements {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stmts, err := Parse(text)
		if err != nil {
			var e *sqlerr.Error
			if !errors.As(err, &e) || e.Code == "" || e.Code == sqlerr.InternalError {
				t.Fatalf("error %v", err)
			}
			if e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("offset %d of %d in %v", e.Offset, len(text), err)
			}
			return
		}
		for _, s := range stmts {
			if text[s.Start:s.End] != s.Text {
				t.Fatalf("statement at %d to %d is %q", s.Start, s.End, s.Text)
			}
			if strings.Contains(ast.Print(s.Stmt), "=(Default)") && !strings.Contains(strings.ToLower(text), "default") {
				t.Fatalf("a place was left open in %s", ast.Print(s.Stmt))
			}
			again, err := Parse(s.Text)
			if err != nil || len(again) != 1 || ast.Print(again[0].Stmt) != ast.Print(s.Stmt) {
				t.Fatalf("%q parsed alone: %v", s.Text, err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name string
		text string
	}{
		{"point", statements[0]}, {"create", statements[1]}, {"view", statements[2]}, {"insert", statements[3]},
		{"catalog", statements[4]},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

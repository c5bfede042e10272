package session_test

import (
	"strings"
	"testing"
)

// TestExplainAnalyze runs the query and tells what it gave; what never ends cannot be run for that.
func TestExplainAnalyze(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
	got := c.run("EXPLAIN ANALYZE SELECT v FROM t WHERE id > 1")
	for _, want := range []string{"Scan table t", "\nRows: 2\n", "\nExecution Time: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	got = c.run(`EXPLAIN ANALYZE WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5)
		SELECT t.v, count(*) FROM t JOIN r ON r.n > t.id WHERE id IN (SELECT id FROM t WHERE id > 1) GROUP BY t.v ORDER BY 1 LIMIT 1`)
	for _, want := range []string{" (rows=1 time=", "Aggregate", " (rows=2 time=", " (rows=3)", "\nRows: 1\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	t.Log(got)
	if got := c.run("EXPLAIN ANALYZE SELECT v FROM t EMIT CHANGES"); !strings.HasPrefix(got, "ERROR 0A000") {
		t.Errorf("a query that never ends: %s", got)
	}
}

package engine_test

import (
	"testing"

	"github.com/leatdb/leat/engine"
)

// TestReplaceWhileRewritten replaces a view again while its rows are still written to the topic in another form: the
// topic has the rows of the last query in the end.
func TestReplaceWhileRewritten(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, func(c *engine.Config) { c.SliceRows = 8 })
	s.want(`CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 4000) AS g(n);
		CREATE TABLE v AS SELECT k, v FROM t; SELECT sum(v) FROM v`, "8002000")
	s.want("CREATE OR REPLACE TABLE v AS SELECT k, v, 1 AS w FROM t", "")
	s.want("CREATE OR REPLACE TABLE v AS SELECT k, v * 2 AS v, 1 AS w FROM t; SELECT sum(v) FROM v", "16004000")
	if !s.rewrites() {
		t.Fatal("the rows have all been written before the view was replaced again")
	}
	s.want("INSERT INTO t VALUES (0, 0); FLUSH v", "")
	for s.rewrites() {
	}
	s.want("CREATE TABLE x (k int PRIMARY KEY, v int, w int) WITH (kafka_topic = 'v', value_format = 'JSON')", "")
	s.want("SELECT count(*) FROM x", "4001")
	s.want("SELECT sum(v) FROM x", "16004000")
	s.close()
}

func (s *served) rewrites() bool { return s.eng.Rewrites("v") }

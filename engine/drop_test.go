package engine_test

import "testing"

// TestDropFrees drops a graph of relations, some of which were replaced: nothing is left of them, also after a restart.
func TestDropFrees(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE TABLE stays (k int PRIMARY KEY); CREATE MATERIALIZED VIEW also AS SELECT count(*) AS n FROM stays", "")
	before := s.eng.Counts()
	for range 2 {
		s.want(`CREATE STREAM s (k int KEY, v int) WITH (partitions = 2); CREATE TABLE t (k int PRIMARY KEY, v int);
			CREATE STREAM big AS SELECT k, v FROM s WHERE v > 1;
			CREATE TABLE sums AS SELECT k, sum(v) AS v FROM big GROUP BY k;
			CREATE MATERIALIZED VIEW both AS SELECT s.k, s.v, t.v AS w FROM sums s JOIN t ON s.k = t.k;
			CREATE MATERIALIZED VIEW top AS SELECT max(v) AS v FROM both; CREATE STREAM sink (k int KEY, v int);
			INSERT INTO sink SELECT k, v FROM big; INSERT INTO s VALUES (1, 2), (1, 3); INSERT INTO t VALUES (1, 10)`, "")
		s.want("SELECT v FROM top", "5")
		s.want("CREATE OR REPLACE TABLE sums AS SELECT k, sum(v + 1) AS v FROM big GROUP BY k; SELECT v FROM top", "7")
		s.want("CREATE OR REPLACE MATERIALIZED VIEW top AS SELECT min(v) AS v, 1 AS one FROM both; SELECT v FROM top", "7")
		s.want("DROP STREAM s CASCADE; DROP TABLE t CASCADE; DROP STREAM sink", "")
		if got := s.eng.Counts(); got != before {
			t.Fatalf("queries, relations and accounts: %v, before %v", got, before)
		}
		s.want("SELECT count(*) FROM leat_catalog.topics", "2")
		s.want("SELECT count(*) FROM leat_catalog.queries", "1")
		s.close()
		s = serve(t, dir)
		if got := s.eng.Counts(); got != before {
			t.Fatalf("after a restart: %v, before %v", got, before)
		}
	}
	s.close()
}

package engine_test

import "testing"

// TestResumeStream breaks a query that writes a stream, and lets it go on: every record comes once.
func TestResumeStream(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(`CREATE STREAM s (a int) WITH (partitions = 3); CREATE STREAM made AS SELECT a FROM s;
		CREATE STREAM again AS SELECT a + 1 AS a FROM made; CREATE STREAM target (a int);
		INSERT INTO target WITH (query_id = 'ins') SELECT a FROM made`, "")
	s.want("INSERT INTO s VALUES (1), (2); SELECT count(*) FROM again", "2")
	for _, name := range []string{"again", "ins", "made"} {
		if err := s.eng.Break(name); err != nil {
			t.Fatal(err)
		}
	}
	s.want("INSERT INTO s VALUES (3), (4)", "")
	s.want("FLUSH", "ERROR 55000")
	s.want("SELECT state FROM leat_catalog.queries WHERE id LIKE '%MADE%'", "ERROR")
	s.want("INSERT INTO s VALUES (5)", "")
	s.close()
	s = serve(t, dir)
	s.want("INSERT INTO s VALUES (6)", "")
	s.want("RESUME ALL; SELECT a FROM made ORDER BY a", "1,2,3,4,5,6")
	s.want("SELECT a FROM again ORDER BY a", "2,3,4,5,6,7")
	s.want("FLUSH; SELECT a FROM target ORDER BY a", "1,2,3,4,5,6")
	s.close()
	s = serve(t, dir)
	s.want("INSERT INTO s VALUES (7); SELECT count(*) FROM again", "7")
	s.want("SELECT DISTINCT state FROM leat_catalog.queries", "RUNNING")
	s.close()
}

// TestFailToStart has a query in the catalog that cannot be planned: the server starts, and the query is given up until
// it can be and is resumed.
func TestFailToStart(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(`CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 10), (2, 20);
		CREATE MATERIALIZED VIEW good AS SELECT count(*) AS n FROM t;
		CREATE MATERIALIZED VIEW bad AS SELECT k, v FROM t; CREATE MATERIALIZED VIEW above AS SELECT sum(v) AS v FROM bad`, "")
	s.want("SELECT v FROM above", "30")
	if err := s.eng.Restate("bad", "CREATE MATERIALIZED VIEW bad AS SELECT k, gone(v) AS v FROM t"); err != nil {
		t.Fatal(err)
	}
	s.close()
	s = serve(t, dir)
	s.want("INSERT INTO t VALUES (3, 30); SELECT n FROM good", "3")
	s.want("SELECT v FROM above", "ERROR 55000")
	s.want("SELECT detail LIKE 'it cannot be started: function gone(integer) does not exist%' FROM leat_catalog.queries "+
		"WHERE state = 'ERROR'", "t")
	s.want("RESUME ALL", "ERROR 42883")
	if err := s.eng.Restate("bad", "CREATE MATERIALIZED VIEW bad AS SELECT k, v FROM t"); err != nil {
		t.Fatal(err)
	}
	s.close()
	s = serve(t, dir)
	s.want("SELECT v FROM above", "ERROR 55000")
	s.want("RESUME ALL; SELECT v FROM above", "60")
	s.want("DELETE FROM t WHERE k = 1; SELECT v FROM above", "50")
	s.close()
}

package session_test

import "testing"

// TestIndexRestart looks rows up by indexes after restarts: from a checkpoint, and from the log alone.
func TestIndexRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run("CREATE TABLE t (id int PRIMARY KEY, a text, b int); CREATE INDEX t_a ON t (a); CREATE UNIQUE INDEX t_b ON t (b)")
	c.run("CREATE MATERIALIZED VIEW v AS SELECT a, count(*) AS n FROM t GROUP BY a; CREATE INDEX v_n ON v (n)")
	c.run("INSERT INTO t VALUES (1, 'x', 10), (2, 'y', 20), (3, 'x', 30)")
	const look = "SELECT id FROM t WHERE a = 'x' ORDER BY id; SELECT id FROM t WHERE b = 20; SELECT a FROM v WHERE n = 2"
	const want = "1\n3\n2\nx\n"
	for i := range 3 {
		if got := c.run(look); got != want {
			t.Fatalf("after %d restarts: %q", i, got)
		}
		s.close()
		s = open(t, dir)
		c = s.session()
		if got := c.run("EXPLAIN SELECT id FROM t WHERE a = 'x'"); got != "Pull\n  -> Project id [*id integer]\n"+
			"    -> Filter a = 'x' [*id integer, a text]\n      -> Scan table t lookup by t_a a = 'x' [*id integer, a text]\n" {
			t.Fatal(got)
		}
	}
	c.run("UPDATE t SET a = 'y', b = 11 WHERE id = 1; DELETE FROM t WHERE id = 2; DROP INDEX v_n; CREATE INDEX v_a ON v (a, n)")
	s.close()
	s = open(t, dir)
	defer func() { s.close() }()
	got := s.session().run("SELECT id FROM t WHERE a = 'y'; SELECT id FROM t WHERE b = 20; SELECT id FROM t WHERE b = 11; " +
		"SELECT n FROM v WHERE a = 'y'")
	if got != "1\n1\n1\n" {
		t.Fatal(got)
	}
}

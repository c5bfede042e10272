package engine_test

import "testing"

// TestIndexAfterAnother makes an index where another was: after a restart nothing of that one is in it.
func TestIndexAfterAnother(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE TABLE t (k int PRIMARY KEY, v int, w int); INSERT INTO t VALUES (1, 10, 20), (2, 30, 40)", "")
	s.want("CREATE INDEX i ON t (v); INSERT INTO t VALUES (3, 50, 60); SELECT k FROM t WHERE v = 10", "1")
	s.close()
	s = serve(t, dir)
	s.want("DROP INDEX i; CREATE INDEX i ON t (w); INSERT INTO t VALUES (4, 70, 80); DELETE FROM t WHERE k = 2", "")
	s.want("CREATE STREAM s (w int); CREATE MATERIALIZED VIEW v AS SELECT t.k FROM s JOIN t ON s.w = t.w", "")
	s.close()
	s = serve(t, dir)
	s.want("INSERT INTO s VALUES (10), (20), (30), (60); SELECT k FROM v ORDER BY k", "1,3")
	s.close()
}

package engine_test

import (
	"testing"

	"github.com/leatdb/leat/cluster"
)

// TestAlterAgain alters a table after an attempt that failed once the rows had been laid out: after a restart nothing
// of that is among the rows and their indexes.
func TestAlterAgain(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE TABLE t (k int PRIMARY KEY, v int UNIQUE, w int); INSERT INTO t VALUES (1, 10, 1), (2, 20, 2)", "")
	s.want("CREATE INDEX i ON t (w)", "")
	another := cluster.Change{Put: map[string][]byte{"schema/another": []byte(`{"Name":"another"}`)}}
	if _, err := s.node.Update(t.Context(), another); err != nil {
		t.Fatal(err)
	}
	s.want("ALTER TABLE t ADD COLUMN x int DEFAULT 7", "ERROR 55006")
	s.want("DELETE FROM t WHERE k = 2; ALTER TABLE t ADD COLUMN x int DEFAULT 8; SELECT x FROM t", "8")
	s.close()
	s = serve(t, dir)
	s.want("INSERT INTO t VALUES (3, 20, 3, 9); SELECT k FROM t ORDER BY k", "1,3")
	s.want("CREATE STREAM s (w int); CREATE MATERIALIZED VIEW v AS SELECT t.k FROM s JOIN t ON s.w = t.w", "")
	s.want("INSERT INTO s VALUES (1), (2), (3); SELECT k FROM v ORDER BY k", "1,3")
	s.close()
}

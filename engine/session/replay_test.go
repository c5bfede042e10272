package session_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestReplayWithoutDropped replays steps in which a view read a stream first that was dropped later.
func TestReplayWithoutDropped(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run("CREATE STREAM s (a int); INSERT INTO s VALUES (1), (2)")
	c.run("CREATE MATERIALIZED VIEW first AS SELECT count(*) AS n FROM s; INSERT INTO s VALUES (3)")
	c.run("CREATE MATERIALIZED VIEW second AS SELECT count(*) AS n FROM s; INSERT INTO s VALUES (4)")
	c.run("DROP MATERIALIZED VIEW first; INSERT INTO s VALUES (5)")
	if got := c.run("SELECT n FROM second"); got != "5\n" {
		t.Fatal(got)
	}
	s.close()
	if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil { // as if it had been killed before its first checkpoint
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.close()
	c = s.session()
	if got := c.run("SELECT n FROM second; INSERT INTO s VALUES (6); SELECT n FROM second"); got != "5\nINSERT 0 1\n6\n" {
		t.Fatal("after a replay: ", got)
	}
}

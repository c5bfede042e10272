package session_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestReplayInserts replays steps in which queries insert into a stream that a query makes and one that is written to,
// some of which have ended.
func TestReplayInserts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run(`CREATE STREAM a (v int); CREATE STREAM b (v int); CREATE STREAM base (v int);
		CREATE STREAM made AS SELECT v FROM a;
		CREATE MATERIALIZED VIEW total AS SELECT sum(v) AS v, latest_by_offset(v) AS last FROM made;
		CREATE MATERIALIZED VIEW based AS SELECT sum(v) AS v FROM base;
		INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)`)
	c.run("INSERT INTO made WITH (query_id = 'one') SELECT v FROM b; INSERT INTO base SELECT v * 10 FROM made")
	c.run("INSERT INTO made WITH (query_id = 'two') SELECT v * 100 FROM b; INSERT INTO b VALUES (3)")
	const look = "SELECT * FROM total; SELECT * FROM based; SELECT count(*) FROM base"
	want := c.run(look)
	if want != "506|300\n5060\n5\n" {
		t.Fatal(want)
	}
	crash := func() {
		s.close()
		if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		c = s.session()
	}
	crash()
	if got := c.run(look); got != want {
		t.Fatalf("after a replay %q, before it %q", got, want)
	}
	s.close()
	s = open(t, dir)
	c = s.session()
	c.run("TERMINATE two; INSERT INTO b VALUES (4); DROP STREAM base CASCADE")
	if got := c.run("SELECT v FROM total; SELECT id FROM leat_catalog.queries WHERE kind = 'INSERT'"); got != "510\nONE\n" {
		t.Fatal(got)
	}
	s.close()
	s = open(t, dir)
	defer func() { s.close() }()
	if got := s.session().run("SELECT v FROM total; INSERT INTO b VALUES (5); SELECT v FROM total"); got != "510\nINSERT 0 1\n515\n" {
		t.Fatal(got)
	}
}

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

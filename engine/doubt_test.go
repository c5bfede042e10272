package engine_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
)

// built is relations of every kind that reads another: b, c and d share a part, above and more are made of what others make.
const built = `CREATE STREAM s (k text, v int); CREATE TABLE t (k text PRIMARY KEY, name text);
	CREATE MATERIALIZED VIEW sums AS SELECT k, sum(v) AS v FROM s GROUP BY k;
	CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n, sum(v) AS v FROM sums;
	CREATE MATERIALIZED VIEW many AS SELECT v FROM s WHERE v > 1;
	CREATE TABLE counts AS SELECT k, count(*) AS n FROM s GROUP BY k;
	CREATE STREAM twice AS SELECT k, v * 2 AS v FROM s;
	CREATE MATERIALIZED VIEW more AS SELECT k, max(v) AS v FROM twice GROUP BY k;
	CREATE MATERIALIZED VIEW named AS SELECT t.k, name, sums.v FROM t LEFT JOIN sums ON t.k = sums.k;
	CREATE STREAM copied (k text, v int); INSERT INTO copied SELECT k, v FROM twice;
	CREATE MATERIALIZED VIEW copies AS SELECT sum(v) AS v FROM copied;
	CREATE MATERIALIZED VIEW a AS SELECT k, min(v) AS v FROM s GROUP BY k;
	CREATE MATERIALIZED VIEW b AS SELECT k, min(v) AS v FROM s GROUP BY k`

// looks are what is to be the same whatever happens.
var looks = []string{
	"SELECT k || v FROM sums ORDER BY k", "SELECT n || ':' || v FROM above", "SELECT v FROM many ORDER BY v",
	"SELECT k || n FROM counts ORDER BY k", "SELECT k || v FROM more ORDER BY k",
	"SELECT k || name || coalesce(v, 0) FROM named ORDER BY k", "SELECT v FROM copies", "SELECT count(*) FROM copied",
	"SELECT k || v FROM a ORDER BY k", "SELECT k || v FROM b ORDER BY k", "SELECT k || v FROM twice ORDER BY k, v",
}

func (s *served) looks() (all []string) {
	s.t.Helper()
	for _, sql := range looks {
		all = append(all, s.ask(sql))
	}
	return all
}

// sound waits until no query is in doubt any more.
func (s *served) sound() {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; <-time.After(5 * time.Millisecond) {
		bad := s.ask("SELECT relation || ' ' || state || ' ' || detail FROM leat_catalog.queries WHERE state <> 'RUNNING' ORDER BY 1")
		if bad == "" {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("they do not run: %s", bad)
		}
	}
}

// TestOtherBuild starts a server over what another one has left whose operators keep their state in another way: of one
// query, of all, after a clean end and after a crash with steps that no checkpoint has, and when it has followed before.
// Everything is as it was.
func TestOtherBuild(t *testing.T) {
	for _, reformed := range []string{"sums", "above", "many", "counts", "more", "named", "copies", "a", "all"} {
		for _, after := range []string{"clean", "crash", "following", "crash, following", "crash, caught up"} {
			t.Run(reformed+" "+after, func(t *testing.T) { otherBuild(t, reformed, after) })
		}
	}
}

func otherBuild(t *testing.T, reformed, after string) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(built, "")
	s.want("INSERT INTO t VALUES ('x', 'X'), ('z', 'Z'); INSERT INTO s VALUES ('x', 1), ('y', 2), ('x', 3)", "")
	s.looks()
	if err := s.eng.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "flow-1.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.want("INSERT INTO s VALUES ('z', 5), ('x', 7); UPDATE t SET name = 'XX' WHERE k = 'x'", "")
	s.want("INSERT INTO s VALUES ('y', -1); DELETE FROM t WHERE k = 'z'", "")
	want := s.looks()
	topics := s.topics()
	s.close()
	if strings.Contains(after, "crash") {
		if err := os.WriteFile(file, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	defer engine.Reform(func(r string) bool { return r == reformed || reformed == "all" })()
	follows := strings.Contains(after, "following") || strings.Contains(after, "caught up")
	if follows {
		if _, err := followed(t, dir, strings.Contains(after, "caught up")); err != nil {
			t.Fatal(err)
		}
	}
	s = serve(t, dir)
	if len(s.eng.Doubts()) == 0 && !follows {
		t.Fatal("nothing was noticed")
	}
	same := func() {
		t.Helper()
		if got := s.looks(); !slices.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", strings.Join(got, " ; "), strings.Join(want, " ; "))
		}
	}
	same() // who asks waits
	s.sound()
	same()
	if got := s.topics(); got != topics {
		t.Errorf("streams have records twice, or too few: %s, before %s", got, topics)
	}
	s.want("INSERT INTO s VALUES ('x', 100), ('w', 3); INSERT INTO t VALUES ('w', 'W')", "")
	want = s.looks()
	if want[0] != "w3,x111,y1,z5" || want[1] != "4:120" {
		t.Error(want)
	}
	s.close()
	s = serve(t, dir)
	if len(s.eng.Doubts()) != 0 {
		t.Error(s.eng.Doubts())
	}
	same()
	s.close()
}

// topics counts the records of streams that queries write.
func (s *served) topics() string {
	return s.ask("SELECT name || end_offset FROM leat_catalog.topics WHERE name IN ('twice', 'copied') ORDER BY 1")
}

// TestOtherOutput computes steps again with queries that come to something else than they did: that is noticed, nobody
// else sees it, and the query begins anew with what it gives now.
func TestOtherOutput(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(built, "")
	s.want("INSERT INTO s VALUES ('x', 1), ('y', 2), ('x', 3)", "")
	s.looks()
	s.close()
	if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil { // as if it had been killed before its first checkpoint
		t.Fatal(err)
	}
	s = serve(t, dir)
	if len(s.eng.Doubts()) != 0 {
		t.Fatal(s.eng.Doubts())
	}
	if err := s.eng.Restate("sums", "CREATE MATERIALIZED VIEW sums AS SELECT k, sum(v) + 1 AS v FROM s GROUP BY k"); err != nil {
		t.Fatal(err)
	}
	s.close()
	if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil {
		t.Fatal(err)
	}
	s = serve(t, dir)
	if d := s.eng.Doubts(); len(d) != 1 || d["sums"] == "" {
		t.Error(d)
	}
	s.sound()
	s.want("SELECT k || v FROM sums ORDER BY k", "x5,y3")
	s.want("SELECT v FROM above", "8")
	s.want("INSERT INTO s VALUES ('z', 1); SELECT v FROM above", "10")
	s.close()
}

// TestOtherBuildKeeps starts another build over queries that would come to something else if they were made anew: they
// have failed and say why, and what there is of them stays until somebody decides.
func TestOtherBuildKeeps(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(`CREATE STREAM s (v int); CREATE STREAM e (v int) WITH (kafka_topic = 'e');
		INSERT INTO s VALUES (1), (2); INSERT INTO e VALUES (1), (2);
		CREATE MATERIALIZED VIEW trimmed AS SELECT sum(v) AS v FROM e; CREATE MATERIALIZED VIEW whole AS SELECT sum(v) AS v FROM s;
		CREATE MATERIALIZED VIEW paused AS SELECT sum(v) AS v FROM s; CREATE STREAM kept AS SELECT DISTINCT v FROM s; SET auto.offset.reset = 'latest';
		CREATE TABLE late AS SELECT v, count(*) AS n FROM s GROUP BY v; RESET auto.offset.reset;
		CREATE TABLE aging WITH (retention = '1 day') AS SELECT v, count(*) AS n FROM s GROUP BY v;
		CREATE MATERIALIZED VIEW aged WITH (retention = '1 day') AS SELECT v FROM s`, "")
	s.want("INSERT INTO s VALUES (4); INSERT INTO e VALUES (4); SELECT v FROM late", "4")
	s.want("SELECT v FROM trimmed", "7")
	s.want("PAUSE "+s.ask("SELECT id FROM leat_catalog.queries WHERE relation = 'paused'"), "")
	if err := s.eng.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic, _ := s.node.Topic("e")
	if err := s.node.Trim(t.Context(), topic.IDs[0], 1); err != nil {
		t.Fatal(err)
	}
	s.close()
	defer engine.Reform(func(string) bool { return true })()
	s = serve(t, dir)
	const failed = "SELECT relation FROM leat_catalog.queries WHERE state = 'ERROR' AND detail LIKE '%; %' ORDER BY relation"
	for range 2 {
		for end := time.Now().Add(20 * time.Second); s.ask(failed) != "aging,kept,late,paused,trimmed"; <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(s.ask("SELECT relation || state || detail FROM leat_catalog.queries"))
			}
		}
		s.want("SELECT v FROM whole", "7")
		s.want("SELECT v FROM aged ORDER BY v", "1,2,4")
		s.want("SELECT v FROM trimmed", "ERROR 55000")
		s.close()
		s = serve(t, dir)
	}
	id := s.ask("SELECT id FROM leat_catalog.queries WHERE relation = 'trimmed'")
	s.want("RESUME "+id+"; SELECT v FROM trimmed", "6")
	id = s.ask("SELECT id FROM leat_catalog.queries WHERE relation = 'paused'")
	s.want("RESUME "+id+"; SELECT v FROM paused", "7")
	s.close()
}

// TestOtherBuildWaits starts another build over a view that a paused query has not read to its end: that holds nobody up
// who asks for the view, and goes on from where it is. What is said meanwhile of the query that is made anew counts.
func TestOtherBuildWaits(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(`CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 60) AS g(n);
		CREATE MATERIALIZED VIEW a AS SELECT k % 50 AS k, sum(v) AS v FROM t GROUP BY k % 50;
		CREATE MATERIALIZED VIEW bag AS SELECT v FROM t; SELECT count(*) FROM a`, "50")
	s.want("CREATE MATERIALIZED VIEW b WITH (backfill_rate = 20) AS SELECT k, v FROM a", "")
	s.want("CREATE MATERIALIZED VIEW c WITH (backfill_rate = 20) AS SELECT v FROM bag", "")
	s.want("PAUSE "+s.queryOf("b")+"; PAUSE "+s.queryOf("c"), "")
	part := s.ask("SELECT count(*) FROM b")
	s.close()
	defer engine.Reform(func(r string) bool { return r == "a" || r == "bag" })()
	s = serve(t, dir)
	s.want("SELECT sum(v) FROM a", "1830")
	s.want("SELECT sum(v) FROM bag", "1830")
	s.want("FLUSH; SELECT count(*) FROM b", part)
	s.want("UPDATE t SET v = 1000 WHERE k IN (1, 49); CREATE OR REPLACE MATERIALIZED VIEW a AS SELECT k % 50 AS k, sum(v) + 1 AS v FROM t GROUP BY k % 50", "")
	s.want("RESUME ALL", "")
	s.want("SELECT sum(v) FROM a", "3830")
	s.want("SELECT sum(v) FROM b", "3830")
	s.want("SELECT sum(v) FROM c", "3780")
	s.close()
}

// TestOtherBuildReplaced replaces a query while it is made anew, which takes that back; and pauses one, which counts once it
// has been made.
func TestOtherBuildReplaced(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(`CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 60) AS g(n);
		CREATE MATERIALIZED VIEW a AS SELECT sum(v) AS v FROM t; CREATE MATERIALIZED VIEW b AS SELECT sum(v) AS v FROM t;
		CREATE OR REPLACE MATERIALIZED VIEW a WITH (backfill_rate = 40) AS SELECT sum(v) AS v FROM t;
		CREATE OR REPLACE MATERIALIZED VIEW b WITH (backfill_rate = 40) AS SELECT sum(v) AS v FROM t`, "")
	s.close()
	defer engine.Reform(func(r string) bool { return true })()
	s = serve(t, dir)
	const fails = "CREATE OR REPLACE MATERIALIZED VIEW a ON ERROR FAIL AS SELECT v / (v - v) AS v FROM t"
	code := s.ask(fails)
	for ; code == "ERROR 55006"; code = s.ask(fails) { // it is about to be made anew
	}
	if code != "ERROR 22012" {
		t.Error(code)
	}
	s.want("PAUSE "+s.queryOf("b"), "")
	s.want("SELECT v FROM a", "1830")
	s.want("SELECT v FROM b", "1830")
	s.want("INSERT INTO t VALUES (100, 1); SELECT v FROM a", "1831")
	s.want("SELECT v FROM b", "1830")
	s.want("SELECT state FROM leat_catalog.queries WHERE relation = 'b'", "PAUSED")
	s.want("RESUME ALL; SELECT v FROM b", "1831")
	s.close()
}

// queryOf is the ID of the query that makes a relation.
func (s *served) queryOf(relation string) string {
	s.t.Helper()
	return s.ask("SELECT min(id) FROM leat_catalog.queries WHERE relation = '" + relation + "'")
}

// TestOtherBuildInserts has another build follow, and lead then, over a query that writes and cannot be made anew: it is
// given up, and begins nowhere again.
func TestOtherBuildInserts(t *testing.T) {
	for _, after := range []string{"clean", "following", "caught up"} {
		dir := t.TempDir()
		s := serve(t, dir)
		s.want("CREATE STREAM s (k text, v int); CREATE STREAM r (k text, v int); CREATE STREAM both (k text, v int); "+
			"INSERT INTO both SELECT s.k, r.v FROM s JOIN r WITHIN 1 HOUR ON s.k = r.k", "")
		s.want("INSERT INTO s VALUES ('x', 1), ('y', 2); INSERT INTO r VALUES ('x', 3); SELECT count(*) FROM both", "1")
		s.close()
		undo := engine.Reform(func(r string) bool { return true })
		if after != "clean" {
			if _, err := followed(t, dir, after == "caught up"); err != nil {
				t.Fatal(err)
			}
		}
		s = serve(t, dir)
		s.want("INSERT INTO s VALUES ('z', 1)", "")
		s.want("SELECT state FROM leat_catalog.queries", "ERROR")
		s.want("SELECT count(*) FROM both", "1")
		s.close()
		undo()
	}
}

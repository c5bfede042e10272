package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
)

// unmade waits until a query has failed that could not be made anew, and returns why.
func (s *served) unmade(relation string) (why string) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		why = s.ask("SELECT detail FROM leat_catalog.queries WHERE state = 'ERROR' AND relation = '" + relation + "'")
		if strings.Contains(why, "another version of the server has kept its state; ") {
			return why
		}
		if time.Now().After(end) {
			s.t.Fatal(s.ask("SELECT relation || ' ' || state || ' ' || detail FROM leat_catalog.queries"))
		}
	}
}

// remakes are relations whose new rows take a while.
const remakes = `CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 60) AS g(n);
	CREATE MATERIALIZED VIEW a WITH (backfill_rate = 200) AS SELECT sum(v) AS v FROM t;
	CREATE MATERIALIZED VIEW above AS SELECT v + 1 AS v FROM a; SELECT v FROM above`

// TestUnmadeAgain lets what makes a query anew fail: it says why, and the next that leads tries again, whether it has
// a checkpoint of that, or only the records of the steps since one from before.
func TestUnmadeAgain(t *testing.T) {
	for _, after := range []string{"a clean end", "a kill", "the records alone"} {
		t.Run(after, func(t *testing.T) {
			dir := t.TempDir()
			s := serve(t, dir)
			s.want(remakes, "1831")
			s.close()
			file := filepath.Join(dir, "flow-1.db")
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Reform(func(r string) bool { return r == "a" })()
			for range 2 { // it does not grow
				s = serve(t, dir)
				s.eng.BreakNext("a")
				if why := s.unmade("a"); strings.Count(why, ";") != 1 || !strings.HasSuffix(why, "a broken operator") {
					t.Error(why)
				}
				s.want("SELECT v FROM above", "ERROR 55000")
				s.want("INSERT INTO t VALUES (100, 1) ON CONFLICT (k) DO UPDATE SET v = t.v + 1; SELECT count(*) FROM t", "61")
				s.want("SELECT count(*) FROM leat_catalog.queries", "2")
				if after != "a clean end" {
					s.eng.Kill()
				}
				s.close()
				if after == "the records alone" {
					if err := os.WriteFile(file, before, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			s = serve(t, dir)
			s.want("SELECT v FROM above", "1833") // who asks waits
			s.sound()
			s.want("INSERT INTO t VALUES (101, 1); SELECT v FROM above", "1834")
			s.close()
			s = serve(t, dir)
			if d := s.eng.Doubts(); len(d) != 0 {
				t.Error(d)
			}
			s.want("SELECT v FROM above", "1834")
			s.close()
		})
	}
}

// TestUnmadeByHand has somebody take a query in hand that could not be made anew, in the server that has tried, and in
// the next, which tries again.
func TestUnmadeByHand(t *testing.T) {
	const other = "CREATE OR REPLACE MATERIALIZED VIEW a AS SELECT sum(v) + 1000 AS v FROM t"
	for _, test := range []struct{ do, want string }{{"RESUME ALL", "1831"}, {other, "2831"}} {
		for _, restart := range []bool{false, true} {
			dir := t.TempDir()
			s := serve(t, dir)
			s.want(remakes, "1831")
			s.close()
			undo := engine.Reform(func(r string) bool { return r == "a" })
			s = serve(t, dir)
			s.eng.BreakNext("a")
			s.unmade("a")
			if restart {
				s.eng.Kill()
				s.close()
				s = serve(t, dir)
			}
			for s.ask(test.do) == "ERROR 55006" { // it is about to be made anew
			}
			s.want("SELECT v FROM above", test.want)
			s.sound()
			s.close()
			s = serve(t, dir)
			if d := s.eng.Doubts(); len(d) != 0 {
				t.Error(d)
			}
			s.want("SELECT v FROM above", test.want)
			s.close()
			undo()
		}
	}
}

// TestDoubtedPart starts another build over views that share a part: none tells that the part has failed, also between a
// swap and the catalog that has it, as it is for a while on nodes that follow.
func TestDoubtedPart(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE STREAM s (k int, v int); INSERT INTO s SELECT n % 2, n FROM generate_series(1, 60) AS g(n)", "")
	for _, v := range []string{"a", "b", "c"} {
		s.want("CREATE MATERIALIZED VIEW "+v+" WITH (backfill_rate = 100) AS SELECT k, sum(v) AS v FROM s GROUP BY k", "")
	}
	s.want("SELECT sum(v) FROM c", "1830")
	if p := s.eng.Part("b"); p == "" || p != s.eng.Part("c") {
		t.Fatal(p)
	}
	s.close()
	defer engine.Reform(func(string) bool { return true })()
	s = serve(t, dir)
	for !strings.Contains(s.ask("SELECT relation FROM leat_catalog.queries WHERE state = 'CATCHING UP'"), "b") {
	}
	if err := s.eng.HalfSwap("b"); err != nil {
		t.Fatal(err)
	}
	s.want("SELECT sum(v) FROM b", "1830")
	s.want("SELECT sum(v) FROM c", "1830")
	s.close()
	for range 2 {
		s = serve(t, dir)
		s.want("SELECT sum(v) FROM b", "1830")
		s.want("SELECT sum(v) FROM c", "1830")
		s.sound()
		s.want("CREATE MATERIALIZED VIEW d AS SELECT k, sum(v) AS v FROM s GROUP BY k; SELECT sum(v) FROM d", "1830")
		s.want("DROP MATERIALIZED VIEW d", "")
		s.close()
	}
}

// TestSoundMeanwhile asks whether a view is sound that is given up to be made anew, and is made, again and again: at no
// moment has it failed.
func TestSoundMeanwhile(t *testing.T) {
	s := serve(t, t.TempDir())
	defer s.close()
	s.want("CREATE TABLE t (v int); CREATE MATERIALIZED VIEW v AS SELECT sum(v) AS v FROM t", "")
	rel, _ := s.eng.Catalog().Relation("public", "v")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20_000 {
			s.eng.Remake("v")
		}
	}()
	for {
		if err := s.eng.Sound(rel); err != nil {
			t.Error(err)
			<-done
			return
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

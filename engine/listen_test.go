package engine_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// listen asks a push query of a relation until what it returns is called.
func (s *served) listen(relation string) (end func()) {
	s.t.Helper()
	other, err := session.New(session.Config{Engine: s.eng, User: "leat", Database: "leat", Version: "test",
		Notice: func(*sqlerr.Error) {}})
	if err != nil {
		s.t.Fatal(err)
	}
	stmts, err := parse.Parse("SELECT *, rowtime FROM " + relation + " EMIT CHANGES")
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p, err := other.Prepare(ctx, stmts[0], nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := p.Execute(ctx, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = r.Next(ctx)
		}
		done <- err
	}()
	for !s.eng.Listened(relation) {
	}
	return func() {
		cancel()
		if err := <-done; ctx.Err() == nil || err == io.EOF {
			s.t.Error(err)
		}
		r.Close()
		for s.eng.Listened(relation) {
		}
	}
}

// TestUnheard has push queries that read event times listen for a while, and computes the steps again, where nobody does:
// continuous queries that do not read them come to what they did.
func TestUnheard(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(`CREATE STREAM s (k text, v int); CREATE TABLE t (k text PRIMARY KEY, v int); CREATE TABLE heap (v int);
		CREATE MATERIALIZED VIEW most WITH (retention = '1 day') AS SELECT k, max(v) AS v FROM s GROUP BY k;
		CREATE MATERIALIZED VIEW bag AS SELECT v FROM s`, "")
	of := []string{"t", "most", "bag"}
	for _, rel := range of {
		s.want(fmt.Sprintf(`CREATE TABLE counts_of_%[1]s AS SELECT v, count(*) AS n FROM %[1]s GROUP BY v;
			CREATE TABLE copy_of_%[1]s AS SELECT v + 1 AS w, count(*) AS n FROM %[1]s WHERE v > 0 GROUP BY v + 1;
			CREATE MATERIALIZED VIEW ranks_of_%[1]s AS SELECT v, row_number() OVER (ORDER BY v) AS n FROM %[1]s;
			CREATE MATERIALIZED VIEW over_%[1]s AS SELECT sum(n) AS n FROM counts_of_%[1]s`, rel), "")
	}
	s.want("CREATE TABLE joined AS SELECT t.k, most.v AS a, t.v AS b FROM t JOIN most ON t.k = most.k", "")
	change := func(i int) {
		s.want(`INSERT INTO s VALUES ('x', 5), ('y', 6); INSERT INTO t VALUES ('x', 1), ('y', 2) ON CONFLICT (k) DO UPDATE SET v = excluded.v`, "")
		s.want(fmt.Sprintf("INSERT INTO s VALUES ('z', 5), ('w', %d); FLUSH", i), "")
		s.want("UPDATE t SET v = v; FLUSH", "")
		s.want("SELECT n > 0 FROM over_bag", "t")
	}
	change(1)
	for i, rel := range of {
		end := s.listen(rel)
		change(10 + i)
		if i == 1 {
			also := s.listen("bag")
			change(20)
			also()
		}
		end()
		change(30 + i)
	}
	s.eng.Kill()
	s.close()
	for range 2 {
		s = serve(t, dir)
		if d := s.eng.Doubts(); len(d) != 0 {
			t.Error(d)
		}
		s.want("SELECT n FROM over_t", "2")
		s.close()
		if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTimedMeanwhile makes a view that reads event times while what it reads is being replaced by something that nobody
// asked the times of before: it sees the rows go that it has seen come, and come with the times that they have.
func TestTimedMeanwhile(t *testing.T) {
	for _, view := range []string{"k, %s AS v FROM t", "k %% 7 AS k, max(%s) AS v FROM t GROUP BY k %% 7", "%s AS v FROM t"} {
		for _, restart := range []bool{false, true} {
			dir := t.TempDir()
			s := serve(t, dir)
			s.want("CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 20) AS g(n)", "")
			for k := 21; k < 35; k++ {
				s.want(fmt.Sprintf("INSERT INTO t VALUES (%d, %[1]d)", k), "")
			}
			s.want("CREATE MATERIALIZED VIEW v AS SELECT "+fmt.Sprintf(view, "v")+"; SELECT max(v) FROM v", "34")
			replaced := s.begin("CREATE OR REPLACE MATERIALIZED VIEW v WITH (backfill_rate = 40) AS SELECT " +
				fmt.Sprintf(view, "CASE WHEN k % 2 = 0 THEN v ELSE v + 100 END"))
			s.want("UPDATE t SET v = v WHERE k < 30", "")
			s.want("CREATE MATERIALIZED VIEW times AS SELECT v, rowtime AS at FROM v; SELECT count(*) > 0 FROM times", "t")
			s.want("UPDATE t SET v = v WHERE k IN (30, 31)", "")
			if restart {
				s.eng.Kill()
				s.close()
				s = serve(t, dir)
			} else if err := <-replaced; err != nil {
				t.Fatal(err)
			}
			for s.ask("SELECT max(v) FROM v") != "133" {
			}
			same := func() {
				t.Helper()
				s.want("SELECT v FROM (SELECT v, at FROM times EXCEPT ALL SELECT v, rowtime FROM v) AS d ORDER BY v", "")
				s.want("SELECT v FROM (SELECT v, rowtime FROM v EXCEPT ALL SELECT v, at FROM times) AS d ORDER BY v", "")
			}
			same()
			s.want("UPDATE t SET v = v + 1 WHERE k % 3 = 0; SELECT max(v) FROM v", "134")
			same()
			s.eng.Kill()
			s.close()
			s = serve(t, dir)
			if d := s.eng.Doubts(); len(d) != 0 {
				t.Error(d)
			}
			same()
			s.close()
		}
	}
}

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// TestOtherBuildBetween lets a server over what another build has left give its queries up, and make them anew, and then
// starts the first build over its own checkpoint from before: it follows what the other has done, and doubts nothing.
func TestOtherBuildBetween(t *testing.T) {
	for _, third := range []bool{false, true} {
		dir := t.TempDir()
		s := serve(t, dir)
		s.want(built, "")
		s.want("INSERT INTO t VALUES ('x', 'X'), ('z', 'Z'); INSERT INTO s VALUES ('x', 1), ('y', 2), ('x', 3)", "")
		s.looks()
		s.close()
		file := filepath.Join(dir, "flow-1.db")
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		undo := engine.Reform(func(string) bool { return true })
		s = serve(t, dir)
		s.want("INSERT INTO s VALUES ('z', 5), ('x', 7); UPDATE t SET name = 'XX' WHERE k = 'x'", "")
		s.looks()
		s.sound()
		s.want("INSERT INTO s VALUES ('y', -1), ('v', 8); DELETE FROM t WHERE k = 'z'", "")
		want := s.looks()
		s.close()
		if err := os.WriteFile(file, before, 0o600); err != nil {
			t.Fatal(err)
		}
		if undo(); third {
			undo := engine.Reform(func(string) bool { return true })
			defer undo()
		}
		s = serve(t, dir)
		if d := s.eng.Doubts(); !third && len(d) != 0 {
			t.Errorf("doubts: %v", d)
		}
		if got := s.looks(); !slices.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", strings.Join(got, " ; "), strings.Join(want, " ; "))
		}
		s.sound()
		s.want("INSERT INTO s VALUES ('x', 100); SELECT v FROM above", "125")
		s.close()
	}
}

// TestOtherBuildSwaps starts another build over a checkpoint from within a replacement that was swapped later.
func TestOtherBuildSwaps(t *testing.T) {
	for _, view := range []string{
		"MATERIALIZED VIEW v AS SELECT k, %s AS v FROM t", "MATERIALIZED VIEW v AS SELECT k %% 3 AS k, sum(%s) AS v FROM t GROUP BY k %% 3",
		"TABLE v AS SELECT k %% 3 AS k, sum(%s) AS v FROM t GROUP BY k %% 3", "MATERIALIZED VIEW v AS SELECT %s AS v FROM t",
	} {
		dir := t.TempDir()
		s := serve(t, dir)
		s.want("CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 40) AS g(n)", "")
		s.want("CREATE "+fmt.Sprintf(view, "v")+"; CREATE MATERIALIZED VIEW above AS SELECT sum(v) AS v FROM v", "")
		s.want("SELECT v FROM above", "820")
		s.close()
		s = serve(t, dir)
		done := s.begin("CREATE OR REPLACE " + strings.Replace(fmt.Sprintf(view, "v * 2"), " AS SELECT", " WITH (backfill_rate = 100) AS SELECT", 1))
		if err := s.eng.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "flow-1.db")
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.eng.HalfSwap("v"); err != nil {
			t.Fatal(err)
		}
		s.want("INSERT INTO t VALUES (100, 100), (101, 1); DELETE FROM t WHERE k = 40; SELECT v FROM above", "1762")
		s.close()
		if err := <-done; sqlerr.From(err).Code != sqlerr.AdminShutdown {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, before, 0o600); err != nil {
			t.Fatal(err)
		}
		undo := engine.Reform(func(string) bool { return true })
		s = serve(t, dir)
		s.want("SELECT v FROM above", "1762")
		s.want("SELECT sum(v) FROM v", "1762")
		s.sound()
		s.want("INSERT INTO t VALUES (200, 2); DELETE FROM t WHERE k = 1; SELECT v FROM above", "1764")
		s.close()
		s = serve(t, dir)
		if d := s.eng.Doubts(); len(d) != 0 {
			t.Error(d)
		}
		s.want("SELECT v FROM above", "1764")
		s.want("SELECT sum(v) FROM v", "1764")
		s.close()
		undo()
	}
}

// TestOtherBuildBeginsAnew starts another build over a replacement that is under way: the view is made anew in its place,
// and takes over.
func TestOtherBuildBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 40) AS g(n)", "")
	s.want("CREATE MATERIALIZED VIEW v AS SELECT sum(v) AS v FROM t; CREATE MATERIALIZED VIEW other AS SELECT v FROM t", "")
	s.want("SELECT v FROM v", "820")
	done := s.begin("CREATE OR REPLACE MATERIALIZED VIEW v WITH (backfill_rate = 1) AS SELECT sum(v * 2) AS v FROM t")
	s.close()
	if err := <-done; sqlerr.From(err).Code != sqlerr.AdminShutdown {
		t.Fatal(err)
	}
	defer engine.Reform(func(string) bool { return true })()
	s = serve(t, dir)
	s.sound()
	s.want("SELECT v FROM v", "820")
	s.want("FLUSH; INSERT INTO t VALUES (100, 1); SELECT v FROM v", "821")
	s.want("CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT sum(v * 2) AS v FROM t; SELECT v FROM v", "1642")
	s.close()
}

// TestSwapOfOther computes a replacement again that comes to more rows than it did, so that who compares them has not come
// to their end where they were swapped: the log is followed, nothing panics, and the query is made anew.
func TestSwapOfOther(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want(`CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 40) AS g(n);
		CREATE MATERIALIZED VIEW v AS SELECT k, v FROM t; CREATE MATERIALIZED VIEW above AS SELECT sum(v) AS v FROM v`, "")
	s.want("SELECT v FROM above", "820")
	s.begin("CREATE OR REPLACE MATERIALIZED VIEW v WITH (backfill_rate = 100) AS SELECT k, v * 2 AS v FROM t WHERE k > 10")
	if err := s.eng.HalfSwap("v"); err != nil {
		t.Fatal(err)
	}
	s.want("INSERT INTO t VALUES (100, 1); SELECT v FROM above", "1532")
	if err := s.eng.RestateNext("v", "CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT k, v * 2 AS v FROM t WHERE k > 5"); err != nil {
		t.Fatal(err)
	}
	s.close()
	if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil {
		t.Fatal(err)
	}
	s = serve(t, dir)
	if d := s.eng.Doubts(); len(d) != 1 || d["v"] == "" {
		t.Error(d)
	}
	s.sound()
	s.want("SELECT v FROM above", "1612")
	s.want("INSERT INTO t VALUES (101, 1); SELECT v FROM above", "1614")
	s.close()
	s = serve(t, dir)
	if d := s.eng.Doubts(); len(d) != 0 {
		t.Error(d)
	}
	s.want("SELECT v FROM above", "1614")
	s.close()
}

// begin begins a statement that replaces a query, in a session of its own, and returns once that is in the catalog.
func (s *served) begin(text string) <-chan error {
	s.t.Helper()
	done := s.launch(text)
	for {
		for _, r := range s.eng.Catalog().Relations() {
			if r.Next != nil {
				return done
			}
		}
		select {
		case err := <-done:
			s.t.Fatal(text, err)
		default:
		}
	}
}

// launch begins a statement in a session of its own.
func (s *served) launch(text string) <-chan error {
	s.t.Helper()
	done := make(chan error, 1)
	other, err := session.New(session.Config{Engine: s.eng, User: "leat", Database: "leat", Version: "test",
		Notice: func(*sqlerr.Error) {}})
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		stmts, err := parse.Parse(text)
		if err == nil {
			p, perr := other.Prepare(context.Background(), stmts[0], nil)
			if err = perr; err == nil {
				_, err = p.Execute(context.Background(), nil)
			}
		}
		done <- err
	}()
	return done
}

// TestFollowersWait asks an engine that follows for a view whose rows are made anew, and for what reads it: the rows that
// there are stand still, and are shown to nobody.
func TestFollowersWait(t *testing.T) {
	s := serve(t, t.TempDir())
	defer s.close()
	s.want("CREATE TABLE t (v int); CREATE MATERIALIZED VIEW v AS SELECT sum(v) AS v FROM t; "+
		"CREATE MATERIALIZED VIEW above AS SELECT v + 1 AS v FROM v; INSERT INTO t VALUES (1)", "")
	s.want("SELECT v FROM above", "2")
	rels := map[string]*catalog.Relation{}
	for _, r := range s.eng.Catalog().Relations() {
		rels[r.Name] = r
	}
	s.eng.Frozen("v", true)
	var asked []<-chan error
	for i, names := range [][]string{{"v"}, {"above"}, {"t", "v"}} {
		done := make(chan error, 1)
		asked = append(asked, done)
		go func() {
			var of []*catalog.Relation
			for _, name := range names {
				of = append(of, rels[name])
			}
			done <- s.eng.Flush(t.Context(), of...)
		}()
		for s.eng.Waiting() <= i {
			select {
			case err := <-done:
				t.Errorf("%s is answered: %v", names, err)
				s.eng.Frozen("v", false)
				return
			default:
			}
		}
	}
	if err := s.eng.Flush(t.Context(), rels["t"]); err != nil {
		t.Error(err)
	}
	if n := s.eng.Waiting(); n != 3 {
		t.Errorf("%d wait", n)
	}
	s.eng.Frozen("v", false)
	for _, done := range asked {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestLeaderWaits asks an engine that follows for a view whose rows are made anew, and then lets it lead: who has asked
// waits on, and sees what has been written.
func TestLeaderWaits(t *testing.T) {
	s := serve(t, t.TempDir())
	defer s.close()
	s.want("CREATE TABLE t (v int); CREATE MATERIALIZED VIEW v AS SELECT sum(v) AS v FROM t; INSERT INTO t VALUES (1)", "")
	s.want("SELECT v FROM v", "1")
	s.eng.Frozen("v", true)
	rel, _ := s.eng.Catalog().Relation("public", "v")
	done := make(chan error, 1)
	go func() { done <- s.eng.Flush(t.Context(), rel) }()
	for s.eng.Waiting() == 0 {
	}
	if err := s.eng.FrozenLeads(); err != nil {
		t.Fatal(err)
	}
	if n := s.eng.Waiting(); n != 1 {
		t.Error("who waits for rows that are made anew is answered")
	}
	s.eng.Frozen("v", false)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestForgotten starts over a checkpoint from before a replacement that the catalog has forgotten since, as a node may
// that was away: that is refused, for the rows of then cannot be told from those of now.
func TestForgotten(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE TABLE t (v int); CREATE MATERIALIZED VIEW v AS SELECT sum(v) AS v FROM t; INSERT INTO t VALUES (1)", "")
	s.want("SELECT v FROM v", "1")
	s.close()
	file := filepath.Join(dir, "flow-1.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s = serve(t, dir)
	s.want("CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT sum(v) + 1 AS v FROM t; SELECT v FROM v", "2")
	s.close()
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	s = serve(t, dir) // it is remembered
	s.want("SELECT v FROM v", "2")
	if err := s.eng.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.eng.Forget(); err != nil {
		t.Fatal(err)
	}
	s.close()
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	node, err := cluster.Open(t.Context(), cluster.Config{Dir: dir + "/cluster", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	eng, err := engine.Open(t.Context(), engine.Config{Node: node, Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Error("it is started", eng.Close())
	} else if !errors.Is(err, engine.ErrNoCheckpoint) || !strings.Contains(err.Error(), "before \"v\" was replaced") {
		t.Error(err)
	}
}

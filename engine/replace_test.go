package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// TestReplaceKilled kills the server between the step that swaps a view and the catalog that says so, with and without
// the checkpoint: it is swapped when the server is there again, and what reads it has the difference once.
func TestReplaceKilled(t *testing.T) {
	for _, forget := range []bool{false, true} {
		dir := t.TempDir()
		s := serve(t, dir)
		s.want(`CREATE TABLE t (k int PRIMARY KEY, v int);
			INSERT INTO t SELECT n, n FROM generate_series(1, 40) AS g(n);
			CREATE MATERIALIZED VIEW v AS SELECT k, v FROM t; CREATE MATERIALIZED VIEW above AS SELECT sum(v) AS v FROM v`, "")
		s.want("SELECT v FROM above", "820")
		done := make(chan error, 1)
		other, err := session.New(session.Config{Engine: s.eng, User: "leat", Database: "leat", Version: "test",
			Notice: func(*sqlerr.Error) {}})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			stmts, err := parse.Parse("CREATE OR REPLACE MATERIALIZED VIEW v WITH (backfill_rate = 100) AS " +
				"SELECT k, v * 2 AS v, k + v AS both FROM t WHERE k > 1")
			if err == nil {
				p, perr := other.Prepare(context.Background(), stmts[0], nil)
				if err = perr; err == nil {
					_, err = p.Execute(context.Background(), nil)
				}
			}
			done <- err
		}()
		for begun := false; !begun; {
			for _, r := range s.eng.Catalog().Relations() {
				begun = begun || r.Next != nil
			}
		}
		s.want("SELECT sum(v) FROM v", "820")
		if err := s.eng.HalfSwap("v"); err != nil {
			t.Fatal(err)
		}
		s.close()
		if err := <-done; sqlerr.From(err).Code != sqlerr.AdminShutdown {
			t.Fatal(err)
		}
		if forget {
			if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil {
				t.Fatal(err)
			}
		}
		s = serve(t, dir)
		s.want("SELECT v FROM above", "1638")
		s.want("INSERT INTO t VALUES (100, 1); SELECT v FROM above", "1640")
		s.want("SELECT both FROM v WHERE k = 2", "4")
		s.want("SELECT DISTINCT state FROM leat_catalog.queries", "RUNNING")
		s.close()
	}
}

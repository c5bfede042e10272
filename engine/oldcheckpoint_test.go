package engine_test

import (
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
)

// TestOldCheckpoint has a node follow that was away when a query was ended or changed: its own checkpoint is from
// before, and the steps since then have been computed with the query as it was. It waits for another.
func TestOldCheckpoint(t *testing.T) {
	for _, test := range []struct{ name, before, change string }{
		{"terminate", "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s", "TERMINATE ALL"},
		{"replace", "CREATE STREAM v AS SELECT a FROM s", "CREATE OR REPLACE STREAM v AS SELECT a + 1 AS a FROM s"},
		{"policy", "CREATE MATERIALIZED VIEW v AS SELECT 1/a AS x FROM s",
			"ALTER MATERIALIZED VIEW v SET ON ERROR FAIL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := serve(t, dir)
			s.want("CREATE STREAM s (a int); "+test.before+"; INSERT INTO s VALUES (1); SELECT count(*) FROM v", "1")
			if err := s.eng.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			old := checkpointIn(t, dir)
			s.want("INSERT INTO s VALUES (2), (3); FLUSH", "")
			s.want(test.change, "")
			s.close()
			newer := checkpointIn(t, dir)
			if follows(t, dir, old) {
				t.Error("it goes on from a checkpoint that does not fit")
			}
			if !follows(t, dir, newer) {
				t.Error("it does not go on from one that does")
			}
		})
	}
}

func checkpointIn(t *testing.T, dir string) []byte {
	t.Helper()
	body, err := os.ReadFile(dir + "/flow-1.db")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// follows reports whether an engine follows from a checkpoint.
func follows(t *testing.T, dir string, checkpoint []byte) bool {
	t.Helper()
	if err := os.WriteFile(dir+"/flow-1.db", checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir + "/flow-1.db.sums"); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	node, err := cluster.Open(t.Context(), cluster.Config{Dir: dir + "/cluster", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	e, err := engine.Follow(t.Context(), engine.Config{Node: node, Dir: dir, Logger: quiet,
		Copies: engine.NewCopies(node, dir, quiet)})
	if err != nil {
		t.Log(err)
		return false
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}

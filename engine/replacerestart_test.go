package engine_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
)

// beginReplacing has a server, over whose view another view reads, replace the view slowly.
func beginReplacing(t *testing.T, dir string) *served {
	s := serve(t, dir)
	s.want(`CREATE TABLE t (k int PRIMARY KEY, v int);
		INSERT INTO t SELECT n, n FROM generate_series(1, 4000) AS g(n);
		CREATE MATERIALIZED VIEW v AS SELECT k, v FROM t; CREATE MATERIALIZED VIEW above AS SELECT sum(v) AS v FROM v;
		SELECT v FROM above`, "8002000")
	s.launch("CREATE OR REPLACE MATERIALIZED VIEW v WITH (backfill_rate = 4000) AS SELECT k, v * 2 AS v FROM t")
	for !s.replaces() {
	}
	return s
}

func (s *served) replaces() bool {
	rel, _ := s.eng.Catalog().Relation("public", "v")
	return rel.Next != nil
}

// write writes a row, for a while: more of the others are read meanwhile.
func (s *served) write(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
		s.want("INSERT INTO t VALUES (5000, 1) ON CONFLICT (k) DO UPDATE SET v = 1", "")
	}
}

// TestReplaceThroughRestarts restarts the server again and again while a query is being replaced: what compares the old
// rows with the new ones goes on with all that it had.
func TestReplaceThroughRestarts(t *testing.T) {
	dir := t.TempDir()
	s := beginReplacing(t, dir)
	restarts := 0
	for ; s.replaces(); restarts++ {
		s.write(200 * time.Millisecond)
		s.close()
		s = serve(t, dir)
	}
	s.want("SELECT v FROM above", "16004002")
	s.want("INSERT INTO t VALUES (5001, 1); SELECT v FROM above", "16004004")
	if s.close(); restarts < 4 {
		t.Fatalf("%d restarts only", restarts)
	}
}

// TestReplacementLost restarts the server from a checkpoint that has what compares a view with the one to take its place,
// but not that one: it was given up.
func TestReplacementLost(t *testing.T) {
	dir := t.TempDir()
	s := beginReplacing(t, dir)
	s.write(100 * time.Millisecond)
	if err := s.eng.LoseNext("v"); err != nil {
		t.Fatal(err)
	}
	s.eng.Kill()
	s.close()
	s = serve(t, dir)
	for s.replaces() {
		s.write(100 * time.Millisecond)
	}
	s.want("SELECT v FROM above", "16004002")
	s.close()
}

// followed has a node follow, and write a checkpoint before or after it has caught up, which is returned.
func followed(t *testing.T, dir string, catchUp bool) ([]byte, error) {
	quiet := slog.New(slog.DiscardHandler)
	node, err := cluster.Open(t.Context(), cluster.Config{Dir: dir + "/cluster", Logger: quiet})
	if err != nil {
		return nil, err
	}
	defer node.Close()
	e, err := engine.Follow(t.Context(), engine.Config{Node: node, Dir: dir, Logger: quiet, CheckpointEvery: time.Hour,
		Copies: engine.NewCopies(node, dir, quiet)})
	if err != nil {
		return nil, err
	}
	if catchUp {
		err = e.CatchUp(t.Context())
	}
	if err == nil {
		err = e.CheckpointNow()
	}
	if err := errors.Join(err, e.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "flow-1.db"))
}

// TestDoubtedReplacementSwaps has a node of another build follow, which doubts the query that is to take a view's place
// and writes a checkpoint without it. What took over meanwhile does so when the node goes on from there.
func TestDoubtedReplacementSwaps(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "flow-1.db")
	s := beginReplacing(t, dir)
	s.write(100 * time.Millisecond)
	s.close()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	undo := engine.Reform(func(string) bool { return true })
	doubtful, err := followed(t, dir, false)
	undo()
	if err == nil {
		err = os.WriteFile(file, before, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = serve(t, dir)
	for s.replaces() {
		s.write(50 * time.Millisecond)
	}
	s.want("INSERT INTO t VALUES (5001, 7); SELECT v FROM above", "16004016")
	s.close()
	if err := os.WriteFile(file, doubtful, 0o600); err != nil {
		t.Fatal(err)
	}
	defer engine.Reform(func(string) bool { return true })()
	s = serve(t, dir)
	s.want("SELECT v FROM above", "16004016")
	s.want("SELECT sum(v) FROM v", "16004016")
	s.sound()
	s.want("INSERT INTO t VALUES (5002, 1); SELECT v FROM above", "16004018")
	s.close()
}

// TestReplacementUnplannable restarts the server in a replacement whose query it cannot plan: that one is given up, and
// what compares the two with it.
func TestReplacementUnplannable(t *testing.T) {
	dir := t.TempDir()
	s := beginReplacing(t, dir)
	if err := s.eng.RestateNext("v", "CREATE MATERIALIZED VIEW v AS SELECT k, gone(v) AS v FROM t"); err != nil {
		t.Fatal(err)
	}
	s.eng.Kill()
	s.close()
	s = serve(t, dir)
	s.want("SELECT v FROM above", "8002000")
	s.want("INSERT INTO t VALUES (5001, 1); SELECT v FROM above", "8002001")
	s.close()
}

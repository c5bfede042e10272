package engine_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/state"
)

// damage changes a bit of a page that the checkpoint in a directory has, and returns what the file was.
func damage(t *testing.T, file string, seed uint64) []byte {
	t.Helper()
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	for state.Check(file) == nil {
		bad := bytes.Clone(good)
		bad[rnd.IntN(len(bad))] ^= 1 << rnd.IntN(8)
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return good
}

// TestDamagedCheckpoint starts servers over checkpoints that are not what was written: the steps are computed again, and where
// the log does not have them any more the server says what to do.
func TestDamagedCheckpoint(t *testing.T) {
	for seed := range uint64(3) {
		dir := t.TempDir()
		file := filepath.Join(dir, "flow-1.db")
		s := serve(t, dir)
		s.want(built, "")
		s.want("INSERT INTO t VALUES ('x', 'X'), ('z', 'Z'); INSERT INTO s VALUES ('x', 1), ('y', 2), ('x', 3)", "")
		want := s.looks()
		s.close()
		damage(t, file, seed)
		s = serve(t, dir)
		if got := s.looks(); !slices.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", strings.Join(got, " ; "), strings.Join(want, " ; "))
		}
		if _, err := os.Stat(file + ".damaged"); err != nil {
			t.Error(err)
		}
		for range 3 { // so that the log is trimmed
			s.want("INSERT INTO s VALUES ('z', 5), ('x', 7); UPDATE t SET name = 'XX' WHERE k = 'x'; FLUSH", "")
			if err := s.eng.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want = s.looks()
		s.close()
		good := damage(t, file, seed)
		for range 2 {
			node, err := cluster.Open(t.Context(), cluster.Config{Dir: dir + "/cluster", Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			eng, err := engine.Open(t.Context(), engine.Config{Node: node, Dir: dir, Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				t.Fatal("it is started", eng.Close())
			}
			if !state.IsDamage(err) || !strings.Contains(err.Error(), "restore the last backup") {
				t.Error(err)
			}
			if err := node.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
		s = serve(t, dir)
		if got := s.looks(); !slices.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", strings.Join(got, " ; "), strings.Join(want, " ; "))
		}
		s.close()
	}
}

// TestDamagedMeanwhile damages the checkpoint of a server that runs and reads its state there: it stops, and the node fails.
func TestDamagedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "flow-1.db")
	small := func(c *engine.Config) { c.StateBytes = 1 }
	s := serve(t, dir, small)
	s.want(`CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('some text ', 20) FROM generate_series(1, 5000) AS g(n);
		CREATE MATERIALIZED VIEW v AS SELECT k % 1000 AS k, count(*) AS n FROM t GROUP BY k % 1000; SELECT count(*) FROM v`, "1000")
	s.close()
	s = serve(t, dir, small)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for at := bytes.Index(good, []byte("some text")); at >= 0; {
		f.WriteAt([]byte("same"), int64(at))
		next := bytes.Index(good[at+1:], []byte("some text"))
		if next < 0 {
			break
		}
		at += 1 + next
	}
	f.Close()
	if got := s.ask("UPDATE t SET v = v || '!'; SELECT count(*) FROM t WHERE v LIKE 'same%'"); !strings.HasPrefix(got, "ERROR") {
		t.Error(got)
	}
	if got := s.ask("INSERT INTO t VALUES (100000, 'x')"); !strings.HasPrefix(got, "ERROR") {
		t.Error("it goes on: ", got)
	}
	_ = errors.Join(s.eng.Close(), s.node.Close()) // they say what has failed
	if !state.IsDamage(state.Check(file)) {
		t.Error("it is forgotten")
	}
}

// TestUnreadableMeanwhile takes the checkpoint of a server that runs and reads its state there from under it, as a disk does
// that cannot read it: who asks is told, the node fails, both can be closed, and nothing is lost when it is back.
func TestUnreadableMeanwhile(t *testing.T) {
	for _, question := range []string{
		"SELECT count(*) FROM t WHERE v LIKE 'same%'",
		"UPDATE t SET v = v || '!' WHERE k % 3 = 0",
		"INSERT INTO t SELECT n, 'more' FROM generate_series(6000, 7000) AS g(n); SELECT sum(n) FROM v",
		"CREATE MATERIALIZED VIEW w AS SELECT v, count(*) AS n FROM t GROUP BY v; SELECT count(*) FROM w",
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "flow-1.db")
		small := func(c *engine.Config) { c.StateBytes = 1 }
		s := serve(t, dir, small)
		s.want(`CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('some text ', 20) FROM generate_series(1, 5000) AS g(n);
		CREATE MATERIALIZED VIEW v AS SELECT k % 1000 AS k, count(*) AS n FROM t GROUP BY k % 1000; SELECT count(*) FROM v`, "1000")
		s.close()
		sums, err := os.ReadFile(file + ".sums")
		if err != nil {
			t.Fatal(err)
		}
		s = serve(t, dir, small)
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, 3*4096); err != nil {
			t.Fatal(err)
		}
		if got := s.ask(question); !strings.HasPrefix(got, "ERROR") {
			t.Errorf("%s: %s", question, got)
		}
		err = errors.Join(s.eng.Close(), s.node.Close()) // they say what has failed
		if f := s.node.Err(); f == nil || !state.IsDamage(f) || !strings.Contains(f.Error(), file) {
			t.Errorf("%s: %v, %v", question, f, err)
		}
		if err := errors.Join(os.WriteFile(file, good, 0o644), os.WriteFile(file+".sums", sums, 0o644)); err != nil {
			t.Fatal(err)
		}
		s = serve(t, dir, small)
		s.want("SELECT count(*) FROM t WHERE k <= 5000", "5000")
		s.close()
	}
}

package session_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdb/leat/cluster"
)

// TestDropFreesState makes and drops views with a large state: the file does not grow, and nothing is left in memory.
func TestDropFreesState(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer func() { s.close() }()
	c := s.session()
	c.run("CREATE STREAM s (k int, v text)")
	c.run("INSERT INTO s SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS g(i)")
	size := func() int64 {
		t.Helper()
		if err := s.eng.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, "flow-1.db"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const grows = 16 << 20 // the file grows by as much at a time, and what is dropped is freed when it suits
	var settled int64
	for i := range 14 {
		c.run(fmt.Sprintf("CREATE MATERIALIZED VIEW m%d AS SELECT k, max(v) AS v FROM s GROUP BY k", i))
		if got := c.run(fmt.Sprintf("SELECT count(*) FROM m%d WHERE k > 0", i)); got != "20000\n" {
			t.Fatal(got)
		}
		size()
		if got := c.run("SELECT count(*) FROM leat_catalog.queries WHERE memory > 1000000"); got != "1\n" {
			t.Fatalf("%s queries with state", got)
		}
		c.run(fmt.Sprintf("DROP MATERIALIZED VIEW m%d", i))
		c.run("INSERT INTO s VALUES (0, '')") // so that there is something to write
		n := size()
		if i < 4 {
			settled = n
		}
		if n > settled+2*grows {
			t.Fatalf("after %d views the file has %d bytes, after four it had %d", i+1, n, settled)
		}
	}
}

// TestUnreadable: a node whose flow finds records damaged is one that has failed, so that another one can take over, and
// who asks is told that it is the disk.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer func() {
		if err := s.eng.Close(); err != nil {
			t.Log(err)
		}
		if err := s.node.Close(); !errors.Is(err, cluster.ErrFailed) && err != nil {
			t.Error(err)
		}
	}()
	c := s.session()
	c.run("CREATE STREAM s (k int, v text)")
	for range 3 {
		c.run("INSERT INTO s VALUES (1, 'some text')")
	}
	if err := s.node.Snapshot(); err != nil { // else the start writes the files again
		t.Fatal(err)
	}
	s.close()
	segments, err := filepath.Glob(filepath.Join(dir, "cluster", "shards", "0", "*", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range segments {
		b, err := os.ReadFile(name)
		if err == nil && bytes.Contains(b, []byte("some text")) {
			err = os.WriteFile(name, bytes.Replace(b, []byte("some text"), []byte("some test"), 1), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	answer := s.session().run("CREATE MATERIALIZED VIEW m AS SELECT min(v) AS n FROM s; SELECT n FROM m")
	if !strings.Contains(answer, "58030") || s.node.Err() == nil {
		t.Errorf("%s, and the node says %v", answer, s.node.Err())
	}
}

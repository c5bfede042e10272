package session_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestMarks asks what views were at many times, over more steps than there are between two marks with all partitions,
// and after steps were computed again.
func TestMarks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	at := func(second int) {
		moment := time.Date(2024, 5, 1, 0, 0, second, 0, time.UTC)
		s.at.Store(&moment)
	}
	at(0)
	c.run(`CREATE STREAM s (v int); CREATE MATERIALIZED VIEW quiet AS SELECT count(*) AS n FROM s WHERE v = 1;
		CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n, sum(v) AS v FROM s`)
	check := func(seconds ...int) {
		t.Helper()
		for _, n := range seconds {
			q := fmt.Sprintf(`SELECT t.n, t.v, q.n, (SELECT count(*) FROM s) FROM total t, quiet q
				AS OF timestamptz '2024-05-01 00:00:00.5+00' + %d * interval '1 second'`, n)
			if got, want := c.run(q), fmt.Sprintf("%d|%d|1|%d\n", n, n*(n+1)/2, n); got != want {
				t.Fatalf("after %d seconds %q instead of %q", n, got, want)
			}
		}
	}
	insert := func(from, to int) {
		for i := from; i <= to; i++ {
			at(i)
			c.run(fmt.Sprintf("INSERT INTO s VALUES (%d); SELECT n FROM total", i))
		}
	}
	insert(1, 300)
	check(1, 2, 255, 256, 257, 299)
	s.close()
	if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil { // no checkpoint was written
		t.Fatal(err)
	}
	s = openAt(t, dir, s.clock)
	c = s.session()
	check(1, 150, 300)
	insert(301, 320)
	check(1, 300, 301, 319)
	s.close()
}

package session_test

import (
	"strings"
	"sync"
	"testing"
)

// TestDropEndsPush drops a stream and a view that push queries read.
func TestDropEndsPush(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run("CREATE STREAM s (a int); CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s; INSERT INTO s VALUES (1)")
	var wg sync.WaitGroup
	got := make([]string, 2)
	for i, sql := range []string{"SELECT a FROM s EMIT CHANGES LIMIT 2", "SELECT n FROM v EMIT CHANGES LIMIT 2"} {
		reader := s.session()
		reader.run("SET auto_offset_reset = 'earliest'")
		wg.Go(func() { got[i] = reader.run(sql) })
	}
	c.run("DROP STREAM s CASCADE")
	wg.Wait()
	for _, out := range got {
		if !strings.Contains(out, "42P01") {
			t.Errorf("a push query over what was dropped ended with %q", out)
		}
	}
}

// TestDropOnce drops and creates from many sessions at the same time.
func TestDropOnce(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	const sessions = 8
	all := func(sql string) map[string]int {
		got := map[string]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range sessions {
			c := s.session()
			wg.Go(func() {
				out, _, _ := strings.Cut(c.run(sql), "\n")
				out, _, _ = strings.Cut(out, ":")
				out, _, _ = strings.Cut(out, " at")
				mu.Lock()
				defer mu.Unlock()
				got[out]++
			})
		}
		wg.Wait()
		return got
	}
	for range 10 {
		for _, step := range [][3]string{
			{"CREATE STREAM s (a int)", "CREATE STREAM", "ERROR 42P07"},
			{"CREATE MATERIALIZED VIEW v AS SELECT sum(a) AS n FROM s", "CREATE MATERIALIZED VIEW", "ERROR 42P07"},
			{"DROP MATERIALIZED VIEW v", "DROP MATERIALIZED VIEW", "ERROR 42P01"},
			{"DROP STREAM s", "DROP STREAM", "ERROR 42P01"},
		} {
			if got := all(step[0]); got[step[1]] != 1 || got[step[2]] != sessions-1 {
				t.Fatalf("%s: %v", step[0], got)
			}
		}
	}
	for range 10 { // who says IF EXISTS is not told that another one was faster
		all("CREATE STREAM s (a int)")
		if got := all("DROP STREAM IF EXISTS s"); got["ERROR 42P01"] != 0 {
			t.Fatalf("DROP STREAM IF EXISTS s: %v", got)
		}
	}
	// What is read goes while it is about to be read.
	c, d := s.session(), s.session()
	for range 30 {
		c.run("CREATE STREAM s (a int)")
		var wg sync.WaitGroup
		wg.Go(func() { c.run("DROP STREAM s") })
		wg.Go(func() { d.run("CREATE MATERIALIZED VIEW v AS SELECT sum(a) AS n FROM s") })
		wg.Wait()
		c.run("DROP MATERIALIZED VIEW v")
		c.run("DROP STREAM s")
	}
	if got := c.run("CREATE STREAM s (a int); INSERT INTO s VALUES (1); SELECT * FROM s"); !strings.HasSuffix(got, "1\n") {
		t.Fatal(got)
	}
}

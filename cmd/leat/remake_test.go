package main

import (
	"testing"
	"time"

	"github.com/leatdb/leat/internal/crash"
)

// answers asks whoever leads, again and again, until a query of one number gives what it should.
func (c *trio) answers(want int, query string) {
	c.t.Helper()
	n := -1
	var err error
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		conn, cerr := c.connect(c.t.Context(), c.leader())
		if err = cerr; err != nil {
			continue
		}
		err = conn.QueryRow(c.t.Context(), query).Scan(&n)
		conn.Close(c.t.Context())
		if err == nil && n == want {
			return
		}
	}
	c.t.Fatalf("%s: %d, not %d: %v", query, n, want, err)
}

// TestUnmadeElsewhere lets three nodes be replaced by ones that plan views in another way, and cannot make their rows
// anew: they say why, on every node that comes to lead, where RESUME and CREATE OR REPLACE help, and so does a
// version that can.
func TestUnmadeElsewhere(t *testing.T) {
	next := crash.BuildEdited(t, "next", nextVersion[1])
	failing := crash.BuildEdited(t, "failing", nextVersion[1], crash.Edit{File: "engine/doubt.go",
		Old: "		done, err := e.beginAgain(context.Background(), rel)\n",
		New: "		done, err := (<-chan error)(nil), error(sqlerr.New(sqlerr.DivisionByZero, \"it is broken\"))\n"})
	c := serveTrio(t)
	execute(t, c.mustConnect(1), `CREATE TABLE t (k int PRIMARY KEY, v int, other text);
		INSERT INTO t SELECT n, n % 3, 'x' FROM generate_series(1, 30) AS g(n);
		CREATE MATERIALIZED VIEW a AS SELECT v, count(*) AS n FROM t GROUP BY v;
		CREATE MATERIALIZED VIEW b AS SELECT v, sum(k) AS n FROM t GROUP BY v;
		CREATE MATERIALIZED VIEW d AS SELECT v, max(k) AS n FROM t GROUP BY v`)
	c.answers(93, "SELECT (SELECT sum(n) FROM a) - 30 + (SELECT sum(n) FROM d) + (SELECT count(*) FROM b) * 2")
	// A second replacement waits until most nodes have a checkpoint since the first, which has the others' state too. Else
	// who leads next might compute them from the log, and find nothing else.
	execute(t, c.mustConnect(c.leader()), "CREATE MATERIALIZED VIEW z AS SELECT v, min(k) AS n FROM t GROUP BY v")
	for _, n := range []string{"1", "2"} {
		execute(t, c.mustConnect(c.leader()), "CREATE OR REPLACE MATERIALIZED VIEW z AS SELECT v, min(k) + "+n+
			" AS n FROM t GROUP BY v")
	}
	const unmade = "SELECT count(*) FROM leat_catalog.queries WHERE state = 'ERROR' AND relation <> 'z' AND " +
		"detail LIKE '%; it is broken'"
	leader, others := c.survivors()
	c.replace(others[0], failing)
	c.replace(others[1], failing)
	c.replace(leader, failing)
	c.answers(3, unmade)
	resumed := c.mustConnect(c.leader())
	var id string
	if err := resumed.QueryRow(t.Context(), "SELECT id FROM leat_catalog.queries WHERE relation = 'a'").Scan(&id); err != nil {
		t.Fatal(err)
	}
	execute(t, resumed, "RESUME "+id)
	c.answers(2, unmade)
	leader = c.leader()
	c.kill(leader)
	c.answers(2, unmade) // another has tried
	execute(t, c.mustConnect(c.leader()), "CREATE OR REPLACE MATERIALIZED VIEW b AS SELECT v, sum(k) + 1 AS n FROM t GROUP BY v")
	c.answers(1, unmade)
	c.start(leader)
	c.whole()
	c.answers(30, "SELECT sum(n) FROM a")
	c.answers(468, "SELECT sum(n) FROM b")
	for i := range 3 {
		c.replace(i, next)
	}
	c.answers(0, "SELECT count(*) FROM leat_catalog.queries WHERE state <> 'RUNNING'")
	execute(t, c.mustConnect(0), "INSERT INTO t VALUES (100, 1, 'y')")
	c.answers(31, "SELECT sum(n) FROM a")
	c.answers(568, "SELECT sum(n) FROM b")
	c.answers(159, "SELECT sum(n) FROM d")
}

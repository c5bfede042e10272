package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestSpreadSQL writes by SQL to a stream whose partitions all nodes lead, and reads it and a view over it: where the
// cluster is led and, stale, where it is followed, also when the node that led is killed.
func TestSpreadSQL(t *testing.T) {
	c := serveTrio(t)
	c.whole()
	t.Cleanup(func() {
		for i := range c.nodes {
			if c.kill(i); t.Failed() {
				t.Logf("node %d:\n%s", i, c.nodes[i].log.String())
			}
		}
	})
	led, others := c.survivors()
	fresh, stale := c.mustConnect(others[1]), c.mustConnect(others[0])
	execute(t, fresh, `CREATE STREAM s (k text KEY, n int) WITH (partitions = 6, placement = 'spread');
		CREATE STREAM h (k text KEY, n int);
		CREATE STREAM alone (k text KEY, n int) WITH (partitions = 3, placement = 'spread');
		CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS rows, sum(n) AS total
			FROM (SELECT k, n FROM s UNION ALL SELECT k, n FROM h) x GROUP BY k`)
	within(t, fresh, "SELECT count(*) FROM leat_catalog.shards WHERE placement = 'spread'", 3)
	within(t, fresh, "SELECT count(DISTINCT leader) FROM leat_catalog.topics WHERE name = 's'", 3)
	execute(t, stale, "SET leat.read = 'stale'")
	written := 0
	write := func(conn *pgx.Conn, blocks int) {
		t.Helper()
		for range blocks {
			written++
			execute(t, conn, fmt.Sprintf(`BEGIN; INSERT INTO s SELECT i::text, %d FROM generate_series(1, 12) i;
				INSERT INTO h VALUES ('1', 1), ('2', 2); INSERT INTO alone SELECT i::text, 0 FROM generate_series(1, 12) i; COMMIT`,
				written))
			var rows, read, more int
			if err := conn.QueryRow(t.Context(), `SELECT (SELECT sum(rows) FROM v), (SELECT count(*) FROM s),
				(SELECT count(*) FROM alone)`, pgx.QueryExecModeSimpleProtocol).Scan(&rows, &read, &more); err != nil ||
				rows != 14*written || read != 12*written || more != 12*written {
				t.Fatal(rows, read, more, written, err)
			}
		}
	}
	differ := `SELECT count(*) FROM (SELECT k, rows, total FROM v EXCEPT SELECT k, count(*), sum(n)
		FROM (SELECT k, n FROM s UNION ALL SELECT k, n FROM h) x GROUP BY k) y`
	write(fresh, 10)
	within(t, stale, "SELECT sum(rows)::int FROM v", 140)
	within(t, stale, "SELECT count(*) FROM alone", 120)
	within(t, stale, differ, 0)
	c.kill(led)
	for c.leader() == led {
		<-time.After(20 * time.Millisecond)
	}
	next := c.mustConnect(others[1])
	write(next, 10)
	within(t, next, differ, 0)
	c.start(led)
	near := c.mustConnect(led)
	execute(t, near, "SET leat.read = 'stale'")
	write(next, 5)
	within(t, near, "SELECT sum(rows)::int FROM v", 350)
	within(t, near, "SELECT count(*) FROM s", 300)
	within(t, near, differ, 0)
}

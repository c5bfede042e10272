package main

import "testing"

// TestAlterFollowed alters a table in a cluster: nodes that follow, and one that leads next, have its rows as they are
// from then on.
func TestAlterFollowed(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	fresh, stale := c.mustConnect(others[1]), c.mustConnect(others[0])
	execute(t, fresh, `CREATE TABLE t (a int PRIMARY KEY, b int);
		CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t;
		INSERT INTO t VALUES (1, 10), (2, 20)`)
	execute(t, stale, "SET leat.read = 'stale'")
	within(t, stale, "SELECT count(*) FROM t", 2)
	near(t, fresh, stale, true)
	execute(t, fresh, "ALTER TABLE t ADD COLUMN c int DEFAULT 5")
	execute(t, fresh, "INSERT INTO t VALUES (3, 30, 6)")
	within(t, stale, "SELECT count(*) FROM t", 3)
	near(t, fresh, stale, true)
	within(t, stale, "SELECT count(*) FROM t", 3)
	within(t, stale, "SELECT sum(c) FROM t", 16)
	c.kill(leader)
	c.leader()
	conn := c.mustConnect(others[0])
	within(t, conn, "SELECT sum(c) FROM t", 16)
	execute(t, conn, "INSERT INTO t VALUES (4, 40, 7)")
	within(t, conn, "SELECT sum(c) FROM t", 23)
	within(t, conn, "SELECT n FROM v", 4)
}

// TestEndFollowed changes and ends queries in a cluster: nodes that follow, and one that leads next, have what the
// queries came to.
func TestEndFollowed(t *testing.T) {
	c := serveTrio(t)
	leader, others := c.survivors()
	fresh, stale := c.mustConnect(others[1]), c.mustConnect(others[0])
	execute(t, fresh, `CREATE STREAM s (a int); CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s;
		CREATE STREAM made AS SELECT a FROM s; INSERT INTO s VALUES (1), (2)`)
	execute(t, stale, "SET leat.read = 'stale'")
	within(t, stale, "SELECT n FROM v", 2)
	execute(t, fresh, "CREATE OR REPLACE STREAM made AS SELECT a + 1 AS a FROM s")
	execute(t, fresh, "INSERT INTO s VALUES (3)")
	within(t, stale, "SELECT n FROM v", 3)
	within(t, stale, "SELECT sum(a) FROM made", 7)
	execute(t, fresh, "TERMINATE ALL")
	execute(t, fresh, "INSERT INTO s VALUES (4)")
	within(t, stale, "SELECT count(*) FROM s", 4)
	near(t, fresh, stale, true)
	within(t, stale, "SELECT n FROM v", 3)
	c.kill(leader)
	c.leader()
	conn := c.mustConnect(others[0])
	execute(t, conn, "INSERT INTO s VALUES (5)")
	within(t, conn, "SELECT n FROM v", 3)
	within(t, conn, "SELECT sum(a) FROM made", 7)
	within(t, conn, "SELECT count(*) FROM s", 5)
}

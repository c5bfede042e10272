package session_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// explain is EXPLAIN ANALYZE of the query of a view.
func explain(c *client, view string) string {
	id := strings.TrimSpace(c.run("SELECT id FROM leat_catalog.queries WHERE relation = '" + view + "'"))
	return c.run("EXPLAIN ANALYZE " + id)
}

// sharing is by how many queries EXPLAIN says that the keys of a view are shared, and about how much state it has.
func sharing(t *testing.T, c *client, view string) (queries, bytes int) {
	t.Helper()
	text := explain(c, view)
	if m := regexp.MustCompile(`keys shared by (\d+) queries`).FindStringSubmatch(text); m != nil {
		queries, _ = strconv.Atoi(m[1])
	}
	m := regexp.MustCompile(`state=(\d+) bytes`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal(text)
	}
	bytes, _ = strconv.Atoi(m[1])
	return queries, bytes
}

// TestSharedKeys lets many views group one stream by the same: they have one table of keys, whatever they compute, and
// nothing of that is seen when some are dropped, or after a restart.
func TestSharedKeys(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run("SET leat.disable_rules = 'share_parts'") // what some of them have in common beside the keys
	c.run("CREATE STREAM s (k text, v int); INSERT INTO s SELECT 'key number ' || i % 50, i FROM generate_series(1, 500) i")
	const views = 20
	aggs := []string{"count(*)", "sum(v)", "min(v)", "count(DISTINCT v % 7)", "max(v)"}
	for i := range views {
		c.run(fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS SELECT k, %s AS a FROM s GROUP BY k", i, aggs[i%len(aggs)]))
	}
	c.run("CREATE MATERIALIZED VIEW other AS SELECT k, count(*) AS a FROM s WHERE v > 3 GROUP BY k; " +
		"SET leat.disable_rules = 'share_parts, share_keys'; CREATE MATERIALIZED VIEW alone AS SELECT k, count(*) AS a FROM s GROUP BY k; " +
		"SET leat.disable_rules = 'share_parts'")
	check := func(want int) {
		t.Helper()
		c.run("FLUSH")
		for i := views - 1; i > views-4; i-- {
			view, query := fmt.Sprintf("v%d", i), fmt.Sprintf("SELECT k, %s FROM s GROUP BY k ORDER BY k", aggs[i%len(aggs)])
			if got, want := c.run("SELECT k, a FROM "+view+" ORDER BY k"), c.run(query); got != want {
				t.Fatalf("%s shows\n%sand its query\n%s", view, got, want)
			}
		}
		queries, shared := sharing(t, c, fmt.Sprintf("v%d", views-5)) // it counts
		if queries != want {
			t.Fatalf("keys are shared by %d queries, not %d", queries, want)
		}
		for _, view := range []string{"other", "alone"} {
			if queries, own := sharing(t, c, view); queries != 0 || want > 10 && own < shared*3/2 {
				t.Fatalf("%s shares with %d and has %d bytes, those that share %d", view, queries, own, shared)
			}
		}
	}
	check(views)
	for i := range views - 8 {
		c.run(fmt.Sprintf("DROP MATERIALIZED VIEW v%d", i))
	}
	c.run("INSERT INTO s VALUES ('new', 1), ('key number 3', 2)")
	check(8)
	s.close()
	s = open(t, dir)
	defer func() { s.close() }()
	c = s.session()
	c.run("INSERT INTO s VALUES ('newer', 1), ('key number 4', 2), ('new', 7)")
	check(8)
	for i := views - 8; i < views-5; i++ {
		c.run(fmt.Sprintf("DROP MATERIALIZED VIEW v%d", i))
	}
	c.run("CREATE MATERIALIZED VIEW late AS SELECT k, avg(v) AS a FROM s GROUP BY k; INSERT INTO s VALUES ('newest', 1)")
	check(6)
}

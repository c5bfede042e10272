package session_test

import (
	"fmt"
	"strings"
	"testing"
)

// partQueries are queries with one of two aggregations in common, and others that differ in something.
var partQueries = []string{
	"SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k",
	"SELECT k, count(*) + 1 AS n, sum(v) AS v FROM s GROUP BY k HAVING sum(v) > 10",
	"SELECT sum(v) AS v, count(*) AS c, n FROM (SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k) x GROUP BY n",
	"SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k ORDER BY v DESC, k LIMIT 2",
	"SELECT x.k, x.n, x.v, t.name FROM (SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k) x LEFT JOIN t ON t.id = x.k",
	"SELECT k, count(*) AS n, sum(v) AS v FROM s WHERE v > 2 GROUP BY k",
	"SELECT name, count(*) AS n, max(grade) AS m FROM t WHERE grade <> 3 GROUP BY name",
	"SELECT name || '!' AS name, count(*) AS n, max(grade) AS m FROM t WHERE grade <> 3 GROUP BY name",
	"SELECT a.name FROM (SELECT name, count(*) AS n, max(grade) AS m FROM t WHERE grade <> 3 GROUP BY name) a WHERE n = m",
	"SELECT k, v / (count(*) - 2) AS q FROM s GROUP BY k, v",
}

func partChange(h *joinHistory) string {
	switch r := h.r; r.IntN(4) {
	case 0, 1:
		return fmt.Sprintf("INSERT INTO s VALUES (%d, %d), (%d, NULL)", r.IntN(6), r.IntN(9), r.IntN(6))
	case 2:
		return fmt.Sprintf("INSERT INTO t VALUES (%d, 'n%d', %d) ON CONFLICT (id) DO UPDATE SET name = excluded.name, "+
			"grade = excluded.grade", r.IntN(8), r.IntN(3), r.IntN(5))
	default:
		return fmt.Sprintf("DELETE FROM t WHERE id = %d", r.IntN(8))
	}
}

// TestParts compares views that share a part of their queries with others that do not, and with their queries, while
// some are dropped, made, paused and replaced, and the server is closed and killed.
func TestParts(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newJoinHistory(t, seed).runParts() })
	}
}

func (h *joinHistory) runParts() {
	h.c.run("CREATE STREAM s (k int, v int) WITH (partitions = 2); CREATE TABLE t (id int PRIMARY KEY, name text, grade int)")
	for range 10 {
		h.c.run(partChange(h))
	}
	for i, q := range partQueries {
		made := h.c.run(fmt.Sprintf("CREATE MATERIALIZED VIEW on%d AS %s; SET leat.disable_rules = 'share_parts'; "+
			"CREATE MATERIALIZED VIEW off%d AS %s; RESET leat.disable_rules", i, q, i, q))
		if strings.Contains(made, "ERROR") {
			h.t.Fatal(q, made)
		}
	}
	h.c.run("FLUSH")
	for view, shared := range map[string]string{"on1": "(by 4 queries)", "on8": "(by 2 queries)", "on5": "", "off1": "", "on0": ""} {
		if text := explain(h.c, view); strings.Contains(text, "Shared part") != (shared != "") || !strings.Contains(text, shared) {
			h.t.Fatalf("%s: %s", view, text)
		}
	}
	for round := range 30 {
		for range h.r.IntN(6) {
			h.c.run(partChange(h))
		}
		h.disturbParts()
		for i, q := range partQueries {
			if i == len(partQueries)-1 {
				continue // some groups fail
			}
			on, off := h.c.sorted(fmt.Sprintf("SELECT * FROM on%d", i)), h.c.sorted(fmt.Sprintf("SELECT * FROM off%d", i))
			if want := h.c.sorted(q); on != want || off != want {
				h.t.Fatalf("round %d: %s\ngives\n%sthe view that shares\n%sthe one that does not\n%s", round, q, want, on, off)
			}
		}
	}
}

func (h *joinHistory) disturbParts() {
	at, c := h.r.IntN(len(partQueries)), h.c
	view := fmt.Sprintf("on%d", at)
	id := strings.TrimSpace(c.run("SELECT id FROM leat_catalog.queries WHERE relation = '" + view + "'"))
	switch h.r.IntN(6) {
	case 0, 1:
		h.reopen()
	case 2, 3:
		c.run(fmt.Sprintf("DROP MATERIALIZED VIEW %s", view))
		if h.r.IntN(2) == 0 {
			c.run(partChange(h))
		}
		c.run(fmt.Sprintf("CREATE MATERIALIZED VIEW %s AS %s", view, partQueries[at]))
	case 4:
		c.run("PAUSE " + id)
		for range 4 {
			c.run(partChange(h))
		}
		if h.r.IntN(2) == 0 {
			h.reopen()
		}
		h.c.run("RESUME " + id)
	case 5:
		c.run(fmt.Sprintf("CREATE OR REPLACE MATERIALIZED VIEW %s AS SELECT * FROM (%s) x WHERE true", view, partQueries[at]))
	}
}

// TestPartsEnd drops all that share a part, and what it reads.
func TestPartsEnd(t *testing.T) {
	h := newJoinHistory(t, 1)
	h.c.run("CREATE STREAM s (k int, v int); INSERT INTO s VALUES (1, 2), (1, 3), (2, 5)")
	for i := range 4 {
		h.c.run(fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS SELECT k, count(*) + %d AS n FROM s GROUP BY k", i, i))
	}
	h.c.run("TERMINATE " + strings.TrimSpace(h.c.run("SELECT id FROM leat_catalog.queries WHERE relation = 'v3'")))
	h.c.run("INSERT INTO s VALUES (2, 6)")
	if got := h.c.sorted("SELECT k, n FROM v2"); got != "1|4\n2|4\n" {
		t.Fatal(got)
	}
	if got := h.c.sorted("SELECT k, n FROM v3"); got != "1|5\n2|4\n" {
		t.Fatal(got)
	}
	if got := h.c.run("SELECT count(*) FROM pg_class WHERE relname LIKE 'part\\_%'; SELECT count(*) FROM leat_catalog.queries"); got != "0\n4\n" {
		t.Fatal(got)
	}
	h.c.run("DROP STREAM s CASCADE; CREATE STREAM s (k int, v int); INSERT INTO s VALUES (7, 1)")
	h.reopen()
	h.c.run("CREATE MATERIALIZED VIEW a AS SELECT k, count(*) AS n FROM s GROUP BY k; CREATE MATERIALIZED VIEW b AS SELECT k, count(*) AS n FROM s GROUP BY k")
	if got := h.c.run("SELECT * FROM b"); got != "7|1\n" {
		t.Fatal(got)
	}
}

package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
)

// rowsAt answers a query as of a token, its rows sorted.
func (c *client) rowsAt(sql, token string) string {
	return c.sorted(sql + " AS OF '" + token + "'")
}

// sorted runs a statement and sorts its lines.
func (c *client) sorted(sql string) string {
	lines := strings.SplitAfter(c.run(sql), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// openOften opens a server that keeps what tables and views were every few records, and writes checkpoints now and then.
func openOften(t *testing.T, dir string) *server {
	return openAt(t, dir, clock{&atomic.Pointer[time.Time]{}}, func(c *engine.Config) {
		c.MomentRecords, c.CheckpointEvery = 1+rand.IntN(20), time.Duration(1+rand.IntN(100))*time.Millisecond
	})
}

// A token brings back what queries gave when it was made, whatever has happened since, and after a restart.
func TestPast(t *testing.T) {
	dir := t.TempDir()
	s := openOften(t, dir)
	c := s.session()
	c.run("CREATE STREAM s (k text KEY, v int) WITH (partitions = 3)")
	c.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
	c.run("CREATE TABLE h (v int)")
	c.run("CREATE MATERIALIZED VIEW keyed AS SELECT k, count(*) AS n, max(v) AS m FROM s GROUP BY k")
	c.run("CREATE MATERIALIZED VIEW bag AS SELECT v FROM t")
	c.run("CREATE TABLE few AS SELECT k, count(*) AS n FROM s GROUP BY k HAVING count(*) % 3 > 0")
	c.run("CREATE MATERIALIZED VIEW ids AS SELECT DISTINCT id % 3 AS id FROM t")
	c.run("CREATE INDEX ON t (v)")
	c.run("CREATE STREAM big AS SELECT k, v FROM s WHERE v > 50")
	queries := []string{"SELECT * FROM s", "SELECT * FROM t", "SELECT * FROM h", "SELECT * FROM keyed", "SELECT * FROM bag",
		"SELECT * FROM few", "SELECT n FROM keyed WHERE k = 'a'", "SELECT count(*) FROM t WHERE v = 'u'", "SELECT * FROM ids",
		"SELECT * FROM big", "SELECT k, n, t.v FROM keyed JOIN t ON n % 6 = id"}
	rnd := rand.New(rand.NewPCG(1, 1))
	keys := []string{"'a'", "'b'", "'c'", "NULL"}
	type moment struct {
		token string
		rows  []string
	}
	var past []moment
	for range 12 {
		for range rnd.IntN(6) {
			c.run(fmt.Sprintf("INSERT INTO s VALUES (%s, %d)", keys[rnd.IntN(4)], rnd.IntN(100)))
			c.run(fmt.Sprintf("INSERT INTO t VALUES (%d, 'v%d') ON CONFLICT (id) DO UPDATE SET v = 'u'", rnd.IntN(6), rnd.IntN(3)))
			c.run(fmt.Sprintf("INSERT INTO h VALUES (%d)", rnd.IntN(4)))
			c.run(fmt.Sprintf("DELETE FROM t WHERE id = %d", rnd.IntN(6)))
			c.run(fmt.Sprintf("DELETE FROM h WHERE v = %d", rnd.IntN(8)))
		}
		m := moment{token: strings.TrimSpace(c.run("SELECT token FROM leat_catalog.token"))}
		for _, q := range queries {
			m.rows = append(m.rows, c.sorted(q))
		}
		past = append(past, m)
		for k, q := range queries { // what is asked for is kept from now on
			if got := c.rowsAt(q, m.token); got != m.rows[k] {
				t.Errorf("%s at once: %q, want %q", q, got, m.rows[k])
			}
		}
	}
	check := func() {
		t.Helper()
		for i, m := range past {
			for k, q := range queries {
				if got := c.rowsAt(q, m.token); got != m.rows[k] {
					t.Errorf("%s at %d (%s):\ngot  %q\nwant %q", q, i, m.token, got, m.rows[k])
				}
			}
		}
	}
	for k, rows := range past[len(past)-1].rows {
		if rows == "" || strings.Contains(rows, "ERROR") {
			t.Fatalf("%s gives %q", queries[k], rows)
		}
	}
	check()
	s.close()
	s = openOften(t, dir)
	defer s.close()
	c = s.session()
	check()
	for _, wrong := range []string{"", "AQ", "x", past[3].token + "A", "=" + past[3].token} {
		if got := c.rowsAt("SELECT * FROM t", wrong); !strings.HasPrefix(got, "ERROR 22023 at 22: ") {
			t.Errorf("token %q: %s", wrong, got)
		}
	}
}

// TestPastOfTrimmed: what a table was is known from when somebody began to follow it, though the topic has lost what was
// before. What it was earlier is not.
func TestPastOfTrimmed(t *testing.T) {
	s := openOften(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
	c.run("INSERT INTO t VALUES (1, 10), (2, 20)")
	token := func() string { return strings.TrimSpace(c.run("SELECT token FROM leat_catalog.token")) }
	before := token()
	c.run("UPDATE t SET v = 11 WHERE id = 1")
	p, err := c.push("SELECT id, v FROM t EMIT CHANGES")
	if err != nil {
		t.Fatal(err)
	}
	defer p.r.Close()
	at := token()
	rel, _ := s.eng.Catalog().Relation("public", "t")
	topic, _ := s.node.Topic(rel.Topic)
	_, end, err := s.node.Bounds(topic.IDs[0])
	if err != nil {
		t.Fatal(err)
	}
	c.run("DELETE FROM t WHERE id = 2")
	if err := s.node.Trim(t.Context(), topic.IDs[0], end); err != nil {
		t.Fatal(err)
	}
	if got := c.rowsAt("SELECT * FROM t", at); got != "1|11\n2|20\n" {
		t.Error(got)
	}
	if q, err := c.push("SELECT id, v FROM t EMIT CHANGES SINCE '" + at + "' WITH (OP)"); err != nil {
		t.Error(err)
	} else {
		if got := fmt.Sprint(q.rows(10)); got != "[[delete 2 NULL]]" {
			t.Error(got)
		}
		q.r.Close()
	}
	if got := c.rowsAt("SELECT * FROM t", before); !strings.HasPrefix(got, "ERROR 72000") {
		t.Error(got)
	}
}

// TestPastOfReplaced: a token from before a view was replaced by one of another form says nothing of it.
func TestPastOfReplaced(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run("CREATE TABLE t (id int PRIMARY KEY, v int)")
	c.run("INSERT INTO t VALUES (1, 10), (2, 20)")
	c.run("CREATE MATERIALIZED VIEW m AS SELECT v, count(*) AS n FROM t GROUP BY v")
	token := strings.TrimSpace(c.run("SELECT token FROM leat_catalog.token"))
	const query = "SELECT * FROM m"
	if got := c.rowsAt(query, token); got != "10|1\n20|1\n" {
		t.Fatal(got)
	}
	c.run("CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT v, 2 * count(*) AS n FROM t GROUP BY v")
	if got := c.rowsAt(query, token); got != "10|1\n20|1\n" {
		t.Fatal(got)
	}
	c.run("CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT id, v % 2 = 0 AS n FROM t")
	if got := c.rowsAt(query, token); !strings.HasPrefix(got, "ERROR 72000") {
		t.Fatal(got)
	}
	if got := c.sorted(query); got != "1|t\n2|t\n" {
		t.Fatal(got)
	}
}

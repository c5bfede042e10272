package session_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
)

// joins are queries whose joins find the rows of a side in their table: by the whole of its key, by a part of it, by an
// index; with conditions, on either side, in rows, of a view, of one that counts its rows, and of a table with itself.
var joins = []string{
	"SELECT s.id, c.name FROM s JOIN c ON c.id = s.cid",
	"SELECT s.id, c.name FROM s LEFT JOIN c ON c.id = s.cid",
	"SELECT o.id, c.name FROM o JOIN c ON o.cid = c.id WHERE c.region <> 'r1'",
	"SELECT c.id, o.n FROM c LEFT JOIN o ON o.cid = c.id",
	"SELECT c.id, o.n FROM c RIGHT JOIN o ON o.cid = c.id AND o.n > c.grade",
	"SELECT c.id FROM c WHERE EXISTS (SELECT FROM o WHERE o.cid = c.id)",
	"SELECT c.id FROM c WHERE NOT EXISTS (SELECT FROM o WHERE o.cid = c.id)",
	"SELECT a.id, b.id AS other FROM o a JOIN o b ON a.cid = b.cid AND a.n < b.n",
	"SELECT s.id, o.n, c.name FROM s JOIN o ON o.cid = s.cid JOIN c ON c.id = o.cid",
	"SELECT o.id, m.total FROM o JOIN m ON m.cid = o.cid",
	"SELECT o.id, l.no, l.what FROM o JOIN l ON l.oid = o.id",
	"SELECT o.id, k.region FROM o JOIN k ON k.grade = o.n",
	"SELECT c.region, count(*), sum(o.n) FROM o JOIN c ON c.id = o.cid GROUP BY c.region",
	"SELECT a.id, b.grade FROM c a JOIN c b ON b.id IS NOT DISTINCT FROM a.grade",
}

const joinTables = `CREATE STREAM s (id int, cid int);
	CREATE TABLE c (id int PRIMARY KEY, name text, region text, grade int);
	CREATE TABLE o (id int PRIMARY KEY, cid int, n int);
	CREATE TABLE l (oid int, no int, what text, PRIMARY KEY (oid, no));
	CREATE MATERIALIZED VIEW m AS SELECT cid, sum(n) AS total FROM o GROUP BY cid;
	CREATE MATERIALIZED VIEW k AS SELECT grade, region FROM c;`

// joinChange is a random change of what the joins read.
func joinChange(r *rand.Rand) string {
	id := r.IntN(12)
	some := func() string {
		if r.IntN(8) == 0 {
			return "NULL"
		}
		return fmt.Sprint(r.IntN(8))
	}
	switch r.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("INSERT INTO s VALUES (%d, %s), (%d, %s)", r.IntN(100), some(), r.IntN(100), some())
	case 2, 3:
		return fmt.Sprintf("INSERT INTO c VALUES (%d, 'c%d', 'r%d', %s) ON CONFLICT (id) DO UPDATE SET "+
			"name = excluded.name, region = excluded.region, grade = excluded.grade", id%8, r.IntN(9), r.IntN(3), some())
	case 4, 5:
		return fmt.Sprintf("INSERT INTO o VALUES (%d, %s, %s) ON CONFLICT (id) DO UPDATE SET cid = excluded.cid, n = excluded.n",
			id, some(), some())
	case 6:
		return fmt.Sprintf("INSERT INTO l VALUES (%d, %d, 'w%d') ON CONFLICT (oid, no) DO UPDATE SET what = excluded.what",
			id, r.IntN(3), r.IntN(5))
	case 7:
		return fmt.Sprintf("DELETE FROM %s WHERE id = %d", []string{"c", "o"}[r.IntN(2)], id)
	default:
		return fmt.Sprintf("BEGIN; %s; %s; COMMIT", joinChange(r), joinChange(r))
	}
}

// joinHistory is a server with views over the tables of joins.
type joinHistory struct {
	t    *testing.T
	dir  string
	r    *rand.Rand
	s    *server
	c    *client
	dead atomic.Bool // nothing more is written of state
}

func newJoinHistory(t *testing.T, seed uint64) *joinHistory {
	h := &joinHistory{t: t, dir: t.TempDir(), r: rand.New(rand.NewPCG(seed, 1))}
	h.open()
	t.Cleanup(func() { h.s.close() })
	return h
}

func (h *joinHistory) open() {
	h.dead.Store(false)
	h.s = openAt(h.t, h.dir, clock{&atomic.Pointer[time.Time]{}}, func(cfg *engine.Config) {
		cfg.State.Fault = func() error {
			if h.dead.Load() {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
	})
	h.c = h.s.session()
}

// reopen closes the server, or kills it, and opens it again.
func (h *joinHistory) reopen() {
	if h.r.IntN(2) == 0 {
		h.dead.Store(true)
		if err := errors.Join(h.s.eng.Close(), h.s.node.Close()); err != nil && !strings.Contains(err.Error(), "EOF") {
			h.t.Fatal(err)
		}
	} else {
		h.s.close()
	}
	h.open()
}

// disturb does now and then what moves views and tables around.
func (h *joinHistory) disturb() {
	at, c := h.r.IntN(len(joins)), h.c
	view := fmt.Sprintf("on%d", at)
	id := strings.TrimSpace(c.run("SELECT id FROM leat_catalog.queries WHERE relation = '" + view + "'"))
	switch h.r.IntN(9) {
	case 0, 1:
		h.reopen()
	case 2:
		c.run(fmt.Sprintf("DROP MATERIALIZED VIEW %s; CREATE MATERIALIZED VIEW %s AS %s", view, view, joins[at]))
	case 3:
		c.run("PAUSE " + id)
		for range 4 {
			c.run(joinChange(h.r))
		}
		c.run("RESUME " + id)
	case 4:
		c.run(fmt.Sprintf("CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT cid, sum(n + %d) AS total FROM o GROUP BY cid",
			h.r.IntN(3)))
	case 5:
		c.run(fmt.Sprintf("ALTER TABLE o ADD COLUMN IF NOT EXISTS more%d int DEFAULT 3", h.r.IntN(3)))
	case 6:
		c.run("CREATE INDEX IF NOT EXISTS of_o ON o (cid)")
	case 7:
		c.run("DROP INDEX IF EXISTS of_o")
	case 8:
		if err := h.s.eng.Checkpoint(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// TestJoinIndexes compares views whose joins find rows in tables with views that keep them, and with their queries.
func TestJoinIndexes(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			newJoinHistory(t, seed).run()
		})
	}
}

func (h *joinHistory) run() {
	t := h.t
	h.c.run(joinTables)
	for range 20 {
		h.c.run(joinChange(h.r))
	}
	for i, q := range joins {
		made := h.c.run(fmt.Sprintf("CREATE MATERIALIZED VIEW on%d AS %s; SET leat.disable_rules = 'join_indexes'; "+
			"CREATE MATERIALIZED VIEW off%d AS %s; RESET leat.disable_rules; EXPLAIN CREATE MATERIALIZED VIEW e AS %s", i, q, i, q, q))
		if strings.Contains(made, "ERROR") || !strings.Contains(made, " rows in ") {
			t.Fatal(q, made)
		}
	}
	for round := range 25 {
		for range h.r.IntN(8) {
			h.c.run(joinChange(h.r))
		}
		h.disturb()
		for i, q := range joins {
			on, off := h.c.sorted(fmt.Sprintf("SELECT * FROM on%d", i)), h.c.sorted(fmt.Sprintf("SELECT * FROM off%d", i))
			if want := h.c.sorted(q); on != want || off != want {
				t.Fatalf("round %d: %s\ngives\n%sthe view that finds rows\n%sthe one that keeps them\n%s", round, q, want, on, off)
			}
		}
	}
}

// TestJoinIndexShared lets views join a table by the same column: there is one index of it for all, from the first to the
// last, which a restart finds, and what they keep does not grow with the table.
func TestJoinIndexShared(t *testing.T) {
	h := newJoinHistory(t, 1)
	h.c.run("CREATE STREAM s (id int, k int); CREATE TABLE t (id int PRIMARY KEY, k int, pad text); " +
		"INSERT INTO t SELECT i, i % 100, repeat('long ', 20) FROM generate_series(1, 1000) i")
	for i := range 3 {
		h.c.run(fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS SELECT s.id, t.pad FROM s JOIN t ON t.k = s.k + %d", i, i))
	}
	h.c.run("INSERT INTO s VALUES (1, 5)")
	check := func(view, want string) {
		t.Helper()
		h.c.run("FLUSH")
		text := explain(h.c, view)
		index := regexp.MustCompile(`state=(\d+) bytes.*?\((.*?queries)\) \(index=(\d+) bytes\)`).FindStringSubmatch(text)
		if index == nil || index[2] != want || len(index[1]) > 3 || len(index[3]) < 5 {
			t.Fatal(text)
		}
	}
	check("v0", "rows found so by 3 queries")
	h.c.run("DROP MATERIALIZED VIEW v0")
	for range 3 {
		h.c.run("INSERT INTO t VALUES (2000, 6, 'late') ON CONFLICT (id) DO UPDATE SET k = 7; INSERT INTO s VALUES (2, 5)")
		check("v1", "rows found so by 2 queries")
		h.reopen()
	}
	h.c.run("DROP MATERIALIZED VIEW v1; DROP MATERIALIZED VIEW v2; CREATE MATERIALIZED VIEW v AS SELECT s.id, t.pad FROM s JOIN t USING (k)")
	h.reopen()
	h.c.run("INSERT INTO t VALUES (3000, 5, 'later')")
	if got, want := h.c.sorted("SELECT * FROM v"), h.c.sorted("SELECT s.id, t.pad FROM s JOIN t USING (k)"); got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
}

// TestJoinIndexReplaced replaces a view that others join by an index: the new one has it before a row is looked for.
func TestJoinIndexReplaced(t *testing.T) {
	h := newJoinHistory(t, 2)
	h.c.run("CREATE STREAM s (id int, k int); CREATE TABLE t (id int PRIMARY KEY, k int); " +
		"INSERT INTO t SELECT i, i % 100 FROM generate_series(1, 5000) i; " +
		"CREATE MATERIALIZED VIEW m AS SELECT id, k, 1 AS n FROM t; " +
		"CREATE MATERIALIZED VIEW v AS SELECT s.id, m.id AS other, m.n FROM s JOIN m ON m.k = s.k; " +
		"INSERT INTO s VALUES (1, 5); FLUSH")
	indexed := func() {
		t.Helper()
		if text := explain(h.c, "v"); !regexp.MustCompile(`\(index=\d{5,} bytes\)`).MatchString(text) {
			t.Fatal(text)
		}
	}
	indexed()
	h.c.run("CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT id, k, 2 AS n FROM t; FLUSH")
	indexed()
	h.c.run("INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET k = 6; INSERT INTO s VALUES (2, 5)")
	h.reopen()
	h.c.run("INSERT INTO s VALUES (3, 6); FLUSH")
	for id := 2; id <= 3; id++ {
		got := h.c.sorted(fmt.Sprintf("SELECT * FROM v WHERE id = %d", id))
		want := h.c.sorted(fmt.Sprintf("SELECT s.id, m.id, m.n FROM s JOIN m ON m.k = s.k WHERE s.id = %d", id))
		if got != want || len(got) < 300 {
			t.Fatalf("got\n%swant\n%s", got, want)
		}
	}
}

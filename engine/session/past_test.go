package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/types"
)

// rowsAt answers a query as of a token, its rows sorted.
func (s *server) rowsAt(sql, token string) string {
	s.t.Helper()
	stmts, err := parse.Parse(sql)
	if err != nil {
		s.t.Fatal(err)
	}
	at, err := engine.ParseToken(token)
	if err != nil {
		return errorText(err)
	}
	env := s.eng.Env(func(string) string { return "" }, s.now())
	q, err := planner.Query(s.eng.PlanContext(env), stmts[0].Stmt.(*ast.QueryStmt).Q)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx := context.Background()
	r, err := s.eng.PullAt(ctx, q, env, at)
	var lines []string
	for err == nil {
		b, e := r.Next(ctx)
		if err = e; err != nil {
			break
		}
		for i := range b.N {
			var f []string
			for _, c := range b.Cols {
				if c.IsNull(i) {
					f = append(f, "NULL")
				} else {
					f = append(f, string(c.AppendText(nil, i, types.Env{})))
				}
			}
			lines = append(lines, strings.Join(f, "|")+"\n")
		}
	}
	if !errors.Is(err, io.EOF) {
		return errorText(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// A token brings back what queries gave when it was made, whatever has happened since, and after a restart.
func TestPast(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run("CREATE STREAM s (k text KEY, v int) WITH (partitions = 3)")
	c.run("CREATE TABLE t (id int PRIMARY KEY, v text)")
	c.run("CREATE TABLE h (v int)")
	c.run("CREATE MATERIALIZED VIEW keyed AS SELECT k, count(*) AS n, max(v) AS m FROM s GROUP BY k")
	c.run("CREATE MATERIALIZED VIEW bag AS SELECT v FROM t")
	c.run("CREATE TABLE few AS SELECT k, count(*) AS n FROM s GROUP BY k HAVING count(*) % 3 > 0")
	c.run("CREATE MATERIALIZED VIEW ids AS SELECT DISTINCT id % 3 AS id FROM t")
	c.run("CREATE STREAM big AS SELECT k, v FROM s WHERE v > 50")
	queries := []string{"SELECT * FROM s", "SELECT * FROM t", "SELECT * FROM h", "SELECT * FROM keyed", "SELECT * FROM bag",
		"SELECT * FROM few", "SELECT * FROM ids", "SELECT * FROM big", "SELECT k, n, t.v FROM keyed JOIN t ON n % 6 = id"}
	sorted := func(q string) string {
		lines := strings.SplitAfter(c.run(q), "\n")
		slices.Sort(lines)
		return strings.Join(lines, "")
	}
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
			m.rows = append(m.rows, sorted(q))
		}
		past = append(past, m)
	}
	check := func() {
		t.Helper()
		for i, m := range past {
			for k, q := range queries {
				if got := s.rowsAt(q, m.token); got != m.rows[k] {
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
	s = open(t, dir)
	defer s.close()
	check()
	for _, wrong := range []string{"", "AQ", "x", past[3].token + "A", "=" + past[3].token} {
		if got := s.rowsAt("SELECT * FROM t", wrong); !strings.HasPrefix(got, "ERROR 22023: ") {
			t.Errorf("token %q: %s", wrong, got)
		}
	}
}

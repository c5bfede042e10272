package session_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// pushed is a push query under way.
type pushed struct {
	t testing.TB
	r session.Result
}

func (c *client) push(sql string) (*pushed, error) {
	stmts, err := parse.Parse(sql)
	if err != nil {
		return nil, err
	}
	p, err := c.s.Prepare(context.Background(), stmts[0], nil)
	if err != nil {
		return nil, err
	}
	r, err := p.Execute(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	return &pushed{c.t, r}, nil
}

// rows returns what is there, at most n rows.
func (p *pushed) rows(n int) (rows [][]string) {
	p.t.Helper()
	for len(rows) < n {
		b, err := p.r.(interface {
			Within(context.Context, time.Time) (*vec.Batch, error)
		}).Within(context.Background(), time.Now())
		if b == nil || err != nil {
			if err != nil && err != io.EOF {
				p.t.Fatal(err)
			}
			return rows
		}
		for i := range b.N {
			var row []string
			for _, c := range b.Cols {
				if c.IsNull(i) {
					row = append(row, "NULL")
				} else {
					row = append(row, string(c.AppendText(nil, i, types.Env{})))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows[:n]
}

// fold is what a client has that keeps what it is told: rows with op.
type fold map[string]int

func (f fold) take(t *testing.T, keys int, row []string) {
	t.Helper()
	op, cols := row[0], row[1:]
	if keys > 0 { // the newest row of each key
		key := strings.Join(cols[:keys], "|")
		for r := range f {
			if r == key || strings.HasPrefix(r, key+"|") {
				if op == "insert" {
					t.Errorf("insert of a key that is there: %q", row)
				}
				delete(f, r)
			}
		}
		if op != "delete" {
			f[strings.Join(cols, "|")] = 1
		}
		return
	}
	n := map[string]int{"insert": 1, "delete": -1}[op]
	r := strings.Join(cols, "|")
	if f[r] += n; f[r] < 0 {
		t.Errorf("more of %q goes than came", r)
	}
	if f[r] == 0 {
		delete(f, r)
	}
}

func (f fold) String() string {
	var lines []string
	for r, n := range f {
		lines = append(lines, slices.Repeat([]string{r + "\n"}, n)...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// A client that is cut off anywhere, and goes on after the token of its last row, has what the query gives: nothing is
// missing and nothing comes twice, also when the server was started again.
func TestResume(t *testing.T) {
	queries := []struct {
		sql  string
		keys int
	}{
		{"SELECT k, v FROM s", 0},
		{"SELECT k, count(*), sum(v) FROM s GROUP BY k", 1},
		{"SELECT id, v FROM t", 1},
		{"SELECT v FROM t", 0},
		{"SELECT k, n FROM keyed", 1},
		{"SELECT n FROM keyed WHERE n % 2 = 0", 0},
		{"SELECT v FROM bag", 0},
		{"SELECT a.k, a.n, b.n FROM keyed a FULL JOIN (SELECT k, count(*) AS n FROM s GROUP BY k) b ON a.k = b.k", 0},
		{"SELECT keyed.k, keyed.n, t.v FROM keyed LEFT JOIN t ON keyed.n = t.id", 0},
		{"SELECT v, count(*) FROM t GROUP BY v", 1},
		{"SELECT k, v FROM big", 0},
	}
	for seed := range uint64(4) {
		dir := t.TempDir()
		s := openOften(t, dir)
		c := s.session()
		for _, sql := range []string{"CREATE STREAM s (k text KEY, v int) WITH (partitions = 2)",
			"CREATE TABLE t (id int PRIMARY KEY, v text)",
			"CREATE MATERIALIZED VIEW keyed AS SELECT k, count(*) AS n FROM s GROUP BY k",
			"CREATE MATERIALIZED VIEW bag AS SELECT v FROM t",
			"CREATE STREAM big AS SELECT k, v FROM s WHERE v > 3"} {
			if got := c.run(sql); !strings.HasPrefix(got, "CREATE") {
				t.Fatal(got)
			}
		}
		rnd := rand.New(rand.NewPCG(seed, 3))
		states, tokens := make([]fold, len(queries)), make([]string, len(queries))
		for i := range states {
			states[i] = fold{}
		}
		for round := range 14 {
			for range rnd.IntN(8) {
				c.run(fmt.Sprintf("INSERT INTO s VALUES ('%c', %d)", 'a'+rune(rnd.IntN(3)), rnd.IntN(9)))
				c.run(fmt.Sprintf("INSERT INTO t VALUES (%d, 'v%d') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
					rnd.IntN(6), rnd.IntN(3)))
				c.run(fmt.Sprintf("DELETE FROM t WHERE id = %d", rnd.IntN(6)))
			}
			if rnd.IntN(5) == 0 {
				s.close()
				s = openOften(t, dir)
				c = s.session()
			}
			c.run("FLUSH")
			for i, q := range queries {
				since := "BEGINNING"
				if tokens[i] != "" {
					since = "'" + tokens[i] + "'"
				}
				p, err := c.push(q.sql + " EMIT CHANGES SINCE " + since + " WITH (TOKEN, OP)")
				if err != nil {
					t.Fatalf("%s: %v", q.sql, err)
				}
				limit := 1000
				if round < 13 && rnd.IntN(2) == 0 {
					limit = rnd.IntN(5)
				}
				for _, row := range p.rows(limit) {
					if row[0] == "NULL" {
						t.Fatalf("%s: a row without a token", q.sql)
					}
					if len(row) == 5 && strings.Contains(q.sql, "FULL") && row[3] != row[4] {
						t.Fatalf("%s: a stream and a view over it do not fit: %q", q.sql, row)
					}
					tokens[i] = row[0]
					states[i].take(t, q.keys, row[1:])
				}
				p.r.Close()
				if limit < 1000 {
					continue
				}
				want := strings.SplitAfter(c.run(q.sql), "\n")
				slices.Sort(want)
				if got, want := states[i].String(), strings.Join(want, ""); got != want {
					t.Fatalf("seed %d, round %d: %s\nhas\n%s\nand the query gives\n%s", seed, round, q.sql, got, want)
				}
			}
		}
		s.close()
	}
}

// A query tells how far it is when it is asked to, also when nothing comes, and its LIMIT does not count that.
func TestProgress(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run("CREATE TABLE t (id int PRIMARY KEY)")
	c.run("INSERT INTO t VALUES (1)")
	p, err := c.push("SELECT id FROM t EMIT CHANGES SINCE BEGINNING WITH (PROGRESS '1 ms') LIMIT 2")
	if err != nil {
		t.Fatal(err)
	}
	defer p.r.Close()
	next := func() string {
		b, err := p.r.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b.N != 1 || len(b.Cols) != 3 || b.Cols[0].IsNull(0) == b.Cols[1].Bool[0] {
			t.Fatalf("not a row: %d rows, %d columns", b.N, len(b.Cols))
		}
		if b.Cols[1].Bool[0] {
			return "progress"
		}
		return string(b.Cols[2].AppendText(nil, 0, types.Env{}))
	}
	if got := next(); got != "1" {
		t.Fatal(got)
	}
	for range 3 {
		if got := next(); got != "progress" {
			t.Fatal(got)
		}
	}
	c.run("INSERT INTO t VALUES (2)")
	for {
		if got := next(); got == "2" {
			break
		}
	}
	if _, err := p.r.Next(context.Background()); err != io.EOF {
		t.Fatal(err)
	}
}

// A push query is listed while it runs, and nothing of it is left when it was closed.
func TestSubscriptions(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c, reader := s.session(), s.session()
	c.run("CREATE TABLE t (id int PRIMARY KEY)")
	c.run("INSERT INTO t VALUES (1), (2)")
	p, err := reader.push("SELECT id FROM t EMIT CHANGES SINCE BEGINNING")
	if err != nil {
		t.Fatal(err)
	}
	p.rows(10)
	const list = "SELECT username, relations, query, rows, waiting_bytes FROM leat_catalog.subscriptions"
	if got, want := c.run(list), "leat|t|SELECT id FROM t EMIT CHANGES SINCE BEGINNING|2|0\n"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	c.run("INSERT INTO t VALUES (3)")
	c.run("FLUSH")
	if got := c.run("SELECT waiting_bytes > 0 FROM leat_catalog.subscriptions"); got != "t\n" {
		t.Fatal(got)
	}
	p.r.Close()
	if got := c.run(list); got != "" {
		t.Fatal(got)
	}
}

// A query over a stream, a table and views of both sees them at one moment, while they are written to.
func TestOneMoment(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c, reader := s.session(), s.session()
	for _, sql := range []string{"CREATE STREAM s (k int, v int)", "CREATE TABLE t (id int PRIMARY KEY, v int)",
		"CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(v) AS total FROM s",
		"CREATE MATERIALIZED VIEW sizes AS SELECT count(*) AS n FROM t"} {
		c.run(sql)
	}
	p, err := reader.push(`SELECT a.n, b.n, a.total, b.total, x.n, y.n FROM sums a,
		(SELECT count(*) AS n, sum(v) AS total FROM s) b, sizes x, (SELECT count(*) AS n FROM t) y
		EMIT CHANGES SINCE BEGINNING WITH (OP)`)
	if err != nil {
		t.Fatal(err)
	}
	defer p.r.Close()
	const rounds = 300
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range rounds {
			c.run(fmt.Sprintf("BEGIN; INSERT INTO s VALUES (%d, %d), (%d, 1); INSERT INTO t VALUES (%d, 1); COMMIT", i, i, i, i))
		}
	}()
	for {
		b, err := p.r.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for i := range b.N {
			var f [6]string
			for k := range f {
				if col := b.Cols[k+1]; !col.IsNull(i) {
					f[k] = string(col.AppendText(nil, i, types.Env{}))
				}
			}
			if f[0] != f[1] || f[2] != f[3] || f[4] != f[5] {
				t.Fatalf("they do not fit: %q", f)
			}
			if b.Cols[0].AppendText(nil, i, types.Env{})[0] == 'i' {
				last = f[0] + " " + f[4]
			}
		}
		if last == fmt.Sprint(2*rounds, " ", rounds) {
			break
		}
	}
	<-done
}

// A client that reads slowly finds later what it has missed: nothing is missing and nothing comes twice.
func TestSlowReader(t *testing.T) {
	s := openAt(t, t.TempDir(), clock{&atomic.Pointer[time.Time]{}}, func(c *engine.Config) { c.QueueBytes = 1 })
	defer s.close()
	c := s.session()
	for _, sql := range []string{"CREATE STREAM s (k int, v int)", "CREATE TABLE t (id int PRIMARY KEY, v text)",
		"CREATE MATERIALIZED VIEW n AS SELECT v, count(*) AS n FROM t GROUP BY v"} {
		c.run(sql)
	}
	queries := []struct {
		sql  string
		keys int
	}{
		{"SELECT id, v FROM t", 1},
		{"SELECT v, n FROM n", 1},
		{"SELECT n.v, n.n, b.n FROM n FULL JOIN (SELECT v, count(*) AS n FROM t GROUP BY v) b ON n.v = b.v", 0},
		{"SELECT a.k, a.n, t.v FROM (SELECT k, count(*) AS n FROM s GROUP BY k) a LEFT JOIN t ON t.id = a.k", 1},
	}
	var pushes []*pushed
	states := make([]fold, len(queries))
	for i, q := range queries {
		p, err := c.push(q.sql + " EMIT CHANGES SINCE BEGINNING WITH (OP)")
		if err != nil {
			t.Fatal(err)
		}
		defer p.r.Close()
		pushes, states[i] = append(pushes, p), fold{}
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for round := range 25 {
		for range rnd.IntN(6) {
			c.run(fmt.Sprintf("INSERT INTO t VALUES (%d, 'v%d') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
				rnd.IntN(6), rnd.IntN(3)))
			c.run(fmt.Sprintf("DELETE FROM t WHERE id = %d", rnd.IntN(6)))
			c.run(fmt.Sprintf("INSERT INTO s VALUES (%d, 1)", rnd.IntN(5)))
		}
		c.run("FLUSH")
		for i, q := range queries {
			if rnd.IntN(2) == 0 {
				continue
			}
			for _, row := range pushes[i].rows(1000) {
				states[i].take(t, q.keys, row)
			}
			want := strings.SplitAfter(c.run(q.sql), "\n")
			slices.Sort(want)
			if got, want := states[i].String(), strings.Join(want, ""); got != want {
				t.Fatalf("round %d: %s\nhas\n%s\nand the query gives\n%s", round, q.sql, got, want)
			}
		}
	}
}

package session_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// parallel runs f in n sessions at the same time.
func (s *server) parallel(n int, f func(c *client, r *rand.Rand)) {
	var wg sync.WaitGroup
	for i := range n {
		c := s.session()
		wg.Go(func() {
			defer c.s.Close()
			f(c, rand.New(rand.NewPCG(uint64(i), 22)))
		})
	}
	wg.Wait()
}

// TestTransfers moves money between accounts in many sessions, in every isolation level: the total stays what it was,
// whoever looks, and nobody reads an account while it is in between.
func TestTransfers(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run(`CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
		CREATE STREAM journal (src int, dst int, amount int);
		CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS total FROM accounts;
		INSERT INTO accounts SELECT i, 100 FROM generate_series(0, 9) i`)
	var retried, moved atomic.Int64
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		s.parallel(6, func(c *client, r *rand.Rand) {
			for range 15 {
				src, dst, amount := r.IntN(10), r.IntN(10), 1+r.IntN(9)
				for {
					out := c.run(fmt.Sprintf(`BEGIN ISOLATION LEVEL %s;
						SELECT sum(balance) FROM accounts;
						UPDATE accounts SET balance = balance - %d WHERE id = %d;
						UPDATE accounts SET balance = balance + %d WHERE id = %d;
						INSERT INTO journal VALUES (%d, %d, %d);
						SELECT sum(balance) FROM accounts;
						COMMIT`, level, amount, src, amount, dst, src, dst, amount))
					if out == "BEGIN\n1000\nUPDATE 1\nUPDATE 1\nINSERT 0 1\n1000\nCOMMIT\n" {
						moved.Add(1)
						break
					}
					if !strings.Contains(out, "ERROR 40001") && !strings.Contains(out, "ERROR 40P01") {
						t.Error(out)
						return
					}
					retried.Add(1)
					c.run("ROLLBACK")
				}
				if out := c.run("SELECT total FROM total"); out != "1000\n" {
					t.Errorf("the total is %q", out)
				}
			}
		})
	}
	t.Logf("%d transfers, %d tried again", moved.Load(), retried.Load())
	if out := c.run("SELECT count(*) FROM journal"); out != fmt.Sprintf("%d\n", 3*6*15) {
		t.Errorf("%s lines in the journal", out)
	}
	want := c.run(`SELECT a.id, 100 + coalesce((SELECT sum(amount) FROM journal WHERE dst = a.id), 0)
		- coalesce((SELECT sum(amount) FROM journal WHERE src = a.id), 0) FROM accounts a ORDER BY 1`)
	if got := c.run("SELECT id, balance FROM accounts ORDER BY id"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestNoLostUpdates counts in many sessions without a transaction block: no statement fails, and every one counts.
func TestNoLostUpdates(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run(`CREATE TABLE counters (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO counters VALUES (1);
		CREATE TABLE bare (what text, n int); INSERT INTO bare VALUES ('a', 0), ('b', 0);
		CREATE TABLE seen (id int PRIMARY KEY, by int)`)
	var inserted atomic.Int64
	s.parallel(5, func(c *client, r *rand.Rand) {
		for i := range 20 {
			for _, sql := range []string{"UPDATE counters SET n = n + 1 WHERE id = 1",
				"INSERT INTO counters VALUES (2, 1) ON CONFLICT (id) DO UPDATE SET n = counters.n + 1",
				"UPDATE bare SET n = n + 1 WHERE what = 'a'"} {
				if out := c.run(sql); out != "UPDATE 1\n" && out != "INSERT 0 1\n" {
					t.Errorf("%s: %s", sql, out)
				}
			}
			switch out := c.run(fmt.Sprintf("INSERT INTO seen VALUES (%d, 1)", i)); {
			case out == "INSERT 0 1\n":
				inserted.Add(1)
			case !strings.HasPrefix(out, "ERROR 23505"):
				t.Error(out)
			}
		}
	})
	if out := c.run("SELECT n FROM counters ORDER BY id; SELECT n FROM bare ORDER BY what; SELECT count(*) FROM seen"); out !=
		"100\n100\n100\n0\n20\n" || inserted.Load() != 20 {
		t.Errorf("%d inserted, and then there are\n%s", inserted.Load(), out)
	}
}

// TestWriteSkew lets two serializable transactions each read what the other changes: one of them fails.
func TestWriteSkew(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	a, b := s.session(), s.session()
	a.run("CREATE TABLE doctors (name text PRIMARY KEY, on_call bool); INSERT INTO doctors VALUES ('ann', true), ('bob', true)")
	for _, c := range []*client{a, b} {
		if out := c.run("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM doctors WHERE on_call"); out != "BEGIN\n2\n" {
			t.Fatal(out)
		}
	}
	a.run("UPDATE doctors SET on_call = false WHERE name = 'ann'")
	b.run("UPDATE doctors SET on_call = false WHERE name = 'bob'")
	if out := a.run("COMMIT"); out != "COMMIT\n" {
		t.Error(out)
	}
	if out := b.run("COMMIT"); !strings.HasPrefix(out, "ERROR 40001") {
		t.Error(out)
	}
	if out := a.run("SELECT count(*) FROM doctors WHERE on_call"); out != "1\n" {
		t.Error(out)
	}
}

// TestIsolation looks from one transaction at what another does.
func TestIsolation(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	a, b := s.session(), s.session()
	a.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
	steps := []struct {
		c         *client
		sql, want string
	}{
		{a, "BEGIN; SELECT v FROM t", "BEGIN\n1\n"},
		{b, "UPDATE t SET v = 2", "UPDATE 1\n"},
		{a, "SELECT v FROM t; COMMIT", "2\nCOMMIT\n"},
		{a, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT v FROM t", "BEGIN\n2\n"},
		{b, "UPDATE t SET v = 3; INSERT INTO t VALUES (2, 2)", "UPDATE 1\nINSERT 0 1\n"},
		{a, "SELECT id, v FROM t", "1|2\n"},
		{a, "UPDATE t SET v = 9 WHERE id = 1", "ERROR 40001: could not serialize access due to concurrent update\n" +
			"HINT: The transaction might succeed if retried.\n"},
		{a, "SELECT 1", "ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block\n"},
		{a, "COMMIT", "ROLLBACK\n"},
		{a, "BEGIN; UPDATE t SET v = 4 WHERE id = 1; SELECT v FROM t ORDER BY id", "BEGIN\nUPDATE 1\n4\n2\n"},
		{b, "SELECT v FROM t ORDER BY id", "3\n2\n"},
		{b, "SET lock_timeout = '5ms'; UPDATE t SET v = 5 WHERE id = 1", "SET\nERROR 55P03: canceling statement due to lock timeout\n"},
		{b, "UPDATE t SET v = 5 WHERE id = 2", "UPDATE 1\n"},
		{a, "ROLLBACK", "ROLLBACK\n"},
		{b, "UPDATE t SET v = v + 10", "UPDATE 2\n"},
		{a, "SELECT v FROM t ORDER BY id", "13\n15\n"},
		{a, "BEGIN; SELECT v AS x FROM t WHERE id = 1 FOR UPDATE", "BEGIN\n13\n"},
		{b, "SELECT v FROM t WHERE id = 1", "13\n"},
		{b, "UPDATE t SET v = 5 WHERE id = 1", "ERROR 55P03: canceling statement due to lock timeout\n"},
		{b, "SELECT id FROM t WHERE id = 2 FOR UPDATE", "2\n"},
		{a, "UPDATE t SET v = 14 WHERE id = 1; COMMIT", "UPDATE 1\nCOMMIT\n"},
		{b, "SELECT v FROM t WHERE v > 0 ORDER BY id LIMIT 1 FOR UPDATE", "14\n"},
		{b, "SELECT count(*) FROM t GROUP BY id FOR UPDATE",
			"ERROR 0A000: FOR UPDATE is not allowed with GROUP BY clause\n"},
	}
	for _, step := range steps {
		if got := step.c.run(step.sql); got != step.want {
			t.Fatalf("%s\ngot  %q\nwant %q", step.sql, got, step.want)
		}
	}
}

// TestDeadlock lets two transactions wait for each other: one is told.
func TestDeadlock(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	a, b := s.session(), s.session()
	a.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0)")
	a.run("BEGIN; UPDATE t SET v = 1 WHERE id = 1")
	b.run("BEGIN; UPDATE t SET v = 2 WHERE id = 2")
	out := make(chan string, 2)
	var wg sync.WaitGroup
	for c, id := range map[*client]int{a: 2, b: 1} {
		wg.Go(func() {
			got := c.run(fmt.Sprintf("UPDATE t SET v = 3 WHERE id = %d", id))
			out <- got
			if strings.HasPrefix(got, "ERROR") {
				c.run("ROLLBACK")
			} else {
				c.run("COMMIT")
			}
		})
	}
	wg.Wait()
	if got := []string{<-out, <-out}; !strings.HasPrefix(got[0]+got[1], "ERROR 40P01") && !strings.Contains(got[0]+got[1], "\nERROR 40P01") {
		t.Errorf("got %q", got)
	}
}

// TestDropBeside drops relations while transactions that see one cut begin, and while others flush: who does not use a
// relation does not learn that it is gone.
func TestDropBeside(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	s.session().run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
	var others sync.WaitGroup
	done := make(chan struct{})
	for _, sql := range []string{"BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT v FROM t; COMMIT", "FLUSH"} {
		c := s.session()
		want := c.run(sql)
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if out := c.run(sql); out != want {
					t.Errorf("%s: %s", sql, out)
					return
				}
			}
		})
	}
	c := s.session()
	for range 100 {
		c.run("CREATE STREAM beside (a int); DROP STREAM beside DELETE TOPIC")
	}
	close(done)
	others.Wait()
}

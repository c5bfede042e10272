package session_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// TestSkipLocked lets workers take jobs from a queue: each job is done once, and nobody waits for another.
func TestSkipLocked(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run(`CREATE TABLE jobs (id int PRIMARY KEY, done bool DEFAULT false, n int DEFAULT 0);
		INSERT INTO jobs SELECT i FROM generate_series(1, 60) i`)
	var mu sync.Mutex
	taken := map[string]int{}
	s.parallel(5, func(c *client, _ *rand.Rand) {
		for {
			got := strings.TrimPrefix(c.run(`BEGIN;
				SELECT id FROM jobs WHERE NOT done ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`), "BEGIN\n")
			if got == "" {
				c.run("COMMIT")
				if c.run("SELECT count(*) FROM jobs WHERE NOT done") == "0\n" {
					return
				}
				continue
			}
			id := strings.TrimSpace(got)
			if out := c.run(fmt.Sprintf("UPDATE jobs SET done = true, n = n + 1 WHERE id = %s; COMMIT", id)); out !=
				"UPDATE 1\nCOMMIT\n" {
				t.Errorf("job %s: %s", id, out)
				return
			}
			mu.Lock()
			taken[id]++
			mu.Unlock()
		}
	})
	for id, n := range taken {
		if n != 1 {
			t.Errorf("job %s was taken %d times", id, n)
		}
	}
	if out := c.run("SELECT count(*), min(n), max(n) FROM jobs WHERE done"); out != "60|1|1\n" || len(taken) != 60 {
		t.Errorf("%d jobs were taken, and %s are done", len(taken), out)
	}
}

// TestRowLocks: who meets a lock waits, fails or passes over, and shared locks stand beside each other.
func TestRowLocks(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	a, b, d := s.session(), s.session(), s.session()
	a.run(`CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int PRIMARY KEY, t int);
		INSERT INTO t VALUES (1, 10), (2, 20), (3, 30); INSERT INTO u VALUES (5, 1), (6, 2)`)
	for _, c := range []*client{a, b, d} {
		c.run("SET lock_timeout = '50ms'")
	}
	const timeout = "ERROR 55P03: canceling statement due to lock timeout\n"
	busy := func(table string) string {
		return "ERROR 55P03: could not obtain lock on row in relation \"" + table + "\"\n"
	}
	for _, step := range []struct {
		c         *client
		sql, want string
	}{
		{a, "BEGIN; SELECT v FROM t WHERE id = 1 FOR UPDATE", "BEGIN\n10\n"},
		{b, "SELECT id FROM t WHERE id = 1 FOR UPDATE NOWAIT", busy("t")},
		{b, "SELECT id FROM t WHERE id = 1 FOR KEY SHARE NOWAIT", busy("t")},
		{b, "SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED", "2\n3\n"},
		{b, "SELECT id FROM t ORDER BY id LIMIT 1 FOR SHARE SKIP LOCKED", "2\n"},
		{b, "SELECT u.id FROM u JOIN t ON u.t = t.id ORDER BY 1 FOR UPDATE SKIP LOCKED", "6\n"},
		{b, "SELECT u.id FROM u JOIN t ON u.t = t.id ORDER BY 1 FOR UPDATE OF u NOWAIT", "5\n6\n"},
		{b, "SELECT id FROM t WHERE id = 1 FOR SHARE", timeout},
		{b, "SELECT id FROM t WHERE id = 1", "1\n"},
		{a, "UPDATE t SET v = 11 WHERE id = 1; COMMIT", "UPDATE 1\nCOMMIT\n"},
		{b, "SELECT v FROM t WHERE id = 1 FOR SHARE", "11\n"},

		{a, "BEGIN; SELECT v FROM t WHERE id = 2 FOR SHARE", "BEGIN\n20\n"},
		{b, "BEGIN; SELECT v FROM t WHERE id = 2 FOR SHARE NOWAIT", "BEGIN\n20\n"},
		{d, "SELECT v FROM t WHERE id = 2 FOR UPDATE NOWAIT", busy("t")},
		{d, "UPDATE t SET v = 0 WHERE id = 2", timeout},
		{d, "SELECT id FROM t ORDER BY id FOR NO KEY UPDATE SKIP LOCKED", "1\n3\n"},
		{d, "SELECT DISTINCT mode FROM pg_locks WHERE relation = 't'::regclass ORDER BY 1", "RowShareLock\n"},
		{a, "UPDATE t SET v = 21 WHERE id = 2", timeout}, // b shares it
		{a, "ROLLBACK", "ROLLBACK\n"},
		{b, "UPDATE t SET v = 22 WHERE id = 2; COMMIT", "UPDATE 1\nCOMMIT\n"},
		{d, "SELECT v FROM t WHERE id = 2 FOR UPDATE NOWAIT", "22\n"},
		{d, "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass", "0\n"},

		{a, "BEGIN; SELECT id FROM t ORDER BY id LIMIT 1 OFFSET 1 FOR UPDATE", "BEGIN\n2\n"},
		{b, "SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED", "3\n"}, // OFFSET's too are locked, and what LIMIT leaves is not
		{a, "COMMIT", "COMMIT\n"},
	} {
		if got := step.c.run(step.sql); got != step.want {
			t.Fatalf("%s\n%s\nnot\n%s", step.sql, got, step.want)
		}
	}
}

package session_test

import (
	"fmt"
	"testing"
)

// TestWholeTransactions writes transactions that are larger than a step, over tables with and without a key and streams
// that are read and not, while others look: nobody sees a part of one.
func TestWholeTransactions(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	s.session().run(`CREATE TABLE big (id int PRIMARY KEY, n int, pad text);
		CREATE TABLE bare (n int, pad text);
		CREATE STREAM unread (n int, pad text);
		CREATE STREAM seen (n int, pad text);
		CREATE MATERIALIZED VIEW v AS SELECT n, count(*) AS rows FROM seen GROUP BY n`)
	const rows = 4000
	done := make(chan bool)
	go func() {
		defer close(done)
		c := s.session()
		for n := range 6 {
			sql := "BEGIN;"
			for _, into := range []string{"bare", "unread", "seen"} {
				sql += fmt.Sprintf("INSERT INTO %s SELECT %d, repeat('x', 100) FROM generate_series(1, %d);", into, n, rows)
			}
			sql += fmt.Sprintf("INSERT INTO big SELECT i, %d, repeat('x', 300) FROM generate_series(1, %d) i "+
				"ON CONFLICT (id) DO UPDATE SET n = excluded.n; COMMIT", n, rows)
			if out := c.run(sql); out[len(out)-7:] != "COMMIT\n" {
				t.Error(out)
			}
		}
	}()
	c := s.session()
	looks := 0
	for {
		select {
		case <-done:
			t.Logf("%d looks", looks)
			return
		default:
		}
		looks++
		out := c.run(`SELECT max(k) = min(k) FROM (
			SELECT count(*) AS k FROM bare UNION ALL SELECT count(*) FROM unread UNION ALL SELECT count(*) FROM seen
			UNION ALL SELECT sum(rows)::bigint FROM v HAVING count(*) > 0 UNION ALL SELECT (max(n) + 1) * 4000 FROM big HAVING count(*) > 0
			UNION ALL SELECT (min(n) + 1) * 4000 FROM big HAVING count(*) > 0) x`)
		if out != "t\n" {
			t.Fatalf("look %d shows a part of a transaction: %s", looks, out)
		}
	}
}

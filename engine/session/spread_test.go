package session_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/leatdb/leat/cluster"
)

// partitionsOf are those of topics.
func (s *server) partitionsOf(topics ...string) (ids []cluster.PartitionID) {
	s.t.Helper()
	for _, name := range topics {
		t, ok := s.node.Topic(name)
		if !ok {
			s.t.Fatalf("there is no topic %s", name)
		}
		ids = append(ids, t.IDs...)
	}
	return ids
}

// TestWholeOverShards has a producer write transactions over a topic at home and two that are spread, of which every
// other is aborted, while others look at a view over all three, at the streams themselves, at one that nothing reads,
// and follow them: nobody sees a part of one, also after a crash.
func TestWholeOverShards(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setUp := s.session().run(`
		CREATE STREAM home (id text KEY, n int) WITH (kafka_topic = 'home', partitions = 2);
		CREATE STREAM one (id text KEY, n int) WITH (kafka_topic = 'one', partitions = 3, placement = 'spread');
		CREATE STREAM two (id text KEY, n int) WITH (kafka_topic = 'two', partitions = 2, placement = 'spread');
		CREATE STREAM idle (id text KEY, n int) WITH (kafka_topic = 'idle', partitions = 2, placement = 'spread');
		CREATE MATERIALIZED VIEW v AS SELECT n, count(*) AS rows FROM (SELECT n FROM home UNION ALL SELECT n FROM one
			UNION ALL SELECT n FROM two) x GROUP BY n`)
	if strings.Contains(setUp, "ERROR") {
		t.Fatal(setUp)
	}
	ids := s.partitionsOf("home", "one", "two", "idle")
	const rounds = 40
	done := make(chan bool)
	go func() {
		defer close(done)
		w := s.writer(t, "w")
		for n := range rounds {
			for i := range ids {
				w.write(ids[(i+n)%len(ids)], fmt.Sprint(i), n)
			}
			w.end(n%2 == 0)
		}
	}()
	var followers sync.WaitGroup
	for i, q := range []string{"SELECT n, rows FROM v EMIT CHANGES LIMIT 20",
		"SELECT count(*) AS rows FROM (SELECT n FROM home UNION ALL SELECT n FROM one UNION ALL SELECT n FROM two) x " +
			"EMIT CHANGES LIMIT 10"} {
		c := s.session()
		followers.Go(func() {
			for line := range strings.Lines(c.run("SET auto.offset.reset = 'earliest'; " + q)) {
				var rows int
				fields := strings.Split(strings.TrimSpace(line), "|")
				if _, err := fmt.Sscan(fields[len(fields)-1], &rows); err == nil && rows%7 != 0 {
					t.Errorf("push query %d shows a part of a transaction: %s", i, line)
				}
			}
		})
	}
	expect := func(c *client, final bool) {
		t.Helper()
		out := c.run(`SELECT max(k) = min(k) AND max(k) % 2 = 0, max(k) FROM (
			SELECT count(*) AS k FROM home UNION ALL SELECT count(*) * 2 / 3 FROM one UNION ALL SELECT count(*) FROM two
			UNION ALL SELECT count(*) FROM idle UNION ALL SELECT count(*) * 2 FROM v
			UNION ALL SELECT coalesce(sum(rows), 0)::bigint * 2 / 7 FROM v UNION ALL SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM v)) x`)
		if !strings.HasPrefix(out, "t|") || final && out != fmt.Sprintf("t|%d\n", rounds) {
			t.Fatalf("a part of a transaction shows: %s", out)
		}
		if bad := c.run("SELECT n, rows FROM v WHERE rows <> 7 OR n % 2 <> 0"); bad != "" {
			t.Fatalf("a part of a transaction is in the view: %s", bad)
		}
	}
	c := s.session()
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
		}
		expect(c, false)
	}
	expect(c, true)
	s.close()
	followers.Wait()
	if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil { // as if it had been killed before its first checkpoint
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.close()
	expect(s.session(), true)
}

// TestSpreadCommitted is TestCommittedOnly over a topic that is spread: what SQL inserts is behind what is undecided, and
// what a transaction of the node's own left open is aborted when another node goes on.
func TestSpreadCommitted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run(`CREATE STREAM s (id text KEY, n int) WITH (kafka_topic = 't', partitions = 3, placement = 'spread');
		CREATE TABLE sums AS SELECT n, count(*) AS rows FROM s GROUP BY n`)
	ids := s.partitionsOf("t")
	w := s.writer(t, "__leat_1")
	for _, id := range ids {
		w.write(id, "k", 5)
	}
	if out := c.run("SELECT count(*) FROM s"); out != "0\n" {
		t.Fatal(out)
	}
	s.close()
	s = open(t, dir)
	defer s.close()
	c = s.session()
	out := c.run("INSERT INTO s SELECT i::text, 1 FROM generate_series(1, 20) i; SELECT n, rows FROM sums")
	if out != "INSERT 0 20\n1|20\n" {
		t.Fatal(out)
	}
	for _, tr := range s.node.Transactions() {
		if tr.State == cluster.TxnOngoing {
			t.Errorf("%s is open", tr.TransactionalID)
		}
	}
	if took := c.run("COPY s FROM STDIN", strings.Repeat("k1\t2\nk2\t2\nk3\t2\nk4\t2\n", 50)); took != "COPY 200\n" {
		t.Fatal(took)
	}
	if out := c.run("SELECT n, rows FROM sums ORDER BY n"); out != "1|20\n2|200\n" {
		t.Fatal(out)
	}
}

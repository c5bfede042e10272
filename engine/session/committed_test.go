package session_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
)

// writer is a transactional producer of the records {"n": N} under a key.
type writer struct {
	t   *testing.T
	s   *server
	txn cluster.Txn
	seq map[cluster.PartitionID]int32
}

func (s *server) writer(t *testing.T, id string) *writer {
	t.Helper()
	p, err := s.node.InitProducer(t.Context(), cluster.ProducerRequest{TransactionalID: id, Timeout: time.Minute,
		Known: cluster.Producer{ID: cluster.NoProducer, Epoch: -1}})
	if err != nil {
		t.Fatal(err)
	}
	return &writer{t, s, cluster.Txn{TransactionalID: id, Producer: p}, map[cluster.PartitionID]int32{}}
}

func (w *writer) write(part cluster.PartitionID, key string, n int) {
	w.t.Helper()
	var b log.Builder
	b.SetAttributes(log.AttrTransactional)
	b.SetProducer(w.txn.Producer.ID, w.txn.Producer.Epoch, w.seq[part])
	b.Append([]byte(key), fmt.Appendf(nil, `{"n": %d}`, n), 1000, nil)
	w.seq[part]++
	p, err := w.s.node.Produce(w.t.Context(), cluster.Produce{Partition: part, Batches: bytes.Clone(b.Finish()),
		TransactionalID: w.txn.TransactionalID, AddToTxn: true})
	if err == nil {
		_, err = p.Wait(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) end(commit bool) {
	w.t.Helper()
	p, err := w.s.node.EndTxn(w.t.Context(), cluster.EndTxn{Txn: w.txn, Commit: commit, Bump: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.txn.Producer = p
	clear(w.seq)
}

// TestCommittedOnly reads a topic that producers write in transactions: neither what is open nor what was aborted shows
// in a stream, a view over it or a push query, also when steps are computed again after a crash.
func TestCommittedOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run(`CREATE STREAM s (id text KEY, n int) WITH (kafka_topic = 't', partitions = 2, value_format = 'json');
		CREATE TABLE sums AS SELECT id, sum(n) AS total, count(*) AS n FROM s GROUP BY id`)
	topic, ok := s.node.Topic("t")
	if !ok {
		t.Fatal("no topic")
	}
	p := topic.IDs
	expect := func(sums, rows string) {
		t.Helper()
		if got := c.run("SELECT id, total, n FROM sums ORDER BY id"); got != sums {
			t.Fatalf("the view has\n%swant\n%s", got, sums)
		}
		if got := c.run("SELECT count(*) FROM s"); got != rows {
			t.Fatalf("the stream has\n%swant\n%s", got, rows)
		}
	}
	w := s.writer(t, "w")
	w.write(p[0], "a", 1)
	w.write(p[1], "b", 10)
	c.run("INSERT INTO s VALUES ('a', 100), ('b', 1000)") // behind what is undecided
	expect("", "0\n")
	w.end(false)
	expect("a|100|1\nb|1000|1\n", "2\n")
	for round := range 5 {
		w.write(p[0], "a", 1)
		w.write(p[1], "b", 10)
		w.write(p[0], "a", 1)
		w.end(round%2 == 0)
		sums := fmt.Sprintf("a|%d|%d\nb|%d|%d\n", 102+round/2*2, 3+round/2*2, 1010+round/2*10, 2+round/2)
		expect(sums, fmt.Sprintf("%d\n", 5+round/2*3))
	}
	pushed := c.run("SET auto.offset.reset = 'earliest'; SELECT n FROM s EMIT CHANGES LIMIT 11")
	if rows := strings.Split(strings.TrimSpace(pushed), "\n"); len(rows) != 12 || strings.Contains(pushed, "ERROR") {
		t.Fatal("a push query gives\n", pushed)
	}
	other := s.writer(t, "other")
	other.write(p[0], "a", 7)
	w.write(p[1], "b", 5)
	w.end(true)
	final := "a|106|7\nb|1035|5\n"
	expect(final, "12\n")
	s.close()
	if err := os.Remove(filepath.Join(dir, "flow-1.db")); err != nil { // as if it had been killed before its first checkpoint
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.close()
	c = s.session()
	expect(final, "12\n")
	s.writer(t, "other") // the one that is open is aborted
	expect(final, "12\n")
}

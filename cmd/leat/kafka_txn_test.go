package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestKafkaIdempotent kills the server while a producer writes: every record is there once.
func TestKafkaIdempotent(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	admin := kadm.NewClient(p.client())
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	cl := p.client(kgo.MaxBufferedRecords(200), kgo.ProducerBatchMaxBytes(600))
	addr, total := p.kafka, 2000
	errs := make(chan error, total)
	for i := range total {
		r := &kgo.Record{Topic: "t", Key: []byte("k"), Value: fmt.Appendf(nil, "%d", i)}
		cl.Produce(t.Context(), r, func(_ *kgo.Record, err error) { errs <- err })
		if i == total/2 {
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-p.exited
			p = serve(t, dir, "--kafka", addr)
		}
	}
	for range total {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	got := consume(t, p.client(fromStart("t")...), total)
	for i, pair := range got {
		if want := fmt.Sprintf("k=%d", i); pair != want {
			t.Fatalf("record %d is %s, want %s", i, pair, want)
		}
	}
}

// transact runs one transaction.
func transact(t *testing.T, cl *kgo.Client, commit kgo.TransactionEndTry, pairs ...string) {
	t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, "t", pairs...)
	if err := cl.EndTransaction(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
}

var committed = kgo.FetchIsolationLevel(kgo.ReadCommitted())

// TestKafkaTransactions commits and aborts, with the protocols of old and new clients.
func TestKafkaTransactions(t *testing.T) {
	for name, opts := range map[string][]kgo.Opt{"new": nil, "old": {kgo.MaxVersions(kversion.V3_0_0())}} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, t.TempDir())
			admin := kadm.NewClient(p.client())
			if _, err := admin.CreateTopic(t.Context(), 3, 1, nil, "t"); err != nil {
				t.Fatal(err)
			}
			cl := p.client(append(opts, kgo.TransactionalID("tx"))...)
			transact(t, cl, kgo.TryCommit, "a=1", "b=1", "c=1")
			transact(t, cl, kgo.TryAbort, "a=2", "b=2", "c=2")
			transact(t, cl, kgo.TryCommit, "a=3", "b=3", "c=3")
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			produce(t, cl, "t", "a=4")
			got := consume(t, p.client(append(fromStart("t"), committed)...), 6)
			slices.Sort(got)
			if want := []string{"a=1", "a=3", "b=1", "b=3", "c=1", "c=3"}; !slices.Equal(got, want) {
				t.Errorf("committed are %q, want %q", got, want)
			}
			if got := consume(t, p.client(fromStart("t")...), 10); len(got) != 10 {
				t.Errorf("there are %q", got)
			}
			described, err := admin.DescribeTransactions(t.Context(), "tx")
			if tx := described["tx"]; err != nil || tx.State != "Ongoing" || len(tx.Topics["t"]) != 1 {
				t.Errorf("described as %+v, %v", tx, err)
			}
			// Another producer of the same name takes over: the open transaction is aborted, the first is fenced.
			next := p.client(append(opts, kgo.TransactionalID("tx"))...)
			transact(t, next, kgo.TryCommit, "a=5")
			if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
				t.Error("the fenced producer could commit")
			}
			got = consume(t, p.client(append(fromStart("t"), committed)...), 7)
			if !slices.Contains(got, "a=5") || slices.Contains(got, "a=4") {
				t.Errorf("committed are %q", got)
			}
		})
	}
}

// TestKafkaExactlyOnce moves records from a topic to another in transactions, with the offsets of the group.
func TestKafkaExactlyOnce(t *testing.T) {
	p := serve(t, t.TempDir())
	admin := topicT(t, p, 2)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "out"); err != nil {
		t.Fatal(err)
	}
	move := func(stop func(n int) bool, how kgo.TransactionEndTry) (moved int) {
		s, err := kgo.NewGroupTransactSession(append(inGroup("g", committed), kgo.SeedBrokers(p.kafka),
			kgo.TransactionalID("mover"), kgo.FetchMaxWait(100*time.Millisecond),
			kgo.RequireStableFetchOffsets())...)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for !stop(moved) {
			fetches := s.PollRecords(ctx, 7)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			if err := s.Begin(); err != nil {
				t.Fatal(err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				s.Produce(ctx, &kgo.Record{Topic: "out", Value: r.Value}, nil)
				moved++
			})
			if _, err := s.End(ctx, how); err != nil {
				t.Fatal(err)
			}
		}
		return moved
	}
	move(func(n int) bool { return n > 0 }, kgo.TryAbort)
	first := move(func(n int) bool { return n > 0 }, kgo.TryCommit)
	move(func(n int) bool { return n+first >= 20 }, kgo.TryCommit)
	got := consume(t, p.client(append(fromStart("out"), committed)...), 20)
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != 20 {
		t.Errorf("there are %d different records, want 20", len(got))
	}
	ends, err := admin.ListCommittedOffsets(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	offsets, err := admin.FetchOffsets(t.Context(), "g")
	for n := range int32(2) {
		if at, _ := offsets.Lookup("t", n); err != nil || at.At != 10 {
			t.Errorf("offset %d of partition %d, %v; want 10", at.At, n, err)
		}
	}
	if o, _ := ends.Lookup("out", 0); o.Offset < 20 {
		t.Errorf("the end is %d", o.Offset)
	}
}

func TestKafkaAdmin(t *testing.T) {
	p := serve(t, t.TempDir())
	admin := topicT(t, p, 2)
	cfg := map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "retention.ms": kadm.StringPtr("1000")}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, cfg, "compacted"); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]*string{"cleanup.policy": kadm.StringPtr("shrink")}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, wrong, "wrong"); err != kerr.InvalidConfig {
		t.Errorf("a topic with a wrong setting: %v", err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 3, nil, "replicated"); err != kerr.InvalidReplicationFactor {
		t.Errorf("a topic with three replicas: %v", err)
	}
	setting := func(name string) string {
		t.Helper()
		described, err := admin.DescribeTopicConfigs(t.Context(), "compacted")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range described[0].Configs {
			if c.Key == name {
				return c.Source.String() + " " + c.MaybeValue()
			}
		}
		return ""
	}
	for name, want := range map[string]string{"cleanup.policy": "DYNAMIC_TOPIC_CONFIG compact",
		"retention.ms": "DYNAMIC_TOPIC_CONFIG 1000", "max.message.bytes": "DEFAULT_CONFIG 1048588"} {
		if got := setting(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	alter := []kadm.AlterConfig{{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: kadm.StringPtr("delete")},
		{Op: kadm.DeleteConfig, Name: "retention.ms"}}
	if resp, err := admin.AlterTopicConfigs(t.Context(), alter, "compacted"); err != nil || resp[0].Err != nil {
		t.Errorf("altering: %v, %v", err, resp[0].Err)
	}
	if got := setting("cleanup.policy"); got != "DYNAMIC_TOPIC_CONFIG compact,delete" {
		t.Errorf("cleanup.policy is %q", got)
	}
	if got := setting("retention.ms"); got != "DEFAULT_CONFIG -1" {
		t.Errorf("retention.ms is %q", got)
	}
	broker, err := admin.DescribeBrokerConfigs(t.Context(), 1)
	if err != nil || len(broker) != 1 || len(broker[0].Configs) == 0 {
		t.Errorf("the broker's settings: %v, %v", broker, err)
	}
	if resp, err := admin.UpdatePartitions(t.Context(), 5, "t"); err != nil || resp["t"].Err != nil {
		t.Errorf("adding partitions: %v, %v", err, resp["t"].Err)
	}
	var before kadm.Offsets
	before.AddOffset("t", 0, 4, -1)
	deleted, err := admin.DeleteRecords(t.Context(), before)
	if d, _ := deleted.Lookup("t", 0); err != nil || d.LowWatermark != 4 {
		t.Errorf("deleting records: %+v, %v", d, err)
	}
	starts, err := admin.ListStartOffsets(t.Context(), "t")
	if o, _ := starts.Lookup("t", 0); err != nil || o.Offset != 4 || len(starts["t"]) != 5 {
		t.Errorf("starts: %v, %v", starts, err)
	}
	after, err := admin.ListOffsetsAfterMilli(t.Context(), time.Now().Add(time.Hour).UnixMilli(), "t")
	if o, _ := after.Lookup("t", 0); err != nil || o.Offset != 10 {
		t.Errorf("records of the future: %+v, %v", o, err)
	}
	newest, err := admin.ListMaxTimestampOffsets(t.Context(), "t")
	if o, _ := newest.Lookup("t", 1); err != nil || o.Offset < 0 {
		t.Errorf("the newest record: %+v, %v", o, err)
	}
	dirs, err := admin.DescribeAllLogDirs(t.Context(), nil)
	if err != nil || dirs[1].Size() == 0 {
		t.Errorf("log dirs: %v, %v", dirs, err)
	}
	if meta, err := admin.BrokerMetadata(t.Context()); err != nil || len(meta.Brokers) != 1 || meta.Cluster == "" {
		t.Errorf("the cluster: %+v, %v", meta, err)
	}
	producers, err := admin.DescribeProducers(t.Context(), kadm.TopicsSet{"t": {0: {}}})
	if err != nil || len(producers["t"].Partitions[0].ActiveProducers) != 1 {
		t.Errorf("producers: %+v, %v", producers, err)
	}
}

// TestKafkaTransactionsSQL shows a stream's records of transactions when they are committed, and never those of others.
func TestKafkaTransactionsSQL(t *testing.T) {
	p := serve(t, t.TempDir())
	conn := p.connect()
	execute(t, conn, `CREATE STREAM t (n int) WITH (kafka_topic = 't', value_format = 'json', partitions = 2);
		CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(n) AS total FROM t`)
	cl := p.client(kgo.TransactionalID("tx"))
	expect := func(what string, count, sum int64) {
		t.Helper()
		var n, s, rows int64
		err := conn.QueryRow(t.Context(), "SELECT n, coalesce(total, 0) FROM sums").Scan(&n, &s)
		if err != nil || n != count || s != sum {
			t.Errorf("%s: the view has %d of %d, %v; want %d of %d", what, n, s, err, count, sum)
		}
		err = conn.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&rows)
		if err != nil || rows != count {
			t.Errorf("%s: the stream has %d rows, %v; want %d", what, rows, err, count)
		}
	}
	transact(t, cl, kgo.TryCommit, `={"n":1}`, `={"n":2}`)
	expect("committed", 2, 3)
	transact(t, cl, kgo.TryAbort, `={"n":10}`, `={"n":20}`)
	expect("aborted", 2, 3)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, "t", `={"n":100}`)
	expect("open", 2, 3)
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	expect("committed later", 3, 103)
}

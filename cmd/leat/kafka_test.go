package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// client is a Kafka client of a server.
func (p *process) client(opts ...kgo.Opt) *kgo.Client {
	p.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(p.kafka), kgo.MetadataMinAge(10 * time.Millisecond)},
		opts...)...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(cl.Close)
	return cl
}

// plain makes a producer ask for as little as it can.
var plain = kgo.DisableIdempotentWrite()

// produce writes records "key=value" and waits for them.
func produce(t *testing.T, cl *kgo.Client, topic string, pairs ...string) {
	t.Helper()
	var records []*kgo.Record
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)})
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume reads until it has n records, and gives them as "key=value".
func consume(t *testing.T, cl *kgo.Client, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	for len(got) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("after %d records: %v", len(got), err)
		}
		fetches.EachError(func(topic string, p int32, err error) { t.Fatalf("%s/%d: %v", topic, p, err) })
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Key)+"="+string(r.Value)) })
	}
	return got
}

// fromStart consumes topics from their first record.
func fromStart(topics ...string) []kgo.Opt {
	return []kgo.Opt{kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
}

func TestKafkaProduceConsume(t *testing.T) {
	p := serve(t, t.TempDir())
	admin := kadm.NewClient(p.client())
	if _, err := admin.CreateTopic(t.Context(), 3, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(t.Context(), 3, 1, nil, "orders"); err != kerr.TopicAlreadyExists {
		t.Errorf("the second topic: %v", err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "__leat_steps"); err != kerr.InvalidTopicException {
		t.Errorf("a topic of the system: %v", err)
	}
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("k%d=v%d", i%7, i))
	}
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(),
		kgo.Lz4Compression(), kgo.ZstdCompression()} {
		produce(t, p.client(plain, kgo.ProducerBatchCompression(codec)), "orders", want...)
	}
	got := consume(t, p.client(fromStart("orders")...), 5*len(want))
	seen := map[string]int{}
	for _, pair := range got {
		seen[pair]++
	}
	for _, pair := range want {
		if seen[pair] != 5 {
			t.Errorf("%s came %d times, want 5", pair, seen[pair])
		}
	}
	ends, err := admin.ListEndOffsets(t.Context(), "orders")
	if err != nil || len(ends["orders"]) != 3 {
		t.Fatalf("%v, %v", ends, err)
	}
	var total int64
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	if total != int64(len(got)) {
		t.Errorf("the ends add up to %d, want %d", total, len(got))
	}
}

// TestKafkaSQL moves records between the doors in both directions.
func TestKafkaSQL(t *testing.T) {
	p := serve(t, t.TempDir())
	conn := p.connect()
	admin := kadm.NewClient(p.client())
	if _, err := admin.CreateTopic(t.Context(), 2, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	execute(t, conn, `CREATE STREAM clicks (id text KEY, n int) WITH (kafka_topic = 'clicks', value_format = 'json');
		CREATE TABLE totals AS SELECT id, sum(n) AS total FROM clicks GROUP BY id`)
	cl := p.client(plain)
	produce(t, cl, "clicks", `a={"n":1}`, `b={"n":2}`, `a={"n":3}`)
	var total int64
	if err := conn.QueryRow(t.Context(), "SELECT total FROM totals WHERE id = 'a'").Scan(&total); err != nil || total != 4 {
		t.Errorf("the total of a is %d, %v; want 4", total, err)
	}
	execute(t, conn, `INSERT INTO clicks VALUES ('c', 5)`)
	got := strings.Join(consume(t, p.client(fromStart("clicks")...), 4), " ")
	for _, want := range []string{`a={"n":1}`, `b={"n":2}`, `a={"n":3}`, `c={"n":5}`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s has no %s", got, want)
		}
	}
	r := &kgo.Record{Topic: "totals", Value: []byte("{}")}
	if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != kerr.PolicyViolation {
		t.Errorf("producing to the topic of a query: %v", err)
	}
	if resp, err := admin.DeleteTopic(t.Context(), "clicks"); err != kerr.PolicyViolation {
		t.Errorf("deleting the topic of a stream: %v, %v", resp, err)
	}
	execute(t, conn, `DROP TABLE totals; DROP STREAM clicks`)
	if _, err := admin.DeleteTopic(t.Context(), "clicks"); err != nil {
		t.Errorf("deleting the topic after the stream: %v", err)
	}
	if topics, err := admin.ListTopicsWithInternal(t.Context()); err != nil || len(topics) != 0 {
		t.Errorf("topics left: %v, %v", topics, err)
	}
}

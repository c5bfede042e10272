package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// spreadTopic makes a topic whose partitions the nodes share, by one of them that does not lead the cluster, and waits
// until all three lead some.
func (c *trio) spreadTopic(name string, partitions int32, opts ...kgo.Opt) {
	c.t.Helper()
	admin := kadm.NewClient(c.nodes[(c.leader()+1)%3].client(opts...))
	placement := placedSpread
	made, err := admin.CreateTopic(c.t.Context(), partitions, -1, map[string]*string{placementSetting: &placement}, name)
	if err == nil {
		err = made.Err
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.balanced(admin, name)
}

// balanced waits until all three nodes lead partitions of a topic, and returns which.
func (c *trio) balanced(admin *kadm.Client, topic string) map[int32][]int32 {
	c.t.Helper()
	led := map[int32][]int32{}
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		clear(led)
		found, err := admin.Metadata(c.t.Context(), topic)
		if err != nil {
			continue
		}
		for _, p := range found.Topics[topic].Partitions.Sorted() {
			if p.Err == nil {
				led[p.Leader] = append(led[p.Leader], p.Partition)
			}
		}
		if delete(led, -1); len(led) == 3 {
			return led
		}
	}
	c.t.Fatalf("three nodes do not lead partitions of %s: %v", topic, led)
	return nil
}

// everything reads a topic from its beginning, until so many records that count have come: their values by partition.
func (c *trio) everything(topic string, records int, opts ...kgo.Opt) map[int32][]string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	reader := c.nodes[c.leader()].client(append(opts, kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	got := map[int32][]string{}
	for n := 0; n < records; {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("%d of %d records were read: %v", n, records, fetches.Errors())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got[r.Partition] = append(got[r.Partition], string(r.Value))
			n++
		})
	}
	return got
}

// A steady load produces numbers, and a group consumes them.
type steady struct {
	*trio
	producer, consumer *kgo.Client
	sent               int
	seen               map[string]bool
}

// more produces so many records. In the middle something happens.
func (s *steady) more(records int, happens func()) {
	s.t.Helper()
	var wait sync.WaitGroup
	failed := make(chan error, records)
	for n := range records {
		if n == records/2 {
			happens()
		}
		wait.Add(1)
		value := fmt.Appendf(nil, "%06d", s.sent)
		s.sent++
		s.producer.Produce(s.t.Context(), &kgo.Record{Topic: "t", Key: value, Value: value},
			func(_ *kgo.Record, err error) {
				if err != nil {
					failed <- err
				}
				wait.Done()
			})
	}
	wait.Wait()
	select {
	case err := <-failed:
		s.t.Fatal(err)
	default:
	}
}

// catchUp lets the group come to the end and commit.
func (s *steady) catchUp() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 60*time.Second)
	defer cancel()
	for len(s.seen) < s.sent {
		s.consumer.PollFetches(ctx).EachRecord(func(r *kgo.Record) { s.seen[string(r.Value)] = true })
		if ctx.Err() != nil {
			s.t.Fatalf("the group has %d of %d records", len(s.seen), s.sent)
		}
	}
	for ctx.Err() == nil {
		if s.consumer.CommitUncommittedOffsets(ctx) == nil {
			return
		}
	}
	s.t.Fatal("the group cannot commit")
}

// TestSpreadKafka shares the partitions of a topic among three nodes under an idempotent producer and a group, and kills
// a node that leads some of them, and then the one that leads the cluster besides: every record is there once, those of
// a partition in order, and the group misses none.
func TestSpreadKafka(t *testing.T) {
	c := serveTrio(t)
	c.spreadTopic("t", 6)
	var seeds []string
	for i := range c.nodes {
		seeds = append(seeds, c.nodes[(c.leader()+1+i)%3].kafka)
	}
	all := kgo.SeedBrokers(seeds...)
	s := &steady{trio: c, seen: map[string]bool{}}
	s.producer = c.nodes[0].client(all, kgo.ProducerBatchMaxBytes(1<<10))
	s.consumer = c.nodes[0].client(all, kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	admin := kadm.NewClient(c.nodes[0].client(all))

	s.more(1000, func() {})
	s.catchUp()
	for _, who := range []string{"a node that leads partitions", "the cluster's leader"} {
		dies := c.leader()
		if who != "the cluster's leader" {
			dies = (dies + 1) % 3
		}
		began := time.Now()
		s.more(2000, func() { c.kill(dies) })
		s.catchUp()
		t.Logf("%s was killed: %v", who, time.Since(began).Round(time.Millisecond))
		c.start(dies)
		c.whole()
		c.balanced(admin, "t")
		s.more(1000, func() {})
		s.catchUp()
	}
	got := c.everything("t", s.sent, all)
	times := map[string]int{}
	for p, values := range got {
		if !slices.IsSorted(values) {
			t.Errorf("the records of partition %d are not in order", p)
		}
		for _, v := range values {
			times[v]++
		}
	}
	if len(got) != 6 || len(times) != s.sent || slices.Max(slices.Collect(maps.Values(times))) > 1 {
		t.Errorf("%d of %d records in %d partitions", len(times), s.sent, len(got))
	}
}

// TestSpreadTransactions commits and aborts transactions over partitions of all nodes, by one that leads the cluster
// not, with the offsets of a group.
func TestSpreadTransactions(t *testing.T) {
	c := serveTrio(t)
	c.spreadTopic("t", 6)
	other := c.nodes[(c.leader()+1)%3]
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	producer := other.client(kgo.TransactionalID("x"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	want := map[int32][]string{}
	for n := range 6 {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range int32(6) {
			value := fmt.Sprint(n, " ", p)
			if n%2 == 0 {
				want[p] = append(want[p], value)
			}
			producer.Produce(ctx, &kgo.Record{Topic: "t", Partition: p, Value: []byte(value)}, nil)
		}
		if err := producer.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(ctx, kgo.TransactionEndTry(n%2 == 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.everything("t", 18); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("committed records are %v, want %v", got, want)
	}
	admin := kadm.NewClient(other.client())
	var offsets kadm.Offsets
	offsets.AddOffset("t", 3, 2, -1)
	if err := admin.CommitAllOffsets(ctx, "g", offsets); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteRecords(ctx, offsets); err != nil {
		t.Fatal(err)
	}
	starts, err := admin.ListStartOffsets(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := starts.Lookup("t", 3); !ok || at.Err != nil || at.Offset != 2 {
		t.Errorf("partition 3 begins at %+v", at)
	}
	groups, err := admin.ListGroups(ctx)
	if err != nil || len(groups.Groups()) != 1 {
		t.Errorf("the groups are %v, %v", groups, err)
	}
	if _, err := admin.DeleteTopics(ctx, "t"); err != nil {
		t.Fatal(err)
	}
}

// TestSpreadSecurity: at every node clients prove who they are, and may do there what they may anywhere.
func TestSpreadSecurity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := serveTrio(t, "--password-file", file, "--kafka-placement", "spread", "--follow=false",
		"--tls", "auto", "--kafka-tls", "127.0.0.1:0")
	as := func(user string) kgo.Opt {
		return kgo.SASL(scram.Auth{User: user, Pass: "secret"}.AsSha256Mechanism())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	other := c.nodes[(c.leader()+1)%3]
	admin := kadm.NewClient(other.client(as("leat")))
	if made, err := admin.CreateTopic(ctx, 6, -1, nil, "t"); err != nil || made.Err != nil {
		t.Fatal(err, made.Err)
	}
	c.balanced(admin, "t")
	if _, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: "ada", Mechanism: kadm.ScramSha256,
		Iterations: 4096, Password: "secret"}}); err != nil {
		t.Fatal(err)
	}
	ada := other.client(as("ada"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(),
		kgo.UnknownTopicRetries(100))
	write := func(p int32) error {
		return ada.ProduceSync(ctx, &kgo.Record{Topic: "t", Partition: p, Value: []byte("x")}).FirstErr()
	}
	if err := write(0); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("ada, who may not write: %v", err)
	}
	if made, err := kadm.NewClient(ada).CreateTopic(ctx, 1, 1, nil, "u"); err == nil || made.Err == nil {
		t.Errorf("ada, who may not make topics: %v, %v", err, made.Err)
	}
	acl := kadm.NewACLs().Topics("t").Allow("User:ada").Operations(kadm.OpAll)
	acl = acl.ResourcePatternType(kadm.ACLPatternLiteral).AllowHosts("*")
	if _, err := admin.CreateACLs(ctx, acl); err != nil {
		t.Fatal(err)
	}
	for p := range int32(6) {
		err := write(p)
		for errors.Is(err, kerr.TopicAuthorizationFailed) && ctx.Err() == nil { // it is not known everywhere yet
			err = write(p)
		}
		if err != nil {
			t.Errorf("ada, who may write: partition %d: %v", p, err)
		}
	}
	// Over TLS it is the same, and what the leader answers has the addresses for that.
	safe := other.client(as("leat"), kgo.SeedBrokers(other.secure), kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true}),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.AllowAutoTopicCreation())
	for p := range int32(6) {
		if err := safe.ProduceSync(ctx, &kgo.Record{Topic: "t", Partition: p, Value: []byte("y")}).FirstErr(); err != nil {
			t.Errorf("over TLS: partition %d: %v", p, err)
		}
	}
	if err := safe.ProduceSync(ctx, &kgo.Record{Topic: "u", Value: []byte("y")}).FirstErr(); err != nil {
		t.Errorf("over TLS, to a topic that is made for it: %v", err)
	}
	if got := c.everything("t", 12, as("leat")); len(got) != 6 {
		t.Errorf("read: %v", got)
	}
}

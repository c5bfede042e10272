package main

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaOutlivesLeadership ends the leadership of a node under Kafka's clients of it, in silence and by a drain. They
// find the next leader, the consumer gets every record once, and none is told of an end or an offset that was.
func TestKafkaOutlivesLeadership(t *testing.T) {
	c := serveTrio(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	leader := c.leader()
	var seeds []string
	for i := range c.nodes {
		seeds = append(seeds, c.nodes[(leader+i)%3].kafka)
	}
	hasty := kgo.RequestTimeoutOverhead(time.Second) // nobody answers at the node that is silent
	own := c.nodes[leader].client(hasty, kgo.SeedBrokers(seeds...), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("t"),
		kgo.ConsumerGroup("g"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	written, read := 0, 0
	write := func(cl *kgo.Client) {
		t.Helper()
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: fmt.Append(nil, written)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		written++
	}
	readAll := func() {
		t.Helper()
		for read < written && ctx.Err() == nil {
			own.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				if want := fmt.Sprint(read); string(r.Value) != want {
					t.Fatalf("record %s where %s belongs", r.Value, want)
				}
				read++
			})
		}
		if err := own.CommitUncommittedOffsets(ctx); err != nil {
			t.Fatal(err)
		}
	}
	write(own)
	readAll()
	admin := kadm.NewClient(c.nodes[leader].client())
	if _, err := admin.ListEndOffsets(ctx, "t"); err != nil { // it has a connection
		t.Fatal(err)
	}

	p := c.nodes[leader].cmd.Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.awaitOther(leader)
	write(c.nodes[(leader+1)%3].client(kgo.SeedBrokers(seeds[1:]...), hasty))
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(ctx, "t")
	for (err != nil || ends.Error() != nil) && ctx.Err() == nil { // it gives up when a new connection is closed at once
		ends, err = admin.ListEndOffsets(ctx, "t")
	}
	if err != nil {
		t.Fatal(err)
	}
	if end, ok := ends.Lookup("t", 0); !ok || end.Err != nil || end.Offset != int64(written) {
		t.Errorf("the end is %+v, want %d", end, written)
	}
	began := time.Now()
	write(own)
	readAll()
	t.Logf("after the silence: %v", time.Since(began).Round(time.Millisecond))

	leader = c.leader()
	write(own)
	began = time.Now()
	c.drain(leader)
	write(own)
	readAll()
	t.Logf("after the drain: %v", time.Since(began).Round(time.Millisecond))
	offsets, err := admin.FetchOffsets(ctx, "g")
	for (err != nil || offsets.Error() != nil) && ctx.Err() == nil { // it gives up when a new connection is closed at once
		offsets, err = admin.FetchOffsets(ctx, "g")
	}
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := offsets.Lookup("t", 0); !ok || at.At != int64(written) {
		t.Errorf("the group is at %+v, want %d", at, written)
	}
}

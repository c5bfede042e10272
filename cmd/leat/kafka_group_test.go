package main

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// inGroup makes a client a member of a group that begins with the first record.
func inGroup(name string, opts ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{kgo.ConsumerGroup(name), kgo.HeartbeatInterval(100 * time.Millisecond),
		kgo.DisableAutoCommit()}, append(fromStart("t"), opts...)...)
}

// assigned returns options that report the partitions a member has gained and lost, as changes of their number.
func assigned(change chan<- int) []kgo.Opt {
	count := func(sign int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { change <- sign * len(parts["t"]) }
	}
	return []kgo.Opt{kgo.OnPartitionsAssigned(count(1)), kgo.OnPartitionsRevoked(count(-1)),
		kgo.OnPartitionsLost(count(-1))}
}

// until waits for a member to have n partitions.
func until(t *testing.T, change <-chan int, have *int, n int) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for *have != n {
		select {
		case d := <-change:
			*have += d
		case <-timeout:
			t.Fatalf("a member has %d partitions, want %d", *have, n)
		}
	}
}

// topicT makes a topic t of some partitions, with ten records in each.
func topicT(t *testing.T, p *process, partitions int) *kadm.Client {
	t.Helper()
	admin := kadm.NewClient(p.client())
	if _, err := admin.CreateTopic(t.Context(), int32(partitions), 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	cl := p.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 10 * partitions {
		r := &kgo.Record{Topic: "t", Partition: int32(i % partitions), Value: fmt.Appendf(nil, "%d", i)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return admin
}

// TestKafkaGroup lets a second member join and leave, stops the server in between, and finds offsets after.
func TestKafkaGroup(t *testing.T) {
	for _, balancer := range []kgo.GroupBalancer{kgo.RangeBalancer(), kgo.CooperativeStickyBalancer()} {
		dir := t.TempDir()
		p := serve(t, dir)
		topicT(t, p, 4)
		one, two := make(chan int, 100), make(chan int, 100)
		var haveOne, haveTwo int
		a := p.client(inGroup("g", append(assigned(one), kgo.Balancers(balancer))...)...)
		consume(t, a, 40)
		if err := a.CommitUncommittedOffsets(t.Context()); err != nil {
			t.Fatal(err)
		}
		until(t, one, &haveOne, 4)
		b := p.client(inGroup("g", append(assigned(two), kgo.Balancers(balancer))...)...)
		until(t, one, &haveOne, 2)
		until(t, two, &haveTwo, 2)
		b.Close()
		until(t, one, &haveOne, 4)
		a.Close()
		p.terminate(syscall.SIGTERM)

		p = serve(t, dir)
		admin := kadm.NewClient(p.client())
		groups, err := admin.DescribeGroups(t.Context(), "g")
		if g := groups["g"]; err != nil || g.State != "Empty" || g.ProtocolType != "consumer" {
			t.Errorf("the group after the restart: %+v, %v", g, err)
		}
		offsets, err := admin.FetchOffsets(t.Context(), "g")
		if err != nil || len(offsets["t"]) != 4 {
			t.Errorf("offsets after the restart: %v, %v", offsets, err)
		}
		produce(t, p.client(), "t", "k=last")
		if got := consume(t, p.client(inGroup("g")...), 1); !slices.Equal(got, []string{"k=last"}) {
			t.Errorf("after the restart came %q", got)
		}
	}
}

// TestKafkaGroupRestart kills the server under a member, which goes on without a rebalance.
func TestKafkaGroupRestart(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	topicT(t, p, 2)
	changes := make(chan int, 100)
	a := p.client(inGroup("g", append(assigned(changes), kgo.SessionTimeout(30*time.Second))...)...)
	consume(t, a, 20)
	if err := a.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	addr := p.kafka
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	p = serve(t, dir, "--kafka", addr)
	produce(t, p.client(), "t", "k=1", "k=2")
	consume(t, a, 2)
	if err := a.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	have := 0
	until(t, changes, &have, 2)
	if len(changes) > 0 {
		t.Errorf("the partitions changed by %d after the restart", <-changes)
	}
}

func TestKafkaGroupAdmin(t *testing.T) {
	p := serve(t, t.TempDir())
	admin := topicT(t, p, 2)
	a := p.client(inGroup("g")...)
	consume(t, a, 20)
	if err := a.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	lags, err := admin.Lag(t.Context(), "g")
	if err != nil || lags["g"].Lag.Total() != 0 || len(lags["g"].Members) != 1 {
		t.Errorf("lag %+v, %v", lags["g"], err)
	}
	if _, err := admin.DeleteGroup(t.Context(), "g"); err != kerr.NonEmptyGroup {
		t.Errorf("deleting the group with a member: %v", err)
	}
	var offsets kadm.Offsets
	offsets.AddOffset("t", 0, 3, -1)
	if err := admin.CommitAllOffsets(t.Context(), "g", offsets); err != kerr.UnknownMemberID {
		t.Errorf("committing for a group with a member: %v", err)
	}
	a.Close()
	if err := admin.CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Error(err)
	}
	if err := admin.CommitAllOffsets(t.Context(), "simple", offsets); err != nil {
		t.Error(err)
	}
	listed, err := admin.ListGroups(t.Context())
	if err != nil || !slices.Equal(listed.Groups(), []string{"g", "simple"}) {
		t.Errorf("groups %v, %v", listed.Groups(), err)
	}
	var forget kadm.TopicsSet
	forget.Add("t", 0)
	if resp, err := admin.DeleteOffsets(t.Context(), "g", forget); err != nil || resp.Error() != nil {
		t.Errorf("deleting offsets: %v, %v", err, resp.Error())
	}
	fetched, err := admin.FetchOffsets(t.Context(), "g")
	if _, has := fetched.Lookup("t", 0); err != nil || has {
		t.Errorf("the offset is still there: %v, %v", fetched, err)
	}
	if at, has := fetched.Lookup("t", 1); !has || at.At != 10 {
		t.Errorf("the other offset: %v", fetched)
	}
	if _, err := admin.DeleteGroup(t.Context(), "g"); err != nil {
		t.Error(err)
	}
	if _, err := admin.DeleteGroup(t.Context(), "g"); err != kerr.GroupIDNotFound {
		t.Errorf("deleting it again: %v", err)
	}
}

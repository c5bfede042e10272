package cluster

import (
	"context"
	"fmt"
	"testing"
)

// spreadTopic makes a topic in the spread shards.
func spreadTopic(t testing.TB, n *Node, name string, partitions int) []PartitionID {
	t.Helper()
	update(t, n, Change{CreateTopics: []TopicConfig{{Name: name, Partitions: partitions,
		Config: map[string]string{"leat.placement": "spread"}}}})
	topic, _ := n.Topic(name)
	return topic.IDs
}

// TestAppendTogether appends to partitions of several shards as one, many times, with a restart between.
func TestAppendTogether(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Spread = 3
	n := openNode(t, cfg)
	home, spread := create(t, n, "home", 1), spreadTopic(t, n, "spread", 3)
	all := append(home[:1:1], spread...)
	want := map[PartitionID][]string{}
	put := func(round int) {
		t.Helper()
		var appends []Append
		for i, p := range all {
			v, w := fmt.Sprintf("%d of %d", i, round), fmt.Sprintf("%d of %d, more", i, round)
			appends = append(appends, Append{p, append(batch(v, w), batch(w)...)})
			want[p] = append(want[p], v, w, w)
		}
		if err := n.AppendTogether(t.Context(), appends...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		put(i)
	}
	closeNode(t, n)
	n = openNode(t, cfg)
	if err := n.AbortOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		put(5 + i)
	}
	for _, p := range all {
		expectCommitted(t, n, p, want[p]...)
	}
	if got := len(n.Transactions()); got != 1 {
		t.Errorf("%d producers wrote one after the other, not 1", got)
	}
	if err := n.AppendTogether(t.Context(), Append{home[0], batch("alone")}); err != nil {
		t.Fatal(err)
	}
	expectCommitted(t, n, home[0], append(want[home[0]], "alone")...)
	closeNode(t, n)
}

// TestAppendTogetherAborts leaves nothing to be seen when the caller gives up, and nothing that holds readers up.
func TestAppendTogetherAborts(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Spread = 2
	n := openNode(t, cfg)
	defer closeNode(t, n)
	p := spreadTopic(t, n, "spread", 2)
	own := initTxn(t, n, ownPrefix+"1")
	if err := n.AddToTxn(t.Context(), own, p, nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range p {
		if _, err := produce(t, n, Produce{Partition: id, Batches: sent(own.Producer, 0, true, "open"),
			TransactionalID: own.TransactionalID}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.AbortOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.AppendTogether(ctx, Append{p[0], batch("a")}, Append{p[1], batch("b")}); err == nil {
		t.Fatal("it was appended though nobody waited")
	}
	if err := n.AppendTogether(t.Context(), Append{p[0], batch("c")}, Append{p[1], batch("d")}); err != nil {
		t.Fatal(err)
	}
	expectCommitted(t, n, p[0], "c")
	expectCommitted(t, n, p[1], "d")
}

package cluster

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
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
	if err := n.EndOwn(t.Context()); err != nil {
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
	if err := n.EndOwn(t.Context()); err != nil {
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

// TestEndOwn commits, when another node goes on, what was to be committed and has not ended in all shards.
func TestEndOwn(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Spread, cfg.TxnCheck = 2, time.Hour
	n := openNode(t, cfg)
	defer closeNode(t, n)
	ids := spreadTopic(t, n, "spread", 2)
	own := initTxn(t, n, ownPrefix+"1")
	for _, id := range ids {
		if _, err := produce(t, n, Produce{Partition: id, Batches: sent(own.Producer, 0, true, "a"),
			TransactionalID: own.TransactionalID, AddToTxn: true}); err != nil {
			t.Fatal(err)
		}
		appendTo(t, n, id, "behind")
	}
	end := cmdEnd{Txn: own, Commit: true, Bump: true}
	if _, err := n.do(t.Context(), n.coordinatorOf(own.TransactionalID), commandOp(opEnd, &end)); err != nil {
		t.Fatal(err)
	}
	ends, err := n.Ends(t.Context(), ids, nil)
	if err != nil || ends[0] != 0 || ends[1] != 0 {
		t.Fatal(ends, err)
	}
	if err := n.EndOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		expectCommitted(t, n, id, "a", "behind")
	}
	if ends, err = n.Ends(t.Context(), ids, nil); err != nil || ends[0] != 3 || ends[1] != 3 {
		t.Fatal(ends, err)
	}
}

// TestTransactionIsEndedOnce has two end a transaction: who comes second must not do it as well. It would come late, when
// the next transaction of the same producer is about to end, and complete that one instead.
func TestTransactionIsEndedOnce(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Spread, cfg.TxnCheck = 1, time.Hour
	n := openNode(t, cfg)
	id := spreadTopic(t, n, "spread", 1)[0]
	x := initTxn(t, n, "x")
	if _, err := produce(t, n, Produce{Partition: id, Batches: sent(x.Producer, 0, true, "a"),
		TransactionalID: "x", AddToTxn: true}); err != nil {
		t.Fatal(err)
	}
	_, err := n.do(t.Context(), 0, commandOp(opEnd, &cmdEnd{Txn: x, Commit: true}))
	want(t, err, nil)
	home, spread := n.reign.Load().pumps[0], n.spreadOf(1).tenure.Load().pump
	proposed := func() int {
		spread.mu.Lock()
		defer spread.mu.Unlock()
		return spread.proposed
	}
	before := proposed()
	home.mu.Lock() // nobody says that it has ended
	ended := make(chan error)
	for range 2 {
		go func() { ended <- n.endEverywhere(t.Context(), 0, "x") }()
	}
	for both := false; !both; runtime.Gosched() { // both are about to
		n.ending.mu.Lock()
		turn := n.ending.of["x"]
		both = turn != nil && turn.wanted == 2
		n.ending.mu.Unlock()
	}
	home.mu.Unlock()
	want(t, <-ended, nil)
	want(t, <-ended, nil)
	if marks := proposed() - before; marks != 1 {
		t.Fatalf("the markers were written %d times", marks)
	}
	expectCommitted(t, n, id, "a")
}

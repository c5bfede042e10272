package cluster

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestGroups(t *testing.T) {
	cfg := testConfig(t.TempDir())
	now := time.UnixMilli(1_000_000)
	cfg.Now, cfg.RetentionCheck, cfg.TxnCheck = func() time.Time { return now }, time.Hour, time.Hour
	cfg.Shards = 2
	n := openNode(t, cfg)
	p := create(t, n, "t", 2)
	other := create(t, n, "other", 1)
	ctx := t.Context()
	commit := func(group string, generation int32, part PartitionID, offset int64) error {
		return n.CommitOffsets(ctx, OffsetCommit{Group: group, Generation: generation,
			Offsets: []GroupOffset{{Partition: part, Offset: offset, LeaderEpoch: 1, Metadata: "m"}}})
	}
	for generation := int32(1); generation <= 3; generation++ {
		want(t, n.PutGroup(ctx, Group{Name: "g", Generation: generation, Data: fmt.Appendf(nil, "members %d", generation)}), nil)
	}
	want(t, n.PutGroup(ctx, Group{Name: "g", Generation: 2}), ErrGeneration)
	want(t, commit("g", 2, p[0], 1), ErrGeneration)
	want(t, commit("g", 3, p[0], 5), nil)
	want(t, commit("g", -1, other[0], 7), nil)
	want(t, commit("simple", -1, p[1], 9), nil)
	for range 2 {
		g, ok := n.Group("g")
		if list := n.Groups(); !ok || g.Generation != 3 || string(g.Data) != "members 3" || len(list) != 2 {
			t.Fatalf("%+v in %+v", g, list)
		}
		o, err := n.Offsets("g")
		if err != nil || len(o) != 2 || o[0].Offset != 5 || o[0].Metadata != "m" || o[0].Time != 1_000_000 || o[0].Pending {
			t.Fatalf("%+v, %v", o, err)
		}
		want(t, n.Snapshot(), nil)
		closeNode(t, n)
		n = openNode(t, cfg)
	}
	update(t, n, Change{DeleteTopics: []string{"other"}})
	if o, err := n.Offsets("g"); err != nil || len(o) != 1 {
		t.Fatalf("with offsets of a topic that is gone: %+v, %v", o, err)
	}

	// A group with members keeps its offsets however old they are; one without loses them after a week.
	now = now.Add(8 * 24 * time.Hour)
	n.expire(ctx)
	if list := n.Groups(); len(list) != 1 || list[0].Name != "g" {
		t.Fatalf("%+v", list)
	}
	want(t, n.PutGroup(ctx, Group{Name: "g", Generation: 3, Empty: true}), nil)
	n.expire(ctx)
	if o, err := n.Offsets("g"); err != nil || len(o) != 1 {
		t.Fatalf("%+v, %v", o, err)
	}
	now = now.Add(8 * 24 * time.Hour)
	n.expire(ctx)
	if list := n.Groups(); len(list) != 0 {
		t.Fatalf("%+v", list)
	}
	want(t, n.DeleteGroup(ctx, "g"), ErrNoGroup)
	want(t, commit("h", -1, p[0], 1), nil)
	want(t, commit("h", -1, p[1], 2), nil)
	want(t, n.DeleteOffsets(ctx, "h", p[:1]), nil)
	if o, err := n.Offsets("h"); err != nil || len(o) != 1 || o[0].Partition != p[1] {
		t.Fatalf("%+v, %v", o, err)
	}
	want(t, n.DeleteOffsets(ctx, "none", nil), ErrNoGroup)
	want(t, n.DeleteGroup(ctx, "h"), nil)
	if _, ok := n.Group("h"); ok {
		t.Fatal("the group is there still")
	}
}

// TestHangingTransaction ends what a producer has open in one partition by a marker of its own.
func TestHangingTransaction(t *testing.T) {
	cfg := testConfig(t.TempDir())
	now := time.UnixMilli(1_000_000)
	cfg.Now, cfg.TxnCheck = func() time.Time { return now }, time.Hour
	n := openNode(t, cfg)
	p := create(t, n, "t", 2)
	x := initTxn(t, n, "x")
	for _, part := range p {
		_, err := produce(t, n, Produce{part, sent(x.Producer, 0, true, "v"), "x", true})
		want(t, err, nil)
	}
	list, err := n.Producers(p[0])
	if err != nil || len(list) != 1 || list[0].TxnStart != 0 || list[0].LastSequence != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	want(t, n.WriteMarker(t.Context(), p[0], Producer{x.Producer.ID, x.Producer.Epoch - 1}, false, 3), ErrProducerEpoch)
	want(t, n.WriteMarker(t.Context(), p[0], x.Producer, false, 3), nil)
	if stable, _ := n.LastStable(p[0]); stable != 2 {
		t.Fatalf("last stable offset %d", stable)
	}
	if stable, _ := n.LastStable(p[1]); stable != 0 {
		t.Fatalf("last stable offset %d of the other", stable)
	}
	if a, err := n.Aborted(p[0], 0, math.MaxInt64); err != nil || len(a) != 1 || a[0] != (AbortedTxn{x.Producer.ID, 0, 1}) {
		t.Fatalf("%+v, %v", a, err)
	}
	_, err = n.EndTxn(t.Context(), EndTxn{x, true, true})
	want(t, err, nil)
	expectCommitted(t, n, p[0])
	expectCommitted(t, n, p[1], "v")

	// Producers and transactional ids that nobody uses are forgotten.
	now = now.Add(25 * time.Hour)
	n.expire(t.Context())
	if list, err := n.Producers(p[0]); err != nil || len(list) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, ok := n.Transaction("x"); !ok {
		t.Fatal("the transactional id is forgotten within a day")
	}
	now = now.Add(8 * 24 * time.Hour)
	n.expire(t.Context())
	if list := n.Transactions(); len(list) != 0 {
		t.Fatalf("%+v", list)
	}
}

// TestTrimUnderATransaction trims a partition behind the beginning of an open transaction: the last stable offset stays
// in the log, also when the node starts again from a snapshot.
func TestTrimUnderATransaction(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 1)[0]
	x := initTxn(t, n, "x")
	_, err := produce(t, n, Produce{p, sent(x.Producer, 0, true, "a"), "x", true})
	want(t, err, nil)
	appendTo(t, n, p, "b", "c")
	want(t, n.Trim(t.Context(), p, 2), nil)
	want(t, n.Snapshot(), nil)
	for range 2 {
		if at, err := n.LastStable(p); err != nil || at != 2 {
			t.Fatalf("the last stable offset is %d, %v", at, err)
		}
		closeNode(t, n)
		n = openNode(t, cfg)
	}
}

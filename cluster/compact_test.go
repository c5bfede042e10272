package cluster

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
)

// TestTopicCompaction compacts a topic as its settings say, across restarts and transactions.
func TestTopicCompaction(t *testing.T) {
	cfg := testConfig(t.TempDir())
	now := time.UnixMilli(1_000_000)
	cfg.Now = func() time.Time { return now }
	cfg.SegmentSizeBytes, cfg.HoldRetention, cfg.RetentionCheck = 4<<10, true, time.Hour
	n := openNode(t, cfg)
	update(t, n, Change{CreateTopics: []TopicConfig{{Name: "c", Partitions: 1, Config: map[string]string{
		"cleanup.policy": "compact", "delete.retention.ms": "60000", "min.compaction.lag.ms": "1000"}}}})
	topic, _ := n.Topic("c")
	p := topic.IDs[0]
	put := func(key string, value []byte) {
		t.Helper()
		var b log.Builder
		b.Append([]byte(key), value, now.UnixMilli(), nil)
		_, err := produce(t, n, Produce{Partition: p, Batches: b.Finish()})
		want(t, err, nil)
	}
	for i := range 200 {
		put(fmt.Sprint("k", i%10), []byte(fmt.Sprint("v", i, strings.Repeat(".", 90))))
	}
	x := initTxn(t, n, "x")
	_, err := produce(t, n, Produce{p, sent(x.Producer, 0, true, "k1"), "x", true})
	want(t, err, nil)
	_, err = n.EndTxn(t.Context(), EndTxn{Txn: x})
	want(t, err, nil)
	put("k0", nil)
	_, end, _ := n.Bounds(p)

	n.compactOld(t.Context())
	expectSize(t, n, p, 201) // nobody has said that it may
	n.Hold(p, math.MaxInt64)
	n.compactOld(t.Context())
	expectSize(t, n, p, 201) // too young
	now = now.Add(2 * time.Second)
	put("late", []byte("late"))
	release, err := n.Freeze(t.Context(), []PartitionID{p})
	want(t, err, nil)
	n.compactOld(t.Context())
	expectSize(t, n, p, 202) // somebody is about to read it
	release()
	n.compactOld(t.Context())
	waitCompacted(t, n, p)
	if release, err = n.Freeze(t.Context(), []PartitionID{p}); err != nil || !n.settled(p) {
		t.Fatalf("frozen in the middle of a compaction, %v", err)
	}
	release()
	expectSize(t, n, p, 11) // ten keys, one of them deleted, and what is young
	if start, next, _ := n.Bounds(p); start != 0 || next != end+1 {
		t.Fatalf("offsets %d to %d", start, next)
	}
	want(t, n.Snapshot(), nil)
	for range 2 {
		closeNode(t, n)
		n = openNode(t, cfg)
		n.Hold(p, math.MaxInt64)
		expectSize(t, n, p, 11)
	}
	now = now.Add(time.Hour)
	for i := range 100 {
		put("late", []byte(strings.Repeat("l", 90+i)))
	}
	now = now.Add(time.Hour)
	n.compactOld(t.Context())
	waitCompacted(t, n, p)
	expectSize(t, n, p, 10) // the deleted one is gone
	if list, err := n.Aborted(p, 0, math.MaxInt64); err != nil || len(list) != 1 {
		t.Fatalf("aborted %+v, %v", list, err)
	}
	var b log.Builder
	b.Append(nil, []byte("no key"), 1, nil)
	_, err = produce(t, n, Produce{Partition: p, Batches: b.Finish()})
	want(t, err, ErrRecord)
}

// expectSize counts the committed records.
func expectSize(t *testing.T, n *Node, p PartitionID, want int) {
	t.Helper()
	if got := committedValues(t, n, p); len(got) != want {
		t.Fatalf("%d records, want %d", len(got), want)
	}
}

// waitCompacted waits until no compaction waits.
func waitCompacted(t *testing.T, n *Node, id PartitionID) {
	t.Helper()
	p, err := n.find(id)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.waiting()) == 0 {
		return
	}
	if !n.compactAll() {
		t.Fatal("a compaction failed")
	}
}

// TestSettings alters topics and checks what comes of it.
func TestSettings(t *testing.T) {
	cfg := testConfig(t.TempDir())
	now := time.UnixMilli(10_000_000)
	cfg.Now = func() time.Time { return now }
	n := openNode(t, cfg)
	p := create(t, n, "t", 2)
	value := func(s string) *string { return &s }
	ctx := t.Context()
	alter := func(name, v string) error {
		return n.AlterTopic(ctx, "t", map[string]*string{name: &v}, false)
	}
	for _, wrong := range [][2]string{{"cleanup.policy", "keep"}, {"no.such", "1"}, {"retention.ms", "soon"},
		{"max.message.bytes", "-1"}, {"compression.type", "rar"}, {"min.cleanable.dirty.ratio", "7"},
		{"min.insync.replicas", "2"}, {"segment.bytes", "1"}} {
		want(t, alter(wrong[0], wrong[1]), ErrTopicConfig)
	}
	want(t, n.AlterTopic(ctx, "none", nil, false), ErrNoTopic)
	want(t, alter("max.message.bytes", "200"), nil)
	send := func(stampMs int64, v string) error {
		var b log.Builder
		b.Append([]byte("k"), []byte(v), stampMs, nil)
		_, err := produce(t, n, Produce{Partition: p[0], Batches: b.Finish()})
		return err
	}
	want(t, send(1, strings.Repeat("x", 200)), ErrBatchTooLarge)
	want(t, alter("message.timestamp.after.max.ms", "1000"), nil)
	want(t, send(now.UnixMilli()+5000, "future"), ErrTimestamp)
	want(t, send(now.UnixMilli()+500, "near"), nil)
	want(t, alter("message.timestamp.type", "LogAppendTime"), nil)
	want(t, send(now.UnixMilli()+5000, "stamped"), nil)
	if at, ok, err := n.MaxTimestamp(p[0]); err != nil || !ok || at.Offset != 0 || at.Timestamp != now.UnixMilli()+500 {
		t.Fatalf("%+v, %v", at, err)
	}
	if at, ok, err := n.FindTime(p[0], now.UnixMilli()); err != nil || !ok || at.Timestamp != now.UnixMilli()+500 {
		t.Fatalf("%+v, %v", at, err)
	}
	b, err := n.Read(p[0], 1, 1<<20, nil)
	if h, _, bad := log.Check(b); err != nil || bad != nil || h.MaxTimestamp != now.UnixMilli() {
		t.Fatalf("%+v, %v, %v", h, err, bad)
	}
	want(t, alter("compression.type", "zstd"), nil)
	want(t, send(1, strings.Repeat("small ", 15)), nil)
	b, err = n.Read(p[0], 2, 1<<20, nil)
	if h, _, bad := log.Check(b); err != nil || bad != nil || h.Codec() != log.CodecZstd {
		t.Fatalf("%+v, %v, %v", h, err, bad)
	}
	want(t, n.AlterTopic(ctx, "t", map[string]*string{"max.message.bytes": nil, "retention.ms": value("60000")}, false), nil)
	topic, _ := n.Topic("t")
	if s := topic.Settings(); s.MaxMessageBytes != 1048588 || s.Retention != time.Minute || s.Compression != "zstd" {
		t.Fatalf("%+v", s)
	}
	want(t, n.AlterTopic(ctx, "t", nil, true), nil)
	want(t, n.AddPartitions(ctx, "t", 1), ErrTopicConfig)
	want(t, n.AddPartitions(ctx, "t", 5), nil)
	closeNode(t, n)
	n = openNode(t, cfg)
	again, _ := n.Topic("t")
	if len(again.IDs) != 5 || again.IDs[1] != p[1] || again.UUID != topic.UUID || len(again.Config) > 0 {
		t.Fatalf("%+v", again)
	}
	appendTo(t, n, again.IDs[4], "there")
	update(t, n, Change{DeleteTopics: []string{"t"}, CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}})
	fresh, _ := n.Topic("t")
	found, ok := n.TopicByUUID(fresh.UUID)
	if fresh.UUID == topic.UUID || !ok || found.ID != fresh.ID {
		t.Fatalf("%+v after %+v", fresh, topic)
	}
	if at, index, ok := n.Locate(fresh.IDs[0]); !ok || at.Name != "t" || index != 0 {
		t.Fatalf("%+v %d", at, index)
	}
	expectValues(t, n, fresh.IDs[0])
}

// TestFileRange compares the ranges of files with what is read.
func TestFileRange(t *testing.T) {
	n := openNode(t, testConfig(t.TempDir()))
	p := create(t, n, "t", 1)[0]
	for i := range 300 {
		appendTo(t, n, p, fmt.Sprint(i), strings.Repeat("y", 10*i))
	}
	_, next, _ := n.Bounds(p)
	for _, max := range []int{0, 100, 5000, 1 << 20} {
		for offset := int64(0); offset <= next; offset += 7 {
			for _, limit := range []int64{-1, next, offset + 40} {
				f, err := n.File(p, offset, limit, max)
				if err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				if _, err := f.WriteTo(&got); err != nil {
					t.Fatal(err)
				}
				f.Close()
				b, err := n.Read(p, offset, max, nil)
				if err != nil {
					t.Fatal(err)
				}
				if limit >= 0 {
					b = below(b, limit)
				}
				if !bytes.Equal(got.Bytes(), b) {
					t.Fatalf("offset %d, limit %d, %d bytes: %d bytes from the file, %d read", offset, limit, max, got.Len(), len(b))
				}
			}
		}
	}
}

// below cuts the batches off that begin at an offset or behind it.
func below(b []byte, limit int64) []byte {
	for rest := b; len(rest) > 0; {
		h, _, tail, err := log.NextBatch(rest)
		if err != nil || h.BaseOffset >= limit {
			return b[:len(b)-len(rest)]
		}
		rest = tail
	}
	return b
}

// TestCompactionGoesOnElsewhere carries a compaction out that waits in the snapshot which another node has sent: until
// it is done nothing may be read there for the first time.
func TestCompactionGoesOnElsewhere(t *testing.T) {
	from, to := openNode(t, testConfig(t.TempDir())), openNode(t, testConfig(t.TempDir()))
	id := create(t, from, "t", 1)[0]
	for i := range 3 {
		appendTo(t, from, id, fmt.Sprint(i))
	}
	p, err := from.find(id)
	want(t, err, nil)
	want(t, p.opened().Roll(), nil)
	p.mu.Lock()
	p.compactions = []compaction{{Upto: 2}}
	p.mu.Unlock()
	snap, err := from.shards[0].Snapshot()
	want(t, err, nil)
	sent, _, err := from.shards[0].files(snap.(*shardSnapshot).body, func() {})
	want(t, err, nil)
	w := to.Watch()
	defer w.Close()
	want(t, to.shards[0].Restore(sent), nil)
	q, err := to.shards[0].partition(id)
	want(t, err, nil)
	for ctx := t.Context(); len(q.waiting()) > 0; {
		select {
		case <-w.C:
		case <-time.After(10 * time.Second):
			t.Fatal("nobody compacts")
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}

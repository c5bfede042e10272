package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
)

func TestConcurrentAppenders(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 4)
	const callers, each = 16, 40
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				a := p[(c+i)%4]
				bases, err := n.Append(t.Context(), Append{a, batch(fmt.Sprintf("%d:%d", c, i))})
				if err != nil {
					t.Error(err)
					return
				}
				if _, next, _ := n.Bounds(a); next <= bases[0] {
					t.Errorf("partition %d ends at %d, and %d was acknowledged", a, next, bases[0])
				}
			}
		})
	}
	all.Wait()
	for range 2 {
		seen := map[string]int{}
		for _, id := range p {
			for _, v := range values(t, n, id) {
				seen[v]++
			}
		}
		if len(seen) != callers*each {
			t.Fatalf("%d values, want %d", len(seen), callers*each)
		}
		for v, times := range seen {
			if times != 1 {
				t.Fatalf("%s is there %d times", v, times)
			}
		}
		closeNode(t, n)
		n = openNode(t, cfg)
	}
}

func TestAppendAsyncKeepsOrder(t *testing.T) {
	n := openNode(t, testConfig(t.TempDir()))
	p := create(t, n, "t", 1)[0]
	var pending []*Pending
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint("v", i))
		a, err := n.AppendAsync(t.Context(), Append{p, batch(want[i])})
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, a)
	}
	for i, a := range pending {
		if bases, err := a.Wait(t.Context()); err != nil || bases[0] != int64(i) {
			t.Fatalf("append %d: %v, %v", i, bases, err)
		}
	}
	expectValues(t, n, p, want...)
}

func TestAppendRefusals(t *testing.T) {
	n := openNode(t, testConfig(t.TempDir()))
	p := create(t, n, "t", 2)
	good := batch("a")
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	oldMagic := bytes.Clone(good)
	oldMagic[16] = 1
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		appends []Append
		err     error
	}{
		"changed byte":  {[]Append{{p[0], good}, {p[1], bad}}, log.ErrCorrupt},
		"cut short":     {[]Append{{p[0], good[:len(good)-1]}}, log.ErrShort},
		"magic 1":       {[]Append{{p[0], oldMagic}}, log.ErrMagic},
		"empty":         {[]Append{{p[0], nil}}, log.ErrCorrupt},
		"nothing":       {nil, ErrNoPartition},
		"no partition":  {[]Append{{p[0], good}, {9999, good}}, ErrNoPartition},
		"much too much": {[]Append{{p[0], bytes.Repeat(good, MaxEntryBytes/len(good)+1)}}, ErrTooLarge},
	} {
		if _, err := n.Append(t.Context(), c.appends...); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	expectValues(t, n, p[0])
	if _, err := n.Append(cancelled, Append{p[0], good}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := n.Read(p[1], 5, 100, nil); !errors.Is(err, log.ErrOffsetOutOfRange) {
		t.Errorf("read beyond the end: %v", err)
	}
}

func TestFlows(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 2)
	ctx := t.Context()
	step := func(epoch, seq uint64, v string) error {
		_, err := n.CommitStep(ctx, Step{1, epoch, seq, []Append{{p[0], batch(v)}, {p[1], batch(v)}}})
		return err
	}
	if err := step(0, 1, "unclaimed"); !errors.Is(err, ErrFenced) {
		t.Fatalf("a step of an unclaimed flow: %v", err)
	}
	e1, last, err := n.ClaimFlow(ctx, 1)
	if err != nil || last != 0 {
		t.Fatalf("claim: %d, %v", last, err)
	}
	for seq := range uint64(3) {
		if err := step(e1, seq+1, fmt.Sprint("s", seq+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := step(e1, 3, "again"); !errors.Is(err, ErrFenced) {
		t.Fatalf("a step twice: %v", err)
	}
	if err := step(e1, 5, "too far"); !errors.Is(err, ErrFenced) {
		t.Fatalf("a step left out: %v", err)
	}
	if _, err := n.CommitStep(ctx, Step{Flow: 1, Epoch: e1, Seq: 4}); err != nil {
		t.Fatalf("a step without output: %v", err)
	}
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	e2, last, err := n.ClaimFlow(ctx, 1)
	if err != nil || e2 <= e1 || last != 4 {
		t.Fatalf("claim: epoch %d, last %d, %v", e2, last, err)
	}
	if err := step(e1, 5, "deposed"); !errors.Is(err, ErrFenced) {
		t.Fatalf("a step of the old owner: %v", err)
	}
	if err := step(e2, 5, "s5"); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	n = openNode(t, cfg)
	e3, last, err := n.ClaimFlow(ctx, 1)
	if err != nil || e3 <= e2 || last != 5 {
		t.Fatalf("claim after a restart: epoch %d, last %d, %v", e3, last, err)
	}
	expectValues(t, n, p[0], "s1", "s2", "s3", "s5")
	expectValues(t, n, p[1], "s1", "s2", "s3", "s5")
}

func TestRetention(t *testing.T) {
	cfg := testConfig(t.TempDir())
	now := time.UnixMilli(1000)
	cfg.Now = func() time.Time { return now }
	cfg.SegmentSizeBytes = 4 << 10
	n := openNode(t, cfg)
	update(t, n, Change{CreateTopics: []TopicConfig{
		{Name: "age", Partitions: 1, Retention: time.Hour},
		{Name: "size", Partitions: 1, RetentionBytes: 10 << 10},
		{Name: "ever", Partitions: 1},
	}})
	id := func(name string) PartitionID { t, _ := n.Topic(name); return t.IDs[0] }
	for range 100 {
		for _, name := range []string{"age", "size", "ever"} {
			appendTo(t, n, id(name), string(make([]byte, 500)))
		}
	}
	n.trimOld(t.Context())
	bounds := func(name string, from, to int64) {
		t.Helper()
		start, next, err := n.Bounds(id(name))
		if err != nil || start < from || start > to || next != 100 {
			t.Fatalf("%s: bounds %d, %d, %v", name, start, next, err)
		}
	}
	bounds("age", 0, 0)
	bounds("size", 60, 90)
	bounds("ever", 0, 0)
	now = now.Add(2 * time.Hour)
	n.trimOld(t.Context())
	bounds("age", 100, 100)
	bounds("ever", 0, 0)
	if err := n.Trim(t.Context(), id("ever"), 55); err != nil {
		t.Fatal(err)
	}
	bounds("ever", 55, 55)
	for range 2 {
		closeNode(t, n)
		n = openNode(t, cfg)
		bounds("age", 100, 100)
		bounds("size", 60, 90)
		bounds("ever", 55, 55)
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	if base := appendTo(t, n, id("age"), "next"); base != 100 {
		t.Fatalf("base %d", base)
	}
}

// TestSnapshotsBoundTheLog writes many times what the write-ahead log may hold.
func TestSnapshotsBoundTheLog(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 3)
	value := string(make([]byte, 8<<10))
	for i := range 1500 {
		appendTo(t, n, p[i%3], value)
	}
	if live := n.wal.LiveBytes(); live > 4<<20 {
		t.Fatalf("%d bytes in the write-ahead log", live)
	}
	files, err := os.ReadDir(cfg.Dir + "/wal")
	if err != nil || len(files) > 24 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	closeNode(t, n)
	n = openNode(t, cfg)
	for _, id := range p {
		if got := values(t, n, id); len(got) != 500 {
			t.Fatalf("partition %d: %d values", id, len(got))
		}
	}
}

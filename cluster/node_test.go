package cluster

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster/wal"
	"github.com/leatdb/leat/log"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Random histories over nodes that start again and again are slow; -rapid.checks=1000 is for whoever has time.
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// testConfig is a node with small files.
func testConfig(dir string) Config {
	c := Config{
		Dir: dir, SegmentSizeBytes: 32 << 10, ReserveBytes: 1 << 20,
		WAL: wal.Config{SegmentBytes: 256 << 10, MaxBytes: 1 << 20, TailBytes: 64 << 10},
	}
	if os.Getenv("LEAT_TEST_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return c
}

func openNode(t testing.TB, cfg Config) *Node {
	t.Helper()
	n, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func closeNode(t testing.TB, n *Node) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

func update(t testing.TB, n *Node, c Change) uint64 {
	t.Helper()
	v, err := n.Update(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// create makes a topic and returns its partitions.
func create(t testing.TB, n *Node, name string, partitions int) []PartitionID {
	t.Helper()
	update(t, n, Change{CreateTopics: []TopicConfig{{Name: name, Partitions: partitions}}})
	topic, ok := n.Topic(name)
	if !ok {
		t.Fatalf("no topic %s", name)
	}
	return topic.IDs
}

// batch makes a record batch of the given values.
func batch(values ...string) []byte {
	var b log.Builder
	for i, v := range values {
		b.Append(nil, []byte(v), int64(1000+i), nil)
	}
	return bytes.Clone(b.Finish())
}

func appendTo(t testing.TB, n *Node, p PartitionID, values ...string) int64 {
	t.Helper()
	bases, err := n.Append(t.Context(), Append{p, batch(values...)})
	if err != nil {
		t.Fatal(err)
	}
	return bases[0]
}

// values reads all values of a partition.
func values(t testing.TB, n *Node, p PartitionID) (all []string) {
	t.Helper()
	start, next, err := n.Bounds(p)
	if err != nil {
		t.Fatal(err)
	}
	for at := start; at < next; {
		b, err := n.Read(p, at, 64<<10, nil)
		if err != nil {
			t.Fatal(err)
		}
		for len(b) > 0 {
			h, one, rest, err := log.NextBatch(b)
			if err != nil {
				t.Fatal(err)
			}
			var r log.Reader
			if err := r.Reset(one); err != nil {
				t.Fatal(err)
			}
			var rec log.Record
			for r.Next(&rec) {
				if rec.Offset >= at {
					all = append(all, string(rec.Value))
				}
			}
			at, b = h.LastOffset()+1, rest
		}
	}
	return all
}

func expectValues(t testing.TB, n *Node, p PartitionID, want ...string) {
	t.Helper()
	if got := values(t, n, p); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("partition %d holds %d values %.200v, want %d %.200v", p, len(got), got, len(want), want)
	}
}

func TestAppendReadRestart(t *testing.T) {
	cfg := testConfig(t.TempDir())
	begin := time.Now()
	n := openNode(t, cfg)
	if d := time.Since(begin); d > time.Second {
		t.Errorf("a fresh node was ready after %v", d)
	}
	p := create(t, n, "orders", 2)
	w := n.Watch()
	defer w.Close()
	if base := appendTo(t, n, p[0], "a", "b"); base != 0 {
		t.Fatalf("base %d", base)
	}
	<-w.C
	bases, err := n.Append(t.Context(), Append{p[0], batch("c")}, Append{p[1], batch("x", "y")}, Append{p[0], batch("d")})
	if err != nil || fmt.Sprint(bases) != "[2 0 3]" {
		t.Fatalf("bases %v, %v", bases, err)
	}
	for range 3 {
		expectValues(t, n, p[0], "a", "b", "c", "d")
		expectValues(t, n, p[1], "x", "y")
		closeNode(t, n)
		n = openNode(t, cfg)
	}
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if base := appendTo(t, n, p[0], "e"); base != 4 {
		t.Fatalf("base %d after a restart", base)
	}
	closeNode(t, n)
	n = openNode(t, cfg)
	expectValues(t, n, p[0], "a", "b", "c", "d", "e")
	if at, _, err := n.FindTime(p[0], 1001); err != nil || at.Offset != 1 {
		t.Fatalf("offset for time: %d, %v", at, err)
	}
	closeNode(t, n)
	if _, err := n.Append(t.Context(), Append{p[0], batch("f")}); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	if _, err := n.Update(context.Background(), Change{}); !errors.Is(err, ErrClosed) {
		t.Fatalf("update after close: %v", err)
	}
}

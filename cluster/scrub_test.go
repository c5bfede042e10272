package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/leatdb/leat/log"
)

// TestScrub damages a segment of one node: it is found by who looks for it and by who reads, repaired with another node's
// bytes, and nothing else is touched. A node that runs alone can only say that it is damaged.
func TestScrub(t *testing.T) {
	s := newSimCluster(t, 8, nil)
	s.three()
	s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}})
	_, n := s.leader()
	topic, _ := n.Topic("t")
	p := topic.IDs[0]
	fill(t, n, p)
	_, next, err := n.Bounds(p)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range s.nodes {
		s.within(20e9, "it has everything", func() bool {
			_, at, err := m.Bounds(p)
			return err == nil && at == next
		})
		if damaged, _ := m.scrubAll(t.Context()); damaged > 0 {
			t.Errorf("node %d has %d damaged segments before anything was done to it", i, damaged)
		}
	}
	for i, m := range s.nodes { // the leader among them
		want := values(t, m, p)
		file := damage(t, filepath.Join(s.dirs[i], "shards"), 5000)
		damaged, repaired := m.scrubAll(t.Context())
		if damaged != 1 || repaired != 1 {
			t.Fatalf("%s of node %d: %d segments damaged, %d repaired", file, i, damaged, repaired)
		}
		if damaged, _ = m.scrubAll(t.Context()); damaged > 0 || !slices.Equal(values(t, m, p), want) {
			t.Fatalf("node %d is damaged still", i)
		}
		damage(t, filepath.Join(s.dirs[i], "shards"), 5000)
		if !slices.Equal(values(t, m, p), want) { // a reader repairs it as well
			t.Fatalf("node %d serves what is damaged", i)
		}
		if damaged, _ = m.scrubAll(t.Context()); damaged > 0 {
			t.Fatalf("node %d is damaged after it has been read", i)
		}
		m.repairing.Lock()
		clear(m.repairs) // as after a while
		m.repairing.Unlock()
		damage(t, filepath.Join(s.dirs[i], "shards"), 500)
		if at, ok, err := m.FindTime(p, 1000); at.Offset != 0 || !ok || err != nil {
			t.Fatalf("node %d finds no record of the time: %v", i, err)
		}
	}
}

// TestScrubAlone: without another node there is nothing to repair with.
func TestScrubAlone(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	fill(t, n, create(t, n, "t", 1)[0])
	damage(t, filepath.Join(cfg.Dir, "shards"), 5000)
	if damaged, repaired := n.scrubAll(t.Context()); damaged != 1 || repaired != 0 {
		t.Errorf("%d segments damaged, %d repaired", damaged, repaired)
	}
	topic, _ := n.Topic("t")
	if _, err := n.Read(topic.IDs[0], 0, 1<<20, nil); err == nil {
		if _, err = n.Read(topic.IDs[0], 4, 1<<20, nil); !errors.Is(err, log.ErrCorrupt) {
			t.Errorf("what is damaged is served: %v", err)
		}
	}
}

// fill makes a partition several segments long.
func fill(t *testing.T, n *Node, p PartitionID) {
	t.Helper()
	for i := range 100 {
		if _, err := n.Append(t.Context(), Append{p, batch(fmt.Sprint(i, strings.Repeat("x", 1000)))}); err != nil {
			t.Fatal(err)
		}
	}
}

// damage flips a bit in the first segment below a directory.
func damage(t *testing.T, dir string, at int64) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.log"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	slices.Sort(files)
	f, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	return files[0]
}

// TestDamagedSnapshotIsNotSent has a node join by another one whose files are damaged: what it has got when it starts
// again must not keep it from starting.
func TestDamagedSnapshotIsNotSent(t *testing.T) {
	s := newSimCluster(t, 8, nil)
	n := s.start(1)
	s.leader()
	p := create(t, n, "t", 1)[0]
	for range 8 { // more than the write-ahead log keeps
		fill(t, n, p)
	}
	want(t, n.Snapshot(), nil)
	damage(t, filepath.Join(s.dirs[1], "shards"), 5000)
	var asked atomic.Int64
	mend := n.shards[0].mend
	n.shards[0].mend = func(id PartitionID) { mend(id); asked.Add(1) }
	s.start(2)
	s.within(20e9, "the damage is found, or taken in", func() bool {
		taken, _ := filepath.Glob(filepath.Join(s.dirs[2], "snapshots", "2", "snapshots", "*", "meta.json"))
		taken = slices.DeleteFunc(taken, func(name string) bool { return strings.Contains(name, ".tmp") })
		return asked.Load() > 1 || len(taken) > 0
	})
	s.stop(2)
	s.start(2)
}

// TestCompactionRepairs repairs what a compaction finds damaged, which would wait for ever, and with it who begins to
// read the partition.
func TestCompactionRepairs(t *testing.T) {
	s := newSimCluster(t, 8, nil)
	s.three()
	s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}})
	_, n := s.leader()
	topic, _ := n.Topic("t")
	id := topic.IDs[0]
	fill(t, n, id)
	_, next, err := n.Bounds(id)
	want(t, err, nil)
	for _, m := range s.nodes {
		s.within(20e9, "it has everything", func() bool {
			_, at, err := m.Bounds(id)
			return err == nil && at == next
		})
	}
	p, err := n.find(id)
	want(t, err, nil)
	damage(t, filepath.Join(n.cfg.Dir, "shards"), 5000)
	p.mu.Lock()
	p.compactions = []compaction{{Upto: p.log.State().Segments[1].Base}}
	p.mu.Unlock()
	if n.compactAll() {
		t.Fatal("what is damaged was compacted")
	}
	if !n.compactAll() || len(p.waiting()) > 0 {
		t.Fatal("the compaction waits still")
	}
}

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster/internal/crash"
)

// onDisk puts the write-ahead log and the partitions of a node on a disk that forgets. The control database and the
// snapshots stay on the machine's: they sync what they write.
func onDisk(dir string, d *crash.Disk) Config {
	cfg := testConfig(dir)
	cfg.WAL.FS, cfg.logFS = d.WAL(), d.Log()
	cfg.WAL.MaxBytes = 512 << 10
	return cfg
}

// begunOnDisk opens a node on a disk that can fail, with a topic of several partitions and a record in the first.
func begunOnDisk(t *testing.T, partitions int) (d *crash.Disk, cfg Config, n *Node, p []PartitionID) {
	d = &crash.Disk{}
	cfg = onDisk(t.TempDir(), d)
	n = openNode(t, cfg)
	p = create(t, n, "t", partitions)
	appendTo(t, n, p[0], "a")
	return d, cfg, n, p
}

// TestPowerCuts cuts the power under concurrent appenders and a flow, many times: nothing acknowledged is lost, nothing
// is there twice, and what was readable before has the same bytes after.
func TestPowerCuts(t *testing.T) {
	var d crash.Disk
	cfg := onDisk(t.TempDir(), &d)
	n := openNode(t, cfg)
	p := create(t, n, "t", 3)
	acked := map[string]PartitionID{}
	var lastStep uint64
	for life := range 30 {
		r := rand.New(rand.NewPCG(7, uint64(life)))
		d.Off(1 + r.IntN(600))
		var mu sync.Mutex
		var all sync.WaitGroup
		for c := range 6 {
			size := 1 + r.IntN(9000)
			all.Go(func() {
				for i := 0; ; i++ {
					v := fmt.Sprintf("%d/%d/%d/%s", life, c, i, strings.Repeat("x", size))
					id := p[(c+i)%3]
					if _, err := n.Append(t.Context(), Append{id, batch(v)}); err != nil {
						return
					}
					mu.Lock()
					acked[v] = id
					mu.Unlock()
				}
			})
		}
		all.Go(func() {
			epoch, seq, err := n.ClaimFlow(t.Context(), 1)
			for err == nil {
				seq++
				v := fmt.Sprintf("step %d", seq)
				_, err = n.CommitStep(t.Context(), Step{1, epoch, seq, []Append{{p[0], batch(v)}, {p[2], batch(v)}}})
				if err == nil {
					lastStep = seq
				}
			}
		})
		all.Wait()
		before := readAll(n, p)
		n.Close()
		d.Crash(r)
		n = openNode(t, cfg)
		checkPowerCut(t, n, p, acked, lastStep)
		for i, b := range readAll(n, p) {
			if !bytes.HasPrefix(b, before[i]) {
				t.Fatalf("life %d: partition %d has other bytes than before", life, p[i])
			}
		}
	}
}

// readAll returns the bytes of all partitions.
func readAll(n *Node, ids []PartitionID) (all [][]byte) {
	for _, id := range ids {
		var b []byte
		start, next, _ := n.Bounds(id)
		for at := start; at < next; {
			more, err := n.Read(id, at, 1<<20, nil)
			if err != nil || len(more) == 0 {
				break
			}
			b = append(b, more...)
			at = endOf(more)
		}
		all = append(all, b)
	}
	return all
}

func checkPowerCut(t *testing.T, n *Node, p []PartitionID, acked map[string]PartitionID, lastStep uint64) {
	t.Helper()
	seen := map[string]int{}
	steps := map[PartitionID]int{}
	for _, id := range p {
		next := 1
		for _, v := range values(t, n, id) {
			var s int
			if k, _ := fmt.Sscanf(v, "step %d", &s); k == 1 {
				if s != next {
					t.Fatalf("partition %d: step %d where %d must follow", id, s, next)
				}
				next++
				steps[id] = s
				continue
			}
			if seen[v]++; seen[v] > 1 {
				t.Fatalf("%.20s is there %d times", v, seen[v])
			}
		}
	}
	for v := range acked {
		if seen[v] == 0 {
			t.Fatalf("%.20s was acknowledged and is lost", v)
		}
	}
	if steps[p[0]] != steps[p[2]] || uint64(steps[p[0]]) < lastStep {
		t.Fatalf("steps %v, acknowledged %d", steps, lastStep)
	}
}

// TestReplayIsIdentical replays entries over files that hold them already, and over none.
func TestReplayIsIdentical(t *testing.T) {
	var d crash.Disk
	cfg := onDisk(t.TempDir(), &d)
	cfg.WAL.MaxBytes = 64 << 20
	n := openNode(t, cfg)
	p := create(t, n, "t", 2)
	for i := range 100 {
		appendTo(t, n, p[i%2], fmt.Sprint("v", i), strings.Repeat("y", 997))
		if i == 40 {
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := readAll(n, p)
	for life := range 6 {
		closeNode(t, n)
		if life%2 == 0 {
			d.Crash(rand.New(rand.NewPCG(1, uint64(life))))
		}
		n = openNode(t, cfg)
		for i, b := range readAll(n, p) {
			if !bytes.Equal(b, want[i]) {
				t.Fatalf("life %d: partition %d changed", life, p[i])
			}
		}
	}
}

// TestApplyWaitsForSpace fills the disk between the commit of an entry and its write to a partition.
func TestApplyWaitsForSpace(t *testing.T) {
	d, cfg, n, p := begunOnDisk(t, 2)
	var mu sync.Mutex
	refused := 0
	d.Fault = func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == "write" && strings.Contains(name, "shards") && refused < 3 {
			refused++
			return syscall.ENOSPC
		}
		return nil
	}
	begin := time.Now()
	bases, err := n.Append(t.Context(), Append{p[0], batch("b")}, Append{p[1], batch("x")})
	if err != nil || bases[0] != 1 {
		t.Fatalf("%v, %v", bases, err)
	}
	if refused != 3 || time.Since(begin) < applyRetry {
		t.Fatalf("refused %d times", refused)
	}
	expectValues(t, n, p[0], "a", "b")
	expectValues(t, n, p[1], "x")

	// Space that never comes must not keep the node from closing; the entry is applied at the next start.
	mu.Lock()
	refused = -1 << 30
	mu.Unlock()
	pending, err := n.AppendAsync(t.Context(), Append{p[0], batch("c")})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	if _, err := pending.Wait(t.Context()); !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("an entry that could not be applied: %v", err)
	}
	d.Fault = nil
	n = openNode(t, cfg)
	expectValues(t, n, p[0], "a", "b", "c")
}

// TestFailedNodeWaitsForNoSpace ends the waiting of an entry for space, and of who wrote it, when the node has failed
// besides.
func TestFailedNodeWaitsForNoSpace(t *testing.T) {
	d, _, n, p := begunOnDisk(t, 1)
	waits := make(chan struct{}, 1)
	d.Fault = func(op, name string) error {
		if op == "write" && strings.Contains(name, "shards") {
			select {
			case waits <- struct{}{}:
			default:
			}
			return syscall.ENOSPC
		}
		return nil
	}
	pending, err := n.AppendAsync(t.Context(), Append{p[0], batch("b")})
	want(t, err, nil)
	<-waits
	n.Fail(errors.New("broken"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := pending.Wait(ctx); !errors.Is(err, ErrFailed) {
		t.Fatalf("an entry that waits for space: %v", err)
	}
}

// TestBrokenDiskStopsTheNode makes a partition's write fail for good.
func TestBrokenDiskStopsTheNode(t *testing.T) {
	d, cfg, n, p := begunOnDisk(t, 1)
	d.Fault = func(op, name string) error {
		if op == "write" && strings.Contains(name, filepath.Join("shards", "0")) {
			return syscall.EIO
		}
		return nil
	}
	if _, err := n.Append(t.Context(), Append{p[0], batch("b")}); !errors.Is(err, ErrFailed) {
		t.Fatalf("append: %v", err)
	}
	if _, err := n.Append(t.Context(), Append{p[0], batch("c")}); !errors.Is(err, ErrFailed) {
		t.Fatalf("the next append: %v", err)
	}
	if err := n.Err(); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("Err: %v", err)
	}
	n.Close()
	d.Fault = nil
	n = openNode(t, cfg)
	expectValues(t, n, p[0], "a", "b")
}

// TestFailedLogStopsTheNode makes the write-ahead log's fdatasync fail.
func TestFailedLogStopsTheNode(t *testing.T) {
	var d crash.Disk
	cfg := onDisk(t.TempDir(), &d)
	n := openNode(t, cfg)
	p := create(t, n, "t", 1)
	d.Fault = func(op, name string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	}
	if _, err := n.Append(t.Context(), Append{p[0], batch("a")}); !errors.Is(err, ErrFailed) {
		t.Fatalf("append: %v", err)
	}
	if _, err := n.Update(t.Context(), Change{}); !errors.Is(err, ErrFailed) {
		t.Fatalf("update: %v", err)
	}
	if err := n.Err(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Err: %v", err)
	}
}

// TestFailedProposalIsInDoubt passes an append on to a node whose write-ahead log fails with it: it is there when the
// node starts again, so it must not be taken for refused and appended once more.
func TestFailedProposalIsInDoubt(t *testing.T) {
	var d crash.Disk
	cfg := onDisk(t.TempDir(), &d)
	cfg.Spread = 1
	n := openNode(t, cfg)
	id := spreadTopic(t, n, "t", 1)[0]
	d.Fault = func(op, name string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	}
	o := op{kind: opAppend, appends: []Append{{id, batch("a")}}}
	_, err := n.takeProposal(t.Context(), []byte(`{"shard": 1}`), bytes.NewReader(o.encode(nil)))
	if errorName(err) != "unknown" {
		t.Fatalf("other nodes take %v for %q", err, errorName(err))
	}
	n.Close()
	d.Fault = nil
	n = openNode(t, cfg)
	expectValues(t, n, id, "a")
}

// TestFailedSnapshotStopsTheNode makes the fsync of a partition's file fail once, in a snapshot: it is not tried again.
func TestFailedSnapshotStopsTheNode(t *testing.T) {
	d, cfg, n, p := begunOnDisk(t, 1)
	failed := 0
	d.Fault = func(op, name string) error {
		if op == "sync" && strings.Contains(name, filepath.Join("shards", "0")) && failed == 0 {
			failed++
			return syscall.EIO
		}
		return nil
	}
	if err := n.Snapshot(); err == nil || failed != 1 {
		t.Fatalf("snapshot: %v", err)
	}
	if err := n.Err(); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("Err: %v", err)
	}
	if _, err := n.Append(t.Context(), Append{p[0], batch("b")}); !errors.Is(err, ErrFailed) {
		t.Fatalf("append: %v", err)
	}
	n.Close()
	d.Fault = nil
	n = openNode(t, cfg)
	expectValues(t, n, p[0], "a")
}

package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
)

// TestSnapshotIsTaken takes a snapshot, after which the log has given up what it holds.
func TestSnapshotIsTaken(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 1)
	appendTo(t, n, p[0], "a", "b")
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	for i, g := range n.groups {
		if first, _ := g.log.FirstIndex(); first != 0 {
			t.Errorf("the log of group %d begins at %d", i, first)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	expectValues(t, openNode(t, cfg), p[0], "a", "b")
}

// TestSnapshotIsTakenLater has a snapshot fail, as on a full disk: it is taken when that has passed.
func TestSnapshotIsTakenLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		n := openNode(t, cfg)
		appendTo(t, n, create(t, n, "t", 1)[0], "a")
		g := n.groups[1]
		dir := filepath.Join(cfg.Dir, "snapshots", fmt.Sprint(g.id))
		want(t, os.Rename(dir, dir+"-away"), nil)
		want(t, os.WriteFile(dir, nil, 0o600), nil)
		g.snapshotWanted()
		<-time.After(time.Second)
		if len(g.snapshots) > 0 || g.snapshot() == nil {
			t.Fatal("a snapshot was taken without a place for it")
		}
		want(t, os.Remove(dir), nil)
		want(t, os.Rename(dir+"-away", dir), nil)
		<-time.After(2 * snapshotAgain)
		if first, _ := g.log.FirstIndex(); first != 0 {
			t.Errorf("the log begins at %d", first)
		}
		closeNode(t, n)
	})
}

// TestDroppedDuringBackup drops a topic while a backup has its files: they go when the backup has ended.
func TestDroppedDuringBackup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		n := openNode(t, cfg)
		p := create(t, n, "t", 1)[0]
		appendTo(t, n, p, "a")
		b, err := n.Backup(t.Context())
		want(t, err, nil)
		update(t, n, Change{DeleteTopics: []string{"t"}})
		<-time.After(time.Second)
		dir := n.shards[0].partitionDir(p)
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
		b.Close()
		<-time.After(time.Second)
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the files of a topic that is gone: %v", err)
		}
		closeNode(t, n)
	})
}

// TestSnapshotRots changes a byte of a snapshot: the node does not start, and names it.
func TestSnapshotRots(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	appendTo(t, n, create(t, n, "t", 1)[0], "a")
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "snapshots", "2", "snapshots", "*", "state.bin"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), cfg)
	if !errors.Is(err, log.ErrCorrupt) || !strings.Contains(err.Error(), filepath.Dir(files[0])) {
		t.Errorf("it opens, or says: %v", err)
	}
}

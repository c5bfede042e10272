package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

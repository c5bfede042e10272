package cluster

import "testing"

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

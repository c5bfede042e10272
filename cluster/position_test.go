package cluster

import (
	"errors"
	"math"
	"testing"
)

// TestAppliedNoMore ends the waiting for entries when the node has failed: they never come.
func TestAppliedNoMore(t *testing.T) {
	n := openNode(t, Config{Dir: t.TempDir()})
	told := make(chan error)
	go func() { told <- n.applied(t.Context(), 0, math.MaxUint64) }()
	broken := errors.New("broken")
	n.Fail(broken)
	if err := <-told; !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
}

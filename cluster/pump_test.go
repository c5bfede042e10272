package cluster

import (
	"context"
	"errors"
	"runtime"
	"testing"
)

// TestRoomOfThoseWhoGaveUp lets a call go on that waits for room in the queue, when those before it were taken back and
// nobody sends anything more.
func TestRoomOfThoseWhoGaveUp(t *testing.T) {
	n := openNode(t, Config{Dir: t.TempDir()})
	p := create(t, n, "t", 1)[0]
	pump := n.reign.Load().pumps[0]
	add := func() op { return op{kind: opAppend, appends: []Append{{p, batch("v")}}} }

	n.shards[0].applying.RLock() // nothing that is in flight ends
	var flying []*call
	for range eagerEntries {
		c, err := pump.submit(t.Context(), add())
		want(t, err, nil)
		flying = append(flying, c)
	}
	big := &call{op: add(), size: maxBytesWaiting + 1, done: make(chan struct{})}
	pump.mu.Lock()
	pump.queue, pump.waiting = append(pump.queue, big), pump.waiting+big.size
	pump.mu.Unlock()
	last := make(chan error)
	go func() {
		c, err := pump.submit(t.Context(), add())
		if err == nil {
			_, err = pump.wait(t.Context(), c)
		}
		last <- err
	}()
	for waits := false; !waits; runtime.Gosched() {
		pump.mu.Lock()
		waits = pump.room != nil
		pump.mu.Unlock()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pump.wait(gone, big); !errors.Is(err, context.Canceled) {
		t.Fatalf("a call that was taken back: %v", err)
	}
	n.shards[0].applying.RUnlock()
	for _, c := range flying {
		_, err := pump.wait(t.Context(), c)
		want(t, err, nil)
	}
	want(t, <-last, nil)
}

package equiv

import (
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	histories = flag.Int("histories", 200, "number of histories")
	firstSeed = flag.Uint64("seed", 1, "seed of the first history, the same in every run of CI; 0 takes the time")
	failures  = flag.Int("failures", 1, "number of failures after which to stop")
)

// TestEquivalence compares maintained views with queries that are asked once.
func TestEquivalence(t *testing.T) { compare(t, nil) }

// compare runs histories, some at a time where no oracle is shared, until enough have failed.
func compare(t *testing.T, o oracle) {
	t.Helper()
	seed := *firstSeed
	if seed == 0 {
		seed = uint64(time.Now().Unix())
	}
	t.Logf("%d histories from seed %d", *histories, seed)
	workers := 1
	if o == nil {
		workers = 4 // a history waits more than it works
	}
	var next atomic.Uint64
	var failed atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for failed.Load() < int64(*failures) {
				n := next.Add(1) - 1
				if n >= uint64(*histories) {
					return
				}
				h := newHistory(seed + n)
				if f := try(t, h, o); f != nil {
					failed.Add(1)
					small, g := shrink(t, h, f, o)
					t.Errorf("seed %d: %s\n%s\nfound as: %s", h.seed, g, small.script(), f)
				}
			}
		})
	}
	wg.Wait()
}

package equiv

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// shrink drops steps from a history as long as it fails as it did. It gives up after a while.
func shrink(t *testing.T, h *history, f *failure, o oracle) (*history, *failure) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	small := *h
	small.steps = h.steps[:f.step+1]
	for size := max(1, len(small.steps)/2); ; size = max(1, size/2) {
		dropped := false
		for from := len(small.steps) - size; from >= 0; from -= size {
			if time.Now().After(deadline) {
				return &small, f
			}
			c := small
			c.steps = append(append([]step(nil), small.steps[:from]...), small.steps[from+size:]...)
			if g := try(t, &c, o); g != nil && g.kind == f.kind {
				small, f, dropped = c, g, true
				from = min(from, len(small.steps))
			}
		}
		if size == 1 && !dropped {
			return &small, f
		}
	}
}

// script is the history as something to read, and to type.
func (h *history) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- seed %d, step bytes %d, checkpoint every %s, state bytes %d, writes before kills %v\n",
		h.seed, h.stepBytes, h.checkpointEvery, h.stateBytes, h.writes)
	for _, s := range h.steps {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

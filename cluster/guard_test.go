package cluster

import (
	"errors"
	"testing"
)

// TestGuards appends with guards that hold and guards that do not, also after a restart with and without a snapshot.
func TestGuards(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 2)
	guarded := func(since int64, still bool) error {
		t.Helper()
		pending, err := n.AppendGuarded(t.Context(), []Guard{{p[0], since, still}}, Append{p[0], batch("a", "b")},
			Append{p[0], batch("c")}, Append{p[1], batch("d")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = pending.Wait(t.Context())
		return err
	}
	want := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	want(guarded(0, true), nil)
	want(guarded(0, false), nil) // only guarded appends since
	want(guarded(0, true), ErrMoved)
	want(guarded(6, true), nil)
	appendTo(t, n, p[0], "x") // at 9
	want(guarded(9, false), ErrMoved)
	want(guarded(10, false), nil)
	for _, snapshot := range []bool{false, true} {
		if snapshot {
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
		closeNode(t, n)
		n = openNode(t, cfg)
		want(guarded(9, false), ErrMoved)
		want(guarded(10, false), nil)
	}
	if got := len(values(t, n, p[0])); got != 19 {
		t.Fatalf("%d records, want 19", got)
	}
	if got := len(values(t, n, p[1])); got != 6 {
		t.Fatalf("%d records in the other partition, want 6", got)
	}
}

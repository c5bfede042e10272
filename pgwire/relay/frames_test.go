package relay

import "testing"

// TestFrames: what was dealt with is dropped, what was written may have been run, and what is not kept cannot be sent
// again.
func TestFrames(t *testing.T) {
	var f frames
	f.add([]byte("a"), true)
	f.add([]byte("b"), true)
	f.add([]byte("c"), false)
	if n, whole := f.sent(); n != 2 || !whole {
		t.Errorf("%d were written, %v", n, whole)
	}
	f.dealt(1)
	f.rewind()
	for _, want := range []string{"b", "c"} {
		if data, more := f.next(); !more || string(data) != want {
			t.Errorf("%q, want %q", data, want)
		}
	}
	if _, more := f.next(); more {
		t.Error("there is more")
	}
	if n, _ := f.sent(); n != 2 {
		t.Errorf("%d were written", n)
	}
	for range 3 {
		f.addUnkept()
	}
	if _, whole := f.sent(); whole {
		t.Error("what is not kept can be sent again")
	}
	f.dealt(4)
	f.dealt(1)
	if f.left() != 0 || f.size != 0 {
		t.Errorf("%d are left, %d bytes", f.left(), f.size)
	}
	if f.add([]byte("d"), true); f.at != 1 {
		t.Errorf("at %d", f.at)
	}
}

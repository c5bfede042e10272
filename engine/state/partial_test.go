package state

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// long is a key that the file cannot have in order.
var long = strings.Repeat("b", MaxKey+1)

// TestPartialMapIsAMap compares maps that are evicted, warmed, checkpointed, also on a full disk, restarted and copied at
// random with plain ones.
func TestPartialMapIsAMap(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		o := Options{TxChanges: rapid.IntRange(1, 6).Draw(t, "changes of a transaction"), ChunkBytes: 40}
		p := &partialTest{m: NewMap(), model: map[string]string{}, saved: map[string]string{}}
		o.Fault = func() error {
			if p.full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}
		path := filepath.Join(dir, string(rune('a'+n%26))+strings.Repeat("x", n/26))
		s, err := Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		for range rapid.IntRange(1, 150).Draw(t, "n") {
			p.act(t, &s, path, o)
			p.compare(t)
		}
		for _, f := range p.snaps {
			if got := contents(f.snap.Scan, nil, nil); !slices.Equal(got, f.want) {
				t.Fatalf("snapshot changed: %v, want %v", got, f.want)
			}
		}
	})
}

// TestWhatIsGoneStaysGone deletes a key twice, while a map is partial and when it is whole again, and evicts it then.
func TestWhatIsGoneStaysGone(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "flow.db"))
	m := NewMap()
	for _, k := range []string{"a", "b", "c"} {
		m.Set([]byte(k), []byte(k))
	}
	c := s.Begin()
	if err := m.WriteChanges(c.Writer(1, 1)); err != nil {
		t.Fatal(err)
	}
	c.Commit(nil)
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	m.Evict(1)
	if !m.Delete([]byte("b")) || !m.partial {
		t.Fatal("the map is not partial, or has no b")
	}
	for m.Warm(10) {
	}
	if m.Delete([]byte("b")) || m.partial {
		t.Fatal("b is gone twice, or the map is partial")
	}
	m.Evict(1000)
	if got := contents(m.Scan, nil, nil); !m.partial || !slices.Equal(got, []string{"a=a", "c=c"}) {
		t.Fatalf("the map has %v", got)
	}
}

type partialTest struct {
	m            *Map
	model, saved map[string]string
	snaps        []kept
	restored     int
	full         atomic.Bool // the disk is
	failed       bool        // the last checkpoint did
}

// kept is a snapshot and what it has to hold.
type kept struct {
	snap *Snapshot
	want []string
}

func (p *partialTest) act(t *rapid.T, s **Store, path string, o Options) {
	k := rapid.StringMatching(`[abc]{0,3}`).Draw(t, "k")
	if rapid.IntRange(0, 20).Draw(t, "long") == 0 {
		k = long
	}
	switch op := rapid.IntRange(0, 16).Draw(t, "op"); op {
	case 0, 1, 2, 3:
		v := rapid.StringMatching(`[abc]{0,3}`).Draw(t, "v")
		old, had := p.m.Swap([]byte(k), []byte(v))
		if want, has := p.model[k]; had != has || string(old) != want {
			t.Fatalf("Swap gives %q, %v, want %q, %v", old, had, want, has)
		}
		p.model[k] = v
	case 4, 5, 6:
		_, had := p.model[k]
		if p.m.Delete([]byte(k)) != had {
			t.Fatalf("Delete(%q) is not %v", k, had)
		}
		delete(p.model, k)
	case 7:
		p.snaps = append(p.snaps, kept{p.m.Snapshot(), modelContents(p.model, "", "")})
	case 8:
		p.m.Warm(rapid.IntRange(0, 10).Draw(t, "warm"))
	case 9, 10:
		p.m.Evict(int64(rapid.IntRange(0, 1000).Draw(t, "bytes")))
	case 11:
		p.wait(t, *s)
		if err := (*s).Settle(); err != nil {
			t.Fatal(err)
		}
	case 12, 13:
		p.checkpoint(t, *s)
	case 14: // a restart
		p.restart(t, s, path, o)
	case 15:
		c := p.m.Snapshot().Map()
		c.Delete([]byte(k))
		c.Set([]byte(k+"a"), []byte("copy"))
		model := maps.Clone(p.model)
		delete(model, k)
		model[k+"a"] = "copy"
		if got, want := contents(c.Scan, nil, nil), modelContents(model, "", ""); !slices.Equal(got, want) {
			t.Fatalf("a copy has %v, want %v", got, want)
		}
	case 16:
		p.wait(t, *s)
		p.full.Store(true)
		p.checkpoint(t, *s)
		p.failed = true
		p.wait(t, *s)
		p.full.Store(false)
	}
}

func (p *partialTest) checkpoint(t *rapid.T, s *Store) {
	c := s.Begin()
	if err := p.m.WriteChanges(c.Writer(1, 1)); err != nil {
		t.Fatal(err)
	}
	c.Commit(nil)
	p.saved, p.failed = maps.Clone(p.model), false
}

// wait waits for a checkpoint, which fails when the disk is full.
func (p *partialTest) wait(t *rapid.T, s *Store) {
	if err := s.Wait(); (err != nil) != p.failed {
		t.Fatal(err)
	}
}

func (p *partialTest) restart(t *rapid.T, s **Store, path string, o Options) {
	if p.snaps = nil; p.failed {
		p.checkpoint(t, *s)
	}
	if err := (*s).Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if *s, err = Open(path, o); err != nil {
		t.Fatal(err)
	}
	p.model, p.m, p.restored = maps.Clone(p.saved), NewMap(), len(p.saved)
	if err := p.m.Attach((*s).Region(1, 1)); err != nil {
		t.Fatal(err)
	}
}

func (p *partialTest) compare(t *rapid.T) {
	k := rapid.StringMatching(`[abc]{0,3}`).Draw(t, "from")
	got, ok := p.m.Get([]byte(k))
	if want, had := p.model[k]; ok != had || string(got) != want {
		t.Fatalf("Get(%q) = %q, %v, want %q, %v", k, got, ok, want, had)
	}
	if got, want := contents(p.m.Scan, []byte(k), []byte("c")), modelContents(p.model, k, "c"); !slices.Equal(got, want) {
		t.Fatalf("Scan = %v, want %v", got, want)
	}
	back := contents(func(_, _ []byte, fn func(k, v []byte) bool) { p.m.Back([]byte(k), []byte("a"), fn) }, nil, nil)
	want := modelContents(p.model, "a", k+"\x00")
	if slices.Reverse(want); !slices.Equal(back, want) {
		t.Fatalf("Back from %q = %v, want %v", k, back, want)
	}
	if n := p.restored + p.m.Len(); n != len(p.model) {
		t.Fatalf("Len is %d, want %d", n, len(p.model))
	}
}

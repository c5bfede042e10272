package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/leatdb/leat/log"
	"golang.org/x/sys/unix"
)

// endOf returns the offset behind the last batch of b.
func endOf(b []byte) (next int64) {
	for len(b) > 0 {
		h, _, rest, err := log.NextBatch(b)
		if err != nil {
			break
		}
		next, b = h.LastOffset()+1, rest
	}
	return next
}

// TestFullDisk fills a small file system: appends are refused, reads go on, and service resumes when space is back.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Logf("no small file system (%v): the free space is made up instead", err)
		fullDisk(t, filepath.Join(dir, "data"), false)
		return
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	fullDisk(t, filepath.Join(dir, "data"), true)
}

// takeTheRest fills the file system with something else.
func takeTheRest(t *testing.T, name string) {
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

func fullDisk(t *testing.T, dir string, real bool) {
	cfg := testConfig(dir)
	var low atomic.Bool
	if !real {
		cfg.freeBytes = func(string) (int64, error) {
			if low.Load() {
				return 1000, nil
			}
			return 1 << 30, nil
		}
	}
	n, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { n.Close() }()
	p := create(t, n, "t", 1)[0]
	var want []string
	fill := func(limit int) (err error) {
		for i := 0; i < limit; i++ {
			v := fmt.Sprint(len(want), strings.Repeat("z", 20<<10))
			if _, err = n.Append(t.Context(), Append{p, batch(v)}); err != nil {
				return err
			}
			want = append(want, v)
			low.Store(!real && i == 50)
		}
		return nil
	}
	for round := range 3 {
		if err := fill(10000); !errors.Is(err, ErrDiskFull) {
			t.Fatalf("round %d: %v", round, err)
		}
		expectValues(t, n, p, want...)
		ballast := filepath.Join(filepath.Dir(dir), "ballast")
		if real {
			takeTheRest(t, ballast)
		}
		if err := fill(1); !errors.Is(err, ErrDiskFull) {
			t.Fatalf("round %d: with nothing left: %v", round, err)
		}
		if real {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		}
		// Space comes back by trimming, which a full disk must allow.
		_, next, _ := n.Bounds(p)
		if err := n.Trim(t.Context(), p, next-5); err != nil {
			t.Fatal(err)
		}
		start, _, _ := n.Bounds(p)
		want = want[int64(len(want))-(next-start):]
		low.Store(false)
		n.disk.asked = n.disk.asked.Add(-freeAge)
		if round == 1 {
			closeNode(t, n)
			if n, err = Open(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
		expectValues(t, n, p, want...)
		if err := fill(3); err != nil {
			t.Fatalf("round %d: with space again: %v", round, err)
		}
		expectValues(t, n, p, want...)
	}
}

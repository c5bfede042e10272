package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/leatdb/leat/sql/sqlerr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func load(t interface{ Fatal(...any) }, s *Store, owner uint64, op uint32) memory {
	m := memory{}
	if err := s.Load(owner, op, m.Put); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestStoreRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flow.db")
	s := open(t, path)
	if meta, err := s.Meta(); meta != nil || err != nil {
		t.Fatal(meta, err)
	}
	long := bytes.Repeat([]byte("long"), 20_000)
	c := s.Begin()
	w := c.Writer(1, 2)
	for _, k := range [][]byte{nil, {0}, {1}, []byte("k"), long} {
		_ = w.Put(k, append([]byte("v"), k...))
	}
	_ = c.Writer(1, 3).Put([]byte("other"), nil)
	_ = c.Writer(2, 2).Put([]byte("another"), nil)
	c.Commit([]byte("step 1"))
	c = s.Begin()
	_ = c.Writer(1, 2).Put([]byte("k"), []byte("newer"))
	_ = c.Writer(1, 2).Delete([]byte{1})
	_ = c.Writer(1, 2).Put([]byte("gone"), nil)
	_ = c.Writer(1, 2).Delete([]byte("gone"))
	_ = c.Writer(1, 2).Delete([]byte("never"))
	c.Commit([]byte("step 2"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if meta, err := s.Meta(); string(meta) != "step 2" || err != nil {
		t.Fatalf("%q, %v", meta, err)
	}
	want := memory{"": "v", "\x00": "v\x00", "k": "newer", string(long): "v" + string(long)}
	if got := load(t, s, 1, 2); !maps.Equal(got, want) {
		t.Fatalf("%.300v", got)
	}
	if got := load(t, s, 1, 3); len(got) != 1 {
		t.Fatal(got)
	}
	s.Drop(1)
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := load(t, s, 1, 2); len(got) != 0 {
		t.Fatal(got)
	}
	if got := load(t, s, 2, 2); len(got) != 1 {
		t.Fatal(got)
	}
}

// Checkpoints fail at random; the file holds the last that did not, and the next holds everything.
func TestFullDiskLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flow.db")
	s := open(t, path)
	full := false
	s.update = func(f func(*bbolt.Tx) error) error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			if err := f(tx); err != nil {
				return err
			}
			if full {
				return fmt.Errorf("write flow.db: %w", syscall.ENOSPC)
			}
			return nil
		})
	}
	owner := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		owner++
		m, inFile := NewMap(), memory{}
		for i := range rapid.IntRange(1, 8).Draw(t, "checkpoints") {
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				k := []byte(rapid.StringMatching(`[a-e]`).Draw(t, "k"))
				if rapid.Bool().Draw(t, "delete") {
					m.Delete(k)
				} else {
					m.Set(k, []byte{byte(i)})
				}
			}
			full = rapid.Bool().Draw(t, "full")
			c := s.Begin()
			if err := m.WriteChanges(c.Writer(owner, 1)); err != nil {
				t.Fatal(err)
			}
			c.Commit([]byte{byte(i)})
			err := s.Wait()
			if full {
				var se *sqlerr.Error
				if !errors.As(err, &se) || se.Code != sqlerr.DiskFull {
					t.Fatalf("error is %v", err)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				clear(inFile)
				m.Scan(nil, nil, func(k, v []byte) bool { return inFile.Put(k, v) == nil })
			}
			if got := load(t, s, owner, 1); !maps.Equal(got, inFile) {
				t.Fatalf("file holds %v, want %v", got, inFile)
			}
		}
		full = false
		s.Begin().Commit(nil)
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDropForgetsWhatIsStillToBeWritten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "flow.db"))
	update := s.update
	s.update = func(func(*bbolt.Tx) error) error { return syscall.ENOSPC }
	c := s.Begin()
	_ = c.Writer(1, 1).Put([]byte("a"), nil)
	_ = c.Writer(2, 1).Put([]byte("b"), nil)
	c.Commit(nil)
	if s.Wait() == nil {
		t.Fatal("no error")
	}
	s.update = update
	s.Drop(1)
	_ = s.Wait() // which tells of the write before
	s.Begin().Commit(nil)
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	if a, b := load(t, s, 1, 1), load(t, s, 2, 1); len(a) != 0 || len(b) != 1 {
		t.Fatal(a, b)
	}
}

func TestOpenRefusesWhatIsNoStateFile(t *testing.T) {
	_, err := Open(t.TempDir(), Options{})
	if err == nil || !strings.Contains(err.Error(), "cannot open state file") {
		t.Fatal(err)
	}
}

func FuzzLoadPair(f *testing.F) {
	f.Add([]byte{0, 'k'}, []byte("v"))
	f.Add([]byte{1, 2, 3}, []byte{3, 'k', 'e', 'y', 'v'})
	f.Fuzz(func(t *testing.T, k, v []byte) {
		key, value, err := loadPair(k, v)
		if err == nil && len(key)+len(value) > len(k)+len(v) {
			t.Fatal("more came out than went in")
		}
	})
}

func BenchmarkCheckpoint(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "flow.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	m := NewMap()
	for i := 0; b.Loop(); i++ {
		for j := range 10_000 {
			m.Set([]byte(fmt.Sprint(i*7919+j*31)), []byte("some value of a middling length"))
		}
		c := s.Begin()
		if err := m.WriteChanges(c.Writer(1, 1)); err != nil {
			b.Fatal(err)
		}
		c.Commit(nil)
	}
	if err := s.Wait(); err != nil {
		b.Fatal(err)
	}
}

package state

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leatdb/leat/log/mapped"
)

// TestUnread takes pages from under an open file, as a disk does that cannot read them: whoever reads, in whatever
// goroutine, or writes gets the error, it is told, and nothing is held up. When they are back everything is there.
func TestUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flow.db")
	want := filled(t, path)
	beside, err := os.ReadFile(path + sumsSuffix)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, pages := range []int64{0, 1, 2, 3, 10, 40, 100} {
		var told atomic.Pointer[error]
		s, err := Open(path, Options{Failed: func(err error) { told.Store(&err) }})
		if err != nil {
			t.Fatal(pages, err)
		}
		wrote := false // the file may be longer again then, with nothing in it
		readers, looks := readersOf(t, s, want), func(err error) {
			t.Helper()
			if !IsDamage(err) || !strings.Contains(err.Error(), path) ||
				!wrote && (!mapped.IsFault(err) || !errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Errorf("%d pages: %v", pages, err)
			}
		}
		if err := os.Truncate(path, pages*4096); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			readers(looks)
			looks(holds(s, want))
		}
		err = overwrite(t, s, want)
		wrote = true
		looks(err)
		c, err := s.Copy()
		if pages < 2 && !IsDamage(err) {
			t.Errorf("%d pages: a copy: %v", pages, err)
		}
		if err == nil {
			err = c.Close()
		}
		if err != nil && !IsDamage(err) {
			t.Error(err)
		}
		if told.Load() == nil {
			t.Errorf("%d pages: nobody is told", pages)
		}
		readers(looks)
		if err := s.Close(); !IsDamage(err) { // it says again what has failed
			t.Errorf("%d pages: closing: %v", pages, err)
		}
		if err := errors.Join(os.WriteFile(path, good, 0o600), os.WriteFile(path+sumsSuffix, beside, 0o600)); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(path, Options{}); err != nil {
			t.Fatal(pages, err)
		}
		if err := errors.Join(holds(s, want), s.Close()); err != nil {
			t.Errorf("%d pages: when they are back: %v", pages, err)
		}
	}
}

// overwrite changes every key, in a checkpoint, and returns how that has ended.
func overwrite(t *testing.T, s *Store, want map[opID]map[string]string) error {
	t.Helper()
	m := NewMap()
	c := s.Begin()
	for id, rows := range want {
		for k := range rows {
			m.Set([]byte(k), []byte("new"))
		}
		if err := m.WriteChanges(c.Writer(id.owner, id.op)); err != nil {
			t.Fatal(err)
		}
	}
	c.Commit([]byte("meta"))
	return s.Wait()
}

// readersOf returns what reads snapshots of all that there is in goroutines, and gives their errors. What a page before
// the cut has may be found.
func readersOf(t *testing.T, s *Store, want map[opID]map[string]string) func(func(error)) {
	t.Helper()
	var snaps []*Snapshot
	for id := range want {
		m := NewMap()
		if err := m.Attach(s.Region(id.owner, id.op)); err != nil {
			t.Fatal(err)
		}
		snaps = append(snaps, m.Snapshot())
	}
	return func(looks func(error)) {
		errs := make([]error, len(snaps))
		var all sync.WaitGroup
		for i, snap := range snaps {
			all.Go(func() {
				defer func() {
					errs[i], _ = recover().(error)
				}()
				snap.Scan(nil, nil, func(k, v []byte) bool { return !bytes.Equal(k, v) })
			})
		}
		all.Wait()
		met := false
		for _, err := range errs {
			if err != nil {
				met = true
				looks(err)
			}
		}
		if !met {
			t.Error("no reader meets it")
		}
	}
}

package state

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestCopyWhileWriting copies the file before every transaction of a large checkpoint, whose chunks are of several pieces
// of changes: a copy is one checkpoint or the other, as after a crash.
func TestCopyWhileWriting(t *testing.T) {
	const keys = 3 * pieceChanges
	dir := t.TempDir()
	n := 0
	var s *Store
	var copies []string
	fault := func() error {
		if s == nil {
			return nil
		}
		c, err := s.Copy()
		if err != nil {
			t.Error(err)
			return nil
		}
		name := filepath.Join(dir, fmt.Sprint("copy", n))
		n++
		f, err := os.Create(name)
		if err == nil {
			_, err = c.WriteTo(f)
		}
		if err != nil {
			t.Error(err)
		}
		f.Close()
		c.Close()
		copies = append(copies, name)
		return nil
	}
	opened, err := Open(filepath.Join(dir, "flow.db"), Options{Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMap()
	for version := range 2 {
		for i := range keys {
			m.Set(fmt.Appendf(nil, "%05d", i), fmt.Appendf(nil, "value of version %d", version))
		}
		c := opened.Begin()
		if err := m.WriteChanges(c.Writer(1, 1)); err != nil {
			t.Fatal(err)
		}
		c.Commit([]byte{byte(version)})
		if err := opened.Wait(); err != nil {
			t.Fatal(err)
		}
		s = opened
	}
	s = nil
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range copies {
		c, err := Open(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		meta, err := c.Meta()
		if err != nil || len(meta) != 1 {
			t.Fatal(meta, err)
		}
		found := 0
		want := fmt.Sprintf("value of version %d", meta[0])
		if err := c.Load(1, 1, func(_, v []byte) error {
			if found++; string(v) != want {
				return fmt.Errorf("%s, not %s", v, want)
			}
			return nil
		}); err != nil || found != keys {
			t.Errorf("%s, checkpoint %d: %d keys, %v", filepath.Base(name), meta[0], found, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(len(copies), "copies")
}

// TestManyChangesOverOthers writes a checkpoint over one that was not written, both of several pieces of changes.
func TestManyChangesOverOthers(t *testing.T) {
	const keys = 3 * pieceChanges
	a, b := &changes{}, &changes{}
	for i := range keys {
		a.add(fmt.Appendf(nil, "%06d", i), []byte("old"), false)
		b.add(fmt.Appendf(nil, "%06d", i+pieceChanges), []byte("new"), false)
	}
	a.sort(func() {})
	b.sort(func() {})
	c := b.over(a)
	if c.Len() != keys+pieceChanges {
		t.Fatalf("%d changes", c.Len())
	}
	for i := range c.Len() {
		k, v, _ := c.at(i)
		if want := fmt.Sprintf("%06d", i); string(k) != want || (string(v) == "new") != (i >= pieceChanges) {
			t.Fatalf("%s: %s, not %s", k, v, want)
		}
	}
}

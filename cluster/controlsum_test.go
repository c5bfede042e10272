package cluster

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/log"
)

// TestControlRots changes the control database byte by byte: it is opened as it was, or refused and says so. Who only
// looks for its level comes to no harm.
func TestControlRots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	open := func() (*control, error) {
		c := &control{path: path, logger: slog.New(slog.NewTextHandler(io.Discard, nil)), homes: 2,
			failed: func(error) {}, usable: func(Level) error { return nil }, leveled: func(int) {}}
		return c, c.open()
	}
	apply := func(c *control, index uint64, change Change) {
		t.Helper()
		b, err := json.Marshal(&change)
		if err != nil {
			t.Fatal(err)
		}
		if err, failed := c.Apply(&raft.Log{Index: index, Data: b}).(error); failed {
			t.Fatal(err)
		}
	}
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	apply(c, 1, Change{Put: map[string][]byte{"a": []byte("first"), "b": make([]byte, 6000)}})
	apply(c, 2, Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 3}, {Name: "u", Partitions: 1}}})
	apply(c, 3, Change{Put: map[string][]byte{"a": []byte("second")}, Delete: []string{"c"}, DeleteTopics: []string{"u"}})
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if c, err = open(); err != nil {
		t.Fatal(err)
	}
	want := c.view.Load()
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused, senseless, other := 0, 0, t.TempDir()
	for at := 0; at < len(good); at += 61 {
		bad := slices.Clone(good)
		bad[at] ^= 1 << (at % 8)
		if err := os.Remove(path); err != nil { // a database that has panicked keeps its lock
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		look := filepath.Join(other, "control.db")
		if err := errors.Join(os.RemoveAll(look), os.WriteFile(look, bad, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := LevelIn(other); errors.Is(err, log.ErrCorrupt) {
			senseless++
		}
		c, err := open()
		if err != nil {
			refused++
			continue
		}
		got := c.view.Load()
		if !maps.EqualFunc(got.documents, want.documents, slices.Equal) || !reflect.DeepEqual(got.topics, want.topics) ||
			got.version < want.version-1 {
			t.Errorf("byte %d: what is there is another: version %d", at, got.version)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 50 || senseless == 0 {
		t.Errorf("%d of %d damages are refused, %d by who looks for the level", refused, len(good)/61, senseless)
	}
	if !errors.Is(errDamaged, log.ErrCorrupt) {
		t.Error("damage is not an ErrCorrupt")
	}
}

// TestControlUnreadable takes pages of the control database away, as a disk does that cannot read them: the next change
// fails, as the node does, which says what has failed and can be closed. When they are back, what was there is.
func TestControlUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	var told error
	open := func() *control {
		c := &control{path: path, logger: slog.New(slog.NewTextHandler(io.Discard, nil)), homes: 2,
			failed: func(err error) { told = err }, usable: func(Level) error { return nil }, leveled: func(int) {}}
		if err := c.open(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	apply := func(c *control, index uint64, change Change) any {
		b, err := json.Marshal(&change)
		if err != nil {
			t.Fatal(err)
		}
		return c.Apply(&raft.Log{Index: index, Data: b})
	}
	for pages := range int64(6) {
		c := open()
		v := c.view.Load().version
		if got := apply(c, v+1, Change{Put: map[string][]byte{"a": make([]byte, 20000), "b": []byte("some")}}); got != v+1 {
			t.Fatal(got)
		}
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, pages*4096); err != nil {
			t.Fatal(err)
		}
		told = nil
		for range 2 {
			err, failed := apply(c, v+2, Change{Put: map[string][]byte{"b": []byte("other")}}).(error)
			if !failed || !errors.Is(err, ErrFailed) || !errors.Is(told, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) {
				t.Errorf("%d pages: a change: %v; told of %v", pages, err, told)
			}
		}
		if _, err := c.Snapshot(); err == nil {
			t.Errorf("%d pages: a snapshot of a node that has failed", pages)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		c = open()
		if v := c.view.Load(); string(v.documents["b"]) != "some" || len(v.documents["a"]) != 20000 {
			t.Errorf("%d pages: when they are back it is %q", pages, v.documents["b"])
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
	}
}

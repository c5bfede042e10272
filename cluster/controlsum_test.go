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

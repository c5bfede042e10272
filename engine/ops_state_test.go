package engine

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/engine/state"
)

// fileState keeps the state of a graph in a file, as a dataflow does: checkpoints are gathered while steps go on,
// entries are evicted and read again, and a restart goes back to the last checkpoint.
type fileState struct {
	store   *state.Store
	account *state.Account
	gather  *state.Checkpoint
	now     moment // of the checkpoint that is being gathered, or was last
	last    moment // of the one that is written
}

// moment is what had been put in and out.
type moment struct {
	in    []bag
	total bag
}

func momentOf(in []bag, total bag) moment {
	m := moment{total: maps.Clone(total)}
	for _, b := range in {
		m.in = append(m.in, maps.Clone(b))
	}
	return m
}

// shm is a directory that does not wait for a disk, where there is one.
func shm(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ops")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newFileState(t fataler, path string, in []bag) *fileState {
	_ = os.Remove(path)
	s, err := state.Open(path, state.Options{TxChanges: 3, ChunkBytes: 50})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &fileState{store: s, account: &state.Account{}, last: momentOf(in, bag{})}
}

// tend does, at random, what a dataflow does between steps.
func (f *fileState) tend(t *rapid.T, g *Graph, in []bag, total bag) {
	if f.gather == nil && rapid.IntRange(0, 2).Draw(t, "begin") == 0 {
		f.commit(t)
		f.gather, f.now = f.store.Begin(), momentOf(in, total)
		if err := g.Snapshot(func(op uint32) state.Writer { return f.gather.Writer(1, op) }); err != nil {
			t.Fatal(err)
		}
	}
	if f.gather != nil {
		more, err := f.gather.Drain(rapid.IntRange(0, 3).Draw(t, "drain"))
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			f.gather.Commit(nil)
			f.gather = nil
		}
	}
	if rapid.Bool().Draw(t, "settle") {
		f.commit(t)
	}
	f.account.Evict(int64(rapid.IntRange(0, 2000).Draw(t, "evict")))
	f.account.Warm(rapid.IntRange(0, 5).Draw(t, "warm"))
}

// commit waits for the checkpoint that is being written.
func (f *fileState) commit(t *rapid.T) {
	if f.gather != nil {
		return
	}
	if err := f.store.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Settle(); err != nil {
		t.Fatal(err)
	}
	if f.now.in != nil {
		f.last = f.now
	}
}

// restart restores a graph and returns to when the last checkpoint was begun.
func (f *fileState) restart(t *rapid.T, g *Graph, in []bag, total bag) {
	clear(total)
	maps.Copy(total, f.last.total)
	for i, b := range f.last.in {
		clear(in[i])
		maps.Copy(in[i], b)
	}
	f.account.Place(f.store, 1)
	err := g.Restore(func(op uint32, fn func(key, value []byte) error) error {
		return f.store.Load(1, op, func(key, value []byte) error {
			f.account.Evict(100)
			return fn(key, value)
		})
	}, func(op uint32) *state.Region { return f.store.Region(1, op) })
	if err != nil {
		t.Fatal(err)
	}
}

// runInFile is run where state is in a file.
func (h *history) runInFile(t *testing.T) {
	t.Helper()
	path := filepath.Join(shm(t), "state")
	rapid.Check(t, func(t *rapid.T) {
		if h.start != nil {
			h.start()
		}
		in := make([]bag, len(h.rows))
		for i := range in {
			in[i] = bag{}
		}
		total, step := bag{}, []opChange{}
		out := h.output(t, &step)
		f := newFileState(t, path, in)
		defer func() { _ = f.store.Close() }()
		build := func() *Graph {
			ctx := testContext(t, nil)
			f.account = &state.Account{}
			ctx.State = f.account
			g, err := Build(h.plan, ctx, out)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		g := build()
		timed := rapid.Bool().Draw(t, "timed")
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			step = step[:0]
			h.pushStep(t, g, in, timed)
			if err := g.Advance(NoFrontier); err != nil {
				t.Fatal(err)
			}
			h.compare(t, in, total, step)
			f.tend(t, g, in, total)
			// What has a model of its own, which start resets, cannot go back.
			if h.start == nil && f.gather == nil && f.now.in != nil && rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				f.commit(t)
				g = build()
				f.restart(t, g, in, total)
			}
		}
	})
}

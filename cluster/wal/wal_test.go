package wal

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

var (
	_ raft.LogStore          = (*Group)(nil)
	_ raft.MonotonicLogStore = (*Group)(nil)
	_ raft.StableStore       = (*Group)(nil)
)

func open(t testing.TB, dir string, cfg Config) *WAL {
	t.Helper()
	w, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// entry makes an entry whose bytes follow from its group and index.
func entry(group, index, term uint64, size int) *raft.Log {
	data := bytes.Repeat(fmt.Appendf(nil, "%d/%d/%d;", group, index, term), size/6+1)[:size]
	return &raft.Log{Index: index, Term: term, Type: raft.LogCommand, Data: data, AppendedAt: time.Unix(1, int64(index))}
}

func entries(group, first, last, term uint64, size int) (logs []*raft.Log) {
	for i := first; i <= last; i++ {
		logs = append(logs, entry(group, i, term, size))
	}
	return logs
}

func store(t testing.TB, g *Group, logs ...*raft.Log) {
	t.Helper()
	if err := g.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
}

// expect checks that g holds exactly the entries [first, last] of a term and size.
func expect(t testing.TB, g *Group, first, last, term uint64, size int) {
	t.Helper()
	f, _ := g.FirstIndex()
	l, _ := g.LastIndex()
	if f != first || l != last {
		t.Fatalf("group %d holds [%d, %d], want [%d, %d]", g.ID(), f, l, first, last)
	}
	var got raft.Log
	for i := first; i != 0 && i <= last; i++ {
		if err := g.GetLog(i, &got); err != nil {
			t.Fatal(err)
		}
		want := entry(g.ID(), i, term, size)
		if got.Index != i || got.Term != term || !bytes.Equal(got.Data, want.Data) || !got.AppendedAt.Equal(want.AppendedAt) {
			t.Fatalf("group %d index %d: got index %d, term %d, %d bytes", g.ID(), i, got.Index, got.Term, len(got.Data))
		}
	}
	if err := g.GetLog(last+1, &got); err != raft.ErrLogNotFound {
		t.Fatalf("past the end: %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, tail := range []int64{-1, 3000, 1 << 20} {
		t.Run(fmt.Sprint("tail=", tail), func(t *testing.T) {
			dir := t.TempDir()
			cfg := Config{SegmentBytes: 64 << 10, TailBytes: tail}
			w := open(t, dir, cfg)
			a, b := w.Group(1), w.Group(7)
			store(t, a, entries(1, 1, 50, 1, 700)...)
			store(t, b, entries(7, 10, 30, 2, 1500)...)
			store(t, a, entries(1, 51, 200, 1, 700)...)
			expect(t, a, 1, 200, 1, 700)
			expect(t, b, 10, 30, 2, 1500)
			l := entry(1, 201, 1, 700)
			l.Extensions, l.Type = []byte("ext"), raft.LogConfiguration
			store(t, a, l)
			if err := a.SetUint64([]byte("CurrentTerm"), 9); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if err := a.StoreLog(entry(1, 202, 1, 1)); !errors.Is(err, ErrClosed) {
				t.Fatalf("store after close: %v", err)
			}

			w = open(t, dir, cfg)
			a, b = w.Group(1), w.Group(7)
			var got raft.Log
			if err := a.GetLog(201, &got); err != nil || string(got.Extensions) != "ext" || got.Type != raft.LogConfiguration {
				t.Fatalf("extensions: %v, %+v", err, got)
			}
			if err := a.DeleteRange(201, 201); err != nil {
				t.Fatal(err)
			}
			expect(t, a, 1, 200, 1, 700)
			expect(t, b, 10, 30, 2, 1500)
			if v, _ := a.GetUint64([]byte("CurrentTerm")); v != 9 {
				t.Fatalf("term %d", v)
			}
			if v, _ := b.GetUint64([]byte("CurrentTerm")); v != 0 {
				t.Fatalf("term of the other group %d", v)
			}
		})
	}
}

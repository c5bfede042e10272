package engine

import (
	"bytes"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/leatdb/leat/sql/vec"
)

// columns are the rows of a snapshot as columns, in chunks by ranges of keys. A column of a chunk is decoded when a
// query first reads it and kept, within a budget, for the snapshots that follow: until a row of the chunk changes.
type columns struct {
	chunks []*columnChunk // in the order of keys
	rows   int            // how many there were when the ranges were made
	budget *columnBudget
}

// columnChunk is the rows from a key on, up to the next chunk's.
type columnChunk struct {
	from []byte // nil for the first

	mu     sync.Mutex
	n      int           // rows; -1 until they are known
	cols   []*vec.Column // by position in the relation; nil where not decoded
	diff   []int32
	splits [][]byte // keys at which a chunk that has grown is divided
	used   *atomic.Int64
}

// columnBudget bounds the memory of all columns that are kept.
type columnBudget struct {
	limit int64
	used  atomic.Int64
}

const (
	// columnRows is how many rows a chunk has when its range is made.
	columnRows = 4096
	// partialBytes is what a row may take of the budget where rows are in the file alone, and make one chunk at first.
	partialBytes = 200
	// columnsFrom is how many rows a table has at least whose columns are kept.
	columnsFrom = 256
)

// withColumns returns the columns of a new snapshot of the table, which keep what has not changed since the last.
func (t *table) withColumns(s *snapshot, budget *columnBudget) *columns {
	n := s.rows.Len()
	switch {
	case n < columnsFrom || !s.rows.Whole() && int64(n)*partialBytes > budget.limit:
		t.cols = nil
	case t.cols == nil || n > 2*t.cols.rows || n < t.cols.rows/4:
		t.cols = newColumns(s, budget)
		t.stale = make([]bool, len(t.cols.chunks))
	case slices.Contains(t.stale, true):
		t.cols = t.cols.without(t.stale)
		t.stale = make([]bool, len(t.cols.chunks))
	}
	return t.cols
}

func newColumns(s *snapshot, budget *columnBudget) *columns {
	c := &columns{rows: s.rows.Len(), budget: budget}
	c.chunks = []*columnChunk{newColumnChunk(nil, len(s.types))}
	first := true
	s.rows.Spread(columnRows, func(key, _ []byte) {
		if !first {
			c.chunks = append(c.chunks, newColumnChunk(slices.Clone(key), len(s.types)))
		}
		first = false
	})
	return c
}

func newColumnChunk(from []byte, width int) *columnChunk {
	return &columnChunk{from: from, n: -1, cols: make([]*vec.Column, width)}
}

// without returns the columns with new chunks in the place of the stale ones.
func (c *columns) without(stale []bool) *columns {
	out := &columns{rows: c.rows, budget: c.budget, chunks: make([]*columnChunk, 0, len(c.chunks))}
	for i, had := range c.chunks {
		if !stale[i] {
			out.chunks = append(out.chunks, had)
			continue
		}
		out.chunks = append(out.chunks, newColumnChunk(had.from, len(had.cols)))
		had.mu.Lock()
		splits := had.splits
		had.mu.Unlock()
		for _, key := range splits {
			out.chunks = append(out.chunks, newColumnChunk(key, len(had.cols)))
		}
	}
	return out
}

// touch notes that the row of t.key changes.
func (t *table) touch() {
	if t.cols == nil {
		return
	}
	chunks := t.cols.chunks
	i := sort.Search(len(chunks), func(i int) bool { return bytes.Compare(chunks[i].from, t.key) > 0 })
	t.stale[max(i-1, 0)] = true
}

// read returns the rows of chunk i of a snapshot with the wanted columns; those are shared and must not be changed.
func (c *columns) read(s *snapshot, i int, want []bool) *vec.Batch {
	k := c.chunks[i]
	k.mu.Lock()
	defer k.mu.Unlock()
	missing, any := make([]bool, len(want)), k.n < 0
	for pos, wanted := range want {
		missing[pos] = wanted && k.cols[pos] == nil
		any = any || missing[pos]
	}
	if !any {
		return &vec.Batch{N: k.n, Cols: k.cols, Diff: k.diff}
	}
	b := k.decode(s, c.end(i), missing)
	if b.N == 0 {
		k.n = 0
		return b
	}
	cols := slices.Clone(k.cols)
	var size int64
	for pos, col := range b.Cols {
		if col != nil {
			cols[pos] = col
			size += columnBytes(col)
		}
	}
	if c.budget.used.Load()+size <= c.budget.limit {
		k.keep(c.budget, size)
		k.n, k.cols, k.diff = b.N, cols, b.Diff
	}
	return &vec.Batch{N: b.N, Cols: cols, Diff: b.Diff}
}

// end is the key before which chunk i ends; nil for the last.
func (c *columns) end(i int) []byte {
	if i+1 < len(c.chunks) {
		return c.chunks[i+1].from
	}
	return nil
}

// decode reads columns of a chunk from the rows.
func (k *columnChunk) decode(s *snapshot, to []byte, want []bool) *vec.Batch {
	r := snapshotReader{rel: s.rel, types: s.types, rows: s.rows, want: want, next: k.from, to: to}
	b, _ := r.read(2 * columnRows)
	if b == nil {
		return &vec.Batch{Cols: make([]*vec.Column, len(k.cols))}
	}
	k.splits = nil
	for !r.done {
		k.splits = append(k.splits, r.next)
		if more, _ := r.read(columnRows); more != nil {
			for pos, col := range b.Cols {
				if col != nil {
					col.AppendRange(more.Cols[pos], 0, more.N)
				}
			}
			b.Diff = append(b.Diff, more.Diff...)
			b.N += more.N
		}
	}
	b.Time = nil
	if !slices.ContainsFunc(b.Diff, func(d int32) bool { return d != 1 }) {
		b.Diff = nil
	}
	return b
}

// keep counts memory, until the chunk is garbage.
func (k *columnChunk) keep(budget *columnBudget, size int64) {
	if k.used == nil {
		k.used = new(atomic.Int64)
		runtime.AddCleanup(k, func(used *atomic.Int64) { budget.used.Add(-used.Load()) }, k.used)
	}
	k.used.Add(size)
	budget.used.Add(size)
}

// columnBytes is the memory that a column takes.
func columnBytes(c *vec.Column) int64 {
	n := cap(c.Null) + cap(c.Bool) + 8*cap(c.Int) + 8*cap(c.Float) + 24*cap(c.Dec) + 16*cap(c.Ivl) + 4*cap(c.Off) +
		cap(c.Data)
	size := int64(n)
	for _, kid := range c.Kids {
		size += columnBytes(kid)
	}
	return size
}

// scan is a feed of all rows by columns, without event times.
func (c *columns) scan(s *snapshot, want []bool) func() *vec.Batch {
	at := 0
	var rest *vec.Batch
	return func() *vec.Batch {
		for rest == nil || rest.N == 0 {
			if at == len(c.chunks) {
				return nil
			}
			rest = c.read(s, at, want)
			at++
		}
		b := rest
		if n := b.N; n > 2*columnRows {
			b, rest = sliceWanted(rest, want, 0, columnRows), sliceWanted(rest, want, columnRows, n)
			return b
		}
		rest = nil
		return b
	}
}

// sliceWanted is Slice of a batch of which only some columns are there.
func sliceWanted(b *vec.Batch, want []bool, lo, hi int) *vec.Batch {
	out := &vec.Batch{N: hi - lo, Cols: make([]*vec.Column, len(b.Cols))}
	for i, c := range b.Cols {
		if want[i] {
			out.Cols[i] = c.Slice(lo, hi)
		}
	}
	if b.Diff != nil {
		out.Diff = b.Diff[lo:hi:hi]
	}
	return out
}

// columnsOf reports which columns of a relation of so many a scan wants; ok is false when it wants what columns do not
// keep: event times and the keys of rows.
func columnsOf(cols []int, width int) (want []bool, ok bool) {
	want = make([]bool, width)
	for _, pos := range cols {
		if pos < 0 {
			return nil, false
		}
		want[pos] = true
	}
	return want, true
}

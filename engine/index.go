package engine

import (
	"bytes"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/vec"
)

// index finds the row that has certain values in the columns of a UNIQUE constraint. Rows with a NULL among them are
// not in it. It is made from the rows when they are loaded.
type index struct {
	cols []int
	keys *state.Map // the values, as key bytes -> the key of the row
	// buf and was are scratch of reindex.
	buf, was []byte
}

// entry appends to dst the key bytes of row i; ok is false when a value is NULL.
func (x *index) entry(dst []byte, cols []*vec.Column, i int) (_ []byte, ok bool) {
	for _, pos := range x.cols {
		if cols[pos].IsNull(i) {
			return dst, false
		}
		dst = vec.AppendKey(dst, cols[pos], i, false, false)
	}
	return dst, true
}

// reindex follows the change of a row from one value of the state to another; nil stands for none.
func (t *table) reindex(key, from, to []byte) {
	if len(t.uniq) == 0 && len(t.second) == 0 && len(t.joins) == 0 {
		return
	}
	cols, n := t.indexColumns(), 0
	decode := func(val []byte) int {
		if val == nil {
			return -1
		}
		if _, err := vec.DecodeRow(val[8:], cols); err != nil {
			panic("BUG: a row in state cannot be decoded: " + err.Error())
		}
		n++
		return n - 1
	}
	old, now := decode(from), decode(to)
	t.computeIndexes(cols, n)
	t.followIndexes(key, cols, old, now)
	for _, x := range t.uniq {
		var had, has bool
		if old >= 0 {
			x.was, had = x.entry(x.was[:0], cols, old)
		}
		if now >= 0 {
			x.buf, has = x.entry(x.buf[:0], cols, now)
		}
		if had && has && bytes.Equal(x.was, x.buf) {
			continue
		}
		// Records that did not come by way of SQL may break the constraint: the newest row has the entry then.
		if had {
			if owner, ok := x.keys.Get(x.was); ok && bytes.Equal(owner, key) {
				x.keys.Delete(x.was)
			}
		}
		if has {
			x.keys.Set(x.buf, key)
		}
	}
}

// indexColumns returns empty columns for rows of the table, nil where no index has one.
func (t *table) indexColumns() []*vec.Column {
	if len(t.indexCols) != len(t.types) {
		t.indexCols = make([]*vec.Column, len(t.types))
	}
	want := func(columns []int) {
		for _, pos := range columns {
			if t.indexCols[pos] == nil {
				t.indexCols[pos] = vec.NewColumn(t.types[pos])
			}
		}
	}
	for _, x := range t.uniq {
		want(x.cols)
	}
	for _, x := range t.joins {
		x.ready()
		want(x.reads)
	}
	for _, x := range t.second {
		x.ready()
		want(x.reads)
	}
	emptyColumns(t.indexCols)
	return t.indexCols
}

// emptyColumns empties columns, of which some may be nil.
func emptyColumns(cols []*vec.Column) {
	for _, c := range cols {
		if c != nil {
			c.Reset()
		}
	}
}

// decode appends the row of a value of the state to b.
func (t *table) decode(val []byte, b *vec.Batch) {
	if _, err := vec.DecodeRow(val[8:], b.Cols); err != nil {
		panic("BUG: a row in state cannot be decoded: " + err.Error())
	}
	b.N++
}

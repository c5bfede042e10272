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
	t.followJoins(key, from, to)
	if len(t.uniq) == 0 && len(t.second) == 0 {
		return
	}
	b := vec.NewBatch(t.types)
	decode := func(val []byte) int {
		if val == nil {
			return -1
		}
		t.decode(val, b)
		return b.N - 1
	}
	old, now := decode(from), decode(to)
	for _, x := range t.second {
		x.follow(key, b.Cols, old, now)
	}
	for _, x := range t.uniq {
		var gone, come []byte
		var had, has bool
		if old >= 0 {
			gone, had = x.entry(nil, b.Cols, old)
		}
		if now >= 0 {
			come, has = x.entry(nil, b.Cols, now)
		}
		if had && has && bytes.Equal(gone, come) {
			continue
		}
		// Records that did not come by way of SQL may break the constraint: the newest row has the entry then.
		if owner, ok := x.keys.Get(gone); had && ok && bytes.Equal(owner, key) {
			x.keys.Delete(gone)
		}
		if has {
			x.keys.Set(come, key)
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

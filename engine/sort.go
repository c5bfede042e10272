package engine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/vec"
)

// sortOp collects the rows of a pull query and gives them in order at the end. Rows with equal keys stay in the order
// in which they came. Under a limit it throws away from time to time what cannot be among the first.
type sortOp struct {
	ctx           *Context
	by            *sortKeys
	limit, offset int64 // limit -1 for none
	ties          bool  // rows with the key of the last within limit come too
	rows          *vec.Batch
	negative      bool // some row is taken away
}

// sortItem is a row and its key, of which the first eight bytes are at hand as a number.
type sortItem struct {
	prefix uint64
	row    int32
	key    []byte
}

// Process implements Operator.
func (s *sortOp) Process(_ int, in *vec.Batch, _ Emitter) error {
	s.rows.AppendBatch(in)
	s.negative = s.negative || hasNegative(in.Diff)
	if need := s.offset + s.limit; s.limit >= 0 && !s.negative && int64(s.rows.N) > 2*need+4*outRows {
		order, keys, err := s.order()
		if err != nil {
			return err
		}
		s.rows = s.rows.Gather(order[:s.end(order, keys, need)])
	}
	return nil
}

// end returns how many of the rows, which are in order and have these keys, hold the first n copies.
func (s *sortOp) end(order []int32, keys [][]byte, n int64) (at int) {
	for copies := int64(0); at < len(order) && copies < n; at++ {
		copies += int64(s.rows.DiffAt(int(order[at])))
	}
	for s.ties && at > 0 && at < len(order) && bytes.Equal(keys[at], keys[at-1]) {
		at++
	}
	return at
}

// order returns the row numbers in order, and the keys of the rows in the same order.
func (s *sortOp) order() ([]int32, [][]byte, error) {
	cols, bad := s.by.exprs.eval(s.ctx.Env(), s.rows)
	if bad != nil {
		_, err := s.ctx.setAside("sort", s.rows, bad)
		return nil, nil, err
	}
	var data []byte
	ends := make([]int, 1, s.rows.N+1)
	for i := range s.rows.N {
		data = s.by.appendKey(data, cols, i)
		ends = append(ends, len(data))
	}
	items := make([]sortItem, s.rows.N)
	for i := range items {
		key := data[ends[i]:ends[i+1]]
		items[i] = sortItem{keyPrefix(key), int32(i), key}
	}
	slices.SortFunc(items, func(a, b sortItem) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(a.row, b.row))
	})
	order, keys := make([]int32, len(items)), make([][]byte, len(items))
	for i, it := range items {
		order[i], keys[i] = it.row, it.key
	}
	return order, keys, nil
}

func keyPrefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// Advance implements Operator.
func (s *sortOp) Advance(_ int64, out Emitter) error {
	if s.negative {
		s.rows, s.negative = Consolidate(s.rows), false
	}
	if s.rows.N == 0 {
		return nil
	}
	order, keys, err := s.order()
	if err != nil {
		return err
	}
	rows, l := s.rows, limitOp{limit: s.limit, offset: s.offset}
	if s.ties && s.limit > 0 {
		order, l.limit = order[:s.end(order, keys, s.offset+s.limit)], -1
	}
	for lo := 0; lo < len(order) && !l.done(); lo += outRows {
		if err := l.Process(0, rows.Gather(order[lo:min(lo+outRows, len(order))]), out); err != nil {
			return err
		}
	}
	s.rows.Reset()
	return nil
}

// Snapshot implements Operator; a pull query has no checkpoint.
func (s *sortOp) Snapshot(state.Writer) error { return nil }

// Restore implements Operator.
func (s *sortOp) Restore(key, _ []byte) error { return errForeignState(key) }

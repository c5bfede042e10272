package engine

import (
	"bytes"
	"slices"

	"github.com/leatdb/leat/sql/vec"
)

// A difference catches up with its two relations side by side where both keep their rows under the same keys: it reads
// both from one key to another, and takes in only rows that are not the same, which costs a comparison of bytes a row.

// stored is a row as a table keeps it.
type stored struct{ key, value []byte }

// abreast reports whether the view is a difference that stands at the same key of both relations and can go on so.
func (v *view) abreast() bool {
	if !v.differs() || len(v.inputs) < 2 {
		return false
	}
	a, b := v.inputs[0], v.inputs[1]
	if a.chase == nil || b.chase == nil || !bytes.Equal(a.chase.next, b.chase.next) {
		return false
	}
	ra, rb := a.src.rel, b.src.rel
	if counted(ra) || counted(rb) {
		return counted(ra) && counted(rb) && len(ra.Columns) == len(rb.Columns)
	}
	return slices.Equal(ra.Key, rb.Key)
}

// compare goes on in both relations, of each at most limit rows.
func (v *view) compare(limit int) {
	a, b := v.inputs[0], v.inputs[1]
	rows, to := a.some(limit)
	one, other := a.unequal(), b.unequal()
	timed := timedInput(a)
	i, n := 0, 0
	b.src.rows.rows.Scan(b.chase.next, to, func(key, value []byte) bool {
		if n == limit {
			to = bytes.Clone(key)
			return false
		}
		n++
		for ; i < len(rows) && bytes.Compare(rows[i].key, key) < 0; i++ {
			one.add(rows[i])
		}
		if i < len(rows) && bytes.Equal(rows[i].key, key) {
			if i++; same(a, b, rows[i-1].value, value, timed) {
				return true
			}
			one.add(rows[i-1])
		}
		other.add(stored{key, value})
		return true
	})
	for ; i < len(rows) && (to == nil || bytes.Compare(rows[i].key, to) < 0); i++ {
		one.add(rows[i])
	}
	one.hand(i, to)
	other.hand(n, to)
}

// same reports whether rows of two relations are the same in the columns that both have.
func same(a, b *input, x, y []byte, timed bool) bool {
	if timed && !bytes.Equal(x[:8], y[:8]) {
		return false
	}
	if counted(a.src.rel) {
		return bytes.Equal(x[8:], y[8:])
	}
	return vec.RowBegins(y[8:], len(b.src.rel.Columns), x[8:], len(a.src.rel.Columns))
}

// some lists up to limit rows from where the input is, and the key of the one after them; nil when there is none.
func (in *input) some(limit int) (rows []stored, to []byte) {
	in.src.rows.rows.Scan(in.chase.next, nil, func(key, value []byte) bool {
		if len(rows) == limit {
			to = bytes.Clone(key)
			return false
		}
		rows = append(rows, stored{key, value})
		return true
	})
	return rows, to
}

// unequal collects the rows of an input that are not the same as in the other relation.
type unequal struct {
	in  *input
	out *vec.Batch
}

func (in *input) unequal() unequal {
	t := in.src.rows
	out := &vec.Batch{Cols: make([]*vec.Column, len(t.types))}
	for _, pos := range in.scan.Cols {
		if pos >= 0 {
			out.Cols[pos] = vec.NewColumn(t.types[pos])
		}
	}
	return unequal{in, out}
}

func (u unequal) add(r stored) { appendStored(u.out, r.key, r.value, counted(u.in.src.rel)) }

// hand gives the rows to the input, which has read n up to a key.
func (u unequal) hand(n int, to []byte) {
	in := u.in
	if u.out.N > 0 {
		in.pending = append(in.pending, pick(u.out, in.scan, len(in.src.rows.types)))
	}
	in.chase.taken += int64(n)
	in.view.taken += int64(n)
	in.view.slow.take(n)
	if in.chase.next = to; to == nil {
		in.chase = nil
	}
}

package fn

import (
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// NewDistinct returns the state of agg(DISTINCT args): every distinct argument list is kept with its count, and the
// aggregate sees the first of each come and the last of each go.
func NewDistinct(f *Aggregate, args []types.Type, ret types.Type, appendOnly bool) Accumulator {
	d := &distinct{of: f.New(args, ret, appendOnly)}
	for _, t := range args {
		d.changed = append(d.changed, vec.NewColumn(t))
		d.scratch = append(d.scratch, vec.NewColumn(t))
	}
	return d
}

// distinct wraps the state of another aggregate.
type distinct struct {
	of     Accumulator
	groups []map[string]distinctCount // by the arguments' keys

	key     []byte        // scratch
	scratch []*vec.Column // scratch, of the arguments' types
	changed []*vec.Column // the lists that came and went in this update
	in      []int32       // the group of each
	diff    []int32       // +1 or -1
	row     []int32       // the row that caused it
}

// distinctCount is how often an argument list is there, and the list itself as the wrapped aggregate saw it: equal
// lists may differ in what keys do not show, such as 1.0 and 1.00.
type distinctCount struct {
	n   int64
	row string
}

// Update implements Accumulator.
func (a *distinct) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.groups = extend(a.groups, groups)
	for _, col := range a.changed {
		col.Reset()
	}
	a.in, a.diff, a.row = a.in[:0], a.diff[:0], a.row[:0]
	for i, g := range groups {
		a.key = a.key[:0]
		for _, x := range args {
			a.key = vec.AppendKey(a.key, x, x.At(i), false, false)
		}
		if a.groups[g] == nil {
			a.groups[g] = map[string]distinctCount{}
		}
		a.count(i, g, diffAt(diff, i), args)
	}
	if len(a.in) == 0 {
		return
	}
	inner := Call{N: len(a.in), Env: c.Env, Ret: c.Ret}
	a.of.Update(&inner, a.in, a.diff, a.changed)
	for k, err := range inner.Errs {
		c.Fail(int(a.row[k]), err)
	}
}

// count adds d to the list whose key is in a.key, and notes when it comes or goes.
func (a *distinct) count(i int, g int32, d int64, args []*vec.Column) {
	old := a.groups[g][string(a.key)]
	now := old.n + d
	if old.n <= 0 && now > 0 {
		a.scratchRow(args, i)
		old.row = string(vec.AppendRow(nil, a.scratch, 0))
		a.note(g, 1, i, old.row)
	} else if old.n > 0 && now <= 0 {
		a.note(g, -1, i, old.row)
	}
	if now == 0 {
		delete(a.groups[g], string(a.key))
		return
	}
	if now < 0 {
		old.row = ""
	}
	a.groups[g][string(a.key)] = distinctCount{now, old.row}
}

// scratchRow copies row i, constants included, to the scratch columns.
func (a *distinct) scratchRow(args []*vec.Column, i int) {
	for k, col := range a.scratch {
		col.Reset()
		col.AppendFrom(args[k], args[k].At(i))
	}
}

func (a *distinct) note(g, d int32, i int, row string) {
	if _, err := vec.DecodeRow([]byte(row), a.changed); err != nil {
		panic("BUG: aggregate state was checked when it was decoded: " + err.Error())
	}
	a.in, a.diff, a.row = append(a.in, g), append(a.diff, d), append(a.row, int32(i))
}

// Result implements Accumulator.
func (a *distinct) Result(groups []int32, out *vec.Column) { a.of.Result(groups, out) }

// Encode implements Accumulator: the wrapped state, then the lists, ordered by key, with their counts.
func (a *distinct) Encode(g int32, dst []byte) []byte {
	dst = appendSized(dst, a.of.Encode(g, nil))
	lists := at(a.groups, g)
	keys := make([]string, 0, len(lists))
	for k := range lists {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		dst = appendSized(dst, []byte(k))
		dst = binary.AppendVarint(dst, lists[k].n)
		dst = appendSized(dst, []byte(lists[k].row))
	}
	return dst
}

// Decode implements Accumulator.
func (a *distinct) Decode(g int32, src []byte) error {
	var inner []byte
	lists := map[string]distinctCount{}
	if len(src) > 0 {
		r := stateReader{src: src}
		inner = r.bytes()
		for len(r.src) > 0 && !r.bad {
			key := string(r.bytes())
			n := r.varint()
			row := r.bytes()
			r.bad = r.bad || n == 0 || (n > 0) != (len(row) > 0 || len(a.scratch) == 0)
			if n > 0 && !r.bad {
				for _, col := range a.scratch {
					col.Reset()
				}
				rest, err := vec.DecodeRow(row, a.scratch)
				r.bad = err != nil || len(rest) > 0
			}
			lists[key] = distinctCount{n, string(row)}
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	if err := a.of.Decode(g, inner); err != nil {
		return err
	}
	a.groups = set(a.groups, g, lists)
	return nil
}

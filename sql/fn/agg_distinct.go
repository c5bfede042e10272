package fn

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// NewDistinct returns the state of agg(DISTINCT args): every distinct argument list is kept with its count, and the
// aggregate sees it come once and go once.
func NewDistinct(f *Aggregate, args []types.Type, ret types.Type, appendOnly bool) Accumulator {
	d := &distinct{}
	for _, t := range args {
		d.changed = append(d.changed, vec.NewColumn(t))
		d.scratch = append(d.scratch, vec.NewColumn(t))
		class := t.Class()
		oneForm := class == types.ClassBool || class == types.ClassInt ||
			class == types.ClassBytes && t.Kind != types.KindChar
		appendOnly = appendOnly && oneForm // else a form may be taken back for another
	}
	d.of = f.New(args, ret, appendOnly)
	return d
}

// distinct wraps the state of another aggregate.
type distinct struct {
	of     Accumulator
	groups []map[string]forms // by the arguments' keys

	key     []byte        // scratch
	row     []byte        // scratch
	scratch []*vec.Column // scratch, of the arguments' types
	changed []*vec.Column // the lists that came and went in this update
	in      []int32       // the group of each
	diff    []int32       // +1 or -1
	cause   []int32       // the row that caused it
}

// forms are the ways in which equal argument lists are written, such as 1.0 and 1.00, ordered, each with its count.
// The first that is there stands for all, so that the result depends on the rows alone, not on their order.
type forms []form

type form struct {
	row string
	n   int64
}

// shown is the form that stands for all; ok is false when the list is not there.
func (fs forms) shown() (row string, ok bool) {
	total := int64(0)
	for _, f := range fs {
		if total += f.n; f.n > 0 && !ok {
			row, ok = f.row, true
		}
	}
	return row, ok && total > 0
}

// add counts a form d times more. It changes fs.
func (fs forms) add(row []byte, d int64) forms {
	k, ok := slices.BinarySearchFunc(fs, row, func(f form, row []byte) int { return strings.Compare(f.row, string(row)) })
	if !ok {
		return slices.Insert(fs, k, form{string(row), d})
	}
	if fs[k].n += d; fs[k].n == 0 {
		return slices.Delete(fs, k, k+1)
	}
	return fs
}

// Update implements Accumulator.
func (a *distinct) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.groups = extend(a.groups, groups)
	for _, col := range a.changed {
		col.Reset()
	}
	a.in, a.diff, a.cause = a.in[:0], a.diff[:0], a.cause[:0]
	for i, g := range groups {
		a.key = a.key[:0]
		for _, x := range args {
			a.key = vec.AppendKey(a.key, x, x.At(i), false, false)
		}
		if a.groups[g] == nil {
			a.groups[g] = map[string]forms{}
		}
		a.count(i, g, diffAt(diff, i), args)
	}
	if len(a.in) == 0 {
		return
	}
	inner := Call{N: len(a.in), Env: c.Env, Ret: c.Ret}
	a.of.Update(&inner, a.in, a.diff, a.changed)
	for k, err := range inner.Errs {
		c.Fail(int(a.cause[k]), err)
	}
}

// count adds d to the list whose key is in a.key, and notes what comes or goes by it.
func (a *distinct) count(i int, g int32, d int64, args []*vec.Column) {
	for k, col := range a.scratch { // AppendRow takes columns that are not constant
		col.Reset()
		col.AppendFrom(args[k], args[k].At(i))
	}
	a.row = vec.AppendRow(a.row[:0], a.scratch, 0)
	list := a.groups[g][string(a.key)]
	before, was := list.shown()
	list = list.add(a.row, d)
	after, is := list.shown()
	if was && (!is || before != after) {
		a.note(g, -1, i, before)
	}
	if is && (!was || before != after) {
		a.note(g, 1, i, after)
	}
	if len(list) == 0 {
		delete(a.groups[g], string(a.key))
	} else {
		a.groups[g][string(a.key)] = list
	}
}

func (a *distinct) note(g, d int32, i int, row string) {
	if _, err := vec.DecodeRow([]byte(row), a.changed); err != nil {
		panic("BUG: aggregate state was checked when it was decoded: " + err.Error())
	}
	a.in, a.diff, a.cause = append(a.in, g), append(a.diff, d), append(a.cause, int32(i))
}

// Result implements Accumulator.
func (a *distinct) Result(groups []int32, out *vec.Column) { a.of.Result(groups, out) }

// Encode implements Accumulator: the wrapped state, then the forms of every list, ordered by key, with their counts.
func (a *distinct) Encode(g int32, dst []byte) []byte {
	dst = appendSized(dst, a.of.Encode(g, nil))
	lists := at(a.groups, g)
	keys := make([]string, 0, len(lists))
	for k := range lists {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		for _, f := range lists[k] {
			dst = appendSized(binary.AppendVarint(dst, f.n), []byte(f.row))
		}
	}
	return dst
}

// Decode implements Accumulator.
func (a *distinct) Decode(g int32, src []byte) error {
	var inner []byte
	lists := map[string]forms{}
	if len(src) > 0 {
		r := stateReader{src: src}
		inner = r.bytes()
		for len(r.src) > 0 && !r.bad {
			n := r.varint()
			row := r.bytes()
			if key, ok := a.keyOf(row); ok && n != 0 && !r.bad {
				lists[key] = lists[key].add(row, n)
			} else {
				r.bad = true
			}
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

// keyOf returns the key of an argument list as it was written.
func (a *distinct) keyOf(row []byte) (key string, ok bool) {
	for _, col := range a.scratch {
		col.Reset()
	}
	rest, err := vec.DecodeRow(row, a.scratch)
	if err != nil || len(rest) > 0 {
		return "", false
	}
	a.key = a.key[:0]
	for _, col := range a.scratch {
		a.key = vec.AppendKey(a.key, col, 0, false, false)
	}
	return string(a.key), true
}

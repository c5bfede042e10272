package fn

import (
	"encoding/binary"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// countDecls declares count, and the aggregates over booleans, which count too.
func countDecls() []Aggregate {
	newCount := func([]types.Type, types.Type, bool) Accumulator { return &counts{} }
	newBools := func(all bool) func([]types.Type, types.Type, bool) Accumulator {
		return func([]types.Type, types.Type, bool) Accumulator { return &bools{all: all} }
	}
	return []Aggregate{
		{Name: "count", Ret: types.Int8, New: newCount, Doc: Doc{Summary: "Counts the rows."}},
		{Name: "count", Args: in(Any), Ret: types.Int8, New: newCount,
			Doc: Doc{Summary: "Counts the rows in which the argument is not NULL."}},
		{Name: "bool_and", Args: in(types.Bool), Ret: types.Bool, New: newBools(true),
			Doc: Doc{Summary: "Tells whether all values that are not NULL are true."}},
		{Name: "every", Args: in(types.Bool), Ret: types.Bool, New: newBools(true),
			Doc: Doc{Summary: "Another name of bool_and."}},
		{Name: "bool_or", Args: in(types.Bool), Ret: types.Bool, New: newBools(false),
			Doc: Doc{Summary: "Tells whether any value is true."}},
	}
}

// extend gives s an element for every group named.
func extend[S any](s []S, groups []int32) []S {
	top := int32(len(s)) - 1
	for _, g := range groups {
		top = max(top, g)
	}
	if n := int(top) + 1; n > len(s) {
		s = append(s, make([]S, n-len(s))...)
	}
	return s
}

// at returns the state of a group, the zero state when it was never seen.
func at[S any](s []S, g int32) (state S) {
	if int(g) < len(s) {
		return s[g]
	}
	return state
}

// set stores the state of a group.
func set[S any](s []S, g int32, state S) []S {
	s = extend(s, []int32{g})
	s[g] = state
	return s
}

// diffAt is how often row i counts.
func diffAt(diff []int32, i int) int64 {
	if diff == nil {
		return 1
	}
	return int64(diff[i])
}

// stateReader reads what Encode wrote; it remembers that something was missing.
type stateReader struct {
	src []byte
	bad bool
}

func (r *stateReader) varint() int64 {
	v, n := binary.Varint(r.src)
	if n <= 0 {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *stateReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return v
}

// bytes reads a length and that many bytes, as a view.
func (r *stateReader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.bad, r.src = true, nil
		return nil
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

// err tells whether the state was whole.
func (r *stateReader) err() error {
	if r.bad || len(r.src) > 0 {
		return sqlerr.New(sqlerr.DataCorrupted, "malformed aggregate state")
	}
	return nil
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// counts is the state of count.
type counts struct{ n []int64 }

// Update implements Accumulator.
func (a *counts) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.n = extend(a.n, groups)
	n := a.n
	if len(args) == 0 || args[0].Null == nil {
		if diff == nil {
			for _, g := range groups {
				n[g]++
			}
			return
		}
		for i, g := range groups {
			n[g] += int64(diff[i])
		}
		return
	}
	for i, g := range groups {
		if !args[0].IsNull(i) {
			n[g] += diffAt(diff, i)
		}
	}
}

// Result implements Accumulator.
func (a *counts) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		out.AppendInt(at(a.n, g))
	}
}

// Encode implements Accumulator.
func (a *counts) Encode(g int32, dst []byte) []byte { return binary.AppendVarint(dst, at(a.n, g)) }

// Decode implements Accumulator.
func (a *counts) Decode(g int32, src []byte) error {
	if len(src) == 0 {
		a.n = set(a.n, g, 0)
		return nil
	}
	r := stateReader{src: src}
	n := r.varint()
	if err := r.err(); err != nil {
		return err
	}
	a.n = set(a.n, g, n)
	return nil
}

// bools is the state of bool_and and bool_or: how many are true, and false.
type bools struct {
	all    bool
	counts []boolCount
}

type boolCount struct{ yes, no int64 }

// Update implements Accumulator.
func (a *bools) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.counts = extend(a.counts, groups)
	x := args[0]
	for i, g := range groups {
		switch {
		case x.IsNull(i):
		case x.Bool[x.At(i)]:
			a.counts[g].yes += diffAt(diff, i)
		default:
			a.counts[g].no += diffAt(diff, i)
		}
	}
}

// Result implements Accumulator.
func (a *bools) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		switch n := at(a.counts, g); {
		case n.yes <= 0 && n.no <= 0:
			out.AppendNull()
		case a.all:
			out.AppendBool(n.no <= 0)
		default:
			out.AppendBool(n.yes > 0)
		}
	}
}

// Encode implements Accumulator.
func (a *bools) Encode(g int32, dst []byte) []byte {
	n := at(a.counts, g)
	return binary.AppendVarint(binary.AppendVarint(dst, n.yes), n.no)
}

// Decode implements Accumulator.
func (a *bools) Decode(g int32, src []byte) error {
	var n boolCount
	if len(src) > 0 {
		r := stateReader{src: src}
		n.yes, n.no = r.varint(), r.varint()
		if err := r.err(); err != nil {
			return err
		}
	}
	a.counts = set(a.counts, g, n)
	return nil
}

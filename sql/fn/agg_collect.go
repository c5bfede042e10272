package fn

import (
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// collectDecls declares ksqlDB's aggregates that collect values.
func collectDecls() []Aggregate {
	fs := []Aggregate{
		{Name: "collect_list", Args: in(Any), Resolve: listOf, New: newCollected, Arrival: true,
			Doc: Doc{Summary: "Collects the values, NULLs included, in an array."}},
		{Name: "collect_set", Args: in(Any), Resolve: listOf, New: overDistinct(newCollected),
			Doc: Doc{Summary: "Collects the distinct values, NULL included, in an array."}},
		{Name: "count_distinct", Args: in(Any), Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
			params, _, ok := listOf(args)
			return params, types.Int8, ok
		}, New: overDistinct(func([]types.Type, types.Type, bool) Accumulator { return &counts{} }),
			Doc: Doc{Summary: "Counts the distinct values that are not NULL, exactly."}},
		{Name: "attr", Args: in(Any), Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
			params, _, ok := listOf(args)
			if !ok {
				return nil, types.Unknown, false
			}
			return params, params[0], true
		}, New: overDistinct(func(args []types.Type, _ types.Type, _ bool) Accumulator {
			return &collected{lists: lists{args: args}, single: true}
		}), Doc: Doc{Summary: "Gives the value that all rows have, NULL when there are several."}},
		{Name: "histogram", Args: in(types.Text), Ret: types.MapOf(types.Text, types.Int8),
			New: func([]types.Type, types.Type, bool) Accumulator { return &histograms{} },
			Doc: Doc{Summary: "Counts how often each value that is not NULL comes, in a map."}},
	}
	for _, sum := range sumDecls() {
		if sum.Name != "sum" || !sum.Args[0].IsNumber() {
			continue
		}
		fs = append(fs, Aggregate{Name: "sum_list", Args: in(types.ArrayOf(sum.Args[0])), Ret: sum.Ret,
			New: func(args []types.Type, ret types.Type, appendOnly bool) Accumulator {
				return &sumLists{of: sum.New(in(args[0].Elem()), ret, appendOnly), elem: args[0].Elem()}
			}, Doc: Doc{Summary: "Adds up the elements of all arrays."}})
	}
	return fs
}

// listOf resolves an aggregate of one argument of any type to an array of it.
func listOf(args []types.Type) ([]types.Type, types.Type, bool) {
	if len(args) != 1 {
		return nil, types.Unknown, false
	}
	if args[0] == types.Unknown {
		return in(types.Text), types.ArrayOf(types.Text), true
	}
	return args, types.ArrayOf(args[0]), true
}

// newFunc is Aggregate.New.
type newFunc = func(args []types.Type, ret types.Type, appendOnly bool) Accumulator

// overDistinct makes the state of an aggregate that sees every value once.
func overDistinct(of newFunc) newFunc {
	return func(args []types.Type, ret types.Type, appendOnly bool) Accumulator {
		return NewDistinct(&Aggregate{New: of}, args, ret, appendOnly)
	}
}

func newCollected(args []types.Type, _ types.Type, _ bool) Accumulator {
	return &collected{lists: lists{args: args}}
}

// collected is the state of collect_list; single asks for the one value in it.
type collected struct {
	lists
	single bool
}

// Result implements Accumulator.
func (a *collected) Result(groups []int32, out *vec.Column) {
	to := []*vec.Column{out}
	if !a.single {
		to[0] = out.Kids[0]
	}
	for _, g := range groups {
		l := at(a.groups, g)
		if a.single && (len(l) != 1 || l[0].n != 1) {
			out.AppendNull()
			continue
		}
		for _, r := range l {
			for range r.n {
				if _, err := vec.DecodeRow([]byte(r.row), to); err != nil {
					panic("BUG: aggregate state was checked when it was decoded: " + err.Error())
				}
			}
		}
		if !a.single {
			out.CloseList()
		}
	}
}

// histograms is the state of histogram.
type histograms struct {
	counts []map[string]int64
}

// Update implements Accumulator.
func (a *histograms) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.counts = extend(a.counts, groups)
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		if a.counts[g] == nil {
			a.counts[g] = map[string]int64{}
		}
		v := args[0].Bytes(args[0].At(i))
		if n := a.counts[g][string(v)] + diffAt(diff, i); n != 0 {
			a.counts[g][string(v)] = n
		} else {
			delete(a.counts[g], string(v))
		}
	}
}

// sorted returns the values that a group counts.
func (a *histograms) sorted(g int32) []string {
	counts := at(a.counts, g)
	vs := make([]string, 0, len(counts))
	for v := range counts {
		vs = append(vs, v)
	}
	slices.Sort(vs)
	return vs
}

// Result implements Accumulator.
func (a *histograms) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		for _, v := range a.sorted(g) {
			if n := a.counts[g][v]; n > 0 {
				out.Kids[0].AppendString(v)
				out.Kids[1].AppendInt(n)
			}
		}
		out.CloseList()
	}
}

// Encode implements Accumulator.
func (a *histograms) Encode(g int32, dst []byte) []byte {
	for _, v := range a.sorted(g) {
		dst = appendSized(binary.AppendVarint(dst, a.counts[g][v]), []byte(v))
	}
	return dst
}

// Decode implements Accumulator.
func (a *histograms) Decode(g int32, src []byte) error {
	counts := map[string]int64{}
	r := stateReader{src: src}
	for len(r.src) > 0 && !r.bad {
		n := r.varint()
		v := string(r.bytes())
		if counts[v] += n; counts[v] == 0 {
			delete(counts, v)
		}
	}
	if err := r.err(); err != nil {
		return err
	}
	a.counts = set(a.counts, g, counts)
	return nil
}

// sumLists is the state of sum_list: that of a sum, which is given the elements one by one.
type sumLists struct {
	of   Accumulator
	elem types.Type
}

// Update implements Accumulator.
func (a *sumLists) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	elems := vec.NewColumn(a.elem)
	var in, times, cause []int32
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		list, lo, hi := Row{c, args, i}.List(0)
		elems.AppendRange(list.Kids[0], lo, hi)
		for range hi - lo {
			in, times, cause = append(in, g), append(times, int32(diffAt(diff, i))), append(cause, int32(i))
		}
	}
	if len(in) == 0 {
		return
	}
	inner := Call{N: len(in), Env: c.Env, Ret: c.Ret}
	a.of.Update(&inner, in, times, []*vec.Column{elems})
	for k, err := range inner.Errs {
		c.Fail(int(cause[k]), err)
	}
}

// Result implements Accumulator.
func (a *sumLists) Result(groups []int32, out *vec.Column) { a.of.Result(groups, out) }

// Encode implements Accumulator.
func (a *sumLists) Encode(g int32, dst []byte) []byte { return a.of.Encode(g, dst) }

// Decode implements Accumulator.
func (a *sumLists) Decode(g int32, src []byte) error { return a.of.Decode(g, src) }

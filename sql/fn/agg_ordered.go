package fn

import (
	"math"
	"slices"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// orderedSetDecls declares the aggregates of WITHIN GROUP (ORDER BY x): their direct arguments come first, then x.
func orderedSetDecls() []Aggregate {
	f8, ivl := types.Float8, types.IntervalType
	f8s := types.ArrayOf(f8)
	var fs []Aggregate
	add := func(name string, args []types.Type, ret types.Type, doc Doc) {
		state := func(args []types.Type, _ types.Type, by []Order) Accumulator {
			return &percentiles{lists: lists{args: args}, between: name == "percentile_cont", mode: name == "mode",
				desc: len(by) > 0 && by[0].Desc}
		}
		fs = append(fs, Aggregate{Name: name, Args: args, Ret: ret, Doc: doc, Ordered: state,
			New: func(args []types.Type, ret types.Type, _ bool) Accumulator { return state(args, ret, nil) }})
	}
	add("percentile_cont", in(f8, f8), f8, Doc{Summary: "Gives the value at a fraction of the ordered values, " +
		"between two of them if need be; for an array of fractions, an array.",
		Examples: ex("percentile_cont(0.75) WITHIN GROUP (ORDER BY x)", "1.5")})
	add("percentile_cont", in(f8, ivl), ivl, Doc{})
	add("percentile_cont", in(f8s, f8), f8s, Doc{})
	add("percentile_cont", in(f8s, ivl), types.ArrayOf(ivl), Doc{})
	add("percentile_disc", in(f8, AnyElement), AnyElement, Doc{Summary: "Gives the first of the ordered values " +
		"at or after a fraction of them; for an array of fractions, an array.",
		Examples: ex("percentile_disc(ARRAY[0.5, 1]) WITHIN GROUP (ORDER BY x)", "{1,2}")})
	add("percentile_disc", in(f8s, AnyElement), AnyArray, Doc{})
	add("mode", in(AnyElement), AnyElement, Doc{Summary: "Gives the value that is there most often.",
		Examples: ex("mode() WITHIN GROUP (ORDER BY x)", "1")})
	return append(fs, hypotheticalDecls()...)
}

// percentiles is the state of the ordered-set aggregates: every value, with the direct argument, in no order.
type percentiles struct {
	lists
	between, mode, desc bool
}

// Update implements Accumulator. NULLs do not count; a fraction is between 0 and 1.
func (a *percentiles) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	x := args[len(args)-1]
	var sel []int32
	for i := range groups {
		if x.IsNull(i) {
			continue
		}
		if !a.mode {
			if err := checkFractions(args[0], i); err != nil {
				c.Fail(i, err)
				continue
			}
		}
		sel = append(sel, int32(i))
	}
	picked := make([]*vec.Column, len(args))
	for k, col := range args {
		picked[k] = vec.NewColumn(col.Type)
		picked[k].Gather(col.Flat(len(groups)), sel)
	}
	in, times := make([]int32, len(sel)), make([]int32, len(sel))
	for k, i := range sel {
		in[k], times[k] = groups[i], int32(diffAt(diff, int(i)))
	}
	a.lists.Update(c, in, times, picked)
}

// checkFractions refuses fractions that are not between 0 and 1.
func checkFractions(col *vec.Column, i int) error {
	if col.IsNull(i) {
		return nil
	}
	i = col.At(i)
	lo, hi := i, i+1
	if col.Type.Kind == types.KindArray {
		lo, hi, col = int(col.Off[i]), int(col.Off[i+1]), col.Kids[0]
	}
	for k := lo; k < hi; k++ {
		if f := col.Float[k]; !col.IsNull(k) && !(f >= 0 && f <= 1) {
			return sqlerr.New(sqlerr.NumericValueOutOfRange, "percentile value %g is not between 0 and 1", f)
		}
	}
	return nil
}

// Result implements Accumulator.
func (a *percentiles) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		cols, n := a.rows(g)
		x := cols[len(cols)-1]
		if n == 0 || !a.mode && cols[0].IsNull(0) {
			out.AppendNull()
			continue
		}
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			if a.desc {
				i, j = j, i
			}
			return vec.Compare(x, i, x, j)
		})
		switch {
		case a.mode:
			out.AppendFrom(x, mostFrequent(x, order))
		case cols[0].Type.Kind == types.KindArray:
			for k, fractions := 0, cols[0].Kids[0]; k < int(cols[0].Off[1]); k++ {
				if fractions.IsNull(k) {
					out.Kids[0].AppendNull()
				} else {
					a.pick(fractions.Float[k], x, order, out.Kids[0])
				}
			}
			out.CloseList()
		default:
			a.pick(cols[0].Float[0], x, order, out)
		}
	}
}

// pick appends the value at a fraction of the ordered values.
func (a *percentiles) pick(fraction float64, x *vec.Column, order []int, out *vec.Column) {
	n := float64(len(order))
	if !a.between {
		out.AppendFrom(x, order[max(int(math.Ceil(fraction*n))-1, 0)])
		return
	}
	at := fraction * (n - 1)
	lo, hi := order[int(math.Floor(at))], order[int(math.Ceil(at))]
	share := at - math.Floor(at)
	if x.Type.Class() == types.ClassInterval {
		v, w := x.Ivl[lo], x.Ivl[hi]
		if lo != hi {
			if d, err := minusInterval(w, v); err == nil {
				if d, err = mulInterval(d, share); err == nil {
					v, _ = addIntervals(v, d)
				}
			}
		}
		out.AppendIvl(v)
		return
	}
	if lo == hi {
		out.AppendFloat(x.Float[lo])
		return
	}
	out.AppendFloat(x.Float[lo] + share*(x.Float[hi]-x.Float[lo]))
}

// mostFrequent returns the first row of the longest run of equal values.
func mostFrequent(x *vec.Column, order []int) int {
	best, longest := order[0], 0
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && vec.Compare(x, order[from], x, order[to]) == 0 {
			to++
		}
		if to-from > longest {
			best, longest = order[from], to-from
		}
		from = to
	}
	return best
}

// Order is one key of ORDER BY inside an aggregate.
type Order struct{ Desc, NullsFirst bool }

// NewOrdered returns the state of agg(args ORDER BY keys): its rows are the arguments, followed by keys of these types.
// With distinct, equal argument lists count once; then the keys must be among the arguments. env is that of its
// results.
func NewOrdered(
	env *Env, f *Aggregate, args []types.Type, ret types.Type, keys []types.Type, by []Order, distinct bool,
) Accumulator {
	return &ordered{lists: lists{args: slices.Concat(args, keys)}, env: env, of: f, ret: ret, n: len(args), by: by,
		distinct: distinct}
}

// ordered keeps every row, and gives them to the aggregate in order when its value is asked for.
type ordered struct {
	lists
	env      *Env
	of       *Aggregate
	ret      types.Type
	n        int // arguments; the keys come after them
	by       []Order
	distinct bool
}

// Update implements Accumulator. The aggregate sees each row once before it is kept, so that it can refuse it.
func (a *ordered) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	check := Call{N: len(groups), Env: c.Env, Ret: c.Ret}
	trial := a.of.New(a.args[:a.n], a.ret, false)
	each := make([]int32, len(groups))
	for i := range each {
		each[i] = int32(i)
	}
	trial.Update(&check, each, nil, args[:a.n])
	if len(check.Errs) == 0 {
		a.lists.Update(c, groups, diff, args)
		return
	}
	for i, err := range check.Errs {
		c.Fail(i, err)
	}
}

// Result implements Accumulator.
func (a *ordered) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		cols, n := a.rows(g)
		keys := make([][]byte, n)
		order := make([]int32, n)
		for i := range order {
			order[i] = int32(i)
			for k, by := range a.by {
				keys[i] = vec.AppendKey(keys[i], cols[a.n+k], i, by.Desc, by.NullsFirst)
			}
		}
		slices.SortStableFunc(order, func(i, j int32) int { return slices.Compare(keys[i], keys[j]) })
		if a.distinct {
			order = a.once(cols, order)
		}
		args := make([]*vec.Column, a.n)
		for k := range args {
			args[k] = vec.NewColumn(a.args[k])
			args[k].Gather(cols[k], order)
		}
		acc := a.of.New(a.args[:a.n], a.ret, true)
		acc.Update(&Call{N: len(order), Env: a.env, Ret: a.ret}, make([]int32, len(order)), nil, args)
		acc.Result([]int32{0}, out)
	}
}

// once leaves out rows whose arguments came before.
func (a *ordered) once(cols []*vec.Column, order []int32) []int32 {
	seen := map[string]bool{}
	kept := order[:0]
	for _, i := range order {
		var key []byte
		for _, col := range cols[:a.n] {
			key = vec.AppendKey(key, col, int(i), false, false)
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			kept = append(kept, i)
		}
	}
	return kept
}

package fn

import (
	"encoding/binary"
	"math/bits"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// sumDecls declares sum and avg with PostgreSQL's result types.
func sumDecls() []Aggregate {
	sumDoc := Doc{Summary: "Adds the values up; NULL when there are none. Sums of floats are exact, then rounded once, " +
		"so they do not depend on the order of the rows."}
	avgDoc := Doc{Summary: "Gives the arithmetic mean; NULL when there are no values."}
	agg := func(name string, arg, ret types.Type, doc Doc, mean bool) Aggregate {
		return Aggregate{Name: name, Args: in(arg), Ret: ret, Doc: doc,
			New: func([]types.Type, types.Type, bool) Accumulator {
				switch arg.Class() {
				case types.ClassFloat:
					return &floatSums{mean: mean, single: ret.Kind == types.KindFloat4}
				case types.ClassDecimal:
					return &decSums{mean: mean}
				case types.ClassInterval:
					return &intervalSums{mean: mean}
				default:
					return &intSums{mean: mean, wide: ret.Kind == types.KindNumeric}
				}
			}}
	}
	return []Aggregate{
		agg("sum", types.Int8, types.Numeric, sumDoc, false),
		agg("sum", types.Int4, types.Int8, Doc{}, false),
		agg("sum", types.Int2, types.Int8, Doc{}, false),
		agg("sum", types.Float4, types.Float4, Doc{}, false),
		agg("sum", types.Float8, types.Float8, Doc{}, false),
		agg("sum", types.Numeric, types.Numeric, Doc{}, false),
		agg("sum", types.IntervalType, types.IntervalType, Doc{}, false),
		agg("avg", types.Int8, types.Numeric, avgDoc, true),
		agg("avg", types.Int4, types.Numeric, Doc{}, true),
		agg("avg", types.Int2, types.Numeric, Doc{}, true),
		agg("avg", types.Numeric, types.Numeric, Doc{}, true),
		agg("avg", types.Float4, types.Float8, Doc{}, true),
		agg("avg", types.Float8, types.Float8, Doc{}, true),
		agg("avg", types.IntervalType, types.IntervalType, Doc{}, true),
	}
}

// intSums is the state of sum and avg over integers: 128-bit sums, so that no order of rows overflows.
type intSums struct {
	mean, wide bool
	sums       []intSum
}

// intSum is a two's complement sum and the number of values in it.
type intSum struct {
	hi int64
	lo uint64
	n  int64
}

func (s *intSum) add(v, d int64) {
	hi, lo := mulWide(v, d)
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi += hi + int64(carry)
	s.n += d
}

// mulWide is the 128-bit product of two signed numbers.
func mulWide(x, y int64) (hi int64, lo uint64) {
	h, l := bits.Mul64(uint64(x), uint64(y))
	return int64(h) - x>>63&y - y>>63&x, l
}

// Update implements Accumulator.
func (a *intSums) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.sums = extend(a.sums, groups)
	x, sx := args[0].Int, step(args[0])
	null := args[0].Null
	if null == nil && diff == nil && a.wide {
		for i, g := range groups {
			s := &a.sums[g]
			v := x[i*sx]
			var carry uint64
			s.lo, carry = bits.Add64(s.lo, uint64(v), 0)
			s.hi += v>>63 + int64(carry)
			s.n++
		}
		return
	}
	for i, g := range groups {
		if null != nil && null[i*sx] {
			continue
		}
		s := a.sums[g]
		s.add(x[i*sx], diffAt(diff, i))
		if !a.wide && s.hi != int64(s.lo)>>63 {
			c.Fail(i, outOfRange("bigint"))
			continue
		}
		a.sums[g] = s
	}
}

// Result implements Accumulator.
func (a *intSums) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		switch s := at(a.sums, g); {
		case s.n <= 0:
			out.AppendNull()
		case !a.wide:
			out.AppendInt(int64(s.lo))
		case a.mean:
			out.AppendDec(decMean(decFromWide(s.hi, s.lo), s.n))
		default:
			out.AppendDec(decFromWide(s.hi, s.lo))
		}
	}
}

// Encode implements Accumulator.
func (a *intSums) Encode(g int32, dst []byte) []byte {
	s := at(a.sums, g)
	dst = binary.AppendVarint(dst, s.n)
	dst = binary.AppendVarint(dst, int64(s.lo))
	if s.hi != int64(s.lo)>>63 {
		dst = binary.AppendVarint(dst, s.hi)
	}
	return dst
}

// Decode implements Accumulator.
func (a *intSums) Decode(g int32, src []byte) error {
	var s intSum
	if len(src) > 0 {
		r := stateReader{src: src}
		s.n = r.varint()
		lo := r.varint()
		s.lo, s.hi = uint64(lo), lo>>63
		if len(r.src) > 0 {
			s.hi = r.varint()
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.sums = set(a.sums, g, s)
	return nil
}

// intervalSums is the state of sum and avg over intervals.
type intervalSums struct {
	mean bool
	sums []intervalSum
}

type intervalSum struct {
	v types.Interval
	n int64
}

// Update implements Accumulator.
func (a *intervalSums) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.sums = extend(a.sums, groups)
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		d := diffAt(diff, i)
		v, ok := scaleInterval(args[0].Ivl[args[0].At(i)], d)
		if ok {
			v, ok = addIntervals(a.sums[g].v, v)
		}
		if !ok {
			c.Fail(i, intervalRange())
			continue
		}
		a.sums[g] = intervalSum{v, a.sums[g].n + d}
	}
}

// Result implements Accumulator.
func (a *intervalSums) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		s := at(a.sums, g)
		if s.n <= 0 {
			out.AppendNull()
			continue
		}
		if a.mean {
			if v, err := divInterval(s.v, float64(s.n)); err == nil {
				s.v = v
			}
		}
		out.AppendIvl(s.v)
	}
}

// Encode implements Accumulator.
func (a *intervalSums) Encode(g int32, dst []byte) []byte {
	s := at(a.sums, g)
	for _, v := range [...]int64{s.n, int64(s.v.Months), int64(s.v.Days), s.v.Micros} {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

// Decode implements Accumulator.
func (a *intervalSums) Decode(g int32, src []byte) error {
	var s intervalSum
	if len(src) > 0 {
		r := stateReader{src: src}
		s.n = r.varint()
		s.v = types.Interval{Months: int32(r.varint()), Days: int32(r.varint()), Micros: r.varint()}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.sums = set(a.sums, g, s)
	return nil
}

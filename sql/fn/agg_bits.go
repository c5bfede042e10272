package fn

import (
	"encoding/binary"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// bitAggDecls declares the aggregates over the bits of integers.
func bitAggDecls() []Aggregate {
	var fs []Aggregate
	for _, d := range []struct{ name, summary string }{
		{"bit_and", "Gives the bitwise and of the values that are not NULL."},
		{"bit_or", "Gives the bitwise or of the values that are not NULL."},
		{"bit_xor", "Gives the bitwise exclusive or of the values that are not NULL."},
	} {
		for _, t := range in(types.Int4, types.Int2, types.Int8) {
			fs = append(fs, Aggregate{Name: d.name, Args: in(t), Ret: t, Doc: Doc{Summary: d.summary},
				New: func([]types.Type, types.Type, bool) Accumulator { return &bitCounts{name: d.name} }})
		}
	}
	return fs
}

// bitCounts is the state of bit_and, bit_or and bit_xor: how many values have each bit, so that any can be taken away.
type bitCounts struct {
	name   string
	groups []bitCount
}

type bitCount struct {
	n    int64
	ones [64]int64
}

// Update implements Accumulator.
func (a *bitCounts) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.groups = extend(a.groups, groups)
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		s, d := &a.groups[g], diffAt(diff, i)
		s.n += d
		for k, v := 0, uint64(args[0].Int[args[0].At(i)]); v != 0; k, v = k+1, v>>1 {
			if v&1 != 0 {
				s.ones[k] += d
			}
		}
	}
}

// Result implements Accumulator.
func (a *bitCounts) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		s := at(a.groups, g)
		if s.n <= 0 {
			out.AppendNull()
			continue
		}
		var v uint64
		for k, ones := range s.ones {
			if a.name == "bit_and" && ones == s.n || a.name == "bit_or" && ones > 0 || a.name == "bit_xor" && ones&1 != 0 {
				v |= 1 << k
			}
		}
		out.AppendInt(int64(v))
	}
}

// Encode implements Accumulator: the number of values, then the counts up to the last that is not zero.
func (a *bitCounts) Encode(g int32, dst []byte) []byte {
	s := at(a.groups, g)
	dst = binary.AppendVarint(dst, s.n)
	n := len(s.ones)
	for n > 0 && s.ones[n-1] == 0 {
		n--
	}
	for _, ones := range s.ones[:n] {
		dst = binary.AppendVarint(dst, ones)
	}
	return dst
}

// Decode implements Accumulator.
func (a *bitCounts) Decode(g int32, src []byte) error {
	var s bitCount
	if len(src) > 0 {
		r := stateReader{src: src}
		s.n = r.varint()
		for k := 0; len(r.src) > 0 && k < len(s.ones); k++ {
			s.ones[k] = r.varint()
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.groups = set(a.groups, g, s)
	return nil
}

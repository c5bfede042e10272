package fn

import (
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// decSums is the state of sum and avg over numeric: exact, with a count of the values of each scale, because a sum
// shows as many digits as the longest value in it, and that may be taken away.
type decSums struct {
	mean bool
	sums []decSum
}

type decSum struct {
	v                types.Decimal
	n                int64 // values, those below included
	nans, infs, negs int64
	scales           []scaleCount // ordered by scale
}

type scaleCount struct {
	scale int32
	n     int64
}

// add counts v in d times.
func (s *decSum) add(v types.Decimal, d int64) error {
	special := &s.nans
	switch {
	case v.IsNaN():
	case v.IsInf() && v.Sign() > 0:
		special = &s.infs
	case v.IsInf():
		special = &s.negs
	default:
		return s.addFinite(v, d)
	}
	*special += d
	s.n += d
	return nil
}

func (s *decSum) addFinite(v types.Decimal, d int64) error {
	var sum types.Decimal
	var err error
	switch d {
	case 1:
		sum, err = s.v.Add(v)
	case -1:
		sum, err = s.v.Sub(v)
	default:
		if sum, err = v.Mul(types.DecimalFromInt64(d)); err == nil {
			sum, err = s.v.Add(sum)
		}
	}
	if err != nil {
		return err
	}
	s.v = sum
	s.n += d
	s.countScale(v.DisplayScale(), d)
	return nil
}

func (s *decSum) countScale(scale int32, d int64) {
	k, ok := slices.BinarySearchFunc(s.scales, scale, func(c scaleCount, want int32) int { return int(c.scale - want) })
	if !ok {
		s.scales = slices.Insert(s.scales, k, scaleCount{scale, d})
	} else if s.scales[k].n += d; s.scales[k].n == 0 {
		s.scales = slices.Delete(s.scales, k, k+1)
	}
}

func (s *decSum) value() types.Decimal {
	switch {
	case s.nans > 0 || s.infs > 0 && s.negs > 0:
		return types.DecimalNaN
	case s.infs > 0:
		return types.DecimalInf
	case s.negs > 0:
		return types.DecimalNegInf
	}
	scale := int32(0)
	for _, c := range s.scales {
		if c.n > 0 {
			scale = c.scale
		}
	}
	return s.v.Round(scale)
}

// Update implements Accumulator.
func (a *decSums) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.sums = extend(a.sums, groups)
	x, sx, null := args[0].Dec, step(args[0]), args[0].Null
	for i, g := range groups {
		if null == nil || !null[i*sx] {
			if err := a.sums[g].add(x[i*sx], diffAt(diff, i)); err != nil {
				c.Fail(i, err)
			}
		}
	}
}

// Result implements Accumulator.
func (a *decSums) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		s := at(a.sums, g)
		switch {
		case s.n <= 0:
			out.AppendNull()
		case a.mean:
			out.AppendDec(decMean(s.value(), s.n))
		default:
			out.AppendDec(s.value())
		}
	}
}

// Encode implements Accumulator: the counts, the sum, then each scale with its count.
func (a *decSums) Encode(g int32, dst []byte) []byte {
	s := at(a.sums, g)
	for _, v := range [...]int64{s.n, s.nans, s.infs, s.negs} {
		dst = binary.AppendVarint(dst, v)
	}
	col := vec.NewColumn(types.Numeric)
	col.AppendDec(s.v)
	dst = vec.AppendRow(dst, []*vec.Column{col}, 0)
	for _, c := range s.scales {
		dst = binary.AppendVarint(binary.AppendUvarint(dst, uint64(c.scale)), c.n)
	}
	return dst
}

// Decode implements Accumulator.
func (a *decSums) Decode(g int32, src []byte) error {
	var s decSum
	if len(src) > 0 {
		r := stateReader{src: src}
		s.n, s.nans, s.infs, s.negs = r.varint(), r.varint(), r.varint(), r.varint()
		col := vec.NewColumn(types.Numeric)
		rest, err := vec.DecodeRow(r.src, []*vec.Column{col})
		if err != nil || col.IsNull(0) || col.Dec[0].IsNaN() || col.Dec[0].IsInf() {
			r.bad, rest = true, nil
		} else {
			s.v = col.Dec[0]
		}
		for r.src = rest; len(r.src) > 0 && !r.bad; {
			scale, n := r.uvarint(), r.varint()
			r.bad = r.bad || scale > types.MaxDecimalScale
			s.countScale(int32(scale&0xffff), n)
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.sums = set(a.sums, g, s)
	return nil
}

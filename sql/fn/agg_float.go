package fn

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/leatdb/leat/sql/vec"
)

// floatSums is the state of sum and avg over floats. The sum is kept exactly and rounded when it is asked for: what
// was added and taken away again leaves no trace, and the order of the rows does not matter.
type floatSums struct {
	mean, single bool
	sums         []floatSum
}

// floatSum is an exact sum after Radford Neal's small superaccumulator: a fixed-point number in chunks of 32 bits,
// held as int64 so that carries wait. limbs[k] weighs 2^(32*(first+k)-1074); only the chunks that were touched, and
// those between, are there, three or four for values of similar size.
type floatSum struct {
	limbs            []int64
	first            int32
	adds             int32 // additions since the carries were last resolved
	n                int64 // values, those below included
	nans, infs, negs int64
}

// maxAdds is how many additions of less than 2^32 fit an int64 with room to spare.
const maxAdds = 1 << 29

// add counts v in d times.
func (s *floatSum) add(v float64, d int64) {
	s.n += d
	switch {
	case math.IsNaN(v):
		s.nans += d
		return
	case math.IsInf(v, 1):
		s.infs += d
		return
	case math.IsInf(v, -1):
		s.negs += d
		return
	case v == 0 || d == 0:
		return
	}
	b := math.Float64bits(v)
	m, exp := b&(1<<52-1), int(b>>52&0x7ff)
	if exp > 0 {
		m |= 1 << 52
		exp--
	}
	negative := b>>63 != 0
	if d < 0 {
		negative, d = !negative, -d
	}
	for k := 0; d != 0; k, d = k+1, d>>1 {
		if d&1 != 0 {
			s.addShifted(m, exp+k, negative)
		}
	}
}

// addShifted adds m * 2^(exp-1074).
func (s *floatSum) addShifted(m uint64, exp int, negative bool) {
	chunk, shift := int32(exp>>5), uint(exp&31)
	s.reach(chunk, chunk+2)
	l := s.limbs[chunk-s.first:]
	lo, hi := m<<shift, m>>1>>(63-shift)
	if negative {
		l[0] -= int64(lo & math.MaxUint32)
		l[1] -= int64(lo >> 32)
		l[2] -= int64(hi)
	} else {
		l[0] += int64(lo & math.MaxUint32)
		l[1] += int64(lo >> 32)
		l[2] += int64(hi)
	}
	if s.adds++; s.adds >= maxAdds {
		s.carry()
	}
}

// reach makes chunks lo to hi present.
func (s *floatSum) reach(lo, hi int32) {
	if len(s.limbs) == 0 {
		s.first, s.limbs = lo, make([]int64, hi-lo+1)
		return
	}
	if lo < s.first {
		s.limbs = append(make([]int64, s.first-lo, int(s.first-lo)+len(s.limbs)), s.limbs...)
		s.first = lo
	}
	for s.first+int32(len(s.limbs)) <= hi {
		s.limbs = append(s.limbs, 0)
	}
}

// carry brings every chunk but the top one to 0 … 2^32-1; the top one carries the sign. Zero chunks at the ends go.
func (s *floatSum) carry() {
	s.adds = 0
	var c int64
	for k := range s.limbs {
		v := s.limbs[k] + c
		if k == len(s.limbs)-1 {
			if v < math.MinInt32 || v > math.MaxInt32 {
				s.limbs = append(s.limbs, v>>32)
				v &= math.MaxUint32
			}
			s.limbs[k] = v
			break
		}
		s.limbs[k], c = v&math.MaxUint32, v>>32
	}
	for n := len(s.limbs); n > 0 && s.limbs[n-1] == 0; n = len(s.limbs) {
		s.limbs = s.limbs[:n-1]
	}
	for len(s.limbs) > 1 && s.limbs[len(s.limbs)-1] == -1 { // -2^32 + chunk below, so that equal sums look equal
		n := len(s.limbs)
		s.limbs[n-2] -= 1 << 32
		s.limbs = s.limbs[:n-1]
	}
	zeros := 0
	for zeros < len(s.limbs) && s.limbs[zeros] == 0 {
		zeros++
	}
	s.limbs, s.first = s.limbs[zeros:], s.first+int32(zeros)
	if len(s.limbs) == 0 {
		s.limbs, s.first = nil, 0
	}
}

// value rounds the sum to the nearest float64.
func (s *floatSum) value() float64 {
	switch {
	case s.nans > 0 || s.infs > 0 && s.negs > 0:
		return math.NaN()
	case s.infs > 0:
		return math.Inf(1)
	case s.negs > 0:
		return math.Inf(-1)
	}
	s.carry()
	if len(s.limbs) == 0 {
		return 0
	}
	mag, negative := s.magnitude()
	top := len(mag) - 1
	limb := func(k int) uint64 {
		if k < 0 {
			return 0
		}
		return uint64(mag[k])
	}
	shift := uint(bits.LeadingZeros32(uint32(mag[top])))
	m := (limb(top)<<32|limb(top-1))<<shift | limb(top-2)<<shift>>32
	sticky := limb(top-2)<<shift&math.MaxUint32 != 0
	for k := top - 3; k >= 0 && !sticky; k-- {
		sticky = mag[k] != 0
	}
	if sticky {
		m |= 1 // below the rounding place: float64(m) then rounds as the whole sum would
	}
	exp := 32*(int(s.first)+top-1) - int(shift) - 1074
	v := math.Ldexp(float64(m), exp)
	if negative {
		v = -v
	}
	return v
}

// magnitude returns the absolute value as chunks of 32 bits, the top one not zero. The carries are resolved.
func (s *floatSum) magnitude() (mag []uint32, negative bool) {
	mag = make([]uint32, 0, len(s.limbs)+1)
	negative = s.limbs[len(s.limbs)-1] < 0
	var c int64
	for _, v := range s.limbs {
		if negative {
			v = -v
		}
		v += c
		mag = append(mag, uint32(v))
		c = v >> 32
	}
	if c != 0 {
		mag = append(mag, uint32(c))
	}
	for mag[len(mag)-1] == 0 {
		mag = mag[:len(mag)-1]
	}
	return mag, negative
}

// Update implements Accumulator.
func (a *floatSums) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.sums = extend(a.sums, groups)
	x, sx := args[0].Float, step(args[0])
	null := args[0].Null
	for i, g := range groups {
		if null != nil && null[i*sx] {
			continue
		}
		a.sums[g].add(x[i*sx], diffAt(diff, i))
	}
}

// Result implements Accumulator.
func (a *floatSums) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		if int(g) >= len(a.sums) || a.sums[g].n <= 0 {
			out.AppendNull()
			continue
		}
		v := a.sums[g].value()
		if a.mean {
			v /= float64(a.sums[g].n)
		}
		if a.single {
			v = float64(float32(v))
		}
		out.AppendFloat(v)
	}
}

// Encode implements Accumulator: the counts, then the place of the first chunk and the chunks.
func (a *floatSums) Encode(g int32, dst []byte) []byte {
	if int(g) >= len(a.sums) {
		return append(dst, 0, 0, 0, 0, 0)
	}
	s := &a.sums[g]
	s.carry()
	for _, v := range [...]int64{s.n, s.nans, s.infs, s.negs, int64(s.first)} {
		dst = binary.AppendVarint(dst, v)
	}
	for _, v := range s.limbs {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

// maxChunk is the highest chunk that any number of any floats can reach.
const maxChunk = 80

// Decode implements Accumulator.
func (a *floatSums) Decode(g int32, src []byte) error {
	var s floatSum
	if len(src) > 0 {
		r := stateReader{src: src}
		s.n, s.nans, s.infs, s.negs = r.varint(), r.varint(), r.varint(), r.varint()
		first := r.varint()
		r.bad = r.bad || first < 0 || first > maxChunk
		for len(r.src) > 0 && !r.bad {
			v := r.varint()
			s.limbs = append(s.limbs, v)
			r.bad = r.bad || len(s.limbs) > maxChunk || v < -1<<32 || v > 1<<32
		}
		if err := r.err(); err != nil {
			return err
		}
		s.first = int32(first)
		s.carry()
	}
	a.sums = set(a.sums, g, s)
	return nil
}

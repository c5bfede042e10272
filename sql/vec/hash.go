package vec

import (
	"encoding/binary"
	"math/bits"

	"github.com/leatdb/leat/sql/types"
)

// Odd constants with well mixed bits, from the golden ratio and wyhash.
const (
	hashSeed = 0x9e3779b97f4a7c15
	hashNull = 0xe7037ed1a0b428db
	hashM1   = 0xa0761d6478bd642f
	hashM2   = 0x8ebc6af09c88c6e3
)

// fold multiplies to 128 bits and folds the halves.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// mix adds v to the hash h.
func mix(h, v uint64) uint64 { return fold(h^hashM1, v^hashM2^bits.RotateLeft64(h, 32)) }

// Hash hashes the first n rows over all cols into out, which it returns, made longer when needed. Rows whose values are
// equal as keys (NULL equals NULL, 1.0 equals 1.00) hash equally, on every machine and in every version: hashes may be
// stored and say which partition a row belongs to.
func Hash(cols []*Column, n int, out []uint64) []uint64 {
	if cap(out) < n {
		out = make([]uint64, n)
	}
	out = out[:n]
	for i := range out {
		out[i] = hashSeed
	}
	for _, c := range cols {
		hashColumn(c, out)
	}
	return out
}

// HashValue returns what Hash gives for a row of these values.
func HashValue(vs ...types.Value) uint64 {
	cols := make([]*Column, len(vs))
	for i, v := range vs {
		cols[i] = ConstColumn(v)
	}
	var out [1]uint64
	return Hash(cols, 1, out[:])[0]
}

func hashColumn(c *Column, out []uint64) {
	if c.Const {
		v := hashRow(c, 0)
		for i, h := range out {
			out[i] = mix(h, v)
		}
		return
	}
	if c.Null != nil {
		hashNullable(c, out)
		return
	}
	switch c.Type.Class() {
	case types.ClassInt:
		for i, v := range c.Int[:len(out)] {
			out[i] = mix(out[i], uint64(v))
		}
	case types.ClassFloat:
		for i, v := range c.Float[:len(out)] {
			out[i] = mix(out[i], floatBits(v))
		}
	case types.ClassBytes:
		hashBytesColumn(c, out)
	default:
		for i, h := range out {
			out[i] = mix(h, hashRow(c, i))
		}
	}
}

// hashNullable hashes a column that has NULLs.
func hashNullable(c *Column, out []uint64) {
	if c.Type.Class() == types.ClassInt {
		for i, v := range c.Int[:len(out)] {
			x := uint64(v)
			if c.Null[i] {
				x = hashNull
			}
			out[i] = mix(out[i], x)
		}
		return
	}
	for i, h := range out {
		out[i] = mix(h, hashRow(c, i))
	}
}

func hashBytesColumn(c *Column, out []uint64) {
	if c.Type.Kind == types.KindChar || c.Type.Kind == types.KindJSONB {
		for i, h := range out {
			out[i] = mix(h, hashRow(c, i))
		}
		return
	}
	for i, h := range out {
		out[i] = mix(h, hashBytes(c.Data[c.Off[i]:c.Off[i+1]]))
	}
}

// hashRow hashes one row of one column.
func hashRow(c *Column, i int) uint64 {
	if c.IsNull(i) {
		return hashNull
	}
	switch c.Type.Class() {
	case types.ClassBool:
		if c.Bool[i] {
			return 1
		}
		return 0
	case types.ClassInt:
		return uint64(c.Int[i])
	case types.ClassFloat:
		return floatBits(c.Float[i])
	case types.ClassDecimal:
		return hashDecimal(c.Dec[i])
	case types.ClassInterval:
		hi, lo := c.Ivl[i].Span()
		return mix(uint64(hi), lo)
	case types.ClassBytes:
		switch c.Type.Kind {
		case types.KindChar:
			return hashBytes(trimBlanks(c.Bytes(i)))
		case types.KindJSONB:
			return hashBytes(types.AppendJSONBKey(nil, c.Bytes(i)))
		}
		return hashBytes(c.Bytes(i))
	case types.ClassList:
		h := uint64(c.Off[i+1] - c.Off[i])
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			h = mix(h, hashRow(c.Kids[0], j))
		}
		return h
	case types.ClassMap: // the order of entries does not matter
		var h uint64
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			h += mix(mix(hashSeed, hashRow(c.Kids[0], j)), hashRow(c.Kids[1], j))
		}
		return h
	default:
		h := uint64(hashSeed)
		for _, k := range c.Kids {
			h = mix(h, hashRow(k, i))
		}
		return h
	}
}

func hashDecimal(d types.Decimal) uint64 {
	coef, digits, exp, ok := d.Reduce()
	switch {
	case !ok && d.IsNaN():
		return 2
	case !ok:
		return uint64(3 + d.Sign())
	case digits != "":
		return mix(hashBytes(digits), mix(uint64(coef), uint64(exp)))
	default:
		return mix(uint64(coef), uint64(exp))
	}
}

// hashBytes is of wyhash's kind: sixteen bytes a multiplication.
func hashBytes[S string | []byte](s S) uint64 {
	h := uint64(hashSeed) ^ uint64(len(s))
	b := []byte(s)
	for len(b) > 16 {
		h = fold(binary.LittleEndian.Uint64(b)^hashM1, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	var x, y uint64
	switch {
	case len(b) >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[len(b)-8:])
	case len(b) >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	case len(b) > 0:
		x = uint64(b[0])<<16 | uint64(b[len(b)>>1])<<8 | uint64(b[len(b)-1])
	}
	return fold(x^hashM1^h, y^hashM2^bits.RotateLeft64(h, 23))
}

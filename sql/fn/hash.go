package fn

import (
	"encoding/binary"
	"math/bits"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jenkins is the hash function of PostgreSQL: three words that are mixed with twelve bytes at a time.
type jenkins struct{ a, b, c uint32 }

func (h *jenkins) mix() {
	h.a = (h.a - h.c) ^ bits.RotateLeft32(h.c, 4)
	h.c += h.b
	h.b = (h.b - h.a) ^ bits.RotateLeft32(h.a, 6)
	h.a += h.c
	h.c = (h.c - h.b) ^ bits.RotateLeft32(h.b, 8)
	h.b += h.a
	h.a = (h.a - h.c) ^ bits.RotateLeft32(h.c, 16)
	h.c += h.b
	h.b = (h.b - h.a) ^ bits.RotateLeft32(h.a, 19)
	h.a += h.c
	h.c = (h.c - h.b) ^ bits.RotateLeft32(h.b, 4)
	h.b += h.a
}

func (h *jenkins) finish() {
	h.c = (h.c ^ h.b) - bits.RotateLeft32(h.b, 14)
	h.a = (h.a ^ h.c) - bits.RotateLeft32(h.c, 11)
	h.b = (h.b ^ h.a) - bits.RotateLeft32(h.a, 25)
	h.c = (h.c ^ h.b) - bits.RotateLeft32(h.b, 16)
	h.a = (h.a ^ h.c) - bits.RotateLeft32(h.c, 4)
	h.b = (h.b ^ h.a) - bits.RotateLeft32(h.a, 14)
	h.c = (h.c ^ h.b) - bits.RotateLeft32(h.b, 24)
}

// start begins with the length of what is hashed, and a seed unless it is 0.
func start(length int, seed int64) jenkins {
	v := uint32(0x9e3779b9) + uint32(length) + 3923095
	h := jenkins{v, v, v}
	if seed != 0 {
		h.a += uint32(uint64(seed) >> 32)
		h.b += uint32(seed)
		h.mix()
	}
	return h
}

// hashBytes hashes bytes as PostgreSQL does on machines that put the low byte first.
func hashBytes(s []byte, seed int64) jenkins {
	h := start(len(s), seed)
	for ; len(s) >= 12; s = s[12:] {
		h.a += binary.LittleEndian.Uint32(s)
		h.b += binary.LittleEndian.Uint32(s[4:])
		h.c += binary.LittleEndian.Uint32(s[8:])
		h.mix()
	}
	for i, c := range s { // the low byte of the third word is kept for the length
		switch shift := uint(i % 4 * 8); i / 4 {
		case 0:
			h.a += uint32(c) << shift
		case 1:
			h.b += uint32(c) << shift
		default:
			h.c += uint32(c) << (shift + 8)
		}
	}
	h.finish()
	return h
}

func hashWord(w uint32) jenkins {
	h := start(4, 0)
	h.a += w
	h.finish()
	return h
}

// hashDecls declares the hash functions of PostgreSQL that clients make the numbers of advisory locks with.
func hashDecls() []Scalar {
	text, i4, i8 := types.Text, types.Int4, types.Int8
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row) int64, summary string, examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error { out.AppendInt(f(r)); return nil }),
			Doc:    Doc{Category: "hash", Summary: summary, Examples: ex(examples...)}})
	}
	add("hashtext", in(text), i4, func(r Row) int64 { return int64(int32(hashBytes(r.Bytes(0), 0).c)) },
		"Makes a number of a text, the same as PostgreSQL does.", "hashtext('abc')", "-785388649")
	add("hashtextextended", in(text, i8), i8, func(r Row) int64 {
		h := hashBytes(r.Bytes(0), r.Int(1))
		return int64(uint64(h.b)<<32 | uint64(h.c))
	}, "Makes a big number of a text and a seed, the same as PostgreSQL does.")
	add("hashint4", in(i4), i4, func(r Row) int64 { return int64(int32(hashWord(uint32(r.Int(0))).c)) },
		"Makes another number of a number, the same as PostgreSQL does.")
	add("hashint8", in(i8), i4, func(r Row) int64 {
		v := r.Int(0)
		low, high := uint32(v), uint32(uint64(v)>>32)
		if v < 0 {
			high = ^high
		}
		return int64(int32(hashWord(low ^ high).c))
	}, "Makes another number of a big number, the same as PostgreSQL does.")
	return fs
}

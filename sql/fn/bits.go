package fn

import "github.com/leatdb/leat/sql/types"

// bitDecls declares the operators over the bits of integers.
func bitDecls() []Scalar {
	var fs []Scalar
	for k, t := range in(types.Int4, types.Int2, types.Int8) {
		width := map[types.Kind]uint{types.KindInt2: 16, types.KindInt4: 32, types.KindInt8: 64}[t.Kind]
		shiftMask := int64(31)
		if width == 64 {
			shiftMask = 63
		}
		// left cuts to the width, keeping the sign.
		left := func(x, n int64) int64 { return x << uint(n&shiftMask) << (64 - width) >> (64 - width) }
		right := func(x, n int64) int64 { return x >> uint(n&shiftMask) }
		add := func(op string, args []types.Type, f func(x, y int64) int64, summary, example, want string) {
			fs = append(fs, Scalar{Name: op, Args: args, Ret: t, Strict: true, Total: true, Kernel: pairwise(f),
				Doc: first(k, "bits", summary, example, want)})
		}
		add("&", in(t, t), func(x, y int64) int64 { return x & y }, "Bitwise and.", "91 & 15", "11")
		add("|", in(t, t), func(x, y int64) int64 { return x | y }, "Bitwise or.", "32 | 3", "35")
		add("#", in(t, t), func(x, y int64) int64 { return x ^ y }, "Bitwise exclusive or.", "17 # 5", "20")
		add("<<", in(t, types.Int4), left, "Shifts to the left.", "1 << 4", "16")
		add(">>", in(t, types.Int4), right, "Shifts to the right.", "8 >> 2", "2")
		fs = append(fs, Scalar{Name: "prefix ~", Args: in(t), Ret: t, Strict: true, Total: true,
			Kernel: unary(func(x int64) int64 { return ^x }), Doc: first(k, "bits", "Bitwise not.", "~ 1", "-2")})
	}
	return fs
}

package vec

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/leatdb/leat/sql/types"
)

// Keys are bytes whose order is the SQL order of the values, and that are equal when the values are. A key is a flag
// byte and, unless NULL, a body, and no body is a prefix of another, so keys may be concatenated:
//
//	flag      00 NULL first, 01 not NULL, 02 NULL last
//	bool      00 or 01
//	int       8 bytes big-endian, sign bit flipped
//	float     8 bytes big-endian, sign bit flipped when positive, all bits when negative; -0 as 0, one NaN
//	numeric   01 -Infinity, 02 negative, 03 zero, 04 positive, 05 Infinity, 06 NaN; then, inverted when negative,
//	          the exponent e in 0.d1d2… * 10^e as 4 bytes like an int, pairs of digits plus 1, and 00
//	interval  16 bytes: its span (types.Interval.Span) like an int
//	bytes     with 00 written as 00 FF, and 00 01 at the end; uuid 16 bytes as they are; char(n) without blanks at
//	          the end
//	jsonb     see types.AppendJSONBKey
//	list      01 or 02 (NULL) and body for each element, 00 at the end
//	map       key and value for each entry, in the order of the encoded keys, like a list
//	struct    like a list of its fields without the 00
//
// A descending key has all bits of the body inverted.
const (
	keyNullFirst = 0x00
	keyNotNull   = 0x01
	keyNullLast  = 0x02
	keyEnd       = 0x00
)

// AppendKey appends the key of row i of c.
func AppendKey(dst []byte, c *Column, i int, desc, nullsFirst bool) []byte {
	if c.IsNull(i) {
		return appendNullKey(dst, nullsFirst)
	}
	dst = append(dst, keyNotNull)
	start := len(dst)
	dst = appendBody(dst, c, c.At(i))
	if desc {
		invert(dst[start:])
	}
	return dst
}

// AppendKeyValue appends the key of v, the same as AppendKey does for a column's row.
func AppendKeyValue(dst []byte, v types.Value, desc, nullsFirst bool) []byte {
	if v.Null {
		return appendNullKey(dst, nullsFirst)
	}
	return AppendKey(dst, ConstColumn(v), 0, desc, nullsFirst)
}

func appendNullKey(dst []byte, nullsFirst bool) []byte {
	if nullsFirst {
		return append(dst, keyNullFirst)
	}
	return append(dst, keyNullLast)
}

func invert(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// appendBody appends the key of row i, which is not NULL, without the flag.
func appendBody(dst []byte, c *Column, i int) []byte {
	switch c.Type.Class() {
	case types.ClassBool:
		if c.Bool[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case types.ClassInt:
		return binary.BigEndian.AppendUint64(dst, uint64(c.Int[i])^1<<63)
	case types.ClassFloat:
		return appendFloatKey(dst, c.Float[i])
	case types.ClassDecimal:
		return c.Dec[i].AppendKey(dst)
	case types.ClassInterval:
		hi, lo := c.Ivl[i].Span()
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(hi)^1<<63), lo)
	case types.ClassBytes:
		return appendBytesKey(dst, c.Type.Kind, c.Bytes(i))
	case types.ClassList:
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			dst = AppendKey(dst, c.Kids[0], j, false, false)
		}
		return append(dst, keyEnd)
	case types.ClassMap:
		return appendMapKey(dst, c, i)
	default:
		for _, k := range c.Kids {
			dst = AppendKey(dst, k, i, false, false)
		}
		return dst
	}
}

func appendFloatKey(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, floatOrder(f))
}

// floatOrder maps floats to unsigned integers in the same order.
func floatOrder(f float64) uint64 {
	b := floatBits(f)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// floatBits returns the same bits for floats that SQL holds equal.
func floatBits(f float64) uint64 {
	if f == 0 {
		return 0
	}
	if f != f {
		return 0x7ff8000000000000
	}
	return math.Float64bits(f)
}

func appendBytesKey(dst []byte, k types.Kind, b []byte) []byte {
	switch k {
	case types.KindUUID:
		if len(b) == 16 {
			return append(dst, b...)
		}
	case types.KindChar:
		b = trimBlanks(b)
	case types.KindJSONB:
		return types.AppendJSONBKey(dst, b)
	}
	return appendEscaped(dst, b)
}

func appendEscaped(dst, b []byte) []byte {
	for {
		at := bytes.IndexByte(b, 0)
		if at < 0 {
			break
		}
		dst = append(append(dst, b[:at]...), 0x00, 0xff)
		b = b[at+1:]
	}
	return append(append(dst, b...), 0x00, 0x01)
}

func appendMapKey(dst []byte, c *Column, i int) []byte {
	lo, hi := int(c.Off[i]), int(c.Off[i+1])
	entries := make([][]byte, 0, hi-lo)
	for j := lo; j < hi; j++ {
		e := AppendKey(nil, c.Kids[0], j, false, false)
		entries = append(entries, AppendKey(e, c.Kids[1], j, false, false))
	}
	slices.SortFunc(entries, bytes.Compare)
	for _, e := range entries {
		dst = append(dst, e...)
	}
	return append(dst, keyEnd)
}

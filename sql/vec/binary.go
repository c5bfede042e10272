package vec

import (
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/sql/types"
)

// AppendBinary appends row i, which is not NULL, as types.AppendBinary does.
func (c *Column) AppendBinary(dst []byte, i int) []byte {
	i = c.At(i)
	switch c.Type.Class() {
	case types.ClassBool:
		return types.AppendBoolBinary(dst, c.Bool[i])
	case types.ClassInt:
		return types.AppendIntBinary(dst, c.Type, c.Int[i])
	case types.ClassFloat:
		return types.AppendFloatBinary(dst, c.Type, c.Float[i])
	case types.ClassDecimal:
		return types.AppendDecimalBinary(dst, c.Dec[i])
	case types.ClassInterval:
		return types.AppendIntervalBinary(dst, c.Ivl[i])
	case types.ClassBytes:
		return types.AppendBytesBinary(dst, c.Type, c.Bytes(i))
	case types.ClassList:
		if c.Kids[0].Type.Kind == types.KindArray {
			return types.AppendBinary(dst, c.Value(i))
		}
		return c.appendArrayBinary(dst, i)
	case types.ClassStruct:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(c.Kids)))
		for _, k := range c.Kids {
			dst = binary.BigEndian.AppendUint32(dst, k.Type.OID())
			dst = k.appendSized(dst, i)
		}
		return dst
	default:
		return types.AppendBinary(dst, c.Value(i))
	}
}

// appendArrayBinary appends an array of one dimension.
func (c *Column) appendArrayBinary(dst []byte, i int) []byte {
	elems := c.Kids[0]
	lo, hi := int(c.Off[i]), int(c.Off[i+1])
	dims, null := uint32(1), uint32(0)
	if lo == hi {
		dims = 0
	}
	for j := lo; j < hi; j++ {
		if elems.IsNull(j) {
			null = 1
			break
		}
	}
	dst = binary.BigEndian.AppendUint32(dst, dims)
	dst = binary.BigEndian.AppendUint32(dst, null)
	dst = binary.BigEndian.AppendUint32(dst, elems.Type.OID())
	if lo == hi {
		return dst
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(hi-lo))
	lower := byte(1)
	if c.Type.IsVector() {
		lower = 0
	}
	dst = append(dst, 0, 0, 0, lower)
	for j := lo; j < hi; j++ {
		dst = elems.appendSized(dst, j)
	}
	return dst
}

// appendSized appends row i with its length before it, -1 for NULL.
func (c *Column) appendSized(dst []byte, i int) []byte {
	if c.IsNull(i) {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	}
	start := len(dst)
	dst = c.AppendBinary(append(dst, 0, 0, 0, 0), i)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// ParseAppendBinary reads a value in the binary format, as types.ParseBinary does, and appends it.
func (c *Column) ParseAppendBinary(b []byte) error {
	v, err := types.ParseBinary(c.Type, b)
	if err == nil {
		c.AppendValue(v)
	}
	return err
}

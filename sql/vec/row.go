package vec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/leatdb/leat/sql/types"
)

// A row is the state's form of one row of columns: compact, exact (a numeric keeps its scale) and not ordered.
//
//	shapes   two bits a column, from the low bits of the first byte on: how its field is laid out
//	fields   one after the other
//
// The shapes let a reader pass over a field without knowing its type:
//
//	0  NULL, no bytes
//	1  a varint: bool (0 or 1), integers in zigzag
//	2  8 bytes little-endian: float
//	3  a varint length and as many bytes: text and the like as they are; interval its months, days and microseconds as
//	   zigzag varints; numeric as in appendDecimalRow; list a varint count and a row of its elements; map a count, a row
//	   of its keys and a row of its values; struct a row of its fields
const (
	shapeNull = iota
	shapeVarint
	shapeFixed
	shapeSized
)

// ErrRow is the error of DecodeRow for bytes that AppendRow did not make, or made for other columns.
var ErrRow = errors.New("vec: corrupt row")

func shapeOf(t types.Type) byte {
	switch t.Class() {
	case types.ClassBool, types.ClassInt:
		return shapeVarint
	case types.ClassFloat:
		return shapeFixed
	default:
		return shapeSized
	}
}

// AppendRow appends row i of cols. A nil column is written as NULL.
func AppendRow(dst []byte, cols []*Column, i int) []byte {
	head := len(dst)
	dst = appendZeros(dst, (len(cols)+3)/4)
	for k, c := range cols {
		if c == nil || c.IsNull(i) {
			continue
		}
		dst[head+k>>2] |= shapeOf(c.Type) << (k & 3 * 2)
		dst = appendField(dst, c, c.At(i))
	}
	return dst
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, 0)
	}
	return dst
}

// appendField appends row i of c, which is not NULL.
func appendField(dst []byte, c *Column, i int) []byte {
	switch c.Type.Class() {
	case types.ClassBool:
		if c.Bool[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case types.ClassInt:
		return binary.AppendVarint(dst, c.Int[i])
	case types.ClassFloat:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.Float[i]))
	case types.ClassBytes:
		b := c.Bytes(i)
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	}
	start := len(dst)
	switch c.Type.Class() {
	case types.ClassDecimal:
		dst = appendDecimalRow(dst, c.Dec[i])
	case types.ClassInterval:
		v := c.Ivl[i]
		dst = binary.AppendVarint(dst, int64(v.Months))
		dst = binary.AppendVarint(dst, int64(v.Days))
		dst = binary.AppendVarint(dst, v.Micros)
	case types.ClassStruct:
		dst = AppendRow(dst, c.Kids, i)
	default:
		lo, hi := int(c.Off[i]), int(c.Off[i+1])
		dst = binary.AppendUvarint(dst, uint64(hi-lo))
		for _, k := range c.Kids {
			dst = appendElems(dst, k, lo, hi)
		}
	}
	return insertSize(dst, start)
}

// appendElems appends rows lo to hi of c in the form of one row with as many columns.
func appendElems(dst []byte, c *Column, lo, hi int) []byte {
	head := len(dst)
	dst = appendZeros(dst, (hi-lo+3)/4)
	for k := range hi - lo {
		if c.IsNull(lo + k) {
			continue
		}
		dst[head+k>>2] |= shapeOf(c.Type) << (k & 3 * 2)
		dst = appendField(dst, c, lo+k)
	}
	return dst
}

// insertSize puts the length of dst[start:] before it.
func insertSize(dst []byte, start int) []byte {
	var buf [binary.MaxVarintLen64]byte
	size := len(dst) - start
	n := binary.PutUvarint(buf[:], uint64(size))
	dst = append(dst, buf[:n]...)
	copy(dst[start+n:], dst[start:start+size])
	copy(dst[start:], buf[:n])
	return dst
}

// Numerics in rows: small ones are their coefficient as a zigzag varint and, unless it is 0, the scale as a varint.
// Others begin with the scale, then one byte of these and the coefficient's magnitude, big-endian; as a varint of
// minimal length never begins with 80 00, these two bytes tell them apart.
const (
	rowDecPositive = iota
	rowDecNegative
	rowDecInf
	rowDecNegInf
	rowDecNaN
)

func appendDecimalRow(dst []byte, d types.Decimal) []byte {
	if d.Big == nil {
		dst = binary.AppendVarint(dst, d.Coef)
		if d.Scale != 0 {
			dst = binary.AppendUvarint(dst, uint64(uint32(d.Scale)))
		}
		return dst
	}
	if d.Big.Exponent > 0 && !d.IsNaN() && !d.IsInf() {
		d = d.Round(0)
	}
	dst = append(dst, 0x80, 0x00)
	switch {
	case d.IsNaN():
		return append(dst, rowDecNaN)
	case d.IsInf() && d.Sign() < 0:
		return append(dst, rowDecNegInf)
	case d.IsInf():
		return append(dst, rowDecInf)
	case d.Big.Negative:
		dst = append(dst, rowDecNegative)
	default:
		dst = append(dst, rowDecPositive)
	}
	dst = binary.AppendVarint(dst, -int64(d.Big.Exponent))
	return append(dst, d.Big.Coeff.Bytes()...)
}

func decodeDecimalRow(b []byte) (types.Decimal, bool) {
	if len(b) < 3 || b[0] != 0x80 || b[1] != 0x00 {
		coef, n := binary.Varint(b)
		if n <= 0 {
			return types.Decimal{}, false
		}
		if n == len(b) {
			return types.Decimal{Coef: coef}, true
		}
		scale, m := binary.Uvarint(b[n:])
		return types.Decimal{Coef: coef, Scale: int32(scale)}, n+m == len(b) && scale <= types.MaxDecimalScale
	}
	switch b[2] {
	case rowDecNaN:
		return types.DecimalNaN, len(b) == 3
	case rowDecInf:
		return types.DecimalInf, len(b) == 3
	case rowDecNegInf:
		return types.DecimalNegInf, len(b) == 3
	case rowDecPositive, rowDecNegative:
	default:
		return types.Decimal{}, false
	}
	scale, n := binary.Varint(b[3:])
	if n <= 0 || scale < 0 || scale > types.MaxDecimalScale {
		return types.Decimal{}, false
	}
	d := &apd.Decimal{Exponent: int32(-scale), Negative: b[2] == rowDecNegative}
	d.Coeff.SetBytes(b[3+n:])
	return types.Decimal{Big: d}, true
}

// RowBegins reports whether the first n columns of row b, which has m, are those of row a, which has n.
func RowBegins(b []byte, m int, a []byte, n int) bool {
	if n == m {
		return string(a) == string(b)
	}
	for k := range n {
		if (a[k>>2]^b[k>>2])>>(k&3*2)&3 != 0 {
			return false
		}
	}
	return bytes.HasPrefix(b[(m+3)/4:], a[(n+3)/4:])
}

// DecodeRow appends the row that src begins with to cols, which are those it was made from, and returns what follows
// it. The field of a nil column is passed over. After an error, an ErrRow, the columns are as before.
func DecodeRow(src []byte, cols []*Column) (rest []byte, err error) {
	rest, at := decodeRow(src, cols)
	if at < 0 {
		return rest, nil
	}
	for _, c := range cols[:at] {
		if c != nil {
			c.Truncate(c.n - 1)
		}
	}
	if at < len(cols) && cols[at] != nil {
		cols[at].truncateKids()
	}
	return nil, fmt.Errorf("%w: field %d of %d", ErrRow, at, len(cols))
}

// decodeRow is DecodeRow without the repair: it returns the number of the field that failed, which has left its column
// without a new row, or -1.
func decodeRow(src []byte, cols []*Column) (rest []byte, failed int) {
	head := (len(cols) + 3) / 4
	if len(src) < head {
		return nil, 0
	}
	shapes, rest := src[:head], src[head:]
	ok := true
	for k, c := range cols {
		shape := shapes[k>>2] >> (k & 3 * 2) & 3
		if c == nil {
			rest, ok = skipField(rest, shape)
		} else {
			rest, ok = decodeField(rest, shape, c)
		}
		if !ok {
			return nil, k
		}
	}
	return rest, -1
}

func skipField(src []byte, shape byte) (rest []byte, ok bool) {
	switch shape {
	case shapeNull:
		return src, true
	case shapeVarint:
		for i, b := range src {
			if b < 0x80 {
				return src[i+1:], i < binary.MaxVarintLen64
			}
		}
		return nil, false
	case shapeFixed:
		if len(src) < 8 {
			return nil, false
		}
		return src[8:], true
	default:
		_, rest, ok = sized(src)
		return rest, ok
	}
}

// sized returns the body of a sized field and what follows it.
func sized(src []byte) (body, rest []byte, ok bool) {
	size, n := binary.Uvarint(src)
	if n <= 0 || size > uint64(len(src)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return src[n:end], src[end:], true
}

// decodeField appends the field that src begins with to c, or returns false and leaves c without a new row.
func decodeField(src []byte, shape byte, c *Column) (rest []byte, ok bool) {
	if shape == shapeNull {
		c.AppendNull()
		return src, true
	}
	if shape != shapeOf(c.Type) {
		return nil, false
	}
	switch c.Type.Class() {
	case types.ClassBool:
		if len(src) == 0 || src[0] > 1 {
			return nil, false
		}
		c.AppendBool(src[0] == 1)
		return src[1:], true
	case types.ClassInt:
		v, n := binary.Varint(src)
		if n <= 0 {
			return nil, false
		}
		c.AppendInt(v)
		return src[n:], true
	case types.ClassFloat:
		if len(src) < 8 {
			return nil, false
		}
		c.AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(src)))
		return src[8:], true
	}
	body, rest, ok := sized(src)
	return rest, ok && decodeSized(body, c)
}

func decodeSized(body []byte, c *Column) bool {
	switch c.Type.Class() {
	case types.ClassBytes:
		c.AppendBytes(body)
		return true
	case types.ClassDecimal:
		d, ok := decodeDecimalRow(body)
		if ok {
			c.AppendDec(d)
		}
		return ok
	case types.ClassInterval:
		v, ok := decodeIntervalRow(body)
		if ok {
			c.AppendIvl(v)
		}
		return ok
	case types.ClassStruct:
		rest, failed := decodeRow(body, c.Kids)
		if failed >= 0 || len(rest) > 0 {
			c.truncateKids()
			return false
		}
		c.CloseStruct()
		return true
	default:
		if !decodeElems(body, c) {
			c.truncateKids()
			return false
		}
		c.CloseList()
		return true
	}
}

func decodeElems(body []byte, c *Column) bool {
	count, n := binary.Uvarint(body)
	if n <= 0 || count > 4*uint64(len(body)) {
		return false
	}
	body = body[n:]
	for _, kid := range c.Kids {
		head := int(count+3) / 4
		if len(body) < head {
			return false
		}
		shapes, ok := body[:head], true
		body = body[head:]
		for k := range int(count) {
			if body, ok = decodeField(body, shapes[k>>2]>>(k&3*2)&3, kid); !ok {
				return false
			}
		}
	}
	return len(body) == 0
}

func decodeIntervalRow(b []byte) (v types.Interval, ok bool) {
	var parts [3]int64
	for i := range parts {
		x, n := binary.Varint(b)
		if n <= 0 {
			return v, false
		}
		parts[i], b = x, b[n:]
	}
	v = types.Interval{Months: int32(parts[0]), Days: int32(parts[1]), Micros: parts[2]}
	return v, len(b) == 0 && int64(v.Months) == parts[0] && int64(v.Days) == parts[1]
}

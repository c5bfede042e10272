package engine

import (
	"encoding/binary"
	"unsafe"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// stateReader reads the values of state; bad is set once something does not fit.
type stateReader struct {
	b   []byte
	bad bool
}

func (r *stateReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes reads a length and as many bytes.
func (r *stateReader) bytes() []byte {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > uint64(len(r.b)-n) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[n : n+int(v)]
	r.b = r.b[n+int(v):]
	return b
}

// isRow tells whether b is a whole row with the columns of scratch, which is empty before and after.
func isRow(b []byte, scratch *vec.Batch) bool {
	rest, err := vec.DecodeRow(b, scratch.Cols)
	scratch.Reset()
	return err == nil && len(rest) == 0
}

// rowBytes is s as bytes that must not be written to.
func rowBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// sameField tells whether two values are the same to the last digit, not merely equal.
func sameField(a *vec.Column, i int, b *vec.Column, j int) bool {
	if an, bn := a.IsNull(i), b.IsNull(j); an || bn {
		return an == bn
	}
	switch a.Type.Class() {
	case types.ClassInt:
		return a.Int[i] == b.Int[j]
	case types.ClassBool:
		return a.Bool[i] == b.Bool[j]
	case types.ClassBytes:
		return string(a.Bytes(i)) == string(b.Bytes(j))
	default:
		x := vec.AppendRow(nil, []*vec.Column{a}, i)
		y := vec.AppendRow(nil, []*vec.Column{b}, j)
		return string(x) == string(y)
	}
}

// holdRow adds row i of a batch to rows that are held back, under the prefix in buf, and returns buf with the row
// behind it. A held row's value says how often it is there, its event time, and where in its key it begins.
func holdRow(rows *state.Map, buf []byte, in *vec.Batch, i int) []byte {
	at := len(buf)
	buf = vec.AppendRow(buf, in.Cols, i)
	var n int64
	if v, ok := rows.Get(buf); ok {
		n, _ = binary.Varint(v)
	}
	if n += int64(in.DiffAt(i)); n == 0 {
		rows.Delete(buf)
		return buf
	}
	v := binary.AppendVarint(binary.AppendVarint(nil, n), timeOf(in, i))
	rows.Set(buf, binary.AppendVarint(v, int64(at)))
	return buf
}

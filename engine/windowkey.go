package engine

import (
	"encoding/binary"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// windowBounds are the bounds of a window at the end of a record's key, in the form of Kafka Streams: 8 bytes each,
// big-endian, the start; before it, of a session, the end. The end of other windows is a size later.
type windowBounds struct {
	session    bool
	size       int64
	start, end int         // positions of their columns
	read       [2]bool     // whether the columns are read from the key; else they stand in the value too
	startCol   *vec.Column // of the chunk at hand, nil where not wanted or not read
	endCol     *vec.Column
}

// newWindowBounds returns nil for a relation that is not windowed.
func newWindowBounds(rel *catalog.Relation) *windowBounds {
	start, end, ok := rel.Bounds()
	if !ok {
		return nil
	}
	b := &windowBounds{session: rel.WindowKind == "SESSION", size: rel.WindowSizeMs, start: start, end: end}
	b.read = [2]bool{true, true}
	for _, pos := range rel.ValueColumns() {
		b.read[0] = b.read[0] && pos != start
		b.read[1] = b.read[1] && pos != end
	}
	return b
}

// columns takes the columns of a chunk.
func (b *windowBounds) columns(c *chunk) {
	b.startCol, b.endCol = nil, nil
	if b.read[0] {
		b.startCol = c.cols[b.start]
	}
	if b.read[1] {
		b.endCol = c.cols[b.end]
	}
}

// with returns key columns and those of the bounds.
func (b *windowBounds) with(cols []*vec.Column) []*vec.Column {
	if b == nil {
		return cols
	}
	return append(cols[:len(cols):len(cols)], b.startCol, b.endCol)
}

// appendTo appends the bounds of row i to a key.
func (b *windowBounds) appendTo(key []byte, cols []*vec.Column, i int) []byte {
	s, e := cols[b.start], cols[b.end]
	if b.session {
		key = binary.BigEndian.AppendUint64(key, uint64(e.Int[e.At(i)]))
	}
	return binary.BigEndian.AppendUint64(key, uint64(s.Int[s.At(i)]))
}

// cut returns a key without its bounds, and them.
func (b *windowBounds) cut(key []byte) (inner []byte, start, end int64, ok bool) {
	n := len(key) - 8
	if b.session {
		n -= 8
	}
	if n < 0 {
		return nil, 0, 0, false
	}
	start = int64(binary.BigEndian.Uint64(key[len(key)-8:]))
	if b.session {
		return key[:n], start, int64(binary.BigEndian.Uint64(key[n:])), true
	}
	return key[:n], start, start + b.size, true
}

// append adds the bounds of a row to their columns.
func (b *windowBounds) append(start, end int64) {
	if b.startCol != nil {
		b.startCol.AppendInt(start)
	}
	if b.endCol != nil {
		b.endCol.AppendInt(end)
	}
}

// decodeSomeKeys decodes keys that are not null.
func (d *decoder) decodeSomeKeys(keys [][]byte, cols []*vec.Column, fail func(int, error)) {
	if d.bounds == nil {
		d.key.Decode(keys, cols, fail)
		return
	}
	inner := make([][]byte, 0, len(keys))
	at := make([]int, 0, len(keys))
	bounds := make([][2]int64, 0, len(keys))
	for i, k := range keys {
		in, start, end, ok := d.bounds.cut(k)
		if !ok {
			fail(i, sqlerr.New(sqlerr.DataCorrupted, "a key of %d bytes has no window at its end", len(k)))
			continue
		}
		inner, at, bounds = append(inner, in), append(at, i), append(bounds, [2]int64{start, end})
	}
	bad := map[int]bool{}
	if d.key != nil {
		d.key.Decode(inner, cols, func(i int, err error) {
			bad[i] = true
			fail(at[i], err)
		})
	}
	for i, w := range bounds {
		if !bad[i] {
			d.bounds.append(w[0], w[1])
		}
	}
}

// windowKey returns the key of row i of a windowed relation; the inner key is null when all of it is NULL.
func (e *encoder) windowKey(inner []byte, cols []*vec.Column, i int) []byte {
	if inner == nil && e.key != nil || cols[e.bounds.start].IsNull(i) || cols[e.bounds.end].IsNull(i) {
		return inner
	}
	e.keyBuf = e.bounds.appendTo(inner, cols, i)
	return e.keyBuf
}

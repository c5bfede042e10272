package engine

import (
	"encoding/binary"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/vec"
)

// appendHeaders appends the headers of record i to the columns that are made of them: all of them as an array, or the
// value of the last one of a name.
func (d *decoder) appendHeaders(c *chunk, i int) {
	d.heads = d.recs.AppendHeaders(d.heads[:0], i)
	for _, pos := range d.headers {
		if name := d.rel.Columns[pos].Header; name != "" {
			appendHeader(c.cols[pos], d.heads, name)
		} else {
			appendAllHeaders(c.cols[pos], d.heads)
		}
	}
}

func appendHeader(col *vec.Column, heads []log.RecordHeader, name string) {
	for i := len(heads) - 1; i >= 0; i-- {
		if string(heads[i].Key) == name {
			appendNullable(col, heads[i].Value)
			return
		}
	}
	col.AppendNull()
}

func appendAllHeaders(col *vec.Column, heads []log.RecordHeader) {
	pair := col.Kids[0]
	for _, h := range heads {
		pair.Kids[0].AppendBytes(h.Key)
		appendNullable(pair.Kids[1], h.Value)
		pair.CloseStruct()
	}
	col.CloseList()
}

// appendNullable appends b, NULL when it is nil.
func appendNullable(col *vec.Column, b []byte) {
	if b == nil {
		col.AppendNull()
		return
	}
	col.AppendBytes(b)
}

// An envelope is what a record has beside its columns, on its way through a query to the record that is made of it:
//
//	flags (1, bit 0: the value is null) | number of headers (uvarint) | headers, encoded as in a record
//
// A record with neither has none: the column of envelopes is NULL.

// envelopeNull is the flag of an envelope whose record has a null value.
const envelopeNull = 1

// appendEnvelope appends the envelope of record i.
func (d *decoder) appendEnvelope(col *vec.Column, i int) {
	count, null := d.recs.HeaderCounts[i], d.recs.Values[i] == nil
	if count == 0 && !null {
		col.AppendNull()
		return
	}
	var flags byte
	if null {
		flags = envelopeNull
	}
	col.Data = binary.AppendUvarint(append(col.Data, flags), uint64(count))
	col.Data = append(col.Data, d.recs.Headers[i]...)
	col.CloseBytes()
}

// openEnvelope takes apart the envelope of row i. The headers are appended to dst and borrow from the column.
func openEnvelope(col *vec.Column, i int, dst []log.RecordHeader) (headers []log.RecordHeader, null bool) {
	if col.IsNull(i) {
		return dst, false
	}
	b := col.Bytes(i)
	count, n := binary.Uvarint(b[1:])
	r := log.Record{Headers: b[1+n:], HeaderCount: int(count)}
	return r.AppendHeaders(dst), b[0]&envelopeNull != 0
}

package engine

import (
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

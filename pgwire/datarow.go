package pgwire

import (
	"encoding/binary"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// rowDescription sends the columns of a result. formats are codes per column; nil is text for all.
func (c *conn) rowDescription(cols []catalog.Column, formats []int16) {
	m := pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, len(cols))}
	for i, col := range cols {
		m.Fields[i] = pgproto3.FieldDescription{
			Name: []byte(c.charset.EncodeLossy(plain(col.Name))), DataTypeOID: col.Type.OID(), DataTypeSize: col.Type.Len(),
			TypeModifier: col.Type.PgMod(), TableOID: col.Table, TableAttributeNumber: uint16(col.Number),
		}
		if formats != nil {
			m.Fields[i].Format = formats[i]
		}
	}
	c.send(&m)
}

// maxRow is the longest row or piece of COPY data, as in PostgreSQL.
const maxRow = 1 << 30

func errRowSize() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "a row is longer than %d bytes", maxRow)
}

// rowWriter encodes rows as DataRow messages, straight into the connection's buffer.
type rowWriter struct {
	c      *conn
	env    types.Env
	binary []bool // by column; nil when all are text
	done   int    // rows that are encoded, of the last call
}

func newRowWriter(c *conn, cols []catalog.Column, formats []int16) *rowWriter {
	w := &rowWriter{c: c, env: c.outputEnv()}
	for i, f := range formats {
		if f == 1 && w.binary == nil {
			w.binary = make([]bool, len(cols))
		}
		if f == 1 {
			w.binary[i] = true
		}
	}
	return w
}

// followRows is how many rows are sent between two places that a relay is told.
const followRows = 500

// follow is rows of which a relay is told. The client has got n before them.
func (w *rowWriter) follow(f *follower, b *vec.Batch, lo, hi, n int) error {
	if f == nil {
		return w.rows(b, lo, hi)
	}
	for at := lo; at < hi; {
		next := min(at+followRows, hi)
		if err := w.rows(b, at, next); err != nil {
			f.at(n+w.done, true, at+w.done)
			return err
		}
		n += next - at
		at = next
		f.at(n, true, at)
	}
	return nil
}

// rows sends rows lo to hi of a batch.
func (w *rowWriter) rows(b *vec.Batch, lo, hi int) error {
	out := w.c.out
	w.done = 0
	for i := lo; i < hi; i++ {
		start := len(out)
		out = append(out, 'D', 0, 0, 0, 0)
		out = binary.BigEndian.AppendUint16(out, uint16(len(b.Cols)))
		for k, col := range b.Cols {
			if col.IsNull(i) {
				out = append(out, 0xff, 0xff, 0xff, 0xff)
				continue
			}
			at := len(out)
			out = append(out, 0, 0, 0, 0)
			if w.binary != nil && w.binary[k] {
				out = col.AppendBinary(out, i)
			} else {
				out = col.AppendText(out, i, w.env)
			}
			if w.c.charset != nil && (w.binary == nil || !w.binary[k] || textual(col.Type)) {
				value, err := w.c.charset.Encode(out[at+4:])
				if err != nil {
					return err
				}
				out = append(out[:at+4], value...)
			}
			binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
		}
		if len(out)-start > maxRow {
			return errRowSize()
		}
		binary.BigEndian.PutUint32(out[start+1:], uint32(len(out)-start-1))
		w.done++
		if len(out) >= flushBytes {
			w.c.out = out
			w.c.flush()
			if w.c.broken != nil {
				return w.c.broken
			}
			out = w.c.out
		}
	}
	w.c.out = out
	return nil
}

// textual reports whether the binary form of a type is text, which is in the client's character set.
func textual(t types.Type) bool {
	switch t.Kind {
	case types.KindText, types.KindVarchar, types.KindChar, types.KindName, types.KindJSON, types.KindJSONB,
		types.KindUnknown:
		return true
	}
	return false
}

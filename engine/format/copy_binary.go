package format

import (
	"bytes"
	"encoding/binary"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The binary format is a header of a signature, flags and the length of an extension, both four bytes long, then the
// rows, then -1 as two bytes. A row is the number of its fields as two bytes, and for each its length as four, -1 for
// NULL, and its bytes (https://www.postgresql.org/docs/15/sql-copy.html).

// copySignature begins a file in the binary format.
const copySignature = "PGCOPY\n\xff\r\n\x00"

// copyHeaderBytes is the length of the header without its extension.
const copyHeaderBytes = len(copySignature) + 8

// binaryFile is what a reader knows of the file between chunks.
type binaryFile struct{ begun bool }

// binary reads all rows of a window that are whole, and returns how much of it they were.
func (r *CopyReader) binary(w []byte, cols []*vec.Column, lines []int) (int, []int, error) {
	n := 0
	if !r.file.begun {
		size, err := r.binaryHeader(w)
		if size == 0 || err != nil {
			return 0, lines, err
		}
		r.file.begun, n = true, size
	}
	for !r.done {
		size, ok := binaryRow(w[n:])
		if !ok {
			break
		}
		r.line++
		fields := int(int16(binary.BigEndian.Uint16(w[n:])))
		if fields == -1 {
			r.done = true
			if n+size != len(w) {
				return n, lines, sqlerr.New(sqlerr.BadCopyFileFormat, "received copy data after EOF marker")
			}
			return len(w), lines, nil
		}
		if fields != len(cols) {
			return n, lines, r.where(sqlerr.New(sqlerr.BadCopyFileFormat, "row field count is %d, expected %d", fields,
				len(cols)), "")
		}
		if err := r.binaryFields(w[n+2:n+size], cols); err != nil {
			return n, lines, err
		}
		lines = append(lines, r.line)
		n += size
	}
	return n, lines, nil
}

// binaryHeader returns the length of the header with its extension, 0 when it is not all there.
func (r *CopyReader) binaryHeader(w []byte) (int, error) {
	seen := min(len(w), len(copySignature))
	if !bytes.Equal(w[:seen], []byte(copySignature)[:seen]) {
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "COPY file signature not recognized")
	}
	if len(w) < copyHeaderBytes {
		return 0, nil
	}
	flags, more := binary.BigEndian.Uint32(w[len(copySignature):]), binary.BigEndian.Uint32(w[len(copySignature)+4:])
	switch {
	case flags&(1<<16) != 0:
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "invalid COPY file header (WITH OIDS)")
	case flags>>16 != 0:
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "unrecognized critical flags in COPY file header")
	case more > maxCopyRecord:
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "invalid COPY file header (wrong length)")
	case len(w) < copyHeaderBytes+int(more):
		return 0, nil
	}
	return copyHeaderBytes + int(more), nil
}

// binaryRow returns the length of the row that w begins with; ok is false when it is not all there. Lengths that
// cannot be are left to whoever reads the fields.
func binaryRow(w []byte) (n int, ok bool) {
	if len(w) < 2 {
		return 0, false
	}
	n = 2
	for range max(int(int16(binary.BigEndian.Uint16(w))), 0) {
		if len(w) < n+4 {
			return 0, false
		}
		size := int(int32(binary.BigEndian.Uint32(w[n:])))
		n += 4
		if size < -1 {
			return n, true
		}
		if size = max(size, 0); len(w)-n < size {
			return 0, false
		}
		n += size
	}
	return n, true
}

// binaryFields appends the fields of a row.
func (r *CopyReader) binaryFields(w []byte, cols []*vec.Column) error {
	row := rows(cols)
	for k, c := range cols {
		size := int(int32(binary.BigEndian.Uint32(w)))
		if w = w[4:]; size == -1 {
			c.AppendNull()
			continue
		}
		if size < 0 {
			rollback(cols, row)
			return r.where(sqlerr.New(sqlerr.BadCopyFileFormat, "invalid field size"), "")
		}
		v, err := types.ParseBinary(c.Type, w[:size])
		if err != nil {
			rollback(cols, row)
			return r.where(sqlerr.From(err), ", column "+r.schema.Names[k])
		}
		c.AppendValue(v)
		w = w[size:]
	}
	return nil
}

// appendBinary appends row i in the binary format.
func appendBinary(dst []byte, cols []*vec.Column, i int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(cols)))
	for _, c := range cols {
		if c.IsNull(i) {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		at := len(dst)
		dst = c.AppendBinary(append(dst, 0, 0, 0, 0), i)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

// AppendTrailer appends what ends the stream.
func (w *CopyWriter) AppendTrailer(dst []byte) []byte {
	if w.o.Format == CopyBinary {
		return append(dst, 0xff, 0xff)
	}
	return dst
}

package format

import (
	"bytes"
	"testing"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// binaryCopy is a file of three rows, and the columns it is made of.
func binaryCopy(t testing.TB) (Schema, []byte) {
	t.Helper()
	s := Schema{Names: []string{"id", "name"}, Types: []types.Type{types.Int4, types.Text}}
	cols := []*vec.Column{vec.NewColumn(types.Int4), vec.NewColumn(types.Text)}
	for i, name := range []string{"a", "", "longer"} {
		cols[0].AppendInt(int64(i))
		if name == "" {
			cols[1].AppendNull()
		} else {
			cols[1].AppendString(name)
		}
	}
	w, err := NewCopyWriter(s, CopyOptions{Format: CopyBinary})
	if err != nil {
		t.Fatal(err)
	}
	file := w.AppendHeader(nil)
	for i := range 3 {
		file = w.AppendRow(file, cols, i)
	}
	return s, w.AppendTrailer(file)
}

// readBinary reads a file in chunks and returns how many rows it has.
func readBinary(s Schema, file []byte, chunk int) (int, error) {
	r, err := NewCopyReader("t", s, CopyOptions{Format: CopyBinary})
	if err != nil {
		return 0, err
	}
	cols := []*vec.Column{vec.NewColumn(types.Int4), vec.NewColumn(types.Text)}
	for len(file) > 0 && err == nil {
		n := min(chunk, len(file))
		_, err = r.Write(file[:n], cols, nil)
		file = file[n:]
	}
	if err == nil {
		_, err = r.Close(cols, nil)
	}
	return cols[0].Len(), err
}

func TestCopyBinary(t *testing.T) {
	s, file := binaryCopy(t)
	for chunk := 1; chunk <= len(file); chunk++ {
		if n, err := readBinary(s, file, chunk); n != 3 || err != nil {
			t.Errorf("%d rows in chunks of %d bytes: %v", n, chunk, err)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing":             {},
		"another signature":   append([]byte("PGCOPX"), file[6:]...),
		"half a row":          file[:len(file)-5],
		"more after the end":  append(bytes.Clone(file), 0),
		"a length below NULL": bytes.Replace(file, []byte{0, 0, 0, 6}, []byte{0xff, 0xff, 0xff, 0xf0}, 1),
		"too many fields":     bytes.Replace(file, []byte{0, 2, 0, 0, 0, 4}, []byte{0, 3, 0, 0, 0, 4}, 1),
	} {
		if _, err := readBinary(s, bad, 7); err == nil || sqlerr.From(err).Code != sqlerr.BadCopyFileFormat {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file need not have the end marker.
	if n, err := readBinary(s, file[:len(file)-2], 100); n != 3 || err != nil {
		t.Errorf("%d rows without the end: %v", n, err)
	}
}

func FuzzCopyBinary(f *testing.F) {
	s, file := binaryCopy(f)
	f.Add(file, 3)
	f.Fuzz(func(t *testing.T, file []byte, chunk int) {
		if chunk <= 0 {
			return
		}
		whole, err := readBinary(s, file, len(file)+1)
		pieces, pieceErr := readBinary(s, file, chunk)
		if whole != pieces || (err == nil) != (pieceErr == nil) {
			t.Errorf("%d rows and %v at once, %d and %v in pieces of %d", whole, err, pieces, pieceErr, chunk)
		}
	})
}

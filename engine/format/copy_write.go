package format

import "github.com/leatdb/leat/sql/vec"

// CopyWriter prints rows for COPY … TO STDOUT in the formats text, csv, json (one object a line) and binary.
type CopyWriter struct {
	schema Schema
	o      CopyOptions
	json   *jsonEncoder
	value  []byte // scratch
}

// NewCopyWriter returns a writer of rows of these columns.
func NewCopyWriter(s Schema, o CopyOptions) (*CopyWriter, error) {
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	w := &CopyWriter{schema: s, o: o}
	if o.Format == CopyJSON {
		if err := Check(JSON, s, Options{}); err != nil {
			return nil, err
		}
		w.json = newJSONEncoder(s, Options{})
	}
	return w, nil
}

// AppendHeader appends what begins the stream: the line with the names of the columns, if there is to be one.
func (w *CopyWriter) AppendHeader(dst []byte) []byte {
	if w.o.Format == CopyBinary {
		return append(append(dst, copySignature...), make([]byte, copyHeaderBytes-len(copySignature))...)
	}
	if !w.o.Header {
		return dst
	}
	for k, name := range w.schema.Names {
		if k > 0 {
			dst = append(dst, w.o.Delimiter)
		}
		dst = w.appendValue(dst, []byte(name))
	}
	return append(dst, '\n')
}

// AppendRow appends the line for row i of the columns.
func (w *CopyWriter) AppendRow(dst []byte, cols []*vec.Column, i int) []byte {
	if w.json != nil {
		return append(w.json.AppendRecord(dst, cols, i), '\n')
	}
	if w.o.Format == CopyBinary {
		return appendBinary(dst, cols, i)
	}
	for k, c := range cols {
		if k > 0 {
			dst = append(dst, w.o.Delimiter)
		}
		if c.IsNull(i) {
			dst = append(dst, *w.o.Null...)
			continue
		}
		w.value = appendText(w.value[:0], c, c.At(i), w.o.Env)
		dst = w.appendValue(dst, w.value)
	}
	return append(dst, '\n')
}

func (w *CopyWriter) appendValue(dst, s []byte) []byte {
	if w.o.Format == CopyCSV {
		return w.appendCSV(dst, s, len(w.schema.Names) == 1)
	}
	return appendCopyText(dst, s, w.o.Delimiter)
}

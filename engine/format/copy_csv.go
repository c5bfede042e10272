package format

import (
	"bytes"

	"github.com/leatdb/leat/sql/vec"
)

// The csv format of COPY. A field, or any part of it, may be in quotes, and then hold delimiters and line ends.

// csvLineEnd returns the position after the line feed that ends the record, which is the first one outside quotes, or
// -1.
func (r *CopyReader) csvLineEnd(w []byte, start int) int {
	at := start + r.scanned
	for {
		n := bytes.IndexByte(w[at:], '\n')
		if n < 0 {
			r.quotes(w[at:])
			r.scanned = len(w) - start
			return -1
		}
		r.quotes(w[at : at+n])
		if at += n + 1; !r.quoted {
			return at
		}
		r.escaped = false
		r.line++
	}
}

// quotes follows the quotes in s.
func (r *CopyReader) quotes(s []byte) {
	quote, escape := r.o.Quote, r.o.Escape
	if escape == quote {
		if bytes.Count(s, []byte{quote})%2 == 1 {
			r.quoted = !r.quoted
		}
		return
	}
	for _, c := range s {
		switch {
		case r.quoted && c == escape:
			r.escaped = !r.escaped
			continue
		case c == quote && !r.escaped:
			r.quoted = !r.quoted
		}
		r.escaped = false
	}
}

// csvFields appends the fields of a record to the columns.
func (r *CopyReader) csvFields(line []byte, cols []*vec.Column) error {
	rest := line
	for k := range cols {
		if rest == nil {
			return r.missing(k, line)
		}
		var field []byte
		var quoted bool
		field, rest, quoted = r.cutCSV(rest)
		if !quoted && string(field) == *r.o.Null {
			cols[k].AppendNull()
		} else if err := r.add(k, field, cols); err != nil {
			return err
		}
	}
	if rest != nil && (len(cols) > 0 || len(rest) > 0) {
		return r.extra(line)
	}
	return nil
}

// cutCSV splits the first field off the record and removes its quotes. The rest is nil when it was the last one.
func (r *CopyReader) cutCSV(line []byte) (field, rest []byte, quoted bool) {
	quote, escape := r.o.Quote, r.o.Escape
	end := bytes.IndexByte(line, r.o.Delimiter)
	head := line
	if end >= 0 {
		head = line[:end]
	}
	if bytes.IndexByte(head, quote) < 0 {
		if end < 0 {
			return line, nil, false
		}
		return head, line[end+1:], false
	}
	out, inside := r.field[:0], false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case !inside && c == r.o.Delimiter:
			r.field = out
			return out, line[i+1:], true
		case inside && c == escape && i+1 < len(line) && (line[i+1] == quote || line[i+1] == escape):
			i++
			out = append(out, line[i])
		case c == quote:
			inside = !inside
		default:
			out = append(out, c)
		}
	}
	r.field = out
	return out, nil, true
}

// appendCSV appends a value's text, in quotes when it could be mistaken for something else. alone says that it is
// the only field of its line.
func (w *CopyWriter) appendCSV(dst, s []byte, alone bool) []byte {
	quotes := string(s) == *w.o.Null || alone && string(s) == `\.`
	for _, c := range s {
		if c == w.o.Delimiter || c == w.o.Quote || c == '\n' || c == '\r' {
			quotes = true
			break
		}
	}
	if !quotes {
		return append(dst, s...)
	}
	return appendQuoted(dst, s, w.o.Quote, w.o.Escape)
}

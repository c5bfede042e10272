package format

import (
	"bytes"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The text format of COPY: fields with delimiters between them, one record a line, and backslashes before what would
// be mistaken for a delimiter, a line end or NULL.

// textLineEnd returns the position after the line feed that ends the line, which is the first one without a backslash
// before it, or -1.
func (r *CopyReader) textLineEnd(w []byte, start int) int {
	at := start + r.scanned
	for {
		n := bytes.IndexByte(w[at:], '\n')
		if n < 0 {
			r.scanned = len(w) - start
			return -1
		}
		at += n
		slashes := 0
		for at-slashes > start && w[at-slashes-1] == '\\' {
			slashes++
		}
		if at++; slashes%2 == 0 {
			return at
		}
	}
}

// textFields appends the fields of a line to the columns.
func (r *CopyReader) textFields(line []byte, cols []*vec.Column) error {
	if bytes.IndexByte(line, '\r') >= 0 {
		return r.lineError(line, sqlerr.New(sqlerr.BadCopyFileFormat, "literal carriage return found in data").
			WithHint(`Use "\r" to represent carriage return.`))
	}
	plain := bytes.IndexByte(line, '\\') < 0
	rest := line
	for k := range cols {
		if rest == nil {
			return r.missing(k, line)
		}
		var field []byte
		if field, rest = r.cutText(rest, plain); string(field) == *r.o.Null {
			cols[k].AppendNull()
			continue
		}
		if !plain {
			var odd bool
			if field, odd = r.unescapeText(field); odd {
				if err := types.CheckText(field); err != nil {
					return r.where(sqlerr.From(err), ", column "+r.schema.Names[k])
				}
			}
		}
		if err := r.add(k, field, cols); err != nil {
			return err
		}
	}
	if rest != nil && (len(cols) > 0 || len(rest) > 0) {
		return r.extra(line)
	}
	return nil
}

// cutText splits the first field, with its backslashes, off the line. The rest is nil when it was the last one.
func (r *CopyReader) cutText(line []byte, plain bool) (field, rest []byte) {
	if plain {
		if n := bytes.IndexByte(line, r.o.Delimiter); n >= 0 {
			return line[:n], line[n+1:]
		}
		return line, nil
	}
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case r.o.Delimiter:
			return line[:i], line[i+1:]
		}
	}
	return line, nil
}

// unescapeText removes the backslashes. odd tells that bytes were given by number, which may be no text.
func (r *CopyReader) unescapeText(s []byte) (field []byte, odd bool) {
	out := r.field[:0]
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			out = append(out, c)
			continue
		}
		i++
		switch c = s[i]; {
		case c >= '0' && c <= '7':
			v := int(c - '0')
			for n := 1; n < 3 && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '7'; n++ {
				i++
				v = v<<3 | int(s[i]-'0')
			}
			c, odd = byte(v), true
		case c == 'x' && i+1 < len(s) && hexDigit(s[i+1]) >= 0:
			v := 0
			for n := 0; n < 2 && i+1 < len(s) && hexDigit(s[i+1]) >= 0; n++ {
				i++
				v = v<<4 | hexDigit(s[i])
			}
			c, odd = byte(v), true
		default:
			if x := textEscapes[c]; x != 0 {
				c = x
			}
		}
		out = append(out, c)
	}
	r.field = out
	return out, odd
}

// textEscapes are the characters that a letter after a backslash stands for; textLetters is the inverse.
var (
	textEscapes = [256]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}
	textLetters = [256]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v', '\\': '\\'}
)

// appendCopyText appends a value's text with backslashes.
func appendCopyText(dst, s []byte, delimiter byte) []byte {
	for _, c := range s {
		if letter := textLetters[c]; letter != 0 {
			dst = append(dst, '\\', letter)
		} else if c == delimiter {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

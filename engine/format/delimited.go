package format

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The format DELIMITED is one line of fields, quoted as Apache Commons CSV does by default, which is what ksqlDB
// uses. An empty field is NULL. Beyond ksqlDB, a quoted empty field ("") is the empty text, so that it is not
// confused with NULL.

// ParseDelimiter returns the byte that the property value_delimiter or key_delimiter names: one character, or the
// words SPACE and TAB in any case.
func ParseDelimiter(s string) (byte, error) {
	switch {
	case len(s) == 5 && bytes.EqualFold([]byte(s), []byte("SPACE")):
		return ' ', nil
	case len(s) == 3 && bytes.EqualFold([]byte(s), []byte("TAB")):
		return '\t', nil
	case len(s) == 1 && s[0] < 0x80 && s[0] != '"' && s[0] != '\n' && s[0] != '\r' && s[0] != 0:
		return s[0], nil
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "%q is no delimiter", s).
		WithHint("A delimiter is one character other than a quote and a line end, or SPACE, or TAB.")
}

func checkDelimited(s Schema, o Options) error {
	if o.Delimiter != 0 {
		if _, err := ParseDelimiter(string(rune(o.Delimiter))); err != nil {
			return err
		}
	}
	for i, t := range s.Types {
		switch t.Kind {
		case types.KindArray, types.KindMap, types.KindStruct:
			return sqlerr.New(sqlerr.FeatureNotSupported, "format DELIMITED does not support type %s", t).
				WithDetail("Column %q has this type.", s.Names[i])
		}
	}
	return nil
}

func (o Options) delimiter() byte {
	if o.Delimiter == 0 {
		return ','
	}
	return o.Delimiter
}

type delimitedDecoder struct {
	schema    Schema
	delimiter byte
	unquoted  []byte // scratch
}

func newDelimitedDecoder(s Schema, o Options) *delimitedDecoder {
	return &delimitedDecoder{schema: s, delimiter: o.delimiter()}
}

// Decode reads every record; see Decoder.
func (d *delimitedDecoder) Decode(values [][]byte, cols []*vec.Column, bad func(i int, err error)) {
	row := rows(cols)
	for i, b := range values {
		if err := d.record(b, cols); err != nil {
			rollback(cols, row)
			bad(i, err)
		} else if row >= 0 {
			row++
		}
	}
}

func (d *delimitedDecoder) record(b []byte, cols []*vec.Column) error {
	if err := types.CheckText(b); err != nil {
		return err
	}
	b = cutLineEnd(b)
	pos, found := 0, 0
	for more := true; more; found++ {
		var field []byte
		var quoted bool
		var err error
		if field, quoted, pos, err = d.field(b, pos); err != nil {
			return err
		}
		if more = pos < len(b); more {
			pos++ // the delimiter
		}
		if found >= len(cols) {
			continue
		}
		c := cols[found]
		if c == nil {
			continue
		}
		if len(field) == 0 && !(quoted && c.Type.Class() == types.ClassBytes) {
			c.AppendNull()
		} else if err := appendField(c, field); err != nil {
			return namedFault(d.schema.Names[found], wrongValue(field, c.Type, err))
		}
	}
	if found != len(cols) && len(cols)+len(b) > 0 {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "the record has %d fields, not %d", found, len(cols))
	}
	return nil
}

// field returns the field that starts at pos and where it ends: at a delimiter or the end of b.
func (d *delimitedDecoder) field(b []byte, pos int) (field []byte, quoted bool, end int, err error) {
	if pos >= len(b) || b[pos] != '"' {
		end = len(b)
		if n := bytes.IndexByte(b[pos:], d.delimiter); n >= 0 {
			end = pos + n
		}
		return b[pos:end], false, end, nil
	}
	start := pos + 1
	d.unquoted = d.unquoted[:0]
	for {
		n := bytes.IndexByte(b[start:], '"')
		if n < 0 {
			return nil, true, 0, sqlerr.New(sqlerr.InvalidTextRepresentation, "the quote at byte %d is not closed", pos)
		}
		d.unquoted = append(d.unquoted, b[start:start+n]...)
		start += n + 1
		if start == len(b) || b[start] == d.delimiter {
			return d.unquoted, true, start, nil
		}
		if b[start] != '"' {
			return nil, true, 0, sqlerr.New(sqlerr.InvalidTextRepresentation,
				"byte %d: a quoted field ends before the delimiter", start)
		}
		d.unquoted = append(d.unquoted, '"')
		start++
	}
}

// cutLineEnd removes one line end.
func cutLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// appendField appends a field that is not NULL.
func appendField(c *vec.Column, field []byte) error {
	switch c.Type.Kind {
	case types.KindBytea:
		if !appendBytea(c, field) {
			return sqlerr.New(sqlerr.InvalidTextRepresentation, "Bytes must be in base 64.")
		}
		return nil
	case types.KindNumeric:
		if n, ok := wholeNumber(field); ok {
			return appendDecimal(c, n, field)
		}
	case types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ:
		if v, next := scanInt(field, 0); next == len(field) {
			if v, ok := timeFromNumber(v, c.Type); ok {
				c.AppendInt(v)
				return nil
			}
		}
	}
	return parseRecordText(c, field)
}

// appendBytea appends bytes given in base 64, or in hex after \x as PostgreSQL prints them.
func appendBytea(c *vec.Column, s []byte) bool {
	start := len(c.Data)
	var err error
	if bytes.HasPrefix(s, []byte(`\x`)) {
		c.Data, err = types.ParseBytea(c.Data, s)
	} else {
		c.Data, err = base64.StdEncoding.AppendDecode(c.Data, s)
	}
	if err != nil {
		c.Data = c.Data[:start]
		return false
	}
	c.CloseBytes()
	return true
}

type delimitedEncoder struct {
	delimiter byte
	quoted    []byte // scratch
}

func newDelimitedEncoder(_ Schema, o Options) *delimitedEncoder {
	return &delimitedEncoder{delimiter: o.delimiter()}
}

// AppendRecord appends row i; see Encoder.
func (e *delimitedEncoder) AppendRecord(dst []byte, cols []*vec.Column, i int) []byte {
	for k, c := range cols {
		if k > 0 {
			dst = append(dst, e.delimiter)
		}
		at := c.At(i)
		if c.IsNull(at) {
			continue
		}
		start := len(dst)
		dst = appendDelimited(dst, c, at)
		if e.needsQuotes(dst[start:], k == 0) {
			e.quoted = append(e.quoted[:0], dst[start:]...)
			dst = appendQuoted(dst[:start], e.quoted, '"', '"')
		}
	}
	return dst
}

// AppendRecords appends rows lo to hi; see Encoder.
func (e *delimitedEncoder) AppendRecords(dst []byte, ends []int, cols []*vec.Column, lo, hi int) ([]byte, []int) {
	for ; lo < hi; lo++ {
		dst = e.AppendRecord(dst, cols, lo)
		ends = append(ends, len(dst))
	}
	return dst, ends
}

// appendDelimited appends row i of c, which is not NULL, without quotes.
func appendDelimited(dst []byte, c *vec.Column, i int) []byte {
	switch c.Type.Kind {
	case types.KindBool:
		return strconv.AppendBool(dst, c.Bool[i])
	case types.KindFloat4:
		return appendFloat(dst, c.Float[i], 32)
	case types.KindFloat8:
		return appendFloat(dst, c.Float[i], 64)
	case types.KindBytea:
		return base64.StdEncoding.AppendEncode(dst, c.Bytes(i))
	case types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ:
		if n, ok := numberFromTime(c.Int[i], c.Type.Kind); ok {
			return strconv.AppendInt(dst, n, 10)
		}
		return appendTimeText(dst, c.Int[i], c.Type.Kind)
	}
	return appendText(dst, c, i, types.Env{})
}

// needsQuotes follows Commons CSV 1.4, which ksqlDB uses, so that the bytes are the same.
func (e *delimitedEncoder) needsQuotes(s []byte, first bool) bool {
	if len(s) == 0 {
		return true // the empty text; NULL never gets here
	}
	c := s[0]
	if first && !(c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z') || c <= '#' || s[len(s)-1] <= ' ' {
		return true
	}
	for _, c := range s {
		if c == e.delimiter || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

// appendQuoted appends s in quotes, with the escape before every quote and escape inside.
func appendQuoted(dst, s []byte, quote, escape byte) []byte {
	dst = append(dst, quote)
	for _, c := range s {
		if c == quote || c == escape {
			dst = append(dst, escape)
		}
		dst = append(dst, c)
	}
	return append(dst, quote)
}

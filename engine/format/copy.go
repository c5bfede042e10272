package format

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The formats of COPY.
const (
	CopyText   = "text"
	CopyCSV    = "csv"
	CopyJSON   = "json"
	CopyBinary = "binary"
)

// CopyOptions are the options of a COPY statement.
type CopyOptions struct {
	Format    string    // CopyText, CopyCSV, CopyJSON or CopyBinary; empty is text
	Delimiter byte      // 0 is a tab for text, a comma for csv
	Null      *string   // the text that is NULL; nil is \N for text and the empty text for csv
	Header    bool      // the first line holds the names of the columns: skipped by the reader, written by the writer
	Match     bool      // with Header, the reader checks the names
	Quote     byte      // csv; 0 is the double quote
	Escape    byte      // csv; 0 is the quote
	Env       types.Env // the session's settings for reading and printing values
}

// fill puts the defaults in and checks everything, in PostgreSQL's words.
func (o CopyOptions) fill() (CopyOptions, error) {
	null := `\N`
	tab := byte('\t')
	switch strings.ToLower(o.Format) {
	case "", CopyText:
		o.Format = CopyText
	case CopyCSV:
		o.Format, null, tab = CopyCSV, "", ','
	case CopyJSON:
		o.Format = CopyJSON
	case CopyBinary:
		o.Format = CopyBinary
		switch {
		case o.Delimiter != 0:
			return o, sqlerr.New(sqlerr.SyntaxError, "cannot specify DELIMITER in BINARY mode")
		case o.Null != nil:
			return o, sqlerr.New(sqlerr.SyntaxError, "cannot specify NULL in BINARY mode")
		case o.Header:
			return o, sqlerr.New(sqlerr.FeatureNotSupported, "cannot specify HEADER in BINARY mode")
		}
	default:
		return o, sqlerr.New(sqlerr.InvalidParameterValue, "COPY format %q not recognized", o.Format)
	}
	if o.Format != CopyCSV && o.Quote != 0 {
		return o, sqlerr.New(sqlerr.FeatureNotSupported, "COPY quote available only in CSV mode")
	}
	if o.Format != CopyCSV && o.Escape != 0 {
		return o, sqlerr.New(sqlerr.FeatureNotSupported, "COPY escape available only in CSV mode")
	}
	if o.Format == CopyJSON && (o.Delimiter != 0 || o.Null != nil || o.Header) {
		return o, sqlerr.New(sqlerr.FeatureNotSupported, "COPY format json takes no further options")
	}
	if o.Delimiter == 0 {
		o.Delimiter = tab
	}
	if o.Null == nil {
		o.Null = &null
	}
	if o.Quote == 0 {
		o.Quote = '"'
	}
	if o.Escape == 0 {
		o.Escape = o.Quote
	}
	return o, o.check()
}

func (o CopyOptions) check() error {
	bad := func(format string) error { return sqlerr.New(sqlerr.InvalidParameterValue, "%s", format) }
	switch {
	case o.Delimiter == '\n' || o.Delimiter == '\r':
		return bad("COPY delimiter cannot be newline or carriage return")
	case o.Delimiter >= utf8.RuneSelf:
		return bad("COPY delimiter must be a single one-byte character")
	case o.Format == CopyText && strings.IndexByte(`\.abcdefghijklmnopqrstuvwxyz0123456789`, o.Delimiter) >= 0:
		return sqlerr.New(sqlerr.InvalidParameterValue, `COPY delimiter cannot be "%c"`, o.Delimiter)
	case strings.ContainsAny(*o.Null, "\r\n"):
		return bad("COPY null representation cannot use newline or carriage return")
	case strings.IndexByte(*o.Null, o.Delimiter) >= 0:
		return bad("COPY delimiter must not appear in the NULL specification")
	case o.Format == CopyCSV && o.Delimiter == o.Quote:
		return bad("COPY delimiter and quote must be different")
	case o.Format == CopyCSV && strings.IndexByte(*o.Null, o.Quote) >= 0:
		return bad("CSV quote character must not appear in the NULL specification")
	case o.Format == CopyCSV && (o.Quote >= utf8.RuneSelf || o.Quote == '\n' || o.Quote == '\r'):
		return bad("COPY quote must be a single one-byte character")
	case o.Format == CopyCSV && (o.Escape >= utf8.RuneSelf || o.Escape == '\n' || o.Escape == '\r'):
		return bad("COPY escape must be a single one-byte character")
	}
	return nil
}

// maxCopyRecord bounds what is buffered of a record that does not end.
const maxCopyRecord = 64 << 20

// carry holds the part of a stream that came but was not consumed, so that records may span chunks.
type carry struct {
	held []byte
	mine bool // the last window was in held, not in the caller's chunk
	used int  // how much of the last window was consumed
	last int  // its length
}

// window returns everything not consumed, with the chunk p at its end. Without a rest that is p itself, not a copy.
func (c *carry) window(p []byte) []byte {
	if c.mine {
		c.held = c.held[:copy(c.held, c.held[c.used:])]
	}
	if len(c.held) == 0 {
		c.mine, c.used = false, 0
		return p
	}
	c.held = append(c.held, p...)
	c.mine, c.used = true, 0
	return c.held
}

// keep notes that the first n bytes of window w are consumed, and holds the others.
func (c *carry) keep(w []byte, n int) error {
	if len(w)-n > maxCopyRecord {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "a record is longer than %d bytes", maxCopyRecord)
	}
	if c.mine {
		c.used = n
	} else {
		c.held = append(c.held[:0], w[n:]...)
		c.mine, c.used = true, 0
	}
	return nil
}

// CopyReader reads the stream of COPY … FROM STDIN in the formats text, csv and binary into columns. Chunks may end
// anywhere.
type CopyReader struct {
	relation string
	schema   Schema
	o        CopyOptions
	carry    carry
	scanned  int  // how much of what is held was searched for the end of a line
	quoted   bool // csv: and whether that point is inside quotes
	escaped  bool // csv: and behind an escape
	line     int  // lines read
	header   bool // the header is still to come
	done     bool // the end marker was read
	file     binaryFile
	field    []byte
	fields   [][]byte // of the header
}

// NewCopyReader returns a reader of the columns in s, in the order in which the stream has them. The relation's name
// appears in the context of errors.
func NewCopyReader(relation string, s Schema, o CopyOptions) (*CopyReader, error) {
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	if o.Format == CopyJSON {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "COPY format json has no columns: it is split by a JSONSplitter")
	}
	return &CopyReader{relation: relation, schema: s, o: o, header: o.Header}, nil
}

// Write takes the next chunk of the stream. It appends a row to every column of cols, one for each name of the schema,
// for every record that ends, and the number of the record's line to lines. After an error, an *sqlerr.Error with its
// context in Where, the columns hold the good rows before it, and the reader is spent.
func (r *CopyReader) Write(p []byte, cols []*vec.Column, lines []int) ([]int, error) {
	if r.done && r.o.Format == CopyBinary && len(p) > 0 {
		return lines, sqlerr.New(sqlerr.BadCopyFileFormat, "received copy data after EOF marker")
	}
	if r.done {
		return lines, nil
	}
	w := r.carry.window(p)
	start := 0
	if r.o.Format == CopyBinary {
		var err error
		if start, lines, err = r.binary(w, cols, lines); err != nil {
			return lines, err
		}
		return lines, r.carry.keep(w, start)
	}
	for !r.done {
		end, next := r.lineEnd(w, start)
		if next < 0 {
			break
		}
		var err error
		if lines, err = r.record(w[start:end], cols, lines); err != nil {
			return lines, err
		}
		start, r.scanned = next, 0
	}
	return lines, r.carry.keep(w, start)
}

// Close takes what is left when the stream has ended.
func (r *CopyReader) Close(cols []*vec.Column, lines []int) ([]int, error) {
	w := r.carry.window(nil)
	switch {
	case r.o.Format == CopyBinary && !r.file.begun:
		return lines, sqlerr.New(sqlerr.BadCopyFileFormat, "COPY file signature not recognized")
	case r.o.Format == CopyBinary && !r.done && len(w) > 0:
		return lines, sqlerr.New(sqlerr.BadCopyFileFormat, "unexpected EOF in COPY data")
	case r.done || len(w) == 0:
		return lines, nil
	}
	if r.quoted {
		r.line++
		return lines, r.lineError(w, sqlerr.New(sqlerr.BadCopyFileFormat, "unterminated CSV quoted field"))
	}
	return r.record(cutReturn(w), cols, lines)
}

// lineEnd finds the end of the line that begins at start: where its text ends and where the next one begins, which is
// negative when the end has not come yet.
func (r *CopyReader) lineEnd(w []byte, start int) (end, next int) {
	if r.o.Format == CopyCSV {
		next = r.csvLineEnd(w, start)
	} else {
		next = r.textLineEnd(w, start)
	}
	if next < 0 {
		return 0, next
	}
	end = next - 1
	if end > start && w[end-1] == '\r' {
		end--
	}
	return end, next
}

func cutReturn(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// record reads one line into the columns.
func (r *CopyReader) record(line []byte, cols []*vec.Column, lines []int) ([]int, error) {
	r.line++
	if string(line) == `\.` {
		r.done = true
		return lines, nil
	}
	if err := types.CheckText(line); err != nil {
		return lines, r.where(sqlerr.From(err), "")
	}
	if r.header {
		r.header = false
		return lines, r.checkHeader(line)
	}
	row := rows(cols)
	var err error
	if r.o.Format == CopyCSV {
		err = r.csvFields(line, cols)
	} else {
		err = r.textFields(line, cols)
	}
	if err != nil {
		rollback(cols, row)
		return lines, err
	}
	return append(lines, r.line), nil
}

// add appends field k, which is not NULL, to its column.
func (r *CopyReader) add(k int, field []byte, cols []*vec.Column) error {
	if err := parseText(cols[k], field, r.o.Env); err != nil {
		return r.where(sqlerr.From(err), ", column "+r.schema.Names[k]+": "+shown(field))
	}
	return nil
}

// missing and extra are the errors for lines with the wrong number of fields; line is the whole of it.
func (r *CopyReader) missing(k int, line []byte) error {
	return r.lineError(line, sqlerr.New(sqlerr.BadCopyFileFormat, "missing data for column %q", r.schema.Names[k]))
}

func (r *CopyReader) extra(line []byte) error {
	return r.lineError(line, sqlerr.New(sqlerr.BadCopyFileFormat, "extra data after last expected column"))
}

func (r *CopyReader) lineError(line []byte, e *sqlerr.Error) error {
	return r.where(e, ": "+shown(line))
}

// where adds the context to a copy of e.
func (r *CopyReader) where(e *sqlerr.Error, rest string) error {
	c := *e
	c.Where = CopyContext(r.relation, r.line) + rest
	return &c
}

// CopyContext returns the context of an error in a line of COPY, as PostgreSQL words it.
func CopyContext(relation string, line int) string {
	return "COPY " + relation + ", line " + strconv.Itoa(line)
}

// shown returns data for an error's context: in quotes, at most a hundred bytes of it.
func shown(b []byte) string {
	const most = 100
	if len(b) <= most {
		return `"` + strings.ToValidUTF8(string(b), "\uFFFD") + `"`
	}
	n := most
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return `"` + strings.ToValidUTF8(string(b[:n]), "\uFFFD") + `..."`
}

// checkHeader compares the header with the names of the columns, when that is asked for.
func (r *CopyReader) checkHeader(line []byte) error {
	if !r.o.Match {
		return nil
	}
	var names []*vec.Column
	for range r.schema.Names {
		names = append(names, vec.NewColumn(types.Text))
	}
	var err error
	if r.o.Format == CopyCSV {
		err = r.csvFields(line, names)
	} else {
		err = r.textFields(line, names)
	}
	if err != nil {
		e := sqlerr.From(err)
		return r.lineError(line, sqlerr.New(e.Code, "wrong number of fields in header line: %s", e.Message))
	}
	for k, want := range r.schema.Names {
		if names[k].IsNull(0) || string(names[k].Bytes(0)) != want {
			return r.lineError(line, sqlerr.New(sqlerr.BadCopyFileFormat,
				"column name mismatch in header line field %d: got %s, expected %q", k+1,
				headerName(names[k]), want))
		}
	}
	return nil
}

func headerName(c *vec.Column) string {
	if c.IsNull(0) {
		return "null value"
	}
	return strconv.Quote(string(c.Bytes(0)))
}

package format

import (
	"bytes"

	"github.com/leatdb/leat/sql/sqlerr"
)

// JSONSplitter cuts the stream of COPY … FROM STDIN (FORMAT json) into values: one object a line, or values with any
// white space between them, or arrays of values at the top. It only finds where values end; whether they are valid is
// for the decoder to say. What can be no value is cut off at the line's end and handed out for the decoder to refuse.
type JSONSplitter struct {
	relation string
	carry    carry
	line     int // the line that the next byte not consumed is in
	inArray  bool
	comma    bool // in an array, a value has just ended
	done     bool // the end marker \. came, which psql up to 17 sends of data typed in: what follows is no data
	opened   int  // the line in which the array began

	// How far the value at the beginning of the window was scanned, when its end has not come yet.
	scanned  int
	depth    int
	inString bool
}

// NewJSONSplitter returns a splitter for a COPY into the relation, whose name appears in the context of errors.
func NewJSONSplitter(relation string) *JSONSplitter {
	return &JSONSplitter{relation: relation, line: 1}
}

// Write takes the next chunk of the stream and appends the values that end in it, and the numbers of the lines they
// begin in. The values are views, valid until the next call and for as long as p does not change.
func (s *JSONSplitter) Write(p []byte, values [][]byte, lines []int) ([][]byte, []int, error) {
	w := s.carry.window(p)
	values, lines, used, err := s.split(w, values, lines, false)
	if err != nil {
		return values, lines, err
	}
	return values, lines, s.carry.keep(w, used)
}

// Close takes what is left when the stream has ended.
func (s *JSONSplitter) Close(values [][]byte, lines []int) ([][]byte, []int, error) {
	values, lines, _, err := s.split(s.carry.window(nil), values, lines, true)
	if err == nil && s.inArray {
		err = s.fault(s.opened, "the JSON array is not closed")
	}
	return values, lines, err
}

func (s *JSONSplitter) fault(line int, message string) error {
	e := sqlerr.New(sqlerr.BadCopyFileFormat, "%s", message)
	e.Where = CopyContext(s.relation, line)
	return e
}

// split appends the values of the window w. It returns how much of w is consumed; at the end of the stream that is
// all.
func (s *JSONSplitter) split(w []byte, values [][]byte, lines []int, last bool) ([][]byte, []int, int, error) {
	i := 0
	for {
		if s.done {
			return values, lines, len(w), nil
		}
		if i = s.skipSpace(w, i); i == len(w) {
			return values, lines, i, nil
		}
		if s.scanned == 0 {
			if next, err := s.punctuation(w[i]); err != nil {
				return values, lines, i, err
			} else if next {
				i++
				continue
			}
		}
		line := s.line
		end := s.valueEnd(w, i, last)
		if end < 0 {
			return values, lines, i, nil
		}
		v := trimEnd(w[i:end])
		if s.done = string(v) == `\.` && !s.inArray; s.done {
			continue
		}
		values, lines = append(values, v), append(lines, line)
		s.scanned, s.depth, s.inString, s.comma = 0, 0, false, s.inArray
		if end < len(w) && w[end] == '\n' { // the usual way to go on
			s.line++
			end++
		}
		i = end
	}
}

// skipSpace skips white space and counts lines.
func (s *JSONSplitter) skipSpace(w []byte, i int) int {
	for i < len(w) && (w[i] == ' ' || w[i] == '\n' || w[i] == '\t' || w[i] == '\r') {
		if w[i] == '\n' {
			s.line++
		}
		i++
	}
	return i
}

// punctuation handles what stands between values: the brackets and commas of an array at the top.
func (s *JSONSplitter) punctuation(c byte) (consumed bool, err error) {
	switch {
	case c == '[' && !s.inArray:
		s.inArray, s.comma, s.opened = true, false, s.line
		return true, nil
	case s.inArray && c == ']':
		s.inArray = false
		return true, nil
	case s.inArray && s.comma && c == ',':
		s.comma = false
		return true, nil
	case s.inArray && s.comma:
		return false, s.fault(s.line, "a comma is missing in the JSON array")
	}
	return false, nil
}

// valueEnd returns where the value that begins at i ends, or -1 when that is not in the window.
func (s *JSONSplitter) valueEnd(w []byte, i int, last bool) int {
	end := -1
	switch w[i] {
	case '{', '[':
		if s.scanned == 0 && !s.inArray {
			if end = flatLine(w, i); end > 0 {
				return end
			}
		}
		end = s.nestedEnd(w, i)
	default:
		end = s.scalarEnd(w, i)
	}
	if end < 0 && last {
		return len(w)
	}
	if end > 0 {
		s.line += bytes.Count(w[i:end], newline)
	}
	return end
}

var newline = []byte{'\n'}

// flatLine is the fast way for one flat object a line: its first closing brace is the last byte of the line, and the
// next line begins another value. It returns -1 when that is not what w has at i.
func flatLine(w []byte, i int) int {
	n := bytes.IndexByte(w[i:], '}')
	if n < 0 {
		return -1
	}
	end := i + n + 1
	next := end
	if next < len(w) && w[next] == '\r' {
		next++
	}
	if next+1 < len(w) && w[next] == '\n' && w[next+1] == '{' && bytes.IndexByte(w[i:end], '\n') < 0 {
		return end
	}
	return -1
}

// nestedEnd follows strings and brackets of the value's own kind from where it stopped the last time. So that a faulty
// record does not swallow those after it, a value also ends at a line feed in a string and between a brace that closes
// and one that opens the next line, which valid JSON has neither of. It agrees with flatLine on every text.
func (s *JSONSplitter) nestedEnd(w []byte, start int) int {
	opening, closing := w[start], w[start]+2 // } follows { by two in ASCII, and ] follows [
	i := start + s.scanned
	for i < len(w) {
		if s.inString {
			i = findSpecial(w, i)
			switch {
			case i == len(w) || w[i] == '\\' && i+1 == len(w):
				s.scanned = i - start
				return -1
			case w[i] == '\n':
				return i
			case w[i] == '\\' && (w[i+1] == '"' || w[i+1] == '\\'):
				i++
			case w[i] == '"':
				s.inString = false
			}
			i++
			continue
		}
		switch w[i] {
		case '"':
			s.inString = true
		case opening:
			if end := lineBefore(w, start, i); end > 0 {
				return end
			}
			s.depth++
		case closing:
			if s.depth--; s.depth == 0 {
				return i + 1
			}
		}
		i++
	}
	s.scanned = i - start
	return -1
}

// lineBefore returns the end of the line before i if i begins a line with a brace and that one ends in a brace, else
// 0.
func lineBefore(w []byte, start, i int) int {
	if w[i] != '{' || i-start < 2 || w[i-1] != '\n' {
		return 0
	}
	end := i - 1
	if w[end-1] == '\r' {
		end--
	}
	if end <= start || w[end-1] != '}' {
		return 0
	}
	return end
}

// scalarEnd returns the end of a value that is no object or array: of the line, or in an array of the element.
func (s *JSONSplitter) scalarEnd(w []byte, start int) int {
	for i := start + s.scanned; i < len(w); i++ {
		switch c := w[i]; {
		case s.inString && c == '\\':
			if i+1 == len(w) {
				s.scanned = i - start
				return -1
			}
			i++
		case c == '"':
			s.inString = !s.inString
		case c == '\n', !s.inString && s.inArray && (c == ',' || c == ']'):
			return i
		case !s.inString && !s.inArray && c == ' ' && i > start:
			return i
		}
	}
	s.scanned = len(w) - start
	return -1
}

// trimEnd removes white space at the end.
func trimEnd(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\r' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

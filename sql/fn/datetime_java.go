package fn

import (
	"strings"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// javaField is a run of one letter in a pattern of Java's DateTimeFormatter, or literal text (letter 0).
type javaField struct {
	letter byte
	n      int
	text   string
}

// javaFields takes a pattern apart. Text in quotes stands for itself, two quotes for one.
func javaFields(pattern string) ([]javaField, error) {
	var fs []javaField
	literal := func(s string) { fs = append(fs, javaField{text: s}) }
	for pattern != "" {
		c := pattern[0]
		switch {
		case strings.HasPrefix(pattern, "''"):
			literal("'")
			pattern = pattern[2:]
		case c == '\'':
			end := strings.IndexByte(pattern[1:], '\'')
			if end < 0 {
				return nil, badPattern(pattern)
			}
			literal(pattern[1 : 1+end])
			pattern = pattern[end+2:]
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			n := len(pattern) - len(strings.TrimLeft(pattern, string(c)))
			if strings.IndexByte("GyuMLdDHhmsSnaEeXxZzVQ", c) < 0 {
				return nil, badPattern(pattern[:n])
			}
			fs = append(fs, javaField{letter: c, n: n})
			pattern = pattern[n:]
		case c == '[' || c == ']': // optional sections: always printed, needed when reading
			pattern = pattern[1:]
		default:
			literal(pattern[:1])
			pattern = pattern[1:]
		}
	}
	return fs, nil
}

func badPattern(s string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid date/time pattern at %q", s)
}

// zoneArg is the optional third argument; without it the zone is UTC, in which timestamps are kept.
func zoneArg(r Row) (*time.Location, error) {
	if r.Args() < 3 {
		return time.UTC, nil
	}
	return types.LoadLocation(r.Text(2))
}

// formatJava prints the first argument, which counts units of so many microseconds.
func formatJava(unit int64) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		fields, err := javaFields(r.Text(1))
		if err != nil {
			return err
		}
		loc, err := zoneArg(r)
		if err != nil {
			return err
		}
		v, ok := mul64(r.Int(0), unit)
		if !ok {
			return timestampRange()
		}
		local := types.ToLocal(v, loc)
		m := momentOf(local)
		m.offset = (local - v) / microsPerSecond
		m.zone, _ = time.UnixMicro(v).In(loc).Zone()
		for _, f := range fields {
			out.Data = m.appendJava(out.Data, f, loc)
		}
		out.CloseBytes()
		return nil
	}
}

func (m *moment) appendJava(dst []byte, f javaField, loc *time.Location) []byte {
	number := func(v int64) []byte { return appendPadded(dst, v, f.n, true) }
	name := func(s string) []byte {
		if f.n < 4 {
			s = s[:3]
		}
		return append(dst, s...)
	}
	switch f.letter {
	case 0:
		return append(dst, f.text...)
	case 'y', 'u':
		if f.n == 2 {
			return number(m.year % 100)
		}
		return number(m.year)
	case 'M', 'L':
		if f.n > 2 {
			return name(monthWords[m.month-1])
		}
		return number(int64(m.month))
	case 'd':
		return number(int64(m.day))
	case 'D':
		return number(m.days - types.DaysOf(m.year, 1, 1) + 1)
	case 'Q':
		return number(int64(m.month-1)/3 + 1)
	case 'H':
		return number(m.hour)
	case 'h':
		return number((m.hour+11)%12 + 1)
	case 'm':
		return number(m.minute)
	case 's':
		return number(m.sec)
	case 'n':
		return number(m.usc * 1000)
	case 'S':
		digits := string(appendPadded(nil, m.usc*1000, 9, true))
		return append(dst, (digits + strings.Repeat("0", max(0, f.n-9)))[:f.n]...)
	case 'a':
		return append(dst, map[bool]string{false: "AM", true: "PM"}[m.hour >= 12]...)
	case 'G':
		return append(dst, map[bool]string{false: "AD", true: "BC"}[m.year <= 0]...)
	case 'E':
		return name(dayWords[dayOfWeek(m.days)])
	case 'e':
		return number(dayOfWeek(m.days) + 1)
	case 'V':
		return append(dst, loc.String()...)
	case 'z':
		return append(dst, m.zone...)
	}
	return m.appendOffset(dst, f)
}

// appendOffset prints X, x and Z.
func (m *moment) appendOffset(dst []byte, f javaField) []byte {
	if f.letter == 'X' && m.offset == 0 {
		return append(dst, 'Z')
	}
	sign, abs := byte('+'), m.offset
	if abs < 0 {
		sign, abs = '-', -abs
	}
	dst = appendPadded(append(dst, sign), abs/3600, 2, true)
	if f.letter != 'Z' && f.n == 1 && abs/60%60 == 0 {
		return dst
	}
	if f.letter != 'Z' && (f.n == 3 || f.n == 5) || f.letter == 'Z' && f.n == 5 {
		dst = append(dst, ':')
	}
	return appendPadded(dst, abs/60%60, 2, true)
}

// parseJava reads the first argument and gives it in units of so many microseconds.
func parseJava(unit int64) func(r Row, out *vec.Column) error { return readTo(unit, false) }

// readTo is parseJava; with open, text may follow what the pattern describes.
func readTo(unit int64, open bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		fields, err := javaFields(r.Text(1))
		if err != nil {
			return err
		}
		loc, err := zoneArg(r)
		if err != nil {
			return err
		}
		v, ok, err := readJava(fields, r.Text(0), loc, open)
		if err == nil && !ok {
			err = sqlerr.New(sqlerr.InvalidDatetimeFormat,
				"text %q does not match the pattern %q", r.Text(0), r.Text(1))
		}
		if err != nil {
			return err
		}
		out.AppendInt(floorDiv(v, unit))
		return nil
	}
}

// JavaTimestamps returns a function that reads timestamps by a pattern of Java's DateTimeFormatter, in UTC where the
// text has no zone, as microseconds.
func JavaTimestamps(pattern string) (func(text string) (int64, error), error) {
	fields, err := javaFields(pattern)
	if err != nil {
		return nil, err
	}
	return func(text string) (int64, error) {
		v, ok, err := readJava(fields, text, time.UTC, false)
		if err == nil && !ok {
			err = sqlerr.New(sqlerr.InvalidDatetimeFormat, "text %q does not match the pattern %q", text, pattern)
		}
		return v, err
	}, nil
}

// readJava reads text by the fields of a pattern; ok is false when it does not match. With open, more may follow.
func readJava(
	fields []javaField, text string, loc *time.Location, open bool,
) (micros int64, ok bool, err error) {
	p := javaReader{s: text, year: 1970, month: 1, day: 1}
	for _, f := range fields {
		if !p.field(f) {
			p.bad = true
		}
	}
	if p.bad || p.s != "" && !open || p.month < 1 || p.month > 12 || p.day < 1 ||
		p.day > int64(types.DaysInMonth(p.year, int(p.month))) || p.hour > 23 || p.minute > 59 || p.sec > 59 {
		return 0, false, nil
	}
	v, err := joinTimestamp(types.DaysOf(p.year, p.month, p.day),
		p.hour*microsPerHour+p.minute*microsPerMinute+p.sec*microsPerSecond+p.micros)
	switch {
	case err != nil:
		return 0, false, err
	case p.zoned:
		v -= p.offset * microsPerSecond
	case p.loc != nil:
		v = types.ToUTC(v, p.loc)
	default:
		v = types.ToUTC(v, loc)
	}
	return v, true, nil
}

// javaReader reads text field by field.
type javaReader struct {
	s                    string
	year, month, day     int64
	hour, minute, sec    int64
	micros, offset       int64
	pm, half, zoned, bad bool
	loc                  *time.Location
}

// number reads at most so many digits.
func (p *javaReader) number(most int) (v int64, digits int) {
	for digits < len(p.s) && digits < most && p.s[digits]-'0' <= 9 {
		v = v*10 + int64(p.s[digits]-'0')
		digits++
	}
	p.s = p.s[digits:]
	p.bad = p.bad || digits == 0
	return v, digits
}

// name reads one of some names, whole or its first three letters.
func (p *javaReader) name(names []string) int64 {
	for _, n := range [...]int{99, 3} {
		for k, s := range names {
			s = s[:min(n, len(s))]
			if len(p.s) >= len(s) && strings.EqualFold(p.s[:len(s)], s) {
				p.s = p.s[len(s):]
				return int64(k)
			}
		}
	}
	p.bad = true
	return 0
}

// field reads one field of the pattern; false when the text does not begin with it.
func (p *javaReader) field(f javaField) (ok bool) {
	width := f.n
	if f.n == 1 {
		width = 9
	}
	switch f.letter {
	case 0:
		p.s, ok = strings.CutPrefix(p.s, f.text)
		return ok
	case 'y', 'u':
		p.year, _ = p.number(width)
		if f.n == 2 {
			p.year += 2000
		}
	case 'M', 'L':
		if f.n > 2 {
			p.month = p.name(monthWords) + 1
		} else {
			p.month, _ = p.number(width)
		}
	case 'd':
		p.day, _ = p.number(width)
	case 'H':
		p.hour, _ = p.number(width)
	case 'h':
		p.hour, _ = p.number(width)
		p.half = true
		p.hour = p.hour%12 + 12*boolInt(p.pm)
	case 'm':
		p.minute, _ = p.number(width)
	case 's':
		p.sec, _ = p.number(width)
	case 'S':
		v, digits := p.number(f.n)
		for ; digits < 6; digits++ {
			v *= 10
		}
		for ; digits > 6; digits-- {
			v /= 10
		}
		p.micros = v
	case 'a':
		p.pm = p.name([]string{"AM", "PM"}) == 1
		if p.half && p.pm {
			p.hour += 12
		}
	case 'E':
		p.name(dayWords)
	case 'X', 'x', 'Z', 'z', 'V':
		return p.zone()
	default:
		return false
	}
	return true
}

// javaZones are the abbreviations that Java takes for a region, whose clocks may show summer time.
var javaZones = map[string]string{
	"PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "MST": "America/Denver", "MDT": "America/Denver",
	"CST": "America/Chicago", "CDT": "America/Chicago", "EST": "America/New_York", "EDT": "America/New_York",
	"CET": "Europe/Paris", "CEST": "Europe/Paris",
}

// zone reads an offset or the name of a zone.
func (p *javaReader) zone() bool {
	if rest, ok := strings.CutPrefix(p.s, "Z"); ok {
		p.s, p.zoned = rest, true
		return true
	}
	if p.s == "" {
		return false
	}
	if p.s[0] != '+' && p.s[0] != '-' {
		end := strings.IndexAny(p.s, " ,;)]")
		if end < 0 {
			end = len(p.s)
		}
		name := p.s[:end]
		if region, ok := javaZones[name]; ok {
			name = region
		}
		loc, err := types.LoadLocation(name)
		p.loc, p.s = loc, p.s[end:]
		return err == nil
	}
	sign := int64(1)
	if p.s[0] == '-' {
		sign = -1
	}
	p.s, p.zoned = p.s[1:], true
	h, _ := p.number(2)
	p.s = strings.TrimPrefix(p.s, ":")
	m := int64(0)
	if len(p.s) >= 2 && p.s[0]-'0' <= 9 {
		m, _ = p.number(2)
	}
	p.offset = sign * (h*3600 + m*60)
	return true
}

package fn

import (
	"fmt"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// formatDecls declares what prints and reads times by a pattern: PostgreSQL's to_char, and ksqlDB's functions, whose
// patterns are those of Java.
func formatDecls() []Scalar {
	text, i8, i4 := types.Text, types.Int8, types.Int4
	fs := []Scalar{
		{Name: "to_char", Args: in(ts, text), Ret: text, Strict: true, Stable: true, Kernel: rowwise(toCharTime(false)),
			Doc: Doc{Category: "date/time", Summary: "Prints a time, or a number, by a pattern of PostgreSQL's.",
				Examples: ex("to_char(timestamp '2002-04-20 17:31:12.66', 'HH12:MI:SS')", "05:31:12")}},
		{Name: "to_char", Args: in(tz, text), Ret: text, Strict: true, Stable: true, Kernel: rowwise(toCharTime(true))},
		{Name: "to_char", Args: in(ivl, text), Ret: text, Strict: true, Stable: true, Kernel: rowwise(toCharInterval)},
	}
	add := func(name string, arg, ret types.Type, f func(r Row, out *vec.Column) error, doc Doc) {
		args := in(arg, text, text)
		fs = append(fs, Scalar{Name: name, Args: args[:2], Ret: ret, Strict: true, Kernel: rowwise(f), Doc: doc},
			Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: rowwise(f)})
	}
	add("timestamptostring", i8, text, formatJava(microsPerMilli), Doc{
		Summary:  "Prints milliseconds since 1970 by a pattern of Java's.",
		Examples: ex("timestamptostring(1638360611123, 'yyyy-MM-dd HH:mm:ss.SSS')", "2021-12-01 12:10:11.123")})
	add("format_timestamp", ts, text, formatJava(1), Doc{Summary: "Prints a timestamp by a pattern of Java's.",
		Examples: ex("format_timestamp(timestamp '2021-12-01 12:10:11', 'HH:mm')", "12:10")})
	add("stringtotimestamp", text, i8, parseJava(microsPerMilli), Doc{
		Summary:  "Reads a time by a pattern of Java's, as milliseconds since 1970.",
		Examples: ex("stringtotimestamp('2021-12-01', 'yyyy-MM-dd')", "1638316800000")})
	add("parse_timestamp", text, ts, parseJava(1), Doc{Summary: "Reads a timestamp by a pattern of Java's.",
		Examples: ex("parse_timestamp('01/12/2021 12:10', 'dd/MM/yyyy HH:mm')", "2021-12-01 12:10:00")})
	return append(fs,
		Scalar{Name: "format_date", Args: in(date, text), Ret: text, Strict: true,
			Kernel: rowwise(formatJava(microsPerDay)),
			Doc: Doc{Summary: "Prints a date by a pattern of Java's.",
				Examples: ex("format_date(date '2021-12-01', 'dd.MM.yyyy')", "01.12.2021")}},
		Scalar{Name: "datetostring", Args: in(i4, text), Ret: text, Strict: true,
			Kernel: rowwise(formatJava(microsPerDay)),
			Doc:    Doc{Summary: "Prints days since 1970 by a pattern of Java's."}},
		Scalar{Name: "parse_date", Args: in(text, text), Ret: date, Strict: true,
			Kernel: rowwise(readTo(microsPerDay, true)),
			Doc: Doc{Summary: "Reads a date by a pattern of Java's. Text after it is passed over.",
				Examples: ex("parse_date('01.12.2021', 'dd.MM.yyyy')", "2021-12-01")}},
		Scalar{Name: "stringtodate", Args: in(text, text), Ret: i4, Strict: true,
			Kernel: rowwise(parseJava(microsPerDay)),
			Doc:    Doc{Summary: "Reads a date by a pattern of Java's, as days since 1970."}})
}

// moment is a time taken apart for printing.
type moment struct {
	year                   int64 // 0 is 1 BC
	month, day             int
	days, yearDay          int64
	hour, minute, sec, usc int64
	offset                 int64 // seconds east of Greenwich
	zone                   string
	interval               bool
}

func momentOf(local int64) moment {
	days, rest := splitTimestamp(local)
	m := moment{days: days, hour: rest / microsPerHour, minute: rest / microsPerMinute % 60,
		sec: rest / microsPerSecond % 60, usc: rest % microsPerSecond}
	m.year, m.month, m.day = types.CivilOf(days)
	m.yearDay = days - types.DaysOf(m.year, 1, 1) + 1
	return m
}

func toCharTime(zoned bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		v := r.Int(0)
		if infinite(v) || len(r.Bytes(1)) == 0 {
			out.AppendNull()
			return nil
		}
		m := momentOf(v)
		if zoned {
			loc := r.Location()
			local := types.ToLocal(v, loc)
			m = momentOf(local)
			m.offset = (local - v) / microsPerSecond
			m.zone, _ = time.UnixMicro(v).In(loc).Zone()
		}
		var err error
		if out.Data, err = m.appendChar(out.Data, r.Text(1)); err == nil {
			out.CloseBytes()
		}
		return err
	}
}

func toCharInterval(r Row, out *vec.Column) error {
	v := r.Ivl(0)
	if len(r.Bytes(1)) == 0 {
		out.AppendNull()
		return nil
	}
	m := moment{year: int64(v.Months / monthsPerYear), month: int(v.Months % monthsPerYear), day: int(v.Days),
		hour: v.Micros / microsPerHour, minute: v.Micros / microsPerMinute % 60, sec: v.Micros / microsPerSecond % 60,
		usc: v.Micros % microsPerSecond, interval: true}
	m.days = types.DaysOf(m.year, int64(m.month), int64(m.day))
	m.yearDay = (m.year*monthsPerYear+int64(m.month))*daysPerMonth + int64(m.day)
	var err error
	if out.Data, err = m.appendChar(out.Data, r.Text(1)); err == nil {
		out.CloseBytes()
	}
	return err
}

var (
	monthWords = strings.Fields("January February March April May June July August September October November December")
	dayWords   = strings.Fields("Sunday Monday Tuesday Wednesday Thursday Friday Saturday")
)

// charPatterns are the words of to_char's patterns, the longer of a common beginning first.
var charPatterns = strings.Fields(`SSSSS SSSS Y,YYY YYYY IYYY MONTH Month month A.M. P.M. a.m. p.m. B.C. A.D. b.c. a.d.
	HH24 HH12 IDDD YYY IYY DDD DAY Day day MON Mon mon TZH TZM FF1 FF2 FF3 FF4 FF5 FF6 AM PM am pm BC AD bc ad YY
	IY FX MM RM rm HH MI SS MS US DD DY Dy dy ID WW IW CC TZ tz OF I Y D W Q J`)

// appendChar prints by a pattern of PostgreSQL's to_char.
func (m *moment) appendChar(dst []byte, pattern string) ([]byte, error) {
	for _, p := range parsePattern(pattern, charPatterns, true) {
		if p.kind != patternWord {
			dst = append(dst, p.word...)
			continue
		}
		if m.interval && onCalendar(p.word) {
			return dst, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid format specification for an interval value").
				WithHint("Intervals are not tied to specific calendar dates.")
		}
		start := len(dst)
		dst = m.appendWord(dst, p.word, p.lower, !p.fill)
		if p.th && len(dst) > start && strings.Contains(ordinalWords, " "+p.word+" ") {
			dst = append(dst, ordinal(dst[start:], p.upTH)...)
		}
	}
	return dst, nil
}

// ordinalWords are those after which TH means something.
const ordinalWords = " HH24 HH12 HH MI SS MS US FF1 FF2 FF3 FF4 FF5 FF6 SSSS SSSSS MM DD DDD IDDD D ID W WW IW J Q " +
	"Y,YYY YYYY YYY YY Y IYYY IYY IY I CC "

// onCalendar reports whether a word of a pattern means nothing for an interval.
func onCalendar(word string) bool {
	switch strings.ToUpper(strings.ReplaceAll(word, ".", "")) {
	case "AD", "BC", "MONTH", "MON", "DAY", "DY", "D", "ID", "OF", "TZ", "TZH", "TZM":
		return true
	}
	return false
}

// ordinal is the ending of an ordinal number.
func ordinal(digits []byte, upper bool) string {
	end := "th"
	if n := len(digits); n > 0 && (n < 2 || digits[n-2] != '1') {
		switch digits[n-1] {
		case '1':
			end = "st"
		case '2':
			end = "nd"
		case '3':
			end = "rd"
		}
	}
	if upper {
		return strings.ToUpper(end)
	}
	return end
}

// appendPadded prints a number with at least so many digits.
func appendPadded(dst []byte, v int64, width int, fill bool) []byte {
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	digits := types.AppendInt(nil, v)
	for n := len(digits); fill && n < width; n++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendWord prints one word of a pattern.
func (m *moment) appendWord(dst []byte, word string, lower, fill bool) []byte {
	_, week := isoWeekOf(m.days)
	number := func(v int64, width int) []byte { return appendPadded(dst, v, width, fill) }
	width := func(n int) int { // of days, whose sign counts
		if fill {
			return n
		}
		return 0
	}
	switch word {
	case "FX":
		return dst
	case "HH24":
		return number(m.hour, 2)
	case "HH", "HH12":
		h := m.hour % 12
		if h == 0 {
			h = 12
		}
		return number(h, 2)
	case "MI":
		return number(m.minute, 2)
	case "SS":
		return number(m.sec, 2)
	case "SSSS", "SSSSS":
		return number(m.hour*3600+m.minute*60+m.sec, 0)
	case "MS", "FF3":
		return appendPadded(dst, m.usc/1000, 3, true)
	case "US", "FF6":
		return appendPadded(dst, m.usc, 6, true)
	case "FF1", "FF2", "FF4", "FF5":
		n := int(word[2] - '0')
		return append(dst, appendPadded(nil, m.usc, 6, true)[:n]...)
	case "MM":
		return number(int64(m.month), 2)
	case "DD":
		return fmt.Appendf(dst, "%0*d", width(2), m.day)
	case "DDD":
		return fmt.Appendf(dst, "%0*d", width(3), m.yearDay)
	case "IDDD":
		return number((week-1)*7+(dayOfWeek(m.days)+6)%7+1, 3)
	case "D":
		return number(dayOfWeek(m.days)+1, 0)
	case "ID":
		return number((dayOfWeek(m.days)+6)%7+1, 0)
	case "W":
		return number(int64(m.day-1)/7+1, 0)
	case "WW":
		return fmt.Appendf(dst, "%0*d", width(2), (m.yearDay-1)/7+1)
	case "IW":
		return number(week, 2)
	case "J":
		return number(m.days+julianEpoch, 0)
	case "Q":
		if m.month == 0 {
			return dst
		}
		return number(int64(m.month-1)/3+1, 0)
	}
	if word[0] == 'Y' || word[0] == 'I' || word == "CC" {
		return m.appendYear(dst, word, fill)
	}
	return m.appendName(dst, word, lower, fill)
}

// appendYear prints a word of a pattern that stands for the year or a part of it.
func (m *moment) appendYear(dst []byte, word string, fill bool) []byte {
	year := m.year
	if year <= 0 && !m.interval {
		year = 1 - year
	}
	isoYear, _ := isoWeekOf(m.days)
	if isoYear <= 0 && !m.interval {
		isoYear = 1 - isoYear
	}
	number := func(v int64, width int) []byte { return appendPadded(dst, v, width, fill) }
	switch word {
	case "YYYY":
		return number(year, 4)
	case "Y,YYY":
		return fmt.Appendf(dst, "%d,%03d", year/1000, year%1000)
	case "YYY":
		return number(year%1000, 3)
	case "YY":
		return number(year%100, 2)
	case "Y":
		return number(year%10, 1)
	case "IYYY":
		return number(isoYear, 4)
	case "IYY":
		return number(isoYear%1000, 3)
	case "IY":
		return number(isoYear%100, 2)
	case "I":
		return number(isoYear%10, 1)
	default: // CC
		switch {
		case m.interval:
			return number(year/100, 2)
		case m.year <= 0:
			return number(m.year/100-1, 2)
		}
		return number((year+99)/100, 2)
	}
}

// appendName prints a word of a pattern that stands for a name.
func (m *moment) appendName(dst []byte, word string, lower, fill bool) []byte {
	pick := func(before, after string, second bool) []byte {
		s := before
		if second {
			s = after
		}
		if strings.Contains(word, ".") {
			s = s[:1] + "." + s[1:] + "."
		}
		if lower || word == strings.ToLower(word) {
			s = strings.ToLower(s)
		}
		return append(dst, s...)
	}
	named := func(names []string, k, cut, width int) []byte {
		s := names[k]
		if cut > 0 {
			s = s[:cut]
		}
		switch {
		case lower || word == strings.ToLower(word):
			s = strings.ToLower(s)
		case word == strings.ToUpper(word):
			s = strings.ToUpper(s)
		}
		dst = append(dst, s...)
		for n := len(s); fill && n < width; n++ {
			dst = append(dst, ' ')
		}
		return dst
	}
	switch w := strings.ToUpper(strings.ReplaceAll(word, ".", "")); {
	case w == "AM" || w == "PM":
		return pick("AM", "PM", m.hour%24 >= 12)
	case w == "BC" || w == "AD":
		return pick("AD", "BC", m.year <= 0)
	case w == "MONTH":
		return named(monthWords, m.month-1, 0, 9)
	case w == "MON":
		return named(monthWords, m.month-1, 3, 0)
	case w == "DAY":
		return named(dayWords, int(dayOfWeek(m.days)), 0, 9)
	case w == "DY":
		return named(dayWords, int(dayOfWeek(m.days)), 3, 0)
	case w == "RM":
		return m.appendRoman(named)
	case w == "TZ" && (lower || word == "tz"):
		return append(dst, strings.ToLower(m.zone)...)
	case w == "TZ":
		return append(dst, m.zone...)
	case w == "TZM":
		return appendPadded(dst, max(m.offset, -m.offset)/60%60, 2, true)
	}
	sign := byte('+')
	if m.offset < 0 {
		sign = '-'
	}
	dst = appendPadded(append(dst, sign), max(m.offset, -m.offset)/3600, 2, fill || word != "OF")
	if minutes := max(m.offset, -m.offset) / 60 % 60; word == "OF" && minutes != 0 {
		dst = appendPadded(append(dst, ':'), minutes, 2, true)
	}
	return dst
}

// appendRoman prints the month in Roman numerals; an interval may have none.
func (m *moment) appendRoman(named func(names []string, k, cut, width int) []byte) []byte {
	at := monthsPerYear - m.month
	switch {
	case !m.interval:
	case m.month == 0 && m.year == 0:
		return named([]string{""}, 0, 0, 0)
	case m.month == 0 && m.year > 0:
		at = 0
	case m.month == 0:
		at = monthsPerYear - 1
	case m.month < 0:
		at = -m.month - 1
	}
	return named(romanMonths, at, 0, 4)
}

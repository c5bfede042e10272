package fn

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// readDecls declares what reads times by a pattern of PostgreSQL's.
func readDecls() []Scalar {
	text := types.Text
	return []Scalar{
		{Name: "to_date", Args: in(text, text), Ret: date, Strict: true, Kernel: rowwise(toDate),
			Doc: Doc{Category: "date/time", Summary: "Reads a date by a pattern of PostgreSQL's.", Examples: ex(
				"to_date('05 Dec 2000', 'DD Mon YYYY')", "2000-12-05", "to_date('2020-366', 'YYYY-DDD')", "2020-12-31")}},
		{Name: "to_timestamp", Args: in(text, text), Ret: tz, Strict: true, Stable: true, Kernel: rowwise(toTimestamp),
			Doc: Doc{Summary: "Reads a time by a pattern of PostgreSQL's; a text without a zone is in that of the session.",
				Examples: ex("to_timestamp('05 Dec 2000 7:30 PM', 'DD Mon YYYY HH12:MI AM')", "2000-12-05 19:30:00+00")}},
	}
}

// convention says in which calendar a word of a pattern counts.
type convention uint8

const (
	anyCalendar convention = iota
	gregorian
	isoWeeks
)

func conventionOf(word string) convention {
	switch {
	case word[0] == 'I':
		return isoWeeks
	case word[0] == 'Y', word == "DDD", word == "DD", word == "D", word == "MM", word == "RM", word == "rm", word == "WW",
		word == "W", strings.HasPrefix(strings.ToLower(word), "mon"):
		return gregorian
	}
	return anyCalendar
}

// timeReader reads a time by a pattern. Its fields are 0 when the text says nothing of them.
type timeReader struct {
	text  string
	s     string // what is left
	parts []patternPart
	at    int // the part at work
	fixed bool

	calendar                       convention
	clock12                        bool
	pm, bc                         int // 1 is PM or BC
	hour, minute, second, ofDay    int
	millis, micros                 int
	year, yearDigits, century      int
	month, day, yearDay, weekDay   int // weekDay is 1 on Sunday
	week, monthWeek, julian        int
	zoneSign, zoneHour, zoneMinute int
	precision                      int // of FF
}

const maxInt32 = math.MaxInt32

func (t *timeReader) part() patternPart { return t.parts[t.at] }

// name is the word at work as the pattern spells it.
func (t *timeReader) name() string {
	if p := t.part(); p.lower {
		return strings.ToLower(p.word)
	}
	return t.part().word
}

func invalidValue(value, field string) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid value \"%s\" for \"%s\"", value, field)
}

// set stores a field that must not be given twice with other values.
func (t *timeReader) set(field *int, v int) error {
	if *field != 0 && *field != v {
		return sqlerr.New(sqlerr.InvalidDatetimeFormat, "conflicting values for \"%s\" field in formatting string", t.name()).
			WithDetail("This value contradicts a previous setting for the same field type.")
	}
	*field = v
	return nil
}

// beforeDigit reports whether the part after the one at work may begin with a digit: a number then ends by its width.
func (t *timeReader) beforeDigit() bool {
	if t.part().th || t.at+1 == len(t.parts) {
		return false
	}
	switch next := t.parts[t.at+1]; next.kind {
	case patternWord:
		switch next.word[0] {
		case 'C', 'F', 'H', 'I', 'J', 'Q', 'S', 'U', 'W', 'Y':
			return next.word != "FX"
		}
		switch next.word {
		case "DDD", "DD", "D", "MI", "MM", "MS", "TZM":
			return true
		}
		return false
	default:
		return next.word[0] >= '0' && next.word[0] <= '9'
	}
}

// leadingInt reads a whole number as strtol does, and how many bytes it takes, 0 when there is none.
func leadingInt(s string) (v int64, n int) {
	i := 0
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	from := i
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	digits := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == digits {
		return 0, 0
	}
	v, err := strconv.ParseInt(s[from:i], 10, 64)
	if err != nil {
		v = math.MaxInt64
	}
	return v, i
}

// number reads a field of so many digits; it returns how many bytes that took.
func (t *timeReader) number(field *int, width int) (n int, err error) {
	const hint = "If your source string is not fixed-width, try using the \"FM\" modifier."
	skipped := len(t.s) - len(strings.TrimLeft(t.s, " \t\n\v\f\r"))
	rest := t.s[skipped:]
	part := rest[:min(width, len(rest))]
	var v int64
	if t.part().fill || !t.beforeDigit() {
		v, n = leadingInt(t.s)
	} else {
		if len(rest) < width {
			return 0, sqlerr.New(sqlerr.InvalidDatetimeFormat, "source string too short for \"%s\" formatting field", t.name()).
				WithDetail("Field requires %d characters, but only %d remain.", width, len(rest)).WithHint(hint)
		}
		var used int
		if v, used = leadingInt(part); used > 0 && used < width {
			return 0, invalidValue(part, t.name()).WithDetail("Field requires %d characters, but only %d could be parsed.",
				width, used).WithHint(hint)
		}
		n = skipped + used
	}
	if n == 0 {
		return 0, invalidValue(part, t.name()).WithDetail("Value must be an integer.")
	}
	if v > maxInt32 || v < math.MinInt32 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "value for \"%s\" in source string is out of range", t.name()).
			WithDetail("Value must be in the range %d to %d.", math.MinInt32, maxInt32)
	}
	t.s = t.s[n:]
	if field == nil {
		return n, nil
	}
	return n, t.set(field, int(v))
}

// choice reads one of the words and returns its place.
func (t *timeReader) choice(words []string) (int, error) {
	for i, w := range words {
		if len(t.s) >= len(w) && strings.EqualFold(t.s[:len(w)], w) {
			t.s = t.s[len(w):]
			return i, nil
		}
	}
	word := t.s
	if end := strings.IndexAny(word, " \t\n\v\f\r"); end >= 0 {
		word = word[:end]
	}
	return 0, invalidValue(word, t.name()).
		WithDetail("The given value did not match any of the allowed values for this field.")
}

func (t *timeReader) skipRune() {
	_, n := utf8.DecodeRuneInString(t.s)
	t.s = t.s[n:]
}

func (t *timeReader) skipBlanks() (n int) {
	for t.s != "" && isBlank(t.s[0]) {
		t.s = t.s[1:]
		n++
	}
	return n
}

// read goes through the pattern. extra counts the characters that were skipped beyond those of the pattern.
func (t *timeReader) read() error {
	extra := 0
	for t.at = 0; t.at < len(t.parts) && t.s != ""; t.at++ {
		p := t.part()
		if !t.fixed && p.word != "FX" && (p.kind == patternWord || t.at == 0) {
			extra += t.skipBlanks()
		}
		switch {
		case t.s == "" && p.kind != patternWord:
			continue
		case p.kind == patternSpace || p.kind == patternSeparator:
			if t.fixed {
				t.skipRune()
			} else if extra--; isBlank(t.s[0]) || isSeparator(t.s[0]) {
				t.s = t.s[1:]
				extra++
			}
			continue
		case p.kind == patternText && !t.fixed && extra > 0:
			extra--
			continue
		case p.kind == patternText:
			t.skipRune()
			continue
		case p.word == "FX":
			t.fixed = true
			continue
		}
		if err := t.field(p, extra); err != nil {
			return err
		}
		if !t.fixed {
			extra = t.skipBlanks()
		}
	}
	return nil
}

// field reads the field of one word.
func (t *timeReader) field(p patternPart, extra int) error {
	if c := conventionOf(p.word); c != anyCalendar {
		if t.calendar != anyCalendar && t.calendar != c {
			return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid combination of date conventions").WithHint(
				"Do not mix Gregorian and ISO week date conventions in a formatting template.")
		}
		t.calendar = c
	}
	var err error
	switch w := strings.ToUpper(strings.ReplaceAll(p.word, ".", "")); {
	case w == "AM" || w == "PM" || w == "AD" || w == "BC":
		return t.half(p.word, w)
	case w == "OF" || w == "TZ":
		return sqlerr.New(sqlerr.FeatureNotSupported, "formatting field \"%s\" is only supported in to_char", t.name())
	case w == "TZH" || w == "TZM":
		return t.zone(w, extra)
	case w == "MONTH" || w == "MON" || w == "DAY" || w == "DY" || w == "RM":
		return t.named(w)
	case w[0] == 'Y' || w == "IYYY" || w == "IYY" || w == "IY" || w == "I":
		err = t.yearField(w)
	case w == "MS" || w == "US" || w[0] == 'F':
		err = t.fraction(w)
	default:
		err = t.plain(w)
	}
	if err == nil && p.th {
		t.skipRune()
		t.skipRune()
	}
	return err
}

// plain reads a field that is a number.
func (t *timeReader) plain(w string) error {
	var err error
	switch w {
	case "HH", "HH12":
		_, err = t.number(&t.hour, 2)
		t.clock12 = true
	case "HH24":
		_, err = t.number(&t.hour, 2)
	case "MI":
		_, err = t.number(&t.minute, 2)
	case "SS":
		_, err = t.number(&t.second, 2)
	case "SSSS", "SSSSS":
		_, err = t.number(&t.ofDay, len(w))
	case "MM":
		_, err = t.number(&t.month, 2)
	case "DDD", "IDDD":
		_, err = t.number(&t.yearDay, 3)
	case "DD":
		_, err = t.number(&t.day, 2)
	case "D":
		_, err = t.number(&t.weekDay, 1)
	case "ID": // Monday is 1
		if _, err = t.number(&t.weekDay, 1); err == nil {
			if t.weekDay++; t.weekDay > 7 {
				t.weekDay = 1
			}
		}
	case "WW", "IW":
		_, err = t.number(&t.week, 2)
	case "W":
		_, err = t.number(&t.monthWeek, 1)
	case "Q": // it says nothing of the day
		_, err = t.number(nil, 1)
	case "CC":
		_, err = t.number(&t.century, 2)
	default:
		_, err = t.number(&t.julian, 1)
	}
	return err
}

// half reads AM or PM, AD or BC, with points or without.
func (t *timeReader) half(word, w string) error {
	words, field := [...]string{"am", "pm"}, &t.pm
	if w == "AD" || w == "BC" {
		words, field = [...]string{"ad", "bc"}, &t.bc
	}
	if strings.Contains(word, ".") {
		for i, s := range words {
			words[i] = s[:1] + "." + s[1:] + "."
		}
	}
	k, err := t.choice(words[:])
	if err != nil {
		return err
	}
	if field == &t.pm {
		t.clock12 = true
	}
	return t.set(field, k)
}

func (t *timeReader) zone(w string, extra int) error {
	var err error
	if w == "TZM" {
		if t.zoneSign == 0 {
			t.zoneSign = 1
		}
		_, err = t.number(&t.zoneMinute, 2)
		return err
	}
	t.zoneSign = 1
	switch {
	case t.s != "" && strings.IndexByte("+- ", t.s[0]) >= 0:
		if t.s[0] == '-' {
			t.zoneSign = -1
		}
		t.s = t.s[1:]
	case extra > 0 && strings.HasSuffix(t.text[:len(t.text)-len(t.s)], "-"): // it was taken for a separator
		t.zoneSign = -1
	}
	_, err = t.number(&t.zoneHour, 2)
	return err
}

var (
	romanMonths = strings.Fields("XII XI X IX VIII VII VI V IV III II I")
	shortMonths = cutWords(monthWords)
	shortDays   = cutWords(dayWords)
)

// cutWords gives the first three letters of each.
func cutWords(words []string) []string {
	short := make([]string, len(words))
	for i, w := range words {
		short[i] = w[:3]
	}
	return short
}

func (t *timeReader) named(w string) error {
	words := map[string][]string{"MONTH": monthWords, "MON": shortMonths, "DAY": dayWords, "DY": shortDays,
		"RM": romanMonths}[w]
	k, err := t.choice(words)
	switch {
	case err != nil:
		return err
	case w == "DAY" || w == "DY":
		if err = t.set(&t.weekDay, k); err == nil {
			t.weekDay++
		}
		return err
	case w == "RM":
		return t.set(&t.month, 12-k)
	}
	return t.set(&t.month, k+1)
}

func (t *timeReader) fraction(w string) error {
	width, field := 6, &t.micros
	switch {
	case w == "MS":
		width, field = 3, &t.millis
	case w[0] == 'F':
		width = int(w[2] - '0')
		t.precision = width
	}
	n, err := t.number(field, width)
	digits := 6
	if w == "MS" {
		digits = 3
	}
	for ; n > 0 && n < digits; n++ { // 25 is .25, and 025 is .025
		*field *= 10
	}
	return err
}

func (t *timeReader) yearField(w string) error {
	if w == "Y,YYY" {
		thousands, n := leadingInt(t.s)
		rest := t.s[n:]
		if n == 0 || rest == "" || rest[0] != ',' {
			return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input string for \"Y,YYY\"")
		}
		rest = strings.TrimLeft(rest[1:], " \t\n\v\f\r")
		years, m := leadingInt(rest[:min(3, len(rest))])
		if m == 0 {
			return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input string for \"Y,YYY\"")
		}
		t.s, t.yearDigits = rest[m:], 4
		return t.set(&t.year, int(int32(years+thousands*1000)))
	}
	width := len(w)
	n, err := t.number(&t.year, width)
	t.yearDigits = width
	if width < 4 && n < 4 {
		t.year = nearYear(t.year)
	}
	return err
}

// nearYear completes a year of fewer than four digits to the one nearest 2020.
func nearYear(year int) int {
	switch {
	case year < 70:
		return year + 2000
	case year < 100:
		return year + 1900
	case year < 520:
		return year + 2000
	case year < 1000:
		return year + 1000
	}
	return year
}

func toDate(r Row, out *vec.Column) error {
	t, days, err := readTime(r)
	if err != nil {
		return err
	}
	if days < firstDay || days >= endDay {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: \"%s\"", t.text)
	}
	out.AppendInt(days)
	return nil
}

func toTimestamp(r Row, out *vec.Column) error {
	t, days, err := readTime(r)
	if err != nil {
		return err
	}
	if days < firstDay || days > endDay {
		return timestampRange()
	}
	micros := (int64(t.hour)*3600+int64(t.minute)*60+int64(t.second))*microsPerSecond + int64(t.micros)
	v, err := joinTimestamp(days, micros)
	if err != nil {
		return err
	}
	if t.precision > 0 {
		v = types.RoundMicros(v, int32(t.precision))
	}
	loc := r.Location()
	if t.zoneSign != 0 {
		loc = time.FixedZone("", t.zoneSign*(t.zoneHour*3600+t.zoneMinute*60))
	}
	out.AppendInt(types.ToUTC(v, loc))
	return nil
}

// readTime reads the text that is argument 0 by the pattern that is argument 1: its day, and its time of the day in
// hour, minute, second and micros of t.
func readTime(r Row) (t *timeReader, days int64, err error) {
	t = &timeReader{text: r.Text(0), parts: parsePattern(r.Text(1), charPatterns, true)}
	t.s = t.text
	if err = t.read(); err == nil {
		if err = t.timeOfDay(); err == nil {
			days, err = t.date()
		}
	}
	return t, days, err
}

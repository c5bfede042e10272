package types

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Conditions that only dates and intervals know.
const (
	zoneDisplacementOverflow sqlerr.Code = "22009"
	intervalFieldOverflow    sqlerr.Code = "22015"
)

var monthNames = map[string]int{
	"jan": 1, "january": 1, "feb": 2, "february": 2, "mar": 3, "march": 3, "apr": 4, "april": 4, "may": 5, "jun": 6,
	"june": 6, "jul": 7, "july": 7, "aug": 8, "august": 8, "sep": 9, "sept": 9, "september": 9, "oct": 10,
	"october": 10, "nov": 11, "november": 11, "dec": 12, "december": 12,
}

// ignoredDateWords carry no meaning: names of days and prepositions.
var ignoredDateWords = map[string]bool{
	"mon": true, "monday": true, "tue": true, "tues": true, "tuesday": true, "wed": true, "weds": true,
	"wednesday": true, "thu": true, "thur": true, "thurs": true, "thursday": true, "fri": true, "friday": true,
	"sat": true, "saturday": true, "sun": true, "sunday": true, "at": true, "on": true,
}

var specialDateWords = map[string]bool{
	"epoch": true, "infinity": true, "-infinity": true, "now": true, "today": true, "tomorrow": true,
	"yesterday": true, "allballs": true, "am": true, "pm": true, "ad": true, "bc": true, "t": true, "j": true,
	"jd": true, "julian": true, "d": true, "m": true, "y": true, "h": true, "s": true, "mm": true, "dst": true,
}

func knownDateWord(w string) bool {
	_, month := monthNames[w]
	return month || ignoredDateWords[w] || specialDateWords[w]
}

// dateParser finds the meaning of the fields of a date or timestamp.
type dateParser struct {
	typ, text string
	env       Env
	timeOnly  bool // for the type time

	dateAllowed bool // the field being read may be a date

	special          string // infinity, -infinity or epoch
	year             int64
	month, day       int
	hour, min, sec   int64
	micros           int64
	offset           int            // seconds east of Greenwich, when hasZone
	loc              *time.Location // a named zone
	hasYear, hasMon  bool
	hasDay, hasTime  bool
	hasZone, bc      bool
	textMonth        bool
	twoDigitYear     bool
	meridiem, prefix string // am or pm; t or j before a number
}

func errDateFormat(typ, text string) error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, `invalid input syntax for type %s: "%s"`, typ, clean(text))
}

func (d *dateParser) bad() error { return errDateFormat(d.typ, d.text) }

func (d *dateParser) overflow() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, `date/time field value out of range: "%s"`, clean(d.text))
}

// overflowMonth is overflow for a month or day that would do in another order.
func (d *dateParser) overflowMonth() error {
	e := sqlerr.New(sqlerr.DatetimeFieldOverflow, `date/time field value out of range: "%s"`, clean(d.text))
	return e.WithHint(`Perhaps you need a different "datestyle" setting.`)
}

// clock returns the microseconds since midnight.
func (d *dateParser) clock() int64 {
	return (d.hour*3600+d.min*60+d.sec)*microsPerSecond + d.micros
}

func (d *dateParser) parse() error {
	if len(d.text) > 255 {
		return d.bad()
	}
	fields, ok := splitDate(d.text)
	if !ok || len(fields) == 0 {
		return d.bad()
	}
	for i, f := range fields {
		// A date goes with a time of day only when it is first.
		d.dateAllowed = !d.timeOnly || i == 0 && len(fields) > 1 &&
			(fields[1].kind == fieldTime || fields[len(fields)-1].kind == fieldDate)
		if err := d.field(f); err != nil {
			return err
		}
	}
	return d.finish()
}

func (d *dateParser) field(f dateField) error {
	switch f.kind {
	case fieldDate:
		return d.dateField(f)
	case fieldTime:
		if d.prefix != "" && d.prefix != "t" {
			return d.bad()
		}
		d.prefix = ""
		return d.timeField(f.text)
	case fieldZone:
		if d.timeOnly && !d.hasTime {
			return d.bad()
		}
		return d.setOffset(f.text)
	case fieldNumber:
		return d.number(f.text)
	default:
		return d.word(f)
	}
}

// setOffset reads a numeric time zone.
func (d *dateParser) setOffset(s string) error {
	offset, ok := parseOffset(s)
	if !ok {
		if digits := strings.TrimLeft(s, "+-"); skipDigits(digits, 0) > 0 && skipAny(digits, 0, func(c byte) bool {
			return isDigit(c) || c == ':'
		}) == len(digits) {
			return sqlerr.New(zoneDisplacementOverflow, `time zone displacement out of range: "%s"`, clean(d.text))
		}
		return d.bad()
	}
	if d.hasZone || d.loc != nil {
		return d.bad()
	}
	d.offset, d.hasZone = offset, true
	return nil
}

// dateField reads a field with delimiters, which is a date, a time after T with a zone, or the name of a zone.
func (d *dateParser) dateField(f dateField) error {
	if d.prefix == "" && !(d.hasMon && d.hasDay) && d.dateAllowed {
		return d.parts(f.text)
	}
	if isDigit(f.text[0]) || d.prefix != "" {
		if d.prefix != "" && d.prefix != "t" {
			return d.bad()
		}
		d.prefix = ""
		at := strings.IndexByte(f.text, '-')
		if at < 0 || d.hasTime {
			return d.bad()
		}
		if err := d.setOffset(f.text[at:]); err != nil {
			return err
		}
		return d.digits(f.text[:at])
	}
	return d.zoneName(f)
}

func (d *dateParser) zoneName(f dateField) error {
	if d.hasZone || d.loc != nil {
		return d.bad()
	}
	loc, err := LoadLocation(f.raw)
	if err != nil {
		return sqlerr.New(sqlerr.InvalidParameterValue, `time zone "%s" not recognized`, clean(f.text))
	}
	d.loc = loc
	return nil
}

// parts reads a date whose parts are joined by delimiters.
func (d *dateParser) parts(s string) error {
	if d.hasTime {
		return d.bad()
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r > 0x7f || !isAlnum(byte(r)) })
	if len(parts) == 0 || len(parts) > 3 {
		return d.bad()
	}
	rest := parts[:0:0]
	for _, p := range parts {
		if !isLetter(p[0]) {
			rest = append(rest, p)
			continue
		}
		m := monthNames[p]
		if m == 0 || d.hasMon {
			return d.bad()
		}
		d.month, d.hasMon, d.textMonth = m, true, true
	}
	for _, p := range rest {
		if skipDigits(p, 0) != len(p) {
			return d.bad()
		}
		if err := d.dateNumber(p); err != nil {
			return err
		}
	}
	if !d.hasYear || !d.hasMon || !d.hasDay {
		return d.bad()
	}
	return nil
}

// dateNumber gives a number of a date its place: by what is known already, and its length.
func (d *dateParser) dateNumber(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil {
		return d.overflow()
	}
	none := !d.hasYear && !d.hasMon && !d.hasDay
	switch {
	case len(s) == 3 && d.hasYear && !d.hasMon && !d.hasDay: // the day of a year
		if v < 1 || v > 366 {
			return d.overflow()
		}
		d.year, d.month, d.day = CivilOf(DaysOf(d.year, 1, int64(v)))
		d.hasMon, d.hasDay = true, true
	case none && (len(s) >= 3 || d.env.Style.Order == OrderYMD):
		d.setYear(v, len(s))
	case none && d.env.Style.Order == OrderDMY:
		d.day, d.hasDay = v, true
	case none, d.hasYear && !d.hasMon && !d.hasDay, d.hasDay && !d.hasMon && !d.hasYear:
		d.month, d.hasMon = v, true
	case d.hasMon && !d.hasDay && !d.hasYear && d.textMonth && (len(s) >= 3 || d.env.Style.Order == OrderYMD):
		d.setYear(v, len(s))
	case d.hasMon && !d.hasDay:
		d.day, d.hasDay = v, true
	case d.hasMon && d.hasDay && !d.hasYear:
		d.setYear(v, len(s))
	default:
		return d.bad()
	}
	return nil
}

func (d *dateParser) setYear(v, digits int) {
	d.year, d.hasYear, d.twoDigitYear = int64(v), true, digits <= 2
}

// number reads a field of digits.
func (d *dateParser) number(s string) error {
	switch d.prefix {
	case "j":
		return d.julian(s)
	case "t":
		d.prefix = ""
		if d.hasTime {
			return d.bad()
		}
		return d.digits(s)
	}
	at := strings.IndexByte(s, '.')
	switch {
	case at >= 0 && !d.hasYear && !d.hasMon && !d.hasDay && !d.timeOnly:
		return d.parts(s)
	case at > 2, at < 0 && len(s) > 4:
		return d.digits(s)
	case at >= 0:
		return d.bad()
	case d.timeOnly, d.hasYear && d.hasMon && d.hasDay:
		return d.digits(s)
	default:
		return d.dateNumber(s)
	}
}

func (d *dateParser) julian(s string) error {
	d.prefix = ""
	whole, fraction, _ := strings.Cut(s, ".")
	days, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || d.hasMon || d.hasYear || d.hasDay {
		return d.overflow()
	}
	if days > math.MaxInt32 {
		return d.overflow()
	}
	var m int
	d.year, m, d.day = CivilOf(days - 2440588)
	d.month, d.hasYear, d.hasMon, d.hasDay = m, true, true, true
	if fraction != "" {
		part, _ := strconv.ParseFloat("0."+fraction, 64)
		micros := int64(math.RoundToEven(part * microsPerDay))
		d.hour, d.micros, d.hasTime = micros/(3600*microsPerSecond), micros%(3600*microsPerSecond), true
	}
	return nil
}

// digits reads a date or time without delimiters: yyyymmdd, yymmdd, hhmmss, hhmm, with a fraction of the second.
func (d *dateParser) digits(s string) error {
	whole, fraction, hasFraction := strings.Cut(s, ".")
	if skipDigits(whole, 0) != len(whole) || skipDigits(fraction, 0) != len(fraction) {
		return d.bad()
	}
	at := func(i, n int) int64 {
		v, _ := strconv.ParseInt(whole[i:i+n], 10, 64)
		return v
	}
	n := len(whole)
	switch {
	case !hasFraction && !(d.hasYear && d.hasMon && d.hasDay) && n >= 6 && !d.timeOnly:
		year, err := strconv.ParseInt(whole[:n-4], 10, 32)
		if err != nil {
			return d.overflow()
		}
		d.year, d.month, d.day = year, int(at(n-4, 2)), int(at(n-2, 2))
		d.hasYear, d.hasMon, d.hasDay, d.twoDigitYear = true, true, true, n == 6
		return nil
	case d.hasTime || n != 4 && n != 6:
		return d.bad()
	}
	d.hour, d.min, d.hasTime = at(0, 2), at(2, 2), true
	if n == 6 {
		d.sec = at(4, 2)
	}
	return d.fraction(fraction)
}

// fraction reads the digits after a second's point.
func (d *dateParser) fraction(s string) error {
	if s == "" {
		return nil
	}
	f, err := strconv.ParseFloat("0."+s, 64)
	if err != nil {
		return d.bad()
	}
	d.micros = int64(math.RoundToEven(f * microsPerSecond))
	return nil
}

// timeField reads hh:mm, hh:mm:ss and hh:mm:ss.ffffff; mm:ss.ffffff counts as minutes and seconds.
func (d *dateParser) timeField(s string) error {
	whole, fraction, hasFraction := strings.Cut(s, ".")
	parts := strings.Split(whole, ":")
	if len(parts) > 3 || skipDigits(fraction, 0) != len(fraction) {
		return d.bad()
	}
	var v [3]int64
	for i, p := range parts {
		if p == "" && (i == 0 || i < len(parts)-1 || len(parts) == 3) {
			return d.bad()
		}
		x, err := strconv.ParseInt("0"+p, 10, 32)
		if err != nil {
			return d.overflow()
		}
		v[i] = x
	}
	if hasFraction && len(parts) == 2 {
		v = [3]int64{0, v[0], v[1]}
	}
	had := d.hasTime
	d.hour, d.min, d.sec, d.hasTime = v[0], v[1], v[2], true
	if err := d.fraction(fraction); err != nil {
		return err
	}
	if d.clockOverflows() {
		return d.overflow()
	}
	if had {
		return d.bad()
	}
	return nil
}

// clockOverflows reports whether the time is not one of a day. Times without colons are not checked, as 253000 is
// half past one on the next day.
func (d *dateParser) clockOverflows() bool {
	return d.min > 59 || d.sec > 60 || d.hour > 24 || d.hour == 24 && (d.min > 0 || d.sec > 0 || d.micros > 0)
}

// word reads a field of letters.
func (d *dateParser) word(f dateField) error {
	w := f.text
	if m := monthNames[w]; m > 0 && !d.timeOnly {
		return d.monthWord(m)
	}
	if offset, ok := zoneAbbreviations[w]; ok && !(w == "z" && d.prefix != "") {
		if d.hasZone || d.loc != nil {
			return d.bad()
		}
		d.offset, d.hasZone = offset, true
		return nil
	}
	switch {
	case ignoredDateWords[w]:
		return nil
	case w == "am" || w == "pm":
		d.meridiem = w
		return nil
	case w == "ad" || w == "bc":
		d.bc = w == "bc"
		return nil
	case w == "t" && (d.hasYear && d.hasMon && d.hasDay || d.timeOnly) && d.prefix == "":
		d.prefix = "t"
		return nil
	case (w == "j" || w == "jd" || w == "julian") && d.prefix == "":
		d.prefix = "j"
		return nil
	case specialDateWords[w]:
		return d.specialWord(w)
	}
	if loc := findLocation(f.raw); loc != nil && f.kind == fieldString {
		return d.zoneName(f)
	}
	return d.bad()
}

// monthWord notes a month's name. A number before it that was taken for a month was a day.
func (d *dateParser) monthWord(m int) error {
	switch {
	case d.hasMon && !d.textMonth && !d.hasDay && d.month >= 1 && d.month <= 31:
		d.day, d.hasDay = d.month, true
	case d.hasMon:
		return d.bad()
	}
	d.month, d.hasMon, d.textMonth = m, true, true
	return nil
}

func (d *dateParser) specialWord(w string) error {
	switch w {
	case "infinity", "-infinity", "epoch":
		d.special = w
		return nil
	case "allballs":
		d.hasTime, d.hasZone = true, true
		return nil
	case "now", "today", "tomorrow", "yesterday":
		if d.env.Now == 0 {
			return d.bad()
		}
	default:
		return d.bad()
	}
	local := ToLocal(d.env.Now, d.env.Location)
	days := floorDiv(local, microsPerDay)
	switch w {
	case "now":
		rest := local - days*microsPerDay
		d.hour, d.micros, d.hasTime = rest/(3600*microsPerSecond), rest%(3600*microsPerSecond), true
	case "tomorrow":
		days++
	case "yesterday":
		days--
	}
	d.year, d.month, d.day = CivilOf(days)
	d.hasYear, d.hasMon, d.hasDay = true, true, true
	return nil
}

// finish checks what the fields gave and completes it.
func (d *dateParser) finish() error {
	if d.special != "" {
		return nil // whatever else there was
	}
	if d.prefix != "" {
		return d.bad()
	}
	if err := d.finishTime(); err != nil {
		return err
	}
	if d.timeOnly {
		if !d.hasTime || d.loc != nil && !d.hasDay {
			return d.bad() // what a zone's offset is depends on the day
		}
		return nil
	}
	if !d.hasYear || !d.hasMon || !d.hasDay {
		return d.bad()
	}
	switch {
	case d.bc && d.year <= 0, d.year == 0 && !d.twoDigitYear:
		return d.overflow()
	case d.bc:
		d.year = 1 - d.year
	case d.twoDigitYear && d.year < 70:
		d.year += 2000
	case d.twoDigitYear && d.year < 100:
		d.year += 1900
	}
	if d.month < 1 || d.month > 12 {
		return d.overflowMonth()
	}
	if d.day < 1 || d.day > 31 {
		return d.overflowMonth()
	}
	if d.day > DaysInMonth(d.year, d.month) {
		return d.overflow()
	}
	return nil
}

func (d *dateParser) finishTime() error {
	if d.meridiem != "" {
		if d.hour > 12 || !d.hasTime {
			return d.overflow()
		}
		if d.hour %= 12; d.meridiem == "pm" {
			d.hour += 12
		}
	}
	if d.timeOnly && d.clockOverflows() {
		return d.overflow()
	}
	return nil
}

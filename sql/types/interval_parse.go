package types

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// intervalUnit is a part that a number may count.
type intervalUnit uint8

const (
	unitNone intervalUnit = iota
	unitMicro
	unitMilli
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitYear
	unitDecade
	unitCentury
	unitMillennium
)

var intervalUnits = map[string]intervalUnit{
	"us": unitMicro, "usec": unitMicro, "usecs": unitMicro, "useconds": unitMicro, "usecond": unitMicro,
	"microsecond": unitMicro, "microseconds": unitMicro, "microsecon": unitMicro,
	"ms": unitMilli, "msec": unitMilli, "msecs": unitMilli, "msecond": unitMilli, "mseconds": unitMilli,
	"millisecond": unitMilli, "milliseconds": unitMilli, "millisecon": unitMilli,
	"s": unitSecond, "sec": unitSecond, "secs": unitSecond, "second": unitSecond, "seconds": unitSecond,
	"m": unitMinute, "min": unitMinute, "mins": unitMinute, "minute": unitMinute, "minutes": unitMinute,
	"h": unitHour, "hr": unitHour, "hrs": unitHour, "hour": unitHour, "hours": unitHour,
	"d": unitDay, "day": unitDay, "days": unitDay, "w": unitWeek, "week": unitWeek, "weeks": unitWeek,
	"mon": unitMonth, "mons": unitMonth, "month": unitMonth, "months": unitMonth,
	"y": unitYear, "yr": unitYear, "yrs": unitYear, "year": unitYear, "years": unitYear,
	"dec": unitDecade, "decs": unitDecade, "decade": unitDecade, "decades": unitDecade,
	"c": unitCentury, "cent": unitCentury, "century": unitCentury, "centuries": unitCentury,
	"mil": unitMillennium, "mils": unitMillennium, "millennia": unitMillennium, "millennium": unitMillennium,
}

// microsPer holds the length of the units up to a day; monthsPer those from a month.
var (
	microsPer = [...]int64{
		unitMicro: 1, unitMilli: 1000, unitSecond: 1e6, unitMinute: 60e6, unitHour: 3600e6, unitDay: microsPerDay,
	}
	monthsPer = [...]int64{
		unitMonth: 1, unitYear: 12, unitDecade: 120, unitCentury: 1200, unitMillennium: 12000,
	}
)

// intervalParser adds up the parts of an interval.
type intervalParser struct {
	text                 string
	months, days, micros int64
	seen                 uint32       // units that occurred
	over                 bool         // some part exceeded 64 bits
	bare                 intervalUnit // what a number without a unit counts; unitNone for seconds
	minuteToSecond       bool         // a:b is minutes and seconds
}

// ParseInterval reads an interval in PostgreSQL's verbose form, ISO 8601 (P1Y2M3DT4H) or the SQL standard's
// (1-2 3 4:05:06).
func ParseInterval[S string | []byte](s S) (Interval, error) {
	return parseInterval(intervalParser{text: string(s)})
}

func parseInterval(p intervalParser) (Interval, error) {
	if len(p.text) > 255 {
		return Interval{}, p.bad()
	}
	fresh := p
	ok := p.verbose()
	if !ok && !p.over {
		p = fresh
		ok = p.iso()
	}
	if p.over || ok && p.days != int64(int32(p.days)) {
		return Interval{}, sqlerr.New(intervalFieldOverflow,
			`interval field value out of range: "%s"`, clean(p.text))
	}
	if !ok {
		return Interval{}, p.bad()
	}
	if p.months != int64(int32(p.months)) {
		return Interval{}, errIntervalRange()
	}
	return Interval{int32(p.months), int32(p.days), p.micros}, nil
}

func (p *intervalParser) bad() error { return errDateFormat("interval", p.text) }

// addTo adds n times unit to sum, noting an overflow.
func (p *intervalParser) addTo(sum *int64, n, unit int64) {
	v := n * unit
	if n != 0 && (v/n != unit || n == -1 && unit == math.MinInt64) {
		p.over = true
		return
	}
	if t := *sum + v; (t > *sum) == (v > 0) {
		*sum = t
		return
	}
	p.over = true
}

// add counts whole and frac (a fraction of the same sign) of a unit.
func (p *intervalParser) add(unit intervalUnit, whole int64, frac float64) {
	switch {
	case unit <= unitHour:
		p.addTo(&p.micros, whole, microsPer[unit])
		p.fracMicros(frac * float64(microsPer[unit]))
	case unit == unitDay, unit == unitWeek:
		days := int64(1)
		if unit == unitWeek {
			days = 7
		}
		p.addTo(&p.days, whole, days)
		p.fracDays(frac * float64(days))
	case unit == unitMonth:
		p.addTo(&p.months, whole, 1)
		p.fracDays(frac * 30)
	default:
		p.addTo(&p.months, whole, monthsPer[unit])
		p.addTo(&p.months, int64(math.RoundToEven(frac*float64(monthsPer[unit]))), 1)
	}
}

// fracMicros adds microseconds, rounded with halves towards zero.
func (p *intervalParser) fracMicros(f float64) {
	whole := int64(f)
	if rest := f - float64(whole); rest > 0.5 {
		whole++
	} else if rest < -0.5 {
		whole--
	}
	p.addTo(&p.micros, whole, 1)
}

func (p *intervalParser) fracDays(f float64) {
	whole := int64(f)
	p.addTo(&p.days, whole, 1)
	p.fracMicros((f - float64(whole)) * microsPerDay)
}

// mark notes that a unit occurred; a second time is an error.
func (p *intervalParser) mark(units ...intervalUnit) bool {
	for _, u := range units {
		if p.seen&(1<<u) != 0 {
			return false
		}
		p.seen |= 1 << u
	}
	return true
}

// verbose reads fields from the last to the first, so that every number knows its unit.
func (p *intervalParser) verbose() bool {
	fields, ok := splitDate(p.text)
	if !ok || len(fields) == 0 {
		return false
	}
	ago, pending := false, false // pending: a unit waits for its number
	unit := unitNone
	for i := len(fields) - 1; i >= 0; i-- {
		f := fields[i]
		switch f.kind {
		case fieldTime:
			if !p.clock(f.text, 1) {
				return false
			}
			unit = unitDay
			pending = false
		case fieldZone, fieldDate, fieldNumber:
			if f.kind == fieldZone && strings.Contains(f.text, ":") {
				sign := int64(1)
				if f.text[0] == '-' {
					sign = -1
				}
				before := p.over
				if !p.clock(f.text[1:], sign) {
					p.over = before // a bad time with a sign is bad syntax
					return false
				}
				unit = unitDay
				pending = false
				continue
			}
			if !p.number(f.text, unit) {
				return false
			}
			unit, pending = unitNone, false
		default:
			switch {
			case f.text == "ago":
				ago = true
			case pending:
				return false
			case intervalUnits[f.text] != unitNone:
				unit, pending = intervalUnits[f.text], true
			default:
				return false
			}
		}
	}
	if pending || p.seen == 0 {
		return false
	}
	if ago {
		p.months, p.days, p.micros = -p.months, -p.days, -p.micros
	}
	return true
}

// clock reads hh:mm, hh:mm:ss or hh:mm:ss.fff.
func (p *intervalParser) clock(s string, sign int64) bool {
	if !p.mark(unitHour, unitMinute, unitSecond, unitMilli, unitMicro) {
		return false
	}
	whole, fraction, hasFraction := strings.Cut(s, ".")
	parts := strings.Split(whole, ":")
	if len(parts) < 2 || len(parts) > 3 || skipDigits(fraction, 0) != len(fraction) {
		return false
	}
	var v [3]int64
	for i, d := range parts {
		if i > 0 && i == len(parts)-1 && d == "" { // nothing after the last colon
			break
		}
		x, err := strconv.ParseInt(d, 10, 64)
		if err != nil {
			p.over = p.over || skipDigits(d, 0) == len(d) && d != ""
			return false
		}
		v[i] = x
	}
	if len(parts) == 2 && (hasFraction || p.minuteToSecond) {
		v = [3]int64{0, v[0], v[1]}
	}
	frac, _ := strconv.ParseFloat("0."+fraction+"0", 64)
	if v[1] > 59 || v[2] > 60 {
		p.over = true
		return false
	}
	p.addTo(&p.micros, sign*v[0], 3600e6)
	p.addTo(&p.micros, sign*v[1], 60e6)
	p.addTo(&p.micros, sign*v[2], 1e6)
	p.addTo(&p.micros, sign*int64(math.RoundToEven(frac*1e6)), 1)
	return true
}

// number reads a number of units; without one it counts seconds. years-months is one number in the SQL standard's form.
func (p *intervalParser) number(s string, unit intervalUnit) bool {
	if unit == unitNone {
		unit = p.bare
	}
	if unit == unitNone {
		unit = unitSecond
	}
	body := strings.TrimLeft(s, "+-")
	neg := strings.HasPrefix(s, "-")
	digits := skipDigits(body, 0)
	if digits < len(body) && body[digits] == '-' {
		return p.yearMonth(body[:digits], body[digits+1:], neg)
	}
	whole, fraction, _ := strings.Cut(body, ".")
	if skipDigits(whole, 0) != len(whole) || skipDigits(fraction, 0) != len(fraction) || body == "" || body == "." {
		return false
	}
	n, err := strconv.ParseInt("0"+whole, 10, 64)
	if err != nil {
		p.over = true
		return false
	}
	frac, _ := strconv.ParseFloat("0."+fraction+"0", 64)
	if neg {
		n, frac = -n, -frac
	}
	if !p.mark(unit) || unit == unitSecond && frac != 0 && !p.mark(unitMilli, unitMicro) {
		return false
	}
	p.add(unit, n, frac)
	return true
}

func (p *intervalParser) yearMonth(years, months string, neg bool) bool {
	y, err1 := strconv.ParseInt(years, 10, 64)
	m, err2 := strconv.ParseInt(months, 10, 64)
	if err1 != nil || err2 != nil || skipDigits(months, 0) != len(months) || !p.mark(unitYear, unitMonth) {
		return false
	}
	if m > 11 {
		p.over = true
		return false
	}
	sign := int64(1)
	if neg {
		sign = -1
	}
	p.addTo(&p.months, sign*y, 12)
	p.addTo(&p.months, sign*m, 1)
	return true
}

// iso reads ISO 8601: P1Y2M3DT4H5M6S, or P0001-02-03T04:05:06.
func (p *intervalParser) iso() bool {
	s := p.text
	if len(s) < 2 || s[0] != 'P' {
		return false
	}
	s = s[1:]
	inTime, some := false, false // some: a field with its unit was read
	for s != "" {
		if s[0] == 'T' {
			inTime, some = true, false
			s = s[1:]
			continue
		}
		whole, frac, rest, ok := isoNumber(s)
		if !ok {
			return false
		}
		if rest == "" || rest[0] == '-' && !inTime || rest[0] == ':' && inTime || rest[0] == 'T' {
			return !some && p.isoAlternative(s, inTime)
		}
		unit := isoUnit(rest[0], inTime)
		if unit == unitNone {
			return false
		}
		p.add(unit, whole, frac)
		some = true
		s = rest[1:]
	}
	return true
}

func isoUnit(c byte, inTime bool) intervalUnit {
	switch {
	case inTime && c == 'H':
		return unitHour
	case inTime && c == 'M':
		return unitMinute
	case inTime && c == 'S':
		return unitSecond
	case inTime:
		return unitNone
	case c == 'Y':
		return unitYear
	case c == 'M':
		return unitMonth
	case c == 'W':
		return unitWeek
	case c == 'D':
		return unitDay
	default:
		return unitNone
	}
}

func isoNumber(s string) (whole int64, frac float64, rest string, ok bool) {
	i := 0
	if s[0] == '-' || s[0] == '+' {
		i = 1
	}
	end := skipDigits(s, i)
	digits := end - i
	if end < len(s) && s[end] == '.' {
		point := end
		end = skipDigits(s, end+1)
		digits += end - point - 1
	}
	v, err := strconv.ParseFloat(s[:end], 64)
	if digits == 0 || err != nil || math.Abs(v) > 1e15 {
		return 0, 0, s, false
	}
	whole = int64(v)
	return whole, v - float64(whole), s[end:], true
}

// isoAlternative reads what follows P (or T) when the parts are told by delimiters.
func (p *intervalParser) isoAlternative(s string, inTime bool) bool {
	date, clock := s, ""
	if inTime {
		date, clock = "", s
	} else if before, after, ok := strings.Cut(s, "T"); ok {
		date, clock = before, after
		if clock == "" {
			return false
		}
	}
	return p.isoParts(date, '-', []intervalUnit{unitYear, unitMonth, unitDay}) &&
		p.isoParts(clock, ':', []intervalUnit{unitHour, unitMinute, unitSecond})
}

func (p *intervalParser) isoParts(s string, delim byte, units []intervalUnit) bool {
	if s == "" {
		return true
	}
	if delim == '-' && skipDigits(s, 0) == len(s) && len(s) == 8 {
		s = s[:4] + "-" + s[4:6] + "-" + s[6:]
	}
	if delim == ':' && skipDigits(s, 0) >= 6 {
		s = s[:2] + ":" + s[2:4] + ":" + s[4:]
	}
	for _, unit := range units {
		whole, frac, rest, ok := isoNumber(s)
		if !ok {
			return false
		}
		p.add(unit, whole, frac)
		if rest == "" {
			return true
		}
		if s = rest[1:]; rest[0] != delim || s == "" {
			return false
		}
	}
	return false
}

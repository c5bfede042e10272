package types

import (
	"math"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Infinity and NegInfinity are the dates and timestamps after and before all others.
const (
	Infinity    = math.MaxInt64
	NegInfinity = math.MinInt64
)

// The days of the range of date, whose end is exclusive: 4714-11-24 BC to 5874898-06-03.
const (
	minDate = -2440588
	endDate = 2145042906
)

// DaysOf returns the days from 1970-01-01 to a day of the proleptic Gregorian calendar, in which year 0 is 1 BC. Months
// and days beyond their range carry over.
func DaysOf(year, month, day int64) int64 {
	month--
	year += floorDiv(month, 12)
	month -= floorDiv(month, 12) * 12
	// Count years from March, so that the leap day is the last of a year.
	if month < 2 {
		year--
		month += 12
	}
	month -= 2
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*month + 2) / 5
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear + day - 1 - 719468
}

// CivilOf returns the day of the calendar that is days after 1970-01-01.
func CivilOf(days int64) (year int64, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*dayOfYear + 2) / 153
	day = int(dayOfYear - (153*m+2)/5 + 1)
	year = era*400 + yearOfEra
	if m < 10 {
		return year, int(m + 3), day
	}
	return year + 1, int(m - 9), day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// DaysInMonth returns the length of a month; year 0 is 1 BC.
func DaysInMonth(year int64, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

// AppendDate prints days since 1970-01-01 as a date.
func AppendDate(dst []byte, days int64) []byte {
	if days == Infinity {
		return append(dst, "infinity"...)
	}
	if days == NegInfinity {
		return append(dst, "-infinity"...)
	}
	year, month, day := CivilOf(days)
	dst = appendCivil(dst, year, month, day)
	if year <= 0 {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendCivil prints year-month-day; years before 1 without the BC.
func appendCivil(dst []byte, year int64, month, day int) []byte {
	if year <= 0 {
		year = 1 - year
	}
	if year > 9999 {
		dst = appendUint(dst, uint64(year))
	} else {
		dst = append(dst, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10))
	}
	return append(dst, '-', byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10))
}

// ParseDate reads a date into days since 1970-01-01. now is the time that today, tomorrow and yesterday refer to, in
// microseconds; 0 refuses them.
func ParseDate[S string | []byte](s S, env Env) (int64, error) {
	if days, ok := parseCivil(s); ok && len(s) == 10 {
		return days, nil
	}
	return parseDate(string(s), env)
}

// parseCivil reads a valid day in the form 2006-01-02 at the beginning of s.
func parseCivil[S string | []byte](s S) (days int64, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y1, ok1 := twoDigits(s[0], s[1])
	y2, ok2 := twoDigits(s[2], s[3])
	month, ok3 := twoDigits(s[5], s[6])
	day, ok4 := twoDigits(s[8], s[9])
	year := int64(y1)*100 + int64(y2)
	if !(ok1 && ok2 && ok3 && ok4) || year == 0 || month < 1 || month > 12 || day < 1 ||
		day > 28 && day > DaysInMonth(year, month) {
		return 0, false
	}
	return DaysOf(year, int64(month), int64(day)), true
}

func twoDigits(a, b byte) (int, bool) {
	a, b = a-'0', b-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

func parseDate(s string, env Env) (int64, error) {
	d := dateParser{typ: "date", text: s, env: env}
	if err := d.parse(); err != nil {
		return 0, err
	}
	switch d.special {
	case "infinity":
		return Infinity, nil
	case "-infinity":
		return NegInfinity, nil
	case "epoch":
		return 0, nil
	}
	days := DaysOf(d.year, int64(d.month), int64(d.day))
	if days < minDate || days >= endDate {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, `date out of range: "%s"`, clean(s))
	}
	return days, nil
}

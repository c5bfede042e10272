package types

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// DateStyle is how dates and times are printed.
type DateStyle uint8

// The styles of dates.
const (
	DatesISO DateStyle = iota
	DatesSQL
	DatesPostgres
	DatesGerman
)

// DateOrder is the order of day, month and year in dates that do not tell it themselves.
type DateOrder uint8

// The orders.
const (
	OrderMDY DateOrder = iota
	OrderDMY
	OrderYMD
)

// IntervalStyle is how intervals are printed.
type IntervalStyle uint8

// The styles of intervals.
const (
	IntervalsPostgres IntervalStyle = iota
	IntervalsISO
	IntervalsVerbose
	IntervalsSQL
)

// Style is how a session wants values printed, and dates read. The zero Style is PostgreSQL's initial one.
type Style struct {
	Dates     DateStyle
	Order     DateOrder
	Intervals IntervalStyle
	Escapes   bool // bytea in the format escape, not hex
	// LessDigits is how many of the digits that a floating point number has for sure are printed less one; 0 prints as
	// many as tell it from others.
	LessDigits uint8
}

// The digits that a number of each size has for sure.
const (
	digitsFloat4 = 6
	digitsFloat8 = 15
)

// ReadStyle reads the settings that make a style.
func ReadStyle(setting func(name string) string) Style {
	var s Style
	for _, w := range strings.Split(strings.ToLower(setting("datestyle")), ",") {
		switch strings.TrimSpace(w) {
		case "sql":
			s.Dates = DatesSQL
		case "postgres":
			s.Dates = DatesPostgres
		case "german":
			s.Dates = DatesGerman
		case "dmy":
			s.Order = OrderDMY
		case "ymd":
			s.Order = OrderYMD
		}
	}
	switch setting("intervalstyle") {
	case "iso_8601":
		s.Intervals = IntervalsISO
	case "postgres_verbose":
		s.Intervals = IntervalsVerbose
	case "sql_standard":
		s.Intervals = IntervalsSQL
	}
	s.Escapes = setting("bytea_output") == "escape"
	if n, err := strconv.Atoi(setting("extra_float_digits")); err == nil && n <= 0 {
		s.LessDigits = uint8(1 - n)
	}
	return s
}

// AppendFloatStyle prints a float4 or a float8.
func AppendFloatStyle(dst []byte, t Type, f float64, s Style) []byte {
	if s.LessDigits == 0 || f != f || math.IsInf(f, 0) {
		return appendFloat(dst, f, t.Bits())
	}
	digits := digitsFloat8
	if t.Kind == KindFloat4 {
		digits = digitsFloat4
	}
	digits = max(1, digits+1-int(s.LessDigits))
	// As C's %g does: an exponent below -4, or one that is not less than the digits, is written.
	text := strconv.FormatFloat(f, 'e', digits-1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	if e, _ := strconv.Atoi(exponent); e >= -4 && e < digits {
		text = strconv.FormatFloat(f, 'f', max(0, digits-1-e), 64)
		return append(dst, trimFraction(text)...)
	}
	return append(append(dst, trimFraction(mantissa)...), "e"+exponent...)
}

func trimFraction(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// AppendByteaStyle prints a bytea.
func AppendByteaStyle[S string | []byte](dst []byte, v S, s Style) []byte {
	if !s.Escapes {
		return AppendBytea(dst, v)
	}
	for i := range len(v) {
		switch c := v[i]; {
		case c == '\\':
			dst = append(dst, '\\', '\\')
		case c < 0x20 || c > 0x7e:
			dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendDateStyle prints a date.
func appendDateStyle(dst []byte, days int64, s Style) []byte {
	if s.Dates == DatesISO || days == Infinity || days == NegInfinity {
		return AppendDate(dst, days)
	}
	year, month, day := CivilOf(days)
	dst = appendStyledDay(dst, year, month, day, s)
	if year <= 0 {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendStyledDay prints the day of a date, in styles other than ISO.
func appendStyledDay(dst []byte, year int64, month, day int, s Style) []byte {
	sign := byte('/')
	first, second := month, day
	switch {
	case s.Dates == DatesGerman:
		sign, first, second = '.', day, month
	case s.Dates == DatesPostgres:
		sign = '-'
		fallthrough
	default:
		if s.Order == OrderDMY {
			first, second = day, month
		}
	}
	if year <= 0 {
		year = 1 - year
	}
	dst = append(appendTwo(dst, first), sign)
	dst = append(appendTwo(dst, second), sign)
	return appendYear(dst, year)
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func appendYear(dst []byte, year int64) []byte {
	for limit := int64(1000); limit > 1 && year < limit; limit /= 10 {
		dst = append(dst, '0')
	}
	return appendUint(dst, uint64(year))
}

// appendTimestampStyle prints a timestamp, or a moment in the time zone loc when zoned.
func appendTimestampStyle(dst []byte, micros int64, zoned bool, loc *time.Location, s Style) []byte {
	switch {
	case s.Dates == DatesISO || micros == Infinity || micros == NegInfinity:
		if zoned {
			return AppendTimestampTZ(dst, micros, loc)
		}
		return AppendTimestamp(dst, micros)
	case loc == nil:
		loc = time.UTC
	}
	zone, offset := "", 0
	if zoned {
		zone, offset = time.Unix(floorDiv(micros, microsPerSecond), 0).In(loc).Zone()
		micros += int64(offset) * microsPerSecond
		if zone == "" || !isLetter(zone[0]) {
			zone = string(appendOffset(nil, offset))
		} else {
			zone = " " + zone
		}
	}
	days := floorDiv(micros, microsPerDay)
	rest := micros - days*microsPerDay
	year, month, day := CivilOf(days)
	if s.Dates == DatesPostgres {
		dst = appendPostgres(dst, days, month, day, s.Order)
		dst = append(AppendTime(dst, rest), ' ')
		if year <= 0 {
			dst = appendYear(dst, 1-year)
		} else {
			dst = appendYear(dst, year)
		}
	} else {
		dst = append(appendStyledDay(dst, year, month, day, s), ' ')
		dst = AppendTime(dst, rest)
	}
	dst = append(dst, zone...)
	if year <= 0 {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendPostgres prints the day of the week and the date, as in Wed Mar 04.
func appendPostgres(dst []byte, days int64, month, day int, order DateOrder) []byte {
	const thursday = 4 // 1970-01-01
	week := time.Weekday(((days+thursday)%7 + 7) % 7)
	dst = append(append(dst, week.String()[:3]...), ' ')
	name := time.Month(month).String()[:3]
	if order == OrderDMY {
		dst = append(appendTwo(dst, day), ' ')
		return append(append(dst, name...), ' ')
	}
	dst = append(append(dst, name...), ' ')
	return append(appendTwo(dst, day), ' ')
}

package format

import (
	"math"

	"github.com/leatdb/leat/sql/types"
)

const (
	microsPerMilli = 1000
	milliPerDay    = 24 * 60 * 60 * 1000

	minDate      = -2440588   // 4714-11-24 BC, where PostgreSQL's dates begin
	endDate      = 2145042906 // 5874898-01-01, the first day it does not have
	minTimestamp = minDate * milliPerDay * microsPerMilli
)

// timeFromNumber returns the value of a date, time or timestamp column for a number as ksqlDB writes it: days since
// 1970 for dates, milliseconds since midnight for times, milliseconds since 1970 for timestamps.
func timeFromNumber(v int64, t types.Type) (int64, bool) {
	switch t.Kind {
	case types.KindDate:
		return v, minDate <= v && v < endDate
	case types.KindTime:
		return types.RoundMicros(v*microsPerMilli, t.Mod), 0 <= v && v <= milliPerDay
	default:
		ok := minTimestamp/microsPerMilli <= v && v < math.MaxInt64/microsPerMilli
		return types.RoundMicros(v*microsPerMilli, t.Mod), ok
	}
}

// numberFromTime is the inverse of timeFromNumber; it returns false for what such a number cannot say exactly.
func numberFromTime(v int64, kind types.Kind) (int64, bool) {
	if v == types.Infinity || v == types.NegInfinity {
		return 0, false
	}
	if kind == types.KindDate {
		return v, true
	}
	return v / microsPerMilli, v%microsPerMilli == 0
}

// appendTimeText appends a date, time or timestamp as text, with a T between date and time of the years that ISO 8601
// knows without agreement.
func appendTimeText(dst []byte, v int64, kind types.Kind) []byte {
	start := len(dst)
	switch kind {
	case types.KindTime:
		return types.AppendTime(dst, v)
	case types.KindDate:
		return types.AppendDate(dst, v)
	case types.KindTimestampTZ:
		dst = types.AppendTimestampTZ(dst, v, nil)
	default:
		dst = types.AppendTimestamp(dst, v)
	}
	if s := dst[start:]; len(s) > 10 && s[4] == '-' && s[10] == ' ' && s[len(s)-1] != 'C' {
		s[10] = 'T'
	}
	return dst
}

// plainTime spells 2001/01/31 00:47 as 2001-01-31 00:47:00, which package types reads without allocating. Other
// forms, and what is no date at all, come back as they are.
func plainTime(s []byte, buf *[19]byte) []byte {
	if len(s) != 10 && len(s) != 16 && len(s) != 19 {
		return s
	}
	slashes := s[4] == '/' && s[7] == '/'
	if !slashes && (len(s) != 16 || s[4] != '-' || s[7] != '-') {
		return s
	}
	if len(s) == 16 && s[13] != ':' {
		return s
	}
	n := copy(buf[:], s)
	buf[4], buf[7] = '-', '-'
	if n == 16 {
		n += copy(buf[n:], ":00")
	}
	return buf[:n]
}

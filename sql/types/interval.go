package types

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Span returns the length that intervals are compared by, in microseconds as a 128-bit two's complement number: a month
// counts 30 days and a day 24 hours.
func (v Interval) Span() (hi int64, lo uint64) {
	days := int64(v.Months)*30 + int64(v.Days)
	uhi, ulo := bits.Mul64(absInt(days), uint64(microsPerDay))
	if days < 0 {
		var borrow uint64
		ulo, borrow = bits.Sub64(0, ulo, 0)
		uhi, _ = bits.Sub64(0, uhi, borrow)
	}
	lo, carry := bits.Add64(ulo, uint64(v.Micros), 0)
	uhi, _ = bits.Add64(uhi, uint64(v.Micros>>63), carry)
	return int64(uhi), lo
}

// Cmp compares two intervals by their span.
func (v Interval) Cmp(w Interval) int {
	vh, vl := v.Span()
	wh, wl := w.Span()
	if vh != wh {
		return cmpInt(vh, wh)
	}
	return cmpUint(vl, wl)
}

// AppendIntervalText prints an interval in the style of the session.
func AppendIntervalText(dst []byte, v Interval, env Env) []byte {
	switch env.Style.Intervals {
	case IntervalsPostgres:
		return AppendInterval(dst, v)
	case IntervalsVerbose:
		return appendIntervalVerbose(dst, v)
	case IntervalsSQL:
		return appendIntervalSQL(dst, v)
	}
	if v == (Interval{}) {
		return append(dst, "PT0S"...)
	}
	part := func(n int64, unit byte) {
		if n != 0 {
			dst = append(strconv.AppendInt(dst, n, 10), unit)
		}
	}
	dst = append(dst, 'P')
	part(int64(v.Months/12), 'Y')
	part(int64(v.Months%12), 'M')
	part(int64(v.Days), 'D')
	if v.Micros == 0 {
		return dst
	}
	dst = append(dst, 'T')
	part(v.Micros/3600e6, 'H')
	part(v.Micros/60e6%60, 'M')
	if rest := v.Micros % 60e6; rest != 0 {
		if rest < 0 {
			dst = append(dst, '-')
			rest = -rest
		}
		dst = strconv.AppendInt(dst, rest/1e6, 10)
		if micros := rest % 1e6; micros != 0 {
			dst = append(dst, '.')
			digits := strconv.AppendInt(nil, 1e6+micros, 10)[1:]
			dst = append(dst, bytes.TrimRight(digits, "0")...)
		}
		dst = append(dst, 'S')
	}
	return dst
}

// AppendInterval prints in PostgreSQL's own style: 1 year 2 mons -3 days +04:05:06.789.
func AppendInterval(dst []byte, v Interval) []byte {
	start, negative := len(dst), false
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if negative && n > 0 {
			dst = append(dst, '+')
		}
		dst = append(append(AppendInt(dst, n), ' '), unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		negative = n < 0
	}
	part(int64(v.Months/12), "year")
	part(int64(v.Months%12), "mon")
	part(int64(v.Days), "day")
	if v.Micros == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	if v.Micros < 0 {
		dst = append(dst, '-')
	} else if negative {
		dst = append(dst, '+')
	}
	u := absInt(v.Micros)
	sec := u / microsPerSecond
	if h := sec / 3600; h < 10 {
		dst = append(dst, '0', byte('0'+h))
	} else {
		dst = appendUint(dst, h)
	}
	dst = append(dst, ':', byte('0'+sec/60%60/10), byte('0'+sec/60%10), ':', byte('0'+sec%60/10), byte('0'+sec%10))
	return appendFraction(dst, int64(u%microsPerSecond))
}

func errIntervalRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
}

// Add returns v + w part by part.
func (v Interval) Add(w Interval) (Interval, error) {
	months, days := int64(v.Months)+int64(w.Months), int64(v.Days)+int64(w.Days)
	micros := v.Micros + w.Micros
	if months != int64(int32(months)) || days != int64(int32(days)) || (micros > v.Micros) != (w.Micros > 0) {
		return Interval{}, errIntervalRange()
	}
	return Interval{int32(months), int32(days), micros}, nil
}

// Neg returns -v.
func (v Interval) Neg() (Interval, error) {
	if v.Months == math.MinInt32 || v.Days == math.MinInt32 || v.Micros == math.MinInt64 {
		return Interval{}, errIntervalRange()
	}
	return Interval{-v.Months, -v.Days, -v.Micros}, nil
}

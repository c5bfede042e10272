package types

import "strconv"

// appendIntervalVerbose prints in the style postgres_verbose: @ 1 year 2 mons -3 days 4 hours ago.
func appendIntervalVerbose(dst []byte, v Interval) []byte {
	dst = append(dst, '@')
	isZero, isBefore := true, false
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if isZero {
			isBefore = n < 0
			n = magnitude(n)
		} else if isBefore {
			n = -n
		}
		dst = append(dst, ' ')
		dst = append(strconv.AppendInt(dst, n, 10), ' ')
		dst = append(dst, unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		isZero = false
	}
	part(int64(v.Months/12), "year")
	part(int64(v.Months%12), "mon")
	part(int64(v.Days), "day")
	part(v.Micros/3600e6, "hour")
	part(v.Micros/60e6%60, "min")
	if rest := v.Micros % 60e6; rest != 0 {
		dst = append(dst, ' ')
		switch {
		case rest < 0 && isZero:
			isBefore = true
		case (rest < 0) != isBefore:
			dst = append(dst, '-')
		}
		dst = appendSeconds(dst, magnitude(rest), false)
		if magnitude(rest) == 1e6 {
			dst = append(dst, " sec"...)
		} else {
			dst = append(dst, " secs"...)
		}
		isZero = false
	}
	if isZero {
		dst = append(dst, " 0"...)
	}
	if isBefore {
		dst = append(dst, " ago"...)
	}
	return dst
}

// appendSeconds prints microseconds as seconds, of two digits when they are padded, with the fraction they have.
func appendSeconds(dst []byte, micros int64, padded bool) []byte {
	if padded && micros < 10e6 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, micros/1e6, 10)
	if fraction := micros % 1e6; fraction != 0 {
		digits := strconv.AppendInt(nil, 1e6+fraction, 10)[1:]
		dst = append(dst, '.')
		dst = append(dst, trimZeros(digits)...)
	}
	return dst
}

func trimZeros(digits []byte) []byte {
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return digits
}

// appendIntervalSQL prints in the style sql_standard: 1-2, 3 4:05:06, or +1-2 -3 +4:05:06 when parts of both kinds, or
// of both signs, are there.
func appendIntervalSQL(dst []byte, v Interval) []byte {
	year, month, day := int64(v.Months/12), int64(v.Months%12), int64(v.Days)
	hasMonths, hasDays, hasTime := v.Months != 0, v.Days != 0, v.Micros != 0
	below := v.Months < 0 || v.Days < 0 || v.Micros < 0
	above := v.Months > 0 || v.Days > 0 || v.Micros > 0
	clock := func(micros int64) {
		micros = magnitude(micros)
		dst = append(strconv.AppendInt(dst, micros/3600e6, 10), ':')
		dst = append(appendTwo(dst, int(micros/60e6%60)), ':')
		dst = appendSeconds(dst, micros%60e6, true)
	}
	sign := func(n int64) {
		if n < 0 {
			dst = append(dst, '-')
		} else {
			dst = append(dst, '+')
		}
	}
	number := func(n int64) { dst = strconv.AppendInt(dst, magnitude(n), 10) }
	switch {
	case !below && !above:
		return append(dst, '0')
	case below && above || hasMonths && (hasDays || hasTime):
		sign(int64(v.Months))
		number(year)
		dst = append(dst, '-')
		number(month)
		dst = append(dst, ' ')
		sign(day)
		number(day)
		dst = append(dst, ' ')
		sign(v.Micros)
		clock(v.Micros)
		return dst
	case below:
		dst = append(dst, '-')
	}
	switch {
	case hasMonths:
		number(year)
		dst = append(dst, '-')
		number(month)
	case hasDays:
		number(day)
		dst = append(dst, ' ')
		clock(v.Micros)
	default:
		clock(v.Micros)
	}
	return dst
}

// magnitude is n without its sign. The parts of an interval are far from the lowest number.
func magnitude(n int64) int64 { return int64(absInt(n)) }

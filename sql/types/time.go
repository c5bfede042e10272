package types

import "github.com/leatdb/leat/sql/sqlerr"

// AppendTime prints microseconds since midnight.
func AppendTime(dst []byte, micros int64) []byte {
	sec := micros / 1e6
	dst = appendClock(dst, sec/3600, sec/60%60, sec%60)
	return appendFraction(dst, micros%1e6)
}

// appendClock prints hours, minutes and seconds below 100 with two digits each.
func appendClock(dst []byte, h, m, s int64) []byte {
	return append(dst, byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':',
		byte('0'+s/10), byte('0'+s%10))
}

// appendFraction prints a fraction of a second without zeros at the end.
func appendFraction(dst []byte, micros int64) []byte {
	if micros == 0 {
		return dst
	}
	u := uint32(micros)
	dst = append(dst, '.', byte('0'+u/100000), byte('0'+u/10000%10), byte('0'+u/1000%10), byte('0'+u/100%10),
		byte('0'+u/10%10), byte('0'+u%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// ParseTime reads a time of day into microseconds since midnight. A date or a time zone with it is ignored.
func ParseTime[S string | []byte](s S, env Env) (int64, error) {
	if micros, n := parseClock(s); n == len(s) && n > 0 {
		return micros, nil
	}
	return parseTime(string(s), env)
}

// parseClock reads a time in the form 15:04:05.999999 at the beginning of s and returns its length, 0 if there is none
// or it is not an ordinary one.
func parseClock[S string | []byte](s S) (micros int64, n int) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return 0, 0
	}
	h, ok1 := twoDigits(s[0], s[1])
	m, ok2 := twoDigits(s[3], s[4])
	sec, ok3 := twoDigits(s[6], s[7])
	if !(ok1 && ok2 && ok3) || h > 23 || m > 59 || sec > 59 {
		return 0, 0
	}
	micros = int64(h*3600+m*60+sec) * 1e6
	if len(s) == 8 || s[8] != '.' {
		return micros, 8
	}
	n = 9
	for unit := int64(100000); n < len(s) && s[n]-'0' <= 9; n++ {
		if unit == 0 {
			return 0, 0 // more digits than a microsecond has: to be rounded
		}
		micros += int64(s[n]-'0') * unit
		unit /= 10
	}
	return micros, n
}

func parseTime(s string, env Env) (int64, error) {
	d := dateParser{typ: "time", text: s, env: env, timeOnly: true}
	if err := d.parse(); err != nil {
		return 0, err
	}
	if d.special != "" {
		return 0, errDateFormat("time", s)
	}
	if micros := d.clock(); micros >= 0 && micros <= microsPerDay {
		return micros, nil
	}
	return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, `date/time field value out of range: "%s"`, clean(s))
}

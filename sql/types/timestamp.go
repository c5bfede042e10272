package types

import (
	"math"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
)

const (
	microsPerSecond = 1000 * 1000
	microsPerDay    = 24 * 60 * 60 * microsPerSecond
	// minTimestamp is 4714-11-24 BC. The end is that of 64 bits, in the year 294247, three decades before PostgreSQL's.
	minTimestamp = minDate * microsPerDay
)

// AppendTimestamp prints microseconds since 1970-01-01.
func AppendTimestamp(dst []byte, micros int64) []byte {
	if micros == Infinity || micros == NegInfinity {
		return AppendDate(dst, micros)
	}
	return appendLocal(dst, micros, "", 0)
}

// AppendTimestampTZ prints microseconds since 1970-01-01 UTC in the time zone loc; nil is UTC.
func AppendTimestampTZ(dst []byte, micros int64, loc *time.Location) []byte {
	if micros == Infinity || micros == NegInfinity {
		return AppendDate(dst, micros)
	}
	if loc == nil || loc == time.UTC {
		return appendLocal(dst, micros, "+00", 0)
	}
	offset := offsetAt(micros, loc)
	var buf [10]byte
	return appendLocal(dst, micros, string(appendOffset(buf[:0], offset)), int64(offset))
}

// appendLocal prints a timestamp that is offset seconds east, then the zone, then BC.
func appendLocal(dst []byte, micros int64, zone string, offset int64) []byte {
	days := floorDiv(micros, microsPerDay)
	rest := micros - days*microsPerDay + offset*microsPerSecond
	if rest < 0 {
		days, rest = days-1, rest+microsPerDay
	} else if rest >= microsPerDay {
		days, rest = days+1, rest-microsPerDay
	}
	year, month, day := CivilOf(days)
	dst = append(appendCivil(dst, year, month, day), ' ')
	dst = append(AppendTime(dst, rest), zone...)
	if year <= 0 {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendOffset prints seconds east of Greenwich as +01, +05:30 or -00:01:15.
func appendOffset(dst []byte, offset int) []byte {
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	h, m, s := offset/3600, offset/60%60, offset%60
	dst = append(dst, sign, byte('0'+h/10), byte('0'+h%10))
	if m != 0 || s != 0 {
		dst = append(dst, ':', byte('0'+m/10), byte('0'+m%10))
	}
	if s != 0 {
		dst = append(dst, ':', byte('0'+s/10), byte('0'+s%10))
	}
	return dst
}

// offsetAt returns the seconds east of Greenwich that loc has at a moment.
func offsetAt(micros int64, loc *time.Location) int {
	_, offset := time.Unix(floorDiv(micros, microsPerSecond), 0).In(loc).Zone()
	return offset
}

// ToUTC returns the moment at which clocks in loc show the timestamp local. Times that clocks skip in spring are
// read as in winter time, and so are those that occur twice in autumn. Infinities stay.
func ToUTC(local int64, loc *time.Location) int64 {
	if loc == nil || loc == time.UTC || local == Infinity || local == NegInfinity {
		return local
	}
	before, after := offsetAt(local-microsPerDay, loc), offsetAt(local+microsPerDay, loc)
	first, second := local-int64(before)*microsPerSecond, local-int64(after)*microsPerSecond
	if before == after || offsetAt(second, loc) != after {
		return first
	}
	return second
}

// ToLocal returns the timestamp that clocks in loc show at a moment. Infinities stay.
func ToLocal(micros int64, loc *time.Location) int64 {
	if loc == nil || loc == time.UTC || micros == Infinity || micros == NegInfinity {
		return micros
	}
	return micros + int64(offsetAt(micros, loc))*microsPerSecond
}

// ParseTimestamp reads a timestamp without time zone into microseconds since 1970-01-01; a zone in the text is ignored.
func ParseTimestamp[S string | []byte](s S, env Env) (int64, error) {
	if micros, n := parseISO(s); n == len(s) && n > 0 {
		return micros, nil
	}
	return parseTimestamp(string(s), env, "timestamp")
}

// ParseTimestampTZ reads a timestamp with time zone into microseconds since 1970-01-01 UTC. Text without a zone is in
// that of env.
func ParseTimestampTZ[S string | []byte](s S, env Env) (int64, error) {
	if micros, n := parseISO(s); n > 0 {
		switch {
		case n == len(s):
			if env.Location == nil || env.Location == time.UTC {
				return micros, nil
			}
			return ToUTC(micros, env.Location), nil
		case n+1 == len(s) && (s[n] == 'Z' || s[n] == 'z'):
			return micros, nil
		case n+3 == len(s) && s[n] == '+' && s[n+1] == '0' && s[n+2] == '0':
			return micros, nil
		}
	}
	return parseTimestamp(string(s), env, "timestamp with time zone")
}

// parseISO reads 2006-01-02 15:04:05.999999 (or with a T) at the beginning of s and returns its length, 0 if there is
// none. The fraction and the time may be missing.
func parseISO[S string | []byte](s S) (micros int64, n int) {
	days, ok := parseCivil(s)
	if !ok {
		return 0, 0
	}
	if len(s) == 10 {
		return days * microsPerDay, 10
	}
	if s[10] != ' ' && s[10] != 'T' {
		return 0, 0
	}
	clock, n := parseClock(s[11:])
	if n == 0 {
		return 0, 0
	}
	return days*microsPerDay + clock, 11 + n
}

func parseTimestamp(s string, env Env, typ string) (int64, error) {
	d := dateParser{typ: typ, text: s, env: env}
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
	out := func() (int64, error) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, `timestamp out of range: "%s"`, clean(s))
	}
	days := DaysOf(d.year, int64(d.month), int64(d.day))
	if days < minDate-1 || days > math.MaxInt64/microsPerDay-2 {
		return out()
	}
	micros := days*microsPerDay + d.clock()
	if typ != "timestamp" {
		if d.hasZone {
			micros -= int64(d.offset) * microsPerSecond
		} else if d.loc != nil {
			micros = ToUTC(micros, d.loc)
		} else {
			micros = ToUTC(micros, env.Location)
		}
	}
	if micros < minTimestamp {
		return out()
	}
	return micros, nil
}

// RoundMicros rounds microseconds of a time, timestamp or interval to the digits after the second that t has.
func (t Type) RoundMicros(micros int64) int64 {
	if t.Mod < 0 || t.Mod >= 6 || micros == Infinity || micros == NegInfinity {
		return micros
	}
	unit := pow10[6-t.Mod]
	if t.Kind == KindTime || t.Kind == KindInterval {
		return roundAway(micros, unit)
	}
	down := floorDiv(micros, unit) * unit
	// PostgreSQL rounds halves away from zero, on either side of 2000-01-01.
	if rest := micros - down; rest*2 > unit || rest*2 == unit && micros >= epoch2000 {
		if down > math.MaxInt64-unit {
			return down
		}
		return down + unit
	}
	return down
}

// RoundMicros rounds a time of day or an interval to so many digits after the second; a negative number of digits
// leaves it. Timestamps, which PostgreSQL rounds as seen from 2000, want Type.RoundMicros.
func RoundMicros(micros int64, digits int32) int64 {
	return Type{Kind: KindInterval, Mod: digits}.RoundMicros(micros)
}

// roundAway rounds to a multiple of unit, halves away from zero.
func roundAway(v, unit int64) int64 {
	q, r := v/unit, v%unit
	if r*2 >= unit {
		q++
	} else if r*2 <= -unit {
		q--
	}
	return q * unit
}

// epoch2000 is 2000-01-01 in microseconds since 1970.
const epoch2000 = 946684800 * microsPerSecond

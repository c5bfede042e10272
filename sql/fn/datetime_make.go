package fn

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// makeDecls declares what builds dates and times, and AT TIME ZONE.
func makeDecls() []Scalar {
	i4, f8, text := types.Int4, types.Float8, types.Text
	moment := strings.Fields("year month mday hour min sec")[:6:6]
	fs := []Scalar{
		{Name: "make_date", Args: in(i4, i4, i4), Params: strings.Fields("year month day"), Ret: date, Strict: true,
			Kernel: rowwise(makeDate),
			Doc: Doc{Category: "date/time", Summary: "Builds a date.",
				Examples: ex("make_date(2013, 7, 15)", "2013-07-15")}},
		{Name: "make_time", Args: in(i4, i4, f8), Params: strings.Fields("hour min sec"), Ret: clockTime,
			Strict: true, Kernel: rowwise(makeTime),
			Doc: Doc{Summary: "Builds a time.", Examples: ex("make_time(8, 15, 23.5)", "08:15:23.5")}},
		{Name: "make_timestamp", Args: in(i4, i4, i4, i4, i4, f8), Params: moment, Ret: ts, Strict: true,
			Kernel: rowwise(makeTimestamp),
			Doc: Doc{Summary: "Builds a timestamp.",
				Examples: ex("make_timestamp(2013, 7, 15, 8, 15, 23.5)", "2013-07-15 08:15:23.5")}},
		{Name: "make_timestamptz", Args: in(i4, i4, i4, i4, i4, f8), Ret: tz, Strict: true, Stable: true,
			Kernel: rowwise(makeTimestampTZ), Doc: Doc{Summary: "Builds a time, in the session's time zone or in the one named.",
				Examples: ex("make_timestamptz(2013, 7, 15, 8, 15, 23.5, 'Europe/Berlin')", "2013-07-15 06:15:23.5+00")}},
		{Name: "make_timestamptz", Args: in(i4, i4, i4, i4, i4, f8, text), Params: append(moment, "timezone"), Ret: tz,
			Strict: true,
			Kernel: rowwise(makeTimestampTZ)},
		{Name: "to_timestamp", Args: in(f8), Ret: tz, Strict: true, Kernel: unaryErr(fromEpoch),
			Doc: Doc{Summary: "Gives the time so many seconds after 1970.",
				Examples: ex("to_timestamp(1284352323)", "2010-09-13 04:32:03+00")}},
		{Name: "timezone", Args: in(text, ts), Ret: tz, Strict: true, Kernel: rowwise(zoned(types.ToUTC)),
			Doc: Doc{Summary: "Gives the time at which clocks in a zone show a timestamp, or what they show at a time " +
				"(AT TIME ZONE).", Examples: ex("timezone('America/Denver', timestamp '2001-02-16 20:38:40')",
				"2001-02-17 03:38:40+00")}},
		{Name: "timezone", Args: in(text, tz), Ret: ts, Strict: true, Kernel: rowwise(zoned(types.ToLocal))},
		{Name: "timezone", Args: in(ivl, ts), Ret: tz, Strict: true, Kernel: pairwiseErr(offsetBy(-1))},
		{Name: "timezone", Args: in(ivl, tz), Ret: ts, Strict: true, Kernel: pairwiseErr(offsetBy(1))},
		{Name: "isfinite", Args: in(date), Ret: types.Bool, Strict: true, Kernel: unary(finiteTime),
			Doc: Doc{Summary: "Tells whether a time is not infinite.", Examples: ex("isfinite(date 'infinity')", "f")}},
		{Name: "isfinite", Args: in(ts), Ret: types.Bool, Strict: true, Kernel: unary(finiteTime)},
		{Name: "isfinite", Args: in(tz), Ret: types.Bool, Strict: true, Kernel: unary(finiteTime)},
		{Name: "isfinite", Args: in(ivl), Ret: types.Bool, Strict: true,
			Kernel: unary(func(types.Interval) bool { return true })},
	}
	for n := 0; n <= 7; n++ { // every argument has 0 for its default
		args := in(i4, i4, i4, i4, i4, i4, f8)[:n]
		fs = append(fs, Scalar{Name: "make_interval", Args: args, Ret: ivl, Strict: true, Kernel: rowwise(makeInterval),
			Params: strings.Fields("years months weeks days hours mins secs")[:n], Default: "0",
			Doc: first(n, "date/time", "Builds an interval from years, months, weeks, days, hours, minutes and seconds.",
				"make_interval(0, 0, 0, 10)", "10 days")})
	}
	return fs
}

// zoned converts between the timestamp that clocks in a zone show and the moment they show it.
func zoned(convert func(int64, *time.Location) int64) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		loc, err := zoneOf(r.Text(0))
		if infinite(r.Int(1)) {
			loc, err = time.UTC, nil
		}
		if err == nil {
			out.AppendInt(convert(r.Int(1), loc))
		}
		return err
	}
}

// zoneOf finds the zone of AT TIME ZONE, where a bare number counts hours west of Greenwich, as POSIX has it.
func zoneOf(name string) (*time.Location, error) {
	m := bareOffset.FindStringSubmatch(name)
	if m == nil {
		return types.LoadLocation(name)
	}
	offset := 0
	for k, unit := range [...]int{3600, 60, 1} {
		n, _ := strconv.Atoi(m[k+2])
		if k == 0 && n > 167 || k > 0 && n > 59 {
			return types.LoadLocation(name)
		}
		offset += n * unit
	}
	if m[1] != "-" {
		offset = -offset
	}
	return time.FixedZone(name, offset), nil
}

// bareOffset is hours, with minutes and seconds or without.
var bareOffset = regexp.MustCompile(`^([+-]?)(\d{1,3}|0+\d{1,3})(?::(\d{1,2})(?::(\d{1,2}))?)?$`)

// offsetBy moves by a zone that is given as its distance from Greenwich.
func offsetBy(sign int64) func(types.Interval, int64) (int64, error) {
	return func(zone types.Interval, v int64) (int64, error) {
		switch {
		case infinite(v):
			return v, nil
		case zone.Months != 0 || zone.Days != 0:
			return 0, sqlerr.New(sqlerr.InvalidParameterValue,
				"interval time zone \"%s\" must not include months or days",
				types.AppendInterval(nil, zone))
		}
		return addMicros(v, sign*(zone.Micros/microsPerSecond*microsPerSecond))
	}
}

func finiteTime(v int64) bool { return !infinite(v) }

func dayOfFields(year, month, day int64) (int64, error) {
	shown := year
	if year < 0 {
		year++ // -1 is 1 BC, the year 0
	}
	if shown == 0 || month < 1 || month > 12 || day < 1 || day > int64(types.DaysInMonth(year, int(month))) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow,
			"date field value out of range: %d-%02d-%02d", shown, month, day)
	}
	days := types.DaysOf(year, month, day)
	if days < firstDay || days >= endDay {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: %d-%02d-%02d", shown, month, day)
	}
	return days, nil
}

func clockOfFields(hour, minute int64, sec float64) (int64, error) {
	micros := math.RoundToEven(sec * microsPerSecond)
	if hour < 0 || minute < 0 || minute > 59 || math.IsNaN(sec) || sec < 0 || sec > 60 ||
		float64(hour*microsPerHour+minute*microsPerMinute)+micros > microsPerDay {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow,
			"time field value out of range: %d:%02d:%02g", hour, minute, sec)
	}
	return hour*microsPerHour + minute*microsPerMinute + int64(micros), nil
}

func makeDate(r Row, out *vec.Column) error {
	days, err := dayOfFields(r.Int(0), r.Int(1), r.Int(2))
	if err == nil {
		out.AppendInt(days)
	}
	return err
}

func makeTime(r Row, out *vec.Column) error {
	micros, err := clockOfFields(r.Int(0), r.Int(1), r.Float(2))
	if err == nil {
		out.AppendInt(micros)
	}
	return err
}

func makeTimestamp(r Row, out *vec.Column) error {
	v, err := timestampOfFields(r)
	if err == nil {
		out.AppendInt(v)
	}
	return err
}

func makeTimestampTZ(r Row, out *vec.Column) error {
	v, err := timestampOfFields(r)
	if err != nil {
		return err
	}
	loc := r.Location()
	if r.Args() == 7 {
		if loc, err = makeZone(r.Text(6)); err != nil {
			return err
		}
	}
	out.AppendInt(types.ToUTC(v, loc))
	return nil
}

// makeZone finds the zone of make_timestamptz, where a number is hours east of Greenwich and needs a sign.
func makeZone(name string) (*time.Location, error) {
	if name != "" && isDigit(name[0]) {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue,
			"invalid input syntax for type numeric time zone: \"%s\"", name).
			WithHint("Numeric time zones must have \"-\" or \"+\" as first character.")
	}
	return types.LoadLocation(name)
}

// timestampOfFields joins the first six arguments.
func timestampOfFields(r Row) (int64, error) {
	days, err := dayOfFields(r.Int(0), r.Int(1), r.Int(2))
	if err != nil {
		return 0, err
	}
	micros, err := clockOfFields(r.Int(3), r.Int(4), r.Float(5))
	if err != nil {
		return 0, err
	}
	return joinTimestamp(days, micros)
}

func makeInterval(r Row, out *vec.Column) error {
	var f [6]int64
	for k := range min(r.Args(), len(f)) {
		f[k] = r.Int(k)
	}
	sec := 0.0
	if r.Args() == 7 {
		sec = r.Float(6)
	}
	months, days := f[0]*monthsPerYear+f[1], f[2]*7+f[3]
	micros := math.RoundToEven(sec * microsPerSecond)
	if !fits32(months) || !fits32(days) || math.IsNaN(sec) || math.Abs(micros) > math.MaxInt64/2 {
		return intervalRange()
	}
	out.AppendIvl(types.Interval{Months: int32(months), Days: int32(days),
		Micros: f[4]*microsPerHour + f[5]*microsPerMinute + int64(micros)})
	return nil
}

func fromEpoch(sec float64) (int64, error) {
	switch {
	case math.IsInf(sec, 1):
		return types.Infinity, nil
	case math.IsInf(sec, -1):
		return types.NegInfinity, nil
	case math.IsNaN(sec):
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp cannot be NaN")
	case sec < firstDay*secondsPerDay || sec >= math.MaxInt64/microsPerSecond:
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%g\"", sec)
	}
	return int64(math.RoundToEven(sec * microsPerSecond)), nil
}

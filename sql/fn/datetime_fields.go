package fn

import (
	"math"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// unitNames are the spellings of the fields of a date or time, by the name they stand for.
var unitNames = map[string]string{}

func init() {
	for name, spellings := range map[string]string{
		"microsecond": "us usec usecs usecond useconds microseconds microsecon microsecond",
		"millisecond": "ms msec msecs msecond mseconds milliseconds millisecon millisecond",
		"second":      "s sec secs second seconds", "minute": "m min mins minute minutes", "hour": "h hr hrs hour hours",
		"day": "d day days", "week": "w week weeks", "month": "mon mons month months", "quarter": "qtr quarter",
		"year": "y yr yrs year years", "decade": "dec decs decade decades", "century": "c cent century centuries",
		"millennium": "mil mils millennium millennia", "epoch": "epoch", "dow": "dow", "isodow": "isodow", "doy": "doy",
		"isoyear": "isoyear", "julian": "julian j jd", "timezone": "timezone", "timezone_hour": "timezone_h timezone_hour",
		"timezone_minute": "timezone_m timezone_minute",
	} {
		for _, s := range strings.Fields(spellings) {
			unitNames[s] = name
		}
	}
}

// unit reads the name of a field of a value of type t.
func unit(s []byte, t types.Type) (string, error) {
	name, ok := unitNames[strings.ToLower(string(s))]
	if !ok {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "unit %q not recognized for type %s",
			strings.ToLower(string(s)), t)
	}
	return name, nil
}

func unitUnsupported(s []byte, t types.Type) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "unit %q not supported for type %s", strings.ToLower(string(s)), t)
}

// fieldDecls declares what takes dates and times apart.
func fieldDecls() []Scalar {
	text := types.Text
	var fs []Scalar
	for k, t := range in(ts, tz, date, clockTime, ivl) {
		stable := t == tz
		fs = append(fs,
			Scalar{Name: "extract", Args: in(text, t), Ret: types.Numeric, Strict: true, Stable: stable,
				Kernel: rowwise(extractNumeric(t)),
				Doc: first(k, "date/time", "Gives a field of a date, time or interval.",
					"extract('hour', timestamp '2001-02-16 20:38:40')", "20",
					"extract('epoch', timestamp '2001-02-16 20:38:40.12')", "982355920.120000")},
			Scalar{Name: "date_part", Args: in(text, t), Ret: types.Float8, Strict: true, Stable: stable,
				Kernel: rowwise(extractFloat(t)),
				Doc: first(k, "date/time", "Gives a field of a date, time or interval as a float.",
					"date_part('dow', timestamp '2001-02-16')", "5")})
	}
	return append(fs,
		Scalar{Name: "date_trunc", Args: in(text, ts), Ret: ts, Strict: true, Kernel: rowwise(truncTimestamp),
			Doc: Doc{Summary: "Cuts a timestamp to the precision named.",
				Examples: ex("date_trunc('hour', timestamp '2001-02-16 20:38:40')", "2001-02-16 20:00:00")}},
		Scalar{Name: "date_trunc", Args: in(text, tz), Ret: tz, Strict: true, Stable: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error { return truncZoned(r, r.Location(), out) })},
		Scalar{Name: "date_trunc", Args: in(text, tz, text), Ret: tz, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				loc, err := types.LoadLocation(r.Text(2))
				if err != nil && !infinite(r.Int(1)) {
					return err
				}
				return truncZoned(r, loc, out)
			})},
		Scalar{Name: "date_trunc", Args: in(text, ivl), Ret: ivl, Strict: true, Kernel: rowwise(truncInterval)},
		Scalar{Name: "date_bin", Args: in(ivl, ts, ts), Ret: ts, Strict: true, Kernel: rowwise(dateBin),
			Doc: Doc{Summary: "Cuts a timestamp to a multiple of an interval, counted from an origin.", Examples: ex(
				"date_bin(interval '15 minutes', timestamp '2020-02-11 15:44:17', timestamp '2001-01-01')",
				"2020-02-11 15:30:00")}},
		Scalar{Name: "date_bin", Args: in(ivl, tz, tz), Ret: tz, Strict: true, Kernel: rowwise(dateBin)},
		Scalar{Name: "age", Args: in(ts, ts), Ret: ivl, Strict: true, Kernel: pairwiseErr(age),
			Doc: Doc{Summary: "Gives the distance in years, months and days; from midnight today when there is one argument.",
				Examples: ex("age(timestamp '2001-04-10', timestamp '1957-06-13')", "43 years 9 mons 27 days")}},
		Scalar{Name: "age", Args: in(tz, tz), Ret: ivl, Strict: true, Stable: true,
			Kernel: func(c *Call, args []*vec.Column, out *vec.Column) {
				loc := c.Location()
				pairwiseErr(func(a, b int64) (types.Interval, error) {
					return age(types.ToLocal(a, loc), types.ToLocal(b, loc))
				})(c, args, out)
			}},
		Scalar{Name: "age", Args: in(ts), Ret: ivl, Strict: true, Stable: true, Kernel: ageToday(false)},
		Scalar{Name: "age", Args: in(tz), Ret: ivl, Strict: true, Stable: true, Kernel: ageToday(true)},
		Scalar{Name: "justify_hours", Args: in(ivl), Ret: ivl, Strict: true, Kernel: unaryErr(justifyHours),
			Doc: Doc{Summary: "Turns every 24 hours of an interval into a day.",
				Examples: ex("justify_hours(interval '27 hours')", "1 day 03:00:00")}},
		Scalar{Name: "justify_interval", Args: in(ivl), Ret: ivl, Strict: true, Kernel: unaryErr(justifyInterval),
			Doc: Doc{Summary: "Turns 24 hours into days and 30 days into months, all of one sign.",
				Examples: ex("justify_interval(interval '1 mon -1 hour')", "29 days 23:00:00")}},
		Scalar{Name: "justify_days", Args: in(ivl), Ret: ivl, Strict: true, Kernel: unaryErr(justifyDays),
			Doc: Doc{Summary: "Turns every 30 days of an interval into a month.",
				Examples: ex("justify_days(interval '35 days')", "1 mon 5 days")}})
}

// ageToday is age from today's midnight.
func ageToday(zoned bool) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		loc := c.Location()
		days, _ := splitTimestamp(types.ToLocal(c.Env.Now, loc))
		unaryErr(func(v int64) (types.Interval, error) {
			if zoned {
				v = types.ToLocal(v, loc)
			}
			return age(days*microsPerDay, v)
		})(c, args, out)
	}
}

// part is a field's value as a number with digits after the decimal point, or an infinity, or nothing.
type part struct {
	v      types.Decimal
	inf    int // -1 or 1
	absent bool
}

func wholePart(v int64) part { return part{v: types.DecimalFromInt64(v)} }

func extractNumeric(t types.Type) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		p, err := fieldOf(r, t)
		switch {
		case err != nil:
			return err
		case p.absent:
			out.AppendNull()
		case p.inf > 0:
			out.AppendDec(types.DecimalInf)
		case p.inf < 0:
			out.AppendDec(types.DecimalNegInf)
		default:
			out.AppendDec(p.v)
		}
		return nil
	}
}

func extractFloat(t types.Type) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		read := t
		if t == date { // PostgreSQL's date_part takes a date for its midnight
			read = ts
		}
		p, err := fieldOf(r, read)
		switch {
		case err != nil:
			return err
		case p.absent:
			out.AppendNull()
		case p.inf != 0:
			out.AppendFloat(math.Inf(p.inf))
		default:
			out.AppendFloat(p.v.Float64())
		}
		return nil
	}
}

// fieldOf reads a field of the second argument, which has type t (or is a date read as the timestamp t).
func fieldOf(r Row, t types.Type) (part, error) {
	name, err := unit(r.Bytes(0), t)
	if err != nil {
		return part{}, err
	}
	var p part
	ok := false
	switch col, _ := r.Col(1); {
	case t == ivl:
		p, ok = intervalField(name, r.Ivl(1))
	case t == clockTime:
		p, ok = clockField(name, r.Int(1))
		if name == "epoch" {
			p, ok = part{v: types.Decimal{Coef: r.Int(1), Scale: 6}}, true
		}
	case infinite(r.Int(1)):
		p, ok = infiniteField(name, r.Int(1) > 0, t)
	case t == date:
		p, ok = dateField(name, r.Int(1))
	default:
		v := r.Int(1)
		if col.Type.Kind == types.KindDate {
			if v, err = dateToTimestamp(v); err != nil {
				return p, err
			}
		}
		p, ok = timestampField(name, v, t == tz, r.Call)
	}
	if !ok {
		return p, unitUnsupported(r.Bytes(0), t)
	}
	return p, nil
}

// infiniteField: fields that only grow are infinite, those that turn round are NULL.
func infiniteField(name string, positive bool, t types.Type) (p part, ok bool) {
	switch name {
	case "year", "decade", "century", "millennium", "julian", "isoyear", "epoch":
		if positive {
			return part{inf: 1}, true
		}
		return part{inf: -1}, true
	case "timezone", "timezone_hour", "timezone_minute":
		return part{absent: true}, t == tz
	case "microsecond", "millisecond", "second", "minute", "hour":
		return part{absent: true}, t != date
	}
	return part{absent: true}, true
}

func timestampField(name string, v int64, zoned bool, c *Call) (part, bool) {
	local := v
	if zoned {
		local = types.ToLocal(v, c.Location())
	}
	offset := (local - v) / microsPerSecond
	switch name {
	case "epoch":
		return part{v: types.Decimal{Coef: v, Scale: 6}}, true
	case "timezone":
		return wholePart(offset), zoned
	case "timezone_hour":
		return wholePart(offset / 3600), zoned
	case "timezone_minute":
		return wholePart(offset / 60 % 60), zoned
	}
	days, rest := splitTimestamp(local)
	if name == "julian" {
		frac, _ := types.DecimalFromInt64(rest).Div(types.DecimalFromInt64(microsPerDay))
		sum, _ := types.DecimalFromInt64(days + julianEpoch).Add(frac)
		return part{v: sum}, true
	}
	if p, ok := clockField(name, rest); ok {
		return p, true
	}
	return dateField(name, days)
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

func clockField(name string, micros int64) (part, bool) {
	inMinute := micros % microsPerMinute
	switch name {
	case "microsecond":
		return wholePart(inMinute), true
	case "millisecond":
		return part{v: types.Decimal{Coef: inMinute, Scale: 3}}, true
	case "second":
		return part{v: types.Decimal{Coef: inMinute, Scale: 6}}, true
	case "minute":
		return wholePart(micros / microsPerMinute % 60), true
	case "hour":
		return wholePart(micros / microsPerHour), true
	}
	return part{}, false
}

func dateField(name string, days int64) (part, bool) {
	year, month, day := types.CivilOf(days)
	shown := year // there is no year 0: 1 BC is -1
	if year <= 0 {
		shown--
	}
	// groups counts spans of years from the year 1 on, and from -1 back.
	groups := func(n int64) int64 {
		if shown > 0 {
			return (shown + n - 1) / n
		}
		return -((n - 1 - shown) / n)
	}
	isoYear, isoWeek := isoWeekOf(days)
	switch name {
	case "day":
		return wholePart(int64(day)), true
	case "month":
		return wholePart(int64(month)), true
	case "quarter":
		return wholePart(int64(month-1)/3 + 1), true
	case "year":
		return wholePart(shown), true
	case "week":
		return wholePart(isoWeek), true
	case "isoyear":
		if isoYear <= 0 {
			isoYear--
		}
		return wholePart(isoYear), true
	case "decade":
		return wholePart(floorDiv(year, 10)), true
	case "century":
		return wholePart(groups(100)), true
	case "millennium":
		return wholePart(groups(1000)), true
	case "julian":
		return wholePart(days + julianEpoch), true
	case "dow":
		return wholePart(dayOfWeek(days)), true
	case "isodow":
		return wholePart((dayOfWeek(days)+6)%7 + 1), true
	case "doy":
		return wholePart(days - types.DaysOf(year, 1, 1) + 1), true
	case "epoch":
		return wholePart(days * secondsPerDay), true
	}
	return part{}, false
}

// dayOfWeek counts from Sunday, 0.
func dayOfWeek(days int64) int64 { return ((days+4)%7 + 7) % 7 }

// isoWeekOf gives the ISO 8601 week and the year it belongs to.
func isoWeekOf(days int64) (year, week int64) {
	thursday := days - (dayOfWeek(days)+6)%7 + 3
	year, _, _ = types.CivilOf(thursday)
	return year, (thursday-types.DaysOf(year, 1, 1))/7 + 1
}

func intervalField(name string, v types.Interval) (part, bool) {
	if p, ok := clockField(name, v.Micros); ok {
		return p, true
	}
	months, years := int64(v.Months), int64(v.Months/monthsPerYear)
	switch name {
	case "day":
		return wholePart(int64(v.Days)), true
	case "month":
		return wholePart(months % monthsPerYear), true
	case "quarter":
		return wholePart(months%monthsPerYear/3 + 1), true
	case "year":
		return wholePart(years), true
	case "decade":
		return wholePart(years / 10), true
	case "century":
		return wholePart(years / 100), true
	case "millennium":
		return wholePart(years / 1000), true
	case "epoch": // a year counts 365.25 days, a month 30
		seconds := years*31557600 + months%monthsPerYear*daysPerMonth*secondsPerDay + int64(v.Days)*secondsPerDay
		whole, _ := types.DecimalFromInt64(seconds).Add(types.Decimal{Coef: v.Micros, Scale: 6})
		return part{v: whole}, true
	}
	return part{}, false
}

// truncLocal cuts a local timestamp to a unit.
func truncLocal(name string, micros int64) (v int64, ok bool) {
	days, rest := splitTimestamp(micros)
	year, month, _ := types.CivilOf(days)
	first := func(y int64, m int) (int64, bool) { return types.DaysOf(y, int64(m), 1) * microsPerDay, true }
	// start is the first year of a span of n years that begins in years 1, n+1 …
	start := func(n int64) int64 { return floorDiv(year-1, n)*n + 1 }
	units := map[string]int64{"microsecond": 1, "millisecond": microsPerMilli, "second": microsPerSecond,
		"minute": microsPerMinute, "hour": microsPerHour}
	if u := units[name]; u > 0 {
		return micros - rest%u, true
	}
	switch name {
	case "day":
		return days * microsPerDay, true
	case "week":
		return (days - (dayOfWeek(days)+6)%7) * microsPerDay, true
	case "month":
		return first(year, month)
	case "quarter":
		return first(year, (month-1)/3*3+1)
	case "year":
		return first(year, 1)
	case "decade":
		return first(floorDiv(year, 10)*10, 1)
	case "century":
		return first(start(100), 1)
	case "millennium":
		return first(start(1000), 1)
	}
	return 0, false
}

func truncTimestamp(r Row, out *vec.Column) error {
	if infinite(r.Int(1)) {
		out.AppendInt(r.Int(1))
		return nil
	}
	name, err := unit(r.Bytes(0), ts)
	if err != nil {
		return err
	}
	v, ok := truncLocal(name, r.Int(1))
	if !ok {
		return unitUnsupported(r.Bytes(0), ts)
	}
	if v < firstDay*microsPerDay {
		return timestampRange()
	}
	out.AppendInt(v)
	return nil
}

func truncZoned(r Row, loc *time.Location, out *vec.Column) error {
	v := r.Int(1)
	if infinite(v) {
		out.AppendInt(v)
		return nil
	}
	name, err := unit(r.Bytes(0), tz)
	if err != nil {
		return err
	}
	local := types.ToLocal(v, loc)
	cut, ok := truncLocal(name, local)
	if !ok {
		return unitUnsupported(r.Bytes(0), tz)
	}
	switch name {
	case "microsecond", "millisecond", "second", "minute", "hour": // the zone's offset stays
		cut = v - (local - cut)
	default:
		cut = types.ToUTC(cut, loc)
	}
	out.AppendInt(cut)
	return nil
}

func truncInterval(r Row, out *vec.Column) error {
	name, err := unit(r.Bytes(0), ivl)
	if err != nil {
		return err
	}
	v := r.Ivl(1)
	months := map[string]int32{"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200,
		"millennium": 12000}
	micros := map[string]int64{"microsecond": 1, "millisecond": microsPerMilli, "second": microsPerSecond,
		"minute": microsPerMinute, "hour": microsPerHour, "day": math.MaxInt64}
	switch {
	case months[name] > 0:
		v = types.Interval{Months: v.Months - v.Months%months[name]}
	case name == "day":
		v.Micros = 0
	case micros[name] > 0:
		v.Micros -= v.Micros % micros[name]
	case name == "week":
		return sqlerr.New(sqlerr.FeatureNotSupported, "unit %q not supported for type %s",
			strings.ToLower(r.Text(0)), ivl).WithDetail("Months usually have fractional weeks.")
	default:
		return unitUnsupported(r.Bytes(0), ivl)
	}
	out.AppendIvl(v)
	return nil
}

func dateBin(r Row, out *vec.Column) error {
	stride, v, origin := r.Ivl(0), r.Int(1), r.Int(2)
	if infinite(v) {
		out.AppendInt(v)
		return nil
	}
	if infinite(origin) {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "origin out of range")
	}
	if stride.Months != 0 {
		return sqlerr.New(sqlerr.FeatureNotSupported,
			"timestamps cannot be binned into intervals containing months or years")
	}
	width, ok := mul64(int64(stride.Days), microsPerDay)
	if ok {
		width, ok = add64(width, stride.Micros)
	}
	if !ok {
		return intervalRange()
	}
	if width <= 0 {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "stride must be greater than zero")
	}
	diff, ok := add64(v, -origin)
	if !ok {
		return intervalRange()
	}
	out.AppendInt(origin + floorDiv(diff, width)*width)
	return nil
}

// age subtracts field by field, borrowing months of the length they have on the calendar.
func age(a, b int64) (types.Interval, error) {
	if infinite(a) || infinite(b) {
		return types.Interval{}, timestampRange()
	}
	if a < b {
		v, err := age(b, a)
		if err != nil {
			return v, err
		}
		return negateInterval(v)
	}
	ad, at := splitTimestamp(a)
	bd, bt := splitTimestamp(b)
	ay, am, aday := types.CivilOf(ad)
	by, bm, bday := types.CivilOf(bd)
	micros, days, months := at-bt, int64(aday-bday), (ay-by)*monthsPerYear+int64(am-bm)
	if micros < 0 {
		micros, days = micros+microsPerDay, days-1
	}
	if days < 0 {
		days, months = days+int64(types.DaysInMonth(by, bm)), months-1
	}
	return types.Interval{Months: int32(months), Days: int32(days), Micros: micros}, nil
}

package fn

import (
	"math"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

var (
	date, clockTime, ts, tz, ivl = types.Date, types.Time, types.Timestamp, types.TimestampTZ, types.IntervalType
)

// calendarDecls declares the operators over dates, times and intervals.
func calendarDecls() []Scalar {
	var fs []Scalar
	docs := map[string]Doc{
		"+": {Category: "date/time", Summary: "Moves a date or time.", Examples: ex(
			"date '2001-09-28' + 7", "2001-10-05", "timestamp '2001-01-31' + interval '1 month'",
			"2001-02-28 00:00:00")},
		"-": {Category: "date/time", Summary: "Moves back, or gives the distance.", Examples: ex(
			"date '2001-10-01' - date '2001-09-28'", "3")},
		"*": {Category: "date/time", Summary: "Multiplies an interval.",
			Examples: ex("interval '1 hour' * 3.5", "03:30:00")},
		"/": {Category: "date/time", Summary: "Divides an interval.",
			Examples: ex("interval '1 hour' / 1.5", "00:40:00")},
	}
	add := func(op string, a, b, ret types.Type, k Kernel) {
		doc, ok := docs[op]
		if !ok {
			doc.Category = "date/time"
		}
		delete(docs, op)
		fs = append(fs, Scalar{Name: op, Args: in(a, b), Ret: ret, Strict: true, Kernel: k, Doc: doc,
			Stable: a == tz || b == tz && ret != ivl})
	}
	commuting := func(a, b, ret types.Type, k Kernel) {
		add("+", a, b, ret, k)
		add("+", b, a, ret, flip(k))
	}
	commuting(date, types.Int4, date, pairwiseErr(addDays))
	add("-", date, types.Int4, date, pairwiseErr(func(d, n int64) (int64, error) { return addDays(d, -n) }))
	add("-", date, date, types.Int4, pairwiseErr(daysBetween))
	commuting(date, clockTime, ts, pairwiseErr(atTime))
	commuting(date, ivl, ts, pairwiseErr(datePlus(1)))
	add("-", date, ivl, ts, pairwiseErr(datePlus(-1)))
	commuting(ts, ivl, ts, pairwiseErr(timestampPlus(1)))
	add("-", ts, ivl, ts, pairwiseErr(timestampPlus(-1)))
	commuting(tz, ivl, tz, zonedPlus(1))
	add("-", tz, ivl, tz, zonedPlus(-1))
	add("-", ts, ts, ivl, pairwiseErr(timestampDiff))
	add("-", tz, tz, ivl, pairwiseErr(timestampDiff))
	commuting(clockTime, ivl, clockTime, pairwise(timePlus(1)))
	add("-", clockTime, ivl, clockTime, pairwise(timePlus(-1)))
	add("-", clockTime, clockTime, ivl, pairwise(func(a, b int64) types.Interval { return types.Interval{Micros: a - b} }))
	add("+", ivl, ivl, ivl, pairwiseErr(plusInterval))
	add("-", ivl, ivl, ivl, pairwiseErr(minusInterval))
	add("*", ivl, types.Float8, ivl, pairwiseErr(mulInterval))
	add("*", types.Float8, ivl, ivl, flip(pairwiseErr(mulInterval)))
	add("/", ivl, types.Float8, ivl, pairwiseErr(divInterval))
	return append(fs, Scalar{Name: "prefix -", Args: in(ivl), Ret: ivl, Strict: true, Kernel: unaryErr(negateInterval),
		Doc: Doc{Summary: "Turns an interval round.", Examples: ex("- interval '1 hour'", "-01:00:00")}})
}

// nowDecls declares the functions that tell the time. Within a transaction, and a step, it stands still.
func nowDecls() []Scalar {
	moment := func(f func(e *Env) int64) Kernel {
		return func(c *Call, _ []*vec.Column, out *vec.Column) { out.AppendInt(f(c.Env)) }
	}
	now := func(e *Env) int64 { return e.Now }
	local := func(e *Env) int64 { return types.ToLocal(e.Now, e.Location()) }
	var fs []Scalar
	for _, name := range []string{"now", "transaction_timestamp", "statement_timestamp", "current_timestamp"} {
		fs = append(fs, Scalar{Name: name, Ret: tz, Strict: true, Stable: true, Clock: true, Kernel: moment(now),
			Doc: Doc{Category: "date/time", Summary: "Gives the time at which the transaction began."}})
	}
	return append(fs,
		Scalar{Name: "localtimestamp", Ret: ts, Strict: true, Stable: true, Clock: true, Kernel: moment(local),
			Doc: Doc{Summary: "Gives the local time at which the transaction began."}},
		Scalar{Name: "current_date", Ret: date, Strict: true, Stable: true, Clock: true,
			Kernel: moment(func(e *Env) int64 { d, _ := splitTimestamp(local(e)); return d }),
			Doc:    Doc{Summary: "Gives today's date."}},
		Scalar{Name: "localtime", Ret: clockTime, Strict: true, Stable: true, Clock: true,
			Kernel: moment(func(e *Env) int64 { _, t := splitTimestamp(local(e)); return t }),
			Doc:    Doc{Summary: "Gives the local time of day."}},
		Scalar{Name: "clock_timestamp", Ret: tz, Strict: true, Volatile: true,
			Kernel: rowwise(func(_ Row, out *vec.Column) error { out.AppendInt(time.Now().UnixMicro()); return nil }),
			Doc:    Doc{Summary: "Gives the time of the clock, which moves on."}},
		Scalar{Name: "timeofday", Ret: types.Text, Strict: true, Volatile: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				out.AppendString(time.Now().In(r.Location()).Format("Mon Jan 02 15:04:05.000000 2006 MST"))
				return nil
			}), Doc: Doc{Summary: "Gives the time of the clock as text."}},
		Scalar{Name: "unix_timestamp", Ret: types.Int8, Strict: true, Stable: true, Clock: true,
			Kernel: moment(func(e *Env) int64 { return floorDiv(e.Now, microsPerMilli) }),
			Doc:    Doc{Summary: "Gives the time in milliseconds since 1970."}},
		Scalar{Name: "unix_timestamp", Args: in(ts), Ret: types.Int8, Strict: true, Kernel: unary(millis)},
		Scalar{Name: "unix_timestamp", Args: in(tz), Ret: types.Int8, Strict: true, Kernel: unary(millis)},
		Scalar{Name: "unix_date", Args: in(date), Ret: types.Int4, Strict: true, Kernel: same,
			Doc: Doc{Summary: "Gives the days since 1970-01-01.", Examples: ex("unix_date(date '1970-02-01')", "31")}},
		Scalar{Name: "from_unixtime", Args: in(types.Int8), Ret: ts, Strict: true, Kernel: unaryErr(fromMillis),
			Doc: Doc{Summary: "Gives the timestamp of so many milliseconds since 1970.",
				Examples: ex("from_unixtime(1500)", "1970-01-01 00:00:01.5")}})
}

func millis(micros int64) int64 { return floorDiv(micros, microsPerMilli) }

func fromMillis(ms int64) (int64, error) {
	v, ok := mul64(ms, microsPerMilli)
	if !ok || v < firstDay*microsPerDay {
		return 0, timestampRange()
	}
	return v, nil
}

func addDays(days, n int64) (int64, error) {
	if infinite(days) {
		return days, nil
	}
	if days += n; days < firstDay || days >= endDay {
		return 0, dateRange()
	}
	return days, nil
}

func daysBetween(a, b int64) (int64, error) {
	if infinite(a) || infinite(b) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite dates")
	}
	return a - b, nil
}

func atTime(days, micros int64) (int64, error) {
	midnight, err := dateToTimestamp(days)
	if err != nil || infinite(midnight) {
		return midnight, err
	}
	return midnight + micros, nil
}

// addMonths moves a day by months; the last days of a month stay in the month they get to.
func addMonths(days int64, months int64) int64 {
	year, month, day := types.CivilOf(days)
	m := int64(month) - 1 + months
	year, month = year+floorDiv(m, monthsPerYear), int(m-floorDiv(m, monthsPerYear)*monthsPerYear)+1
	return types.DaysOf(year, int64(month), int64(min(day, types.DaysInMonth(year, month))))
}

// moveLocal adds the months and days of an interval to a local timestamp.
func moveLocal(micros int64, v types.Interval) (int64, error) {
	days, rest := splitTimestamp(micros)
	if v.Months != 0 {
		days = addMonths(days, int64(v.Months))
	}
	return joinTimestamp(days+int64(v.Days), rest)
}

// joinTimestamp is the opposite of splitTimestamp.
func joinTimestamp(days, rest int64) (int64, error) {
	if days < firstDay || days > math.MaxInt64/microsPerDay-1 {
		return 0, timestampRange()
	}
	return days*microsPerDay + rest, nil
}

// addMicros adds the time of an interval.
func addMicros(micros, n int64) (int64, error) {
	v, ok := add64(micros, n)
	if !ok || v < firstDay*microsPerDay || v == types.Infinity {
		return 0, timestampRange()
	}
	return v, nil
}

// signed is an interval, or its opposite.
func signed(v types.Interval, sign int) (types.Interval, error) {
	if sign > 0 {
		return v, nil
	}
	return negateInterval(v)
}

func timestampPlus(sign int) func(int64, types.Interval) (int64, error) {
	return func(micros int64, v types.Interval) (int64, error) {
		if infinite(micros) {
			return micros, nil
		}
		v, err := signed(v, sign)
		if err == nil {
			micros, err = moveLocal(micros, v)
		}
		if err != nil {
			return 0, err
		}
		return addMicros(micros, v.Micros)
	}
}

func datePlus(sign int) func(int64, types.Interval) (int64, error) {
	plus := timestampPlus(sign)
	return func(days int64, v types.Interval) (int64, error) {
		micros, err := dateToTimestamp(days)
		if err != nil {
			return 0, err
		}
		return plus(micros, v)
	}
}

// zonedPlus moves a moment: months and days on the calendar of the session's time zone, the rest as time that passes.
func zonedPlus(sign int) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		loc := c.Location()
		pairwiseErr(func(micros int64, v types.Interval) (int64, error) {
			v, err := signed(v, sign)
			if err != nil {
				return 0, err
			}
			return zonedMove(micros, v, loc)
		})(c, args, out)
	}
}

func zonedMove(micros int64, v types.Interval, loc *time.Location) (int64, error) {
	if infinite(micros) {
		return micros, nil
	}
	if v.Months != 0 || v.Days != 0 {
		local, err := moveLocal(types.ToLocal(micros, loc), v)
		if err != nil {
			return 0, err
		}
		micros = types.ToUTC(local, loc)
	}
	return addMicros(micros, v.Micros)
}

func timestampDiff(a, b int64) (types.Interval, error) {
	if infinite(a) || infinite(b) {
		return types.Interval{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	if (a < 0) != (b < 0) && (a-b < 0) != (a < 0) {
		return types.Interval{}, intervalRange()
	}
	return justifyHours(types.Interval{Micros: a - b})
}

func timePlus(sign int64) func(int64, types.Interval) int64 {
	return func(micros int64, v types.Interval) int64 {
		_, rest := splitTimestamp(micros + sign*(v.Micros%microsPerDay))
		return rest
	}
}

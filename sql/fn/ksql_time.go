package fn

import (
	"strings"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// timeUnit is a unit of time: so many months, or so many nanoseconds.
type timeUnit struct{ months, nanos int64 }

// timeUnits are the words for units, in the plural; the singular will do.
var timeUnits = map[string]timeUnit{
	"nanoseconds": {nanos: 1}, "microseconds": {nanos: 1000}, "milliseconds": {nanos: 1e6}, "seconds": {nanos: 1e9},
	"minutes": {nanos: 60e9}, "hours": {nanos: 3600e9}, "days": {nanos: 86400e9}, "weeks": {nanos: 7 * 86400e9},
	"months": {months: 1}, "quarters": {months: 3}, "years": {months: 12},
}

func unitOf(word string) (timeUnit, bool) {
	u, ok := timeUnits[strings.TrimSuffix(strings.ToLower(word), "s")+"s"]
	return u, ok
}

// IsUnit reports whether a word names a unit of time, as the functions of TakesUnit know it.
func IsUnit(word string) bool {
	_, ok := unitOf(word)
	return ok
}

// TakesUnit reports whether the first argument of a function is a unit of time, whose word may stand without quotes.
func TakesUnit(name string) bool {
	switch name {
	case "dateadd", "datesub", "timeadd", "timesub", "timestampadd", "timestampsub":
		return true
	}
	return false
}

// ksqlTimeDecls declares ksqlDB's functions over dates and times that are not in the other files.
func ksqlTimeDecls() []Scalar {
	text, i8, i4 := types.Text, types.Int8, types.Int4
	var fs []Scalar
	for _, d := range []struct {
		name, summary, example, want string
		t                            types.Type
		sign                         int64
		move                         func(v, n int64, u timeUnit) (int64, error)
	}{
		{"dateadd", "Adds n units of time to a date.", "dateadd('days', 10, date '2021-12-25')", "2022-01-04", date, 1,
			moveDate},
		{"datesub", "Takes n units of time off a date.", "datesub('months', 1, date '2021-03-31')", "2021-02-28", date, -1,
			moveDate},
		{"timeadd", "Adds n units of time to a time of day, which begins again after midnight.",
			"timeadd('minutes', 15, time '23:50:00')", "00:05:00", clockTime, 1, moveClock},
		{"timesub", "Takes n units of time off a time of day.", "timesub('hours', 2, time '01:00:00')", "23:00:00", clockTime,
			-1, moveClock},
		{"timestampadd", "Adds n units of time to a timestamp.",
			"timestampadd('seconds', 5, timestamp '2021-12-01 00:00:00')",
			"2021-12-01 00:00:05", ts, 1, moveTimestamp},
		{"timestampsub", "Takes n units of time off a timestamp.", "timestampsub('days', 1, timestamp '2021-12-01 00:00:00')",
			"2021-11-30 00:00:00", ts, -1, moveTimestamp},
	} {
		k := rowwise(moveBy(d.sign, d.move))
		fs = append(fs, Scalar{Name: d.name, Args: in(text, i8, d.t), Ret: d.t, Strict: true, Kernel: k,
			Doc: Doc{Category: "date/time", Summary: d.summary, Examples: ex(d.example, d.want)}})
		if d.t == ts {
			fs = append(fs, Scalar{Name: d.name, Args: in(text, i8, tz), Ret: tz, Strict: true, Kernel: k})
		}
	}
	return append(fs,
		Scalar{Name: "convert_tz", Args: in(ts, text, text), Ret: ts, Strict: true, Kernel: rowwise(convertZone),
			Doc: Doc{Summary: "Gives what clocks in the second zone show when those in the first show a timestamp.",
				Examples: ex("convert_tz(timestamp '2021-12-01 12:00:00', 'UTC', 'America/New_York')", "2021-12-01 07:00:00")}},
		Scalar{Name: "from_days", Args: in(i4), Ret: date, Strict: true, Kernel: unaryErr(func(n int64) (int64, error) {
			return addDays(0, n)
		}), Doc: Doc{Summary: "Gives the date so many days after 1970-01-01.", Examples: ex("from_days(31)", "1970-02-01")}},
		Scalar{Name: "unix_date", Ret: i4, Stable: true, Clock: true,
			Kernel: func(c *Call, _ []*vec.Column, out *vec.Column) {
				out.AppendInt(floorDiv(c.Env.Now, microsPerDay))
			}},
		Scalar{Name: "format_time", Args: in(clockTime, text), Ret: text, Strict: true, Kernel: rowwise(formatClock),
			Doc: Doc{Summary: "Prints a time of day by a pattern of Java's.",
				Examples: ex("format_time(time '15:04:05', 'hh:mm a')", "03:04 PM")}},
		Scalar{Name: "parse_time", Args: in(text, text), Ret: clockTime, Strict: true, Kernel: rowwise(parseClock),
			Doc: Doc{Summary: "Reads a time of day by a pattern of Java's.",
				Examples: ex("parse_time('03:04 PM', 'hh:mm a')", "15:04:00")}})
}

// moveBy calls move with the unit, the first argument, and the number of them.
func moveBy(sign int64, move func(v, n int64, u timeUnit) (int64, error)) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		u, ok := unitOf(r.Text(0))
		if !ok {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unit of time %q not recognized", r.Text(0)).
				WithHint("Units are nanoseconds, microseconds, milliseconds, seconds, minutes, hours, days, weeks, months and " +
					"years.")
		}
		n, ok := mul64(r.Int(1), sign)
		if !ok {
			return timestampRange()
		}
		v, err := move(r.Int(2), n, u)
		if err == nil {
			out.AppendInt(v)
		}
		return err
	}
}

// micros gives n units in microseconds.
func (u timeUnit) micros(n int64) (int64, error) {
	if u.nanos < 1000 {
		return floorDiv(n, 1000), nil
	}
	v, ok := mul64(n, u.nanos/1000)
	if !ok {
		return 0, timestampRange()
	}
	return v, nil
}

// monthsOf gives n units in months, within what a calendar has.
func (u timeUnit) monthsOf(n int64) (int64, error) {
	const most = 12 * 300_000
	if v, ok := mul64(n, u.months); ok && v >= -most && v <= most {
		return v, nil
	}
	return 0, timestampRange()
}

func moveDate(days, n int64, u timeUnit) (int64, error) {
	if infinite(days) {
		return days, nil
	}
	if u.months > 0 {
		m, err := u.monthsOf(n)
		if err != nil {
			return 0, err
		}
		return addDays(addMonths(days, m), 0)
	}
	micros, err := u.micros(n)
	if err != nil {
		return 0, err
	}
	return addDays(days, floorDiv(micros, microsPerDay))
}

func moveClock(v, n int64, u timeUnit) (int64, error) {
	if u.months > 0 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "a time of day does not move by months")
	}
	micros, err := u.micros(n)
	if err != nil {
		return 0, err
	}
	_, rest := splitTimestamp(v + micros%microsPerDay)
	return rest, nil
}

func moveTimestamp(v, n int64, u timeUnit) (int64, error) {
	if infinite(v) {
		return v, nil
	}
	if u.months > 0 {
		m, err := u.monthsOf(n)
		if err != nil {
			return 0, err
		}
		days, rest := splitTimestamp(v)
		return joinTimestamp(addMonths(days, m), rest)
	}
	micros, err := u.micros(n)
	if err != nil {
		return 0, err
	}
	return addMicros(v, micros)
}

func convertZone(r Row, out *vec.Column) error {
	var zones [2]*time.Location
	for k := range zones {
		loc, err := types.LoadLocation(r.Text(1 + k))
		if err != nil {
			return err
		}
		zones[k] = loc
	}
	v := r.Int(0)
	if !infinite(v) {
		v = types.ToLocal(types.ToUTC(v, zones[0]), zones[1])
	}
	out.AppendInt(v)
	return nil
}

// clockOnly refuses a pattern that has more than a time of day.
func clockOnly(pattern string) error {
	fields, err := javaFields(pattern)
	if err != nil {
		return err
	}
	for _, f := range fields {
		if strings.IndexByte("HhmsSna\x00", f.letter) < 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "a time of day has no %q", string(f.letter))
		}
	}
	return nil
}

func formatClock(r Row, out *vec.Column) error {
	if err := clockOnly(r.Text(1)); err != nil {
		return err
	}
	return formatJava(1)(r, out)
}

func parseClock(r Row, out *vec.Column) error {
	if err := clockOnly(r.Text(1)); err != nil {
		return err
	}
	return parseJava(1)(r, out)
}

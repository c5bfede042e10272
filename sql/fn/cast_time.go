package fn

import (
	"math"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Location is the time zone of the session; UTC when it has none, or one that is not known.
func (e *Env) Location() *time.Location {
	if e.Setting == nil {
		return time.UTC
	}
	loc, err := types.LoadLocation(e.Setting("timezone"))
	if err != nil {
		return time.UTC
	}
	return loc
}

// Location is the time zone of the session, looked up once in a batch.
func (c *Call) Location() *time.Location {
	if c.loc == nil {
		c.loc = c.Env.Location()
	}
	return c.loc
}

func infinite(v int64) bool { return v == types.Infinity || v == types.NegInfinity }

func timestampRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
}

func dateRange() error { return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range") }

// The first day there is, 4714-11-24 BC, and the day after the last of the type date.
const (
	firstDay = -2440588
	endDay   = 2145042906
)

// dateToTimestamp gives the midnight at which a day begins.
func dateToTimestamp(days int64) (int64, error) {
	if infinite(days) {
		return days, nil
	}
	if days > math.MaxInt64/microsPerDay-1 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range for timestamp")
	}
	return days * microsPerDay, nil
}

// floorDiv divides and rounds down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// splitTimestamp gives the day of a timestamp, and the microseconds since its midnight.
func splitTimestamp(micros int64) (days, rest int64) {
	days = floorDiv(micros, microsPerDay)
	return days, micros - days*microsPerDay
}

// timeCaster converts between dates, times, timestamps and intervals.
func timeCaster(from, to types.Type) castFunc {
	appendRounded := func(out *vec.Column, v int64) error {
		out.AppendInt(types.RoundMicros(v, to.Mod))
		return nil
	}
	day := func(out *vec.Column, micros int64) error {
		if !infinite(micros) {
			micros, _ = splitTimestamp(micros)
		}
		out.AppendInt(micros)
		return nil
	}
	clock := func(out *vec.Column, micros int64) error {
		if infinite(micros) {
			out.AppendNull()
			return nil
		}
		_, rest := splitTimestamp(micros)
		return appendRounded(out, rest)
	}
	switch [2]types.Kind{from.Kind, to.Kind} {
	case [2]types.Kind{types.KindDate, types.KindTimestamp}, [2]types.Kind{types.KindDate, types.KindTimestampTZ}:
		return func(r Row, out *vec.Column) error {
			v, err := dateToTimestamp(r.Int(0))
			if err != nil {
				return err
			}
			if to.Kind == types.KindTimestampTZ {
				v = types.ToUTC(v, r.Location())
			}
			return appendRounded(out, v)
		}
	case [2]types.Kind{types.KindTimestamp, types.KindTimestampTZ}:
		return func(r Row, out *vec.Column) error { return appendRounded(out, types.ToUTC(r.Int(0), r.Location())) }
	case [2]types.Kind{types.KindTimestampTZ, types.KindTimestamp}:
		return func(r Row, out *vec.Column) error {
			return appendRounded(out, types.ToLocal(r.Int(0), r.Location()))
		}
	case [2]types.Kind{types.KindTimestamp, types.KindDate}:
		return func(r Row, out *vec.Column) error { return day(out, r.Int(0)) }
	case [2]types.Kind{types.KindTimestampTZ, types.KindDate}:
		return func(r Row, out *vec.Column) error { return day(out, types.ToLocal(r.Int(0), r.Location())) }
	case [2]types.Kind{types.KindTimestamp, types.KindTime}:
		return func(r Row, out *vec.Column) error { return clock(out, r.Int(0)) }
	case [2]types.Kind{types.KindTimestampTZ, types.KindTime}:
		return func(r Row, out *vec.Column) error { return clock(out, types.ToLocal(r.Int(0), r.Location())) }
	case [2]types.Kind{types.KindTime, types.KindInterval}:
		return func(r Row, out *vec.Column) error {
			out.AppendIvl(types.Interval{Micros: types.RoundMicros(r.Int(0), to.Mod)})
			return nil
		}
	case [2]types.Kind{types.KindInterval, types.KindTime}:
		return func(r Row, out *vec.Column) error {
			_, rest := splitTimestamp(r.Ivl(0).Micros)
			return appendRounded(out, rest)
		}
	}
	if from.Kind == types.KindInterval {
		return func(r Row, out *vec.Column) error {
			v := r.Ivl(0)
			v.Micros = types.RoundMicros(v.Micros, to.Mod)
			out.AppendIvl(v)
			return nil
		}
	}
	return func(r Row, out *vec.Column) error { return appendRounded(out, r.Int(0)) } // of one kind
}

package fn

import (
	"math"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

const (
	daysPerMonth   = 30
	monthsPerYear  = 12
	secondsPerDay  = 86400
	microsPerMilli = 1000
)

func intervalRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
}

// fits32 tells whether v is an int32.
func fits32(v int64) bool { return int64(int32(v)) == v }

// addIntervals adds part by part; ok is false when a part does not fit.
func addIntervals(v, w types.Interval) (sum types.Interval, ok bool) {
	months, days := int64(v.Months)+int64(w.Months), int64(v.Days)+int64(w.Days)
	micros, ok := add64(v.Micros, w.Micros)
	return types.Interval{Months: int32(months), Days: int32(days), Micros: micros}, ok && fits32(months) && fits32(days)
}

// negInterval negates every part; ok is false for the least numbers.
func negInterval(v types.Interval) (neg types.Interval, ok bool) {
	return types.Interval{Months: -v.Months, Days: -v.Days, Micros: -v.Micros},
		v.Months != math.MinInt32 && v.Days != math.MinInt32 && v.Micros != math.MinInt64
}

// scaleInterval multiplies every part by a whole number.
func scaleInterval(v types.Interval, n int64) (types.Interval, bool) {
	months, ok1 := mul64(int64(v.Months), n)
	days, ok2 := mul64(int64(v.Days), n)
	micros, ok3 := mul64(v.Micros, n)
	return types.Interval{Months: int32(months), Days: int32(days), Micros: micros},
		ok1 && ok2 && ok3 && fits32(months) && fits32(days)
}

func plusInterval(v, w types.Interval) (types.Interval, error) {
	sum, ok := addIntervals(v, w)
	if !ok {
		return sum, intervalRange()
	}
	return sum, nil
}

func minusInterval(v, w types.Interval) (types.Interval, error) {
	neg, ok := negInterval(w)
	if !ok {
		return neg, intervalRange()
	}
	return plusInterval(v, neg)
}

func negateInterval(v types.Interval) (types.Interval, error) {
	neg, ok := negInterval(v)
	if !ok {
		return neg, intervalRange()
	}
	return neg, nil
}

// mulInterval multiplies as PostgreSQL does: fractions of a month become days of a 30-day month, fractions of a day
// become time.
func mulInterval(v types.Interval, by float64) (types.Interval, error) {
	return spreadInterval(v, func(x float64) float64 { return x * by })
}

// divInterval divides; see mulInterval.
func divInterval(v types.Interval, by float64) (types.Interval, error) {
	if by == 0 {
		return v, divisionByZero()
	}
	return spreadInterval(v, func(x float64) float64 { return x / by })
}

func spreadInterval(v types.Interval, scale func(float64) float64) (types.Interval, error) {
	months, days := scale(float64(v.Months)), scale(float64(v.Days))
	if !inInt32(months) || !inInt32(days) {
		return v, intervalRange()
	}
	r := types.Interval{Months: int32(months), Days: int32(days)}
	monthDays := roundMicro((months - float64(r.Months)) * daysPerMonth)
	seconds := roundMicro((days - float64(r.Days) + monthDays - math.Trunc(monthDays)) * secondsPerDay)
	whole := int64(r.Days) + int64(monthDays)
	if math.Abs(seconds) >= secondsPerDay {
		whole += int64(seconds / secondsPerDay)
		seconds -= math.Trunc(seconds/secondsPerDay) * secondsPerDay
	}
	if !fits32(whole) {
		return v, intervalRange()
	}
	r.Days = int32(whole)
	micros := math.RoundToEven(scale(float64(v.Micros)) + seconds*microsPerSecond)
	if math.IsNaN(micros) || micros < math.MinInt64 || micros >= math.MaxInt64 {
		return v, intervalRange()
	}
	r.Micros = int64(micros)
	return r, nil
}

func inInt32(x float64) bool { return x >= math.MinInt32 && x <= math.MaxInt32 }

// roundMicro rounds to six decimal places.
func roundMicro(x float64) float64 { return math.RoundToEven(x*1e6) / 1e6 }

// justifyHours turns every 24 hours into a day.
func justifyHours(v types.Interval) (types.Interval, error) {
	days := int64(v.Days) + v.Micros/microsPerDay
	r := types.Interval{Months: v.Months, Days: int32(days), Micros: v.Micros % microsPerDay}
	if !fits32(days) {
		return r, intervalRange()
	}
	switch {
	case r.Days > 0 && r.Micros < 0:
		r.Days, r.Micros = r.Days-1, r.Micros+microsPerDay
	case r.Days < 0 && r.Micros > 0:
		r.Days, r.Micros = r.Days+1, r.Micros-microsPerDay
	}
	return r, nil
}

// justifyDays turns every 30 days into a month.
func justifyDays(v types.Interval) (types.Interval, error) {
	months := int64(v.Months) + int64(v.Days/daysPerMonth)
	r := types.Interval{Months: int32(months), Days: v.Days % daysPerMonth, Micros: v.Micros}
	if !fits32(months) {
		return r, intervalRange()
	}
	switch {
	case r.Months > 0 && r.Days < 0:
		r.Months, r.Days = r.Months-1, r.Days+daysPerMonth
	case r.Months < 0 && r.Days > 0:
		r.Months, r.Days = r.Months+1, r.Days-daysPerMonth
	}
	return r, nil
}

// justifyInterval does both, and gives all parts one sign.
func justifyInterval(v types.Interval) (types.Interval, error) {
	days := int64(v.Days) + v.Micros/microsPerDay
	micros := v.Micros % microsPerDay
	months := int64(v.Months) + days/daysPerMonth
	days %= daysPerMonth
	switch {
	case months > 0 && (days < 0 || days == 0 && micros < 0):
		days, months = days+daysPerMonth, months-1
	case months < 0 && (days > 0 || days == 0 && micros > 0):
		days, months = days-daysPerMonth, months+1
	}
	switch {
	case days > 0 && micros < 0:
		micros, days = micros+microsPerDay, days-1
	case days < 0 && micros > 0:
		micros, days = micros-microsPerDay, days+1
	}
	if !fits32(months) {
		return v, intervalRange()
	}
	return types.Interval{Months: int32(months), Days: int32(days), Micros: micros}, nil
}

package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// This file makes a day and a time of day of the fields that a pattern has read.

func (t *timeReader) overflow() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", t.text)
}

// timeOfDay completes hour, minute, second and micros.
func (t *timeReader) timeOfDay() error {
	if t.ofDay != 0 {
		hour, minute, second := t.ofDay/3600, t.ofDay/60%60, t.ofDay%60
		for _, f := range []struct {
			field *int
			v     int
		}{{&t.hour, hour}, {&t.minute, minute}, {&t.second, second}} {
			if *f.field == 0 {
				*f.field = f.v
			}
		}
	}
	if t.clock12 {
		switch {
		case t.hour < 1 || t.hour > 12:
			return sqlerr.New(sqlerr.InvalidDatetimeFormat, "hour \"%d\" is invalid for the 12-hour clock", t.hour).
				WithHint("Use the 24-hour clock, or give an hour between 1 and 12.")
		case t.pm == 1 && t.hour < 12:
			t.hour += 12
		case t.pm == 0 && t.hour == 12:
			t.hour = 0
		}
	}
	t.micros += t.millis * 1000
	return nil
}

// whole gives the year: that of the pattern, or of the century, and 0 (1 BC) when neither is known.
func (t *timeReader) wholeYear() (year int, known bool) {
	century := t.century
	if t.bc == 1 {
		century = -century
	}
	switch {
	case t.year != 0 && century != 0 && t.yearDigits <= 2:
		switch year = t.year % 100; {
		case year != 0 && century >= 0:
			year += (century - 1) * 100
		case year != 0:
			year = (century+1)*100 - year + 1
		case century >= 0:
			year = century * 100
		default:
			year = century*100 + 1
		}
		return year, true
	case t.year != 0:
		if year = t.year; t.bc == 1 {
			year = -year
		}
		if year < 0 {
			year++
		}
		return year, true
	case century > 0:
		return (century-1)*100 + 1, true
	case century < 0:
		return century*100 + 1, true
	}
	return 0, false
}

// date makes the day of the fields: days since 1970-01-01.
func (t *timeReader) date() (int64, error) {
	year, haveYear := t.wholeYear()
	month, day, haveMonth, haveDay := 1, 1, false, false
	onDay := func(days int64) {
		y, m, d := types.CivilOf(days)
		year, month, day, haveYear, haveMonth, haveDay = int(y), m, d, true, true, true
	}
	if t.julian != 0 {
		onDay(int64(t.julian) - julianEpoch)
	}
	switch {
	case t.week != 0 && t.calendar == isoWeeks:
		monday := weekStart(year) + int64(t.week-1)*7
		switch {
		case t.weekDay > 1:
			monday += int64(t.weekDay - 2)
		case t.weekDay == 1: // Sunday is the last
			monday += 6
		}
		onDay(monday)
	case t.week != 0:
		t.yearDay = (t.week-1)*7 + 1
	}
	if t.monthWeek != 0 {
		t.day = (t.monthWeek-1)*7 + 1
	}
	if t.day != 0 {
		day, haveDay = t.day, true
	}
	if t.month != 0 {
		month, haveMonth = t.month, true
	}
	if t.yearDay != 0 && (month <= 1 || day <= 1) {
		if year == 0 && t.bc == 0 {
			return 0, sqlerr.New(sqlerr.InvalidDatetimeFormat, "cannot calculate day of year without year information")
		}
		if t.calendar == isoWeeks {
			onDay(weekStart(year) + int64(t.yearDay) - 1)
		} else {
			m, d := monthOfYearDay(year, t.yearDay)
			if month <= 1 {
				month = m
			}
			if day <= 1 {
				day = d
			}
			haveMonth, haveDay = true, true
		}
	}
	switch {
	case haveMonth && (month < 1 || month > 12), haveDay && (day < 1 || day > 31),
		haveYear && haveMonth && haveDay && day > types.DaysInMonth(int64(year), month):
		return 0, t.overflow()
	}
	return types.DaysOf(int64(year), int64(month), int64(day)), t.checkTime()
}

// checkTime refuses times that no clock shows.
func (t *timeReader) checkTime() error {
	switch {
	case t.hour < 0 || t.hour >= 24 || t.minute < 0 || t.minute >= 60 || t.second < 0 || t.second >= 60 ||
		t.micros < 0 || t.micros >= microsPerSecond:
		return t.overflow()
	case t.zoneSign != 0 && (t.zoneHour < 0 || t.zoneHour > 15 || t.zoneMinute < 0 || t.zoneMinute >= 60):
		return sqlerr.New("22009", "time zone displacement out of range: \"%s\"", t.text)
	}
	return nil
}

// weekStart gives the Monday of the first ISO week of a year.
func weekStart(year int) int64 {
	fourth := types.DaysOf(int64(year), 1, 4)
	return fourth - (dayOfWeek(fourth)+6)%7
}

// monthOfYearDay finds the month of a day of the year; a day after the last is in a month after the last.
func monthOfYearDay(year, yearDay int) (month, day int) {
	for month = 1; month <= 12; month++ {
		n := types.DaysInMonth(int64(year), month)
		if yearDay <= n {
			break
		}
		yearDay -= n
	}
	return month, yearDay
}

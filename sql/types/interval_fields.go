package types

import "strings"

// ParseIntervalFields reads an interval whose type names its fields, as in INTERVAL '3' MONTH or '1:30' HOUR TO MINUTE.
// The last field is what a number without a unit counts, and what is smaller than it is dropped. Fields are upper case,
// one space between words.
func ParseIntervalFields(text, fields string) (Interval, error) {
	last := fields[strings.LastIndexByte(fields, ' ')+1:]
	unit := intervalUnits[strings.ToLower(last)]
	v, err := parseInterval(intervalParser{text: text, bare: unit, minuteToSecond: fields == "MINUTE TO SECOND"})
	if err != nil {
		return v, err
	}
	switch unit {
	case unitYear:
		v.Months -= v.Months % 12
		v.Days, v.Micros = 0, 0
	case unitMonth:
		v.Days, v.Micros = 0, 0
	case unitDay:
		v.Micros = 0
	case unitHour, unitMinute:
		v.Micros -= v.Micros % microsPer[unit]
	}
	return v, nil
}

package types

import "testing"

// TestIntervalFields has what PostgreSQL 15 answers.
func TestIntervalFields(t *testing.T) {
	for _, c := range []struct{ text, fields, want string }{
		{"500", "YEAR", "500 years"},
		{"-50", "MONTH", "-4 years -2 mons"},
		{"90", "DAY", "90 days"},
		{"5", "HOUR", "05:00:00"},
		{"5", "MINUTE", "00:05:00"},
		{"5.25", "SECOND", "00:00:05.25"},
		{"1-2", "YEAR TO MONTH", "1 year 2 mons"},
		{"1:30", "HOUR TO MINUTE", "01:30:00"},
		{"1:30", "MINUTE TO SECOND", "00:01:30"},
		{"1 2:03:04", "DAY TO HOUR", "1 day 02:00:00"},
		{"1 2:03:04", "DAY TO SECOND", "1 day 02:03:04"},
		{"17 months 3 days", "YEAR", "1 year"},
		{"17 months 3 days 1:00", "DAY", "1 year 5 mons 3 days"},
		{"-1:30", "HOUR", "-01:00:00"},
		{"2 days", "MONTH", "00:00:00"},
	} {
		v, err := ParseIntervalFields(c.text, c.fields)
		if got := string(AppendInterval(nil, v)); err != nil || got != c.want {
			t.Errorf("interval '%s' %s = %s, %v, want %s", c.text, c.fields, got, err, c.want)
		}
	}
	if _, err := ParseIntervalFields("x", "DAY"); err == nil {
		t.Error("x is an interval")
	}
}

package types_test

import (
	"testing"
	"time"

	"github.com/leatdb/leat/sql/types"
)

func TestWordsForNow(t *testing.T) {
	loc, err := types.LoadLocation("asia/tokyo")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2024, 2, 28, 20, 30, 15, 123456000, time.UTC) // the 29th in Tokyo
	env := types.Env{Location: loc, Now: now.UnixMicro()}
	for _, x := range [][3]string{
		{"date", "today", "2024-02-29"}, {"date", "tomorrow", "2024-03-01"}, {"date", "yesterday", "2024-02-28"},
		{"timestamp", "now", "2024-02-29 05:30:15.123456"}, {"timestamptz", "now", "2024-02-29 05:30:15.123456+09"},
		{"timestamptz", "today", "2024-02-29 00:00:00+09"}, {"timestamp", "tomorrow 08:00", "2024-03-01 08:00:00"},
		{"time", "now", "05:30:15.123456"},
	} {
		typ, _ := types.ByName(x[0])
		v, err := types.Parse(typ, x[1], env)
		if got := string(types.AppendText(nil, v, env)); err != nil || got != x[2] {
			t.Errorf("%s %q is %q, %v; want %q", x[0], x[1], got, err, x[2])
		}
		if _, err := types.Parse(typ, x[1], types.Env{}); err == nil {
			t.Errorf("%s %q was read without a time", x[0], x[1])
		}
	}
}

func TestLoadLocation(t *testing.T) {
	at := time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
	for name, want := range map[string]int{
		"UTC": 0, "europe/paris": 7200, "Europe/Paris": 7200, "EST": -18000, "-7": -25200, "5.5": 19800, "+05:30": 19800,
		"UTC+3": -10800, "EST5EDT": -14400, "America/Argentina/Buenos_Aires": -10800,
	} {
		loc, err := types.LoadLocation(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, got := at.In(loc).Zone(); got != want {
			t.Errorf("%s is %d seconds east, want %d", name, got, want)
		}
	}
	for _, name := range []string{"", "Nowhere/City", "../etc/passwd", "local", "+20000000", "\x00"} {
		if loc, err := types.LoadLocation(name); err == nil {
			t.Errorf("%q is %v", name, loc)
		}
	}
}

func TestRoundMicros(t *testing.T) {
	at := time.Date(1980, 1, 1, 0, 0, 0, 500000000, time.UTC).UnixMicro()
	if got := types.Timestamp.WithMod(0).RoundMicros(at); got != at-500000 {
		t.Error("half a second in 1980 goes up, where PostgreSQL goes down, away from 2000")
	}
	if got := types.RoundMicros(-500000, 0); got != -1000000 {
		t.Errorf("half a second before midnight is %d", got)
	}
	if got := types.RoundMicros(1234567, 3); got != 1235000 {
		t.Errorf("1234567 to 3 digits is %d", got)
	}
}

package types

import "testing"

// TestParse needs no server: one value and more of every type.
func TestParse(t *testing.T) {
	for _, c := range [][3]string{
		{"int", " -5 ", "-5"}, {"float8", "1e15", "1e+15"}, {"numeric(5,2)", "1.005", "1.01"}, {"numeric", "1e-3", "0.001"},
		{"date", "Jan 8, 1999", "1999-01-08"}, {"date", "1/8/1999", "1999-01-08"}, {"date", "20010131", "2001-01-31"},
		{"timestamp", "2001/01/31 06:02", "2001-01-31 06:02:00"},
		{"timestamptz", "2001-01-31T06:02:03.5+02", "2001-01-31 04:02:03.5+00"},
		{"interval", "1 day 02:03:04", "1 day 02:03:04"}, {"interval", "P1Y2M", "1 year 2 mons"},
		{"interval", "1 year 2 mons -3 days", "1 year 2 mons -3 days"},
		{"text[]", `{a,"b c",NULL}`, `{a,"b c",NULL}`}, {"jsonb", `{"b":1, "a":[1.0,2e2]}`, `{"a": [1.0, 200], "b": 1}`},
		{"uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"timestamp", "epoch", "1970-01-01 00:00:00"}, {"date", "0044-03-15 BC", "0044-03-15 BC"},
		{"map<text,int>", `{"a":1}`, `{"a": 1}`}, {"bytea", `\x00ff`, `\x00ff`}, {"time", "04:05 PM", "16:05:00"},
	} {
		ty, ok := ByName(c[0])
		if !ok {
			t.Fatal(c[0])
		}
		v, err := Parse(ty, c[1], Env{})
		if err != nil || v.String() != c[2] {
			t.Errorf("%v: %v %v", c, v, err)
		}
	}
}

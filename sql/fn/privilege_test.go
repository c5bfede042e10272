package fn

import "testing"

func TestSplitName(t *testing.T) {
	for text, want := range map[string][2]string{
		"t": {"", "t"}, "T": {"", "t"}, `"T"`: {"", "T"}, "s.t": {"s", "t"}, `"S"."T"`: {"S", "T"}, `s."a.b"`: {"s", "a.b"},
		`"a""b".c`: {`a"b`, "c"}, "db.s.t": {"s", "t"}, "": {"", ""}, `"open`: {"", "open"},
	} {
		if schema, name := SplitName(text); schema != want[0] || name != want[1] {
			t.Errorf("%s: %q, %q", text, schema, name)
		}
	}
}

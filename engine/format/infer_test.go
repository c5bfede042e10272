package format

import (
	"fmt"
	"strings"
	"testing"
)

func TestInferJSON(t *testing.T) {
	for _, tc := range []struct{ sample, want string }{
		{`{"a":1} {"a":2,"b":"x"}`, "a bigint, b text; 2 objects, bad -1"},
		{`{"a":1} {"a":1.5}`, "a double precision; 2 objects, bad -1"},
		{`{"a":1} {"a":99999999999999999999}`, "a numeric; 2 objects, bad -1"},
		{`{"a":99999999999999999999} {"a":1e3}`, "a double precision; 2 objects, bad -1"},
		{`{"a":null} {"a":true} {"a":null}`, "a boolean; 3 objects, bad -1"},
		{`{"a":null}`, "a text; 1 objects, bad -1"},
		{`{"a":true} {"a":1}`, "a text; 2 objects, bad -1"},
		{`{"a":"2024-01-31"} {"a":"2024-02-30"}`, "a text; 2 objects, bad -1"},
		{`{"a":"2024-01-31"} {"a":"2024-01-31T10:00:00Z"}`, "a text; 2 objects, bad -1"},
		{`{"a":[]} {"a":[[1]]}`, "a bigint[][]; 2 objects, bad -1"},
		{`{"a":{"b":1}} {"a":{"c":[{}]}}`, "a struct<b bigint, c map<text, text>[]>; 2 objects, bad -1"},
		{`{"a":{"b":1}} {"a":[1]}`, "a text; 2 objects, bad -1"},
		{`null 1 {} [1] nonsense {"a":1}x`, "; 1 objects, bad 1"},
		{strings.Repeat("[", 100000), "; 0 objects, bad 0"},
		{`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
			"a text" + strings.Repeat("[]", 63) + "; 1 objects, bad -1"},
	} {
		var sample [][]byte
		for _, v := range strings.Fields(tc.sample) {
			sample = append(sample, []byte(v))
		}
		if got := inferredText(append(sample, nil)); got != tc.want {
			t.Errorf("%.80s: got %s, want %s", tc.sample, got, tc.want)
		}
	}
}

func inferredText(sample [][]byte) string {
	fields, objects, bad := InferJSON(sample)
	var cols []string
	for _, f := range fields {
		cols = append(cols, f.Name+" "+f.Type.String())
	}
	return fmt.Sprintf("%s; %d objects, bad %d", strings.Join(cols, ", "), objects, bad)
}

func FuzzInferJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}]}`), []byte(`{"a":"2024-01-01"}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if x, y := inferredText([][]byte{a, b, b}), inferredText([][]byte{a, b, a, b}); strings.Split(x, ";")[0] != strings.Split(y, ";")[0] {
			t.Errorf("seen twice, the same values give %s and %s", x, y)
		}
	})
}

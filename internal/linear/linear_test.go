package linear

import (
	"strings"
	"testing"
)

// TestCheck gives histories, and what is wrong with each; nothing is with the first ones.
func TestCheck(t *testing.T) {
	ack := func(v int, begin, end int64) Append { return Append{v, begin, end, Acknowledged} }
	read := func(begin, end int64, values ...int) Read { return Read{begin, end, values} }
	for _, c := range []struct {
		h    History
		want string
	}{
		{History{}, ""},
		{History{[]Append{ack(1, 0, 1), ack(2, 2, 3)}, []Read{read(4, 5, 1, 2)}}, ""},
		{History{[]Append{ack(1, 0, 9), ack(2, 0, 9)}, []Read{read(1, 2), read(3, 4, 2), read(10, 11, 2, 1)}}, ""},
		{History{[]Append{{1, 0, 1, Unknown}, ack(2, 2, 3)}, []Read{read(4, 5, 2), read(6, 7, 2, 1)}}, ""},
		{History{[]Append{{1, 0, 1, Unknown}}, []Read{read(4, 5)}}, ""},
		{History{[]Append{ack(1, 0, 1)}, []Read{read(2, 3)}}, "does not have it"},
		{History{[]Append{ack(1, 0, 1)}, []Read{read(2, 3, 1, 1)}}, "twice"},
		{History{[]Append{ack(1, 0, 9)}, []Read{read(1, 2, 1), read(3, 4)}}, "one that had ended before has 1"},
		{History{[]Append{ack(1, 0, 1), ack(2, 2, 3)}, []Read{read(4, 5, 2, 1)}}, "comes before"},
		{History{[]Append{ack(1, 0, 1), ack(2, 0, 1)}, []Read{read(4, 5, 1), read(4, 5, 2, 1)}}, "no prefix"},
		{History{nil, []Read{read(1, 2, 7)}}, "never appended"},
		{History{[]Append{{1, 0, 1, Refused}}, []Read{read(2, 3, 1)}}, "refused"},
		{History{[]Append{ack(1, 5, 6)}, []Read{read(1, 2, 1)}}, "before it was appended"},
	} {
		wrong := c.h.Check()
		switch {
		case c.want == "" && len(wrong) > 0:
			t.Errorf("%+v: %v", c.h, wrong)
		case c.want != "" && (len(wrong) == 0 || !strings.Contains(wrong[0].Error()+wrong[len(wrong)-1].Error(), c.want)):
			t.Errorf("%+v: %v, want %q", c.h, wrong, c.want)
		}
	}
}

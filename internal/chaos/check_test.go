package chaos

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/leatdb/leat/internal/linear"
)

// good is what two producers, one of them of transactions, have sent and two consumers have read.
func good() *Records {
	r := &Records{Txns: map[int]Outcome{1: Done, 2: Refused, 3: Unknown}}
	send := func(p string, n int, part int32, offset int64, o Outcome, txn int) {
		s := Sent{Name{p, n}, "t", part, offset, o, txn}
		r.Sent = append(r.Sent, s)
		if o != Refused && txn != 2 && offset >= 0 {
			r.Final = append(r.Final, Seen{s.Name, "t", part, offset})
		}
	}
	for i := range 10 {
		send("a", i, int32(i%2), int64(i/2), Done, 0)
	}
	send("a", 10, 0, -1, Unknown, 0)
	send("a", 11, 0, -1, Refused, 0)
	for i := range 3 {
		send("b", i, 0, int64(6+i), Done, 1) // 5 is a control record
		send("b", 10+i, 0, int64(10+i), Done, 2)
		send("b", 20+i, 0, int64(15+i), Done, 3)
	}
	slices.SortFunc(r.Final, bySpot)
	r.Polls = []Poll{slices.Clone(r.Final[:8]), slices.Clone(r.Final[6:])}
	return r
}

// TestRecords checks histories of records with one thing wrong with each.
func TestRecords(t *testing.T) {
	if wrong := good().Check(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	drop := func(r *Records, n Name) {
		r.Final = slices.DeleteFunc(r.Final, func(s Seen) bool { return s.Name == n })
		r.Polls = nil
	}
	for want, harm := range map[string]func(r *Records){
		"is not there":           func(r *Records) { drop(r, Name{"a", 4}) },
		"is there twice":         func(r *Records) { r.Final = append(r.Final, Seen{Name{"a", 4}, "t", 0, 40}) },
		"is at {t 0 40}":         func(r *Records) { drop(r, Name{"a", 4}); r.Final = append(r.Final, Seen{Name{"a", 4}, "t", 0, 40}) },
		"comes after":            func(r *Records) { r.Final[2].Number, r.Final[4].Number = r.Final[4].Number, r.Final[2].Number },
		"nobody has sent":        func(r *Records) { r.Final = append(r.Final, Seen{Name{"c", 1}, "t", 0, 40}) },
		"was refused":            func(r *Records) { r.Final = append(r.Final, Seen{Name{"a", 11}, "t", 0, 40}) },
		"was committed, and 2":   func(r *Records) { drop(r, Name{"b", 1}) },
		"was aborted, and 1":     func(r *Records) { r.Final = append(r.Final, Seen{Name{"b", 11}, "t", 0, 11}) },
		"of transaction 3":       func(r *Records) { drop(r, Name{"b", 21}) },
		"where {a 6}":            func(r *Records) { r.Polls[0][3].Number = 3 },
		"read offset 3 of":       func(r *Records) { r.Polls[0] = append(r.Polls[0], r.Polls[0][3]) },
		"was not given":          func(r *Records) { r.Polls[0] = slices.Delete(r.Polls[0], 4, 5) },
		"was sent to t/0 and is": func(r *Records) { r.Final[4].Partition = 1; r.Final[4].Offset = 50 },
		"where { 0}":             func(r *Records) { r.Polls[1] = append(r.Polls[1], Seen{Name{"b", 11}, "t", 0, 90}) },
	} {
		r := good()
		harm(r)
		if text := join(r.Check()); !strings.Contains(text, want) {
			t.Errorf("%q is not found, but %q", want, text)
		}
	}
}

func join(errs []error) (text string) {
	for _, err := range errs {
		text += err.Error() + "\n"
	}
	return text
}

// TestChanges adds changes up that break off in the middle of a step, and some that are wrong.
func TestChanges(t *testing.T) {
	var c Changes
	take := func(op, key, row, token string) {
		t.Helper()
		if err := c.Take(op, key, row, token); err != nil {
			t.Fatal(err)
		}
	}
	take("insert", "a", "1", "t1")
	take("insert", "b", "1", "")
	take("update", "a", "2", "t2")
	take("insert", "c", "1", "") // the connection breaks
	if c.Again() != "t2" {
		t.Fatal(c.token)
	}
	take("insert", "c", "1", "")
	take("delete", "b", "", "t3")
	if err := c.Progress("t4"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "2", "c": "1"}
	if err := c.Compare(want); err != nil {
		t.Error(err)
	}
	for _, other := range []map[string]string{{"a": "2"}, {"a": "1", "c": "1"}, {"a": "2", "c": "1", "d": "1"}} {
		if c.Compare(other) == nil {
			t.Errorf("%v is the same as %v", other, want)
		}
	}
	for _, bad := range []change{{"insert", "a", "3"}, {"update", "d", "1"}, {"delete", "d", ""}} {
		c := Changes{rows: maps.Clone(want)}
		if c.Take(bad.op, bad.key, bad.row, "t5") == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// TestEnds checks what was said of the end of a log with three records, of which the second took from 20 to 30.
func TestEnds(t *testing.T) {
	h := &linear.History{Reads: []linear.Read{{Begin: 100, End: 110, Values: []int{1, 2, 3}}}}
	for i := range 3 {
		h.Appends = append(h.Appends, linear.Append{Value: i + 1, Begin: int64(20 * i), End: int64(20*i + 10),
			Outcome: linear.Acknowledged})
	}
	for _, c := range []struct {
		ends []End
		want string
	}{
		{[]End{{5, 8, 0}, {6, 8, 1}, {12, 21, 2}, {21, 22, 1}, {120, 130, 3}}, ""},
		{[]End{{12, 25, 2}, {26, 28, 1}}, "one that had ended before has 2"},
		{[]End{{32, 33, 1}}, "does not have it"},
		{[]End{{12, 18, 2}}, "before it was appended"},
		{[]End{{120, 130, 4}}, "there are 3 in the end"},
	} {
		text := join(CheckEnds(h, c.ends))
		if (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("%v: %q, not %q", c.ends, text, c.want)
		}
	}
}

package chaos

import "github.com/leatdb/leat/internal/linear"

// An End is an answer to how many records a partition has, of which none was ever taken away.
type End struct {
	Begin, End, Records int64
}

// CheckEnds checks answers as what they are: reads of so much of the log. The history has been found to be right.
func CheckEnds(h *linear.History, ends []End) []error {
	var wrong findings
	var longest []int
	for _, r := range h.Reads {
		if len(r.Values) > len(longest) {
			longest = r.Values
		}
	}
	with := linear.History{Appends: h.Appends, Reads: append([]linear.Read(nil), h.Reads...)}
	for _, e := range ends {
		if e.Records > int64(len(longest)) {
			wrong.add("somebody was told at %d of %d records, and there are %d in the end", e.End, e.Records, len(longest))
			continue
		}
		with.Reads = append(with.Reads, linear.Read{Begin: e.Begin, End: e.End, Values: longest[:e.Records]})
	}
	return append(wrong, with.Check()...)
}

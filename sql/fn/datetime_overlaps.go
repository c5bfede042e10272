package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// overlapDecls declares the function behind (a, b) OVERLAPS (c, d), where b and d are ends or lengths.
func overlapDecls() []Scalar {
	var fs []Scalar
	for _, t := range in(tz, ts, clockTime) {
		for _, first := range in(t, ivl) {
			for _, second := range in(t, ivl) {
				fs = append(fs, Scalar{Name: "overlaps", Args: in(t, first, t, second), Ret: types.Bool, Stable: t == tz,
					Kernel: rowwise(periodsOverlap)})
			}
		}
	}
	fs[0].Doc = Doc{Category: "date/time", Summary: "Tells whether two periods overlap (OVERLAPS): they are given by " +
		"their ends, or by one end and a length.", Examples: ex(
		"overlaps(time '08:00', time '10:00', time '09:00', interval '4 hours')", "t",
		"overlaps(time '08:00', time '10:00', time '10:00', time '12:00')", "f")}
	return fs
}

// period is one of the two, its start not after its end. openEnd tells that one of them is NULL: start is the other.
type period struct {
	start, end int64
	openEnd    bool
}

// periodAt reads arguments k and k+1; ok is false when nothing is known of the period.
func periodAt(r Row, k int) (p period, ok bool, err error) {
	second, _ := r.Col(k + 1)
	known := !r.IsNull(k + 1)
	var end int64
	switch length := second.Type.Kind == types.KindInterval; {
	case length && known && !r.IsNull(k):
		if end, err = plusLength(r, r.Int(k), r.Ivl(k+1), r.args[k].Type); err != nil {
			return p, false, err
		}
	case length:
		known = false
	case known:
		end = r.Int(k + 1)
	}
	switch start := r.IsNull(k); {
	case start && !known:
		return p, false, nil
	case start:
		return period{start: end, openEnd: true}, true, nil
	case !known:
		return period{start: r.Int(k), openEnd: true}, true, nil
	}
	return period{start: min(r.Int(k), end), end: max(r.Int(k), end)}, true, nil
}

// plusLength moves a time by the length of a period.
func plusLength(r Row, v int64, by types.Interval, t types.Type) (int64, error) {
	switch t.Kind {
	case types.KindTime:
		return timePlus(1)(v, by), nil
	case types.KindTimestamp:
		return timestampPlus(1)(v, by)
	}
	return zonedMove(v, by, r.Location())
}

func periodsOverlap(r Row, out *vec.Column) error {
	p, known, err := periodAt(r, 0)
	if err != nil {
		return err
	}
	q, alsoKnown, err := periodAt(r, 2)
	if err != nil {
		return err
	}
	if q.start < p.start {
		p, q = q, p
	}
	switch {
	case !known || !alsoKnown || p.openEnd, p.start == q.start && q.openEnd:
		out.AppendNull()
	case p.start == q.start || q.start < p.end:
		out.AppendBool(true)
	case q.openEnd:
		out.AppendNull()
	default:
		out.AppendBool(false)
	}
	return nil
}

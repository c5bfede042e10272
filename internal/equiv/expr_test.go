package equiv

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// kind is a type as the generator knows it. Values of mixed numerics have various scales, so that equal ones may look
// different; they are no keys of anything.
type kind int

const (
	kInt kind = iota
	kBigint
	kMixed
	kMoney
	kText
	kTime
	kBool
	kDouble
	kDate
	kinds
)

func (k kind) sql() string {
	return [...]string{"int", "bigint", "numeric", "numeric(10,2)", "text", "timestamp", "boolean", "double precision",
		"date"}[k]
}

// keyable reports whether equal values of the kind look the same.
func (k kind) keyable() bool { return k != kMixed }

// column is a column that an expression may name.
type column struct {
	name string
	kind kind
}

// draw is a source of random choices.
type draw struct{ *rand.Rand }

func pick[T any](d draw, list ...T) T { return list[d.IntN(len(list))] }

func (d draw) chance(percent int) bool { return d.IntN(100) < percent }

// literal returns a constant of a kind, NULL at times.
func (d draw) literal(k kind) string {
	if d.chance(12) {
		return "NULL::" + k.sql()
	}
	switch k {
	case kInt:
		return fmt.Sprint(d.IntN(12) - 3)
	case kBigint:
		return pick(d, fmt.Sprint(d.IntN(9)), fmt.Sprint(d.IntN(2000)-1000), "5000000000") + "::bigint"
	case kMixed:
		return pick(d, fmt.Sprintf("%d.%d", d.IntN(5), d.IntN(10)), fmt.Sprintf("-%d.%02d0", d.IntN(9), d.IntN(100)),
			"1", "1.00", "0.000", "123456789012345678901234567890.5") + "::numeric"
	case kMoney:
		return fmt.Sprintf("%d.%d::numeric(10,2)", d.IntN(6), 25*d.IntN(4))
	case kText:
		return pick(d, "''", "'a'", "'b'", "'A'", "'ab'", "'abc'", "'€'", "'日本'", "'it''s'", "'a b'",
			"'%'", "'NULL'", "' '") + "::text"
	case kTime:
		return fmt.Sprintf("'2024-0%d-%02d %02d:%02d:00'::timestamp", 1+d.IntN(3), 1+d.IntN(3), d.IntN(24), 15*d.IntN(4))
	case kBool:
		return pick(d, "true", "false")
	case kDouble:
		return pick(d, "0.5", "1.25", "-2", "3", "0", "1e6", "'NaN'", "'Infinity'", "'-Infinity'", "7.75",
			"2.5") + "::double precision"
	default:
		return fmt.Sprintf("'2024-0%d-1%d'::date", 1+d.IntN(3), d.IntN(3))
	}
}

// scope is what an expression may be made of.
type scope struct {
	draw
	cols []column
	ask  *asking // nil where no queries may stand
}

func (s scope) of(k kind) []column {
	var out []column
	for _, c := range s.cols {
		if c.kind == k {
			out = append(out, c)
		}
	}
	return out
}

// expr returns an expression of a kind that has a value, or NULL, for every row.
func (s scope) expr(k kind, depth int) string {
	cols := s.of(k)
	if len(cols) > 0 && (depth <= 0 || s.chance(45)) {
		return pick(s.draw, cols...).name
	}
	if depth <= 0 || s.chance(15) {
		return s.literal(k)
	}
	if s.chance(25) {
		return s.any(k, depth-1)
	}
	if s.chance(12) {
		if x, ok := s.value(k); ok {
			return x
		}
	}
	switch k {
	case kInt:
		return s.int(depth - 1)
	case kBigint:
		return s.bigint(depth - 1)
	case kMixed:
		return s.numeric(depth - 1)
	case kMoney:
		return "(" + s.expr(pick(s.draw, kMixed, kInt), 0) + " % 100000)::numeric(10,2)"
	case kText:
		return s.text(depth - 1)
	case kTime:
		return s.time(depth - 1)
	case kBool:
		return s.bool(depth - 1)
	case kDouble:
		return s.double(depth - 1)
	default:
		return pick(s.draw, "("+s.expr(kTime, depth-1)+")::date", "("+s.expr(kDate, depth-1)+" + 1)")
	}
}

// any is what there is for every kind.
func (s scope) any(k kind, depth int) string {
	x := func() string { return s.expr(k, depth) }
	switch s.IntN(5) {
	case 0:
		return "CASE WHEN " + s.expr(kBool, depth) + " THEN " + x() + " ELSE " + x() + " END"
	case 1:
		return "CASE WHEN " + s.expr(kBool, depth) + " THEN " + x() + " END"
	case 2:
		return "coalesce(" + x() + ", " + x() + ")"
	case 3:
		return "nullif(" + x() + ", " + x() + ")"
	default:
		other := pick(s.draw, kInt, kText)
		return "CASE " + s.expr(other, 0) + " WHEN " + s.literal(other) + " THEN " + x() +
			" WHEN " + s.expr(other, 0) + " THEN " + x() + " ELSE " + x() + " END"
	}
}

func (s scope) int(depth int) string {
	x := func() string { return s.expr(kInt, depth) }
	switch s.IntN(9) {
	case 0:
		return "(" + x() + pick(s.draw, " + ", " - ") + s.expr(kInt, 0) + ")"
	case 1:
		return "(" + x() + " % 100 * 3)"
	case 2:
		return "(" + x() + " / nullif(" + x() + ", 0))"
	case 3:
		return "(" + x() + " % nullif(" + x() + ", 0))"
	case 4:
		return "abs(" + x() + ")"
	case 5:
		return "length(" + s.expr(kText, depth) + ")"
	case 6:
		return "(" + s.expr(kBool, depth) + ")::int"
	case 7:
		return "(" + s.expr(kMoney, 0) + ")::int"
	default:
		return "-" + "(" + x() + ")"
	}
}

func (s scope) bigint(depth int) string {
	switch s.IntN(4) {
	case 0:
		return "(" + s.expr(kBigint, depth) + " + " + s.expr(kInt, depth) + ")"
	case 1:
		return "(" + s.expr(kInt, depth) + ")::bigint"
	case 2:
		return "(" + s.expr(kBigint, depth) + " % nullif(" + s.expr(kBigint, depth) + ", 0))"
	default:
		return "abs(" + s.expr(kBigint, depth) + ")"
	}
}

func (s scope) numeric(depth int) string {
	x := func() string { return s.expr(pick(s.draw, kMixed, kMoney, kInt), depth) }
	n := func() string { return "(" + x() + ")::numeric" }
	switch s.IntN(6) {
	case 0:
		return "(" + n() + pick(s.draw, " + ", " - ", " * ") + s.expr(kMoney, 0) + ")"
	case 1:
		return "(" + n() + " / nullif(" + n() + ", 0))"
	case 2:
		return fmt.Sprintf("round(%s, %d)", n(), s.IntN(4)-1)
	case 3:
		return pick(s.draw, "floor", "ceil", "abs") + "(" + n() + ")"
	case 4:
		return "(" + s.expr(pick(s.draw, kInt, kBigint, kMoney), depth) + ")::numeric"
	default:
		return "(" + n() + " % nullif(" + n() + ", 0))"
	}
}

func (s scope) text(depth int) string {
	x := func() string { return s.expr(kText, depth) }
	switch s.IntN(8) {
	case 0:
		return "(" + x() + " || " + s.expr(kText, 0) + ")"
	case 1:
		return pick(s.draw, "upper", "lower", "trim", "reverse") + "(" + x() + ")"
	case 2:
		return fmt.Sprintf("substring(%s, %d, %d)", x(), s.IntN(3), s.IntN(4))
	case 3:
		return "(" + s.expr(pick(s.draw, kInt, kBigint, kMoney, kTime, kBool, kDate, kMixed, kDouble), depth) + ")::text"
	case 4:
		return "replace(" + x() + ", 'a', 'x')"
	case 5:
		return "concat(" + x() + ", " + s.expr(pick(s.draw, kText, kInt, kBool), depth) + ")"
	case 6:
		return fmt.Sprintf("left(%s, %d)", x(), s.IntN(5)-2)
	default:
		return fmt.Sprintf("lpad(%s, %d, '.')", x(), s.IntN(6))
	}
}

func (s scope) time(depth int) string {
	x := s.expr(kTime, depth)
	switch s.IntN(3) {
	case 0:
		return "(" + x + pick(s.draw, " + ", " - ") + "interval " +
			pick(s.draw, "'1 hour'", "'1 day'", "'1' month", "'90 minutes'", "'1:30' hour to minute") + ")"
	case 1:
		return "date_trunc('" + pick(s.draw, "hour", "day", "month", "week") + "', " + x + ")"
	default:
		return "(" + s.expr(kDate, depth) + ")::timestamp"
	}
}

func (s scope) double(depth int) string {
	x := func() string { return s.expr(kDouble, depth) }
	switch s.IntN(4) {
	case 0:
		return "(" + s.expr(kInt, depth) + ")::double precision"
	case 1:
		return "abs(" + x() + ")"
	case 2:
		return "(" + x() + pick(s.draw, " + ", " - ") + s.expr(kInt, 0) + ")"
	default:
		return "(" + pick(s.draw, "floor", "ceil") + "(" + x() + ") + 0)" // no -0, which equals 0 and looks different
	}
}

func (s scope) bool(depth int) string {
	k := pick(s.draw, kInt, kInt, kBigint, kMixed, kMoney, kText, kText, kTime, kDouble, kDate)
	x := func() string { return s.expr(k, depth) }
	b := func() string { return s.expr(kBool, depth) }
	if s.chance(20) {
		if x, ok := s.asks(); ok {
			return x
		}
	}
	switch s.IntN(10) {
	case 0:
		return "(" + b() + " AND " + b() + ")"
	case 1:
		return "(" + b() + " OR " + b() + ")"
	case 2:
		return "(NOT " + b() + ")"
	case 3:
		return "(" + x() + " IS " + pick(s.draw, "", "NOT ") + "NULL)"
	case 4:
		return "(" + x() + pick(s.draw, "", " NOT") + " IN (" + s.literal(k) + ", " + s.literal(k) + "))"
	case 5:
		return "(" + x() + " BETWEEN " + s.literal(k) + " AND " + s.literal(k) + ")"
	case 6:
		return "(" + s.expr(kText, depth) + pick(s.draw, " LIKE ", " NOT LIKE ", " ILIKE ") +
			pick(s.draw, "'a%'", "'%b'", "'_'", "'%'", "''") + ")"
	case 7:
		return "(" + x() + " IS" + pick(s.draw, "", " NOT") + " DISTINCT FROM " + x() + ")"
	default:
		return "(" + x() + pick(s.draw, " = ", " <> ", " < ", " <= ", " > ", " >= ") + x() + ")"
	}
}

func join(list []string, sep string) string { return strings.Join(list, sep) }

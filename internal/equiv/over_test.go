package equiv

import (
	"fmt"
	"strings"
)

// What depends on an order is drawn so that the order leaves no choice: rows that it does not tell apart are the same,
// or count the same.

// total orders by every column, of mixed numerics by the look too.
func (s scope) total() string {
	var by []string
	for _, c := range s.cols {
		by = append(by, c.name+pick(s.draw, "", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"))
		if !c.kind.keyable() {
			by = append(by, c.name+"::text")
		}
	}
	s.Shuffle(len(by), func(i, j int) { by[i], by[j] = by[j], by[i] })
	return join(by, ", ")
}

// keyed draws an expression by which rows can be put together.
func (s scope) keyed(depth int) (string, kind) {
	k := pick(s.draw, kInt, kText, kInt, kText, kBigint, kMoney, kTime, kBool, kDate)
	return "(" + s.expr(k, depth) + ")::" + k.sql(), k
}

// over draws window functions.
func (q *queries) over(depth int) query {
	from, s := q.source(depth)
	var out query
	var items []string
	add := func(x string, k kind) {
		c := column{fmt.Sprintf("c%d", len(items)), k}
		items, out.cols = append(items, x+" AS "+c.name), append(out.cols, c)
	}
	for range 1 + q.IntN(2) {
		k := kind(q.IntN(int(kinds)))
		add(s.expr(k, 1), k)
	}
	part := ""
	if q.chance(70) {
		x, _ := s.keyed(q.IntN(2))
		part = "PARTITION BY " + x + " "
	}
	// One window tells rows apart that are the same: of two, PostgreSQL chooses how their values go together.
	one := part + "ORDER BY " + s.total()
	for range 1 + q.IntN(3) {
		if q.chance(15) {
			part = ""
		}
		add(s.windowCall(part, one))
	}
	out.sql = "SELECT " + join(items, ", ") + " FROM " + from + q.where(s, 30)
	return out
}

// windowCall draws one window function, over a partition where peers count the same and else over the window one.
func (s scope) windowCall(part, one string) (string, kind) {
	switch s.IntN(5) {
	case 0: // counts peers, whatever the order
		x, _ := s.keyed(1)
		name := pick(s.draw, "rank()", "dense_rank()", "percent_rank()", "cume_dist()")
		call := name + " OVER (" + part + "ORDER BY " + x + pick(s.draw, "", " DESC") + ")"
		if name[0] == 'p' || name[0] == 'c' { // their sums depend on the order
			return "(" + call + ")::text", kText
		}
		return call, kBigint
	case 1:
		k := kind(s.IntN(int(kinds)))
		x := s.expr(k, 1)
		call := pick(s.draw, "lag("+x+")", "lead("+x+")", fmt.Sprintf("lag(%s, %d)", x, s.IntN(4)),
			fmt.Sprintf("lead(%s, %d)", x, s.IntN(4)))
		return call + " OVER (" + one + ")", k
	case 2:
		if s.chance(50) {
			call := pick(s.draw, "row_number()", "row_number()", "ntile(3)")
			k := kBigint
			if call[0] == 'n' {
				k = kInt
			}
			return call + " OVER (" + one + ")", k
		}
		k := kind(s.IntN(int(kinds)))
		x := s.expr(k, 1)
		call := pick(s.draw, "first_value("+x+")", "last_value("+x+")", "nth_value("+x+", 2)")
		// PostgreSQL 15 takes the current row to be in every frame when it leaves out its ties.
		frame := strings.TrimSuffix(s.frame("ROWS", 0), " EXCLUDE TIES")
		return call + " OVER (" + one + " " + frame + ")", k
	case 3:
		call, k := s.windowAggregate()
		return "(" + call + " OVER (" + one + " " + s.frame("ROWS", 0) + "))::" + k.sql(), k
	default:
		call, k := s.windowAggregate()
		by, order := s.rangeKey()
		spec := part + "ORDER BY " + order + " " + s.frame(pick(s.draw, "RANGE", "RANGE", "GROUPS"), by)
		if s.chance(20) {
			spec = part
		}
		return "(" + call + " OVER (" + spec + "))::" + k.sql(), k
	}
}

// rangeKey draws what a frame of distances is measured in.
func (s scope) rangeKey() (kind, string) {
	k := pick(s.draw, kInt, kBigint, kMixed, kMoney, kTime, kDouble, kDate)
	x := s.expr(k, 0)
	if cols := s.of(k); len(cols) > 0 {
		x = pick(s.draw, cols...).name
	}
	return k, "(" + x + ")::" + k.sql() + pick(s.draw, "", " DESC", " NULLS FIRST", " DESC NULLS LAST")
}

// frame draws a frame; its distances in RANGE are for values of a kind.
func (s scope) frame(unit string, k kind) string {
	at := func() string {
		n := s.IntN(4)
		switch {
		case unit != "RANGE" || k == kInt || k == kBigint:
			return fmt.Sprint(n)
		case k == kTime || k == kDate:
			return pick(s.draw, "'1 day'", "'90 minutes'", "'1 month'", "'1 day 6 hours'", "'0 days'") + "::interval"
		default:
			return fmt.Sprintf("%d.5", n)
		}
	}
	ends := []string{"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"}
	lo := s.IntN(4)
	hi := max(lo, 1) + s.IntN(5-max(lo, 1))
	end := func(i int) string {
		if i == 1 || i == 3 {
			return at() + " " + ends[i]
		}
		return ends[i]
	}
	exclude := pick(s.draw, "", "", "", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES", " EXCLUDE NO OTHERS")
	return unit + " BETWEEN " + end(lo) + " AND " + end(hi) + exclude
}

// windowAggregate draws an aggregate that can stand before OVER.
func (s scope) windowAggregate() (string, kind) {
	call, k := "count(*)", kBigint
	switch s.IntN(6) {
	case 0:
		call = "count(" + s.expr(kind(s.IntN(int(kinds))), 1) + ")"
	case 1:
		call = "sum(" + s.expr(kInt, 1) + ")"
	case 2:
		call, k = "sum("+s.expr(pick(s.draw, kMixed, kMoney, kBigint), 1)+")", kMixed
	case 3:
		call, k = "avg("+s.expr(pick(s.draw, kInt, kMoney, kMixed), 1)+")", kMixed
	case 4:
		k = pick(s.draw, kInt, kText, kMoney, kTime, kDouble, kDate)
		call = pick(s.draw, "min", "max") + "(" + s.expr(k, 1) + ")"
	}
	if s.chance(25) {
		call += " FILTER (WHERE " + s.bool(1) + ")"
	}
	return call, k
}

// first draws the first rows of groups, or of all with those that are equal to the last.
func (q *queries) first(depth int) query {
	from, s := q.source(depth)
	var out query
	var items, names []string
	for i := range 1 + q.IntN(3) {
		k := kind(q.IntN(int(kinds)))
		c := column{fmt.Sprintf("c%d", i), k}
		items, names = append(items, s.expr(k, 1)+" AS "+c.name), append(names, c.name)
		out.cols = append(out.cols, c)
	}
	key, _ := s.keyed(1)
	list, where := join(items, ", "), q.where(s, 30)
	switch q.IntN(4) {
	case 0:
		out.sql = "SELECT * FROM (SELECT DISTINCT ON (" + key + ") " + list + " FROM " + from + where + " ORDER BY " + key +
			", " + s.total() + ") d"
	case 1:
		x, _ := s.keyed(1)
		out.sql = "SELECT " + list + " FROM " + from + where + " ORDER BY " + x + pick(q.draw, "", " DESC") +
			fmt.Sprintf(" FETCH FIRST %d ROWS WITH TIES", q.IntN(5))
	default:
		call, by := "row_number()", s.total()
		if q.chance(40) {
			call = pick(q.draw, "rank()", "dense_rank()")
			by, _ = s.keyed(1)
		}
		if q.chance(40) {
			names = append(names, "n")
			out.cols = append(out.cols, column{"n", kBigint})
		}
		out.sql = "SELECT " + join(names, ", ") + " FROM (SELECT " + list + ", " + call + " OVER (PARTITION BY " + key +
			" ORDER BY " + by + ") AS n FROM " + from + where + ") d WHERE n" +
			pick(q.draw, " <= ", " < ", " = ", " <= ") + fmt.Sprint(1+q.IntN(3))
		if q.chance(20) {
			out.sql += " AND n > 1"
		}
	}
	return out
}

// setOp draws INTERSECT, EXCEPT and UNION of two to three queries.
func (q *queries) setOp(depth int) query {
	var out query
	for i := range 1 + q.IntN(2) {
		k := pick(q.draw, kInt, kText, kBool, kInt, kBigint, kMoney, kDate)
		out.cols = append(out.cols, column{fmt.Sprintf("c%d", i), k})
	}
	for n := range 2 + q.IntN(2) {
		from, s := q.source(depth)
		var items []string
		for _, c := range out.cols {
			items = append(items, "("+s.expr(c.kind, 0)+")::"+c.kind.sql()+" AS "+c.name)
		}
		if n > 0 {
			out.sql += pick(q.draw, " INTERSECT ", " EXCEPT ", " UNION ") + pick(q.draw, "", "ALL ")
		}
		out.sql += "SELECT " + join(items, ", ") + " FROM " + from + q.where(s, 40)
	}
	return out
}

// orderedAggregate draws an aggregate to which the order of its rows matters, as text.
func (q *queries) orderedAggregate(s scope) (string, kind) {
	k := pick(q.draw, kInt, kText, kMoney, kTime, kBigint, kDate, kBool)
	x := s.expr(k, q.IntN(2))
	desc := pick(q.draw, "", " DESC", " NULLS FIRST", " DESC NULLS LAST")
	call := ""
	switch q.IntN(6) {
	case 0:
		call = "array_agg(" + x + " ORDER BY " + x + desc + ")"
	case 1:
		call = "array_agg(DISTINCT " + x + pick(q.draw, "", " ORDER BY "+x+desc) + ")"
	case 2:
		t := s.expr(kText, 1)
		call = "string_agg(" + t + ", ',' ORDER BY " + x + desc + ", " + t + ")"
	case 3:
		t := s.expr(kText, 0)
		call = "string_agg(DISTINCT " + t + ", ', '" + pick(q.draw, "", " ORDER BY "+t+desc) + ")"
	case 4:
		call = pick(q.draw, "mode()", "percentile_disc(0.4)") + " WITHIN GROUP (ORDER BY " + x + desc + ")"
	default:
		call = "percentile_cont(0.25) WITHIN GROUP (ORDER BY (" + s.expr(kInt, 1) + ")::double precision" +
			pick(q.draw, "", " DESC") + ")"
	}
	if q.chance(20) {
		call += " FILTER (WHERE " + s.bool(1) + ")"
	}
	return "(" + call + ")::text", kText
}

// groupBy draws the clause of keys, as a list or as sets.
func (q *queries) groupBy(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	list := join(keys, ", ")
	set := q.IntN(12)
	if len(keys) > 1 && !areColumns(keys) {
		set = 12 // expressions that come to the same are one key here, and may be two in PostgreSQL
	}
	switch set {
	case 0:
		return " GROUP BY ROLLUP (" + list + ")"
	case 1:
		return " GROUP BY CUBE (" + list + ")"
	case 2:
		return " GROUP BY GROUPING SETS ((" + list + "), " + pick(q.draw, keys...) + ", ())"
	case 3:
		return " GROUP BY " + keys[0] + ", GROUPING SETS ((" + list + "), ())"
	default:
		return " GROUP BY " + list
	}
}

// areColumns tells whether expressions are columns, cast to their own type at most.
func areColumns(xs []string) bool {
	for _, x := range xs {
		name, _, _ := strings.Cut(strings.TrimPrefix(x, "("), ")::")
		if len(name) < 2 || name[1] != '.' || strings.ContainsAny(name, " ('") {
			return false
		}
	}
	return true
}

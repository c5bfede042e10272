package equiv

import "fmt"

// asking lets expressions hold queries over relations, so deep.
type asking struct {
	*queries
	depth int
	n     *int // how many names of inner relations there are
}

// inner draws a relation, under a name of its own, and the scope of a query over it, which sees s too.
func (s scope) inner() (from, alias string, cols []column, in scope) {
	*s.ask.n++
	alias = fmt.Sprintf("s%d", *s.ask.n)
	r := pick(s.draw, s.ask.rels...)
	cols = qualified(alias, r.cols)
	in = scope{draw: s.draw, cols: append(append([]column(nil), cols...), s.cols...)}
	if s.ask.depth > 1 {
		in.ask = &asking{s.ask.queries, s.ask.depth - 1, s.ask.n}
	}
	return r.ref() + " " + alias, alias, cols, in
}

// related draws a condition of an inner query: mostly that a column of it equals one of those around it.
func (s scope) related(cols []column, in scope) string {
	mine := scope{draw: s.draw, cols: cols}
	var conds []string
	for range s.IntN(3) {
		k := pick(s.draw, kInt, kInt, kText, kBigint, kMoney, kTime, kDate, kBool)
		if a, b := mine.of(k), s.of(k); len(a) > 0 && len(b) > 0 {
			op := pick(s.draw, " = ", " = ", " = ", " = ", " >= ", " <> ", " IS NOT DISTINCT FROM ")
			conds = append(conds, pick(s.draw, a...).name+op+pick(s.draw, b...).name)
		}
	}
	if s.chance(25) {
		conds = append(conds, in.bool(1))
	}
	if s.chance(15) {
		conds = append(conds, mine.bool(1))
	}
	if len(conds) == 0 {
		return ""
	}
	return " WHERE " + join(conds, " AND ")
}

// value draws a scalar subquery of a kind, and tells whether there is one.
func (s scope) value(k kind) (string, bool) {
	if s.ask == nil || !k.keyable() {
		return "", false
	}
	from, alias, cols, in := s.inner()
	where := s.related(cols, in)
	mine := scope{draw: s.draw, cols: cols}
	x, any := mine.expr(k, 1), mine.expr(k, 1)
	if s.chance(30) { // an aggregate of what is around only would be one of the query around
		any = in.expr(k, 1)
	}
	switch n := s.IntN(10); {
	case n < 2 && k == kBigint:
		return "(SELECT count(*)" + pick(s.draw, "", " + 1") + " FROM " + from + where + ")", true
	case n < 2 && k == kText:
		item := pick(s.draw, kInt, kBigint, kMoney)
		return "(ARRAY(SELECT " + pick(s.draw, "", "DISTINCT ") + mine.expr(item, 0) + " AS o FROM " + from + where +
			" ORDER BY o))::text", true
	case n < 5:
		return fmt.Sprintf("(SELECT %s AS o FROM %s%s ORDER BY o%s LIMIT 1%s)", any, from, where,
			pick(s.draw, "", " DESC", " NULLS FIRST"), pick(s.draw, "", "", " OFFSET 1")), true
	case n < 6:
		return "(SELECT " + s.expr(k, 1) + pick(s.draw, "", " WHERE "+s.bool(1)) + ")", true
	case k == kBool:
		return "(SELECT " + pick(s.draw, "bool_or", "bool_and") + "(" + x + ") FROM " + from + where + ")", true
	case n < 7:
		return "(SELECT max(o) FROM (SELECT " + any + " AS o FROM " + from + where + pick(s.draw, " UNION ALL ", " UNION ",
			" EXCEPT ", " INTERSECT ") + "SELECT " + s.expr(k, 0) + ") " + alias + "u)", true
	case n < 8:
		return "(SELECT " + pick(s.draw, "min", "max") + "(" + x + ") FROM " + from + where + " HAVING count(*) " +
			pick(s.draw, "> 1", "< 2", "= 0") + ")", true
	default:
		return "(SELECT " + pick(s.draw, "min", "max") + "(" + x + ") FROM " + from + where + ")", true
	}
}

// asks draws a condition that a query decides.
func (s scope) asks() (string, bool) {
	if s.ask == nil {
		return "", false
	}
	from, _, cols, in := s.inner()
	where := s.related(cols, in)
	mine := scope{draw: s.draw, cols: cols}
	k := pick(s.draw, kInt, kInt, kText, kBigint, kMoney, kTime, kDate)
	x, y := s.expr(k, 1), mine.expr(k, pick(s.draw, 0, 0, 1))
	query := pick(s.draw, "SELECT ", "SELECT ", "SELECT DISTINCT ") + y + " FROM " + from + where
	switch s.IntN(8) {
	case 0, 1:
		return pick(s.draw, "", "NOT ") + "EXISTS (SELECT 1 FROM " + from + where + ")", true
	case 2, 3:
		return "(" + x + pick(s.draw, " IN (", " NOT IN (") + query + "))", true
	case 4:
		k2 := pick(s.draw, kInt, kText)
		return fmt.Sprintf("((%s, %s)%s IN (SELECT %s, %s FROM %s))", x, s.expr(k2, 0), pick(s.draw, "", " NOT"), y,
			mine.expr(k2, 0), from+where), true
	case 5:
		return "EXISTS (SELECT count(*) FROM " + from + where + pick(s.draw, "", " HAVING count(*) > 1", " GROUP BY "+
			pick(s.draw, cols...).name) + ")", true
	default:
		return "(" + x + pick(s.draw, " = ", " <> ", " < ", " >= ") + pick(s.draw, "ANY (", "ALL (") + query + "))", true
	}
}

// lateral draws an item of FROM that sees s, as alias, with its columns.
func (q *queries) lateral(s scope, alias string) (string, []column) {
	from, _, cols, in := s.inner()
	where := s.related(cols, in)
	mine := scope{draw: q.draw, cols: cols}
	k := pick(q.draw, kInt, kText, kBigint, kMoney)
	out := []column{{"l0", k}, {"l1", kBigint}}
	sql := ""
	switch q.IntN(5) {
	case 0:
		sql = "SELECT " + mine.expr(k, 1) + " AS l0, " + in.expr(kBigint, 1) + " AS l1 FROM " + from + where
	case 1:
		sql = "SELECT " + pick(q.draw, "min", "max") + "(" + mine.expr(k, 1) + ") AS l0, count(*) AS l1 FROM " + from + where
	case 2:
		sql = "SELECT (" + mine.expr(k, 0) + ")::" + k.sql() + " AS l0, count(*) AS l1 FROM " + from + where + " GROUP BY 1"
	case 3:
		sql = fmt.Sprintf("SELECT %s AS l0, %s AS l1 FROM %s%s ORDER BY l0, l1%s LIMIT %d", mine.expr(k, 1),
			mine.expr(kBigint, 1), from, where, pick(q.draw, "", " DESC"), 1+q.IntN(3))
	default:
		sql = "SELECT DISTINCT " + mine.expr(k, 1) + " AS l0, " + s.expr(kBigint, 0) + " AS l1 FROM " + from + where
	}
	return "LATERAL (" + sql + ") " + alias, qualified(alias, out)
}

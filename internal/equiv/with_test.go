package equiv

// with draws a query that reads one WITH query once or twice.
func (q *queries) with(depth int) query {
	w := q.query(depth-1, false)
	cols := w.cols
	one, two := qualified("a", cols), qualified("b", cols)
	s := scope{draw: q.draw, cols: one}
	from := "w a"
	if q.chance(70) {
		if on, ok := q.equalities(s, scope{draw: q.draw, cols: two}); ok {
			from += pick(q.draw, " JOIN ", " JOIN ", " LEFT JOIN ", " FULL JOIN ") + "w b ON " + on
			s.cols = append(append([]column(nil), one...), two...)
		}
	}
	var out query
	if q.chance(50) {
		x, k := q.aggregate(s)
		out = query{sql: x + " AS c0, count(*) AS c1", cols: []column{{"c0", k}, {"c1", kBigint}}}
	} else {
		k := kind(q.IntN(int(kinds)))
		out = query{sql: s.expr(k, 1) + " AS c0", cols: []column{{"c0", k}}}
	}
	out.sql = "WITH w AS (" + w.sql + ") SELECT " + out.sql + " FROM " + from + q.where(s, 40)
	return out
}

// recursive draws a query that follows rows from one to the next until nothing new comes.
func (q *queries) recursive() query {
	r, f := pick(q.draw, q.rels...), pick(q.draw, q.rels...)
	from, step := scope{draw: q.draw, cols: qualified("f", f.cols)}, scope{draw: q.draw, cols: qualified("a", r.cols)}
	k := pick(q.draw, kInt, kInt, kText)
	base := "SELECT (" + from.expr(k, 0) + ")::" + k.sql() + " AS c0, 0 AS c1 FROM " + f.ref() + " f" + q.where(from, 30)
	on := "w.c0 = " + step.expr(k, 0)
	if q.chance(30) {
		on += " AND " + step.bool(1)
	}
	op, rounds := " UNION ", pick(q.draw, "2", "3")
	if q.chance(30) { // rows multiply
		op, rounds = " UNION ALL ", "1"
	}
	next := "SELECT (" + step.expr(k, 1) + ")::" + k.sql() + ", w.c1 + 1 FROM w JOIN " + r.ref() + " a ON " + on +
		" WHERE w.c1 < " + rounds
	out := query{sql: "WITH RECURSIVE w AS (" + base + op + next + ") SELECT ",
		cols: []column{{"c0", k}, {"c1", kBigint}}}
	if q.chance(50) {
		out.sql += "c0, count(*) AS c1 FROM w GROUP BY c0"
	} else {
		out.sql += "DISTINCT c0, c1::bigint AS c1 FROM w"
	}
	return out
}

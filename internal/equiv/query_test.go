package equiv

import (
	"fmt"
)

// relation is a stream, a table or a view.
type relation struct {
	name  string
	what  string // STREAM, TABLE, VIEW
	cols  []column
	key   []string
	query string // what maintains it; empty for a base relation
	// keyed says that the first column is the key of a stream.
	keyed bool
	// replaces says that INSERT replaces rows: a table over a topic.
	replaces bool
	// spread says that the partitions of a stream's topic are in shards of their own.
	spread bool
}

// ref is the relation in a query. A view stands in braces, for its name or its own query.
func (r *relation) ref() string {
	if r.query != "" {
		return "{" + r.name + "}"
	}
	return r.name
}

// query is a SELECT and the columns it gives.
type query struct {
	sql  string
	cols []column
	// leat says that PostgreSQL does not know what the query says.
	leat bool
}

// queries draws queries over relations.
type queries struct {
	draw
	rels []*relation
}

// from draws one relation, or a query in its place, as alias.
func (q *queries) from(alias string, depth int) (sql string, cols []column) {
	if depth > 0 && q.chance(12) {
		in := q.query(depth-1, false)
		return "(" + in.sql + ") " + alias, qualified(alias, in.cols)
	}
	if q.chance(15) {
		if sql, cols, ok := q.windowTable(alias); ok {
			return sql, cols
		}
	}
	r := pick(q.draw, q.rels...)
	return r.ref() + " " + alias, qualified(alias, r.cols)
}

func qualified(alias string, cols []column) []column {
	var out []column
	for _, c := range cols {
		out = append(out, column{alias + "." + c.name, c.kind})
	}
	return out
}

// scope is one in which queries may stand, at times.
func (q *queries) scope(cols []column) scope {
	s := scope{draw: q.draw, cols: cols}
	if q.chance(50) {
		s.ask = &asking{q, 1 + q.IntN(2), new(int)}
	}
	return s
}

// source draws a FROM clause: one relation or a join.
func (q *queries) source(depth int) (sql string, s scope) {
	sql, cols := q.from("a", depth)
	s = q.scope(cols)
	if q.chance(55) {
		return sql, s
	}
	if s.ask != nil && q.chance(25) {
		item, lcols := q.lateral(s, "l")
		left := s
		s.cols = append(append([]column(nil), cols...), lcols...)
		if q.chance(60) {
			return sql + pick(q.draw, ", ", " CROSS JOIN ") + item, s
		}
		on := scope{draw: q.draw, cols: s.cols}
		_ = left
		return sql + " LEFT JOIN " + item + " ON " + pick(q.draw, "true", "true", on.bool(1)), s
	}
	right, rcols := q.from("b", depth)
	on, ok := q.equalities(s, scope{draw: q.draw, cols: rcols})
	if !ok {
		return sql, s
	}
	kind := pick(q.draw, " JOIN ", " JOIN ", " INNER JOIN ", " LEFT JOIN ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ",
		" FULL JOIN ")
	both := append(append([]column(nil), cols...), rcols...)
	switch {
	case q.chance(15): // a condition on the optional side
		on += " AND " + scope{draw: q.draw, cols: rcols}.bool(1)
	case q.chance(15):
		on += " AND " + scope{draw: q.draw, cols: both}.bool(1)
	case q.chance(10) && kind != " FULL JOIN ":
		on = scope{draw: q.draw, cols: both, ask: s.ask}.bool(1)
	}
	if q.chance(8) { // the third relation is what joins the others
		third, tcols := q.from("c", 0)
		last := scope{draw: q.draw, cols: tcols}
		onA, okA := q.equalities(s, last)
		onB, okB := q.equalities(scope{draw: q.draw, cols: rcols}, last)
		if okA && okB {
			s.cols = append(both, tcols...)
			return sql + " CROSS JOIN " + right + " JOIN " + third + " ON " + onA + " AND " + onB, s
		}
	}
	sql += kind + right + " ON " + on
	s.cols = both
	if q.chance(15) {
		third, tcols := q.from("c", 0)
		if on, ok := q.equalities(s, scope{draw: q.draw, cols: tcols}); ok {
			sql += pick(q.draw, " JOIN ", " LEFT JOIN ", " RIGHT JOIN ") + third + " ON " + on
			s.cols = append(s.cols, tcols...)
		}
	}
	return sql, s
}

// equalities draws the condition of a join: one or two equal columns or expressions.
func (q *queries) equalities(l, r scope) (string, bool) {
	var conds []string
	for range 1 + q.IntN(2) {
		k := pick(q.draw, kInt, kInt, kText, kText, kBigint, kMoney, kTime, kDate, kBool)
		lcols, rcols := l.of(k), r.of(k)
		if k == kInt && q.chance(20) {
			rcols = append(r.of(kBigint), r.of(kMixed)...)
		}
		if len(lcols) == 0 || len(rcols) == 0 {
			continue
		}
		a, b := pick(q.draw, lcols...).name, pick(q.draw, rcols...).name
		if q.chance(10) {
			a = l.expr(k, 1)
		}
		if q.chance(20) {
			a, b = b, a
		}
		conds = append(conds, a+" = "+b)
	}
	if len(conds) > 1 && q.chance(50) {
		conds = conds[:1]
	}
	return join(conds, " AND "), len(conds) > 0 && namesBoth(conds[0])
}

// namesBoth reports whether an equality names columns of two relations.
func namesBoth(cond string) bool {
	aliases := map[byte]bool{}
	for i := 0; i+1 < len(cond); i++ {
		if cond[i+1] == '.' && (i == 0 || cond[i-1] == ' ' || cond[i-1] == '(') && cond[i] >= 'a' && cond[i] <= 'c' {
			aliases[cond[i]] = true
		}
	}
	return len(aliases) > 1
}

// query draws a query. Where limited is set it may be a top-N.
func (q *queries) query(depth int, limited bool) query {
	switch n := q.IntN(100); {
	case n < 18:
		return q.plain(depth, false)
	case n < 50:
		return q.group(depth)
	case n < 55:
		return q.plain(depth, true)
	case n < 60:
		return q.union(depth)
	case n < 67:
		return q.setOp(depth)
	case n < 83:
		return q.over(depth)
	case n < 91:
		return q.first(depth)
	case n < 93:
		return q.recursive()
	case n < 96 && depth > 0:
		return q.with(depth)
	case limited:
		return q.top(depth)
	default:
		return q.plain(depth, false)
	}
}

func (q *queries) where(s scope, percent int) string {
	if !q.chance(percent) {
		return ""
	}
	return " WHERE " + s.bool(2)
}

// plain draws a filter and a projection, with DISTINCT if asked.
func (q *queries) plain(depth int, distinct bool) query {
	from, s := q.source(depth)
	var out query
	var items []string
	for i := range 1 + q.IntN(4) {
		k := kind(q.IntN(int(kinds)))
		if distinct && !k.keyable() {
			k = kText
		}
		c := column{fmt.Sprintf("c%d", i), k}
		items = append(items, s.expr(k, 2)+" AS "+c.name)
		out.cols = append(out.cols, c)
	}
	word := "SELECT "
	if distinct {
		word = "SELECT DISTINCT "
	}
	out.sql = word + join(items, ", ") + " FROM " + from + q.where(s, 50)
	return out
}

// group draws an aggregation.
func (q *queries) group(depth int) query {
	from, s := q.source(depth)
	var out query
	var items, keys []string
	for range q.IntN(3) {
		k := pick(q.draw, kInt, kText, kInt, kText, kBigint, kMoney, kTime, kBool, kDate, kDouble)
		x := s.expr(k, pick(q.draw, 0, 0, 1, 2))
		if q.chance(50) || len(x) < 2 || x[1] != '.' { // a bare number would be a position
			x = "(" + x + ")::" + k.sql()
		}
		c := column{fmt.Sprintf("c%d", len(items)), k}
		if q.chance(90) {
			items = append(items, x+" AS "+c.name)
			out.cols = append(out.cols, c)
		}
		keys = append(keys, x)
	}
	for range 1 + q.IntN(3) {
		x, k := q.aggregate(s)
		if q.chance(20) {
			x, k = q.orderedAggregate(s)
		} else if q.chance(10) {
			x, k = "rank() OVER (ORDER BY "+x+")", kBigint
		}
		c := column{fmt.Sprintf("c%d", len(items)), k}
		items = append(items, x+" AS "+c.name)
		out.cols = append(out.cols, c)
	}
	out.sql = "SELECT " + join(items, ", ") + " FROM " + from + q.where(s, 30)
	out.sql += q.groupBy(keys)
	if q.chance(25) {
		x, k := q.aggregate(s)
		out.sql += " HAVING " + x + pick(q.draw, " > ", " <= ", " <> ") + q.literal(k)
	}
	return out
}

// aggregate draws a call of an aggregate function, and its kind.
func (q *queries) aggregate(s scope) (string, kind) {
	call, k := "count(*)", kBigint
	text := false
	distinct := pick(q.draw, "", "", "", "DISTINCT ")
	arg := func(kinds ...kind) kind {
		k := pick(q.draw, kinds...)
		depth := q.IntN(3)
		if k == kDouble {
			depth = 0 // sums of other doubles depend on the order
		}
		if distinct != "" && !k.keyable() {
			k = kMoney
		}
		call = distinct + s.expr(k, depth)
		return k
	}
	switch q.IntN(6) {
	case 0:
	case 1:
		k := arg(kInt, kText, kMoney, kBool, kTime, kDouble, kBigint, kDate)
		_ = k
		call = "count(" + call + ")"
	case 2:
		switch arg(kInt, kInt, kBigint, kMixed, kMoney, kDouble) {
		case kInt:
			k = kBigint
		case kDouble:
			k = kDouble
		default:
			k = kMixed
		}
		call = "sum(" + call + ")"
	case 3:
		if arg(kInt, kBigint, kMixed, kMoney, kDouble) == kDouble {
			k, text = kText, true // not a sum of few bits any more
		} else {
			k = kMixed
		}
		call = "avg(" + call + ")"
	default:
		k = arg(kInt, kText, kMoney, kTime, kDouble, kBigint, kDate)
		call = pick(q.draw, "min", "max") + "(" + call + ")"
	}
	if q.chance(20) {
		call += " FILTER (WHERE " + s.bool(1) + ")"
	}
	if text {
		call = "(" + call + ")::text"
	}
	return call, k
}

// union draws a UNION ALL of two to three queries.
func (q *queries) union(depth int) query {
	var out query
	for i := range 1 + q.IntN(3) {
		out.cols = append(out.cols, column{fmt.Sprintf("c%d", i), kind(q.IntN(int(kinds)))})
	}
	for n := range 2 + q.IntN(2) {
		from, s := q.source(depth)
		var items []string
		for _, c := range out.cols {
			items = append(items, "("+s.expr(c.kind, 1)+")::"+c.kind.sql()+" AS "+c.name)
		}
		if n > 0 {
			out.sql += " UNION ALL "
		}
		out.sql += "SELECT " + join(items, ", ") + " FROM " + from + q.where(s, 40)
	}
	return out
}

// top draws the first rows of an order that leaves no choice.
func (q *queries) top(depth int) query {
	from, s := q.source(depth)
	var out query
	var items, by []string
	for i := range 1 + q.IntN(3) {
		k := pick(q.draw, kInt, kText, kBigint, kMoney, kTime, kBool, kDouble, kDate)
		c := column{fmt.Sprintf("c%d", i), k}
		items = append(items, s.expr(k, 1)+" AS "+c.name)
		by = append(by, c.name+pick(q.draw, "", " ASC", " DESC", " NULLS FIRST", " DESC NULLS LAST"))
		out.cols = append(out.cols, c)
	}
	q.Shuffle(len(by), func(i, j int) { by[i], by[j] = by[j], by[i] })
	out.sql = "SELECT " + join(items, ", ") + " FROM " + from + q.where(s, 30) + " ORDER BY " + join(by, ", ") +
		fmt.Sprintf(" LIMIT %d", q.IntN(8))
	if q.chance(25) {
		out.sql += fmt.Sprintf(" OFFSET %d", q.IntN(4))
	}
	return out
}

// times draws an aggregation by event time, which only Leat knows.
func (q *queries) times() (query, bool) {
	r := pick(q.draw, q.rels...)
	if r.query != "" {
		return query{}, false
	}
	s := scope{draw: q.draw, cols: r.cols}
	x, k := q.aggregate(s)
	return query{leat: true,
		cols: []column{{"c0", kBigint}, {"c1", k}},
		sql:  "SELECT rowtime AS c0, " + x + " AS c1 FROM " + r.name + q.where(s, 30) + " GROUP BY rowtime",
	}, true
}

// window draws a count by windows of event time, which only Leat knows.
func (q *queries) window() (query, bool) {
	if q.chance(40) {
		return q.times()
	}
	var streams []*relation
	for _, r := range q.rels {
		if r.what == "STREAM" && r.query == "" {
			streams = append(streams, r)
		}
	}
	if len(streams) == 0 {
		return query{}, false
	}
	r := pick(q.draw, streams...)
	s := scope{draw: q.draw, cols: r.cols}
	k := pick(q.draw, kInt, kText, kBool)
	x, xk := q.aggregate(s)
	grace := pick(q.draw, "", ", GRACE PERIOD 0 SECONDS", ", GRACE PERIOD 10 DAYS", ", GRACE PERIOD 1000 DAYS")
	key := "(" + s.literal(k) + ")::" + k.sql()
	if cols := s.of(k); len(cols) > 0 {
		key = pick(q.draw, cols...).name
	}
	return query{leat: true,
		cols: []column{{"c0", k}, {"c1", kBigint}, {"c2", xk}},
		sql: "SELECT " + key + " AS c0, windowstart AS c1, " + x + " AS c2 FROM " + r.name + " WINDOW TUMBLING (SIZE " +
			pick(q.draw, "1 HOUR", "1 DAY", "7 DAYS") + grace + ")" + q.where(s, 20) + " GROUP BY " + key,
	}, true
}

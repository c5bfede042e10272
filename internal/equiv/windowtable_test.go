package equiv

import (
	"fmt"
	"strings"
)

// What Leat and PostgreSQL say differently stands in a query as «Leat's words‖PostgreSQL's».
func dialect(sql string, postgres bool) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(sql, "«")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		both, after, _ := strings.Cut(rest, "»")
		leat, pg, _ := strings.Cut(both, "‖")
		if sql = after; postgres {
			b.WriteString(pg)
		} else {
			b.WriteString(leat)
		}
	}
}

// windowTable draws a window function over a base relation.
func (q *queries) windowTable(alias string) (sql string, cols []column, ok bool) {
	r := pick(q.draw, q.rels...)
	times := scope{draw: q.draw, cols: r.cols}.of(kTime)
	if r.query != "" || len(times) == 0 {
		return "", nil, false
	}
	t := pick(q.draw, times...).name
	var leat, pg string
	switch q.IntN(4) {
	case 0:
		size := pick(q.draw, "1 day", "6 hours", "30 minutes")
		leat = fmt.Sprintf("TUMBLE(%s, %s, interval '%s')", r.name, t, size)
		bin := fmt.Sprintf("date_bin('%s', %s, timestamp '1970-01-01')", size, t)
		pg = fmt.Sprintf("SELECT *, %s AS window_start, %s + interval '%s' AS window_end FROM %s WHERE %s IS NOT NULL",
			bin, bin, size, r.name, t)
	case 1:
		w := pick(q.draw, [2]string{"6 hours", "1 day"}, [2]string{"20 minutes", "1 hour"}, [2]string{"5 hours", "12 hours"})
		leat = fmt.Sprintf("HOP(%s, %s, interval '%s', interval '%s')", r.name, t, w[0], w[1])
		origin := "timestamp '1970-01-01'"
		pg = fmt.Sprintf("SELECT r.*, w AS window_start, w + interval '%[2]s' AS window_end FROM %[3]s r, generate_series("+
			"date_bin('%[1]s', %[4]s - interval '%[2]s', %[5]s) + interval '%[1]s', date_bin('%[1]s', %[4]s, %[5]s), "+
			"interval '%[1]s') w WHERE %[4]s IS NOT NULL", w[0], w[1], r.name, t, origin)
	case 2:
		leat = fmt.Sprintf("CUMULATE(%s, %s, interval '6 hours', interval '1 day')", r.name, t)
		pg = fmt.Sprintf("SELECT r.*, date_trunc('day', %[2]s) AS window_start, date_trunc('day', %[2]s) + n * interval "+
			"'6 hours' AS window_end FROM %[1]s r, generate_series(1, 4) n WHERE date_trunc('day', %[2]s) + n * interval "+
			"'6 hours' > %[2]s", r.name, t)
	default:
		leat, pg = q.sessions(r, t)
	}
	cols = append(append(cols, r.cols...), column{"window_start", kTime}, column{"window_end", kTime})
	return "«" + leat + "‖(" + pg + ")» " + alias, qualified(alias, cols), true
}

// sessions draws SESSION, whose meaning in PostgreSQL is gaps and islands.
func (q *queries) sessions(r *relation, t string) (leat, pg string) {
	gap := pick(q.draw, "1 day", "5 hours", "15 minutes")
	key, by := "", ""
	if q.chance(60) {
		key = r.cols[0].name + ", "
		by = " PARTITION BY " + r.cols[0].name
	}
	var cols []string
	for _, c := range r.cols {
		cols = append(cols, c.name)
	}
	leat = fmt.Sprintf("SESSION(%s%s, %s, interval '%s')", r.name, by, t, gap)
	opens := fmt.Sprintf("SELECT *, CASE WHEN %[1]s - lag(%[1]s) OVER (%[2]s ORDER BY %[1]s) <= interval '%[3]s' "+
		"THEN 0 ELSE 1 END AS opens FROM %[4]s WHERE %[1]s IS NOT NULL", t, by, gap, r.name)
	islands := fmt.Sprintf("SELECT *, sum(opens) OVER (%s ORDER BY %s) AS island FROM (%s) o", by, t, opens)
	pg = fmt.Sprintf("SELECT %[1]s, min(%[2]s) OVER w AS window_start, max(%[2]s) OVER w + interval '%[3]s' AS window_end "+
		"FROM (%[4]s) i WINDOW w AS (PARTITION BY %[5]sisland)", join(cols, ", "), t, gap, islands, key)
	return leat, pg
}

package equiv

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// step is one thing that happens in a history.
type step struct {
	act  action
	sql  string // a statement; of a check, the view's rows
	want string // of a check, the query over base relations
	// moved says that a view gets other columns: nobody can go on following it.
	moved bool
	pg    []string // what PostgreSQL is told in place of sql; of a check, nothing where it does not know the query
}

type action int

const (
	statement action = iota
	check
	follow // begin a push query
	restart
	crash   // a restart without the checkpoints since the last
	kill    // a restart from what was on the disk after some writes of state, be it in the middle of a checkpoint
	replace // begin a CREATE OR REPLACE
)

func (s step) String() string {
	switch s.act {
	case check:
		return s.sql + ";\n-- must equal\n" + s.want + ";"
	case follow:
		return "-- follow\n" + s.sql + " EMIT CHANGES;"
	case restart:
		return "-- restart"
	case crash:
		return "-- crash"
	case kill:
		return "-- kill"
	default:
		return s.sql + ";"
	}
}

// history is what happens to one server, and how that is set up.
type history struct {
	seed            uint64
	stepBytes       int
	sliceRows       int
	checkpointEvery time.Duration
	stateBytes      int64
	writes          [8]int // of state that succeed before each kill
	steps           []step
}

// writer draws a history.
type writer struct {
	queries
	h     *history
	bases []*relation
	views []*relation
	defs  map[string]query
	n     int
	moved map[*relation]bool // views that were replaced
	// indexed are the relations that have an index, or cannot.
	indexed map[*relation]bool
	again   bool // one of them was twice since the server was opened
	next    int  // for columns that tell rows apart
}

// newHistory draws the history of a seed.
func newHistory(seed uint64) *history {
	w := &writer{h: &history{seed: seed}, defs: map[string]query{}, moved: map[*relation]bool{},
		indexed: map[*relation]bool{}}
	w.draw = draw{rand.New(rand.NewPCG(seed, 20))}
	w.h.stepBytes = pick(w.draw, 0, 1, 200, 200, 2000)
	w.h.sliceRows = pick(w.draw, 0, 1, 2, 7)
	w.h.checkpointEvery = pick(w.draw, time.Hour, time.Hour, time.Millisecond, 10*time.Millisecond)
	w.h.stateBytes = int64(pick(w.draw, 0, 0, 1, 1, 1000, 10000))
	for i := range w.h.writes {
		w.h.writes[i] = w.IntN(30)
	}
	for range 1 + w.IntN(3) {
		w.base()
	}
	for range 12 + w.IntN(20) {
		w.act()
	}
	w.checkAll()
	if w.chance(50) {
		w.restart()
		w.checkAll()
	}
	return w.h
}

// restart closes the server and opens it again. Where checkpoints are only written at the close, that one may be lost.
func (w *writer) restart() {
	act := pick(w.draw, restart, kill)
	if w.h.checkpointEvery == time.Hour && w.h.stateBytes == 0 && !w.again {
		act = pick(w.draw, restart, crash)
	}
	w.again = false
	w.add(step{act: act})
}

func (w *writer) add(s step) { w.h.steps = append(w.h.steps, s) }

func (w *writer) act() {
	switch n := w.IntN(100); {
	case n < 4 && len(w.bases) < 5:
		w.base()
	case n < 28 && len(w.views) < 7:
		w.view()
	case n < 62:
		w.insert()
	case n < 68:
		w.transaction()
	case n < 77:
		w.restart()
	case n < 79:
		w.drop()
	case n < 83:
		w.replace()
	case n < 84:
		w.add(step{sql: "FLUSH", pg: []string{}})
	case n < 87:
		w.index()
	case n < 89:
		w.follow()
	default:
		if len(w.views) > 0 {
			w.check(pick(w.draw, w.views...))
		}
	}
}

// exprIndex draws an index of an expression, at times of a part of the rows.
func (w *writer) exprIndex(r *relation) {
	s := scope{draw: w.draw, cols: r.cols}
	k := pick(w.draw, kInt, kText, kBool)
	x := s.expr(k, 2)
	for strings.Contains(x, "concat") || strings.Contains(x, "format") { // which are not immutable
		x = s.expr(k, 1)
	}
	cond, where := x+" = "+w.literal(k), ""
	if w.chance(40) {
		part := s.bool(0)
		where = " WHERE " + part
		cond += " AND " + part
	}
	if !w.indexed[r] {
		w.add(step{sql: fmt.Sprintf("CREATE INDEX ON %s ((%s))%s", r.name, x, where), pg: []string{}})
	}
	w.indexed[r] = true
	w.add(step{act: check, sql: fmt.Sprintf("SELECT * FROM %s WHERE %s", r.name, cond),
		want: fmt.Sprintf("SELECT * FROM %s WHERE (%s) IS TRUE", r.name, cond)})
}

// index draws an index, and compares what it finds with a condition that no index serves.
func (w *writer) index() {
	r := pick(w.draw, w.rels...)
	if r.what == "STREAM" {
		return
	}
	if w.chance(40) {
		w.exprIndex(r)
		return
	}
	var cols []column
	for _, c := range r.cols {
		if c.kind.keyable() && c.kind != kDouble && w.chance(50) {
			cols = append(cols, c)
		}
	}
	if len(cols) == 0 {
		return
	}
	var names, conds []string
	for i, c := range cols {
		names = append(names, c.name)
		switch {
		case i == 0 && w.chance(30):
			conds = append(conds, c.name+" IN ("+w.literal(c.kind)+", "+w.literal(c.kind)+", "+w.literal(c.kind)+")")
		case i == 0 || w.chance(50):
			conds = append(conds, c.name+" = "+w.literal(c.kind))
		}
	}
	if !w.indexed[r] {
		w.add(step{sql: fmt.Sprintf("CREATE INDEX ON %s (%s)", r.name, join(names, ", ")), pg: []string{}})
	}
	w.indexed[r] = true
	w.add(step{act: check, sql: fmt.Sprintf("SELECT * FROM %s WHERE %s", r.name, join(conds, " AND ")),
		want: fmt.Sprintf("SELECT * FROM %s WHERE (%s) IS TRUE", r.name, join(conds, ") IS TRUE AND ("))})
}

func (w *writer) name(prefix string) string {
	w.n++
	return fmt.Sprintf("%s%d", prefix, w.n)
}

// base draws a stream or table.
func (w *writer) base() {
	r := &relation{name: w.name("r"), what: pick(w.draw, "STREAM", "TABLE", "TABLE")}
	for i := range 2 + w.IntN(4) {
		r.cols = append(r.cols, column{fmt.Sprintf("x%d", i), kind(w.IntN(int(kinds)))})
	}
	r.cols[0].kind = pick(w.draw, kInt, kText, kInt, kBigint)
	var defs, pgDefs, with []string
	for _, c := range r.cols {
		defs = append(defs, c.name+" "+c.kind.sql())
	}
	pgDefs = append(pgDefs, defs...)
	switch {
	case r.what == "STREAM" && w.chance(40):
		defs[0] += " KEY"
		r.keyed = true
	case r.what == "TABLE" && w.chance(80):
		r.key = []string{"x0"}
		if len(r.cols) > 2 && r.cols[1].kind.keyable() && w.chance(25) {
			r.key = append(r.key, "x1")
		}
		defs = append(defs, "PRIMARY KEY ("+join(r.key, ", ")+")")
		pgDefs = append(pgDefs, "PRIMARY KEY ("+join(r.key, ", ")+")")
	}
	if w.chance(40) {
		with = append(with, "partitions = 3")
	}
	if r.what == "STREAM" && w.chance(40) {
		r.spread = true
		with = append(with, "placement = 'spread'")
	}
	if cols := (scope{draw: w.draw, cols: r.cols}).of(kTime); len(cols) > 0 && w.chance(60) {
		with = append(with, "timestamp = '"+cols[0].name+"'")
	}
	if r.key != nil && w.chance(40) {
		r.replaces = true
		with = append(with, "kafka_topic = '"+r.name+"'")
		if len(r.key) > 1 {
			with = append(with, "key_format = 'json'")
		}
	}
	sql := fmt.Sprintf("CREATE %s %s (%s)", r.what, r.name, join(defs, ", "))
	if len(with) > 0 {
		sql += " WITH (" + join(with, ", ") + ")"
	}
	w.add(step{sql: sql, pg: []string{fmt.Sprintf("CREATE TABLE %s (%s)", r.name, join(pgDefs, ", "))}})
	w.bases = append(w.bases, r)
	w.rels = append(w.rels, r)
}

// mostReads is how many base relations a view may read, itself and what it is made of. Each may multiply the rows.
const mostReads = 5

var baseName = regexp.MustCompile(`\br[0-9]+\b`)

// reads counts the base relations that a query reads.
func (w *writer) reads(q query) int {
	deep, _ := w.deep(q)
	return len(baseName.FindAllString(deep, -1))
}

// modest draws a query that does not read too much.
func (w *writer) modest() query {
	q := w.query(1, true)
	for tries := 0; w.reads(q) > mostReads && tries < 20; tries++ {
		q = w.query(1, true)
	}
	return q
}

// view draws a continuous query.
func (w *writer) view() {
	r := &relation{name: w.name("v"), what: "VIEW"}
	q := w.modest()
	word := "MATERIALIZED VIEW"
	if w.chance(12) {
		if wq, ok := w.window(); ok {
			q = wq
		}
	} else if w.chance(12) {
		if sq, keyed, ok := w.derivedStream(); ok {
			q, word, r.what, r.keyed = sq, "STREAM", "STREAM", keyed
		}
	}
	w.define(r, word, q)
	if word == "MATERIALIZED VIEW" && w.chance(20) { // they share what they have in common
		w.define(&relation{name: w.name("v"), what: "VIEW"}, word, q)
	}
}

// derivedStream draws a projection of one stream, and tells whether it has a key. It must have what it reads has.
func (w *writer) derivedStream() (q query, keyed, ok bool) {
	var streams []*relation
	for _, r := range w.rels {
		if r.what == "STREAM" {
			streams = append(streams, r)
		}
	}
	if len(streams) == 0 {
		return query{}, false, false
	}
	one := queries{w.draw, []*relation{pick(w.draw, streams...)}}
	r := one.rels[0]
	s := scope{draw: w.draw, cols: qualified("a", r.cols)}
	values := s
	if r.keyed { // the key may not be selected twice
		values.cols = s.cols[1:]
	}
	var out query
	var items []string
	for i := range 2 + w.IntN(3) {
		c := column{fmt.Sprintf("c%d", i), kind(w.IntN(int(kinds)))}
		x := values.expr(c.kind, 1)
		if i == 0 && r.keyed {
			c.kind, x = r.cols[0].kind, s.cols[0].name
		}
		items = append(items, x+" AS "+c.name)
		out.cols = append(out.cols, c)
	}
	out.sql = "SELECT " + join(items, ", ") + " FROM " + r.ref() + " a" + w.where(s, 50)
	return out, r.keyed, true
}

func (w *writer) define(r *relation, word string, q query) {
	r.cols, r.query = q.cols, q.sql
	w.defs[r.name], w.indexed[r] = q, word == "STREAM"
	with := ""
	if w.chance(20) {
		with = " WITH (partitions = 3)"
	}
	w.add(step{sql: "CREATE " + word + " " + r.name + with + " AS " + w.shallow(q.sql), pg: []string{}})
	w.views = append(w.views, r)
	w.rels = append(w.rels, r)
	if w.chance(30) {
		w.check(r)
	}
}

// shallow writes views by their names.
func (w *writer) shallow(sql string) string {
	return strings.NewReplacer("{", "", "}", "").Replace(dialect(sql, false))
}

// deep writes views as what they are over base relations, and tells whether PostgreSQL knows all of it.
func (w *writer) deep(q query) (string, bool) {
	sql, known := q.sql, !q.leat
	for {
		from := strings.IndexByte(sql, '{')
		if from < 0 {
			return sql, known
		}
		to := from + strings.IndexByte(sql[from:], '}')
		in := w.defs[sql[from+1:to]]
		known = known && !in.leat
		sql = sql[:from] + "(" + in.sql + ")" + sql[to+1:]
	}
}

func (w *writer) check(r *relation) {
	q := w.defs[r.name]
	s := step{act: check, sql: "SELECT * FROM " + r.name}
	deep, known := w.deep(q)
	s.want = dialect(deep, false)
	if known {
		s.pg = []string{dialect(deep, true)}
	}
	if len(deep) > 20000 || w.chance(20) {
		s.want = w.shallow(q.sql)
	}
	w.add(s)
}

func (w *writer) checkAll() {
	for _, v := range w.views {
		w.check(v)
	}
}

// follow begins a push query over a view, or the query of one. Joins are left out: those of a stream and a table mean
// something else there.
func (w *writer) follow() {
	if len(w.views) == 0 {
		return
	}
	v := pick(w.draw, w.views...)
	var cols []string
	for _, c := range v.cols {
		cols = append(cols, c.name)
	}
	sql := "SELECT " + join(cols, ", ") + " FROM " + v.name
	if w.chance(50) && !strings.Contains(v.query, "JOIN") && !strings.Contains(v.query, "LATERAL") {
		sql = w.shallow(v.query)
	}
	w.add(step{act: follow, sql: sql})
}

// drop drops a view that nobody reads.
func (w *writer) drop() {
	if len(w.views) == 0 {
		return
	}
	v := pick(w.draw, w.views...)
	for _, d := range w.views {
		if strings.Contains(d.query, v.ref()) {
			return
		}
	}
	w.views, w.rels = remove(w.views, v), remove(w.rels, v)
	word := "MATERIALIZED VIEW "
	if v.what == "STREAM" {
		word = "STREAM "
	}
	w.add(step{sql: "DROP " + word + v.name, pg: []string{}})
}

func remove(list []*relation, r *relation) []*relation {
	var out []*relation
	for _, x := range list {
		if x != r {
			out = append(out, x)
		}
	}
	return out
}

func (w *writer) insert() {
	s, pg := w.rows(w.bases)
	if w.chance(35) {
		if change, ok := w.change(); ok {
			s, pg = change, nil
		}
	}
	w.add(step{sql: s, pg: pg})
}

// change draws an UPDATE or DELETE of a table.
func (w *writer) change() (string, bool) {
	var tables []*relation
	for _, r := range w.bases {
		if r.what == "TABLE" {
			tables = append(tables, r)
		}
	}
	if len(tables) == 0 {
		return "", false
	}
	r := pick(w.draw, tables...)
	s := scope{draw: w.draw, cols: qualified("a", r.cols)}
	if w.chance(35) {
		return "DELETE FROM " + r.name + " a WHERE " + s.bool(1) + " AND " + s.bool(1), true
	}
	var sets []string
	for _, c := range r.cols {
		if !isKey(r, c.name) && w.chance(50) {
			sets = append(sets, c.name+" = "+s.expr(c.kind, 1))
		}
	}
	if len(sets) == 0 {
		return "", false
	}
	return "UPDATE " + r.name + " a SET " + join(sets, ", ") + w.where(s, 80), true
}

// rows draws an INSERT into one of some relations, and what PostgreSQL is told for it.
func (w *writer) rows(into []*relation) (string, []string) {
	r := pick(w.draw, into...)
	cols := append([]column(nil), r.cols...)
	if w.chance(15) {
		w.Shuffle(len(cols), func(i, j int) { cols[i], cols[j] = cols[j], cols[i] })
	}
	n := pick(w.draw, 1, 1, 2, 3, 5, 8, 20)
	if w.chance(2) {
		n = 100
	}
	var names, rows []string
	for _, c := range cols {
		names = append(names, c.name)
	}
	for range n {
		var vals []string
		for _, c := range cols {
			v := w.literal(c.kind)
			for isKey(r, c.name) && strings.HasPrefix(v, "NULL") {
				v = w.literal(c.kind)
			}
			vals = append(vals, v)
		}
		rows = append(rows, "("+join(vals, ", ")+")")
	}
	head := "INSERT INTO " + r.name + " (" + join(names, ", ") + ") VALUES "
	if len(r.key) == 0 {
		return head + join(rows, ", "), nil
	}
	var sets, pg []string
	for _, c := range cols {
		sets = append(sets, c.name+" = EXCLUDED."+c.name)
	}
	for _, row := range rows { // one by one: a key may come twice
		pg = append(pg, head+row+" ON CONFLICT ("+join(r.key, ", ")+") DO UPDATE SET "+join(sets, ", "))
	}
	if !r.replaces {
		return join(pg, "; "), pg
	}
	return head + join(rows, ", "), pg
}

func isKey(r *relation, name string) bool {
	for _, k := range r.key {
		if k == name {
			return true
		}
	}
	return false
}

// transaction draws a few INSERTs that become visible together, or not at all.
func (w *writer) transaction() {
	var sql, pg []string
	// What is spread over the nodes cannot be written together with tables.
	streams := slices.DeleteFunc(slices.Clone(w.bases), func(r *relation) bool { return r.what != "STREAM" })
	into := slices.DeleteFunc(slices.Clone(w.bases), func(r *relation) bool { return r.spread })
	changes := true
	if len(into) == 0 || len(streams) > 0 && w.chance(40) {
		into, changes = streams, false
	}
	for range 1 + w.IntN(4) {
		s, p := w.rows(into)
		if changes && w.chance(35) {
			if change, ok := w.change(); ok {
				s, p = change, nil
			}
		}
		sql = append(sql, s)
		if p == nil {
			p = []string{s}
		}
		pg = append(pg, p...)
	}
	end := "COMMIT"
	if w.chance(25) {
		end, pg = "ROLLBACK", []string{}
	}
	w.add(step{sql: "BEGIN; " + join(sql, "; ") + "; " + end, pg: pg})
}

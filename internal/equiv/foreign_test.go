//go:build clients

package equiv

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestForeignKeys lets random scripts change tables with foreign keys, generated columns and sequences here and in
// PostgreSQL, as TestDML does. Of several keys that a statement breaks either may be told.
func TestForeignKeys(t *testing.T) {
	conn, seed, open := bothSides(t)
	for n := range uint64(*scripts) {
		s, done := open(), []string{}
		for _, sql := range foreignScript(seed + n) {
			done = append(done, sql)
			want, got := brokenKey(postgresDid(conn.PgConn(), sql)), brokenKey(s.did(sql))
			if got != want {
				t.Fatalf("seed %d: %s;\ngot  %s\nwant %s", seed+n, strings.Join(done, ";\n"), got, want)
			}
		}
		s.ses.Close()
	}
}

// brokenKey leaves out of an outcome which foreign key is broken.
func brokenKey(outcome string) string {
	if strings.HasPrefix(outcome, "ERROR 23503") {
		return "ERROR 23503 " + outcome[strings.LastIndexByte(outcome, '['):]
	}
	return outcome
}

// foreignScript draws a script over a table p that others refer to with all actions, of which some are referred to
// themselves.
func foreignScript(seed uint64) []string {
	w := &dmlWriter{draw: draw{rand.New(rand.NewPCG(seed, 22))}}
	action := func() string {
		return pick(w.draw, "", "", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON DELETE SET DEFAULT", " ON DELETE RESTRICT") +
			pick(w.draw, "", " ON UPDATE CASCADE", " ON UPDATE SET NULL", " ON UPDATE SET DEFAULT") +
			pick(w.draw, "", "", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED")
	}
	script := []string{
		"DROP TABLE IF EXISTS p, c, d, tree CASCADE", "DROP SEQUENCE IF EXISTS seq",
		"CREATE SEQUENCE seq START 5 INCREMENT " + pick(w.draw, "1", "-2", "3") + " MINVALUE -20 MAXVALUE 20 CYCLE",
		"CREATE TABLE p (id int PRIMARY KEY, a int, b text, v int DEFAULT 0, twice int GENERATED ALWAYS AS (v * 2) STORED, UNIQUE (a, b))",
		"CREATE TABLE c (id int PRIMARY KEY, pid int DEFAULT 1 CONSTRAINT c_p REFERENCES p" + action() + ", n int)",
		"CREATE TABLE d (x int, y text DEFAULT 'q', cid int, CONSTRAINT d_p FOREIGN KEY (y, x) REFERENCES p (b, a)" +
			pick(w.draw, "", " MATCH FULL") + action() + ", CONSTRAINT d_c FOREIGN KEY (cid) REFERENCES c" + action() + ")",
		"CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree" + action() + ", line text GENERATED ALWAYS AS (id::text || ' under ' || up::text) STORED)",
	}
	if w.chance(50) {
		script = append(script, "CREATE INDEX ON c (pid)", "CREATE INDEX ON d (x, y)")
	}
	for range 50 {
		script = append(script, w.foreign())
	}
	if w.block {
		script = append(script, pick(w.draw, "COMMIT", "COMMIT", "ROLLBACK"))
	}
	return append(script, "SELECT * FROM p", "SELECT * FROM c", "SELECT * FROM d", "SELECT * FROM tree",
		"SELECT count(*) FROM c WHERE pid NOT IN (SELECT id FROM p)")
}

func (w *dmlWriter) foreign() string {
	id := func() string { return fmt.Sprint(w.IntN(5)) }
	maybe := func() string { return pick(w.draw, id(), id(), "NULL") }
	word := func() string { return pick(w.draw, "'p'", "'q'", "NULL") }
	switch n := w.IntN(100); {
	case n < 9:
		return w.control()
	case n < 12:
		return "SET CONSTRAINTS " + pick(w.draw, "ALL", "c_p", "d_c, d_p") + pick(w.draw, " DEFERRED", " IMMEDIATE")
	case n < 30:
		return "INSERT INTO p (id, a, b, v) VALUES (" + id() + ", " + id() + ", " + word() + ", " + id() + ")" +
			pick(w.draw, "", ", ("+id()+", "+id()+", 'q', 1)") + pick(w.draw, "", " ON CONFLICT DO NOTHING",
			" ON CONFLICT (id) DO UPDATE SET a = excluded.a, v = p.v + 1") + pick(w.draw, "", " RETURNING *")
	case n < 42:
		return "INSERT INTO c VALUES (" + id() + ", " + maybe() + ", 1)" + pick(w.draw, "", ", ("+id()+", DEFAULT, 2)") +
			pick(w.draw, "", " ON CONFLICT (id) DO UPDATE SET pid = excluded.pid") + pick(w.draw, "", " RETURNING *")
	case n < 50:
		return "INSERT INTO d VALUES (" + maybe() + ", " + word() + ", " + maybe() + ")"
	case n < 60:
		return "INSERT INTO tree (id, up) VALUES (" + id() + ", " + maybe() + ")" + pick(w.draw, "", ", ("+id()+", "+maybe()+")")
	case n < 66:
		if w.chance(20) && !w.block { // ROLLBACK does not take it back here
			return "ALTER SEQUENCE seq RESTART " + id()
		}
		return pick(w.draw, "SELECT nextval('seq'), currval('seq')", "SELECT setval('seq', "+id()+", false), nextval('seq')",
			"SELECT last_value, is_called FROM seq")
	case n < 68:
		return "TRUNCATE " + pick(w.draw, "p", "c", "d", "p, c, d", "c, d", "p CASCADE", "c CASCADE")
	case n < 84:
		return pick(w.draw, "UPDATE p SET id = "+id()+" WHERE id = "+id(),
			"UPDATE p SET v = v + 1 WHERE id < "+id()+" RETURNING id, twice", "UPDATE p SET a = a + 10 WHERE id < "+id(), "UPDATE p SET b = "+word()+" WHERE id = "+id(),
			"UPDATE c SET pid = "+maybe()+" WHERE id = "+id(), "UPDATE c SET id = "+id()+" WHERE id = "+id(), "UPDATE c SET n = n + 1",
			"UPDATE d SET x = "+maybe()+", cid = "+maybe(), "UPDATE tree SET up = "+maybe()+" WHERE id = "+id(),
			"UPDATE tree SET id = id + 10 WHERE id > "+id()+" RETURNING line")
	case n < 94:
		return pick(w.draw, "DELETE FROM p WHERE id = "+id(), "DELETE FROM p WHERE a > "+id(), "DELETE FROM c WHERE id = "+id(),
			"DELETE FROM c WHERE pid IS NULL", "DELETE FROM d", "DELETE FROM tree WHERE id = "+id(), "DELETE FROM tree",
			"WITH x AS (DELETE FROM c WHERE id = "+id()+" RETURNING pid) DELETE FROM p USING x WHERE p.id = x.pid")
	}
	return pick(w.draw, "SELECT * FROM p", "SELECT * FROM c", "SELECT * FROM d", "SELECT * FROM tree")
}

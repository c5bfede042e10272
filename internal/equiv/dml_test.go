//go:build clients

package equiv

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/internal/pgtest"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

var scripts = flag.Int("scripts", 150, "number of scripts that change rows")

// TestDML lets random scripts change rows here and in PostgreSQL. Every statement must do the same: its tag with the
// number of rows, the rows it returns, its SQLSTATE, and the state of the transaction.
func TestDML(t *testing.T) {
	conn, seed, open := bothSides(t)
	for n := range uint64(*scripts) {
		here := open()
		if text := compareScript(here, conn.PgConn(), dmlScript(seed+n)); text != "" {
			t.Errorf("seed %d: %s", seed+n, text)
		}
		here.ses.Close()
		if t.Failed() {
			return
		}
	}
}

// bothSides connects to PostgreSQL and begins a server of Leat, of which open opens a session. Scripts begin with seed.
func bothSides(t *testing.T) (conn *pgx.Conn, seed uint64, open func() *server) {
	conn, err := pgx.Connect(t.Context(), pgtest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := t.TempDir()
	node, err := cluster.Open(t.Context(), cluster.Config{Dir: dir + "/cluster", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	eng, err := engine.Open(t.Context(), engine.Config{Node: node, Dir: dir, Logger: quiet, CheckpointEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	if seed = *firstSeed; seed == 0 {
		seed = uint64(time.Now().Unix())
	}
	t.Logf("%d scripts from seed %d", *scripts, seed)
	return conn, seed, func() *server {
		ses, err := session.New(session.Config{Engine: eng, User: "leat", Database: "leat", Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return &server{ses: ses}
	}
}

// compareScript runs a script on both sides and tells the first difference.
func compareScript(s *server, pg *pgconn.PgConn, script []string) string {
	var done []string
	for _, sql := range script {
		done = append(done, sql)
		want := postgresDid(pg, sql)
		got := s.did(sql)
		if got != want {
			return fmt.Sprintf("%s;\ngot  %s\nwant %s", strings.Join(done, ";\n"), got, want)
		}
	}
	return ""
}

func postgresDid(pg *pgconn.PgConn, sql string) string {
	res, err := pg.Exec(context.Background(), sql).ReadAll()
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return outcome("ERROR "+pe.Code+" "+pe.Message+" "+pe.Detail, nil, pg.TxStatus())
	}
	if err != nil || len(res) != 1 {
		return fmt.Sprintf("%v", err)
	}
	var rows []string
	for _, r := range res[0].Rows {
		var cells []string
		for _, v := range r {
			if v == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, "'"+string(v))
			}
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return outcome(res[0].CommandTag.String(), rows, pg.TxStatus())
}

// did runs one statement and says what it did.
func (s *server) did(sql string) string {
	stmts, err := parse.Parse(sql)
	if err != nil {
		return outcome("ERROR "+string(sqlerr.From(err).Code), nil, s.ses.Status())
	}
	tag, rows, err := s.tagged(stmts[0])
	if e := s.ses.Sync(context.Background(), err != nil); err == nil {
		err = e
	}
	if err != nil {
		e := sqlerr.From(err)
		return outcome("ERROR "+string(e.Code)+" "+e.Message+" "+e.Detail, nil, s.ses.Status())
	}
	return outcome(tag, rows, s.ses.Status())
}

func (s *server) tagged(st parse.Statement) (tag string, rows []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := s.ses.Prepare(ctx, st, nil)
	if err != nil {
		return "", nil, err
	}
	r, err := p.Execute(ctx, nil)
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	env := s.ses.OutputEnv()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", nil, err
		}
		for i := range b.N {
			rows = append(rows, line(b, i, env))
		}
	}
	tag, count := r.Tag()
	if count {
		tag = fmt.Sprintf("%s %d", tag, len(rows))
	}
	return tag, rows, nil
}

// outcome is what both sides must agree upon.
func outcome(tag string, rows []string, status byte) string {
	slices.Sort(rows)
	return fmt.Sprintf("%s [%c]\n%s", strings.TrimSpace(tag), status, strings.Join(rows, "\n"))
}

// dmlWriter draws scripts over three tables: items with constraints of all kinds, tags without a key, and pairs with a
// key of two columns.
type dmlWriter struct {
	draw
	block bool
	saves int
}

func dmlScript(seed uint64) []string {
	w := &dmlWriter{draw: draw{rand.New(rand.NewPCG(seed, 21))}}
	script := []string{
		"DROP TABLE IF EXISTS items",
		"DROP TABLE IF EXISTS tags",
		"DROP TABLE IF EXISTS pairs",
		"CREATE TABLE items (id int PRIMARY KEY, name text UNIQUE, n int NOT NULL DEFAULT 3 CHECK (n < 50)," +
			" at numeric DEFAULT 1.50, CONSTRAINT big CHECK (n + id > -90))",
		"CREATE TABLE tags (item int, tag text DEFAULT 'none')",
		"CREATE TABLE pairs (a int, b text, v bigint, PRIMARY KEY (a, b))",
	}
	for range 40 {
		script = append(script, w.statement())
	}
	if w.block {
		script = append(script, pick(w.draw, "COMMIT", "COMMIT", "ROLLBACK"))
	}
	return append(script, "SELECT * FROM items", "SELECT * FROM tags", "SELECT * FROM pairs")
}

func (w *dmlWriter) statement() string {
	switch n := w.IntN(100); {
	case n < 9:
		return w.control()
	case n < 40:
		return w.insertion() + w.returning("items", "id, name, n, at", 25)
	case n < 58:
		return w.update()
	case n < 67:
		return w.deletion()
	case n < 71:
		return w.parts()
	case n < 76:
		return w.merge()
	case n < 77:
		return "TRUNCATE " + pick(w.draw, "items", "tags", "pairs")
	case n < 83:
		return w.insertPairs()
	case n < 90:
		return "INSERT INTO tags " + pick(w.draw, "VALUES ("+w.num()+", "+w.text()+")", "(item) VALUES ("+w.num()+"), ("+w.num()+")",
			"SELECT id, name FROM items WHERE n < "+w.num(), "DEFAULT VALUES") + w.returning("tags", "*", 20)
	default:
		return pick(w.draw, "SELECT * FROM items", "SELECT * FROM tags", "SELECT * FROM pairs",
			"SELECT i.id, t.tag FROM items i JOIN tags t ON t.item = i.id", "SELECT count(*), sum(n) FROM items",
			"SELECT name FROM items WHERE id = "+w.num(), "SELECT count(*) FROM items WHERE id IN (SELECT item FROM tags)")
	}
}

// parts draws a statement with statements in WITH that change rows.
func (w *dmlWriter) parts() string {
	return "WITH x AS " + pick(w.draw,
		"(DELETE FROM items WHERE n > "+w.num()+" RETURNING id, name) INSERT INTO tags SELECT id, name FROM x",
		"(INSERT INTO tags VALUES ("+w.num()+", 'w'), (1, "+w.text()+") RETURNING item) SELECT count(*), (SELECT count(*) FROM tags) FROM x",
		"(UPDATE items SET n = n + 1 WHERE id > "+w.num()+" RETURNING id, n) SELECT x.n, i.n FROM x JOIN items i USING (id)",
		"(DELETE FROM pairs WHERE v < "+w.num()+" RETURNING a), y AS (INSERT INTO tags SELECT a, 'p' FROM x RETURNING item)"+
			" SELECT x.a, y.item, (SELECT count(*) FROM pairs) FROM x, y",
		"(SELECT max(v) AS m FROM pairs), y AS (UPDATE pairs SET v = v - m FROM x RETURNING v) DELETE FROM tags USING y"+
			" WHERE item = v RETURNING item")
}

// merge draws a MERGE.
func (w *dmlWriter) merge() string {
	when := func(s ...string) string { return " WHEN " + pick(w.draw, s...) }
	return pick(w.draw,
		"MERGE INTO items i USING pairs p ON p.a = i.id AND p.b = 'p'"+
			when("MATCHED AND p.v > "+w.num()+" THEN DELETE", "MATCHED AND i.n IS NULL THEN DO NOTHING")+
			when("MATCHED THEN UPDATE SET n = p.v, at = DEFAULT", "MATCHED AND v < 9 THEN UPDATE SET (n, at) = (p.v, i.id)")+
			when("NOT MATCHED AND p.v < 7 THEN INSERT (id, n) VALUES (p.a + 30, p.v)", "NOT MATCHED THEN DO NOTHING"),
		"MERGE INTO tags USING items ON item = id WHEN MATCHED AND n > "+w.num()+
			pick(w.draw, " THEN DELETE", " THEN UPDATE SET tag = name", " THEN UPDATE SET item = item + 1")+
			pick(w.draw, "", " WHEN NOT MATCHED THEN INSERT VALUES (id, name)", " WHEN NOT MATCHED THEN INSERT DEFAULT VALUES"),
		"MERGE INTO pairs AS p USING (SELECT item, count(*) AS n FROM tags GROUP BY item) AS t ON t.item = p.a"+
			when("MATCHED THEN UPDATE SET v = p.v + n", "MATCHED AND b = 'q' THEN DELETE")+
			when("NOT MATCHED AND item IS NOT NULL THEN INSERT (a, b, v) VALUES (item, 'q', n)", "NOT MATCHED THEN DO NOTHING"),
		"WITH x AS (SELECT max(v) AS m FROM pairs) MERGE INTO items USING x ON id = m WHEN MATCHED THEN UPDATE SET n = "+
			"(SELECT count(*) FROM tags) WHEN NOT MATCHED AND m > "+w.num()+" THEN INSERT (id) VALUES (m)")
}

func (w *dmlWriter) control() string {
	if !w.block {
		w.block, w.saves = true, 0
		return pick(w.draw, "BEGIN", "START TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN ISOLATION LEVEL SERIALIZABLE")
	}
	switch w.IntN(6) {
	case 0, 1:
		w.saves++
		return "SAVEPOINT s" + fmt.Sprint(w.IntN(3))
	case 2, 3:
		return pick(w.draw, "ROLLBACK TO s", "ROLLBACK TO SAVEPOINT s", "RELEASE s") + fmt.Sprint(w.IntN(3))
	}
	w.block = false
	return pick(w.draw, "COMMIT", "COMMIT", "ROLLBACK")
}

func (w *dmlWriter) num() string { return fmt.Sprint(w.IntN(9)) }

func (w *dmlWriter) text() string {
	return pick(w.draw, "'a'", "'b'", "'c'", "'d'", "NULL", "'x'||'y'", "'z'")
}

func (w *dmlWriter) returning(table, cols string, percent int) string {
	if !w.chance(percent) {
		return ""
	}
	return " RETURNING " + pick(w.draw, "*", cols, table+".*")
}

func (w *dmlWriter) insertion() string {
	sql := "INSERT INTO items "
	row := func() string {
		return "(" + w.num() + ", " + w.text() + ", " + pick(w.draw, "DEFAULT", w.num(), "60", "NULL", w.num(), w.num()) + ")"
	}
	switch w.IntN(5) {
	case 0:
		sql += "(id, name, n) VALUES " + row()
	case 1:
		sql += "(id, name, n) VALUES " + row() + ", " + row() + ", " + row()
	case 2:
		sql += "(id) VALUES (" + w.num() + ")"
	case 3:
		sql += "(n, id) SELECT v, a + " + w.num() + " FROM pairs WHERE a < " + w.num() + " ORDER BY b, a"
	default:
		sql += "VALUES (" + w.num() + ", " + w.text() + ", " + w.num() + ", 0.25)"
	}
	if !w.chance(50) {
		return sql
	}
	return sql + pick(w.draw, " ON CONFLICT DO NOTHING", " ON CONFLICT (id) DO NOTHING", " ON CONFLICT (name) DO NOTHING",
		" ON CONFLICT (id) DO UPDATE SET n = items.n + excluded.n",
		" ON CONFLICT (id) DO UPDATE SET name = excluded.name, n = 1 WHERE items.n < "+w.num(),
		" ON CONFLICT (name) DO UPDATE SET at = excluded.at * 2, n = DEFAULT")
}

func (w *dmlWriter) insertPairs() string {
	row := func() string { return "(" + w.num() + ", " + pick(w.draw, "'p'", "'q'") + ", " + w.num() + ")" }
	return "INSERT INTO pairs AS p VALUES " + row() + pick(w.draw, "", ", "+row()) +
		pick(w.draw, "", " ON CONFLICT (b, a) DO UPDATE SET v = p.v + 100", " ON CONFLICT DO NOTHING") +
		pick(w.draw, "", " RETURNING p.v", " RETURNING a + 1 AS a1, b")
}

func (w *dmlWriter) update() string {
	return pick(w.draw,
		"UPDATE items SET n = n + "+w.num()+" WHERE id < "+w.num()+w.returning("items", "id, n", 30),
		"UPDATE items SET id = id + 10 WHERE id = "+w.num(),
		"UPDATE items SET id = "+w.num()+", name = "+w.text()+" WHERE id = "+w.num(),
		"UPDATE items SET name = "+w.text()+" WHERE id = "+w.num()+w.returning("items", "name", 30),
		"UPDATE items SET n = "+pick(w.draw, "NULL", "DEFAULT", "77", "n / "+w.num())+" WHERE id = "+w.num(),
		"UPDATE items AS i SET at = p.v, n = i.n + 1 FROM pairs p WHERE p.a = i.id AND p.b = 'p'"+
			pick(w.draw, "", " RETURNING i.id, p.v", " RETURNING *"),
		"UPDATE items SET (n, at) = (id, n * 2) WHERE n > "+w.num(),
		"UPDATE items SET n = (SELECT count(*) FROM tags WHERE item = items.id)",
		"UPDATE items SET (n, at) = (SELECT v, a FROM pairs WHERE a = items.id AND b = 'q') WHERE id = "+w.num(),
		"UPDATE tags SET tag = tag || '!' WHERE item = "+w.num()+w.returning("tags", "tag", 30),
		"UPDATE tags SET item = item + 1, tag = DEFAULT WHERE tag < 'c'",
		"UPDATE pairs SET v = v * 2"+w.returning("pairs", "v", 30),
		"UPDATE pairs SET a = a + 20 WHERE b = 'p' AND a < "+w.num())
}

func (w *dmlWriter) deletion() string {
	return pick(w.draw,
		"DELETE FROM items WHERE id = "+w.num()+w.returning("items", "id, n", 30),
		"DELETE FROM items WHERE n > "+w.num()+" AND id % 3 = 1",
		"DELETE FROM items USING tags WHERE tags.item = items.id",
		"DELETE FROM items i USING pairs p WHERE p.a = i.id AND p.b = 'q'"+pick(w.draw, "", " RETURNING i.name, p.a", " RETURNING *"),
		"DELETE FROM tags WHERE item IN (SELECT id FROM items WHERE n < "+w.num()+")"+w.returning("tags", "*", 30),
		"DELETE FROM tags WHERE tag IS NULL",
		"DELETE FROM pairs WHERE v > "+w.num()+w.returning("pairs", "*", 30),
		"DELETE FROM pairs")
}

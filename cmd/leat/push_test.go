package main

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A client goes on after its last row when the server was killed, with the token as a parameter.
func TestResumeAfterKill(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	conn := p.connect()
	execute(t, conn, "CREATE TABLE t (id int PRIMARY KEY, v text)")
	execute(t, conn, "CREATE MATERIALIZED VIEW n AS SELECT v, count(*) AS n FROM t GROUP BY v")
	execute(t, conn, "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'a')")
	next := func(conn *pgx.Conn, token string) (string, string, int64) {
		t.Helper()
		var next, v string
		var n int64
		const sql = "SELECT v, n FROM n EMIT CHANGES SINCE $1 WITH (TOKEN) LIMIT 1"
		if err := conn.QueryRow(t.Context(), sql, token).Scan(&next, &v, &n); err != nil {
			t.Fatal(err)
		}
		return next, v, n
	}
	token, v, n := next(conn, "2000-01-01")
	if v != "a" || n != 2 {
		t.Fatal(v, n)
	}
	if err := p.cmd.Process.Signal(os.Kill); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	p = serve(t, dir)
	conn = p.connect()
	if token, v, n = next(conn, token); v != "b" || n != 1 {
		t.Fatal(v, n)
	}
	execute(t, conn, "INSERT INTO t VALUES (4, 'b')")
	if _, v, n = next(conn, token); v != "b" || n != 2 {
		t.Fatal(v, n)
	}
}

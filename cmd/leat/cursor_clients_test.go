//go:build clients

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/internal/pgtest"
)

var cursorScripts = flag.Int("cursor-scripts", 300, "number of scripts about cursors")

// TestCursors lets random scripts move cursors here and in PostgreSQL. Every message must do the same: tags, rows, the
// SQLSTATE, and the state of the transaction.
func TestCursors(t *testing.T) {
	p := serve(t, t.TempDir())
	pg, err := pgconn.Connect(t.Context(), pgtest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close(context.Background())
	for seed := range uint64(*cursorScripts) {
		ours := p.connect().PgConn()
		script := cursorScript(seed)
		for k, sql := range script {
			got, want := answerOf(ours, sql), answerOf(pg, sql)
			if got != want {
				t.Errorf("seed %d:\n%s\ngives\n%s\nwant\n%s", seed, strings.Join(script[:k+1], ";\n"), got, want)
				break
			}
		}
		answerOf(pg, "ROLLBACK")
		answerOf(pg, "DISCARD ALL")
		ours.Close(context.Background())
	}
}

// answerOf is what a server says to a message, in short.
func answerOf(c *pgconn.PgConn, sql string) string {
	var out strings.Builder
	r := c.Exec(context.Background(), sql)
	for r.NextResult() {
		rows := r.ResultReader()
		for rows.NextRow() {
			fmt.Fprintf(&out, "%q\n", rows.Values())
		}
		tag, _ := rows.Close()
		if tag.String() != "" {
			fmt.Fprintln(&out, tag)
		}
	}
	var pe *pgconn.PgError
	if err := r.Close(); errors.As(err, &pe) {
		fmt.Fprintf(&out, "ERROR %s %s\n", pe.Code, pe.Message)
	} else if err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String() + string(c.TxStatus())
}

// cursorScript writes messages that declare, move, fetch and close cursors, in and out of transaction blocks.
func cursorScript(seed uint64) []string {
	d := rand.New(rand.NewPCG(seed, 7))
	pick := func(list ...string) string { return list[d.IntN(len(list))] }
	name := func() string { return pick("a", "a", "a", "b", "c") }
	num := func() string { return fmt.Sprint(d.IntN(14) - 4) }
	declare := func() string {
		n := d.IntN(8)
		query := pick(fmt.Sprintf("SELECT i, i * i FROM generate_series(1, %d) AS g(i) ORDER BY i", n),
			"VALUES (1, 'x'), (2, NULL), (3, 'z')", fmt.Sprintf("SELECT i FROM generate_series(1, 3) AS g(i) LIMIT %d", n))
		return "DECLARE " + name() + pick("", " SCROLL", " NO SCROLL", " INSENSITIVE") + " CURSOR" +
			pick("", "", " WITH HOLD", " WITHOUT HOLD") + " FOR " + query
	}
	move := func() string {
		direction := pick("NEXT", "PRIOR", "FIRST", "LAST", "ABSOLUTE "+num(), "RELATIVE "+num(), num(), "ALL", "FORWARD",
			"FORWARD "+num(), "FORWARD ALL", "BACKWARD", "BACKWARD "+num(), "BACKWARD ALL", "NEXT", "2", "1")
		return pick("FETCH ", "FETCH ", "MOVE ") + direction + pick(" FROM ", " IN ", " ") + name()
	}
	one := func() string {
		switch n := d.IntN(30); {
		case n < 3:
			return declare()
		case n < 22:
			return move()
		case n < 23:
			return "CLOSE " + name()
		case n < 24:
			return pick("CLOSE ALL", "COMMIT", "ROLLBACK", "SELECT 1/0", "SELECT 1")
		case n < 26:
			return pick("SAVEPOINT s", "SAVEPOINT t", "ROLLBACK TO s", "RELEASE s", "ROLLBACK TO t")
		case n < 27:
			return "SELECT name, is_holdable, is_scrollable FROM pg_cursors WHERE name <> '' ORDER BY name"
		case n < 28:
			return "BEGIN"
		}
		return move()
	}
	script := []string{"BEGIN", "DECLARE a SCROLL CURSOR FOR SELECT i FROM generate_series(1, 6) AS g(i)", "SAVEPOINT s", declare()}
	for range 8 + d.IntN(25) {
		if d.IntN(4) == 0 { // after an error there is little to see
			script = append(script, "ROLLBACK TO s")
		}
		sql := one()
		for d.IntN(6) == 0 {
			sql += "; " + one()
		}
		script = append(script, sql)
	}
	return script
}

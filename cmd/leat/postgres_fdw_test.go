//go:build clients

package main

import (
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/leatdb/leat/internal/pgtest"
)

// TestForeignDataWrapper lets a PostgreSQL server read relations of Leat as foreign tables.
func TestForeignDataWrapper(t *testing.T) {
	p := serve(t, t.TempDir())
	execute(t, p.connect(), `CREATE TABLE items (id int PRIMARY KEY, name varchar(20) NOT NULL, price numeric(8,2));
		CREATE STREAM sales (item int, n int);
		CREATE MATERIALIZED VIEW sold AS SELECT item, sum(n) AS n FROM sales GROUP BY item;
		INSERT INTO items VALUES (1, 'pen', 1.50), (2, 'ink', 7);
		INSERT INTO sales VALUES (1, 3), (1, 4), (2, 1)`)
	host, port, err := net.SplitHostPort(p.pg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), pgtest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), fmt.Sprintf(`CREATE EXTENSION postgres_fdw;
		CREATE SERVER leat FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'leat');
		CREATE USER MAPPING FOR CURRENT_USER SERVER leat OPTIONS (user 'leat', password 'none');
		CREATE SCHEMA far; IMPORT FOREIGN SCHEMA public FROM SERVER leat INTO far; ANALYZE far.items`, host, port))
	if err != nil {
		t.Fatal(err)
	}
	var name, price string
	var n int64
	if err := conn.QueryRow(t.Context(), `SELECT i.name, i.price::text, s.n FROM far.items i JOIN far.sold s ON s.item = i.id
		WHERE i.id = 1 AND i.price > 1`).Scan(&name, &price, &n); err != nil {
		t.Fatal(err)
	}
	if name != "pen" || price != "1.50" || n != 7 {
		t.Errorf("got %s, %s, %d", name, price, n)
	}
	if _, err := conn.Exec(t.Context(), `INSERT INTO far.items VALUES (3, 'nib', 2)`); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), `SELECT count(*), sum(price)::text FROM far.items`).Scan(&n, &price); err != nil {
		t.Fatal(err)
	}
	if n != 3 || price != "10.50" {
		t.Errorf("got %d rows, %s in all", n, price)
	}
}

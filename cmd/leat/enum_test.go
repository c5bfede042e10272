//go:build clients

package main

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestEnumOfDriver: a driver finds an enum in the catalog, and then sends and receives its values in binary.
func TestEnumOfDriver(t *testing.T) {
	s := startServer(t)
	conn, err := pgx.Connect(t.Context(), "postgres://leat@"+s.addrs().pg.String()+"/leat?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, sql := range []string{"CREATE TYPE mood AS ENUM ('sad', 'happy')",
		"CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[])"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	known, err := conn.LoadTypes(t.Context(), []string{"mood", "_mood"})
	if err != nil {
		t.Fatal(err)
	}
	conn.TypeMap().RegisterTypes(known)
	all := []string{"happy", "sad"}
	if _, err := conn.Exec(t.Context(), "INSERT INTO t VALUES (1, $1, $2), (2, $3, '{}')", "happy", all, "sad"); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "SELECT m, ms FROM t WHERE m = ANY($1) AND m > $2",
		pgx.QueryResultFormats{pgx.BinaryFormatCode}, all, "sad")
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		M  string
		Ms []string
	}
	got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[row])
	if err != nil || got.M != "happy" || len(got.Ms) != 2 || got.Ms[1] != "sad" {
		t.Fatalf("%v, %v", got, err)
	}
	if oid := rows.FieldDescriptions()[0].DataTypeOID; oid != known[0].OID {
		t.Errorf("the column has the type %d, not %d", oid, known[0].OID)
	}
	if rows.FieldDescriptions()[0].Format != pgx.BinaryFormatCode {
		t.Error("the values came as text")
	}
}

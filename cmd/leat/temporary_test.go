package main

import (
	"context"
	"path/filepath"
	"testing"
)

// TestTemporary: temporary tables are those of one session, and go with it however it ends.
func TestTemporary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := serve(t, dir)
	admin, one, other := p.connect(), p.connect(), p.connect()
	execute(t, one, "CREATE TEMP TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
	execute(t, other, "CREATE TEMP TABLE t (a text); INSERT INTO t VALUES ('x')")
	if _, err := admin.Exec(t.Context(), "SELECT * FROM t"); !hasCode(err, "42P01") {
		t.Errorf("another session sees the table: %v", err)
	}
	var a int
	if err := one.QueryRow(t.Context(), "SELECT a FROM t").Scan(&a); err != nil || a != 1 {
		t.Errorf("%d, %v", a, err)
	}
	if err := one.Close(context.Background()); err != nil {
		t.Error(err)
	}
	await(t, admin, "SELECT count(*) FROM pg_class WHERE relpersistence = 't'")
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	p = serve(t, dir)
	var n int
	err := p.connect().QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg_temp%'").Scan(&n)
	if err != nil || n != 0 {
		t.Errorf("%d schemas of temporary tables are left: %v", n, err)
	}
	execute(t, p.connect(), "CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1)")
}

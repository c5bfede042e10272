package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBackup backs a stopped server up and makes another of it, which has everything; a copy that has changed is
// refused, as are directories that are in use or there already.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	data, to, again := filepath.Join(dir, "data"), filepath.Join(dir, "backup"), filepath.Join(dir, "again")
	p := serve(t, data)
	execute(t, p.connect(), `CREATE STREAM s (a int);
		CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(a) AS total FROM s;
		INSERT INTO s VALUES (1), (2), (3)`)
	if err := backup([]string{"--data", data, "--to", to}); err == nil || !strings.Contains(err.Error(), "stop it") {
		t.Error("a running server was backed up", err)
	}
	p.terminate(syscall.SIGTERM)
	if err := backup([]string{"--data", data, "--to", to}); err != nil {
		t.Fatal(err)
	}
	if err := restore([]string{"--from", to, "--data", data}); err == nil {
		t.Error("a directory was overwritten")
	}
	if err := restore([]string{"--from", to, "--data", again}); err != nil {
		t.Fatal(err)
	}
	conn := serve(t, again).connect()
	if n, sum := total(t, conn); n != 3 || sum != 6 {
		t.Errorf("%d rows, total %d", n, sum)
	}
	execute(t, conn, "INSERT INTO s VALUES (4)")
	if n, sum := total(t, conn); n != 4 || sum != 10 {
		t.Errorf("%d rows, total %d", n, sum)
	}
	file := filepath.Join(to, "cluster", "control.db")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	err = restore([]string{"--from", to, "--data", filepath.Join(dir, "third")})
	if err == nil || !strings.Contains(err.Error(), "not as it was") {
		t.Error("a damaged backup was restored", err)
	}
}

package main

import (
	"context"
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

// TestBackupOfARunningServer backs a server up while clients write and a table is dropped. What is made of the backup has
// everything that was acknowledged before it began, its views fit their streams, and it goes on.
func TestBackupOfARunningServer(t *testing.T) {
	dir := t.TempDir()
	to, again := filepath.Join(dir, "backup"), filepath.Join(dir, "again")
	p := serve(t, filepath.Join(dir, "data"))
	conn := p.connect()
	execute(t, conn, `CREATE STREAM s (a int);
		CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(a) AS total FROM s;
		CREATE TABLE kept (id int PRIMARY KEY, v text);
		CREATE TABLE gone (id int PRIMARY KEY);
		INSERT INTO kept VALUES (1, 'one'), (2, 'two');
		DELETE FROM kept WHERE id = 1;
		INSERT INTO s SELECT generate_series(1, 1000)`)
	stop, done := make(chan struct{}), make(chan error, 1)
	writer := p.connect().PgConn()
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := writer.Exec(context.Background(), "INSERT INTO s VALUES (1), (-1)").ReadAll(); err != nil {
				done <- err
				return
			}
		}
	}()
	if err := backup([]string{"--url", "postgres://leat@" + p.pg + "/leat", "--to", to}); err != nil {
		t.Fatal(err)
	}
	execute(t, conn, "DROP TABLE gone")
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := restore([]string{"--from", to, "--data", again}); err != nil {
		t.Fatal(err)
	}
	other := serve(t, again)
	conn = other.connect()
	n, sum := total(t, conn)
	if n < 1000 || n%2 != 0 || sum != 500500 {
		t.Errorf("%d rows, total %d", n, sum)
	}
	execute(t, conn, `INSERT INTO s VALUES (4), (6); INSERT INTO gone VALUES (1); UPDATE kept SET v = 'zwei' WHERE id = 2;
		CREATE MATERIALIZED VIEW anew AS SELECT count(*) AS n, sum(a) AS total FROM s JOIN kept ON kept.id = 2`)
	if m, sum := total(t, conn); m != n+2 || sum != 500510 {
		t.Errorf("%d rows after %d, total %d", m, n, sum)
	}
	if err := other.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-other.exited
	conn = serve(t, again).connect()
	if m, sum := total(t, conn); m != n+2 || sum != 500510 {
		t.Errorf("%d rows after %d and a restart, total %d", m, n, sum)
	}
}

// TestBackupOfACluster backs a cluster up by a node that follows; a cluster of one node is made of it.
func TestBackupOfACluster(t *testing.T) {
	c := serveTrio(t)
	follows := (c.leader() + 1) % 3
	conn, err := c.connect(t.Context(), follows)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	execute(t, conn, `CREATE STREAM s (a int);
		CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(a) AS total FROM s;
		INSERT INTO s VALUES (1), (2), (3); CREATE USER ada`)
	to, again := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "again")
	err = backup([]string{"--url", "postgres://ada@" + c.nodes[follows].pg + "/leat", "--to", to})
	if err == nil || !strings.Contains(err.Error(), "42501") {
		t.Error("a user without privileges got", err)
	}
	if err := backup([]string{"--url", "postgres://leat@" + c.nodes[follows].pg + "/leat", "--to", to}); err != nil {
		t.Fatal(err)
	}
	if err := restore([]string{"--from", to, "--data", again}); err != nil {
		t.Fatal(err)
	}
	conn = serve(t, again).connect()
	execute(t, conn, "INSERT INTO s VALUES (4)")
	if n, sum := total(t, conn); n != 4 || sum != 10 {
		t.Errorf("%d rows, total %d", n, sum)
	}
}

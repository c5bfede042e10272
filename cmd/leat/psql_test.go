//go:build clients

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdb/leat/internal/golden"
)

// startServer runs a server in this process on a directory of its own.
func startServer(t *testing.T) *server {
	t.Helper()
	none := func(string) (string, bool) { return "", false }
	c, err := load([]string{"--data", t.TempDir(), "--pg", "127.0.0.1:0", "--kafka", "127.0.0.1:0", "--http", ""}, none)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(context.Background(), c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// psql returns a command that connects to the server, without the user's own settings.
func psql(s *server, args ...string) *exec.Cmd {
	args = append([]string{"-X", "-h", host(s.addrs().pg), "-p", port(s.addrs().pg), "-U", "leat"}, args...)
	cmd := exec.Command("psql", args...)
	cmd.Env = append(os.Environ(), "PAGER=cat", "LC_ALL=C.UTF-8")
	return cmd
}

// TestPsqlScripts runs testdata/psql: an input is what a user types into psql, the output what psql shows.
func TestPsqlScripts(t *testing.T) {
	golden.RunFiles(t, "psql/*.txt", func(t *testing.T) func(*testing.T, *golden.Case) string {
		s := startServer(t)
		return func(t *testing.T, gc *golden.Case) string {
			cmd := psql(s)
			cmd.Stdin = strings.NewReader(gc.Input + "\n")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return string(out)
		}
	})
}

// TestPsqlInterrupt: FETCH_COUNT shows the rows of a push query as they come, and Ctrl-C ends it.
func TestPsqlInterrupt(t *testing.T) {
	s := startServer(t)
	setup := psql(s,
		"-c", "CREATE STREAM s (id INT KEY, v TEXT) WITH (kafka_topic = 's', partitions = 1, value_format = 'json')",
		"-c", "INSERT INTO s VALUES (1, 'a'), (2, 'b')")
	if out, err := setup.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := psql(s, "-t", "-v", "FETCH_COUNT=1")
	cmd.Stdin = strings.NewReader("SET auto_offset_reset = 'earliest';\nSELECT id FROM s EMIT CHANGES;\n")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rows, seen := bufio.NewScanner(out), 0
	for rows.Scan() {
		switch strings.TrimSpace(rows.Text()) {
		case "1":
			seen++
		case "2":
			seen++
			cmd.Process.Signal(os.Interrupt)
		}
	}
	// A script that was interrupted has a status of its own. Whether the server still had a FETCH to cancel depends on
	// how far psql was.
	err = cmd.Wait()
	if seen != 2 || cmd.ProcessState.ExitCode() != 3 || !strings.Contains(errs.String(), "Cancel request sent") {
		t.Errorf("%d rows, %v, %s", seen, err, &errs)
	}
}

// TestPsqlCopyFile: \copy from a file, to a file, and \watch.
func TestPsqlCopyFile(t *testing.T) {
	s := startServer(t)
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.csv"), filepath.Join(dir, "to.csv")
	var want strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&want, "%d,value %d\n", i, i%97)
	}
	if err := os.WriteFile(from, []byte(want.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := psql(s, "-v", "ON_ERROR_STOP=1",
		"-c", "CREATE STREAM s (id INT KEY, v TEXT) WITH (kafka_topic = 's', partitions = 1, value_format = 'json')",
		"-c", `\copy s FROM '`+from+`' WITH (FORMAT csv)`,
		"-c", `\copy (SELECT id, v FROM s ORDER BY id) TO '`+to+`' WITH (FORMAT csv)`)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "COPY 100000") {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(to)
	if err != nil || string(got) != want.String() {
		t.Fatalf("%v: %d bytes came back of %d", err, len(got), want.Len())
	}
	watch := psql(s, "-At")
	watch.Stdin = strings.NewReader("SELECT 'watched' \\watch 0.05\n")
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	lines, seen := bufio.NewScanner(out), 0
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), "watched") {
			if seen++; seen == 3 {
				watch.Process.Signal(os.Interrupt)
			}
		}
	}
	if err := watch.Wait(); seen < 3 {
		t.Errorf("%v after %d rounds", err, seen)
	}
}

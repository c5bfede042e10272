package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

var binary string

// TestMain builds the binary that the tests of this package run as users do.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "leat-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	end := func(code int) {
		_ = os.RemoveAll(dir) // what is left is temporary
		os.Exit(code)
	}
	binary = filepath.Join(dir, "leat")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=test", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		end(1)
	}
	postgres := goleak.IgnoreAnyFunction("github.com/leatdb/leat/internal/pgtest.Run.func1") // it ends with the tests
	goleak.VerifyTestMain(m, postgres, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		end(code)
	}))
}

// process is a server that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	pg     string // addresses
	kafka  string
	secure string // the Kafka door with TLS
	web    string
	log    *bytes.Buffer // to be read after the end
	exited chan error
}

// serve starts a server on a data directory and waits until it is ready. It is killed when the test ends before it.
func serve(t *testing.T, dir string, flags ...string) *process {
	t.Helper()
	return serveBin(t, binary, dir, flags...)
}

// serveBin is serve of some binary.
func serveBin(t *testing.T, bin, dir string, flags ...string) *process {
	t.Helper()
	p := &process{t: t, log: &bytes.Buffer{}, exited: make(chan error, 1)}
	args := []string{"start", "--data", dir, "--pg", "127.0.0.1:0", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0"}
	p.cmd = exec.Command(bin, append(args, flags...)...)
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // an error says that it has ended
	lines := bufio.NewScanner(stdout)
	for p.web == "" && lines.Scan() {
		switch f := strings.Fields(lines.Text()); f[0] {
		case "Postgres":
			p.pg = f[1]
		case "Kafka":
			if f[1] == "TLS" {
				p.secure = f[2]
			} else {
				p.kafka = f[1]
			}
		case "HTTP":
			p.web = f[1]
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		p.exited <- p.cmd.Wait()
	}()
	if p.web == "" {
		t.Fatalf("the server did not start: %v\n%s", <-p.exited, p.log)
	}
	return p
}

func (p *process) connect() *pgx.Conn {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), "postgres://leat@"+p.pg+"/leat?sslmode=disable")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// terminate sends a signal and wants a clean end.
func (p *process) terminate(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		if err != nil {
			p.t.Fatalf("the server ended with %v\n%s", err, p.log)
		}
	case <-time.After(20 * time.Second):
		p.t.Fatalf("the server did not end\n%s", p.log)
	}
}

// execute runs the statements of a text.
func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
}

func total(t *testing.T, conn *pgx.Conn) (n, sum int64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT n, total FROM sums").Scan(&n, &sum); err != nil {
		t.Fatal(err)
	}
	return n, sum
}

// TestTerminate ends the server in the middle of a push query and an open transaction, and finds everything after.
func TestTerminate(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		dir := filepath.Join(t.TempDir(), "data")
		p := serve(t, dir)
		conn := p.connect()
		execute(t, conn, `CREATE STREAM s (a int);
			CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(a) AS total FROM s;
			INSERT INTO s VALUES (1), (2), (3)`)
		open, live := p.connect(), p.connect()
		execute(t, open, "BEGIN; INSERT INTO s VALUES (1000)")
		ended := make(chan error, 1)
		go func() { ended <- live.PgConn().Exec(context.Background(), "SELECT * FROM s EMIT CHANGES").Close() }()
		execute(t, conn, "INSERT INTO s VALUES (4)")
		p.terminate(sig)
		var pg *pgconn.PgError
		if err := <-ended; err == nil || errors.As(err, &pg) && pg.Code != "57P01" {
			t.Errorf("the push query ended with %v", err)
		}

		p = serve(t, dir)
		conn = p.connect()
		if n, sum := total(t, conn); n != 4 || sum != 10 {
			t.Errorf("%d rows of total %d after the restart, want 4 of 10", n, sum)
		}
		execute(t, conn, "INSERT INTO s VALUES (5)")
		if n, sum := total(t, conn); n != 5 || sum != 15 {
			t.Errorf("%d rows of total %d after another insert, want 5 of 15", n, sum)
		}
		p.terminate(sig)
	}
}

// TestTerminateStarting ends a node that waits for a cluster that is not there: it was told to, so that is no error.
func TestTerminateStarting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	cmd := exec.Command(binary, "start", "--data", t.TempDir(), "--pg", "127.0.0.1:0", "--kafka", "", "--http", "",
		"--cluster", "127.0.0.1:0", "--join", nobody)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // an error says that it has ended
	var log []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if log = append(log, lines.Text()); strings.Contains(lines.Text(), "cannot join the cluster yet") {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	err, all := cmd.Wait(), strings.Join(log, "\n")
	if err != nil || !strings.Contains(all, "shutting down") || strings.Contains(all, "context canceled") {
		t.Errorf("it ended with %v\n%s", err, all)
	}
}

func TestSecondServer(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	out, err := exec.Command(binary, "start", "--data", dir, "--pg", "127.0.0.1:0", "--kafka", "", "--http", "").CombinedOutput()
	if exit := exitCode(err); exit != 1 || !bytes.Contains(out, []byte("another leat runs on "+dir)) {
		t.Errorf("exit status %d\n%s", exit, out)
	}
	execute(t, p.connect(), "SELECT 1") // the first goes on
}

// TestPortTaken wants what was opened before the door to be closed again, so that the directory can be used.
func TestPortTaken(t *testing.T) {
	p := serve(t, t.TempDir())
	dir := t.TempDir()
	out, err := exec.Command(binary, "start", "--data", dir, "--pg", p.pg, "--kafka", "", "--http", "").CombinedOutput()
	if exit := exitCode(err); exit != 1 || !bytes.Contains(out, []byte("address already in use")) {
		t.Errorf("exit status %d\n%s", exit, out)
	}
	serve(t, dir)
}

func TestWeb(t *testing.T) {
	p := serve(t, t.TempDir())
	for path, want := range map[string]string{"/healthz": "ok\n", "/metrics": "leat_steps_total"} {
		resp, err := http.Get("http://" + p.web + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(want)) {
			t.Errorf("%s: %s %v\n%s", path, resp.Status, err, body)
		}
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

func TestCommands(t *testing.T) {
	for _, x := range []struct {
		args           []string
		exit           int
		stdout, stderr string // parts
	}{
		{nil, 0, "leat start [flags]", ""},
		{[]string{"help"}, 0, "leat start [flags]", ""},
		{[]string{"--help"}, 0, "leat start [flags]", ""},
		{[]string{"version"}, 0, "leat test (go", ""},
		{[]string{"start", "-h"}, 0, "-checkpoint-interval", ""},
		{[]string{"sing"}, 2, "", `unknown command "sing"`},
		{[]string{"start", "--pg", "0.0.0.0:0", "--data", t.TempDir()}, 1, "", "user leat has no password"},
		{[]string{"start", "--log-level", "loud"}, 1, "", "--log-level"},
		{[]string{"start", "--data", "/dev/null/data"}, 1, "", "/dev/null"},
		{[]string{"start", "--nonsense"}, 1, "", "nonsense"},
	} {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(binary, x.args...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if exit := exitCode(cmd.Run()); exit != x.exit || !strings.Contains(stdout.String(), x.stdout) ||
			!strings.Contains(stderr.String(), x.stderr) {
			t.Errorf("leat %s: exit status %d, want %d\nstdout %s\nstderr %s",
				strings.Join(x.args, " "), exit, x.exit, &stdout, &stderr)
		}
	}
}

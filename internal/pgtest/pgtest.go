// Package pgtest gives tests a PostgreSQL server to compare with. It uses the programs installed on the machine, runs
// them in a temporary directory on a Unix socket, and needs no configuration.
package pgtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// script runs the server until standard input ends, which it does when the test process does, however it ends. Then
// nothing is left.
const script = `set -e
bin=$1 dir=$2
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1
shift 2
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c timezone=UTC "$@" >>"$dir/log" 2>&1 </dev/null &
read -r line || true
kill -QUIT $! 2>/dev/null || true
wait $! || true
rm -rf "$dir"
`

var (
	once  sync.Once
	dsn   string
	fault error
	// lifeline is the server's standard input. It stays open as long as the process lives.
	lifeline *os.File
)

// Start returns the connection string of a server of PostgreSQL that all tests of the process share. The server starts
// with the first call and ends with the process.
func Start(t testing.TB) string {
	t.Helper()
	once.Do(func() { dsn, fault = Run("fsync=off", "autovacuum=off", "shared_buffers=16MB") })
	if fault != nil {
		t.Fatalf("pgtest: %v", fault)
	}
	return dsn
}

// Run starts a server with these settings, name=value, and its own for the rest. It returns the connection string. One
// server a process may be started: it ends with the process.
func Run(settings ...string) (string, error) {
	bin, err := programs()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return "", err
	}
	args := []string{"-c", script, "pgtest", bin, dir}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir}
	if cmd.SysProcAttr, err = account(dir); err != nil {
		return "", err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	cmd.Stdin, lifeline = r, w
	if err := cmd.Start(); err != nil {
		return "", err
	}
	if err := r.Close(); err != nil {
		return "", err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return "host=" + dir + " user=postgres dbname=postgres sslmode=disable", await(dir, exited)
}

// await returns when the server is ready, which its pid file says.
func await(dir string, exited <-chan error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		select {
		case err := <-exited:
			return fmt.Errorf("the server ended: %w", err)
		case <-deadline:
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return fmt.Errorf("the server did not start: %s", log)
		case <-tick.C:
			pid, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
			if err == nil && bytes.Contains(pid, []byte("\nready")) {
				return nil
			}
		}
	}
}

// programs finds the directory of initdb and postgres, of version 15 if there is a choice.
func programs() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/15/bin")
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, glob := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin"} {
		found, _ := filepath.Glob(glob)
		dirs = append(dirs, found...)
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	for _, dir := range dirs {
		_, err1 := os.Stat(filepath.Join(dir, "initdb"))
		_, err2 := os.Stat(filepath.Join(dir, "postgres"))
		if err1 == nil && err2 == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no initdb and postgres found: install PostgreSQL 15")
}

// account returns the attributes of a process that is not root, as which PostgreSQL refuses to run, and gives it dir.
func account(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is for the tests
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTimeout is how long the server may take to open its door, and stopTimeout to close it.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// server is a running leat on a directory of its own.
type server struct {
	cmd   *exec.Cmd
	dir   string
	addr  string // of the Postgres door
	host  string
	port  string
	ended chan struct{} // closed when the process has ended
	exit  error         // how; to be read after ended
}

// startServer starts the binary on free ports and waits until it is ready.
func startServer(ctx context.Context, binary string) (_ *server, err error) {
	path, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	dir, err := os.MkdirTemp("", "leat-demo-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	data := filepath.Join(dir, "data")
	cmd := exec.Command(path, "start", "--data", data, "--pg", "127.0.0.1:0",
		"--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0")
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the demo, which stops the server itself
	cmd.Env = withoutSettings(os.Environ())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.cmd = cmd
	ready := make(chan string, 1)
	go func() {
		defer close(s.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "Postgres" {
				ready <- f[1]
			}
		}
		s.exit = cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case s.addr = <-ready:
	case <-s.ended:
		return nil, s.unexpected()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the server: %w", ctx.Err())
	}
	s.host, s.port, err = net.SplitHostPort(s.addr)
	return s, err
}

// withoutSettings removes LEAT_* variables, which would change the demo's server.
func withoutSettings(env []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "LEAT_") {
			out = append(out, v)
		}
	}
	return out
}

// unexpected says how the server ended by itself, with the end of its log.
func (s *server) unexpected() error {
	log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // without it there is less to tell
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("the server ended: %v\n%s", s.exit, strings.Join(lines[max(0, len(lines)-10):], "\n"))
}

// connect opens a connection. Its statements are not prepared by name, so that relations may come and go.
func (s *server) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=leat dbname=leat sslmode=disable", s.host, s.port))
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	return pgx.ConnectConfig(ctx, cfg)
}

// stop ends the server and removes its directory.
func (s *server) stop() error {
	var err error
	if s.cmd != nil {
		err = s.end()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *server) end() error {
	select {
	case <-s.ended:
		return nil
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		if s.exit != nil {
			return fmt.Errorf("stopping the server: %w", s.exit)
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(errors.New("the server did not stop and was killed"), s.cmd.Process.Kill())
	}
}

// Package crash runs the real binary to be killed: its tests check that nothing acknowledged is lost and that views
// go on as if nothing had happened.
package crash

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Build builds the binary into a directory of the test's and returns its path.
func Build(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "leat")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/leatdb/leat/cmd/leat")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// Server is a running leat.
type Server struct {
	t    testing.TB
	cmd  *exec.Cmd
	Addr string // of the Postgres door
	log  *os.File
}

// Start starts a server on a data directory and waits until it is ready. args are further flags.
func Start(t testing.TB, bin, data string, args ...string) *Server {
	t.Helper()
	log, err := os.OpenFile(data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, log: log}
	s.cmd = exec.Command(bin, append([]string{"start", "--data", data, "--pg", "127.0.0.1:0",
		"--kafka", "127.0.0.1:0", "--http", ""}, args...)...)
	s.cmd.Stderr = log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "Postgres" {
			s.Addr = f[1]
			s.deterministic(data)
			return s
		}
	}
	text, _ := os.ReadFile(data + ".log")
	t.Fatalf("the server did not become ready:\n%s", tail(text, 3000))
	return nil
}

// Doubt is what a server logs when a query is not what it was: computing a step again has not given the same.
const Doubt = "the state of a continuous query cannot be used"

// deterministic wants that no query has come to something else than before the restart.
func (s *Server) deterministic(data string) {
	s.t.Helper()
	text, err := os.ReadFile(data + ".log")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, found, ok := strings.Cut(string(text), Doubt); ok {
		s.t.Errorf("%s%.300s", Doubt, found)
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// Kill ends the server with SIGKILL. It may be called again.
func (s *Server) Kill() {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone by itself
	_ = s.cmd.Wait()         // the error says that it was killed
	s.log.Close()
}

// Connect opens a connection.
func (s *Server) Connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pgx.Connect(ctx, fmt.Sprintf("postgres://leat@%s/leat?sslmode=disable", s.Addr))
}

// MustConnect is Connect for tests that cannot go on without.
func (s *Server) MustConnect() *pgx.Conn {
	s.t.Helper()
	c, err := s.Connect(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

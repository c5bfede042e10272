package crash

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestReserve starts a server that may not touch the disk's last space, which is all there is: writes are refused with a
// clear error, reads go on, and once there is space again so do writes.
func TestReserve(t *testing.T) {
	bin := Build(t)
	data := filepath.Join(t.TempDir(), "data")
	s := Start(t, bin, data)
	run(t, s, "CREATE STREAM s (a int); CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s; INSERT INTO s VALUES (1); FLUSH")
	s.Kill()
	s = Start(t, bin, data, "--reserve", "1000000000")
	c := s.MustConnect()
	_, err := c.Exec(context.Background(), "INSERT INTO s VALUES (2)", pgx.QueryExecModeSimpleProtocol)
	wantDiskFull(t, err)
	if got := query(t, c, "SELECT n FROM v"); len(got) != 1 || got[0] != "1" {
		t.Errorf("while the disk is full the view shows %v", got)
	}
	s.Kill()
	s = Start(t, bin, data)
	run(t, s, "INSERT INTO s VALUES (3)")
	if got := query(t, s.MustConnect(), "SELECT n FROM v"); len(got) != 1 || got[0] != "2" {
		t.Errorf("with space again the view shows %v", got)
	}
}

func run(t *testing.T, s *Server, sql string) {
	t.Helper()
	if _, err := s.MustConnect().Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func wantDiskFull(t *testing.T, err error) {
	t.Helper()
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "53100" || e.Hint == "" {
		t.Errorf("got %v, want an error 53100 with a hint", err)
	}
}

//go:build clients

package crash

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jackc/pgx/v5"
)

// TestFullDisk fills a small file system under a server, as root may: writes are refused until there is space again,
// and nothing acknowledged is lost, not by a kill either.
func TestFullDisk(t *testing.T) {
	bin := Build(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=300m"); err != nil {
		t.Fatalf("this test needs to mount a file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	data := filepath.Join(dir, "data")
	s := Start(t, bin, data)
	run(t, s, "CREATE STREAM s (a int, b text); CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s; INSERT INTO s VALUES (1)")
	filler := filepath.Join(dir, "filler")
	fill(filler)
	c := s.MustConnect()
	_, err := c.Exec(context.Background(), "INSERT INTO s VALUES (2)", pgx.QueryExecModeSimpleProtocol)
	wantDiskFull(t, err)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	resumes(t, c)
	// A COPY fills the disk by itself.
	rows := strings.Repeat(`{"a": 7, "b": "`+strings.Repeat("x", 100)+`"}`+"\n", 3_000_000)
	_, err = c.PgConn().CopyFrom(context.Background(), strings.NewReader(rows), "COPY s FROM STDIN WITH (FORMAT json)")
	wantDiskFull(t, err)
	before := query(t, c, "SELECT n FROM v")
	if want := query(t, c, "SELECT count(*) FROM s"); before[0] != want[0] {
		t.Errorf("the view shows %s of %s rows", before[0], want[0])
	}
	s.Kill()
	s = Start(t, bin, data)
	if got := query(t, s.MustConnect(), "SELECT n FROM v"); got[0] != before[0] {
		t.Errorf("after a kill the view shows %s rows, before it %s", got[0], before[0])
	}
}

// fill writes a file until nothing more goes in.
func fill(path string) {
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for err == nil {
		_, err = f.Write(block)
	}
}

// resumes waits until a write succeeds again: free space is looked at now and then.
func resumes(t *testing.T, c *pgx.Conn) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		_, err := c.Exec(context.Background(), "INSERT INTO s VALUES (3)", pgx.QueryExecModeSimpleProtocol)
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("writes do not resume: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

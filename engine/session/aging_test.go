package session_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
)

// TestAging lets rows of views and tables come and go by the clock, with their state in the file, and with checkpoints
// that are lost. What is left is what a query finds among the rows that came.
func TestAging(t *testing.T) {
	s := open(t, t.TempDir())
	c := s.session()
	at := func(minute int) {
		moment := time.Date(2024, 5, 1, 0, minute, 0, 0, time.UTC)
		s.at.Store(&moment)
	}
	at(0)
	c.run(`CREATE STREAM s (k int, minute int, at timestamptz) WITH (timestamp = 'at');
		CREATE MATERIALIZED VIEW groups WITH (retention = '10 minutes', state_memory = '64kB') AS
			SELECT k, count(*) AS n, count(DISTINCT minute) AS minutes FROM s GROUP BY k;
		CREATE TABLE latest WITH (retention = '10 minutes') AS SELECT k, max(minute) AS minute FROM s GROUP BY k;
		CREATE MATERIALIZED VIEW rows WITH (retention = '10 minutes') AS SELECT k, minute FROM s WHERE k % 2 = 0;
		CREATE MATERIALIZED VIEW above AS SELECT count(*) AS groups, sum(n) AS n, sum(minutes) AS m FROM groups`)
	// In minute m the groups from 100*m on come, 1000 of them: each has a row in 10 minutes, and is idle before and after.
	for m := 1; m <= 26; m++ {
		at(m)
		c.run(fmt.Sprintf(`INSERT INTO s SELECT i, %[1]d, timestamptz '2024-05-01 00:00+00' + %[1]d * interval '1 minute'
			FROM generate_series(100 * %[1]d, 100 * %[1]d + 999) AS g(i)`, m))
		switch {
		case m%5 == 0:
			if err := s.eng.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		case m == 17 || m == 23:
			var backup bytes.Buffer // has the checkpoint that there is, and not that of closing
			if err := s.eng.Backup(t.Context(), &backup); err != nil {
				t.Fatal(err)
			}
			s.close()
			dir := filepath.Join(t.TempDir(), "restored")
			if err := engine.TakeBackup(&backup, dir, cluster.Config{Dir: dir + "/cluster"}); err != nil {
				t.Fatal(err)
			}
			s = openAt(t, dir, s.clock)
			c = s.session()
		}
		live := fmt.Sprintf("minute > %d", m-10)
		want := c.run(fmt.Sprintf(`SELECT count(*), sum(n), sum(n) FROM (SELECT k, count(*) AS n FROM s GROUP BY k
			HAVING max(minute) > %[1]d) x; SELECT count(*), sum(top) FROM (SELECT k, max(minute) AS top FROM s GROUP BY k
			HAVING max(minute) > %[1]d) x; SELECT count(*), sum(k) FROM s WHERE k %% 2 = 0 AND %[2]s`, m-10, live))
		got := c.run(`SELECT * FROM above; SELECT count(*), sum(minute) FROM latest; SELECT count(*), sum(k) FROM rows`)
		if got != want {
			t.Fatalf("in minute %d: %s instead of %s", m, got, want)
		}
	}
	// Groups that were idle begin anew.
	at(60)
	if got := c.run("SELECT groups FROM above; SELECT count(*) FROM latest; SELECT count(*) FROM rows"); got != "0\n0\n0\n" {
		t.Fatal(got)
	}
	c.run("INSERT INTO s VALUES (2500, 60, '2024-05-01 01:00+00'), (2501, 45, '2024-05-01 00:45+00')")
	if got := c.run("SELECT * FROM groups"); got != "2500|1|1\n" {
		t.Fatal(got)
	}
	s.close()
}

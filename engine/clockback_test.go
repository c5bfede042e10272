package engine_test

import (
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
)

// TestClockSetBack sets the clock back while a view forgets its groups as they age: computing the steps again after a
// restart comes to the same.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := func(c *engine.Config) { c.Now = func() time.Time { return at } }
	s := serve(t, dir, clock)
	s.want(`CREATE STREAM s (at timestamptz, k text) WITH (timestamp = 'at');
		CREATE MATERIALIZED VIEW v WITH (retention = '1 hour') AS SELECT k, count(*) AS n FROM s GROUP BY k;
		INSERT INTO s VALUES ('2024-05-01 11:50+00', 'a'); SELECT k FROM v`, "a")
	if err := s.eng.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	at = at.Add(-30 * time.Minute)
	s.want("INSERT INTO s VALUES ('2024-05-01 10:45+00', 'b')", "")
	got := s.ask("SELECT k FROM v ORDER BY k")
	s.eng.Kill()
	s.close()
	s = serve(t, dir, clock)
	s.want("SELECT state FROM leat_catalog.queries", "RUNNING")
	s.want("SELECT k FROM v ORDER BY k", got)
	s.close()
}

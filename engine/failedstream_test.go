package engine_test

import (
	"strconv"
	"testing"

	"github.com/leatdb/leat/engine"
)

// TestReadFailedStream has a view read a stream whose query has failed before the server was started again: it gets all
// that is there, and what comes when the query goes on, through restarts.
func TestReadFailedStream(t *testing.T) {
	dir := t.TempDir()
	small := func(c *engine.Config) { c.StepBytes = 1 }
	s := serve(t, dir, small)
	s.want("CREATE STREAM s (a int); CREATE STREAM made AS SELECT a FROM s", "")
	for i := range 50 {
		s.want("INSERT INTO s VALUES ("+strconv.Itoa(i)+")", "")
	}
	s.want("SELECT count(*) FROM made", "50")
	if err := s.eng.Break("made"); err != nil {
		t.Fatal(err)
	}
	s.want("INSERT INTO s VALUES (50)", "")
	s.want("FLUSH made", "ERROR 55000")
	s.close()
	s = serve(t, dir, small)
	s.want("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM made", "")
	for i := range 3 {
		if err := s.eng.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.eng.Kill()
		s.close()
		s = serve(t, dir, small)
		if i == 1 {
			s.want("RESUME ALL", "")
		}
	}
	s.want("SELECT count(*) FROM made", "51")
	s.want("SELECT n FROM v", "51")
	s.want("INSERT INTO s VALUES (51); SELECT n FROM v", "52")
	s.eng.Kill()
	s.close()
	s = serve(t, dir, small)
	s.want("SELECT state FROM leat_catalog.queries", "RUNNING,RUNNING")
	s.want("SELECT n FROM v", "52")
	s.close()
}

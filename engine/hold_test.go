package engine_test

import (
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
)

// start is where a topic's only partition begins.
func (s *served) start(topic string) int64 {
	s.t.Helper()
	t, ok := s.node.Topic(topic)
	if !ok {
		s.t.Fatal("no topic " + topic)
	}
	start, _, err := s.node.Bounds(t.IDs[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return start
}

// TestHoldWhatIsLeft has retention leave what a paused query, and one that failed, have not read of a stream that they
// read as it was made before, also while no checkpoint says that they do.
func TestHoldWhatIsLeft(t *testing.T) {
	for _, test := range []struct{ name, view string }{
		{"paused", "CREATE MATERIALIZED VIEW v AS SELECT a FROM made"},
		{"failed", "CREATE STREAM v AS SELECT a FROM made"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serveNode(t, t.TempDir(), cluster.Config{SegmentSizeBytes: 1 << 10, RetentionCheck: 10 * time.Millisecond})
			s.want("CREATE STREAM s (a int); CREATE STREAM made WITH (retention_ms = 1) AS SELECT a FROM s", "")
			s.want("CREATE STREAM other WITH (retention_ms = 1) AS SELECT a FROM s; "+test.view, "")
			checkpoint := func() {
				t.Helper()
				s.want("INSERT INTO s VALUES (1); SELECT count(*) > 0 FROM v", "t")
				if err := s.eng.Checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			checkpoint()
			checkpoint()
			n := s.ask("SELECT count(*) FROM v")
			id := s.ask("SELECT id FROM leat_catalog.queries WHERE relation = 'v'")
			if test.name == "paused" {
				s.want("PAUSE "+id, "")
			} else if err := s.eng.Break("v"); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				begun := s.start("other")
				s.want("INSERT INTO s SELECT n FROM generate_series(1, 100) AS g(n); FLUSH made, other", "")
				s.want("INSERT INTO s SELECT n FROM generate_series(1, 100) AS g(n); FLUSH made, other", "")
				for end := time.Now().Add(10 * time.Second); s.start("other") == begun; {
					if time.Now().After(end) {
						t.Fatal("retention takes nothing")
					}
				}
				if err := s.eng.Checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			s.want("RESUME "+id, "")
			s.want("SELECT count(*) - "+n+" FROM v", "400")
			s.close()
		})
	}
}

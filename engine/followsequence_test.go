package engine_test

import (
	"fmt"
	"testing"

	"github.com/leatdb/leat/cluster"
)

// TestSequenceFollowed asks a node that follows where a sequence is. The node that leads draws from it; when the other
// one comes to lead, no number is drawn twice.
func TestSequenceFollowed(t *testing.T) {
	s := serve(t, t.TempDir())
	defer s.close()
	s.want("CREATE TABLE t (a int); CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t; CREATE SEQUENCE q", "")
	s.eng.Frozen("v", true)
	q, _ := s.eng.Catalog().Relation("public", "q")
	at := func(want int64) {
		t.Helper()
		if last, _, _, err := s.eng.SequenceState(q.ID); err != nil || last != want {
			t.Errorf("it is at %d, %v", last, err)
		}
	}
	at(1)
	drawn := cluster.Change{Put: map[string][]byte{fmt.Sprint("sequence/", q.ID): []byte(`{"last":100,"called":true}`)}}
	if _, err := s.node.Update(t.Context(), drawn); err != nil {
		t.Fatal(err)
	}
	at(100)
	s.eng.Frozen("v", false)
	s.want("SELECT nextval('q')", "101")
}

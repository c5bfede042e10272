package engine_test

import (
	"testing"

	"github.com/leatdb/leat/engine"
)

// TestLentCheckpoint keeps the steps for a node that was given a checkpoint, until it has gone on from it.
func TestLentCheckpoint(t *testing.T) {
	var copies *engine.Copies
	s := serve(t, t.TempDir(), func(c *engine.Config) {
		copies = engine.NewCopies(c.Node, c.Dir, c.Logger)
		copies.Among(c.Node.Self(), c.Node.Self()+1)
		c.Copies = copies
	})
	defer s.close()
	joins := s.node.Self() + 2
	goOn := func() int64 {
		t.Helper()
		for range 3 {
			s.want("INSERT INTO t VALUES (1)", "")
			if err := s.eng.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := copies.Got(s.node.Self()+1, s.eng); err != nil {
				t.Fatal(err)
			}
		}
		first, err := s.eng.StepsKept()
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	s.want("CREATE TABLE t (a int); CREATE MATERIALIZED VIEW v AS SELECT sum(a) AS n FROM t", "")
	begin := goOn()
	steps, err := copies.Lent(joins, s.eng)
	if err != nil {
		t.Fatal(err)
	}
	if steps <= begin {
		t.Fatalf("lent from step %d, where the steps begin at %d", steps, begin)
	}
	if first := goOn(); first > steps {
		t.Fatalf("the steps begin at %d, which the node needs from %d", first, steps)
	}
	copies.Repaid(joins)
	if first := goOn(); first <= steps {
		t.Fatalf("the steps begin at %d, which nobody needs from %d", first, steps)
	}
}

// TestOutdatedBetweenSteps tells those who wait for an engine that follows when its catalog is outdated in the middle of
// a round: it goes no further.
func TestOutdatedBetweenSteps(t *testing.T) {
	s := serve(t, t.TempDir(), func(c *engine.Config) { c.Copies = engine.NewCopies(c.Node, c.Dir, c.Logger) })
	defer s.close()
	if s.eng.Outdate() == nil {
		t.Fatal("they wait on")
	}
}

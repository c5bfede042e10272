package engine_test

import (
	"testing"

	"github.com/leatdb/leat/engine"
)

// TestReplacedTwice replaces a query again while no other node has a checkpoint since it was replaced first: what it was
// is kept until one has, and other statements go on.
func TestReplacedTwice(t *testing.T) {
	var copies *engine.Copies
	s := serve(t, t.TempDir(), func(c *engine.Config) {
		copies = engine.NewCopies(c.Node, c.Dir, c.Logger)
		copies.Among(c.Node.Self(), c.Node.Self()+1, c.Node.Self()+2)
		c.Copies = copies
	})
	defer s.close()
	s.want("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2); "+
		"CREATE MATERIALIZED VIEW v AS SELECT sum(a) AS n FROM t; SELECT n FROM v", "3")
	s.want("CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT sum(a * 2) AS n FROM t; SELECT n FROM v", "6")
	done := s.launch("CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT sum(a * 3) AS n FROM t")
	for range 5 {
		if err := s.eng.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.want("INSERT INTO t VALUES (0) ON CONFLICT (a) DO UPDATE SET a = 0; SELECT n FROM v", "6")
		s.want("CREATE TABLE other (a int); DROP TABLE other", "") // nobody is in the way of other statements
		if rel, _ := s.eng.Catalog().Relation("public", "v"); rel.Was == nil || rel.Next != nil {
			t.Fatal("what the view was is forgotten")
		}
	}
	if err := copies.Got(s.node.Self()+1, s.eng); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.want("SELECT n FROM v", "9")
}

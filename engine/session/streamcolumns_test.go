package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/sqlerr"
)

// TestStreamColumns reads a stream again and again, by different columns, while it grows, is altered and loses its
// beginning. Pieces of it are kept between the queries, in too little memory for all: what they show is what there is.
func TestStreamColumns(t *testing.T) {
	s := openAt(t, t.TempDir(), clock{&atomic.Pointer[time.Time]{}}, func(c *engine.Config) { c.StepBytes, c.ColumnBytes = 4<<10, 200<<10 })
	defer s.close()
	c := s.session()
	defer c.s.Close()
	c.run("CREATE STREAM a (i int, v text, w int) WITH (kafka_topic = 'a', partitions = 2, value_format = 'JSON')")
	c.run("CREATE STREAM b (i int)")
	c.run("INSERT INTO b SELECT i FROM generate_series(1, 3000) i")
	topic, _ := s.node.Topic("a")
	r := rand.New(rand.NewPCG(1, 2))
	n := 0
	for round := range 60 {
		switch {
		case round == 30:
			if out := c.run("ALTER STREAM a ADD COLUMN x int"); out != "ALTER STREAM\n" {
				t.Fatal(out)
			}
		case round%3 == 0:
			more := 1 + r.IntN(400)
			c.run(fmt.Sprintf("INSERT INTO a (i, v, w) SELECT i, 'v' || i, -i FROM generate_series(%d, %d) i", n+1, n+more))
			n += more
		}
		sum := n * (n + 1) / 2
		for query, want := range map[string]string{
			"SELECT sum(i) FROM a":                                            fmt.Sprint(sum),
			"SELECT sum(w) FROM a":                                            fmt.Sprint(-sum),
			"SELECT count(v), sum(i + w) FROM a":                              fmt.Sprintf("%d|0", n),
			"SELECT count(*) FROM a WHERE v = 'v' || i":                       fmt.Sprint(n),
			"SELECT count(DISTINCT (rowpartition::text || rowoffset)) FROM a": fmt.Sprint(n),
			"SELECT sum(i) FROM b":                                            "4501500",
		} {
			if r.IntN(2) == 0 {
				continue
			}
			if out := c.run(query); out != want+"\n" {
				t.Fatalf("round %d: %s gives %q, want %q", round, query, out, want)
			}
		}
	}
	gone := 0
	for _, id := range topic.IDs {
		start, end, err := s.node.Bounds(id)
		if err != nil {
			t.Fatal(err)
		}
		to := start + (end-start)/3
		if err := s.node.Trim(context.Background(), id, to); err != nil {
			t.Fatal(err)
		}
		gone += int(to - start)
	}
	for range 2 {
		if out, want := c.run("SELECT count(i), count(*) FROM a"), fmt.Sprintf("%d|%d\n", n-gone, n-gone); out != want {
			t.Errorf("%q after records were deleted, want %q", out, want)
		}
	}
}

// TestTrimmedWhileRead: a query whose client is slow fails when retention overtakes it; it never leaves rows out.
func TestTrimmedWhileRead(t *testing.T) {
	s := openAt(t, t.TempDir(), clock{&atomic.Pointer[time.Time]{}}, func(c *engine.Config) { c.StepBytes = 4 << 10 })
	defer s.close()
	c := s.session()
	defer c.s.Close()
	c.run("CREATE STREAM a (i int) WITH (kafka_topic = 'a', value_format = 'JSON')")
	c.run("INSERT INTO a SELECT i FROM generate_series(1, 1000) i; INSERT INTO a SELECT i FROM generate_series(1, 1000) i")
	stmts, err := c.s.Parse("SELECT i FROM a")
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.s.Prepare(t.Context(), stmts[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Execute(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic, _ := s.node.Topic("a")
	if err := s.node.Trim(t.Context(), topic.IDs[0], 1500); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next(t.Context())
	}
	if sqlerr.From(err).Code != sqlerr.SnapshotTooOld {
		t.Error(err)
	}
	if out := c.run("SELECT count(*) FROM a"); out != "500\n" {
		t.Error(out)
	}
}

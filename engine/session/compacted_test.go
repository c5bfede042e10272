package session_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
)

// openHolding is open with a node that asks the engine what it still needs, and looks after retention all the time.
func openHolding(t *testing.T, dir string) *server {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	node, err := cluster.Open(context.Background(), cluster.Config{Dir: dir + "/cluster", Logger: quiet,
		HoldRetention: true, RetentionCheck: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.Open(context.Background(), engine.Config{Node: node, Dir: dir, Logger: quiet,
		CheckpointEvery: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return &server{t: t, dir: dir, node: node, eng: eng, clock: clock{new(atomic.Pointer[time.Time])}}
}

// TestCompactedTopic lets a topic be compacted under a view: the view keeps what it has made of all records, one that is
// made later finds the newest of each key, and a restart changes neither.
func TestCompactedTopic(t *testing.T) {
	dir := t.TempDir()
	s := openHolding(t, dir)
	c := s.session()
	c.run(`CREATE STREAM s (id text KEY, n int) WITH (kafka_topic = 'c', partitions = 1, value_format = 'json');
		CREATE TABLE before AS SELECT id, count(*) AS n FROM s GROUP BY id`)
	for i := range 60 {
		c.run(fmt.Sprintf("INSERT INTO s VALUES ('k%d', %d)", i%3, i))
	}
	compact, always := "compact", "0"
	if err := s.node.AlterTopic(t.Context(), "c", map[string]*string{"cleanup.policy": &compact,
		"min.cleanable.dirty.ratio": &always}, false); err != nil {
		t.Fatal(err)
	}
	const count = "SELECT count(*) FROM s WHERE id <> 'other'"
	for i := 60; c.run(count) != "3\n"; i++ { // a step makes a checkpoint, which says what is needed no more
		c.run(fmt.Sprintf("INSERT INTO s VALUES ('other', %d)", i))
		runtime.Gosched()
	}
	c.run("CREATE TABLE after AS SELECT id, count(*) AS n, max(n) AS newest FROM s WHERE id <> 'other' GROUP BY id")
	for range 2 {
		if got := c.run("SELECT id, n FROM before WHERE id <> 'other' ORDER BY id"); got != "k0|20\nk1|20\nk2|20\n" {
			t.Fatal("the view of before has\n", got)
		}
		if got := c.run("SELECT id, n, newest FROM after ORDER BY id"); got != "k0|1|57\nk1|1|58\nk2|1|59\n" {
			t.Fatal("the view of after has\n", got)
		}
		for c.run(count) != "3\n" { // a compaction that no manifest knows is done again after a restart
			runtime.Gosched()
		}
		s.close()
		s = openHolding(t, dir)
		c = s.session()
	}
	s.close()
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
)

// documents are those that are not the node's own.
func documents(n *Node) (uint64, map[string][]byte) {
	v, docs := n.Documents()
	delete(docs, levelKey)
	return v, docs
}

func TestDocuments(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	v0, docs := documents(n)
	if len(docs) != 0 {
		t.Fatalf("documents of a fresh node: %v", docs)
	}
	changed := n.Changed()
	v1 := update(t, n, Change{IfVersion: v0, Put: map[string][]byte{"a": []byte("1"), "b": []byte("2")}})
	<-changed
	if v1 != v0+1 {
		t.Fatalf("version %d after %d", v1, v0)
	}
	for name, refused := range map[string]struct {
		change Change
		err    error
	}{
		"old version":   {Change{IfVersion: v1 + 7, Put: map[string][]byte{"a": []byte("x")}}, ErrConflict},
		"unknown topic": {Change{Put: map[string][]byte{"a": []byte("x")}, DeleteTopics: []string{"t"}}, ErrNoTopic},
		"no partitions": {Change{Put: map[string][]byte{"a": []byte("x")}, CreateTopics: []TopicConfig{{Name: "t"}}},
			ErrTopicConfig},
		"twice": {Change{Put: map[string][]byte{"a": []byte("x")},
			CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}, {Name: "t", Partitions: 1}}}, ErrTopicExists},
	} {
		if _, err := n.Update(t.Context(), refused.change); !errors.Is(err, refused.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check := func(version uint64, want string) {
		t.Helper()
		v, docs := documents(n)
		if got := fmt.Sprintf("%s", docs); v != version || got != want {
			t.Fatalf("version %d: %s, want %d: %s", v, got, version, want)
		}
	}
	check(v1, "map[a:1 b:2]")
	v2 := update(t, n, Change{IfVersion: v1, Put: map[string][]byte{"c": nil}, Delete: []string{"a", "never was"}})
	check(v2, "map[b:2 c:]")
	closeNode(t, n)
	n = openNode(t, cfg)
	check(v2, "map[b:2 c:]")
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	v3 := update(t, n, Change{Put: map[string][]byte{"b": []byte("3")}})
	closeNode(t, n)
	n = openNode(t, cfg)
	check(v3, "map[b:3 c:]")
}

// TestControlFromSnapshot loses the control database: its snapshot and the log bring it back.
func TestControlFromSnapshot(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	update(t, n, Change{Put: map[string][]byte{"a": []byte("1")}})
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	v := update(t, n, Change{Put: map[string][]byte{"b": []byte("2")}})
	closeNode(t, n)
	if err := os.Remove(cfg.Dir + "/control.db"); err != nil {
		t.Fatal(err)
	}
	n = openNode(t, cfg)
	if got, docs := documents(n); got != v || fmt.Sprintf("%s", docs) != "map[a:1 b:2]" {
		t.Fatalf("version %d: %s", got, docs)
	}
}

func TestTopics(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	old := create(t, n, "orders", 3)
	create(t, n, "clicks", 1)
	appendTo(t, n, old[1], "x")
	w := n.Topics()
	if len(w) != 2 || w[0].Name != "clicks" || w[1].Name != "orders" || len(w[1].IDs) != 3 {
		t.Fatalf("topics %+v", w)
	}
	// Dropped and made again under the same name in one change.
	update(t, n, Change{DeleteTopics: []string{"orders"}, CreateTopics: []TopicConfig{{Name: "orders", Partitions: 2}}})
	topic, _ := n.Topic("orders")
	if len(topic.IDs) != 2 || topic.IDs[0] <= old[2] || topic.ID == w[1].ID {
		t.Fatalf("the new topic is %+v", topic)
	}
	gone := func() {
		t.Helper()
		if _, err := n.Append(t.Context(), Append{old[1], batch("y")}); !errors.Is(err, ErrNoPartition) {
			t.Fatalf("append to a dropped partition: %v", err)
		}
		if _, err := n.Read(old[1], 0, 100, nil); !errors.Is(err, ErrNoPartition) {
			t.Fatalf("read of a dropped partition: %v", err)
		}
	}
	gone()
	appendTo(t, n, topic.IDs[0], "new")
	for range 2 {
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(fmt.Sprintf("%s/shards/0/%d", cfg.Dir, old[1])); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the files of a dropped partition: %v", err)
		}
		closeNode(t, n)
		n = openNode(t, cfg)
		gone()
		expectValues(t, n, topic.IDs[0], "new")
	}
	update(t, n, Change{DeleteTopics: []string{"orders", "clicks"}})
	if len(n.Topics()) != 0 {
		t.Fatalf("topics left: %+v", n.Topics())
	}
}

// TestDropIsReplayed restarts after a drop that no snapshot has: entries before it are applied again, then it is.
func TestDropIsReplayed(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "a", 1)
	for i := range 50 {
		appendTo(t, n, p[0], fmt.Sprint("v", i))
	}
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		appendTo(t, n, p[0], fmt.Sprint("w", i))
	}
	if _, err := n.do(t.Context(), 0, op{kind: opDrop, partitions: p}); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	n = openNode(t, cfg) // the topic is still there: its partition is made again, empty
	expectValues(t, n, p[0])
}

func TestShards(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Shards = 3
	n := openNode(t, cfg)
	p := create(t, n, "spread", 6)
	home := uint64(5)
	update(t, n, Change{CreateTopics: []TopicConfig{{Name: "out", Partitions: 4, Home: home}}})
	out, _ := n.Topic("out")
	_, err := n.Append(t.Context(), Append{p[0], batch("a")}, Append{p[1], batch("b")})
	if !errors.Is(err, ErrManyShards) {
		t.Fatalf("append to two shards: %v", err)
	}
	for i, id := range p {
		appendTo(t, n, id, fmt.Sprint("value ", i))
	}
	epoch, _, err := n.ClaimFlow(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	var appends []Append
	for _, id := range out.IDs {
		appends = append(appends, Append{id, batch("out")})
	}
	if _, err := n.CommitStep(t.Context(), Step{home, epoch, 1, appends}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.CommitStep(t.Context(), Step{home + 1, 1, 1, appends}); !errors.Is(err, ErrManyShards) {
		t.Fatalf("a step away from home: %v", err)
	}
	closeNode(t, n)
	cfg.Shards = 1 // a setting for new clusters only
	n = openNode(t, cfg)
	for i, id := range p {
		expectValues(t, n, id, fmt.Sprint("value ", i))
	}
	for _, id := range out.IDs {
		expectValues(t, n, id, "out")
	}
}

func TestOpenTwice(t *testing.T) {
	cfg := testConfig(t.TempDir())
	openNode(t, cfg)
	if n, err := Open(context.Background(), cfg); err == nil {
		n.Close()
		t.Fatal("a directory was opened twice")
	}
}

// TestUpdateIsGivenUp changes topics for somebody who gives up at any moment: who is told that it failed finds nothing
// of it, and who is told nothing of the kind can append.
func TestUpdateIsGivenUp(t *testing.T) {
	n := openNode(t, testConfig(t.TempDir()))
	done := 0
	for i := range 300 {
		name := fmt.Sprint("t", i)
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, err := n.Update(ctx, Change{CreateTopics: []TopicConfig{{Name: name, Partitions: 1}}})
		topic, there := n.Topic(name)
		if there != (err == nil) {
			t.Fatalf("topic %s is there: %v, after %v", name, there, err)
		}
		if there {
			done++
			if _, err := n.Append(t.Context(), Append{topic.IDs[0], batch("x")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d of 300 were done", done)
}

// TestChangeIsWrittenAgain gives a topic's new partitions numbers of their own, when the disk was full at first.
func TestChangeIsWrittenAgain(t *testing.T) {
	n := openNode(t, testConfig(t.TempDir()))
	create(t, n, "a", 1)
	c := n.control
	change := Change{AlterTopics: []AlterTopic{{Name: "a", Partitions: 3}}}
	next, err := c.view.Load().after(&change)
	want(t, err, nil)
	nextPartition := func(full error) (found uint64) {
		err := c.db.Update(func(tx *bbolt.Tx) error {
			err := c.write(tx, 1, &change, next)
			found = number(tx.Bucket(bucketMeta), keyNextPartition)
			return errors.Join(err, full)
		})
		want(t, err, full)
		return found
	}
	first := nextPartition(syscall.ENOSPC)
	if again := nextPartition(nil); again != first || len(next.topics["a"].IDs) != 3 {
		t.Fatalf("the next partition is %d, and %d after a second attempt; topic %+v", first, again, next.topics["a"])
	}
}

package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
)

// TestEnvelopes follows headers and null values from a topic through streams that are made of it row by row: a
// projection passes null values on, a filter and an aggregation see no row in them.
func TestEnvelopes(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c := s.session()
	c.run("CREATE STREAM s (k text KEY, v int); CREATE STREAM a AS SELECT k, v + 1 AS w FROM s;" +
		"CREATE STREAM b AS SELECT k, w FROM a; CREATE STREAM f AS SELECT k, v FROM s WHERE k = 'x';" +
		"CREATE TABLE n AS SELECT k, count(*) AS n FROM a GROUP BY k")
	ctx := context.Background()
	var records log.Builder
	trace := []log.RecordHeader{{Key: []byte("trace"), Value: []byte("1")}, {Key: []byte("none")}}
	records.Append([]byte("x"), []byte(`{"v": 1}`), 1, trace)
	records.Append([]byte("x"), nil, 2, trace[:1])
	records.Append([]byte("x"), []byte(`{"v": 2}`), 3, nil)
	topic, _ := s.node.Topic("s")
	if _, err := s.node.Append(ctx, cluster.Append{Partition: topic.IDs[0], Batches: records.Finish()}); err != nil {
		t.Fatal(err)
	}
	if got := c.run("FLUSH; SELECT count(*) FROM s; SELECT count(*) FROM b; SELECT n FROM n"); got != "FLUSH\n2\n2\n2\n" {
		t.Error(got)
	}
	for name, want := range map[string]string{
		"a": `x={"w":2} trace=1 none= | x= trace=1 | x={"w":3}`,
		"b": `x={"w":2} trace=1 none= | x= trace=1 | x={"w":3}`,
		"f": `x={"v":1} trace=1 none= | x={"v":2}`,
	} {
		if got := recordsOf(t, s.node, name); got != want {
			t.Errorf("stream %s: %s, want %s", name, got, want)
		}
	}
}

// recordsOf prints the records of a topic's partition 0.
func recordsOf(t *testing.T, node *cluster.Node, name string) string {
	t.Helper()
	topic, _ := node.Topic(name)
	batches, err := node.Read(topic.IDs[0], 0, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for len(batches) > 0 {
		_, batch, rest, err := log.NextBatch(batches)
		if err != nil {
			t.Fatal(err)
		}
		batches = rest
		var rd log.Reader
		if err := rd.Reset(batch); err != nil {
			t.Fatal(err)
		}
		for r := (log.Record{}); rd.Next(&r); {
			line := fmt.Sprintf("%s=%s", r.Key, r.Value)
			for _, h := range r.AppendHeaders(nil) {
				line += fmt.Sprintf(" %s=%s", h.Key, h.Value)
			}
			out = append(out, line)
		}
	}
	return strings.Join(out, " | ")
}

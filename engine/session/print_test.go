package session_test

import (
	"context"
	"io"
	"strings"
	"testing"
)

// TestPrintWaits has PRINT begin at the end of a topic, wait for records, and be cancelled.
func TestPrintWaits(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	c, w := s.session(), s.session()
	w.run("CREATE STREAM s (v int) WITH (partitions = 2); INSERT INTO s VALUES (1)")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begin := func(sql string) func() (string, error) {
		stmts, err := c.s.Parse(sql)
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.s.Prepare(ctx, stmts[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Execute(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return func() (string, error) {
			b, err := r.Next(ctx)
			if err != nil {
				return "", err
			}
			return string(b.Cols[4].AppendText(nil, 0, c.s.OutputEnv())), nil
		}
	}
	r := begin("PRINT s LIMIT 2")
	for _, v := range []string{"2", "3"} {
		w.run("INSERT INTO s VALUES (" + v + ")")
		if got, err := r(); err != nil || got != `{"v":`+v+`}` {
			t.Fatalf("got %s, %v", got, err)
		}
	}
	if _, err := r(); err != io.EOF {
		t.Fatalf("at its limit PRINT gives %v", err)
	}
	r = begin("PRINT s")
	cancel()
	if _, err := r(); err == nil || !strings.Contains(errorText(err), "57014") {
		t.Fatalf("a cancelled PRINT gives %v", err)
	}
}

package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/conversation"
	"github.com/leatdb/leat/internal/golden"
)

// TestConversations runs testdata/conversation: what a client says, message by message, and what a whole server answers.
// A case is a conversation of its own (see internal/conversation for its lines); those of a file share a server. Besides:
//
//	running       waits until the server has a statement of the client's under way
//
// PostgreSQL answers the same, but in cases that say "Leat alone": TestConversationsOfPostgres compares.
func TestConversations(t *testing.T) {
	golden.RunFiles(t, "conversation/*.txt", func(t *testing.T) func(*testing.T, *golden.Case) string {
		s := inProcess(t)
		return func(t *testing.T, gc *golden.Case) string {
			return talk(t, conversation.TCP(s.addrs().pg.String())).Run(gc.Input)
		}
	})
}

// talk begins a conversation.
func talk(t *testing.T, dial func() (net.Conn, error)) *conversation.Script {
	c := conversation.Dial(t, dial)
	c.On("running", func([]string) { running(t, c) })
	return c
}

// inProcess starts a server that ends with the test, soon.
func inProcess(t *testing.T, flags ...string) *server {
	t.Helper()
	args := []string{"--data", t.TempDir(), "--pg", "127.0.0.1:0", "--kafka", "", "--http", ""}
	c, err := load(append(args, flags...), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		began := time.Now()
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 9*time.Second { // close gives up after ten
			t.Errorf("the server took %s to end", took)
		}
	})
	return s
}

// running waits until the server has a statement of the client's under way. PostgreSQL says so while it still parses;
// what is waited for sleeps.
func running(t *testing.T, c *conversation.Script) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for c.Ask("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid = $pid "+
		"AND (wait_event = 'PgSleep' OR version() LIKE '%Leat%')") != "1" {
		if ctx.Err() != nil {
			t.Fatal("no statement runs")
		}
	}
}

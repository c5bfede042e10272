package pgwire

import (
	"context"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/conversation"
	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/sql/scram"
)

// TestScripts runs testdata/pgwire. Every case is a conversation of its own: see internal/conversation for its lines. There
// are two more:
//
//	running        waits until a statement that lasts has begun
//	shutdown       closes the server
func TestScripts(t *testing.T) {
	golden.RunFiles(t, "pgwire/*.txt", func(*testing.T) func(*testing.T, *golden.Case) string {
		return func(t *testing.T, gc *golden.Case) string {
			s := newScript(t)
			out := s.Run(gc.Input)
			s.fake.await(t, "open sessions", &s.fake.open, 0)
			if n := s.fake.value(&s.fake.results); n != 0 {
				t.Errorf("%d results were not closed", n)
			}
			return out
		}
	})
}

// script is a conversation with a server over the fake.
type script struct {
	*conversation.Script
	fake   *fakeBackend
	server *Server
}

func newScript(t testing.TB) *script {
	fake := newFake()
	server := listen(t, Config{Backend: fake, Auth: fakeUsers{scram.New(scram.SHA256, "enchantress")},
		MaxMessageBytes: 1 << 20, MaxConnections: 2})
	s := &script{conversation.Dial(t, conversation.TCP(server.Addr().String())), fake, server}
	s.On("running", func([]string) { <-fake.running })
	s.On("shutdown", func([]string) {
		if err := server.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
	return s
}

// listen starts a server that ends with the test.
func listen(t testing.TB, cfg Config) *Server {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	if cfg.Grace == 0 {
		cfg.Grace = 100 * time.Millisecond
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.Close(ctx)
		if ctx.Err() != nil {
			t.Error("the server did not end")
		}
	})
	return s
}

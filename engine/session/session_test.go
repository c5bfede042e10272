package session_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// server is a node and its engine in a directory.
type server struct {
	t    testing.TB
	dir  string
	node *cluster.Node
	eng  *engine.Engine
	clock
}

// clock is the time of a server: a moment a test has set, or else the real one.
type clock struct{ at *atomic.Pointer[time.Time] }

func (c clock) now() time.Time {
	if t := c.at.Load(); t != nil {
		return *t
	}
	return time.Now()
}

func open(t testing.TB, dir string) *server {
	t.Helper()
	return openAt(t, dir, clock{&atomic.Pointer[time.Time]{}})
}

func openAt(t testing.TB, dir string, c clock, change ...func(*engine.Config)) *server {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	node, err := cluster.Open(context.Background(), cluster.Config{Dir: dir + "/cluster", Logger: quiet,
		Spread: 3})
	if err != nil {
		t.Fatal(err)
	}
	cfg := engine.Config{Node: node, Dir: dir, Logger: quiet, CheckpointEvery: time.Hour,
		Now: c.now}
	for _, f := range change {
		f(&cfg)
	}
	eng, err := engine.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(errors.Join(err, node.Close()))
	}
	return &server{t, dir, node, eng, c}
}

func (s *server) close() {
	s.t.Helper()
	if err := errors.Join(s.eng.Close(), s.node.Close()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) session() *client {
	s.t.Helper()
	c, err := s.sessionOf("leat")
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// sessionOf opens the session of a user.
func (s *server) sessionOf(user string) (*client, error) {
	c := &client{t: s.t}
	ses, err := session.New(session.Config{Engine: s.eng, Now: s.now, User: user, Database: "leat", Version: "test",
		Notice: func(e *sqlerr.Error) { c.notices = append(c.notices, e.Message) }})
	c.s = ses
	return c, err
}

// client runs statements as text.
type client struct {
	t       testing.TB
	s       *session.Session
	notices []string
}

// run executes the statements of a text, each a transaction of its own, and returns what psql would show, in short:
// rows with | between columns, tags, errors. Data for COPY FROM STDIN follows in data.
func (c *client) run(text string, data ...string) string {
	stmts, err := c.s.Parse(text)
	if err != nil {
		return errorText(err)
	}
	var out strings.Builder
	for _, st := range stmts {
		s, err := c.one(st, data)
		if e := c.s.Sync(context.Background(), err != nil); err == nil {
			err = e
		}
		out.WriteString(s)
		for _, n := range c.notices {
			out.WriteString("NOTICE: " + n + "\n")
		}
		c.notices = nil
		if err != nil {
			out.WriteString(errorText(err))
			break
		}
	}
	return out.String()
}

func errorText(err error) string {
	e := sqlerr.From(err)
	s := fmt.Sprintf("ERROR %s: %s\n", e.Code, e.Message)
	if e.Offset >= 0 {
		s = fmt.Sprintf("ERROR %s at %d: %s\n", e.Code, e.Offset, e.Message)
	}
	for _, extra := range [][2]string{{"DETAIL", e.Detail}, {"HINT", e.Hint}, {"CONTEXT", e.Where}} {
		if extra[1] != "" {
			s += extra[0] + ": " + extra[1] + "\n"
		}
	}
	return s
}

func (c *client) one(st parse.Statement, data []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(c.s.StatementTimeout(), 2*time.Minute))
	defer cancel()
	p, err := c.s.Prepare(ctx, st, nil)
	if err != nil {
		return "", err
	}
	r, err := p.Execute(ctx, nil)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if in, ok := r.(interface {
		Write(context.Context, []byte) error
		Finish(context.Context, error) error
	}); ok {
		for _, d := range data {
			if err := in.Write(ctx, []byte(d)); err != nil {
				return "", err
			}
		}
		if err := in.Finish(ctx, nil); err != nil {
			return "", err
		}
		tag, _ := r.Tag()
		return tag + "\n", nil
	}
	var out strings.Builder
	_, cols := p.Describe()
	env := c.s.OutputEnv()
	n := 0
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return out.String(), err
		}
		for i := range b.N {
			for k := range b.Cols {
				if k > 0 {
					out.WriteByte('|')
				}
				if b.Cols[k].IsNull(i) {
					out.WriteString("NULL")
					continue
				}
				out.Write(b.Cols[k].AppendText(nil, i, env))
			}
			out.WriteByte('\n')
			n++
		}
	}
	if cols == nil {
		tag, _ := r.Tag()
		return tag + "\n", nil
	}
	return out.String(), nil
}

// TestFirstSteps walks the way a newcomer goes.
func TestFirstSteps(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	steps := []struct{ sql, want string }{
		{"SELECT 1 + 1 AS two, 'x'", "2|x\n"},
		{"CREATE TABLE airports (iata text PRIMARY KEY, city text) WITH (kafka_topic = 'airports')", "CREATE TABLE\n"},
		{"INSERT INTO airports VALUES ('JFK', 'New York'), ('LAX', 'Los Angeles')", "INSERT 0 2\n"},
		{"CREATE STREAM flights (date timestamp, delay int, origin text) WITH (timestamp = 'date')", "CREATE STREAM\n"},
		{"CREATE MATERIALIZED VIEW by_city AS SELECT a.city, count(*) AS n, avg(f.delay) AS delay " +
			"FROM flights f JOIN airports a ON f.origin = a.iata GROUP BY a.city", "CREATE MATERIALIZED VIEW\n"},
		{"CREATE TABLE hourly AS SELECT origin, count(*) AS n FROM flights WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY origin", "CREATE TABLE\n"},
		{"INSERT INTO flights VALUES ('2001-01-01 00:47', 66, 'JFK'), ('2001-01-01 01:10', 10, 'LAX'), ('2001-01-01 00:50', 6, 'JFK')",
			"INSERT 0 3\n"},
		{"SELECT * FROM by_city ORDER BY city", "Los Angeles|1|10.0000000000000000\nNew York|2|36.0000000000000000\n"},
		{"SELECT origin, n FROM hourly ORDER BY origin", "JFK|2\nLAX|1\n"},
		{"INSERT INTO airports VALUES ('JFK', 'NYC')", "INSERT 0 1\n"},
		{"SELECT city, n FROM by_city ORDER BY city", "Los Angeles|1\nNYC|2\n"},
		{"FLUSH", "FLUSH\n"},
	}
	for _, step := range steps {
		if got := c.run(step.sql); got != step.want {
			t.Fatalf("%s\ngot  %q\nwant %q", step.sql, got, step.want)
		}
	}
	s.close()
	s = open(t, dir)
	defer s.close()
	if got, want := s.session().run("SELECT city, n FROM by_city ORDER BY city"), "Los Angeles|1\nNYC|2\n"; got != want {
		t.Fatalf("after a restart got %q, want %q", got, want)
	}
}

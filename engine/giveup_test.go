package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// TestGiveUp breaks a view: it is given up, and everything that is not made of it goes on, also after a restart.
func TestGiveUp(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE STREAM s (a int); CREATE MATERIALIZED VIEW good AS SELECT count(*) AS n FROM s", "")
	s.want("CREATE MATERIALIZED VIEW bad AS SELECT a FROM s; CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM bad", "")
	s.want("INSERT INTO s VALUES (1); SELECT * FROM bad", "1")
	if err := s.eng.Break("bad"); err != nil {
		t.Fatal(err)
	}
	s.want("INSERT INTO s VALUES (2); SELECT n FROM good", "2")
	s.want("FLUSH", "ERROR 55000")
	for range 2 {
		s.want("FLUSH", "")
		s.want("FLUSH good", "")
		s.want("FLUSH good, above", "ERROR 55000")
		s.want("INSERT INTO s VALUES (3); DELETE FROM s", "ERROR 42809")
		s.want("SELECT * FROM bad", "ERROR 55000")
		s.want("SELECT * FROM above", "ERROR 55000")
		s.want("SELECT n > 2 FROM good", "t")
		s.want("SELECT state FROM leat_catalog.queries ORDER BY state", "ERROR,RUNNING,RUNNING")
		s.close()
		s = serve(t, dir)
	}
	s.want("RESUME ALL; SELECT a FROM bad ORDER BY a", "1,2,3,3")
	s.want("INSERT INTO s VALUES (4); SELECT n FROM above", "5")
	s.want("SELECT DISTINCT state FROM leat_catalog.queries", "RUNNING")
	s.close()
	s = serve(t, dir)
	s.want("INSERT INTO s VALUES (5); SELECT n FROM above", "6")
	s.want("DROP MATERIALIZED VIEW above; DROP MATERIALIZED VIEW bad; CREATE MATERIALIZED VIEW bad AS SELECT a FROM s WHERE a < 3", "")
	s.want("SELECT a FROM bad ORDER BY a", "1,2")
	s.close()
}

// TestGiveUpShared breaks queries that share the keys of groups, or a part, with others, and then the part: those that
// are not made of what is broken go on, and all that is comes back.
func TestGiveUpShared(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE STREAM s (k text, v int); INSERT INTO s VALUES ('x', 1)", "")
	for _, v := range []string{"a", "b", "c"} {
		s.want("CREATE MATERIALIZED VIEW "+v+" AS SELECT k, count(*) AS n FROM s GROUP BY k", "")
	}
	s.want("CREATE MATERIALIZED VIEW d AS SELECT k, max(v) AS n FROM s GROUP BY k", "")
	shown := func(want ...string) {
		t.Helper()
		s.want("INSERT INTO s VALUES ('y', 1)", "")
		for range 2 {
			for i, v := range []string{"a", "b", "c", "d"} {
				s.want("SELECT k FROM "+v+" ORDER BY k", want[i])
			}
			s.close()
			s = serve(t, dir)
		}
	}
	for _, test := range []struct {
		broken string
		want   []string
	}{
		{"a", []string{"ERROR 55000", "x,y", "x,y", "x,y"}},
		{"c", []string{"x,y", "x,y", "ERROR 55000", "x,y"}},
		{"d", []string{"x,y", "x,y", "x,y", "ERROR 55000"}},
	} {
		if err := s.eng.Break(test.broken); err != nil {
			t.Fatal(err)
		}
		shown(test.want...)
		s.want("RESUME ALL", "")
		shown("x,y", "x,y", "x,y", "x,y")
	}
	s.want("DROP MATERIALIZED VIEW c; CREATE MATERIALIZED VIEW c AS SELECT k, count(*) AS n FROM s GROUP BY k", "")
	part := s.eng.Part("b")
	if part == "" || part != s.eng.Part("c") || s.eng.Part("a") != "" {
		t.Fatal(part, s.eng.Part("c"), s.eng.Part("a"))
	}
	if err := s.eng.Break(part); err != nil {
		t.Fatal(err)
	}
	shown("x,y", "ERROR 55000", "ERROR 55000", "x,y")
	s.want("SELECT relation FROM leat_catalog.queries WHERE state = 'ERROR' ORDER BY 1", "b,c")
	s.want("CREATE MATERIALIZED VIEW e AS SELECT k, count(*) AS n FROM s GROUP BY k; SELECT k FROM e ORDER BY k", "x,y")
	s.want("RESUME ALL", "")
	shown("x,y", "x,y", "x,y", "x,y")
	s.want("SELECT DISTINCT state FROM leat_catalog.queries", "RUNNING")
	s.close()
}

// served is an engine and a session.
type served struct {
	t    *testing.T
	node *cluster.Node
	eng  *engine.Engine
	ses  *session.Session
}

func serve(t *testing.T, dir string, change ...func(*engine.Config)) *served {
	t.Helper()
	return serveNode(t, dir, cluster.Config{}, change...)
}

// serveNode is serve over a node that is configured in some way.
func serveNode(t *testing.T, dir string, of cluster.Config, change ...func(*engine.Config)) *served {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	of.Dir, of.Logger = dir+"/cluster", quiet
	node, err := cluster.Open(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	cfg := engine.Config{Node: node, Dir: dir, Logger: quiet, CheckpointEvery: time.Hour}
	for _, fn := range change {
		fn(&cfg)
	}
	eng, err := engine.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(errors.Join(err, node.Close()))
	}
	ses, err := session.New(session.Config{Engine: eng, User: "leat", Database: "leat", Version: "test",
		Notice: func(*sqlerr.Error) {}})
	if err != nil {
		t.Fatal(err)
	}
	return &served{t, node, eng, ses}
}

func (s *served) close() {
	s.t.Helper()
	if err := errors.Join(s.eng.Close(), s.node.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// want runs statements and compares the first column of the last one's rows.
func (s *served) want(text, want string) {
	s.t.Helper()
	if out := s.ask(text); out != want {
		s.t.Fatalf("%s: got %q, want %q", text, out, want)
	}
}

// ask runs statements and returns the first column of the last one's rows.
func (s *served) ask(text string) string {
	s.t.Helper()
	stmts, err := parse.Parse(text)
	var got []string
	for _, st := range stmts {
		if err == nil {
			got, err = s.run(st)
		}
		err = errors.Join(err, s.ses.Sync(context.Background(), err != nil))
	}
	out := strings.Join(got, ",")
	if err != nil {
		s.t.Log(text, err)
		out = "ERROR " + string(sqlerr.From(err).Code)
	}
	return out
}

func (s *served) run(st parse.Statement) (out []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p, err := s.ses.Prepare(ctx, st, nil)
	if err != nil {
		return nil, err
	}
	r, err := p.Execute(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range b.N {
			out = append(out, string(b.Cols[0].AppendText(nil, i, types.Env{})))
		}
	}
}

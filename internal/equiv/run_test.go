package equiv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// patience is how long a statement may take.
const patience = 3 * time.Minute

// oracle answers queries as the server should; nil when there is none but the server itself.
type oracle interface {
	// Begin forgets everything.
	Begin(ctx context.Context) error
	Exec(ctx context.Context, sql string) error
	Query(ctx context.Context, sql string) ([]string, error)
}

// server is a node, its engine and a session, in a directory.
type server struct {
	followers []*follower
	under     *replacing // nil for nothing
	before    []byte     // the checkpoints when it was opened
	h         *history
	dir       string
	node      *cluster.Node
	eng       *engine.Engine
	ses       *session.Session
	opened    int
}

// fault lets some writes of state succeed, and no more where the server is to be killed next.
func (s *server) fault() func() error {
	left := s.h.writes[s.opened%len(s.h.writes)]
	s.opened++
	killed := s.killedNext()
	return func() error {
		if left--; killed && left < 0 {
			return errKilled
		}
		return nil
	}
}

// killedNext tells whether the next restart is a kill.
func (s *server) killedNext() bool {
	n := 0
	for _, st := range s.h.steps {
		if st.act == restart || st.act == crash || st.act == kill {
			if n++; n == s.opened {
				return st.act == kill
			}
		}
	}
	return false
}

var errKilled = errors.New("killed")

func (s *server) open() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	if s.node, err = cluster.Open(ctx, cluster.Config{Dir: s.dir + "/cluster", Logger: quiet, Spread: 2}); err != nil {
		return err
	}
	if s.before, err = os.ReadFile(s.checkpoints()); err != nil && !os.IsNotExist(err) {
		return errors.Join(err, s.node.Close())
	}
	cfg := engine.Config{Node: s.node, Dir: s.dir, Logger: quiet,
		CheckpointEvery: s.h.checkpointEvery, StepBytes: s.h.stepBytes, SliceRows: s.h.sliceRows,
		StateBytes: s.h.stateBytes,
		State:      state.Options{TxChanges: 3, ChunkBytes: 100, Fault: s.fault()}}
	s.eng, err = engine.Open(ctx, cfg)
	if err != nil && strings.Contains(err.Error(), errKilled.Error()) { // while it put a journal into its place
		cfg.State.Fault = nil
		s.eng, err = engine.Open(ctx, cfg)
	}
	if err != nil {
		return errors.Join(err, s.node.Close())
	}
	s.ses, err = session.New(session.Config{Engine: s.eng, User: "leat", Database: "leat", Version: "test",
		Notice: func(*sqlerr.Error) {}})
	return err
}

func (s *server) checkpoints() string { return filepath.Join(s.dir, "flow-1.db") }

// forget puts the checkpoints back to what they were when the server was opened, as if it had been killed.
func (s *server) forget() error {
	if s.before == nil {
		return os.Remove(s.checkpoints())
	}
	return os.WriteFile(s.checkpoints(), s.before, 0o600)
}

func (s *server) close() error { return errors.Join(s.eng.Close(), s.node.Close()) }

// exec runs the statements of a text and returns the rows of the last.
func (s *server) exec(text string) (rows []string, err error) {
	stmts, err := parse.Parse(text)
	if err != nil {
		return nil, err
	}
	for _, st := range stmts {
		rows, err = s.one(st)
		if e := s.ses.Sync(context.Background(), err != nil); err == nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (s *server) one(st parse.Statement) (rows []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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
	env := s.ses.OutputEnv()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range b.N {
			rows = append(rows, line(b, i, env))
		}
	}
}

// failure is what a history came to.
type failure struct {
	step int
	kind string // what must stay the same while the history is made small
	text string
}

func (f *failure) Error() string { return f.text }

// run lets a history happen in dir.
func (h *history) run(dir string, o oracle) *failure {
	s := &server{h: h, dir: dir}
	at := 0
	fail := func(kind string, err error) *failure {
		if c := sqlerr.From(err); c.Code != "" && kind != "open" {
			kind += " " + string(c.Code)
		}
		return &failure{at, kind, fmt.Sprintf("%s: %v", kind, err)}
	}
	if o != nil {
		if err := o.Begin(context.Background()); err != nil {
			return fail("oracle", err)
		}
	}
	if err := s.open(); err != nil {
		return fail("open", err)
	}
	closed := false
	defer func() {
		if !closed {
			for _, f := range s.followers {
				f.stop()
			}
			s.close()
		}
	}()
	var st step
	for at, st = range h.steps {
		switch st.act {
		case follow:
			if err := s.replaced(); err != nil {
				return s.refused(fail, err)
			}
			f, err := s.follow(st.sql)
			if err != nil {
				return fail("follow", err)
			}
			s.followers = append(s.followers, f)
		case restart, crash, kill:
			if len(s.followers) > 0 { // else it happens while a new query catches up
				if err := s.replaced(); err != nil {
					return s.refused(fail, err)
				}
			}
			if err := s.settle(); err != nil {
				return fail("push", err)
			}
			closed = true
			if err := s.close(); err != nil && st.act != kill {
				return fail("close", err)
			}
			if st.act == crash {
				if err := s.forget(); err != nil {
					return fail("close", err)
				}
			}
			if err := s.open(); err != nil {
				return fail("open", err)
			}
			closed = false
		case replace:
			if err := s.replaced(); err != nil {
				return s.refused(fail, err)
			}
			if st.moved {
				if err := s.settle(); err != nil {
					return fail("push", err)
				}
			}
			if err := s.replace(st.sql); err != nil {
				return fail("replace", err)
			}
		case check:
			if err := s.replaced(); err != nil {
				return s.refused(fail, err)
			}
			if f := s.check(st, at, o, fail); f != nil {
				return f
			}
		default:
			if strings.HasPrefix(st.sql, "DROP") || strings.HasPrefix(st.sql, "CREATE") {
				if err := s.replaced(); err != nil {
					return s.refused(fail, err)
				}
			}
			if strings.HasPrefix(st.sql, "DROP") {
				if err := s.settle(); err != nil {
					return fail("push", err)
				}
			}
			if _, err := s.exec(st.sql); err != nil {
				if sqlerr.From(err).Code == sqlerr.FeatureNotSupported {
					return nil // folded into something that is not done yet
				}
				return fail("statement", err)
			}
			if err := st.tell(o); err != nil {
				return fail("oracle", err)
			}
		}
	}
	if err := s.replaced(); err != nil {
		return s.refused(fail, err)
	}
	if err := s.settle(); err != nil {
		return fail("push", err)
	}
	return nil
}

// refused is what a history comes to when a view could not be replaced: nothing, where that is not done yet.
func (s *server) refused(fail func(string, error) *failure, err error) *failure {
	switch sqlerr.From(err).Code {
	case sqlerr.FeatureNotSupported, sqlerr.DependentObjectsStillExist, sqlerr.IOError: // the last where writes are killed
		return nil
	}
	return fail("replace", err)
}

// tell lets the oracle do what the server did.
func (st step) tell(o oracle) error {
	if o == nil {
		return nil
	}
	sql := st.pg
	if sql == nil {
		sql = []string{st.sql}
	}
	for _, q := range sql {
		if err := o.Exec(context.Background(), q); err != nil {
			return fmt.Errorf("%w in %s", err, q)
		}
	}
	return nil
}

func (s *server) check(st step, at int, o oracle, fail func(string, error) *failure) *failure {
	got, err := s.exec(st.sql)
	if err != nil {
		return fail("view", err)
	}
	want, err := s.exec(st.want)
	if err != nil {
		return fail("query", err)
	}
	if d := difference(got, want); d != "" {
		return &failure{at, "view and query", "the view and its query differ:\n" + d}
	}
	other, err := s.otherwise(st.want, at)
	if err != nil {
		return fail("query planned otherwise", err)
	}
	if d := difference(other, want); d != "" {
		return &failure{at, "query planned otherwise", "the query planned otherwise differs:\n" + d}
	}
	if o == nil || st.pg == nil {
		return nil
	}
	right, err := o.Query(context.Background(), st.pg[0])
	if err != nil {
		return fail("oracle", err)
	}
	if d := difference(got, right); d != "" {
		return &failure{at, "view and PostgreSQL", "the view and PostgreSQL differ:\n" + d}
	}
	return nil
}

// otherwise asks a query under other rules of the optimiser than by default: without one of them, and with the order of
// joins chosen however few rows there are.
func (s *server) otherwise(sql string, at int) ([]string, error) {
	rules := append(planner.Rules(), "", strings.Join(planner.Rules(), ", "))
	set := fmt.Sprintf("SET leat.disable_rules = '%s'; SET leat.order_joins_from_rows = 0", rules[at%len(rules)])
	if _, err := s.exec(set); err != nil {
		return nil, err
	}
	rows, err := s.exec(sql)
	if _, e := s.exec("RESET leat.disable_rules; RESET leat.order_joins_from_rows"); err == nil {
		err = e
	}
	if err != nil {
		err = fmt.Errorf("%w (%s)", err, set)
	}
	return rows, err
}

// difference compares multisets of rows and shows rows that only one has.
func difference(got, want []string) string {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	var out strings.Builder
	i, k := 0, 0
	for i < len(got) || k < len(want) {
		switch {
		case k == len(want) || i < len(got) && got[i] < want[k]:
			out.WriteString("  got  " + got[i] + "\n")
			i++
		case i == len(got) || got[i] > want[k]:
			out.WriteString("  want " + want[k] + "\n")
			k++
		default:
			i, k = i+1, k+1
		}
	}
	return out.String()
}

// memory is a file system that does not wait for a disk, where there is one. What a sync is worth is tested elsewhere.
const memory = "/dev/shm"

// try runs a history in a directory of its own.
func try(t *testing.T, h *history, o oracle) *failure {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "equiv")
	if err != nil {
		if dir, err = os.MkdirTemp("", "equiv"); err != nil {
			return &failure{kind: "directory", text: err.Error()}
		}
	}
	f := h.run(dir, o)
	if err := os.RemoveAll(dir); err != nil && f == nil {
		f = &failure{kind: "directory", text: err.Error()}
	}
	return f
}

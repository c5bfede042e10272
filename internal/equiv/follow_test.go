package equiv

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// follower adds up what a push query gives, which must come to what the query gives when it is asked once.
type follower struct {
	sql    string
	rows   *engine.Rows
	cancel context.CancelFunc
	done   chan struct{}
	more   chan struct{} // something came

	mu     sync.Mutex
	counts map[string]int // guarded by mu
	err    error          // guarded by mu
}

// follow starts a push query over all there is and all that comes.
func (s *server) follow(sql string) (*follower, error) {
	ask, err := parse.Query(sql + " EMIT CHANGES")
	if err != nil {
		return nil, err
	}
	env := s.eng.Env(func(string) string { return "" }, time.Now())
	q, err := planner.Query(s.eng.PlanContext(env), ask)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	rows, err := s.eng.Push(ctx, q, env, engine.PushOptions{Earliest: true})
	if err != nil {
		cancel()
		return nil, err
	}
	f := &follower{sql: sql, rows: rows, cancel: cancel, done: make(chan struct{}), more: make(chan struct{}, 1),
		counts: map[string]int{}}
	out := s.ses.OutputEnv()
	go func() {
		defer close(f.done)
		for {
			b, err := rows.Next(ctx)
			f.mu.Lock()
			if err != nil {
				f.err = err
				f.mu.Unlock()
				return
			}
			for i := range b.N {
				f.counts[line(b, i, out)] += int(b.DiffAt(i))
			}
			f.mu.Unlock()
			select {
			case f.more <- struct{}{}:
			default:
			}
		}
	}()
	return f, nil
}

// line is a row as text.
func line(b *vec.Batch, i int, env types.Env) string {
	var out []byte
	for k, c := range b.Cols {
		if k > 0 {
			out = append(out, '|')
		}
		if c.IsNull(i) {
			out = append(out, "NULL"...)
		} else {
			out = c.AppendText(append(out, '\''), i, env)
		}
	}
	return string(out)
}

// stop ends the push query.
func (f *follower) stop() {
	f.cancel()
	<-f.done
	f.rows.Close()
}

// await waits until what came adds up to want.
func (f *follower) await(want []string) error {
	late := time.After(patience / 2)
	for {
		diff, err := f.compare(want)
		if err != nil || diff == "" {
			return err
		}
		select {
		case <-f.more:
		case <-f.done:
		case <-late:
			return fmt.Errorf("the push query and its query differ:\n%s", diff)
		}
	}
}

func (f *follower) compare(want []string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []string
	for row, n := range f.counts {
		if n < 0 {
			got = append(got, fmt.Sprintf("%d times %s", n, row))
		}
		for range n {
			got = append(got, row)
		}
	}
	return difference(got, want), f.err
}

// settle compares the push queries and ends them.
func (s *server) settle() error {
	defer func() {
		for _, f := range s.followers {
			f.stop()
		}
		s.followers = nil
	}()
	for _, f := range s.followers {
		want, err := s.exec(f.sql)
		if err != nil {
			return err
		}
		if err := f.await(want); err != nil {
			return fmt.Errorf("%s: %w", f.sql, err)
		}
	}
	return nil
}

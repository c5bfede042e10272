//go:build clients && linux

package chaos

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A follower follows a relation whose key is the first column of its query, from the beginning, and goes on from its
// last token when it loses its connection.
type follower struct {
	name, query string
	whole       func(rows map[string]string) error // is so whenever all up to a moment has been shown; nil for nothing
	mu          sync.Mutex                         // guards what follows
	sum         Changes
	begun       int
	wrong       bool // it has found something, and goes on no more
	stop        context.CancelFunc
	done        chan struct{}
}

func (f *follower) start(r *run, client int) {
	ctx, stop := context.WithCancel(r.life) // it goes on after the clients' work, until it has seen all
	f.stop, f.done = stop, make(chan struct{})
	r.rest.Go(func() {
		defer close(f.done)
		s := r.session(client)
		defer s.drop()
		for s.open(ctx) {
			f.run(ctx, s)
			s.drop()
		}
	})
}

// run asks the push query once.
func (f *follower) run(ctx context.Context, s *session) {
	since := "BEGINNING"
	f.mu.Lock()
	if token := f.sum.Again(); token != "" {
		since = "'" + token + "'"
	}
	f.begun++
	f.mu.Unlock()
	results := s.conn.PgConn().Exec(ctx, f.query+" EMIT CHANGES SINCE "+since+" WITH (OP, TOKEN, PROGRESS = '200ms')")
	for results.NextResult() {
		rows := results.ResultReader()
		var token, op, progressed = -1, -1, -1
		first := 0
		for i, field := range rows.FieldDescriptions() {
			switch field.Name {
			case "token":
				token = i
			case "op":
				op = i
			case "progressed":
				progressed = i
			default:
				continue
			}
			first = i + 1
		}
		for rows.NextRow() {
			v := rows.Values()
			var err error
			f.mu.Lock()
			if string(v[progressed]) == "t" {
				if err = f.sum.Progress(string(v[token])); err == nil && f.whole != nil {
					err = f.whole(f.sum.rows)
				}
			} else {
				err = f.sum.Take(string(v[op]), string(v[first]), columns(v[first+1:]), string(v[token]))
			}
			f.wrong = err != nil
			f.mu.Unlock()
			if err != nil {
				s.t.Errorf("push query of %s, begun %d times: %v", f.name, f.begun, err)
				f.stop()
				return
			}
		}
	}
	err := results.Close()
	var e *pgconn.PgError
	if ctx.Err() == nil && errors.As(err, &e) {
		s.count("push query: " + e.Code)
		if e.Code[:2] != "57" && e.Code != "53100" && e.Code != "58030" { // the flow waits for space
			s.t.Errorf("push query of %s since %s: %s %s", f.name, since, e.Code, e.Message)
		}
	}
}

func columns(cols [][]byte) string {
	text := make([]string, len(cols))
	for i, v := range cols {
		text[i] = string(v)
	}
	return strings.Join(text, "|")
}

// given reports whether the follower has given up.
func (f *follower) given() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wrong
}

// check waits until the follower has seen all: what it adds up is then what is there.
func (f *follower) check(r *run, s *session) {
	want := map[string]string{}
	for _, row := range s.must(f.query) {
		key, rest, _ := strings.Cut(row, "|")
		want[key] = rest
	}
	differ := func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.sum.Compare(want)
	}
	err := differ()
	for end := time.Now().Add(2 * time.Minute); err != nil && !f.given() && time.Now().Before(end); err = differ() {
		s.pause(context.Background(), 50*time.Millisecond)
	}
	f.stop()
	<-f.done
	if err != nil && !f.given() {
		r.t.Errorf("push query of %s, begun %d times: %v", f.name, f.begun, err)
	}
	r.say("%d changes of %s add up; the push query was begun %d times", f.sum.count, f.name, f.begun)
}

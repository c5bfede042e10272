//go:build clients && linux

package chaos

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/leatdb/leat/internal/linear"
)

// logs are streams that clients append to and read whole. Each is short, because it is read again and again; the next
// one follows it.
type logs struct {
	mu       sync.Mutex // guards what follows
	history  linear.History
	next     int // value
	checked  int // streams
	appended int
}

// logLength is after how many appends the next stream comes.
const logLength = 250

func (l *logs) start(r *run) {
	s := r.session(1)
	r.work.Go(func() {
		for n := 0; r.ctx.Err() == nil; n++ {
			l.stream(r, s, fmt.Sprint("log_", n))
		}
	})
}

// stream makes a stream, lets clients work on it, and checks it.
func (l *logs) stream(r *run, s *session, name string) {
	s.must("CREATE STREAM IF NOT EXISTS " + name + " (v int)")
	l.history, l.next = linear.History{}, 0
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			c := r.session(10 + i)
			defer c.drop()
			for r.ctx.Err() == nil && l.more() {
				if !c.open(r.ctx) {
					return
				}
				if i < 2 {
					l.append(c, name)
				} else {
					l.read(c, name)
				}
				c.think()
			}
		})
	}
	clients.Wait()
	began := r.now()
	l.note(began, r.now, s.must("SELECT v FROM "+name+" ORDER BY rowoffset"))
	if wrong := l.history.Check(); len(wrong) > 0 {
		r.t.Errorf("stream %s: %v", name, wrong)
		return
	}
	l.checked++
	l.appended += len(l.history.Appends)
	s.must("DROP STREAM IF EXISTS " + name + " DELETE TOPIC")
}

func (l *logs) more() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next < logLength
}

func (l *logs) append(c *session, name string) {
	l.mu.Lock()
	l.next++
	a := linear.Append{Value: l.next}
	l.mu.Unlock()
	a.Begin = c.now()
	err := c.exec(c.ctx, fmt.Sprintf("INSERT INTO %s VALUES (%d)", name, a.Value))
	a.End = c.now()
	switch c.outcome("append", err) {
	case Done:
		a.Outcome = linear.Acknowledged
	case Refused:
		a.Outcome = linear.Refused
	}
	if err != nil {
		c.drop()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history.Appends = append(l.history.Appends, a)
}

func (l *logs) read(c *session, name string) {
	began := c.now()
	rows, err := c.rows(c.ctx, "SELECT v FROM "+name+" ORDER BY rowoffset")
	if err != nil {
		c.outcome("read of a stream", err)
		c.drop()
		return
	}
	c.count("read of a stream: answered")
	l.note(began, c.now, rows)
}

func (l *logs) note(began int64, now func() int64, rows []string) {
	r := linear.Read{Begin: began, End: now()}
	for _, v := range rows {
		n, _ := strconv.Atoi(v)
		r.Values = append(r.Values, n)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history.Reads = append(l.history.Reads, r)
}

func (l *logs) check(r *run) {
	r.say("%d streams are linearizable, with %d appends", l.checked, l.appended)
}

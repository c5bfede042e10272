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
	spread bool // producers of Kafka's append to them, at the leaders of their partitions, besides SQL

	mu       sync.Mutex // guards what follows
	history  linear.History
	ends     []End
	next     int // value
	checked  int // streams
	appended int
}

// logLength is after how many appends the next stream comes.
const logLength = 250

func (l *logs) start(r *run) {
	first, name := 1, "log_"
	if l.spread {
		first, name = 700, "lane_"
	}
	s := r.session(first)
	r.work.Go(func() {
		for n := 0; r.ctx.Err() == nil; n++ {
			l.stream(r, s, first+1, fmt.Sprint(name, n))
		}
	})
}

// stream makes a stream, lets clients work on it, and checks it.
func (l *logs) stream(r *run, s *session, first int, name string) {
	if l.spread {
		s.createSpread(name, 1)
	}
	s.must(fmt.Sprintf("CREATE STREAM IF NOT EXISTS %s (v int) WITH (kafka_topic = '%[1]s', value_format = 'KAFKA')", name))
	l.history, l.ends, l.next = linear.History{}, nil, 0
	var clients sync.WaitGroup
	work := func(i int, do func(c *session)) {
		clients.Go(func() {
			c := r.session(first + i)
			defer c.drop()
			for r.ctx.Err() == nil && l.more() && c.open(r.ctx) {
				do(c)
				c.think()
			}
		})
	}
	for i := range 2 {
		work(i, func(c *session) { l.append(c, name) })
		work(10+i, func(c *session) { l.read(c, name) })
	}
	if l.spread {
		for i := range 2 {
			clients.Go(func() { l.produce(r, r.session(first+20+i), name) })
		}
		clients.Go(func() { l.ask(r, r.session(first+30), name) })
	}
	clients.Wait()
	began := r.now()
	l.note(began, r.now, s.must("SELECT v FROM "+name+" ORDER BY rowoffset"))
	wrong := l.history.Check()
	if len(wrong) == 0 {
		wrong = CheckEnds(&l.history, l.ends)
	}
	if len(wrong) > 0 {
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
	a := l.begin(c)
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
	l.keep(a)
}

// begin begins the append of the next value.
func (l *logs) begin(c *session) linear.Append {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return linear.Append{Value: l.next, Begin: c.now()}
}

func (l *logs) keep(a linear.Append) {
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
	r.say("%d streams are linearizable, with %d appends; spread: %t", l.checked, l.appended, l.spread)
}

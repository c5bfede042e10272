package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// failovers is how often the leader is killed.
	failovers = 15
	// failoverPause is the time between two writes of a client.
	failoverPause = 4 * time.Millisecond
	// failoverPatience is how long a client may take to go on.
	failoverPatience = 30 * time.Second
)

// A blow is a leader that is killed, and who has gone on since.
type blow struct {
	at    time.Time
	mu    sync.Mutex // guards what follows
	done  map[string]time.Duration
	wants int
	all   chan struct{} // closed when everybody has
}

// failing is clients of nodes whose leader is killed time after time.
type failing struct {
	nodes  *trio
	ctx    context.Context
	now    atomic.Pointer[blow] // the last
	next   atomic.Int64
	wait   sync.WaitGroup
	failed atomic.Pointer[error]
}

// failover kills the leader under load, and measures how long it is until each client's next write, begun after that,
// is acknowledged, and until push queries of clients whose node stays show one.
func (b *bench) failover() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	nodes, err := b.three(ctx, "failover")
	if err != nil {
		return err
	}
	defer nodes.stop()
	f := &failing{nodes: nodes}
	f.ctx, cancel = context.WithCancel(ctx)
	defer f.wait.Wait()
	defer cancel()
	if err := f.begin(); err != nil {
		return err
	}
	var writes, pushes []time.Duration
	for range failovers {
		x, err := f.strike()
		if err != nil {
			return err
		}
		for who, d := range x.done {
			if strings.HasPrefix(who, "push") {
				pushes = append(pushes, d)
			} else {
				writes = append(writes, d)
			}
		}
	}
	for _, of := range []struct {
		what  string
		times []time.Duration
		limit time.Duration
	}{{"writes", writes, 2 * time.Second}, {"push queries", pushes, 3 * time.Second}} {
		p50, p99 := percentile(of.times, 50), percentile(of.times, 99)
		line(fmt.Sprintf("%s go on after (wanted: p99 %v)", of.what, of.limit), "p50 %v, p99 %v, most %v of %d  %s",
			p50.Round(time.Millisecond), p99.Round(time.Millisecond), percentile(of.times, 100).Round(time.Millisecond),
			len(of.times), verdict(p99 <= of.limit))
	}
	return nil
}

// begin makes what is written and read, and starts the clients.
func (f *failing) begin() error {
	c, err := pgx.Connect(f.ctx, f.nodes.dsn(0))
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(f.ctx, `CREATE TABLE t (k int PRIMARY KEY, at int8);
		CREATE MATERIALIZED VIEW v AS SELECT k % 8 AS g, max(at) AS at FROM t GROUP BY k % 8;
		CREATE STREAM home (at int8) WITH (partitions = 3, value_format = 'json');
		CREATE STREAM spread (at int8) WITH (partitions = 6, value_format = 'json', placement = 'spread')`,
		pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	for i := range 3 {
		f.write(i, "table", "INSERT INTO t VALUES (%d, %d) ON CONFLICT (k) DO UPDATE SET at = excluded.at")
		f.write(i, "stream", "INSERT INTO home SELECT %[2]d")
		f.write(i, "spread", "INSERT INTO spread SELECT %[2]d")
		for _, of := range []string{"t", "v", "home", "spread"} {
			f.push(i, of)
		}
	}
	for _, topic := range []string{"home", "spread"} {
		if err := f.produce(topic); err != nil {
			return err
		}
	}
	return nil
}

// strike kills the leader, waits until everybody has gone on, and brings the node back.
func (f *failing) strike() (*blow, error) {
	time.Sleep(time.Second + rand.N(time.Second)) // everybody has settled, at whatever they are
	leader, err := f.nodes.leader(f.ctx)
	if err != nil {
		return nil, err
	}
	x := &blow{done: map[string]time.Duration{}, wants: 3*3 + 2 + 2*4, all: make(chan struct{})}
	x.at = time.Now()
	f.now.Store(x)
	if err := f.nodes.kill(leader); err != nil {
		return nil, err
	}
	select {
	case <-x.all:
	case <-time.After(failoverPatience):
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.done) < x.wants {
		return nil, fmt.Errorf("only %d of %d clients have gone on: %v", len(x.done), x.wants, x.done)
	}
	if err := f.nodes.start(leader); err != nil {
		return nil, err
	}
	if err := f.failed.Load(); err != nil {
		return nil, *err
	}
	return x, f.nodes.shared(f.ctx)
}

// goesOn notes that somebody has gone on with something begun at a time.
func (f *failing) goesOn(who string, begun time.Time) {
	x := f.now.Load()
	if x == nil || begun.Before(x.at) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, has := x.done[who]; has || len(x.done) == x.wants {
		return
	}
	if x.done[who] = time.Since(x.at); len(x.done) == x.wants {
		close(x.all)
	}
}

// write writes with a client of Postgres, which comes to the i-th node first.
func (f *failing) write(i int, what, sql string) {
	who := fmt.Sprintf("%s at %d", what, i)
	f.wait.Go(func() {
		for f.ctx.Err() == nil {
			c, err := pgx.Connect(f.ctx, f.nodes.dsn(i))
			for err == nil {
				n, begun := f.next.Add(1), time.Now()
				_, err = c.Exec(f.ctx, fmt.Sprintf(sql, n%1000, begun.UnixNano()), pgx.QueryExecModeSimpleProtocol)
				if err == nil {
					f.goesOn(who, begun)
				} else if !c.IsClosed() { // it is told that the leader has gone
					err = nil
				}
				time.Sleep(failoverPause)
			}
			if c != nil {
				c.Close(context.Background())
			}
			time.Sleep(failoverPause)
		}
	})
}

// push holds a push query at the i-th node while that runs.
func (f *failing) push(i int, of string) {
	f.wait.Go(func() {
		for f.ctx.Err() == nil {
			c, err := pgx.Connect(f.ctx, "postgres://leat@"+f.nodes.pgs[i]+"/leat?sslmode=disable")
			if err != nil {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			rows, err := c.Query(f.ctx, "SELECT at FROM "+of+" EMIT CHANGES", pgx.QueryExecModeSimpleProtocol)
			for err == nil && rows.Next() {
				var at int64
				if err = rows.Scan(&at); err == nil {
					f.goesOn(fmt.Sprintf("push of %s at %d", of, i), time.Unix(0, at))
				}
			}
			c.Close(context.Background())
		}
	})
}

// produce writes with a client of Kafka.
func (f *failing) produce(topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(f.nodes.kafkas[:]...), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0),
		kgo.MetadataMinAge(250*time.Millisecond))
	if err != nil {
		return err
	}
	f.wait.Go(func() {
		defer cl.Close()
		for f.ctx.Err() == nil {
			begun := time.Now()
			err := cl.ProduceSync(f.ctx, &kgo.Record{Value: fmt.Appendf(nil, `{"at":%d}`, begun.UnixNano())}).FirstErr()
			switch {
			case err == nil:
				f.goesOn("Kafka, "+topic, begun)
			case f.ctx.Err() == nil:
				err = fmt.Errorf("a producer has given up: %w", err)
				f.failed.Store(&err)
			}
			time.Sleep(failoverPause)
		}
	})
	return nil
}

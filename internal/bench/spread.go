package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// spreadEvery is the time between two records that the producer sends beside the statements.
	spreadEvery = 5 * time.Millisecond
	// spreadRounds is how often each kind of topic is measured, in turns.
	spreadRounds = 3
	// spreadAccounts is how many rows the table has.
	spreadAccounts = 1000
)

// spreadWork is a statement that is measured, or several.
type spreadWork struct {
	name string
	run  func(ctx context.Context, c *pgx.Conn, i int) error
}

var spreadWorks = []spreadWork{
	{"a row of a table by key", func(ctx context.Context, c *pgx.Conn, i int) error {
		var n int
		return c.QueryRow(ctx, "SELECT balance FROM accounts WHERE id = $1", i%spreadAccounts).Scan(&n)
	}},
	{"a transfer in a block", transfer},
	{"INSERT into the stream", func(ctx context.Context, c *pgx.Conn, i int) error {
		_, err := c.Exec(ctx, "INSERT INTO clicks VALUES ($1, $2)", "k"+fmt.Sprint(i%10), i)
		return err
	}},
	{"a row of the view over the stream", func(ctx context.Context, c *pgx.Conn, i int) error {
		var n int
		return c.QueryRow(ctx, "SELECT count(*) FROM per_key WHERE k = $1", "k"+fmt.Sprint(i%10)).Scan(&n)
	}},
}

// transfer moves one from a row to another.
func transfer(ctx context.Context, c *pgx.Conn, i int) error {
	from, to := i%spreadAccounts, (i+7)%spreadAccounts
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) // when it has not been committed
	var n int
	if err := tx.QueryRow(ctx, "SELECT balance FROM accounts WHERE id = $1", from).Scan(&n); err != nil {
		return err
	}
	for id, by := range map[int]int{from: -1, to: 1} {
		if _, err := tx.Exec(ctx, "UPDATE accounts SET balance = balance + $2 WHERE id = $1", id, by); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// spread measures statements at three nodes beside a stream whose partitions the nodes share, against the same beside
// one that is at home: while nothing is written to it, and beside a producer.
func (b *bench) spread() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	nodes, err := b.three(ctx, "node")
	if err != nil {
		return err
	}
	defer nodes.stop()
	first := nodes.servers[0]
	c, err := pgx.Connect(ctx, "postgres://leat@"+first.addr+"/leat?sslmode=disable")
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	for _, sql := range []string{"CREATE TABLE accounts (id int PRIMARY KEY, balance int)", fmt.Sprintf(
		"INSERT INTO accounts SELECT i, 100 FROM generate_series(0, %d) AS g(i)", spreadAccounts-1)} {
		if _, err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	times := map[string][]time.Duration{}
	for round := range spreadRounds {
		for _, placement := range []string{"home", "spread"} {
			if err := b.beside3(ctx, c, first, placement, round, times); err != nil {
				return err
			}
		}
	}
	fmt.Printf("  (p50 / p99, and p50 / p50 at home; the producer sends %d records a second)\n", time.Second/spreadEvery)
	for _, load := range []string{"idle", "busy"} {
		for _, w := range spreadWorks {
			h, s := times["home"+load+w.name], times["spread"+load+w.name]
			line(w.name+", "+load, "home %v / %v, spread %v / %v: %.2f", percentile(h, 50), percentile(h, 99),
				percentile(s, 50), percentile(s, 99), percentile(s, 50).Seconds()/percentile(h, 50).Seconds())
		}
	}
	return nil
}

// beside3 measures everything once beside a new stream of a placement.
func (b *bench) beside3(
	ctx context.Context, c *pgx.Conn, s *server, placement string, round int, times map[string][]time.Duration,
) error {
	topic := fmt.Sprintf("clicks-%s-%d", placement, round)
	for _, sql := range []string{fmt.Sprintf("CREATE STREAM clicks (k text, v int) WITH (kafka_topic = '%s', "+
		"partitions = 6, placement = '%s', value_format = 'json')", topic, placement),
		"CREATE MATERIALIZED VIEW per_key AS SELECT k, count(*) AS n FROM clicks GROUP BY k"} {
		if _, err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	for _, load := range []string{"idle", "busy"} {
		stop := func() error { return nil }
		if load == "busy" {
			var err error
			if stop, err = produceSteadily(ctx, s.kafka, topic); err != nil {
				return err
			}
		}
		for _, w := range spreadWorks {
			began := time.Now()
			for i := 0; time.Since(began) < time.Duration(b.seconds)*time.Second/2; i++ {
				at := time.Now()
				if err := w.run(ctx, c, i); err != nil {
					return errors.Join(fmt.Errorf("%s: %w", w.name, err), stop())
				}
				key := placement + load + w.name
				times[key] = append(times[key], time.Since(at))
			}
		}
		if err := stop(); err != nil {
			return err
		}
	}
	_, err := c.Exec(ctx, "DROP MATERIALIZED VIEW per_key; DROP STREAM clicks DELETE TOPIC",
		pgx.QueryExecModeSimpleProtocol)
	return err
}

// produceSteadily sends a record every now and then, to one partition after the other, until it is stopped.
func produceSteadily(ctx context.Context, addr, topic string) (stop func() error, err error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	var failed atomic.Pointer[error]
	ended := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(spreadEvery)
		defer tick.Stop()
		for i := 0; ; i++ {
			cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(i % 6),
				Value: fmt.Appendf(nil, `{"k":"k%d","v":%d}`, i%10, i)}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(&err)
				}
			})
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	})
	return func() error {
		close(ended)
		done.Wait()
		err := cl.Flush(ctx)
		cl.Close()
		if e := failed.Load(); e != nil {
			err = errors.Join(err, *e)
		}
		return err
	}, nil
}

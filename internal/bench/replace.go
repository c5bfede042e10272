package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// replace measures what CREATE OR REPLACE of a view costs those who use it: a view of many rows, three views over it,
// rows that come in all the time, an open push query over it, and a client that reads. The times are from when a row is
// due to be inserted to its row of the push query, while the statement runs, which is until the old query is gone.
func (b *bench) replace() error {
	s, err := b.start("replace")
	if err != nil {
		return err
	}
	defer s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
	defer cancel()
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	const views = `CREATE TABLE events (id bigint PRIMARY KEY, k int, v int) WITH (kafka_topic = 'events');
		CREATE MATERIALIZED VIEW by_id AS SELECT id, k, v FROM events WHERE v >= 0;
		CREATE MATERIALIZED VIEW per_k AS SELECT k, count(*) AS n, sum(v) AS v FROM by_id GROUP BY k;
		CREATE MATERIALIZED VIEW large AS SELECT id, v FROM by_id WHERE v > 900;
		CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n, sum(v) AS v FROM by_id`
	if _, err := c.Exec(ctx, views); err != nil {
		return err
	}
	if err := b.loadEvents(ctx, c); err != nil {
		return err
	}
	began := time.Now()
	if _, err := c.Exec(ctx, "FLUSH"); err != nil {
		return err
	}
	line("rows of the view", "%d (caught up after %v)", b.rows, time.Since(began).Round(time.Millisecond))
	m, err := b.newStream(ctx, s)
	if err != nil {
		return err
	}
	defer m.close()
	before, err := m.during(func() error { return wait(ctx, 20*time.Second) })
	if err != nil {
		return err
	}
	line("push p50 / p99 / most, before", "%v", before)
	line("a row by its key, before", "%v", before.ofQueries())
	for _, r := range []struct{ what, sql string }{
		{"1 % of the rows differ", `SELECT id, k, CASE WHEN id % 100 = 7 THEN v + 1 ELSE v END AS v
			FROM events WHERE v >= 0`},
		{"one more column", `SELECT id, k, CASE WHEN id % 100 = 7 THEN v + 1 ELSE v END AS v, k + v AS both
			FROM events WHERE v >= 0`},
	} {
		began := time.Now()
		got, err := m.during(func() error {
			_, err := c.Exec(ctx, "CREATE OR REPLACE MATERIALIZED VIEW by_id AS "+r.sql)
			return err
		})
		if err != nil {
			return err
		}
		line(r.what+": taken over after", "%v", time.Since(began).Round(time.Millisecond))
		ratio := at(got.took, 99).Seconds() / at(before.took, 99).Seconds()
		line("push p50 / p99 / most", "%v", got)
		line("p99 / p99 before (wanted: under 5)", "%.1f  %s", ratio, verdict(ratio < 5))
		line("a row by its key", "%v", got.ofQueries())
		after, err := m.during(func() error { return wait(ctx, 15*time.Second) })
		if err != nil {
			return err
		}
		line("push p50 / p99 / most, in the 15 s after it", "%v", after)
	}
	return m.check(ctx, c)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loadEvents writes the rows that are there beforehand.
func (b *bench) loadEvents(ctx context.Context, c *pgx.Conn) error {
	for from := 0; from < b.rows; from += 100_000 {
		var sb strings.Builder
		for i := from; i < min(from+100_000, b.rows); i++ {
			fmt.Fprintf(&sb, "%d\t%d\t%d\n", i, i%1000, i%997)
		}
		if _, err := c.PgConn().CopyFrom(ctx, strings.NewReader(sb.String()), "COPY events FROM STDIN"); err != nil {
			return err
		}
	}
	return nil
}

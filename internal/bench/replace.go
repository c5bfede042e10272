package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// replace measures what CREATE OR REPLACE of a view costs those who use it: a view of many rows, three views over it,
// rows that come in all the time, and an open push query over it. The times are from INSERT to the row of the push
// query.
func (b *bench) replace() error {
	s, err := b.start("replace")
	if err != nil {
		return err
	}
	defer s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
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
	m, err := newStream(ctx, s)
	if err != nil {
		return err
	}
	defer m.close()
	if err := m.warmUp(ctx); err != nil {
		return err
	}
	before := m.during(ctx, func() error { return wait(ctx, 15*time.Second) })
	line("push p50 / p99 / most, before", "%v", before)
	for _, r := range []struct{ what, sql string }{
		{"1 % of the rows differ", `SELECT id, k, CASE WHEN id % 100 = 7 THEN v + 1 ELSE v END AS v
			FROM events WHERE v >= 0`},
		{"one more column", `SELECT id, k, CASE WHEN id % 100 = 7 THEN v + 1 ELSE v END AS v, k + v AS both
			FROM events WHERE v >= 0`},
	} {
		began := time.Now()
		got := m.during(ctx, func() error {
			if _, err := c.Exec(ctx, "CREATE OR REPLACE MATERIALIZED VIEW by_id AS "+r.sql); err != nil {
				return err
			}
			return wait(ctx, time.Second)
		})
		if got.err != nil {
			return got.err
		}
		line(r.what+": taken over after", "%v", (time.Since(began) - time.Second).Round(time.Millisecond))
		ratio := got.p(99).Seconds() / before.p(99).Seconds()
		line("push p50 / p99 / most", "%v", got)
		line("p99 / p99 before (wanted: under 5)", "%.1f  %s", ratio, verdict(ratio < 5))
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

// stream inserts 1,000 rows a second, one at a time, and follows a view over them.
type stream struct {
	writer, reader *pgx.Conn
	cancel         context.CancelFunc
	sent           []atomic.Int64
	next           atomic.Int64
	took           chan time.Duration
	last           map[int64]string // id -> the value that was shown last
	failed         chan error
	done           chan struct{}
}

// firstEvent is the ID of the first row that is inserted.
const firstEvent = 1_000_000_000

func newStream(ctx context.Context, s *server) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	m := &stream{cancel: cancel, sent: make([]atomic.Int64, 10_000_000), took: make(chan time.Duration, 1<<20),
		last: map[int64]string{}, failed: make(chan error, 4), done: make(chan struct{})}
	var err error
	if m.writer, err = s.connect(ctx); err != nil {
		return nil, err
	}
	if m.reader, err = s.connect(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// warmUp begins to follow and to insert.
func (m *stream) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := m.cancel
	m.cancel = func() { cancel(); stop() }
	live := make(chan error, 1)
	go func() {
		defer close(m.done)
		rows := m.reader.PgConn().Exec(ctx, fmt.Sprintf("SELECT id, v FROM by_id WHERE id >= %d EMIT CHANGES", firstEvent))
		if !rows.NextResult() {
			live <- rows.Close()
			return
		}
		live <- nil
		for rr := rows.ResultReader(); rr.NextRow(); {
			var id int64
			if _, err := fmt.Sscan(string(rr.Values()[0]), &id); err != nil {
				m.failed <- err
				return
			}
			_, seen := m.last[id]
			if m.last[id] = string(rr.Values()[1]); !seen {
				m.took <- time.Duration(time.Now().UnixNano() - m.sent[id-firstEvent].Load())
			}
		}
	}()
	if err := <-live; err != nil {
		return err
	}
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := int64(0); ctx.Err() == nil; i++ {
			<-tick.C
			m.sent[i].Store(time.Now().UnixNano())
			m.next.Store(i + 1)
			_, err := m.writer.Exec(ctx, "INSERT INTO events VALUES ($1, $2, $3)", pgx.QueryExecModeCacheStatement,
				firstEvent+i, i%1000, i%997)
			if err != nil && ctx.Err() == nil {
				m.failed <- err
				return
			}
		}
	}()
	return wait(ctx, 3*time.Second)
}

// delays is how long rows took while something went on.
type delays struct {
	took []time.Duration
	err  error
}

func (t delays) String() string {
	return fmt.Sprintf("%v / %v / %v of %d", t.p(50), t.p(99), t.p(100), len(t.took))
}

func (t delays) p(n int) time.Duration {
	if len(t.took) == 0 {
		return 0
	}
	return percentile(t.took, float64(n)).Round(10 * time.Microsecond)
}

// during collects what rows take while do runs.
func (m *stream) during(_ context.Context, do func() error) delays {
	for len(m.took) > 0 {
		<-m.took
	}
	t := delays{err: do()}
	for len(m.took) > 0 {
		t.took = append(t.took, <-m.took)
	}
	select {
	case err := <-m.failed:
		t.err = errors.Join(t.err, err)
	default:
	}
	return t
}

// check compares the views with what they are over the table, and what was followed with what was inserted.
func (m *stream) check(ctx context.Context, c *pgx.Conn) error {
	m.close()
	<-m.done
	rows, err := c.Query(ctx, fmt.Sprintf("SELECT id, v::text FROM by_id WHERE id >= %d", firstEvent))
	if err != nil {
		return err
	}
	var missing, wrong int
	for rows.Next() {
		var id int64
		var v string
		if err := rows.Scan(&id, &v); err != nil {
			return err
		}
		if at, ok := m.last[id]; !ok {
			missing++ // those that came after the push query was closed
		} else if at != v {
			wrong++
		}
	}
	line("rows that the push query showed", "%d, %d of them wrong, %d more came", len(m.last), wrong, missing)
	if err := rows.Err(); err != nil || wrong > 0 || missing > 100 {
		return errors.Join(err, fmt.Errorf("%d rows of the push query are wrong, and %d missing", wrong, missing))
	}
	var n, v, wantN, wantV int64
	const sum = `SELECT (SELECT n FROM total), (SELECT v FROM total), (SELECT count(*) FROM events),
		(SELECT sum(CASE WHEN id % 100 = 7 THEN v + 1 ELSE v END) FROM events)`
	if err := c.QueryRow(ctx, sum).Scan(&n, &v, &wantN, &wantV); err != nil {
		return err
	}
	if n != wantN || v != wantV {
		return fmt.Errorf("the view above has %d rows and sums to %d, not %d and %d", n, v, wantN, wantV)
	}
	line("rows and their sum in a view above", "%d, %d: as asked once", n, v)
	return nil
}

func (m *stream) close() {
	m.cancel()
	m.writer.Close(context.Background())
	m.reader.Close(context.Background())
}
